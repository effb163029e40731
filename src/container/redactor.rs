//! Redacts a stream of records, and writes valid records again. Docker and CRI both cut a line
//! longer than 16 KiB into several records, and both write the records of standard output and
//! standard error into one file.
//!
//! The text of each output is assembled as the program wrote it, and searched. The redacted text is
//! then put back into its records. The output has the same records in the same order, with the same
//! times, streams and tags. Each is whole, is valid JSON if it was, and is still partial if it was.
//! A mask is written to the record in which its secret begins. Newlines within a secret stay, since
//! they end lines.
//!
//! The result goes through a redactor, like any stream. It finds secrets elsewhere in a record
//! (Docker's labels and tags) and in lines that are no records, and all output passes through it.
//! In place of the text of Docker's records, which is JSON, it gets placeholders only. (In CRI, a
//! secret that ends in a newline, and is none without it, can also match the end of a partial
//! record, and mask that newline.)
//!
//! Whole records are held back: those with the beginning of a secret, and all after them, to keep
//! the order. The limits are [`HELD_LEN_MAX`], and the budget for the records and unfinished lines
//! of all streams together. Beyond that the beginning is masked, even if no secret follows. With
//! line release ([`by_lines`](ContainerRedactor::by_lines)), all records wait for the end of their
//! line instead. A line of more than [`RECORD_LEN_MAX`] bytes is no record, and passes through as
//! it arrives, but is searched as well.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::output::OutputStream;
use super::placeholders::Placeholders;
use super::record::{RECORD_LEN_MAX, Record, RecordFormat};
use super::resume::ResumePoints;
use super::text;
use crate::io::budget::BudgetShare;
use crate::redact::needle::NeedleSet;
use crate::redact::reach::Reach;
use crate::redact::redacted::{Piece, PieceBuf};
use crate::redact::redactor::{Redactor, RegionCounts};
use crate::redact::wiped::append;

/// The limit on held-back records, in bytes, with the memory that each takes besides.
pub(crate) const HELD_LEN_MAX: usize = 4 << 20;
/// The part of an unfinished record that waits even if all streams together are at their limit, in
/// bytes. It covers records of the usual writers, which hold 16 KiB of text.
const TAIL_LEN_MIN: usize = 32 << 10;
/// The memory that a pending record takes besides its bytes: its place in the queue, which may have
/// capacity for twice as many, and an allocation.
const PENDING_COST: usize = 2 * size_of::<PendingRecord>() + 32;

/// The redactor of container logs.
pub(crate) struct ContainerRedactor {
    format: RecordFormat,
    mask_partial: bool,
    /// Whether the output must reveal nothing of a partial match: see
    /// [`by_lines`](ContainerRedactor::by_lines).
    by_lines: bool,
    /// The length of the input so far, in bytes.
    end: u64,
    /// The beginning of an unfinished record.
    tail: Zeroizing<Vec<u8>>,
    /// Whether the current line is too long for a record.
    is_overlong: bool,
    /// Whether the tail is the end of a file, and may continue in the next.
    is_torn: bool,
    /// Standard output and standard error.
    streams: [OutputStream; 2],
    /// The held-back records, in order.
    queue: VecDeque<PendingRecord>,
    queue_len: usize,
    /// The share of pending records, and of an unfinished one, in the limit of all streams.
    share: Option<BudgetShare>,
    /// The input of the redactor, and its output if that is more than one piece.
    out: Zeroizing<Vec<u8>>,
    output: PieceBuf,
    redactor: Redactor,
    placeholders: Placeholders,
    resume_points: ResumePoints,
    /// Empty between calls; kept for its capacity.
    scratch: Zeroizing<Vec<u8>>,
}

/// A held-back line.
struct PendingRecord {
    line: Zeroizing<Vec<u8>>,
    /// Its start in the input.
    start: u64,
    part: Option<RecordText>,
}

/// The part of a stream's text that a record holds.
#[derive(Clone)]
struct RecordText {
    stream: usize,
    /// Its range in the record.
    text: Range<usize>,
    /// Its range in the text of the stream.
    range: Range<u64>,
}

