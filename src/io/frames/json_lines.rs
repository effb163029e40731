//! JSON lines (<https://jsonlines.org>): a value of JSON on each line, which stays one.
//!
//! A mask within a string keeps a line JSON, unless an end of it cuts an escape. Then the mask
//! takes the rest of the escape. A mask that reaches beyond a string, a number or another word
//! stands for the whole value, in quotes: that of which the bytes are the smallest around it. A
//! line that is no JSON goes out as in plain text.
//!
//! A line goes out with the newline that ends it in the output. Memory: twice a line of at most 1
//! MiB; a longer one goes out as plain text. Cost: linear.

use std::ops::Range;
#[cfg(feature = "sidecar")]
use std::sync::Arc;

use zeroize::Zeroizing;

use super::framing::{FRAME_LEN_MAX, KEPT_LEN_MAX, fixed};
use super::json_syntax::{Kind, Node, escapes, parse};
#[cfg(feature = "sidecar")]
use crate::io::line_buffer::search_again;
use crate::redact::mask::Mask;
#[cfg(feature = "sidecar")]
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::{Piece, Redacted, RedactedBuf};
use crate::redact::redactor::Redactor;
use crate::redact::release::LineRelease;
use crate::redact::wiped::append;

/// See the module.
pub(crate) struct JsonLines {
    /// The input that waits, from `start` on, behind `gone` bytes that do not.
    raw: Zeroizing<Vec<u8>>,
    gone: usize,
    start: u64,
    /// The output that waits, and where it comes from.
    out: RedactedBuf,
    runs: LineRelease,
    /// The number of newlines in the output that waits, except in masks.
    newlines: usize,
    /// The line is too long to be held.
    is_overlong: bool,
    is_lost: bool,
}

/// A part of a line of output.
struct Part {
    /// Where its bytes are in the input; of a mask, up to the next part.
    range: Range<usize>,
    /// Where they are in the output.
    out: Range<usize>,
    is_mask: bool,
}

/// A range of the input that a mask stands for.
#[derive(Debug, PartialEq, Eq)]
struct Masked {
    range: Range<usize>,
    /// The number of its part.
    part: usize,
    is_value: bool,
}

impl JsonLines {
    pub(super) fn new() -> JsonLines {
        JsonLines {
            raw: Zeroizing::default(),
            gone: 0,
            start: 0,
            out: RedactedBuf::new(KEPT_LEN_MAX),
            runs: LineRelease::new(FRAME_LEN_MAX),
            newlines: 0,
            is_overlong: false,
            is_lost: false,
        }
    }

    /// See [`Frames::push`](super::Frames::push).
    pub(super) fn push<E>(
        &mut self,
        redactor: &mut Redactor,
        input: &[u8],
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.start = if self.raw().is_empty() { redactor.end() } else { self.start };
        append(&mut self.raw, input);
        self.take(redactor.push(input));
        self.write_lines(redactor, sink)
    }

    /// See [`Frames::finish`](super::Frames::finish).
    pub(super) fn finish<E>(
        &mut self,
        redactor: &mut Redactor,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.take(redactor.finish());
        self.write_lines(redactor, sink)?;
        self.write_line(redactor, self.out.len(), sink)?;
        self.runs.end(redactor.end());
        self.drop_raw(redactor.end());
        self.is_overlong = false;
        Ok(())
    }

    /// See [`Frames::is_lost`](super::Frames::is_lost).
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// See [`Frames::held`](super::Frames::held).
    #[cfg(feature = "sidecar")]
    pub(super) fn held(&self) -> usize {
        self.raw().len()
    }

    /// See [`Frames::give_up`](super::Frames::give_up).
    #[cfg(feature = "sidecar")]
    pub(super) fn give_up<E>(&mut self, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        self.is_lost = true;
        (self.raw, self.gone) = (Zeroizing::default(), 0);
        let written = if self.out.is_empty() { Ok(()) } else { sink(self.out.content()) };
        self.out = RedactedBuf::default();
        written
    }

    /// See [`Frames::swap`](super::Frames::swap).
    #[cfg(feature = "sidecar")]
    pub(super) fn swap(&mut self, redactor: &mut Redactor, set: &Arc<NeedleSet>) {
        search_again(&mut self.runs, &mut self.out, redactor, set);
        let (mut rest, mut newlines) = (self.out.content().bytes(), 0);
        for run in self.runs.runs() {
            let bytes = rest.split_off(..run.len).unwrap_or_default();
            newlines += if run.is_mask { 0 } else { memchr::memchr_iter(b'\n', bytes).count() };
        }
        self.newlines = newlines;
    }

