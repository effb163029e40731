//! Exhaustive small worlds: every set of short needles over two letters, every short text, every
//! cutting.
//!
//! Small worlds already show the faults of a redactor. The default run takes seconds; the larger
//! worlds:
//!
//!     cargo test --release --test engine small_worlds -- --ignored

use std::sync::Arc;

use crate::harness::engine;
use crate::harness::expected::{Expected, PARTIAL_KEPT, PARTIAL_MASKED};
use crate::harness::rng::Rng;
use crate::harness::{check, cuts};
use hushlog::redact::prefilter::Variant;
use hushlog::{Mask, Redactor};

/// All words over two letters with lengths in this range, shortest first.
fn words(lengths: std::ops::RangeInclusive<usize>) -> Vec<Vec<u8>> {
    let word = |len: usize, bits: usize| (0..len).map(|at| b'a' + (bits >> at & 1) as u8).collect();
    lengths.flat_map(|len| (0..1 << len).map(move |bits| word(len, bits))).collect()
}

/// Whether the set comes first of itself and its mirror image. Exchanging the two letters changes
/// nothing, so one of both is enough.
fn is_elder(set: &[&[u8]]) -> bool {
    let mirror = |needle: &&[u8]| needle.iter().map(|&letter| b'a' + b'b' - letter).collect::<Vec<u8>>();
    let mut mirrored: Vec<Vec<u8>> = set.iter().map(mirror).collect();
    mirrored.sort();
    let mut sorted = set.to_vec();
    sorted.sort();
    sorted.iter().copied().le(mirrored.iter().map(Vec::as_slice))
}

/// Runs every text over two letters up to `len`, with every cutting. Texts longer than
/// `all_cuts_len` run with every single cut and byte by byte. Returns the number of runs.
fn run_world(set: &[&[u8]], mask: &Mask, len: usize, all_cuts_len: usize) -> u64 {
    let (mut runs, mut cutting, mut out) = (0, Vec::new(), Vec::new());
    // The automaton walks pieces as short as these, with or without the prefilter's table of first
    // bytes.
    for variant in [Variant::Best, Variant::Automaton] {
        let compiled = engine::exactly(set, mask.clone(), variant);
        // One redactor for all texts: after the end of a stream it must be in its initial state.
        let mut redactor = Redactor::new(Arc::clone(&compiled));
        for text in words(0..=len) {
            let expected = Expected::naive(&compiled, &text, PARTIAL_MASKED);
            let mut run = |cuts: &[usize]| {
                runs += 1;
                let result = check::run(&mut redactor, &expected, &text, cuts, &mut out);
                result.unwrap_or_else(|error| {
                    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let needles: Vec<_> = set.iter().map(|needle| show(needle)).collect();
                    panic!("needles {needles:?}, text {}, {variant:?}: {error:?}", show(&text))
                });
            };
            if text.len() <= all_cuts_len {
                for mask in 0..1_usize << text.len().saturating_sub(1) {
                    cuts::of_mask(mask, text.len(), &mut cutting);
                    run(&cutting);
                }
            } else {
                run(&cuts::every_byte(text.len()));
                (0..text.len()).for_each(|at| run(&[at]));
            }
        }
    }
    runs
}

fn run_singles(longest: usize, len: usize, all_cuts_len: usize) -> u64 {
    let words = words(1..=longest);
    let elders = words.iter().filter(|word| is_elder(&[word]));
    elders.map(|word| run_world(&[word], &engine::named(), len, all_cuts_len)).sum()
}

fn run_pairs(longest: usize, len: usize, all_cuts_len: usize) -> u64 {
    let words = words(1..=longest);
    let mut runs = 0;
    for (index, first) in words.iter().enumerate() {
        for second in &words[index + 1..] {
            if is_elder(&[first, second]) {
                runs += run_world(&[first, second], &engine::named(), len, all_cuts_len);
            }
        }
    }
    runs
}

/// Every `step`-th set of three.
fn run_triples(longest: usize, step: usize, len: usize, all_cuts_len: usize) -> u64 {
    let words = words(1..=longest);
    let mut triples = Vec::new();
    for (a, first) in words.iter().enumerate() {
        for (b, second) in words.iter().enumerate().skip(a + 1) {
            triples.extend(words[b + 1..].iter().map(|third| [&first[..], &second[..], &third[..]]));
        }
    }
    let chosen = triples.iter().filter(|set| is_elder(&set[..])).step_by(step);
    chosen.map(|set| run_world(&set[..], &engine::starred(), len, all_cuts_len)).sum()
}

