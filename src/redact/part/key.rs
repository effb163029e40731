//! Recognizes keys that name credentials, and values that look like credentials under any key.

/// The minimum number of digits of a credential: `max_tokens` is none.
const NUMBER_LEN_MIN: usize = 6;
/// Values that state whether there is a credential, and are none.
const SWITCHES: [&[u8]; 10] =
    [b"true", b"false", b"null", b"none", b"enabled", b"disabled", b"required", b"optional", b"undefined", b"default"];

/// Whether the value of this key is a credential: by the key's name, or because it looks random.
pub(super) fn is_credential(key: &[u8], value: &[u8]) -> bool {
    let is_small_number = value.len() < NUMBER_LEN_MIN && value.iter().all(u8::is_ascii_digit);
    let is_switch = SWITCHES.iter().any(|word| value.eq_ignore_ascii_case(word));
    let is_url = value.windows(3).any(|mark| mark == b"://");
    looks_random(value) || names_credential(key) && !is_small_number && !is_switch && !is_url
}

/// The longest key that may name a credential, in bytes without punctuation.
const KEY_LEN_MAX: usize = 64;
/// Substrings of a credential's key, without punctuation, in lower case.
const CONTAINED: [&[u8]; 15] = [
    b"password",
    b"passwd",
    b"passphrase",
    b"passcode",
    b"secret",
    b"token",
    b"credential",
    b"apikey",
    b"accesskey",
    b"accountkey",
    b"privatekey",
    b"sharedkey",
    b"signature",
    b"webhook",
    b"keydata",
];
/// Suffixes of a credential's key.
const LAST: [&[u8]; 9] = [b"pwd", b"pass", b"key", b"sig", b"auth", b"sas", b"pin", b"jwt", b"dsn"];
/// Suffixes of a key that describes a credential: `token_uri`, `private_key_id`.
const ABOUT: [&[u8]; 14] = [
    b"type",
    b"name",
    b"uri",
    b"url",
    b"id",
    b"host",
    b"path",
    b"file",
    b"expiry",
    b"expires",
    b"expiresin",
    b"method",
    b"publickey",
    b"length",
];

/// Whether a key names a credential: `password`, `Pwd`, `client_secret`, `AccountKey`,
/// `X-Amz-Signature`; not `token_uri`.
fn names_credential(key: &[u8]) -> bool {
    let mut letters = [0; KEY_LEN_MAX];
    let mut len = 0;
    for byte in key.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        let Some(letter) = letters.get_mut(len) else { return false };
        *letter = byte.to_ascii_lowercase();
        len += 1;
    }
    let key = &letters[..len];
    let contains = |word: &[u8]| key.windows(word.len()).any(|part| part == word);
    !ABOUT.iter().any(|word| key.ends_with(word))
        && (CONTAINED.iter().any(|word| contains(word)) || LAST.iter().any(|word| key.ends_with(word)))
}

/// The minimum length of a value that looks random, in bytes.
const RANDOM_LEN_MIN: usize = 16;

/// Whether a value looks like the output of a token generator: one long word with digits, in which
/// letters, digits and cases change at least at every fourth place. `my-project-123456`,
/// `MyProject2024` and UUIDs do not.
pub(super) fn looks_random(value: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_.~-".contains(byte);
    let changes = value.windows(2).filter(|pair| changes_class(pair[0], pair[1])).count();
    value.len() >= RANDOM_LEN_MIN
        && value.iter().all(is_token)
        && value.iter().any(u8::is_ascii_digit)
        && changes * 4 >= value.len()
        && !is_uuid(value)
}

/// Whether letters change to digits, small letters to capitals, or digits to letters. A capital
/// before a small letter begins a word, and is no change.
fn changes_class(a: u8, b: u8) -> bool {
    let digit_and_letter =
        a.is_ascii_digit() && b.is_ascii_alphabetic() || a.is_ascii_alphabetic() && b.is_ascii_digit();
    digit_and_letter || a.is_ascii_lowercase() && b.is_ascii_uppercase()
}

fn is_uuid(value: &[u8]) -> bool {
    let dashes = [8, 13, 18, 23];
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(at, byte)| if dashes.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}