    fn take(&mut self, redacted: Redacted<'_>) {
        let pieces: Vec<Piece<'_>> = redacted.pieces().collect();
        self.runs.add(&pieces);
        let raw = pieces.iter().filter(|piece| !piece.is_mask());
        self.newlines += raw.map(|piece| memchr::memchr_iter(b'\n', piece.bytes()).count()).sum::<usize>();
        pieces.into_iter().for_each(|piece| self.out.append_growing(piece));
    }

    /// Writes all whole lines.
    fn write_lines<E>(
        &mut self,
        redactor: &Redactor,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.newlines > 0 {
            self.write_line(redactor, self.line_len(), sink)?;
            self.newlines -= 1;
            self.is_overlong = false;
        }
        self.is_overlong |= self.raw().len() > FRAME_LEN_MAX;
        if self.is_overlong {
            self.write_as_it_is(self.out.len(), sink)?;
            self.drop_raw(redactor.end() - redactor.held() as u64);
        }
        Ok(())
    }

    /// The length of the first line of the output that ends with a newline of the input.
    fn line_len(&self) -> usize {
        let (bytes, mut at) = (self.out.content().bytes(), 0);
        for run in self.runs.runs() {
            let run_bytes = &bytes[at..at + run.len];
            if let Some(newline) = memchr::memchr(b'\n', run_bytes).filter(|_| !run.is_mask) {
                return at + newline + 1;
            }
            at += run.len;
        }
        at
    }

    /// Writes the first `len` bytes of the output, which are a line.
    fn write_line<E>(
        &mut self,
        redactor: &Redactor,
        len: usize,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let parts = self.parts(len);
        let end = parts.last().filter(|last| !last.is_mask).map_or(self.raw().len(), |last| last.range.end);
        let (set, is_masked) = (redactor.set(), parts.iter().any(|part| part.is_mask));
        let may_change = is_masked && end <= FRAME_LEN_MAX && !self.is_overlong && set.quotes_are_safe();
        match may_change.then(|| parse(&self.raw()[..end])).flatten() {
            None => self.write_as_it_is(len, sink)?,
            Some(nodes) => {
                let masked = masked(&self.raw()[..end], &nodes, &parts);
                let line = Line { out: self.out.content(), parts, is_char: matches!(set.mask(), Mask::Char(_)) };
                line.write(&masked, end, sink)?;
                self.runs.take(len);
                self.out.consume(len);
            }
        }
        self.drop_raw(self.start + end as u64);
        Ok(())
    }

    /// The parts of the first `len` bytes of the output.
    fn parts(&self, len: usize) -> Vec<Part> {
        let (mut parts, mut at): (Vec<Part>, _) = (Vec::new(), 0);
        for run in self.runs.runs().take_while(|_| len > 0) {
            let start = run.start.saturating_sub(self.start) as usize;
            if let Some(last) = parts.last_mut().filter(|last| last.is_mask) {
                last.range.end = start;
            }
            if at == len {
                break;
            }
            let taken = run.len.min(len - at);
            let end = if run.is_mask { self.raw().len() } else { start + taken };
            parts.push(Part { range: start..end, out: at..at + taken, is_mask: run.is_mask });
            at += taken;
        }
        parts
    }

    fn write_as_it_is<E>(&mut self, len: usize, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        let written = if len == 0 { Ok(()) } else { sink(self.out.content().part(0..len)) };
        self.runs.take(len);
        self.out.consume(len);
        written
    }

    fn raw(&self) -> &[u8] {
        &self.raw[self.gone..]
    }

    /// Drops the input before this position. Moves bytes only if as many have gone: a piece may
    /// have thousands of lines.
    fn drop_raw(&mut self, position: u64) {
        self.gone += (position - self.start) as usize;
        self.start = position;
        if 2 * self.gone > self.raw.len() {
            let rest = self.raw.len() - self.gone;
            self.raw.copy_within(self.gone.., 0);
            self.raw[rest..].fill(0);
            self.raw.truncate(rest);
            self.gone = 0;
        }
    }
}

