//! `release: line`: splits the redacted output into the part to write now and the part that waits
//! for the end of its line.
//!
//! The rule is that of [`io::Release::Line`](crate::io::Release::Line), with other storage. Pending
//! bytes take as much memory as they are long, and none when nothing waits, since there are many
//! streams. One limit covers all of them together.

use std::sync::Arc;

use crate::io::budget::{Budget, BudgetShare};
use crate::redact::needle::NeedleSet;
use crate::redact::reach::Reach;
use crate::redact::redacted::{Piece, RedactedBuf};
use crate::redact::redactor::Redactor;
use crate::redact::release::{Again, LineRelease};

/// The event that releases the output of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// Nothing.
    Nothing,
    /// The end of its line.
    Line,
    /// The end of its message, which is a datagram.
    Whole,
}

/// The end of the input of some pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upto {
    /// A newline, and nothing follows it.
    Newline,
    /// Within a line.
    Line,
    /// No input: the set has changed.
    Before,
    /// The end of a frame with its length.
    Frame,
    /// The end of the message.
    Whole,
}

/// The pending bytes of one stream.
pub(crate) struct Lines {
    waits_for: WaitsFor,
    release: LineRelease,
    share: BudgetShare,
    waiting: RedactedBuf,
}

/// The part of the pending bytes, and of the pieces after them, that is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The number of pending bytes.
    waiting: usize,
    /// The number of complete pieces.
    whole: usize,
    /// The number of bytes of the next piece.
    part: usize,
}

impl Lines {
    pub(crate) fn new(waits_for: WaitsFor, len_max: usize, budget: Arc<Budget>) -> Lines {
        Lines {
            waits_for,
            release: LineRelease::new(len_max),
            share: BudgetShare::new(budget, false),
            waiting: RedactedBuf::default(),
        }
    }

