//! The plain reading of a stretch of text, and the search in it.

use super::super::automaton::{ROOT, State};
use super::super::needle::NeedleSet;
use super::super::reading::bytes::{Bytes, Run, run_of};
use super::super::reading::join::{Amended, Joining};
use super::super::reading::level::Level;
use super::super::reading::quick;
use super::super::reading::rule::DEPTH;
use super::super::reading::token::{Before, TOKEN_RUN_MIN};
use super::super::region::Occurrence;
use super::super::scan::{Found, PIECE_LEN_MAX};

/// The plain reading from one position of a text on, with the state of the search in it.
///
/// It lives as long as the reading may differ from the text: see [`agrees`](Plain::agrees).
#[derive(Clone)]
pub(crate) struct Plain {
    levels: [Level; DEPTH],
    joining: Joining,
    buffers: [Bytes; 2],
    state: State,
    /// The number of bytes of the reading so far.
    len: u64,
    /// The stretches of all bytes that the match at `state` consists of.
    runs: Vec<Run>,
    /// The end of the last text read at once of which the reading is another.
    differs_until: u64,
    found: Vec<Found>,
}

impl Plain {
    /// The reading from this position on. Up to here, both readings have been the same for as far
    /// as `state` and `before` reach back.
    pub(crate) fn new(set: &NeedleSet, start: u64, state: State, before: Before) -> Plain {
        let len = set.scanner().held_len(state) as u64;
        let run = Run { at: 0, start: start - len, end: start - len + 1, is_plain: true };
        let runs = if len > 0 { vec![run] } else { Vec::new() };
        Plain {
            levels: std::array::from_fn(|_| Level::at(start)),
            joining: Joining::behind(before),
            buffers: Default::default(),
            state,
            len,
            runs,
            differs_until: start,
            found: Vec::new(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
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
        if !is_last && self.is_settled() && self.read_quickly(set, text, start) {
            return;
        }
        let [mut one, mut other] = std::mem::take(&mut self.buffers);
        let [first, second, third] = &mut self.levels;
        let joints = set.joints();
        first.read_text(joints, text, start, is_last, &mut one);
        second.read(joints, &mut one, is_last, &mut other);
        third.read(joints, &mut other, is_last, &mut one);
        let amended = self.joining.read(joints, &mut one, &mut other);
        let is_same = self.is_settled()
            && other.breaks.is_empty()
            && other.bytes.len() == text.len()
            && matches!(other.runs[..], [Run { is_plain: true, start: from, .. }] if from == start);
        if !is_same {
            self.differs_until = start + text.len() as u64;
        }
        self.search(set, &other, &amended, found);
        one.clear();
        other.clear();
        self.buffers = [one, other];
    }

    /// Reads these bytes without their stretches, which matter only where something is found. That
    /// is several times as fast. Returns whether it did: if anything is found, in doubt or escaped
    /// twice, it changes nothing, and the levels have to read.
    fn read_quickly(&mut self, set: &NeedleSet, text: &[u8], start: u64) -> bool {
        let mut buffer = std::mem::take(&mut self.buffers[0]);
        let read =
            quick::read(set.joints(), text, self.joining.before(), start - self.levels[0].end(), &mut buffer.bytes);
        let accepted = read.is_some_and(|read| {
            let state = set.scanner().scan(&buffer.bytes, self.state, &mut self.found);
            let held = set.scanner().held_len(state);
            let is_plain = self.found.is_empty() && held <= buffer.bytes.len() - read.plain_from;
            self.found.clear();
            if !is_plain {
                return false;
            }
            let end = start + text.len() as u64;
            (self.state, self.len) = (state, self.len + buffer.bytes.len() as u64);
            let held = held as u64;
            let run = Run { at: self.len - held, start: end - held, end: end - held + 1, is_plain: true };
            self.runs.clear();
            self.runs.extend((held > 0).then_some(run));
            self.joining.pass(&buffer.bytes);
            self.levels.iter_mut().for_each(|level| level.pass(start + read.end as u64));
            if read.differs_until > 0 {
                self.differs_until = start + read.differs_until as u64;
            }
            true
        });
        buffer.clear();
        self.buffers[0] = buffer;
        accepted
    }

    fn is_settled(&self) -> bool {
        self.levels.iter().all(Level::is_settled) && self.joining.is_settled()
    }

    fn search(&mut self, set: &NeedleSet, read: &Bytes, amended: &Amended, occurrences: &mut Vec<Occurrence>) {
        if let (Some(start), Some(run)) = (amended.start, self.runs.last_mut()) {
            let at = self.len - 1;
            let amended = Run { at, start, end: run.end_of(at), is_plain: false };
            if run.at == at { *run = amended } else { self.runs.push(amended) }
        }
        let base = self.len;
        self.runs.extend(read.runs.iter().map(|run| Run { at: base + run.at, ..*run }));
        let mut from = 0;
        for at in read.breaks.iter().copied().chain([read.bytes.len()]) {
            for piece in read.bytes[from..at].chunks(PIECE_LEN_MAX) {
                self.state = set.scanner().scan(piece, self.state, &mut self.found);
                for (end, needle) in self.found.drain(..) {
                    let end = self.len + u64::from(end);
                    let first = end - set.needle(needle as usize).len() as u64;
                    let start = self.runs[run_of(&self.runs, first)].start_of(first);
                    let end = self.runs[run_of(&self.runs, end - 1)].end_of(end - 1);
                    occurrences.push(Occurrence { start, end, needle });
                }
                self.len += piece.len() as u64;
            }
            if read.breaks.binary_search(&at).is_ok() {
                self.state = ROOT;
            }
            from = at;
        }
        match set.scanner().held_len(self.state) as u64 {
            0 => self.runs.clear(),
            held => drop(self.runs.drain(..run_of(&self.runs, self.len - held))),
        }
    }

    /// Whether the state and all that the next bytes are read by depend on text alone of which both
    /// readings are the same, up to this position, where this reading ends.
    pub(crate) fn agrees(&self, set: &NeedleSet, end: u64) -> bool {
        self.is_settled()
            && end >= self.differs_until + u64::from(TOKEN_RUN_MIN)
            && self.match_start(set).is_none_or(|start| start >= self.differs_until)
    }

    /// The beginning of the match at the end of the reading, if there is one.
    fn match_start(&self, set: &NeedleSet) -> Option<u64> {
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

    /// The first position from which on the text is held back: where a match begins, or an escape
    /// without its end.
    pub(crate) fn held_start(&self, set: &NeedleSet, end: u64) -> u64 {
        let waiting = self.levels.iter().filter_map(Level::waits_from);
        waiting.chain(self.match_start(set)).min().unwrap_or(end)
    }

    /// The partial match at the end of the reading so far that is long enough to be masked at the
    /// end of a text: its stretch and the needle. It includes an escape without its end.
    pub(crate) fn partial_match(&self, set: &NeedleSet, end: u64) -> Option<Occurrence> {
        let (needle, len) = set.partial_match(self.state)?;
        let last = self.len - 1;
        let end = match self.levels.iter().any(|level| level.waits_from().is_some()) {
            true => end,
            false => self.runs[run_of(&self.runs, last)].end_of(last),
        };
        Some(Occurrence { start: self.start_of_last(len), end, needle: needle as u32 })
    }
}