/// M02: all needles of 1 to 6 letters.
#[test]
fn one_needle() {
    assert!(run_singles(6, 10, 7) > 500_000);
}

/// All pairs of needles of 1 to 4 letters.
#[test]
fn two_needles() {
    assert!(run_pairs(4, 8, 5) > 500_000);
}

/// Some of the sets of three.
#[test]
fn three_needles() {
    assert!(run_triples(4, 29, 7, 5) > 50_000);
}

#[test]
#[ignore = "a larger world: minutes with --release"]
fn larger_world_of_one_needle() {
    run_singles(8, 12, 10);
}

#[test]
#[ignore = "a larger world: minutes with --release"]
fn larger_world_of_two_needles() {
    run_pairs(5, 9, 8);
}

#[test]
#[ignore = "a larger world: minutes with --release"]
fn larger_world_of_three_needles() {
    run_triples(4, 3, 8, 7);
}

/// Needles of 4 letters or more in every short text, with enough other text around it for the
/// prefilter to run.
fn run_in_long_piece(set: &[&[u8]], len: usize) -> u64 {
    const MARGIN: usize = 600;
    let (mut runs, mut out) = (0, Vec::new());
    for variant in Variant::ALL {
        let compiled = engine::exactly(set, engine::named(), variant);
        let mut redactor = Redactor::new(Arc::clone(&compiled));
        for (index, word) in words(4..=len).iter().enumerate() {
            // All alignments in turn.
            let text = [&vec![b'.'; MARGIN + index % 67][..], word, &vec![b'.'; MARGIN + index % 61]].concat();
            let expected = Expected::linear(&compiled, &text, PARTIAL_MASKED);
            let within = MARGIN + index % 67 + index % (word.len() + 1);
            for cuts in [vec![], vec![within], vec![index % 300, within]] {
                runs += 1;
                let result = check::run(&mut redactor, &expected, &text, &cuts, &mut out);
                result.unwrap_or_else(|error| {
                    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let needles: Vec<_> = set.iter().map(|needle| show(needle)).collect();
                    panic!("needles {needles:?}, {} in a long piece, {variant:?}: {error:?}", show(word))
                });
            }
        }
    }
    runs
}

/// All needles of 4 and 5 letters, alone and some of them in pairs.
#[test]
fn short_needles_in_a_long_piece() {
    let words = words(4..=5);
    let mut runs = 0;
    for (index, first) in words.iter().enumerate().filter(|(_, word)| is_elder(&[word])) {
        runs += run_in_long_piece(&[first], 8);
        runs += run_in_long_piece(&[first, &words[(index * 7 + 3) % words.len()]], 8);
    }
    assert!(runs > 100_000);
}

/// The spelling of the two letters in a world of long needles.
struct Alphabet {
    a: Vec<u8>,
    b: Vec<u8>,
}

impl Alphabet {
    fn write(&self, word: &[u8]) -> Vec<u8> {
        word.iter().flat_map(|&letter| if letter == b'a' { &self.a } else { &self.b }).copied().collect()
    }
}

/// Letters of `width` bytes: unrelated; equal except for the last or first byte; one repeated byte;
/// with common prefixes of secrets and log lines, which move the prefilter's windows.
fn alphabets(width: usize, rng: &mut Rng) -> Vec<Alphabet> {
    let (a, b) = (rng.plain(width), rng.plain(width));
    let with = |at: usize, byte: u8| {
        let mut like_a = a.clone();
        like_a[at] = byte;
        like_a
    };
    let (last, first) = (engine::plain(a[width - 1] ^ 0x41), engine::plain(a[0] ^ 0x41));
    let one = |byte| vec![byte; width];
    let common =
        |rest: &[u8]| [&b"postgres://eyJhbGciOi"[..(width / 2).min(21)], &rest[(width / 2).min(21)..]].concat();
    vec![
        Alphabet { a: with(width - 1, last), b: a.clone() },
        Alphabet { a: with(0, first), b: a.clone() },
        Alphabet { a: one(b'x'), b: one(b'y') },
        Alphabet { a: common(&a), b: common(&b) },
        Alphabet { a, b },
    ]
}