    /// The pending bytes. They precede the pieces.
    pub(crate) fn waiting(&self) -> Piece<'_> {
        self.waiting.content()
    }

    /// The beginning of the pending bytes, in the positions of the pieces.
    pub(crate) fn waiting_start(&self) -> Option<u64> {
        self.release.waiting_start()
    }

    /// Whether the input, which ends at this position, ended with a newline.
    pub(crate) fn is_at_newline(&self, end: u64) -> bool {
        self.release.unfinished(end) == 0
    }

    /// Decides the part of the pending bytes and these pieces to release. Their input ends at
    /// `end`.
    pub(crate) fn cut(&mut self, pieces: &[Piece<'_>], upto: Upto, reach: Reach, end: u64) -> Cut {
        let len = match (self.waits_for, upto) {
            (_, Upto::Whole | Upto::Frame) | (WaitsFor::Nothing, _) => usize::MAX,
            (WaitsFor::Whole, _) => 0,
            (WaitsFor::Line, Upto::Before) => {
                self.release.add(pieces);
                0
            }
            (WaitsFor::Line, Upto::Newline) => self.release.lines(reach, end, self.waiting.content().bytes(), pieces),
            (WaitsFor::Line, Upto::Line) => {
                let unfinished = usize::try_from(self.release.unfinished(end)).unwrap_or(usize::MAX);
                let has_room = self.share.fits(unfinished);
                self.release.rest(reach, end, pieces, has_room)
            }
        };
        Cut::new(len, self.waiting.len(), pieces)
    }

    /// Keeps the rest after the output that [`cut`](Lines::cut) named.
    pub(crate) fn keep(&mut self, cut: Cut, pieces: &[Piece<'_>], reach: Reach, end: u64) {
        if cut.waiting == self.waiting.len() {
            self.waiting = RedactedBuf::default();
        } else {
            self.waiting.consume(cut.waiting);
        }
        cut.rest(pieces).for_each(|piece| self.waiting.append_growing(piece));
        self.account(reach, end);
    }

    /// Changes the set of the stream. Pending bytes are searched again, since they have not been
    /// written.
    pub(crate) fn swap(&mut self, redactor: &mut Redactor, set: &Arc<NeedleSet>) {
        let (before, waiting) = (std::mem::take(&mut self.waiting), &mut self.waiting);
        self.release.swap(redactor, set, before.content().bytes(), &mut |again| match again {
            Again::Same(range) => waiting.append_growing(before.content().part(range)),
            Again::New(redacted) => redacted.pieces().for_each(|piece| waiting.append_growing(piece)),
        });
        self.account(set.reach(), redactor.end());
    }

    /// Counts the pending bytes among the lines of all streams.
    fn account(&mut self, reach: Reach, end: u64) {
        let unfinished = usize::try_from(self.release.unfinished(end)).unwrap_or(usize::MAX);
        let constant = match self.waits_for {
            WaitsFor::Line if self.release.is_overlong() => reach.tail,
            WaitsFor::Line => unfinished,
            WaitsFor::Nothing | WaitsFor::Whole => 0,
        };
        self.share.take(constant.max(self.waiting.len()));
    }

    /// Records that the stream has ended at this position, and the next byte begins a line.
    pub(crate) fn end(&mut self, end: u64) {
        self.waiting = RedactedBuf::default();
        self.release.end(end);
        self.share.take(0);
    }
}

impl Cut {
    /// Releases this many bytes of both, or all.
    fn new(len: usize, waiting: usize, pieces: &[Piece<'_>]) -> Cut {
        let waiting = waiting.min(len);
        let (mut whole, mut part) = (0, len - waiting);
        while let Some(piece) = pieces.get(whole).filter(|piece| piece.len() <= part) {
            (whole, part) = (whole + 1, part - piece.len());
        }
        Cut { waiting, whole, part: if whole == pieces.len() { 0 } else { part } }
    }

    /// Whether any bytes are released.
    pub(crate) fn is_some(self) -> bool {
        self.waiting + self.whole + self.part > 0
    }

    /// The released part of the pending bytes and of the pieces.
    pub(crate) fn gone<'s>(
        self,
        waiting: Piece<'s>,
        pieces: &'s [Piece<'s>],
    ) -> impl Iterator<Item = Piece<'s>> + Clone {
        let part = pieces.get(self.whole).map(|piece| piece.split_at(self.part).0).filter(|part| !part.is_empty());
        let waiting = Some(waiting.split_at(self.waiting).0).filter(|waiting| !waiting.is_empty());
        waiting.into_iter().chain(pieces[..self.whole].iter().copied()).chain(part)
    }

    /// The pending part of the pieces.
    fn rest<'s>(self, pieces: &'s [Piece<'s>]) -> impl Iterator<Item = Piece<'s>> {
        let part = pieces.get(self.whole).map(|piece| piece.split_at(self.part).1).filter(|part| !part.is_empty());
        part.into_iter().chain(pieces.iter().skip(self.whole + 1).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::budget::BUDGET_LEN_MAX;
    use crate::redact::redacted::PieceKind;
    use crate::redact::release::split_lines;

    /// Needles of five bytes at most.
    const REACH: Reach = Reach { tail: 4, lag: 0 };

    /// The output after each piece, and at the end, if nothing is masked.
    fn released(lines: &mut Lines, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut all, mut at) = (Vec::new(), 0);
        for piece in pieces {
            let (whole, rest) = split_lines(piece);
            let mut out = Vec::new();
            for (part, upto) in [(whole, Upto::Newline), (rest, Upto::Line)] {
                if !part.is_empty() {
                    let pieces = [Piece::of(part, PieceKind::Input, at)];
                    at += part.len() as u64;
                    let cut = lines.cut(&pieces, upto, REACH, at);
                    cut.gone(lines.waiting(), &pieces).for_each(|piece| out.extend_from_slice(piece.bytes()));
                    lines.keep(cut, &pieces, REACH, at);
                }
            }
            all.push(out);
        }
        all.push(lines.waiting().bytes().to_vec());
        lines.end(at);
        all
    }

    fn lines(len_max: usize) -> Lines {
        Lines::new(WaitsFor::Line, len_max, Arc::default())
    }

    #[test]
    fn only_whole_lines_go_out() {
        let out = released(&mut lines(100), &[b"a", b"bc\nde", b"", b"\n", b"f\ng\n", b"h"]);
        assert_eq!(out, [&b""[..], b"abc\n", b"", b"de\n", b"f\ng\n", b"", b"h"]);
    }

    #[test]
    fn a01_of_a_line_beyond_the_limit_an_end_waits() {
        let out = released(&mut lines(6), &[b"abcdef", b"g", b"h", b"\nijklm", b"n\no", b"p"]);
        assert_eq!(out, [&b""[..], b"abc", b"d", b"efgh\n", b"ijklmn\n", b"", b"op"]);
        let out = released(&mut lines(4), &[b"a\nbcdefg", b"h", b"i\nj"]);
        assert_eq!(out, [&b"a\nbc"[..], b"d", b"efghi\n", b"j"]);
    }

    #[test]
    fn a_whole_waits_for_its_end() {
        let mut whole = Lines::new(WaitsFor::Whole, 4, Arc::default());
        assert_eq!(released(&mut whole, &[b"a\nb", b"c\ndefgh"]), [&b""[..], b"", b"a\nbc\ndefgh"]);
    }

    #[test]
    fn a01_without_room_an_end_waits_and_room_is_given_back() {
        let budget = Arc::new(Budget::default());
        let mut one = Lines::new(WaitsFor::Line, usize::MAX, Arc::clone(&budget));
        released(&mut one, &[b"a\n"]);
        one.share.take(BUDGET_LEN_MAX);
        let mut two = Lines::new(WaitsFor::Line, usize::MAX, Arc::clone(&budget));
        assert_eq!(released(&mut two, &[b"abcdef", b"\nb"]), [&b"ab"[..], b"cdef\n", b"b"]);
        drop((one, two));
        let mut two = Lines::new(WaitsFor::Line, usize::MAX, Arc::clone(&budget));
        assert_eq!(released(&mut two, &[b"a", b"\nb"]), [&b""[..], b"a\n", b"b"]);
        drop(two);
        assert!(BudgetShare::new(budget, false).fits(BUDGET_LEN_MAX));
    }
}
