//! The plain reading of a stretch of text, and the search in it.

use core::ops::Range;

use super::super::automaton::{ROOT, State};
use super::super::needle::NeedleSet;
use super::super::reading::reader::{Piece, Reader};
use super::super::reading::spelling::Spelling;
use super::super::reading::token::{Before, TOKEN_RUN_MIN};
use super::super::reading::{Run, run_of};
use super::super::region::Occurrence;
use super::super::scan::{Found, PIECE_LEN_MAX};

/// The plain reading from one position of a text on, with the search in it.
///
/// It lives as long as the reading may differ from the text: see [`agrees`](Plain::agrees).
#[derive(Clone)]
pub(crate) struct Plain {
    reader: Reader,
    matched: Matched,
    /// The end of the last difference between the readings, or a later position.
    differs_until: u64,
}

/// The search in the reading.
#[derive(Clone)]
struct Matched {
    state: State,
    /// The number of bytes of the reading so far.
    len: u64,
    /// The stretches of all bytes that the match at `state` consists of.
    runs: Vec<Run>,
    /// Empty between calls; kept for its capacity.
    found: Vec<Found>,
}

impl Plain {
    /// The reading from this position on. Up to here, both readings have been the same for as far
    /// as `state` and `before` reach back.
    pub(crate) fn new(set: &NeedleSet, start: u64, state: State, before: Before) -> Plain {
        let matched = Matched { state: ROOT, len: 0, runs: Vec::new(), found: Vec::new() };
        let mut plain = Plain { reader: Reader::new(start, before), matched, differs_until: start };
        plain.matched.restart(set, start, state);
        plain
    }

    /// Like [`new`](Plain::new), with the memory of before.
    pub(crate) fn restart(&mut self, set: &NeedleSet, start: u64, state: State, before: Before) {
        self.reader.restart(start, before);
        self.matched.restart(set, start, state);
        self.differs_until = start;
    }

    pub(crate) fn state(&self) -> State {
        self.matched.state
    }

    /// The end of the last difference, or a later position.
    pub(crate) fn differs_until(&self) -> u64 {
        self.differs_until
    }

    /// Reads the next bytes of the text, which begin at this position.
    pub(crate) fn read(
        &mut self,
        set: &NeedleSet,
        text: &[u8],
        start: u64,
        is_last: bool,
        found: &mut Vec<Occurrence>,
    ) {
        let piece = self.reader.read(set.joints(), text, start, is_last);
        if let Some(until) = piece.differs_until() {
            self.differs_until = until;
        }
        self.matched.search(set, &piece, found);
        let rest = piece.rest();
        self.reader.settle(rest);
    }

    /// Whether the state and all that the next bytes are read by depend on text alone of which both
    /// readings are the same, up to this position, where this reading ends.
    pub(crate) fn agrees(&self, set: &NeedleSet, end: u64) -> bool {
        self.reader.is_settled()
            && end >= self.differs_until + u64::from(TOKEN_RUN_MIN)
            && self.matched.start(set).is_none_or(|start| start >= self.differs_until)
    }

    /// The first position from which on the text is held back: where a match begins, or an escape
    /// without its end.
    pub(crate) fn held_start(&self, set: &NeedleSet, end: u64) -> u64 {
        self.reader.waits_from().into_iter().chain(self.matched.start(set)).min().unwrap_or(end)
    }

    /// See [`Search::wrapped`](super::Search::wrapped).
    pub(crate) fn wrapped_from(&self) -> Option<u64> {
        self.reader.wrapped_from()
    }

    /// The partial match at the end of the reading so far that is long enough to be masked at the
    /// end of a text: its stretch and the needle. It includes an escape without its end.
    pub(crate) fn partial_match(&self, set: &NeedleSet, end: u64) -> Option<Occurrence> {
        let (needle, len) = set.partial_match(self.matched.state)?;
        let end = if self.reader.waits_from().is_some() { end } else { self.matched.end() };
        let (start, spelling) = (self.matched.start_of_last(len), self.matched.spelling_of_last(len));
        Some(Occurrence { start, end, needle: needle as u32, spelling })
    }

    /// Frees the memory that only the next piece needs again.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.reader.shrink_to_fit();
        self.matched.found = Vec::new();
        self.matched.runs.shrink_to_fit();
    }
}

