//! Small worlds, whole: every set of short needles over two letters, every short text, every way to cut it.
//!
//! What can go wrong in a redactor goes wrong in a small world first. The default run takes seconds; the larger worlds are
//!
//!     cargo test --release --test small_worlds -- --ignored

mod support;

use std::sync::Arc;

use hushlog::{Mask, Redactor};
use support::engine;
use support::expected::{Expected, STUMP_GIVEN, STUMP_MASKED};
use support::rng::Rng;
use support::{check, cuts};

/// All words over two letters with lengths in this range, shortest first.
fn words(lengths: std::ops::RangeInclusive<usize>) -> Vec<Vec<u8>> {
    let word = |len: usize, bits: usize| (0..len).map(|at| b'a' + (bits >> at & 1) as u8).collect();
    lengths.flat_map(|len| (0..1 << len).map(move |bits| word(len, bits))).collect()
}

/// Whether the set is its own mirror's elder: exchanging the two letters changes nothing, so one of both is enough.
fn is_elder(set: &[&[u8]]) -> bool {
    let mirror = |needle: &&[u8]| needle.iter().map(|&letter| b'a' + b'b' - letter).collect::<Vec<u8>>();
    let mut mirrored: Vec<Vec<u8>> = set.iter().map(mirror).collect();
    mirrored.sort();
    let mut sorted = set.to_vec();
    sorted.sort();
    sorted.iter().copied().le(mirrored.iter().map(Vec::as_slice))
}