/// Long needles at every distance from the beginning of the text, its end, each other, and cuts. So
/// all alignments of the prefilter's windows, strides and blocks occur, and a piece can end inside
/// each of them.
///
/// Before, between and after them is `margin` of text without a needle, because the prefilter runs
/// only on long pieces and not where hits are close together.
fn run_long(needles: &[Vec<u8>], middles: &[Vec<u8>], distances: &[usize], margin: usize, rng: &mut Rng) -> u64 {
    let (mut runs, mut out) = (0, Vec::new());
    for variant in Variant::ALL {
        let compiled = engine::exactly(needles, engine::named(), variant);
        let mut redactor = Redactor::new(Arc::clone(&compiled)).mask_partial(false);
        for &distance in distances {
            let before = [0, margin][rng.below(2)] + distance;
            let mut text = rng.plain(before);
            let mut edges = Vec::new();
            for _ in 0..3 {
                edges.push(text.len());
                text.extend_from_slice(&middles[rng.below(middles.len())]);
                edges.push(text.len());
                let gap = [distances[rng.below(distances.len())], margin, 0][rng.below(3)];
                text.extend_from_slice(&rng.plain(gap));
            }
            let expected = Expected::linear(&compiled, &text, PARTIAL_KEPT);
            for cuts in cuttings_near(&edges, text.len(), rng) {
                runs += 1;
                let result = check::run(&mut redactor, &expected, &text, &cuts, &mut out);
                result.unwrap_or_else(|error| {
                    let text = text.escape_ascii();
                    let needles: Vec<_> = needles.iter().map(|needle| needle.escape_ascii().to_string()).collect();
                    panic!("needles {needles:?}, text {text}, {variant:?}: {error:?}")
                });
            }
        }
    }
    runs
}

/// Uncut, byte by byte, and cut near the edges of possible needles: once, twice, and with an empty
/// piece.
fn cuttings_near(edges: &[usize], len: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
    let mut cuttings = vec![vec![], cuts::every_byte(len)];
    let near = |rng: &mut Rng| (edges[rng.below(edges.len())] + rng.below(64)).saturating_sub(32).min(len);
    for _ in 0..8 {
        let (mut one, mut two) = (near(rng), near(rng));
        cuttings.extend([vec![one], vec![one, one]]);
        (one, two) = (one.min(two), one.max(two));
        cuttings.push(vec![one, two]);
    }
    cuttings
}

/// Sets of one to three needles of up to `longest` letters, `rounds` of them for each alphabet with
/// letters of each of the `widths`.
fn run_long_worlds(widths: &[usize], longest: usize, rounds: usize, distances: &[usize], seed: u64) -> u64 {
    let mut rng = Rng(seed);
    let (names, texts) = (words(1..=longest), words(1..=longest + 1));
    let mut runs = 0;
    for &width in widths {
        for alphabet in alphabets(width, &mut rng) {
            let middles: Vec<Vec<u8>> = texts.iter().map(|text| alphabet.write(text)).collect();
            for round in 0..rounds {
                let set = (0..=round % 3).map(|_| alphabet.write(&names[rng.below(names.len())]));
                runs += run_long(&set.collect::<Vec<_>>(), &middles, distances, 1300, &mut rng);
            }
        }
    }
    runs
}

/// Needles of 4 to 96 bytes at every distance from 0 to 64.
#[test]
fn long_needles() {
    let distances: Vec<usize> = (0..=64).collect();
    assert!(run_long_worlds(&[4, 5, 8, 11, 16, 23, 32], 3, 3, &distances, 5) > 100_000);
}

/// Needles longer than the prefilter's window and stride, of any content.
#[test]
fn very_long_needles() {
    assert!(run_long_worlds(&[130, 700], 2, 2, &[0, 1, 63, 127, 500], 6) > 1_000);
}

/// Needles of each length from 1 together with a long one: short needles get a prefilter of their
/// own, which must see all that the other skips.
#[test]
fn short_needles_beside_long_ones() {
    let mut rng = Rng(8);
    let long = rng.plain(48);
    let mut runs = 0;
    for short_len in 1..=24 {
        let short = rng.plain(short_len);
        let middles = [&[&short[..], &long], &[&long, &short[..]], &[&long[..], &long[1..]], &[&short, &long[..47]]];
        let middles: Vec<Vec<u8>> = middles.iter().map(|parts| parts.concat()).collect();
        runs += run_long(&[long.clone(), short], &middles, &(0..=40).collect::<Vec<_>>(), 1300, &mut rng);
    }
    assert!(runs > 50_000);
}

#[test]
#[ignore = "a larger world: minutes with --release"]
fn larger_world_of_long_needles() {
    let (distances, widths): (Vec<usize>, Vec<usize>) = ((0..=160).collect(), (1..=48).collect());
    run_long_worlds(&widths, 4, 6, &distances, 7);
}