impl Matched {
    fn restart(&mut self, set: &NeedleSet, start: u64, state: State) {
        let len = set.scanner().held_len(state) as u64;
        self.runs.clear();
        self.runs.extend((len > 0).then_some(Run::plain(0, start - len)));
        (self.state, self.len) = (state, len);
    }

    fn search(&mut self, set: &NeedleSet, piece: &Piece<'_>, occurrences: &mut Vec<Occurrence>) {
        if let (Some(start), Some(run)) = (piece.amended, self.runs.last_mut()) {
            let at = self.len - 1;
            let amended = Run { start, end: run.end_of(at), is_plain: false, ..Run::plain(at, start) };
            if run.at == at { *run = amended } else { self.runs.push(amended) }
        }
        let (bytes, breaks) = (piece.bytes(), piece.breaks());
        let (base, mut from) = (self.len, 0);
        for at in breaks.iter().map(|&at| at as usize).chain([usize::MAX]) {
            for part in bytes[from..at.min(bytes.len())].chunks(PIECE_LEN_MAX) {
                self.state = set.scanner().scan(part, self.state, &mut self.found);
                for (end, needle) in self.found.drain(..) {
                    let end = self.len + u64::from(end);
                    let first = end - set.needle(needle as usize).len() as u64;
                    let start = match first.checked_sub(base) {
                        Some(first) => piece.start_of(first as usize),
                        None => self.runs[run_of(&self.runs, first)].start_of(first),
                    };
                    // Within an earlier occurrence it names no region. To look at the spelling of
                    // each would cost the product of both lengths.
                    let is_within = occurrences.last().is_some_and(|last| last.start < start && start <= last.end);
                    let spelling = match is_within {
                        true => Spelling::Own,
                        false => spelling_of(&self.runs, piece, base, first..end),
                    };
                    let end = piece.end_of((end - 1 - base) as usize);
                    occurrences.push(Occurrence { start, end, needle, spelling });
                }
                self.len += part.len() as u64;
            }
            if at != usize::MAX {
                (self.state, from) = (ROOT, at);
            }
        }
        match set.scanner().held_len(self.state) as u64 {
            0 => self.runs.clear(),
            held if held <= self.len - base => {
                self.runs.clear();
                piece.append_runs(bytes.len() - held as usize..bytes.len(), self.len - held, &mut self.runs);
            }
            held => {
                self.runs.drain(..run_of(&self.runs, self.len - held));
                piece.append_runs(0..bytes.len(), base, &mut self.runs);
            }
        }
    }

    /// The beginning of the match at the end of the reading, if there is one.
    fn start(&self, set: &NeedleSet) -> Option<u64> {
        match set.scanner().held_len(self.state) {
            0 => None,
            held => Some(self.start_of_last(held)),
        }
    }

    /// Where the stretch of the last `len` bytes of the reading begins.
    fn start_of_last(&self, len: usize) -> u64 {
        let at = self.len - len as u64;
        self.runs[run_of(&self.runs, at)].start_of(at)
    }

    /// The spelling of the last `len` bytes of the reading.
    fn spelling_of_last(&self, len: usize) -> Spelling {
        spelling(&self.runs[run_of(&self.runs, self.len - len as u64)..])
    }

    /// Where the stretch of the last byte of the reading ends.
    fn end(&self) -> u64 {
        let at = self.len - 1;
        self.runs[run_of(&self.runs, at)].end_of(at)
    }
}

/// The spelling of these bytes of the reading. Those from `base` on are of the piece, the others
/// have their stretches in `runs`.
fn spelling_of(runs: &[Run], piece: &Piece<'_>, base: u64, range: Range<u64>) -> Spelling {
    let mut all = Vec::new();
    if range.start < base {
        all.extend_from_slice(&runs[run_of(runs, range.start)..]);
    }
    let from = range.start.max(base);
    piece.append_runs((from - base) as usize..(range.end - base) as usize, from, &mut all);
    spelling(&all)
}

/// The spelling of bytes with these stretches.
fn spelling(runs: &[Run]) -> Spelling {
    let of_run = |(number, run): (usize, &Run)| match run.is_plain {
        true if number == 0 => Spelling::Own,
        true => run.behind,
        false => run.behind.max(Spelling::Escaped),
    };
    runs.iter().enumerate().map(of_run).max().unwrap_or_default()
}
