//! The search of a stream in both readings: the text itself, and the [plain
//! reading](super::reading).

use core::ops::Range;

use super::automaton::{ROOT, State};
use super::needle::NeedleSet;
use super::prefilter::infixes::INFIX_LEN;
use super::reading::spelling::Spelling;
use super::reading::token::{Before, TOKEN_RUN_MIN};
use super::reading::trigger::{self, Alone};
use super::region::Occurrence;
use super::scan::{Found, PIECE_LEN_MAX};

mod plain;

use plain::Plain;

/// The text that the plain reading takes in before it looks whether it still differs, in bytes: at
/// first, and as long as it does. The layers of the longer one fit into the first-level cache.
const STEP_MIN: usize = 256;
const STEP_MAX: usize = 4 << 10;

/// The search of one stream.
///
/// The text is searched first. Then the plain reading, only near places where it differs: it begins
/// there with the state that the search of the text would have, since both readings have been the
/// same, and ends where both states must be the same again.
#[derive(Clone)]
pub(super) struct Search {
    /// The state of the search of the text.
    state: State,
    end: u64,
    /// The end of the text so far, if both readings agree.
    before: Before,
    plain: Option<Box<Plain>>,
}

impl Search {
    /// A search that begins at this position.
    pub(super) fn at(start: u64) -> Search {
        Search { state: ROOT, end: start, before: Before::default(), plain: None }
    }

    /// The end of the text so far.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The state of the search of the text itself.
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Whether the plain reading differs at the end of the text, so that the held-back text is more
    /// than the beginning of a needle.
    pub(super) fn is_reading(&self) -> bool {
        self.plain.is_some()
    }

    /// The first position from which on the text is held back.
    pub(super) fn held_start(&self, set: &NeedleSet) -> u64 {
        let of_text = self.end - set.scanner().held_len(self.state) as u64;
        self.plain.as_ref().map_or(of_text, |plain| of_text.min(plain.held_start(set, self.end)))
    }

    /// If the text ends in a line end that the plain reading leaves out: the number of bytes from
    /// the first of such line ends on, one behind the other. Else 0.
    ///
    /// It depends on the text alone, but for a match over a whole such line.
    pub(super) fn wrapped(&self) -> u64 {
        self.plain.as_ref().and_then(|plain| plain.wrapped_from()).map_or(0, |from| self.end - from)
    }

    /// Searches the next piece of the text, of up to [`PIECE_LEN_MAX`] bytes. Adds the occurrences
    /// in the text to `found`, those in the plain reading where it differs to `read`.
    pub(super) fn push(&mut self, set: &NeedleSet, text: &[u8], found: &mut Vec<Found>, read: &mut Vec<Occurrence>) {
        debug_assert!(text.len() <= PIECE_LEN_MAX);
        let earlier = (self.state, self.before);
        let start = self.end;
        self.state = set.scanner().scan(text, self.state, found);
        self.end += text.len() as u64;
        if set.reads() {
            self.read(set, text, start, earlier, read);
        }
    }

    fn read(
        &mut self,
        set: &NeedleSet,
        text: &[u8],
        start: u64,
        (state, before): (State, Before),
        read: &mut Vec<Occurrence>,
    ) {
        self.before = before.then(text);
        // The state of both searches at `at`, as far as they are known to be the same.
        let (mut at, mut searched, mut differs_until) = (0, Searched::To(state), None);
        let mut plain = self.plain.take();
        let mut is_reading = plain.is_some();
        loop {
            if let Some(reading) = plain.as_mut().filter(|_| is_reading) {
                at = follow(reading, set, text, start, at, read);
                (searched, differs_until) = (Searched::To(reading.state()), Some(reading.differs_until()));
                if at == text.len() && !reading.agrees(set, self.end) {
                    self.plain = plain;
                    return;
                }
            }
            let next = trigger::first(set.joints(), text, at, before_at(text, at, before));
            if next == text.len() {
                break;
            }
            let (position, before) = (start + next as u64, before_place(text, next, before));
            let alone = trigger::alone(set.joints(), text, next, before);
            let mut passed = alone.as_ref().and_then(|alone| leap(set, text, at..next, alone));
            let mut state = ROOT;
            if passed.is_none() {
                // No match that the place could interrupt begins before this.
                let from = at.max(next.saturating_sub(set.needle_len_max()));
                let earlier = if from == at { searched.at(set, text, at) } else { ROOT };
                state = set.scanner().scan(&text[from..next], earlier, &mut Vec::new());
                passed = alone.and_then(|alone| pass(set, text, &alone, state));
            }
            if let Some(passed) = passed {
                (at, is_reading) = (passed.at, false);
                (searched, differs_until) = (passed.state, Some(start + passed.differs_until as u64));
                continue;
            }
            match &mut plain {
                Some(plain) => plain.restart(set, position, state, before),
                None => plain = Some(Box::new(Plain::new(set, position, state, before))),
            }
            (at, is_reading) = (next, true);
        }
        // The search of the text may be in a match that begins before the last difference.
        let raw_start = self.end - set.scanner().held_len(self.state) as u64;
        if differs_until.is_some_and(|until| raw_start < until) {
            let state = set.scanner().scan(&text[at..], searched.at(set, text, at), &mut Vec::new());
            self.plain = Some(Box::new(Plain::new(set, self.end, state, self.before)));
        }
    }

