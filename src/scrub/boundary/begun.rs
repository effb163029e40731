//! Secrets across boundaries that an earlier scrub masked only in part: it was killed, or could not
//! write to one of the files.
//!
//! The remaining parts identify such a secret. Each part is covered by a mask or equal to the
//! needle, and one part beside a mask is too long to be there by chance. Masks of adjacent secrets
//! may form one run with its own.

use std::ops::Range;

use crate::NeedleSet;
use crate::container::rest_len_min;

/// The end of a file and the beginnings of those that may follow it.
pub(super) struct Pieces<'a> {
    bytes: &'a [u8],
    pieces: Vec<Piece>,
    /// The numbers of mask bytes that may precede the first piece in other files.
    before: &'a [usize],
}

struct Piece {
    range: Range<usize>,
    /// The number of mask bytes at its beginning; for the first piece, at its end.
    masked: usize,
}

/// The unmasked parts of a secret.
pub(super) struct Rest {
    pub(super) needle: usize,
    pub(super) ranges: Vec<Range<usize>>,
    /// The masks beside it are exactly as long as the missing parts.
    is_exact: bool,
    /// The masks are longer, by the length of whole secrets.
    is_beside_whole: bool,
    /// It is at least half of the secret.
    is_half: bool,
    /// It includes the secret's beginning, in the first piece.
    is_first: bool,
}

impl Rest {
    fn len(&self) -> usize {
        self.ranges.iter().map(Range::len).sum()
    }
}

impl<'a> Pieces<'a> {
    /// Splits the bytes at these offsets. Masks of these lengths may precede them.
    pub(super) fn new(bytes: &'a [u8], begins: &[usize], before: &'a [usize], filler: u8) -> Pieces<'a> {
        let ends = begins.iter().skip(1).copied().chain([bytes.len()]);
        let piece = |(number, (&begin, end)): (usize, (&usize, usize))| {
            let is_mask = |byte: &&u8| **byte == filler;
            let piece = &bytes[begin..end];
            let masked = match number {
                0 => piece.iter().rev().take_while(is_mask).count(),
                _ => piece.iter().take_while(is_mask).count(),
            };
            Piece { range: begin..end, masked }
        };
        Pieces { bytes, pieces: begins.iter().zip(ends).enumerate().map(piece).collect(), before }
    }

    /// The longest remainder of a secret across the boundary after the first piece. It is exact,
    /// beside whole secrets, or at least half of the secret. A beginning that a writer may still
    /// complete must be exact.
    pub(super) fn rest(&self, set: &NeedleSet, is_growing: bool) -> Option<Rest> {
        let boundary = self.pieces.first()?.range.end;
        let before_max = self.before.iter().max().copied().unwrap_or_default();
        let is_sum = sums(set, self.pieces.iter().map(|piece| piece.masked).max()? + before_max);
        let all = set.expose().enumerate().flat_map(|(number, needle)| {
            let starts = boundary.saturating_sub(needle.len().saturating_sub(1))..boundary;
            let is_sum = &is_sum;
            starts.filter_map(move |start| self.rest_at(number, needle, start, is_sum))
        });
        let is_known = |rest: &Rest| rest.is_half || rest.is_beside_whole;
        all.filter(|rest| rest.is_exact || is_known(rest) && !(is_growing && rest.is_first))
            .max_by_key(|rest| (rest.is_exact, rest.len()))
    }

    fn rest_at(&self, number: usize, needle: &[u8], start: usize, is_sum: &[bool]) -> Option<Rest> {
        let all = start..start + needle.len();
        if all.end > self.bytes.len() {
            return None;
        }
        let (mut ranges, mut is_exact, mut is_beside_whole) = (Vec::new(), true, true);
        for (number, piece) in self.pieces.iter().enumerate() {
            let range = all.start.max(piece.range.start)..all.end.min(piece.range.end);
            if range.is_empty() {
                continue;
            }
            if range.len() <= piece.masked {
                // Mask bytes beyond this secret's own.
                let more = if number == 0 || range.end == all.end { piece.masked - range.len() } else { 0 };
                let before = if number == 0 { self.before } else { &[] };
                is_exact &= more == 0;
                is_beside_whole &= is_sum[more] || before.iter().any(|before| is_sum[before + more]);
            } else if self.bytes[range.clone()] == needle[range.start - start..range.end - start] {
                ranges.push(range);
            } else {
                return None;
            }
        }
        let longest = ranges.iter().map(Range::len).max()?;
        let is_first = ranges[0].start == start;
        let rest = Rest { needle: number, ranges, is_exact, is_beside_whole, is_half: false, is_first };
        let (left, half) = (rest.len(), needle.len().div_ceil(2));
        let is_rest = left < needle.len() && longest >= rest_len_min(needle);
        is_rest.then_some(Rest { is_half: left >= half, ..rest })
    }
}

/// For each length up to `len_max`, whether a sequence of adjacent needles can have it.
fn sums(set: &NeedleSet, len_max: usize) -> Vec<bool> {
    let mut lens: Vec<usize> = set.expose().map(<[u8]>::len).collect();
    lens.sort_unstable();
    lens.dedup();
    let mut is_sum = vec![true];
    for len in 1..=len_max {
        is_sum.push(lens.iter().take_while(|&&needle| needle <= len).any(|needle| is_sum[len - needle]));
    }
    is_sum
}