/// The ranges that the masks of a line stand for, so that it stays JSON.
fn masked(line: &[u8], nodes: &[Node], parts: &[Part]) -> Vec<Masked> {
    let (mut all, mut next, mut around): (Vec<Masked>, _, Vec<&Node>) = (Vec::new(), 0, Vec::new());
    for (part, covered) in parts.iter().enumerate().filter(|(_, part)| part.is_mask).map(|(n, part)| (n, &part.range)) {
        while let Some(node) = nodes.get(next).filter(|node| node.range.start <= covered.start) {
            while around.pop_if(|outer| outer.range.end <= node.range.start).is_some() {}
            around.push(node);
            next += 1;
        }
        while around.pop_if(|outer| outer.range.end <= covered.start).is_some() {}
        let is_inner = |node: &&&Node| node.range.start < covered.start && covered.end < node.range.end;
        let string = around.last().filter(|node| matches!(node.kind, Kind::Key | Kind::String)).filter(is_inner);
        let value = around.iter().rev().find(|node| node.kind != Kind::Key && covered.end <= node.range.end);
        let mut found = match (string, value) {
            (Some(string), _) => {
                // The last range ends between escapes, too, or has the whole of this string.
                let from = all.last().map_or(0, |last| last.range.end).max(string.range.start);
                let rest = from.min(string.range.end)..string.range.end;
                Masked { range: with_escapes(line, rest, covered), part, is_value: false }
            }
            (None, value) => {
                let range = value.map_or(&nodes[0].range, |value| &value.range);
                Masked { range: range.start.min(covered.start)..range.end.max(covered.end), part, is_value: true }
            }
        };
        while let Some(last) = all.pop_if(|last| found.range.start < last.range.end) {
            let range = last.range.start.min(found.range.start)..last.range.end.max(found.range.end);
            found = Masked { range, part: last.part, is_value: last.is_value || found.is_value };
        }
        all.push(found);
    }
    all
}

/// A range within this end of a string, with all of the escapes that it cuts.
fn with_escapes(line: &[u8], string: Range<usize>, range: &Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (range.start, range.end);
    for escape in escapes(line, string).take_while(|escape| escape.start < range.end) {
        start = if escape.end > range.start { start.min(escape.start) } else { start };
        end = end.max(escape.end);
    }
    start..end
}

/// The output of a line, and how its masks are written.
struct Line<'a> {
    out: Piece<'a>,
    parts: Vec<Part>,
    is_char: bool,
}

impl Line<'_> {
    /// Writes the line up to the end of its input, with these ranges masked.
    fn write<E>(
        &self,
        masked: &[Masked],
        end: usize,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut at, mut from) = (0, 0);
        for masked in masked {
            self.write_raw(at..masked.range.start, &mut from, sink)?;
            self.write_mask(masked, sink)?;
            at = masked.range.end;
        }
        self.write_raw(at..end, &mut from, sink)
    }

    /// Writes input that is not masked. The parts before `from` are before it.
    fn write_raw<E>(
        &self,
        range: Range<usize>,
        from: &mut usize,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (number, part) in self.parts.iter().enumerate().skip(*from).filter(|(_, part)| !part.is_mask) {
            let (start, end) = (part.range.start.max(range.start), part.range.end.min(range.end));
            if start < end {
                let offset = part.out.start + start - part.range.start;
                sink(self.out.part(offset..offset + end - start))?;
            }
            if part.range.end > range.end {
                break;
            }
            *from = number;
        }
        Ok(())
    }

    fn write_mask<E>(&self, masked: &Masked, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        let mask = self.out.part(self.parts[masked.part].out.clone());
        let quote = fixed(b'"');
        let quotes = usize::from(masked.is_value);
        (0..quotes).try_for_each(|_| sink(quote))?;
        if self.is_char {
            let mut len = (masked.range.end - masked.range.start).saturating_sub(2 * quotes);
            while len > 0 {
                let piece = mask.part(0..mask.len().min(len));
                len -= piece.len();
                sink(piece)?;
            }
        } else if !masked.is_value && mask.bytes().starts_with(b"\\") {
            // Within JSON in this string, in quotes that are escaped already.
            sink(mask)?;
        } else {
            let bare = mask.bytes().strip_prefix(b"\"").and_then(|mask| mask.strip_suffix(b"\""));
            let inner = if bare.is_some() { mask.part(1..mask.len() - 1) } else { mask };
            write_escaped(inner, sink)?;
        }
        (0..quotes).try_for_each(|_| sink(quote))
    }
}

/// Writes a mask within a string.
fn write_escaped<E>(mask: Piece<'_>, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut rest = mask;
    while let Some(at) = rest.bytes().iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (before, from) = rest.split_at(at);
        let (special, after) = from.split_at(1);
        [before].into_iter().filter(|before| !before.is_empty()).try_for_each(&mut *sink)?;
        match special.bytes() {
            [0..0x20] => sink(fixed(b'_'))?,
            _ => [fixed(b'\\'), special].into_iter().try_for_each(&mut *sink)?,
        }
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { sink(rest) }
}

#[cfg(test)]
mod tests;