    /// Frees the memory that only the next piece needs again.
    pub(super) fn shrink_to_fit(&mut self) {
        if let Some(plain) = &mut self.plain {
            plain.shrink_to_fit();
        }
    }

    /// Ends the text: reads an escape without its end as it stands. Adds the last occurrences in
    /// the plain reading to `read`, and the partial matches that are masked at the end of a text to
    /// `partial`. A later push begins a new text.
    pub(super) fn finish(&mut self, set: &NeedleSet, read: &mut Vec<Occurrence>, partial: &mut Vec<Occurrence>) {
        let end = self.end;
        if let Some(mut plain) = self.plain.take() {
            partial.extend(plain.partial_match(set, end));
            plain.read(set, &[], end, true, read);
            partial.extend(plain.partial_match(set, end));
        }
        if let Some((needle, len)) = set.partial_match(self.state) {
            let (start, needle) = (end - len as u64, needle as u32);
            partial.push(Occurrence { start, end, needle, spelling: Spelling::Own });
        }
        *self = Search::at(end);
    }
}

/// The state of the search in the plain reading at an offset.
#[derive(Clone, Copy)]
enum Searched {
    To(State),
    /// Any match has begun in the last bytes, as many as an infix has. Most such states are never
    /// needed.
    OnlyLast,
}

impl Searched {
    fn at(self, set: &NeedleSet, text: &[u8], at: usize) -> State {
        match self {
            Searched::To(state) => state,
            Searched::OnlyLast => set.scanner().scan(&text[at - INFIX_LEN..at], ROOT, &mut Vec::new()),
        }
    }
}

/// A place where the readings differ, but that no match touches.
struct Passed {
    /// An offset behind the place, and the state of the search in the plain reading there.
    at: usize,
    state: Searched,
    differs_until: usize,
}

/// Passes a place where the readings differ, and that no needle can go across: none has the bytes
/// beside it one behind the other. It lies behind these bytes, in which they do not differ. In logs
/// most places are such, and all others cost five times as much.
fn leap(set: &NeedleSet, text: &[u8], clear: Range<usize>, one: &Alone) -> Option<Passed> {
    const LEN: usize = INFIX_LEN;
    let infixes = set.infixes()?;
    let (before, behind) = (text[clear].last_chunk::<LEN>()?, text[one.end..].first_chunk::<LEN>()?);
    let (mut reading, mut len) = ([0; 2 * LEN + 1], LEN);
    reading[..LEN].copy_from_slice(before);
    if let Some(byte) = one.byte {
        reading[len] = byte;
        len += 1;
    }
    reading[len..len + LEN].copy_from_slice(behind);
    // A match that begins before the place ends in the bytes behind it.
    let is_crossed = infixes.may_cross(&reading[..len + LEN]);
    (!is_crossed).then_some(Passed { at: one.end + LEN, state: Searched::OnlyLast, differs_until: one.end })
}

/// Passes a place where the readings differ, without a reader: in logs nearly all are an escape or
/// a line end by itself, and no match goes on behind it. `state` is that of the reading before the
/// place. `None`: a match goes on, or is found.
fn pass(set: &NeedleSet, text: &[u8], one: &Alone, mut state: State) -> Option<Passed> {
    if let Some(byte) = one.byte {
        state = set.scanner().step(state, byte)?;
    }
    // The match may begin before the place as long as it is longer than the text behind it. One
    // byte at least has to stand there, since the next one is read by the byte before it.
    for (len, &byte) in text[one.end..one.clear_until].iter().enumerate() {
        if len > 0 && set.scanner().held_len(state) <= len {
            return Some(Passed { at: one.end + len, state: Searched::To(state), differs_until: one.end });
        }
        state = set.scanner().step(state, byte)?;
    }
    None
}

/// Reads on from offset `at` of the text until both readings agree, or to the end. Returns where.
fn follow(
    plain: &mut Plain,
    set: &NeedleSet,
    text: &[u8],
    start: u64,
    mut at: usize,
    read: &mut Vec<Occurrence>,
) -> usize {
    let mut step = STEP_MIN;
    while at < text.len() {
        let next = text.len().min(at + step);
        step = STEP_MAX.min(4 * step);
        plain.read(set, &text[at..next], start + at as u64, false, read);
        at = next;
        if plain.agrees(set, start + at as u64) {
            break;
        }
    }
    at
}

/// The end of the reading before a place where it begins to differ.
fn before_place(text: &[u8], place: usize, before: Before) -> Before {
    match place.checked_sub(1) {
        Some(last) if matches!(text[place], b'\r' | b'\n') => Before::wrapped_line_end(text[last]),
        _ => before_at(text, place, before),
    }
}

/// The end of the reading before this offset, where it agrees with the text.
fn before_at(text: &[u8], at: usize, before: Before) -> Before {
    let run = usize::from(TOKEN_RUN_MIN);
    if at < run { before.then(&text[..at]) } else { Before::default().then(&text[at - run..at]) }
}

/// Whether the plain reading of this whole text may differ from it.
#[inline]
pub(super) fn reads_otherwise(set: &NeedleSet, text: &[u8]) -> bool {
    set.reads() && trigger::first(set.joints(), text, 0, Before::default()) < text.len()
}
