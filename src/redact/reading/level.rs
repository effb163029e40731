//! One level of the plain reading: undoes each escape of its input once.

use core::ops::Range;

use super::bytes::{Bytes, Source};
use super::rule::{self, ESCAPE_LEN_MAX, GAP_MAX, ReadsAs, Rest};
use super::trigger::{self, Joints};

/// One level; it reads a stream in pieces.
#[derive(Clone, Default)]
pub(crate) struct Level {
    /// The end of the input so far, if it may be the beginning of an escape.
    tail: Bytes,
    /// The end of the stretch of the last byte that was read.
    end: u64,
}

impl Level {
    /// A level that begins at this position of the text.
    pub(crate) fn at(start: u64) -> Level {
        Level { tail: Bytes::default(), end: start }
    }

    /// Whether no byte of the input is waiting.
    pub(crate) fn is_settled(&self) -> bool {
        self.tail.is_empty()
    }

    /// The position of the first waiting byte, if what it begins may begin a match.
    pub(crate) fn waits_from(&self) -> Option<u64> {
        self.tail.start().filter(|_| self.tail.bytes.first() != Some(&rule::ESC))
    }

    /// The end of the stretch of the last byte of the reading.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Notes that bytes up to this position have been read otherwise.
    pub(crate) fn pass(&mut self, end: u64) {
        self.end = end;
    }

    /// Reads the next bytes of the text, which begin at this position. Returns whether the reading
    /// differs from the text.
    pub(crate) fn read_text(
        &mut self,
        joints: &Joints,
        text: &[u8],
        start: u64,
        is_last: bool,
        out: &mut Bytes,
    ) -> bool {
        if self.tail.is_empty() {
            let (len, differs) = self.read_source(joints, Source::text(text, start), is_last, out);
            self.tail.reserve(text.len() - len);
            self.tail.push_plain(&text[len..], start + len as u64);
            return differs || len < text.len();
        }
        // The escape that waits ends within the longest one.
        let waiting = self.tail.bytes.len();
        let more = text.len().min(ESCAPE_LEN_MAX);
        let mut joined = std::mem::take(&mut self.tail);
        joined.reserve(more);
        joined.push_plain(&text[..more], start);
        let is_all = more == text.len();
        let (len, _) = self.read_source(joints, Source::of(&joined), is_last && is_all, out);
        if is_all {
            joined.drop_front(len);
            self.tail = joined;
            return true;
        }
        debug_assert!(len >= waiting, "the longest escape has ended");
        let used = len - waiting;
        self.read_text(joints, &text[used..], start + used as u64, is_last, out);
        true
    }

    /// Reads what the level before this one has read. `input` is empty afterwards.
    pub(crate) fn read(&mut self, joints: &Joints, input: &mut Bytes, is_last: bool, out: &mut Bytes) {
        let is_same = self.tail.is_empty()
            && input.breaks.is_empty()
            && out.is_empty()
            && trigger::first_escape(joints, &input.bytes, 0) == input.bytes.len();
        if is_same {
            // Gaps of the level before are bounded by its own breaks.
            if let Some(last) = input.bytes.len().checked_sub(1) {
                self.end = Source::of(input).end_of(last);
            }
            std::mem::swap(input, out);
            return;
        }
        let mut tail = std::mem::take(&mut self.tail);
        tail.reserve(input.bytes.len());
        tail.append(input);
        input.clear();
        let mut from = 0;
        for at in std::mem::take(&mut tail.breaks) {
            let mut part = Bytes::default();
            part.reserve(at - from);
            Source::of(&tail).copy(from..at, &mut part);
            self.read_source(joints, Source::of(&part), true, out);
            out.push_break();
            from = at;
        }
        tail.drop_front(from);
        let (len, _) = self.read_source(joints, Source::of(&tail), is_last, out);
        tail.drop_front(len);
        self.tail = tail;
    }

    /// Reads as far as the bytes decide. Returns how far, and whether anything was an escape.
    fn read_source(
        &mut self,
        joints: &Joints,
        mut source: Source<'_>,
        is_last: bool,
        out: &mut Bytes,
    ) -> (usize, bool) {
        let bytes = source.bytes;
        // The bytes from `copied` to `at` stand for themselves.
        let (mut copied, mut at, mut differs) = (0, 0, false);
        // No escape is shorter than what it reads as.
        out.reserve(bytes.len());
        loop {
            at = trigger::first_escape(joints, bytes, at);
            if at == bytes.len() {
                break;
            }
            let Ok(found) = rule::escape(Rest { bytes: &bytes[at..], is_last }) else { break };
            let Some(escape) = found else {
                at += 1;
                continue;
            };
            differs = true;
            self.copy(&mut source, copied..at, out);
            let start = source.start_of(at + escape.outside);
            at += escape.len;
            copied = at;
            let end = source.end_of(at - 1);
            match escape.reads_as {
                ReadsAs::Bytes(read, len) => {
                    out.push_escape(&read[..len.into()], start, end);
                    self.end = end;
                }
                ReadsAs::Nothing if end <= self.end + GAP_MAX => {}
                ReadsAs::Nothing | ReadsAs::Break => {
                    out.push_break();
                    self.end = end;
                }
            }
        }
        self.copy(&mut source, copied..at, out);
        (at, differs)
    }

    fn copy(&mut self, source: &mut Source<'_>, range: Range<usize>, out: &mut Bytes) {
        if !range.is_empty() {
            source.copy(range.clone(), out);
            self.end = source.end_of(range.end - 1);
        }
    }
}
