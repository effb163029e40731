//! The right answer of each search, from one plain walk of an Aho-Corasick automaton: slow and
//! simple.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// The mask of every secret, so that the answer does not depend on the secret that names a region.
pub(crate) const MASK: &str = "[REDACTED]";

/// A text, and the occurrences of needles in it.
pub(crate) struct Oracle<'a> {
    pub(crate) text: &'a [u8],
    /// Start and end of each occurrence, by end.
    found: Vec<(usize, usize)>,
    /// The length of the masked partial match at the end of the text: at least half a needle and
    /// eight bytes. (Half of a form counts as eight for values of 16 bytes or more.)
    partial: usize,
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(needles: &[&[u8]], text: &'a [u8]) -> Oracle<'a> {
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        let automaton =
            AhoCorasick::builder().kind(kind).prefilter(false).build(needles).expect("the oracle's automaton");
        let found = automaton.find_overlapping_iter(text).map(|found| (found.start(), found.end())).collect();
        Oracle { text, found, partial: partial(needles, text) }
    }

    /// The number of occurrences.
    pub(crate) fn occurrences(&self) -> u64 {
        self.found.len() as u64
    }

    /// The number of occurrences that no piece boundary cuts.
    pub(crate) fn within_pieces(&self, piece_len: usize) -> u64 {
        self.found.iter().filter(|&&found| uncut(found, piece_len)).count() as u64
    }

    /// The number of matches left when, within a piece, the leftmost and then longest wins over all
    /// that overlap it.
    pub(crate) fn leftmost_longest(&self, piece_len: usize) -> u64 {
        let mut found: Vec<_> = self.found.iter().copied().filter(|&found| uncut(found, piece_len)).collect();
        found.sort_by_key(|&(start, end)| (start, std::cmp::Reverse(end)));
        let (mut count, mut free_from) = (0, 0);
        for (start, end) in found {
            if start >= free_from {
                (count, free_from) = (count + 1, end);
            }
        }
        count
    }

    /// The maximal stretches that occurrences cover, in order.
    pub(crate) fn regions(&self) -> Vec<(usize, usize)> {
        let mut found = self.found.clone();
        if self.partial > 0 {
            found.push((self.text.len() - self.partial, self.text.len()));
        }
        found.sort_unstable();
        let mut regions: Vec<(usize, usize)> = Vec::new();
        for (start, end) in found {
            match regions.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => regions.push((start, end)),
            }
        }
        regions
    }

    /// The expected output.
    pub(crate) fn redacted(&self) -> Expected {
        let (mut bytes, mut from) = (Vec::with_capacity(self.text.len()), 0);
        for (start, end) in self.regions() {
            bytes.extend_from_slice(&self.text[from..start]);
            bytes.extend_from_slice(MASK.as_bytes());
            from = end;
        }
        bytes.extend_from_slice(&self.text[from..]);
        Expected { bytes, taken: 0 }
    }
}

/// The expected bytes, in order, in any slices.
pub(crate) struct Expected {
    bytes: Vec<u8>,
    taken: usize,
}

impl Expected {
    pub(crate) fn take(&mut self, segment: &[u8]) {
        let same = self.bytes[self.taken..].starts_with(segment);
        assert!(same, "hushlog: wrong bytes came out after {} right ones", self.taken);
        self.taken += segment.len();
    }

    pub(crate) fn end(self) {
        assert_eq!(self.taken, self.bytes.len(), "hushlog: bytes are missing at the end");
    }
}

fn uncut((start, end): (usize, usize), piece_len: usize) -> bool {
    start / piece_len == (end - 1) / piece_len
}

/// The length of the longest end of the text that is at least half of a needle, and not all of it.
fn partial(needles: &[&[u8]], text: &[u8]) -> usize {
    let longest = needles.iter().map(|needle| needle.len()).max().unwrap_or(0).min(text.len());
    let half = |needle: &[u8]| needle.len().div_ceil(2).max(hushlog::redact::redactor::PARTIAL_LEN_MIN);
    let begins = |end: &[u8]| {
        let within = |needle: &&&[u8]| (half(needle)..needle.len()).contains(&end.len());
        needles.iter().filter(within).any(|needle| needle.starts_with(end))
    };
    (1..=longest).rev().find(|&len| begins(&text[text.len() - len..])).unwrap_or(0)
}