impl ContainerRedactor {
    pub(crate) fn new(set: Arc<NeedleSet>, format: RecordFormat, mask_partial: bool) -> ContainerRedactor {
        ContainerRedactor {
            format,
            mask_partial,
            by_lines: false,
            end: 0,
            tail: Zeroizing::default(),
            is_overlong: false,
            is_torn: false,
            streams: [OutputStream::new(&set), OutputStream::new(&set)],
            queue: VecDeque::new(),
            queue_len: 0,
            share: None,
            out: Zeroizing::default(),
            output: PieceBuf::default(),
            placeholders: Placeholders::new(&set, format),
            redactor: Redactor::new(set).mask_partial(mask_partial),
            resume_points: ResumePoints::default(),
            scratch: Zeroizing::default(),
        }
    }

    /// Hides partial matches, as [`Release::Line`](crate::io::Release::Line) does. Records wait
    /// until their line is complete, or until so much text followed them that no secret that begins
    /// in them can continue. If they must be released before that, an end of constant length is
    /// masked.
    pub(crate) fn by_lines(mut self) -> ContainerRedactor {
        self.by_lines = true;
        self.streams.iter_mut().for_each(OutputStream::wait_for_lines);
        self
    }

    /// Counts pending records in a limit shared with other streams.
    pub(crate) fn with_budget(mut self, share: BudgetShare) -> ContainerRedactor {
        self.share = Some(share);
        self
    }

