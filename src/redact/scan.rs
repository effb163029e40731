//! Prefilter and automaton over one piece of text: every occurrence, and the state at the end.

use std::ops::ControlFlow;

use super::automaton::{Automaton, ROOT, SHALLOW_DEPTH_MAX, State};
use super::needle_list::NeedleList;
use super::nested;
use super::prefilter::{CandidateSearch, Prefilter, Variant};
use super::secret::PARTIAL_LEN_MIN;

/// The costs of a hit and of a candidate, in steps of a walk.
const HIT_COST: usize = 4;
const CANDIDATE_COST: usize = 1;
/// The number of bytes compared in the time of one step of a walk.
const BYTES_PER_STEP: usize = 64;
/// The number of steps that candidates may cost beyond a walk, before the scan falls back to
/// walking.
const CREDIT: usize = 1 << 10;
/// The length of such a walk, in bytes, before candidates are compared again.
const DENSE_WALK: usize = 4 << 10;

/// The longest complete text, in bytes, that is first tested for any finding at all: most records
/// are that short, and clean.
const SHORT_LEN_MAX: usize = 1 << 10;

/// The longest piece searched at once, in bytes, which limits its findings to 1 MiB.
pub(super) const PIECE_LEN_MAX: usize = 128 << 10;

/// The needles of a set, compiled for searching.
pub(super) struct Scanner {
    automaton: Automaton,
    prefilter: Option<Prefilter>,
}

/// An occurrence: its end in the piece of text, and the needle.
pub(super) type Found = (u32, u32);

impl Scanner {
    /// Compiles needles, which are sorted, distinct and not empty.
    pub(super) fn new(needles: NeedleList, variant: Variant) -> Scanner {
        let prefilter = if variant == Variant::Automaton { None } else { Prefilter::new(&needles, variant) };
        let nested = prefilter.as_ref().and_then(|prefilter| nested::find(&needles, prefilter));
        Scanner { automaton: Automaton::new(needles, nested), prefilter }
    }

    pub(super) fn needles(&self) -> &NeedleList {
        self.automaton.needles()
    }

    /// The bytes held back at this state: the needle and the number of its bytes.
    pub(super) fn held(&self, state: State) -> (usize, usize) {
        if state == ROOT { (0, 0) } else { self.automaton.matched(state) }
    }

    /// The number of bytes held back at this state.
    pub(super) fn held_len(&self, state: State) -> usize {
        self.automaton.shallow_depth(state).unwrap_or_else(|| self.automaton.matched(state).1)
    }

    /// Searches the next piece of a text, and returns the state after it. Adds to `found` the
    /// occurrences that end in the piece, in the order of their ends, some twice. Of those with the
    /// same end it adds at least the longest, and so covers every byte of any. Up to eight bytes of
    /// memory for each byte of the piece, so [`PIECE_LEN_MAX`] is long enough.
    ///
    /// The cost is linear for any text: candidates of the prefilter are only compared with their
    /// needles as long as that is cheaper than walking the automaton.
    pub(super) fn scan(&self, text: &[u8], state: State, found: &mut Vec<Found>) -> State {
        self.search(text, state, 1, found)
    }

    /// The state after one more byte; `None` if it completes an occurrence.
    pub(super) fn step(&self, state: State, byte: u8) -> Option<State> {
        let state = if self.needles().len() == 0 { ROOT } else { self.automaton.step(state, byte) };
        (self.needles().len() == 0 || !self.automaton.has_output(state)).then_some(state)
    }

    /// Whether a short and complete text contains no needle, and does not end in at least
    /// `held_min` bytes of one. May return false for a clean text, and always does for a longer
    /// one.
    #[inline]
    pub(super) fn is_clean(&self, text: &[u8], held_min: usize) -> bool {
        text.len() <= SHORT_LEN_MAX
            && self.prefilter.as_ref().is_some_and(|prefilter| prefilter.is_clean(self.needles(), text, held_min))
    }

