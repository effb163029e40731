//! Line release: the rule for when redacted output goes out with `--release line`, for all adapters
//! and the sidecar.
//!
//! The length of a redactor's hold-back shows how much of a guess matched. Line release hides it:
//! **until a whole needle is complete, the output and its times are a function of the input's
//! newlines and lengths, and of the set's longest needle**. Hence:
//!
//! - Output goes out only when the input has reached a newline, and only up to that newline. The
//!   adapter pushes the lines first, and the bytes after the last newline separately. At that point
//!   a needle without newlines has no partial match.
//! - A needle of several lines has one. Whole lines wait then, so an attacker can only test whole
//!   lines. A line of such a needle is public (BEGIN of PEM), or encodes eight bytes of the value
//!   or more, too many to guess at once. For any other line, as many bytes wait after every newline
//!   as could belong to such lines: [`Reach::lag`].
//! - A line end behind [many token characters](super::reading::token::TOKEN_RUN_MIN) may be one of
//!   wrapped base64, within which a needle goes on. It ends no line, for any set: the line waits
//!   for the next one.
//! - A line that is too long to wait, or has no room beside those of other streams, goes out except
//!   for its end: one byte less than the longest needle and, where escapes are undone, [eight
//!   times](super::reading::rule::READ_PER_BYTE) that and more. Everything before that end is
//!   settled, but for a guess in still longer escapes, of which no limit would hold all.
//!
//! Pending bytes have not gone out, so a change of the set searches them again
//! ([`LineRelease::swap`]).
//!
//! At the end of a stream everything goes out, and [`partial_match`](super::naive::partial_match)
//! defines the part that is masked.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::needle::NeedleSet;
use super::reach::Reach;
use super::redacted::{Piece, Redacted};
use super::redactor::Redactor;

/// The pending output of one stream, without its bytes: the adapter keeps these.
pub(crate) struct LineRelease {
    /// The pending pieces, in order.
    runs: VecDeque<Run>,
    /// The number of pending bytes.
    waiting_len: usize,
    /// The position of the unfinished line's beginning in the input.
    line_start: u64,
    line_len_max: usize,
    /// The current line is too long to wait for its end.
    is_overlong: bool,
}

/// The pending bytes after a change of the set, in order.
pub(crate) enum Again<'a> {
    /// An unchanged mask: its range of the previously pending bytes.
    Same(Range<usize>),
    /// The output of a new search.
    New(Redacted<'a>),
}

/// Output of one kind.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// The position of its bytes in the stream; for a mask, the beginning of its region.
    pub(crate) start: u64,
    pub(crate) is_mask: bool,
    pub(crate) len: usize,
}

impl Run {
    /// The number of its bytes from before this position.
    fn before(&self, limit: u64) -> usize {
        match limit.saturating_sub(self.start) {
            0 => 0,
            _ if self.is_mask => self.len,
            len => self.len.min(usize::try_from(len).unwrap_or(usize::MAX)),
        }
    }
}

impl LineRelease {
    /// Begins a stream. A line waits for its end up to this length, in bytes of input.
    pub(crate) fn new(line_len_max: usize) -> LineRelease {
        LineRelease { runs: VecDeque::new(), waiting_len: 0, line_start: 0, line_len_max, is_overlong: false }
    }