/// Runs every text over two letters up to `len` with every cutting, texts longer than `all_cuts_len` with every single cut
/// and byte by byte. Returns how many runs that were.
fn run_world(set: &[&[u8]], mask: &Mask, len: usize, all_cuts_len: usize) -> u64 {
    let (mut runs, mut cutting, mut out) = (0, Vec::new(), Vec::new());
    for (sieve, compiled) in engine::sets(set, mask) {
        // One redactor for all texts: after the end of a stream it must be as new.
        let mut redactor = Redactor::new(Arc::clone(&compiled));
        for text in words(0..=len) {
            let expected = Expected::naive(&compiled, &text, STUMP_MASKED);
            let mut run = |cuts: &[usize]| {
                runs += 1;
                let result = check::run(&mut redactor, &expected, &text, cuts, &mut out);
                result.unwrap_or_else(|error| {
                    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let needles: Vec<_> = set.iter().map(|needle| show(needle)).collect();
                    panic!("needles {needles:?}, text {}, sieve {sieve}: {error:?}", show(&text))
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

/// How the two letters are written in a world of long needles.
struct Alphabet {
    a: Vec<u8>,
    b: Vec<u8>,
}

impl Alphabet {
    fn write(&self, word: &[u8]) -> Vec<u8> {
        word.iter().flat_map(|&letter| if letter == b'a' { &self.a } else { &self.b }).copied().collect()
    }
}

/// Letters of these many bytes: unlike each other; alike but for the last byte, or the first; of one byte repeated.
fn alphabets(width: usize, rng: &mut Rng) -> Vec<Alphabet> {
    let (a, b) = (rng.plain(width), rng.plain(width));
    let with = |at: usize, byte: u8| {
        let mut like_a = a.clone();
        like_a[at] = byte;
        like_a
    };
    let (last, first) = (engine::plain(a[width - 1] ^ 0x41), engine::plain(a[0] ^ 0x41));
    let one = |byte| vec![byte; width];
    vec![
        Alphabet { a: with(width - 1, last), b: a.clone() },
        Alphabet { a: with(0, first), b: a.clone() },
        Alphabet { a: one(b'x'), b: one(b'y') },
        Alphabet { a, b },
    ]
}

/// Long needles, in text at every distance from the beginning, from the end, from the next one, and from every cut: so all
/// alignments of a sieve's windows, strides and blocks occur, and all ways in which a piece can end inside one of them.
fn run_long(needles: &[&[u8]], alphabet: &Alphabet, distances: &[usize], rng: &mut Rng) -> u64 {
    let written: Vec<Vec<u8>> = needles.iter().map(|needle| alphabet.write(needle)).collect();
    let (mut runs, mut out) = (0, Vec::new());
    for (sieve, compiled) in engine::sets(&written, &engine::named()) {
        let mut redactor = Redactor::new(Arc::clone(&compiled)).mask_stump(false);
        for &distance in distances {
            let world = words(1..=5);
            let middle = |rng: &mut Rng| alphabet.write(&world[rng.below(world.len())]);
            let behind = distances[rng.below(distances.len())];
            let parts = [rng.plain(distance), middle(rng), rng.plain(behind), middle(rng), rng.plain(distance / 3)];
            let text = parts.concat();
            let expected = Expected::linear(&compiled, &text, STUMP_GIVEN);
            let mut cuttings: Vec<Vec<usize>> = (0..=text.len()).map(|at| vec![at]).collect();
            cuttings.push(cuts::every_byte(text.len()));
            cuttings.extend((1..64).step_by(7).map(|mean| cuts::random(rng, text.len(), mean)));
            for cuts in &cuttings {
                runs += 1;
                let result = check::run(&mut redactor, &expected, &text, cuts, &mut out);
                result.unwrap_or_else(|error| {
                    let text = text.escape_ascii();
                    let needles: Vec<_> = written.iter().map(|needle| needle.escape_ascii().to_string()).collect();
                    panic!("needles {needles:?}, text {text}, sieve {sieve}: {error:?}")
                });
            }
        }
    }
    runs
}

/// Sets of one to three needles of `longest` letters or fewer, `rounds` of them for each width of the letters.
fn run_long_worlds(widths: &[usize], longest: usize, rounds: usize, distances: &[usize], seed: u64) -> u64 {
    let mut rng = Rng(seed);
    let words = words(1..=longest);
    let mut runs = 0;
    for &width in widths {
        for alphabet in alphabets(width, &mut rng) {
            for round in 0..rounds {
                let set: Vec<&[u8]> = (0..=round % 3).map(|_| &words[rng.below(words.len())][..]).collect();
                runs += run_long(&set, &alphabet, distances, &mut rng);
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

/// Needles longer than a sieve's block of text, whatever it is.
#[test]
fn very_long_needles() {
    assert!(run_long_worlds(&[130, 700], 2, 2, &[0, 1, 63, 127, 500], 6) > 10_000);
}

#[test]
#[ignore = "a larger world: minutes with --release"]
fn larger_world_of_long_needles() {
    let (distances, widths): (Vec<usize>, Vec<usize>) = ((0..=160).collect(), (1..=48).collect());
    run_long_worlds(&widths, 4, 6, &distances, 7);
}

/// Needles of each length from 1 on beside a long one: short needles get a sieve of their own, which must see what the
/// other skips.
#[test]
fn short_needles_beside_long_ones() {
    let mut rng = Rng(8);
    let long = rng.plain(48);
    let (mut runs, mut out) = (0, Vec::new());
    for short_len in 1..=20 {
        let short = rng.plain(short_len);
        for (sieve, compiled) in engine::sets(&[&long, &short], &engine::named()) {
            let mut redactor = Redactor::new(Arc::clone(&compiled));
            for distance in 0..=64 {
                let junk = rng.plain(distance);
                let overlap = rng.below(short_len + 1);
                let text = [&junk[..], &short, &junk, &long, &short[overlap..], &junk[distance / 2..], &short].concat();
                let expected = Expected::linear(&compiled, &text, STUMP_MASKED);
                for at in 0..=text.len() {
                    runs += 1;
                    let result = check::run(&mut redactor, &expected, &text, &[at], &mut out);
                    result.unwrap_or_else(|error| panic!("{short_len} beside 48 bytes, sieve {sieve}: {error:?}"));
                }
            }
        }
    }
    assert!(runs > 100_000);
}