    /// Pushes a piece of input. Returns the redacted pieces to release, none of them empty, and the
    /// end of the records that they come from.
    pub(crate) fn push<'a>(&'a mut self, piece: &[u8]) -> (Vec<Piece<'a>>, u64) {
        self.out.clear();
        let mut rest = piece;
        while let Some(newline) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(newline + 1);
            self.end += line.len() as u64;
            self.take_line(line);
            rest = after;
        }
        self.end += rest.len() as u64;
        self.take_rest(rest);
        self.flush();
        self.account();
        let next = self.next();
        self.output.clear();
        let redacted = self.redactor.push(&self.out);
        // Output that equals its input has no masks in it. It is copied, since the redactor is used
        // again before the output is released.
        let pieces = redacted.len();
        self.output.append(redacted);
        self.placeholders.restore(&mut self.output, 0);
        let is_clean = pieces <= 1 && self.output.len() == self.out.len();
        self.resume_points.judge(next, is_clean, self.redactor.unsettled() == 0, &mut self.streams);
        (self.output.pieces(), self.redactor.end())
    }

    /// ResumePoints the next bytes as those of another file. An unfinished record continues in it.
    pub(crate) fn boundary(&mut self) {
        self.is_torn = !self.tail.is_empty();
    }

    /// Allows the first text of each stream to be the rest of a secret, of which `before` bytes may
    /// have been written. Must be called before the first push.
    pub(crate) fn resume(&mut self, before: usize) {
        self.streams.iter_mut().for_each(|stream| stream.resume_after(before));
    }

    /// Returns how many of the last written bytes may begin a secret, if the input ended now.
    pub(crate) fn open(&self) -> usize {
        self.streams.iter().map(OutputStream::held).max().unwrap_or(0)
    }

    /// Ends a message: the held-back bytes go out, and the next input begins anew.
    pub(crate) fn finish(&mut self) -> Vec<Piece<'_>> {
        self.out.clear();
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.take_torn(&tail);
        }
        for stream in &mut self.streams {
            stream.finish(self.mask_partial);
        }
        self.flush();
        self.account();
        (self.is_overlong, self.is_torn) = (false, false);
        self.output.clear();
        self.output.append(self.redactor.push(&self.out));
        self.output.append(self.redactor.finish());
        self.placeholders.restore(&mut self.output, 0);
        self.streams.iter_mut().for_each(OutputStream::restart);
        self.resume_points = ResumePoints::begin(self.end);
        self.output.pieces()
    }

    /// Changes the set. PendingRecord-back text is searched again.
    pub(crate) fn swap(&mut self, set: Arc<NeedleSet>) -> Vec<Piece<'_>> {
        self.out.clear();
        for number in 0..self.streams.len() {
            // A record queued behind one of the other output is not written either.
            let waiting = self.queue.iter().filter_map(|held| held.part.as_ref()).find(|part| part.stream == number);
            let settled = self.streams[number].settled();
            let from = waiting.map_or(settled, |part| part.range.start.min(settled));
            let held = self.pending_text(number, from);
            self.streams[number].swap(&set, from, &held);
        }
        // The held-back bytes of the redactor are no stand-in, but may look like one of the new
        // set.
        self.output.clear();
        self.placeholders = Placeholders::new(&set, self.format);
        self.output.append(self.redactor.swap(set));
        let len = self.output.len();
        self.flush();
        self.account();
        self.output.append(self.redactor.push(&self.out));
        self.placeholders.restore(&mut self.output, len);
        self.output.pieces()
    }

    /// Returns the end of the assembled records.
    pub(crate) fn end(&self) -> u64 {
        self.redactor.end()
    }

    /// Returns the reach of the needles in the active set.
    pub(crate) fn reach(&self) -> Reach {
        self.redactor.set().reach()
    }

    /// Returns the number of held-back input bytes.
    pub(crate) fn held(&self) -> u64 {
        (self.tail.len() + self.queue_len + self.redactor.held()) as u64
    }

    /// Returns how many input bytes another engine must read again to mask all that this one would:
    /// see [`Redactor::unsettled`]. A record begins there.
    pub(crate) fn unsettled(&self) -> u64 {
        self.end - self.resume_points.safe()
    }

    /// Returns the number of regions, by name and form.
    pub(crate) fn counts(&self) -> RegionCounts {
        let mut counts = self.redactor.counts();
        for stream in &self.streams {
            stream.counts.iter().for_each(|(key, count)| *counts.entry(key.clone()).or_default() += count);
        }
        counts
    }

    /// Releases memory: the stream is idle.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.out = Zeroizing::default();
        self.scratch = Zeroizing::default();
        self.placeholders.shrink_to_fit();
        self.output = PieceBuf::default();
        self.queue.shrink_to_fit();
    }

    fn take_line(&mut self, line: &[u8]) {
        if self.is_overlong {
            self.is_overlong = false;
            self.take(line, None, self.end - line.len() as u64);
        } else if self.tail.is_empty() {
            self.take_record(line);
        } else {
            let mut tail = std::mem::take(&mut self.tail);
            if std::mem::take(&mut self.is_torn) && Record::parse(self.format, &line[..line.len() - 1]).is_some() {
                // Its writer died, and another one has begun a record of its own.
                self.take_end(&tail, line.len());
                self.take_record(line);
            } else {
                append(&mut tail, line);
                self.take_record(&tail);
            }
        }
        self.resume_points.add(self.end, &self.streams, self.queue.is_empty());
    }

    /// Takes the last record of a file, which its writer did not finish, with `after` bytes read
    /// after it.
    fn take_end(&mut self, tail: &[u8], after: usize) {
        let end = self.end;
        self.end -= after as u64;
        self.take_torn(tail);
        self.take(b"\n", None, self.end);
        self.end = end;
    }

    fn take_rest(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            return;
        }
        let len = self.tail.len() + rest.len();
        let waits = len <= TAIL_LEN_MIN || len <= RECORD_LEN_MAX && self.fits(len);
        if !self.is_overlong && waits {
            append(&mut self.tail, rest);
            return;
        }
        self.is_overlong = true;
        let tail = std::mem::take(&mut self.tail);
        let start = self.end - rest.len() as u64;
        self.take(&tail, None, start - tail.len() as u64);
        self.take(rest, None, start);
    }

    /// Takes a line that ends with a newline.
    fn take_record(&mut self, line: &[u8]) {
        let Some(record) = Record::parse(self.format, &line[..line.len() - 1]) else {
            return self.take(line, None, self.end - line.len() as u64);
        };
        let ends = self.format == RecordFormat::Cri && !record.goes_on;
        self.take_text(line, record.stream, record.text, ends);
    }

    /// Takes an unfinished record. It belongs to the stream that may have begun a secret.
    fn take_torn(&mut self, line: &[u8]) {
        match Record::unfinished_text(self.format, line) {
            Some(text) => {
                let stream = usize::from(self.streams[0].settled() == self.streams[0].end());
                self.take_text(line, stream, text, false);
            }
            None => self.take(line, None, self.end - line.len() as u64),
        }
    }

    fn take_text(&mut self, line: &[u8], stream: usize, text: Range<usize>, ends: bool) {
        self.scratch.clear();
        for unit in text::units(self.format, &line[text.clone()]) {
            append(&mut self.scratch, unit.bytes());
        }
        if ends {
            append(&mut self.scratch, b"\n");
        }
        let range = self.streams[stream].push(&self.scratch);
        self.take(line, Some(RecordText { stream, text, range }), self.end - line.len() as u64);
    }

    /// Releases a line that begins at `start`, or queues it after others.
    fn take(&mut self, line: &[u8], part: Option<RecordText>, start: u64) {
        let goes = |part: &RecordText| self.streams[part.stream].is_plain(&part.range);
        if self.queue.is_empty() && part.as_ref().is_none_or(goes) {
            let begin = self.out.len();
            append(&mut self.out, line);
            self.hide(begin, part.as_ref(), line.len());
            return;
        }
        self.queue_len += line.len();
        self.queue.push_back(PendingRecord { line: Zeroizing::new(line.to_vec()), start, part });
        self.flush();
    }

    /// Releases records that need not wait any more, or exceed the limit.
    fn flush(&mut self) {
        while let Some(held) = self.queue.front() {
            let is_settled = |part: &RecordText| part.range.end <= self.streams[part.stream].releasable();
            if !held.part.as_ref().is_none_or(is_settled) {
                if self.queue_cost() <= HELD_LEN_MAX && self.fits(self.tail.len()) {
                    return;
                }
                if let Some(part) = &held.part {
                    self.streams[part.stream].mask_pending(part.range.end);
                }
            }
            let Some(held) = self.queue.pop_front() else { return };
            self.queue_len -= held.line.len();
            let begin = self.out.len();
            match &held.part {
                None => append(&mut self.out, &held.line),
                Some(part) => self.render(&held.line, part),
            }
            self.hide(begin, held.part.as_ref(), held.line.len());
        }
    }

    /// Returns the memory of the queued records, in bytes.
    fn queue_cost(&self) -> usize {
        self.queue_len + self.queue.len() * PENDING_COST
    }

    /// Returns whether all streams together have budget for the pending records, with a tail of
    /// this length.
    fn fits(&self, tail_len: usize) -> bool {
        self.share.as_ref().is_none_or(|share| share.fits(self.queue_cost() + tail_len))
    }

    /// Counts the pending records among those of all streams.
    fn account(&mut self) {
        let len = self.queue_cost() + self.tail.len();
        self.share.iter_mut().for_each(|share| share.take(len));
    }

    /// Hides the text of the last record in the output. The record begins at `begin`, and had `len`
    /// bytes before masking.
    fn hide(&mut self, begin: usize, part: Option<&RecordText>, len: usize) {
        let record = &mut self.out[begin..];
        let text = part.map_or(0..0, |part| part.text.start..record.len() - (len - part.text.end));
        self.placeholders.hide(record, text);
    }

    /// Writes a record with all its regions masked.
    fn render(&mut self, line: &[u8], part: &RecordText) {
        append(&mut self.out, &line[..part.text.start]);
        let text = &line[part.text.clone()];
        let stream = &mut self.streams[part.stream];
        let mut cover = stream.cover(part.range.clone());
        let mut at = part.range.start;
        for unit in text::units(self.format, text) {
            let range = at..at + unit.len() as u64;
            at = range.end;
            match unit {
                text::Unit::Plain(bytes) => cover.write(self.format, range, bytes, &mut self.out),
                text::Unit::Escape(place, bytes, _) => {
                    // The last newline ends the line, in any record.
                    let ends = bytes[0] == b'\n' && place.end == text.len();
                    if !cover.write_if_touched(self.format, &range, &mut self.out) || ends {
                        append(&mut self.out, &text[place]);
                    }
                }
            }
        }
        // A secret may begin with the newline of a line, even if the record does not contain it.
        cover.write_if_touched(self.format, &(at..part.range.end), &mut self.out);
        stream.rendered(part.range.end);
        append(&mut self.out, &line[part.text.end..]);
    }

    /// Returns the held-back text of a stream from this position.
    fn pending_text(&self, stream: usize, from: u64) -> Zeroizing<Vec<u8>> {
        let mut pending = Zeroizing::default();
        for held in &self.queue {
            let Some(part) = held.part.as_ref().filter(|part| part.stream == stream && part.range.end > from) else {
                continue;
            };
            let mut text = Zeroizing::default();
            for unit in text::units(self.format, &held.line[part.text.clone()]) {
                append(&mut text, unit.bytes());
            }
            if (text.len() as u64) < part.range.end - part.range.start {
                append(&mut text, b"\n");
            }
            append(&mut pending, &text[from.saturating_sub(part.range.start) as usize..]);
        }
        pending
    }

    /// Returns the start of the input that the redactor has not received.
    fn next(&self) -> u64 {
        self.queue.front().map_or(self.end - self.tail.len() as u64, |held| held.start)
    }
}

#[cfg(test)]
mod tests;