    /// The longest partial match at this state with at least the needle's length in `len_mins`: the
    /// first such needle, and the length.
    pub(super) fn partial_match(&self, mut state: State, len_mins: &[u32]) -> Option<(usize, usize)> {
        loop {
            let (first, len) = self.held(state);
            if len < PARTIAL_LEN_MIN {
                return None;
            }
            let counts = |needle: &usize| len_mins[*needle] as usize <= len && len < self.needles().get(*needle).len();
            if let Some(needle) = self.automaton.siblings(first, len).find(counts) {
                return Some((needle, len));
            }
            state = self.automaton.fail(state);
        }
    }

    /// Searches the last piece of a text, and returns the state after it. A state less than
    /// `held_min` bytes deep may be returned as the root.
    pub(super) fn scan_last(&self, text: &[u8], state: State, held_min: usize, found: &mut Vec<Found>) -> State {
        self.search(text, state, held_min, found)
    }

    fn search(&self, text: &[u8], state: State, held_min: usize, found: &mut Vec<Found>) -> State {
        if self.needles().len() == 0 {
            return ROOT;
        }
        let start = Cursor { at: 0, state };
        let Some(prefilter) = &self.prefilter else {
            return self.walk(text, start, text.len(), found).state;
        };
        let cursor = self.walk(text, start, 0, found);
        let state = if cursor.at < text.len() {
            self.search_candidates(prefilter, text, cursor, held_min, found)
        } else {
            cursor.state
        };
        if !found.is_sorted() {
            found.sort_unstable();
        }
        state
    }

