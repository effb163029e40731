//! The last level of the plain reading: doubled characters read as one, and a line end within a
//! long run of token characters as nothing.

use super::bytes::{Bytes, Source};
use super::rule::GAP_MAX;
use super::token::{Before, TOKEN_RUN_MIN};
use super::trigger::{self, Joints};

/// The level; it reads a stream in pieces, and nothing waits.
#[derive(Clone, Default)]
pub(crate) struct Joining {
    before: Before,
    /// The last byte was a dropped line end, or a dropped blank behind one.
    is_in_wrap: bool,
    /// Where the stretch of the first byte dropped since the last byte of the reading begins.
    dropped_from: Option<u64>,
}

/// What a piece of the reading says of the one before it.
#[derive(Default)]
pub(crate) struct Amended {
    /// The new beginning of the stretch of the last byte of the reading before this piece.
    pub(crate) start: Option<u64>,
}

impl Joining {
    /// A level behind this text.
    pub(crate) fn behind(before: Before) -> Joining {
        Joining { before, is_in_wrap: false, dropped_from: None }
    }

    /// The end of the reading so far.
    pub(crate) fn before(&self) -> Before {
        self.before
    }

    /// Notes that these bytes have been read, of which none is dropped.
    pub(crate) fn pass(&mut self, read: &[u8]) {
        self.before = self.before.then(read);
    }

    pub(crate) fn is_settled(&self) -> bool {
        !self.is_in_wrap && self.dropped_from.is_none()
    }

    /// Reads what the levels before this one have read. `input` is empty afterwards.
    pub(crate) fn read(&mut self, joints: &Joints, input: &mut Bytes, out: &mut Bytes) -> Amended {
        let mut amended = Amended::default();
        let is_same = input.breaks.is_empty()
            && out.is_empty()
            && self.is_settled()
            && trigger::first_joint(joints, &input.bytes, 0, self.before) == input.bytes.len();
        if is_same {
            self.before = self.before.then(&input.bytes);
            std::mem::swap(input, out);
            return amended;
        }
        out.reserve(input.bytes.len());
        let mut source = Source::of(input);
        let mut from = 0;
        for at in input.breaks.iter().copied().chain([usize::MAX]) {
            self.read_part(joints, &mut source, from..at.min(input.bytes.len()), out, &mut amended);
            if at != usize::MAX {
                self.break_off(out);
                from = at;
            }
        }
        input.clear();
        amended
    }

    fn read_part(
        &mut self,
        joints: &Joints,
        source: &mut Source<'_>,
        range: core::ops::Range<usize>,
        out: &mut Bytes,
        amended: &mut Amended,
    ) {
        let mut at = range.start;
        while at < range.end {
            let next = match self.is_in_wrap {
                true => at,
                false => trigger::first_joint(joints, &source.bytes[..range.end], at, self.before),
            };
            self.keep(source, at..next, out);
            at = next;
            if at == range.end {
                break;
            }
            let byte = source.bytes[at];
            let is_double = self.before.byte.is_some_and(|before| joints.joins(before, byte));
            if is_double {
                match out.bytes.is_empty() || out.breaks.last() == Some(&out.bytes.len()) {
                    true => amended.start = Some(source.start_of(at)),
                    false => out.amend_last(source.start_of(at)),
                }
            }
            let is_wrap = match byte {
                b'\r' | b'\n' => self.is_in_wrap || self.before.run == TOKEN_RUN_MIN,
                b' ' | b'\t' => self.is_in_wrap,
                _ => false,
            };
            if is_double || is_wrap {
                self.is_in_wrap = is_wrap;
                self.drop(source, at, out);
            } else {
                self.keep(source, at..at + 1, out);
            }
            at += 1;
        }
    }

    fn keep(&mut self, source: &mut Source<'_>, range: core::ops::Range<usize>, out: &mut Bytes) {
        if !range.is_empty() {
            self.before = self.before.then(&source.bytes[range.clone()]);
            (self.is_in_wrap, self.dropped_from) = (false, None);
            source.copy(range, out);
        }
    }

    fn drop(&mut self, source: &mut Source<'_>, at: usize, out: &mut Bytes) {
        let from = *self.dropped_from.get_or_insert(source.start_of(at));
        if source.end_of(at) > from + GAP_MAX {
            self.break_off(out);
        }
    }

    fn break_off(&mut self, out: &mut Bytes) {
        out.push_break();
        *self = Joining::default();
    }
}
