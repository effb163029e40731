//! The contestants: hushlog, and the searches that others would use in its place.

use std::hint::black_box;
use std::sync::Arc;

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous;
use aho_corasick::{AhoCorasick, Anchored, MatchKind};
use daachorse::DoubleArrayAhoCorasick;
use hushlog::{NeedleSet, Redactor};

use super::oracle::Oracle;

/// A way to search a text. A scan takes the text as a stream, in pieces of `piece_len` bytes, from
/// the stream's beginning.
pub(crate) trait Contestant {
    fn name(&self) -> String;

    /// Searches once, and uses the results no more than needed.
    fn scan(&mut self, text: &[u8], piece_len: usize) -> u64;

    /// Searches once, and panics unless the answer is right.
    ///
    /// # Errors
    ///
    /// When the search itself reports a failure.
    fn check(&mut self, oracle: &Oracle<'_>, piece_len: usize) -> Result<(), String>;
}

/// The library under test, with all its output.
pub(crate) struct Hushlog(Redactor);

impl Hushlog {
    pub(crate) fn new(set: &Arc<NeedleSet>) -> Hushlog {
        Hushlog(Redactor::new(Arc::clone(set)))
    }
}

impl Contestant for Hushlog {
    fn name(&self) -> String {
        "hushlog".to_owned()
    }

    fn scan(&mut self, text: &[u8], piece_len: usize) -> u64 {
        let mut given_out = 0;
        for piece in text.chunks(piece_len) {
            given_out += self.0.push(piece).map(|segment| black_box(segment).len()).sum::<usize>();
        }
        given_out += self.0.finish().map(<[u8]>::len).sum::<usize>();
        given_out as u64
    }

    fn check(&mut self, oracle: &Oracle<'_>, piece_len: usize) -> Result<(), String> {
        let mut expected = oracle.redacted();
        let mut same = |segments: hushlog::Redacted<'_>| segments.for_each(|segment| expected.take(segment));
        for piece in oracle.text.chunks(piece_len) {
            same(self.0.push(piece));
        }
        same(self.0.finish());
        expected.end();
        Ok(())
    }
}

/// aho-corasick with its own choice of automaton and prefilter. Leftmost-longest, the only kind
/// that may use SIMD. It cannot search streams, so each piece is searched alone, and it finds less
/// than required.
pub(crate) struct AhoCorasickAuto(AhoCorasick);

impl AhoCorasickAuto {
    pub(crate) fn new(needles: &[&[u8]]) -> AhoCorasickAuto {
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(needles);
        AhoCorasickAuto(automaton.expect("an automaton of aho-corasick"))
    }
}

impl Contestant for AhoCorasickAuto {
    fn name(&self) -> String {
        format!("aho-corasick {:?}", self.0.kind())
    }

    fn scan(&mut self, text: &[u8], piece_len: usize) -> u64 {
        text.chunks(piece_len).map(|piece| self.0.find_iter(piece).count() as u64).sum()
    }

    fn check(&mut self, oracle: &Oracle<'_>, piece_len: usize) -> Result<(), String> {
        assert_eq!(self.scan(oracle.text, piece_len), oracle.leftmost_longest(piece_len), "{}", self.name());
        Ok(())
    }
}

/// aho-corasick's contiguous NFA, walked byte by byte over the whole stream: all occurrences, with
/// the state carried over.
pub(crate) struct AhoCorasickStream(contiguous::NFA);

impl AhoCorasickStream {
    pub(crate) fn new(needles: &[&[u8]]) -> AhoCorasickStream {
        AhoCorasickStream(contiguous::NFA::new(needles).expect("a contiguous NFA of aho-corasick"))
    }
}

impl Contestant for AhoCorasickStream {
    fn name(&self) -> String {
        "aho-corasick stream".to_owned()
    }

    fn scan(&mut self, text: &[u8], piece_len: usize) -> u64 {
        let mut state = self.0.start_state(Anchored::No).expect("an unanchored search");
        let mut found = 0;
        for &byte in text.chunks(piece_len).flatten() {
            state = self.0.next_state(Anchored::No, state, byte);
            if self.0.is_special(state) && self.0.is_match(state) {
                found += self.0.match_len(state) as u64;
            }
        }
        found
    }

