//! Long texts in long pieces: needles across block and piece boundaries, needles of a mebibyte,
//! adversarial repetitions.
//!
//! The linear oracle decides; `tests/engine/oracles.rs` and `tests/engine/table.rs` compare it with
//! the definition.

use std::slice;
use std::sync::Arc;

use crate::harness::expected::{Expected, PARTIAL_MASKED};
use crate::harness::rng::Rng;
use crate::harness::{check, cuts, engine};
use hushlog::redact::prefilter::Variant;
use hushlog::{NeedleSet, Redactor};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Runs a text through the redactor with each of these cuttings and each prefilter variant.
fn check_all(needles: &[Vec<u8>], text: &[u8], cuttings: &[Vec<usize>]) {
    let mut expected = None;
    for variant in Variant::ALL {
        let set = engine::exactly(needles, engine::named(), variant);
        let expected = expected.get_or_insert_with(|| Expected::linear(&set, text, PARTIAL_MASKED));
        check_set(&set, expected, text, cuttings, variant);
    }
}

fn check_set(set: &Arc<NeedleSet>, expected: &Expected, text: &[u8], cuttings: &[Vec<usize>], variant: Variant) {
    let mut redactor = Redactor::new(Arc::clone(set));
    let mut out = Vec::new();
    for cuts in cuttings {
        if let Err(mut error) = check::run(&mut redactor, expected, text, cuts, &mut out) {
            error.cuts.truncate(20);
            panic!("{} needles, {} pieces, {variant:?}: {error:?}", set.len(), cuts.len() + 1);
        }
    }
}

/// Pieces of one length.
fn every(len: usize, piece_len: usize) -> Vec<usize> {
    (piece_len..len).step_by(piece_len).collect()
}

/// Log-like lines: words and numbers, repeated.
fn log_text(rng: &mut Rng, len: usize) -> Vec<u8> {
    const WORDS: [&str; 12] = [
        "GET",
        "/api/v1/orders",
        "200",
        "user=anna",
        "INFO",
        "postgres://db:5432",
        "took",
        "ms",
        "WARN",
        "Bearer",
        "eyJhbGciOi",
        "cache",
    ];
    let mut text = Vec::with_capacity(len + 64);
    while text.len() < len {
        text.extend_from_slice(WORDS[rng.below(WORDS.len())].as_bytes());
        text.extend_from_slice(format!(" {:x}", rng.next() >> rng.below(56)).as_bytes());
        text.push(if rng.below(9) == 0 { b'\n' } else { b' ' });
    }
    text.truncate(len);
    text
}

/// Writes parts of needles over the text around each multiple of `border`: whole needles,
/// near-misses and overlaps, at every offset from just before the border to just after it.
fn plant(rng: &mut Rng, text: &mut [u8], needles: &[Vec<u8>], border: usize) {
    for at in (border..text.len()).step_by(border) {
        let needle = &needles[rng.below(needles.len())];
        let start = at.saturating_sub(rng.below(needle.len() + 16)).min(text.len().saturating_sub(needle.len()));
        let len = needle.len().min(text.len() - start);
        text[start..start + len].copy_from_slice(&needle[..len]);
        if rng.below(4) == 0 {
            text[start + rng.below(len)] ^= 1;
        }
    }
}

fn secrets(rng: &mut Rng, count: usize, lengths: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/";
    let secret = |rng: &mut Rng, len: usize| (0..len).map(|_| alphabet[rng.below(alphabet.len())]).collect();
    (0..count)
        .map(|_| {
            let len = lengths.start + rng.below(lengths.len());
            secret(rng, len)
        })
        .collect()
}

/// Needles across the boundaries of pages, blocks and pieces.
#[test]
fn needles_across_every_border() {
    let mut rng = Rng(11);
    for lengths in [8..9, 15..16, 20..60, 40..41, 4..200] {
        let needles = secrets(&mut rng, 12, lengths);
        let mut text = log_text(&mut rng, 512 * KIB);
        plant(&mut rng, &mut text, &needles, 4 * KIB);
        plant(&mut rng, &mut text, &needles, 32 * KIB);
        let odd = cuts::random(&mut rng, text.len(), 10_000);
        let cuttings = [vec![], every(text.len(), 64 * KIB), every(text.len(), 4 * KIB), every(text.len(), 997), odd];
        check_all(&needles, &text, &cuttings);
    }
}

/// Few hits in a long text: the prefilter scans many blocks between them.
#[test]
fn far_between() {
    let mut rng = Rng(12);
    for lengths in [4..8, 9..14, 40..41, 300..2000] {
        let needles = secrets(&mut rng, 4, lengths);
        let mut text = log_text(&mut rng, 2 * MIB);
        plant(&mut rng, &mut text, &needles, 130_000);
        check_all(&needles, &text, &[vec![], every(text.len(), 64 * KIB), every(text.len(), MIB - 1)]);
    }
}