    /// Searches from a position with a shallow state to the end of the text.
    fn search_candidates(
        &self,
        prefilter: &Prefilter,
        text: &[u8],
        cursor: Cursor,
        held_min: usize,
        found: &mut Vec<Found>,
    ) -> State {
        // All occurrences that begin before here have been found.
        let mut settled = self.live_start(cursor);
        // In a complete text the tail need not be searched in every case.
        if text.len() - settled <= prefilter.tail_len() && held_min == 1 {
            return self.end(prefilter, text, settled, held_min, found);
        }
        let mut search = CandidateSearch::new(prefilter, text, settled);
        // The first position of a needle that may continue beyond the text.
        let mut partial = text.len();
        let (mut cost, mut budget_start) = (0, settled);
        while let Some(hit) = search.next() {
            let credit = CREDIT + (hit.at - budget_start);
            cost += HIT_COST;
            let spent = search.candidates(&hit, |needle, start| {
                if start >= settled {
                    cost += CANDIDATE_COST + self.compare(text, needle, start, &mut partial, found) / BYTES_PER_STEP;
                }
                if cost > credit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if spent.is_break() || cost > credit {
                // The walk finds everything from `back` bytes before the hit on, whether compared
                // or not.
                let from = Cursor { at: settled.max(hit.at.saturating_sub(prefilter.back())), state: ROOT };
                let cursor = self.walk(text, from, hit.at + DENSE_WALK, found);
                if cursor.at == text.len() {
                    let longer = Cursor { at: partial, state: ROOT };
                    return if partial < from.at {
                        self.walk(text, longer, text.len(), found).state
                    } else {
                        cursor.state
                    };
                }
                settled = self.live_start(cursor);
                search.restart(settled);
                (cost, budget_start) = (0, settled);
            }
        }
        let tail = settled.max(text.len().saturating_sub(prefilter.tail_len()));
        if partial == text.len() && prefilter.is_tail_clean(self.needles(), text, tail, held_min) {
            return ROOT;
        }
        self.end(prefilter, text, partial.min(tail), held_min, found)
    }

    /// Searches the last bytes of the text, from a position without a partial match, and returns
    /// the state at its end; exact if at least `held_min` deep.
    fn end(&self, prefilter: &Prefilter, text: &[u8], from: usize, held_min: usize, found: &mut Vec<Found>) -> State {
        let last = from.max(text.len().saturating_sub(SHALLOW_DEPTH_MAX));
        match prefilter.first_start(text, from, held_min) {
            Some(at) => self.walk(text, Cursor { at, state: ROOT }, text.len(), found).state,
            None if held_min > SHALLOW_DEPTH_MAX => ROOT,
            None => text[last..].iter().fold(ROOT, |state, &byte| self.automaton.step(state, byte)),
        }
    }

    /// Compares a needle with the text; returns the maximum number of inspected bytes.
    fn compare(&self, text: &[u8], needle: usize, start: usize, partial: &mut usize, found: &mut Vec<Found>) -> usize {
        let bytes = self.needles().get(needle);
        match text.get(start..start + bytes.len()) {
            Some(there) if there == bytes => found.push(((start + bytes.len()) as u32, needle as u32)),
            Some(_) => {}
            None if bytes.starts_with(&text[start..]) => *partial = start.min(*partial),
            None => {}
        }
        bytes.len()
    }

    /// The beginning of a shallow state's match.
    fn live_start(&self, cursor: Cursor) -> usize {
        cursor.at
            - self.automaton.shallow_depth(cursor.state).expect("a walk ends in a shallow state, or with the text")
    }

    /// Runs the automaton through the text to the first position, at or after `until`, with a
    /// shallow state and a match that began in this text, or to the end.
    fn walk(&self, text: &[u8], from: Cursor, until: usize, found: &mut Vec<Found>) -> Cursor {
        let (automaton, Cursor { mut at, mut state }) = (&self.automaton, from);
        while at < text.len() {
            match automaton.shallow_depth(state) {
                Some(depth) if at >= until.max(depth) => break,
                Some(depth) => {
                    let next = self.next_start(text, at, depth, until);
                    if next > at - depth.min(at) {
                        (at, state) = (next, ROOT);
                        continue;
                    }
                }
                None => {
                    let run = automaton.run(state, &text[at..]);
                    (at, state) = (at + run, state + run as State);
                }
            }
            let Some(&byte) = text.get(at) else { break };
            let before = state;
            state = automaton.step(state, byte);
            at += 1;
            let output = automaton.has_output(state).then(|| automaton.output(state));
            if let Some(needle) = output {
                found.push((at as u32, needle));
                state = automaton.settle(state);
            }
            if state == before {
                at = self.repeat(text, at, output, found);
            }
        }
        Cursor { at, state }
    }

    /// The first position up to `until` where a needle may start: the start of the current shallow
    /// match, or a later one. Without a prefilter, or if the match began in an earlier piece, only
    /// the former is known.
    #[inline]
    fn next_start(&self, text: &[u8], at: usize, depth: usize, until: usize) -> usize {
        match (&self.prefilter, at.checked_sub(depth)) {
            (Some(prefilter), Some(start)) => prefilter.next_start(text, start, until),
            (_, start) => start.unwrap_or(0),
        }
    }

    /// Skips the repetitions of a byte that left the state unchanged, since each leaves it
    /// unchanged again.
    ///
    /// Otherwise a long run of `a` against the needle `aaa...b` costs a failure and a step per
    /// byte.
    fn repeat(&self, text: &[u8], at: usize, output: Option<u32>, found: &mut Vec<Found>) -> usize {
        let rest = &text[at..];
        let words = rest.chunks_exact(16).take_while(|&word| word == [text[at - 1]; 16]).count() * 16;
        let end = at + words + rest[words..].iter().take_while(|&&byte| byte == text[at - 1]).count();
        if let Some(needle) = output {
            // The current occurrence repeats at each byte: enough of them to cover the same bytes
            // suffice. Each overlaps the next, since in the plain reading two adjacent bytes need
            // not be adjacent in the text.
            let step = self.needles().get(needle as usize).len().saturating_sub(1).max(1);
            let ends = (at..end).step_by(step).chain([end]);
            found.extend(ends.map(|end| (end as u32, needle)));
        }
        end
    }
}

/// The position and state of a walk.
#[derive(Clone, Copy)]
struct Cursor {
    at: usize,
    state: State,
}