    fn check(&mut self, oracle: &Oracle<'_>, piece_len: usize) -> Result<(), String> {
        assert_eq!(self.scan(oracle.text, piece_len), oracle.occurrences(), "{}", self.name());
        Ok(())
    }
}

/// daachorse: all occurrences. It cannot search streams, so each piece is searched alone.
pub(crate) struct Daachorse(DoubleArrayAhoCorasick<u32>);

impl Daachorse {
    pub(crate) fn new(needles: &[&[u8]]) -> Daachorse {
        Daachorse(DoubleArrayAhoCorasick::new(needles).expect("an automaton of daachorse"))
    }
}

impl Contestant for Daachorse {
    fn name(&self) -> String {
        "daachorse".to_owned()
    }

    fn scan(&mut self, text: &[u8], piece_len: usize) -> u64 {
        text.chunks(piece_len).map(|piece| self.0.find_overlapping_iter(piece).count() as u64).sum()
    }

    fn check(&mut self, oracle: &Oracle<'_>, piece_len: usize) -> Result<(), String> {
        assert_eq!(self.scan(oracle.text, piece_len), oracle.within_pieces(piece_len), "daachorse");
        Ok(())
    }
}

/// No search at all: every byte is loaded and summed. No scan of a whole text can be faster.
pub(crate) struct Reading;

impl Contestant for Reading {
    fn name(&self) -> String {
        "just reading".to_owned()
    }

    fn scan(&mut self, text: &[u8], piece_len: usize) -> u64 {
        text.chunks(piece_len).fold(0, |sum, piece| sum.wrapping_add(sum_of(piece)))
    }

    fn check(&mut self, oracle: &Oracle<'_>, piece_len: usize) -> Result<(), String> {
        let by_hand = oracle.text.chunks(piece_len).fold(0, |sum: u64, piece| sum.wrapping_add(sum_of_words(piece)));
        assert_eq!(self.scan(oracle.text, piece_len), by_hand, "just reading");
        Ok(())
    }
}

/// The sum of all 64-bit words, with the widest available registers.
fn sum_of(piece: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the CPU was just found to have AVX-512F, the function's only requirement.
            return unsafe { sum_of_words_avx512(piece) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU was just found to have AVX2, the function's only requirement.
            return unsafe { sum_of_words_avx2(piece) };
        }
    }
    sum_of_words(piece)
}

/// By hand, because the compiler does not choose the widest registers by itself.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn sum_of_words_avx512(piece: &[u8]) -> u64 {
    use std::arch::x86_64::{_mm512_add_epi64, _mm512_loadu_si512, _mm512_reduce_add_epi64, _mm512_setzero_si512};
    let (blocks, rest) = piece.as_chunks::<512>();
    let mut sums = [_mm512_setzero_si512(); 8];
    for block in blocks {
        let (lines, _) = block.as_chunks::<64>();
        for (sum, line) in sums.iter_mut().zip(lines) {
            // SAFETY: a line is 64 bytes, and the load takes 64 bytes of any alignment.
            *sum = _mm512_add_epi64(*sum, unsafe { _mm512_loadu_si512(line.as_ptr().cast()) });
        }
    }
    let sums = sums.map(|sum| _mm512_reduce_add_epi64(sum) as u64);
    sums.into_iter().fold(sum_of_words(rest), u64::wrapping_add)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_of_words_avx2(piece: &[u8]) -> u64 {
    sum_of_words(piece)
}

/// Thirty-two sums side by side, so that no addition waits for the one before it.
#[inline(always)]
fn sum_of_words(piece: &[u8]) -> u64 {
    const LANES: usize = 32;
    let mut sums = [0u64; LANES];
    let (words, _) = piece.as_chunks::<8>();
    let (blocks, rest) = words.as_chunks::<LANES>();
    for block in blocks {
        for (sum, word) in sums.iter_mut().zip(block) {
            *sum = sum.wrapping_add(u64::from_ne_bytes(*word));
        }
    }
    let rest = rest.iter().map(|word| u64::from_ne_bytes(*word));
    sums.into_iter().chain(rest).fold(0, u64::wrapping_add)
}