/// Needles with common prefixes of secrets and log lines. The prefilter has to pick its windows
/// further back, up to its limit.
#[test]
fn common_beginnings() {
    const HEADS: [&str; 8] = [
        "postgres://",
        "-----BEGIN PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.",
        "password=",
        "000000000000",
        "token",
        "ghp_",
        "http://user@localhost.com",
    ];
    let mut rng = Rng(19);
    for (head, tail) in [(1, 4..9), (1, 8..30), (3, 8..20), (20, 10..60), (90, 20..40)] {
        let tails = secrets(&mut rng, 9, tail);
        let headed = |tail: &Vec<u8>, rng: &mut Rng| [HEADS[rng.below(8)].repeat(head).as_bytes(), tail].concat();
        let mut needles: Vec<Vec<u8>> = tails.iter().map(|tail| headed(tail, &mut rng)).collect();
        let mut text = log_text(&mut rng, 256 * KIB);
        plant(&mut rng, &mut text, &needles, 4000);
        let random = cuts::random(&mut rng, text.len(), 5000);
        let cuttings = [vec![], every(text.len(), 64 * KIB), every(text.len(), 701), random];
        check_all(&needles, &text, &cuttings);
        // Alone, so that other needles do not decide for it.
        needles.truncate(1);
        plant(&mut rng, &mut text, &needles, 4000);
        check_all(&needles, &text, &cuttings);
    }
}

/// A thousand needles: full tables and false positives of the prefilter.
#[test]
fn many_needles() {
    let mut rng = Rng(13);
    let mut needles = secrets(&mut rng, 1000, 8..60);
    let parts: Vec<Vec<u8>> = needles.iter().take(60).map(|needle| [&needle[4..], b"-and-more"].concat()).collect();
    needles.extend(parts);
    let mut text = log_text(&mut rng, 96 * KIB);
    plant(&mut rng, &mut text, &needles, 300);
    check_all(&needles, &text, &[vec![], every(text.len(), 16 * KIB), every(text.len(), 1000), every(text.len(), 61)]);
}

/// Text dense with needles, near-misses and overlaps, between stretches without any.
#[test]
fn dense_and_sparse_by_turns() {
    let mut rng = Rng(14);
    let needles = secrets(&mut rng, 10, 10..50);
    let mut text = Vec::new();
    while text.len() < 256 * KIB {
        let junk = rng.below(5000);
        text.extend(log_text(&mut rng, junk));
        for _ in 0..rng.below(40) {
            let needle = &needles[rng.below(needles.len())];
            let from = if rng.below(3) == 0 { rng.below(needle.len()) } else { 0 };
            let to = if rng.below(3) == 0 { from + rng.below(needle.len() - from + 1) } else { needle.len() };
            text.extend_from_slice(&needle[from..to]);
            let gap = rng.below(3) * rng.below(100);
            text.extend(log_text(&mut rng, gap));
        }
    }
    let random = cuts::random(&mut rng, text.len(), 3000);
    check_all(&needles, &text, &[vec![], every(text.len(), 64 * KIB), every(text.len(), 300), random]);
}

/// M01: five secrets in 300 bytes, every cut.
#[test]
fn m01_every_cut() {
    let mut rng = Rng(15);
    let mut needles = secrets(&mut rng, 3, 12..40);
    needles.push(needles[0][..6].to_vec());
    needles.push([&needles[1][4..], &needles[2][..5]].concat());
    let mut text = log_text(&mut rng, 300);
    for (index, at) in [10, 60, 100, 106, 150, 220, 270].into_iter().enumerate() {
        let needle = &needles[index % 5];
        let len = needle.len().min(text.len() - at);
        text[at..at + len].copy_from_slice(&needle[..len]);
    }
    let mut cuttings: Vec<Vec<usize>> = (0..=300).map(|at| vec![at]).collect();
    cuttings.push(cuts::every_byte(300));
    check_all(&needles, &text, &cuttings);
}

/// M15 and M18: a secret of 1 MiB, every 64 KiB, and a stream that ends 1 byte before its end.
#[test]
fn m15_a_secret_of_one_mebibyte() {
    let mut rng = Rng(16);
    let secret = rng.plain(MIB);
    let whole = [&b"key: "[..], &secret, b".\n", &secret[..1000], b"\n"].concat();
    check_all(slice::from_ref(&secret), &whole, &[vec![], every(whole.len(), 64 * KIB)]);
    let partial = &[b"key: ", &secret[..MIB - 1]].concat();
    check_all(&[secret], partial, &[vec![], every(partial.len(), 64 * KIB)]);
}

