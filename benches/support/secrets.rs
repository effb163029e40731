//! Secrets to search for: generated, the same in every run, and of no use anywhere.

use data_encoding::BASE64URL_NOPAD;

use super::random::Random;

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const MARKS: &str = "!#$%&*+-/=?@^_~";

const KEY_LEN: usize = 40;

/// Generated keys of 40 letters and digits: some 28 needles each, because percent-encoding, shells
/// and markup leave them unchanged.
pub(crate) fn keys(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(39);
    (0..count).map(|_| random.word(LETTERS, KEY_LEN).into_bytes()).collect()
}

/// As [`keys`], but every tenth has 4 to 7 characters.
pub(crate) fn keys_some_short(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(41);
    let len = |n: usize| if n.is_multiple_of(10) { 4 + n / 10 % 4 } else { KEY_LEN };
    (0..count).map(|n| random.word(LETTERS, len(n)).into_bytes()).collect()
}

/// Generated passwords of 40 characters, with one in eight a mark: twice as many needles, because
/// URLs, shells and markup escape marks differently.
pub(crate) fn passwords(count: usize) -> Vec<Vec<u8>> {
    // With seed 40, one of a thousand begins as `\x5D` would behind a backslash: its form conflicts
    // with the mask.
    let mut random = Random::new(42);
    (0..count).map(|_| (0..KEY_LEN).map(|_| character(&mut random)).collect::<String>().into_bytes()).collect()
}

fn character(random: &mut Random) -> String {
    let alphabet = if random.below(8) == 0 { MARKS } else { LETTERS };
    random.word(alphabet, 1)
}

/// Signed tokens of one issuer: they share the header and half the payload, so that they differ
/// after some 100 characters. Another `seed` makes other tokens with the same beginning.
pub(crate) fn tokens(count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    (0..count).map(|_| token(&mut random)).collect()
}

fn token(random: &mut Random) -> Vec<u8> {
    let header = r#"{"alg":"RS256","typ":"JWT","kid":"2025-07-main"}"#;
    let (subject, issued) = (random.hex(16), 1_750_000_000 + random.below(9_999_999));
    let payload =
        format!(r#"{{"iss":"https://login.example.com/","sub":"{subject}","iat":{issued},"scope":"openid profile"}}"#);
    let signature: Vec<u8> = (0..64).map(|_| random.next() as u8).collect();
    let parts = [header.as_bytes(), payload.as_bytes(), &signature].map(|part| BASE64URL_NOPAD.encode(part));
    parts.join(".").into_bytes()
}