    /// Releases lines: the input ends at `end`, after a newline. Returns the number of bytes to
    /// release, first from `waiting`, then from `pieces`.
    pub(crate) fn lines(&mut self, reach: Reach, end: u64, waiting: &[u8], pieces: &[Piece<'_>]) -> usize {
        let is_last = |piece: &Piece<'_>| !piece.is_mask() && piece.start() + piece.len() as u64 == end;
        let ends = pieces.last().is_some_and(|piece| is_last(piece) && piece.bytes().ends_with(b"\n"));
        let (was_overlong, _) = (std::mem::replace(&mut self.is_overlong, false), self.line_start = end);
        if ends && reach.lag == 0 {
            let all = self.waiting_len + pieces.iter().map(|piece| piece.len()).sum::<usize>();
            self.clear();
            return all;
        }
        self.add(pieces);
        let lines = self.whole_lines(end - end.min(reach.lag as u64), waiting, pieces);
        self.take(lines);
        let settled = if was_overlong || self.is_full(end, reach) { self.before(end, reach) } else { 0 };
        lines + self.take(settled)
    }

    /// Adds to an unfinished line, which may wait if `has_room`. Returns the number of bytes to
    /// release, first from the pending ones, then from `pieces`.
    pub(crate) fn rest(&mut self, reach: Reach, end: u64, pieces: &[Piece<'_>], has_room: bool) -> usize {
        self.add(pieces);
        let is_too_long = end - self.line_start > self.line_len_max as u64;
        self.is_overlong |= is_too_long || self.is_full(end, reach) || !has_room;
        let gone = if self.is_overlong { self.before(end, reach) } else { 0 };
        self.take(gone)
    }

    /// Ends the stream at this position, when everything has gone out.
    pub(crate) fn end(&mut self, end: u64) {
        self.clear();
        (self.line_start, self.is_overlong) = (end, false);
    }

    /// Changes the set. Pending bytes have not gone out, and are searched again, together with the
    /// held-back ones. `keep` receives the bytes that are pending afterwards. A secret of which a
    /// mask already covers a part is not found on either side of it.
    pub(crate) fn swap(
        &mut self,
        redactor: &mut Redactor,
        set: &Arc<NeedleSet>,
        waiting: &[u8],
        keep: &mut dyn FnMut(Again<'_>),
    ) {
        let mut runs = std::mem::take(&mut self.runs);
        self.clear();
        let emitted = redactor.end() - redactor.held() as u64;
        let is_last = |run: &&Run| !run.is_mask && run.start + run.len as u64 == emitted;
        let last = runs.back().copied().filter(|run| is_last(&run));
        runs.truncate(runs.len() - usize::from(last.is_some()));
        let (mut at, mut counts) = (0, Vec::new());
        for run in runs {
            let range = at..at + run.len;
            at = range.end;
            if run.is_mask {
                self.push(run);
                keep(Again::Same(range));
                continue;
            }
            let mut aside = Redactor::aside(set, run.start);
            self.keep(aside.push(&waiting[range]), keep);
            self.keep(aside.finish(), keep);
            counts.push(aside.counts());
        }
        let behind = last.map_or(&[][..], |run| &waiting[at..at + run.len]);
        self.keep(redactor.swap_behind(Arc::clone(set), behind), keep);
        counts.into_iter().for_each(|counts| redactor.count_with(counts));
    }

    fn keep(&mut self, redacted: Redacted<'_>, keep: &mut dyn FnMut(Again<'_>)) {
        self.add(&redacted.clone().pieces().collect::<Vec<_>>());
        keep(Again::New(redacted));
    }

    /// The position of the pending bytes in the input.
    pub(crate) fn waiting_start(&self) -> Option<u64> {
        self.runs.front().map(|run| run.start)
    }

    /// Whether the unfinished line is too long to wait, or had no room.
    #[allow(dead_code, reason = "only the sidecar asks, which a library may be without")]
    pub(crate) fn is_overlong(&self) -> bool {
        self.is_overlong
    }

    /// The number of input bytes since the last newline.
    #[allow(dead_code, reason = "only the sidecar asks, which a library may be without")]
    pub(crate) fn unfinished(&self, end: u64) -> u64 {
        end.saturating_sub(self.line_start)
    }

    /// Adds pending bytes of any kind.
    pub(crate) fn add(&mut self, pieces: &[Piece<'_>]) {
        for piece in pieces {
            self.push(Run { start: piece.start(), is_mask: piece.is_mask(), len: piece.len() });
        }
    }

    /// Adds a run, or lengthens the last one if this one continues it.
    fn push(&mut self, run: Run) {
        let goes_on = |last: &&mut Run| match last.is_mask {
            true => run.is_mask && run.start == last.start,
            false => !run.is_mask && run.start == last.start + last.len as u64,
        };
        match self.runs.back_mut().filter(goes_on) {
            Some(last) => last.len += run.len,
            None => self.runs.push_back(run),
        }
        self.waiting_len += run.len;
    }

    /// Whether more bytes are pending than lines within the limit and partial matches of several
    /// lines can amount to. Pending bytes without masks are as long as their input, or shorter.
    fn is_full(&self, end: u64, reach: Reach) -> bool {
        let len = self.waiting_start().map_or(0, |start| end - start).max(self.waiting_len as u64);
        len > (self.line_len_max as u64).saturating_add(reach.tail as u64)
    }

    /// The number of bytes from before the last position that no needle from after the end can
    /// reach.
    fn before(&self, end: u64, reach: Reach) -> usize {
        let (limit, mut len) = (end.saturating_sub(reach.tail as u64), 0);
        for run in &self.runs {
            let before = run.before(limit);
            len += before;
            if before < run.len {
                break;
            }
        }
        len
    }

    /// The number of bytes up to the last newline from before this position.
    fn whole_lines(&self, limit: u64, waiting: &[u8], pieces: &[Piece<'_>]) -> usize {
        let (mut at, mut len) = (0, 0);
        for run in &self.runs {
            if let Some(newline) = last_newline(waiting, pieces, at, at + run.before(limit)) {
                len = newline + 1;
            }
            at += run.len;
        }
        len
    }

    /// The pending bytes, in order.
    #[allow(dead_code, reason = "only streams of JSON ask, which a library may be without")]
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> {
        self.runs.iter().copied()
    }

    /// Releases this many bytes.
    pub(crate) fn take(&mut self, len: usize) -> usize {
        self.waiting_len -= len;
        let mut rest = len;
        while let Some(first) = self.runs.front_mut().filter(|_| rest > 0) {
            if first.len > rest {
                first.len -= rest;
                first.start += if first.is_mask { 0 } else { rest as u64 };
                break;
            }
            rest -= first.len;
            self.runs.pop_front();
        }
        if self.runs.is_empty() {
            self.clear();
        }
        len
    }

    fn clear(&mut self) {
        self.runs = VecDeque::new();
        self.waiting_len = 0;
    }
}

/// Splits input after its last newline, into whole lines and the beginning of one. The adapter
/// pushes them separately, since no partial match of a needle without newlines crosses the split.
pub(crate) fn split_lines(input: &[u8]) -> (&[u8], &[u8]) {
    input.split_at(memchr::memrchr(b'\n', input).map_or(0, |newline| newline + 1))
}

/// The last newline between two offsets in the pending bytes and the pieces after them.
fn last_newline(waiting: &[u8], pieces: &[Piece<'_>], from: usize, to: usize) -> Option<usize> {
    let (mut at, mut last) = (0, None);
    for part in std::iter::once(waiting).chain(pieces.iter().map(|piece| piece.bytes())) {
        let range = from.clamp(at, at + part.len())..to.clamp(at, at + part.len());
        if let Some(newline) = memchr::memrchr(b'\n', &part[range.start - at..range.end.max(range.start) - at]) {
            last = Some(range.start + newline);
        }
        at += part.len();
    }
    last
}

#[cfg(test)]
mod tests;