/// Two secrets of 256 KiB that differ in the last byte, and a third one inside both.
#[test]
fn long_secrets_with_one_beginning() {
    let mut rng = Rng(17);
    let one = rng.plain(256 * KIB);
    let mut two = one.clone();
    two[256 * KIB - 1] = b'x';
    let inner = one[100_000..100_050].to_vec();
    let text = [&two[..], b" ", &one[..256 * KIB - 1], b"? ", &one].concat();
    check_all(&[one, two, inner], &text, &[vec![], every(text.len(), 64 * KIB), every(text.len(), 100_007)]);
}

/// M17: a prefix bomb, and variants with longer periods.
#[test]
fn m17_prefix_bombs() {
    let bomb = |period: &[u8], len: usize| -> Vec<u8> { period.iter().copied().cycle().take(len).collect() };
    for period in [&b"a"[..], b"ab", b"aab", b"0123456789abcdef"] {
        let needle = [bomb(period, 1000), b"!".to_vec()].concat();
        let text = [bomb(period, 100_000), b"!".to_vec(), bomb(period, 50_000), b"!!".to_vec()].concat();
        let cuttings = [vec![], every(text.len(), 64 * KIB), every(text.len(), 999), every(text.len(), 1001)];
        check_all(slice::from_ref(&needle), &text, &cuttings);
        check_all(&[needle, bomb(period, 700), [period, b"!"].concat()], &text, &cuttings);
    }
}

/// M20: the first line of a secret, then only blanks.
#[test]
fn m20_a_first_line_and_blanks() {
    let mut text = b"line1".to_vec();
    text.resize(MIB, b' ');
    check_all(&[b"line1\nline2".to_vec()], &text, &[vec![], every(text.len(), 64 * KIB)]);
}

/// M14, in small: random bytes without a needle pass unchanged.
#[test]
fn m14_random_bytes_pass_unchanged() {
    let mut rng = Rng(18);
    let (text, needles) = (rng.bytes(4 * MIB), secrets(&mut rng, 100, 20..60));
    for variant in Variant::ALL {
        let mut redactor = Redactor::new(engine::exactly(&needles, engine::named(), variant));
        let mut out = Vec::new();
        for piece in text.chunks(100_003) {
            redactor.push(piece).for_each(|segment| out.extend_from_slice(segment));
        }
        redactor.finish().for_each(|segment| out.extend_from_slice(segment));
        assert!(out == text, "{variant:?}");
    }
}

/// Hundreds of needles that differ only beyond the prefilter's windows, so that each hit has all of
/// them as candidates. That is too many to compare, and the automaton walks the text instead.
#[test]
fn needles_with_one_beginning() {
    let mut rng = Rng(33);
    let beginning = rng.plain(1500);
    let needles: Vec<Vec<u8>> = (0..300).map(|_| [&beginning[..], &rng.plain(12)].concat()).collect();
    let mut text = Vec::new();
    for _ in 0..40 {
        let needle = &needles[rng.below(needles.len())];
        let cut = [needle.len(), 1500, 700, 64][rng.below(4)];
        text.extend_from_slice(&needle[..cut]);
        text.extend(rng.plain(9));
    }
    check_all(&needles, &text, &[vec![], every(text.len(), 1000), cuts::random(&mut rng, text.len(), 3000)]);
}

/// The same after a short needle, which another tier of the prefilter finds. The walk over the text
/// after it must not skip the earlier match.
#[test]
fn a_short_needle_before_many_candidates() {
    let mut rng = Rng(34);
    let (beginning, short) = (rng.plain(1500), rng.plain(9));
    let mut needles: Vec<Vec<u8>> = (0..300).map(|_| [&beginning[..], &rng.plain(12)].concat()).collect();
    needles.push(short.clone());
    let mut text = Vec::new();
    for gap in [0, 100, 2000, 5000] {
        text.extend([&rng.plain(300), &short[..], &rng.plain(gap), &beginning].concat());
        text.extend(rng.plain(9000));
    }
    check_all(&needles, &text, &[vec![], every(text.len(), 20_000)]);
}

/// The reverse: a long needle before a short one that occurs at each byte of the text after it.
#[test]
fn a_long_needle_before_many_occurrences() {
    let mut rng = Rng(35);
    let needles = [rng.plain(80), b"aaaaaaaaaa".to_vec()];
    let mut text = Vec::new();
    for gap in [0, 100, 2000] {
        text.extend([&rng.plain(300)[..], &needles[0], &rng.plain(gap)].concat());
        text.resize(text.len() + 4000, b'a');
        text.extend(rng.plain(9000));
    }
    check_all(&needles, &text, &[vec![], every(text.len(), 20_000)]);
}

/// Needles as short as the prefilter's shortest windows.
#[test]
fn needles_of_four_bytes_at_every_cut() {
    let mut rng = Rng(36);
    let needles = secrets(&mut rng, 5, 4..5);
    let mut text = log_text(&mut rng, 200);
    plant(&mut rng, &mut text, &needles, 16);
    let cuttings: Vec<Vec<usize>> = (0..=200).map(|at| vec![at]).collect();
    check_all(&needles, &text, &cuttings);
}
