//! The layers of a piece of the reading: the text, and the output of each level that changed it.
//!
//! A layer has its bytes, and beside them only the *events* that made them of the layer below:
//! escapes that are undone, bytes that are left out. All other bytes are copies. The stretch of a
//! byte is looked up down through the layers, which is needed only for the few bytes that are found
//! or held back. Bytes with a stretch each were several times slower.

use core::ops::Range;

use zeroize::Zeroizing;

use super::dump;
use super::quick;
use super::rule::{self, ESC};
use super::run::{Run, push_run, run_of};
use super::spelling::Spelling;
use super::token::doubles;
pub(super) use waiting::Waiting;
mod waiting;

/// The bytes of a layer that are no copies: `len` bytes at `at`, read from `start..end` below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    at: u32,
    len: u32,
    start: u32,
    end: u32,
}

/// One layer of a piece.
#[derive(Clone, Default)]
pub(super) struct Layer {
    /// The bytes, and behind them zeros.
    room: Zeroizing<Vec<u8>>,
    len: usize,
    /// The stretches of the first bytes, which have been waiting since the last piece.
    head: Vec<Run>,
    head_len: usize,
    /// In order; several at the same offset have no bytes but the last.
    events: Vec<Event>,
    /// The offsets at which any match ends.
    breaks: Vec<u32>,
    /// The layer that this one has read.
    below: usize,
    /// The spelling that the bytes make which earlier pieces left out behind their last one.
    behind: Spelling,
}

impl Layer {
    pub(super) fn is_waiting(&self) -> bool {
        self.head_len > 0
    }

    /// The first waiting byte that an escape or a row of a dump begins with, and where that is.
    pub(super) fn waits_from(&self) -> Option<(u8, u64)> {
        let waiting = &self.bytes()[..self.head_len];
        let at = dump::gap_len(waiting);
        let byte = *waiting.get(at)?;
        Some((byte, self.head[run_of(&self.head, at as u64)].start_of(at as u64)))
    }

    fn bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }

    /// Notes that earlier pieces left out bytes before the first byte here.
    pub(super) fn add_behind(&mut self, behind: Spelling) {
        let first = self.head.first_mut().map_or(&mut self.behind, |run| &mut run.behind);
        *first = (*first).max(behind);
    }

    pub(super) fn set_behind(&mut self, behind: Spelling) {
        self.behind = behind;
    }

    pub(super) fn take_behind(&mut self) -> Spelling {
        std::mem::take(&mut self.behind)
    }

    /// Empties it, and wipes its memory.
    fn clear(&mut self) {
        self.room[..self.len].fill(0);
        self.len = 0;
        self.head.clear();
        self.events.clear();
        self.breaks.clear();
        self.head_len = 0;
    }

    /// Makes room for this many more bytes, so that no growth leaves a copy behind.
    fn reserve(&mut self, len: usize) {
        let len = self.len + len;
        if self.room.len() < len {
            let mut larger = Zeroizing::new(vec![0; len.next_power_of_two()]);
            larger[..self.len].copy_from_slice(self.bytes());
            self.room = larger;
        }
    }

    /// Adds bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.room[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Ends the layer behind the bytes that have been written.
    pub(super) fn end(&mut self, written: Written) {
        self.room[written.len..written.touched].fill(0);
        self.len = written.len;
    }
}

/// Where the event at or before this offset stands in the list.
fn event_at(events: &[Event], at: usize) -> Option<usize> {
    events.partition_point(|event| event.at as usize <= at).checked_sub(1)
}

/// Of a byte behind the head: the bytes below that it came from, and whether it is their copy.
fn source_of(events: &[Event], head_len: usize, at: usize) -> (Range<usize>, bool) {
    let Some(event) = event_at(events, at).map(|event| events[event]) else {
        return (at - head_len..at - head_len + 1, true);
    };
    match at - event.at as usize {
        offset if offset < event.len as usize => (event.start as usize..event.end as usize, false),
        offset => {
            let from = event.end as usize + offset - event.len as usize;
            (from..from + 1, true)
        }
    }
}

/// The number of bytes that a short copy moves, whatever its length.
const SHORT: usize = 32;

/// A layer that is being written. Borrowed by field, so that the loops keep the addresses in
/// registers.
pub(super) struct Writer<'a> {
    bytes: &'a mut [u8],
    events: &'a mut Vec<Event>,
    own_breaks: &'a mut Vec<u32>,
    head_len: usize,
    /// The number of bytes written; there is room for more.
    len: usize,
    /// The bytes below up to here have been copied or read.
    copied: usize,
    /// The breaks of the layer below that stand behind `copied`.
    breaks: &'a [u32],
}

impl<'a> Writer<'a> {
    /// A writer of the reading of this many bytes below, with the breaks among them.
    pub(super) fn new(layer: &'a mut Layer, below: usize, input_len: usize, breaks: &'a [u32]) -> Writer<'a> {
        layer.reserve(input_len + SHORT);
        layer.below = below;
        let Layer { room, len, events, breaks: own_breaks, head_len, .. } = layer;
        Writer { bytes: room, events, own_breaks, head_len: *head_len, len: *len, copied: 0, breaks }
    }

    /// Copies the bytes below up to this offset, with their breaks.
    #[inline(always)]
    pub(super) fn copy(&mut self, bytes: &[u8], until: usize) {
        let (from, base, len) = (self.copied, self.len, until - self.copied);
        if len == 0 && self.breaks.is_empty() {
            return;
        }
        match (bytes.get(from..from + SHORT), self.bytes.get_mut(base..base + SHORT)) {
            (Some(from), Some(to)) if len <= SHORT => to.copy_from_slice(from),
            _ => self.bytes[base..base + len].copy_from_slice(&bytes[from..until]),
        }
        (self.len, self.copied) = (base + len, until);
        if let [first, ..] = self.breaks
            && *first as usize <= until
        {
            self.copy_breaks(from, base);
        }
    }

    /// Copies the breaks among bytes that were copied from this offset to that.
    #[inline(never)]
    fn copy_breaks(&mut self, from: usize, to: usize) {
        while let [first, rest @ ..] = self.breaks
            && *first as usize <= self.copied
        {
            self.push_break_at(to + (*first as usize - from));
            self.breaks = rest;
        }
    }

    /// Writes the reading of the bytes below up to this offset, up to four bytes.
    #[inline(always)]
    pub(super) fn escape(&mut self, outside: usize, until: usize, read: [u8; 4], len: usize) {
        let start = self.copied + outside;
        self.event(len, start, until);
        self.bytes[self.len..self.len + 4].copy_from_slice(&read);
        self.len += len;
        self.copied = until;
    }

    /// Writes these bytes, which the ones below from `start` to `until` show. Those before `start`
    /// are left out.
    pub(super) fn row(&mut self, start: usize, until: usize, read: &[u8]) {
        self.event(read.len(), start, until);
        self.bytes[self.len..self.len + read.len()].copy_from_slice(read);
        self.len += read.len();
        self.copied = until;
    }

    /// Leaves out the bytes below up to this offset.
    #[inline(always)]
    pub(super) fn skip(&mut self, until: usize) {
        match self.events.last_mut() {
            Some(last) if last.len == 0 && last.at as usize == self.len => last.end = until as u32,
            _ => self.event(0, self.copied, until),
        }
        self.copied = until;
    }

    #[inline(always)]
    fn event(&mut self, len: usize, start: usize, end: usize) {
        let [at, len, start, end] = [self.len, len, start, end].map(|offset| offset as u32);
        self.events.push(Event { at, len, start, end });
    }

    /// Ends any match here.
    pub(super) fn push_break(&mut self) {
        self.push_break_at(self.len);
    }

    fn push_break_at(&mut self, at: usize) {
        if self.own_breaks.last() != Some(&(at as u32)) {
            self.own_breaks.push(at as u32);
        }
    }

    /// Moves the beginning of the last byte's stretch to this byte below. Returns false if the last
    /// byte is none of this piece, or behind a break.
    pub(super) fn amend_last(&mut self, start: usize) -> bool {
        if self.len == 0 || self.own_breaks.last() == Some(&(self.len as u32)) {
            return false;
        }
        let at = self.len - 1;
        let event = event_at(self.events, at);
        let (from, is_copy) = source_of(self.events, self.head_len, at);
        match event {
            Some(event) if !is_copy => self.events[event].start = start as u32,
            _ => {
                let amended = Event { at: at as u32, len: 1, start: start as u32, end: from.end as u32 };
                self.events.insert(event.map_or(0, |event| event + 1), amended);
            }
        }
        true
    }

    /// Whether no byte has been left out, or read as another.
    pub(super) fn is_copy(&self) -> bool {
        self.events.is_empty() && self.head_len == 0
    }

    /// The offset below up to which bytes have been copied or read.
    pub(super) fn copied(&self) -> usize {
        self.copied
    }

    /// Reads frequent escapes at some of these places, and copies the bytes before each. Returns
    /// the number of places that are done, up to the first one that is not frequent.
    pub(super) fn quick_escapes(&mut self, bytes: &[u8], places: &[u32]) -> usize {
        // Locals, which stay in registers: twice as fast.
        let (mut copied, mut len, mut done) = (self.copied, self.len, 0);
        let out = &mut *self.bytes;
        self.events.reserve(places.len());
        for &place in places {
            let place = place as usize;
            if place >= copied {
                let (run, more) = (place - copied, bytes.get(copied..copied + SHORT));
                let (Some(from), Some(to)) = (more, out.get_mut(len..len + SHORT)) else { break };
                let Some((escape_len, read)) = quick::byte(&bytes[place..]) else { break };
                match run <= SHORT {
                    true => to.copy_from_slice(from),
                    false => out[len..len + run].copy_from_slice(&bytes[copied..place]),
                }
                len += run;
                out[len] = read;
                copied = place + escape_len;
                self.events.push(Event { at: len as u32, len: 1, start: place as u32, end: copied as u32 });
                len += 1;
            }
            done += 1;
        }
        (self.copied, self.len) = (copied, len);
        done
    }

    /// Copies the rest of the bytes below, with their breaks, and ends the writing.
    pub(super) fn finish(mut self, bytes: &[u8]) -> Written {
        self.copy(bytes, bytes.len());
        Written { len: self.len, touched: self.bytes.len().min(self.len + SHORT) }
    }
}

/// The end of a layer that has been written.
pub(super) struct Written {
    len: usize,
    /// The end of the room that short copies may have written to.
    touched: usize,
}

/// The layers of a piece up to one of them.
#[derive(Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) layers: &'a [Layer],
    pub(super) text: &'a [u8],
    /// The position of the text.
    pub(super) start: u64,
}

impl<'a> Layers<'a> {
    /// The bytes of a layer. The lowest is the text itself, unless bytes before it are waiting.
    pub(super) fn bytes(self, layer: usize) -> &'a [u8] {
        if layer == 0 && !self.layers[0].is_waiting() { self.text } else { self.layers[layer].bytes() }
    }

    /// Whether the text goes on behind the bytes of a layer with one that may begin an escape.
    pub(super) fn are_cut(self, layer: usize) -> bool {
        let Some(last) = self.bytes(layer).len().checked_sub(1) else { return false };
        let from_end = self.start + self.text.len() as u64 - self.end_of(layer, last);
        let next = match self.text.len().checked_sub(from_end as usize) {
            Some(at) => self.text.get(at),
            None => self.bytes(0).len().checked_sub(from_end as usize).and_then(|at| self.bytes(0).get(at)),
        };
        next.is_some_and(|next| rule::FIRST.contains(next))
    }

    pub(super) fn breaks(self, layer: usize) -> &'a [u32] {
        &self.layers[layer].breaks
    }

    /// Where the stretch of the byte at this offset begins.
    pub(super) fn start_of(self, layer: usize, at: usize) -> u64 {
        self.stretch(layer, at, |range| range.start, Run::start_of)
    }

    /// Where the stretch of the byte at this offset ends.
    #[inline(always)]
    pub(super) fn end_of(self, layer: usize, at: usize) -> u64 {
        if layer == 0 && at >= self.layers[0].head_len {
            return self.start + (at - self.layers[0].head_len) as u64 + 1;
        }
        self.stretch(layer, at, |range| range.end - 1, Run::end_of)
    }

    #[inline(never)]
    fn stretch(
        self,
        mut layer: usize,
        mut at: usize,
        edge: impl Fn(Range<usize>) -> usize,
        of_run: impl Fn(&Run, u64) -> u64,
    ) -> u64 {
        loop {
            let this = &self.layers[layer];
            if at < this.head_len {
                return of_run(&this.head[run_of(&this.head, at as u64)], at as u64);
            }
            if layer == 0 {
                return of_run(&Run::plain(0, self.start + (at - this.head_len) as u64), 0);
            }
            (at, layer) = (edge(source_of(&this.events, this.head_len, at).0), this.below);
        }
    }

    /// Adds the stretches of some bytes to `runs`, as those of the bytes from `at` on. `behind` is
    /// the spelling that the bytes left out before them make.
    pub(super) fn append_runs(
        self,
        layer: usize,
        range: Range<usize>,
        mut at: u64,
        behind: Spelling,
        runs: &mut Vec<Run>,
    ) {
        let this = &self.layers[layer];
        let mut behind = behind;
        let mut from = range.start;
        while from < range.end {
            if from == this.head_len {
                behind = behind.max(this.behind);
            }
            let len = if from < this.head_len {
                let number = run_of(&this.head, from as u64);
                let run = this.head[number];
                let end = this.head.get(number + 1).map_or(this.head_len, |next| next.at as usize);
                let behind = behind.max(if from as u64 == run.at { run.behind } else { Spelling::Own });
                push_run(runs, Run { at, start: run.start_of(from as u64), behind, ..run });
                range.end.min(end) - from
            } else if layer == 0 {
                push_run(runs, Run { behind, ..Run::plain(at, self.start + (from - this.head_len) as u64) });
                range.end - from
            } else {
                let (source, is_copy) = source_of(&this.events, this.head_len, from);
                let event = event_at(&this.events, from);
                let end = if is_copy {
                    let next = event.map_or(0, |event| event + 1);
                    range.end.min(this.events.get(next).map_or(usize::MAX, |next| next.at as usize))
                } else {
                    let event = this.events[event.unwrap_or(0)];
                    range.end.min((event.at + event.len) as usize)
                };
                if is_copy {
                    let left_out = event.map(|event| this.events[event]).filter(|event| event.at as usize == from);
                    let behind = behind.max(left_out.map_or(Spelling::Own, |event| self.left_out(layer, &event)));
                    self.append_runs(this.below, source.start..source.start + (end - from), at, behind, runs);
                } else {
                    let start = self.start_of(this.below, source.start);
                    let end = self.end_of(this.below, source.end - 1);
                    let behind = self.spelling_of(this.below, source);
                    push_run(runs, Run { end, is_plain: false, behind, ..Run::plain(at, start) });
                }
                end - from
            };
            (from, at, behind) = (from + len, at + len as u64, Spelling::Own);
        }
    }

    /// The spelling of bytes that are read as others: a row of a dump begins with a digit, and an
    /// escape of more than three bytes never does.
    fn spelling_of(self, layer: usize, source: Range<usize>) -> Spelling {
        let is_row = source.len() > 3 && self.bytes(layer)[source.start].is_ascii_hexdigit();
        if is_row { Spelling::Dump } else { Spelling::Escaped }
    }

    /// The spelling that the bytes make which were left out behind the last byte.
    pub(super) fn left_out_at_end(self, layer: usize) -> Spelling {
        let this = &self.layers[layer];
        let at_end = this.events.last().filter(|event| event.len == 0 && event.at as usize == this.len);
        let earlier = if self.bytes(layer).len() > this.head_len { Spelling::Own } else { this.behind };
        earlier.max(at_end.map_or(Spelling::Own, |event| self.left_out(layer, event)))
    }

    /// The layer that this one has read.
    pub(super) fn below(self, layer: usize) -> Option<usize> {
        (layer > 0).then(|| self.layers[layer].below)
    }

    /// The spelling that bytes make which were left out.
    fn left_out(self, layer: usize, event: &Event) -> Spelling {
        let (below, first) = (self.layers[layer].below, event.start as usize);
        match self.bytes(below).get(first) {
            Some(&byte) if !self.is_of_text(below, first) || doubles(byte, byte) => Spelling::Escaped,
            Some(&ESC) => Spelling::Colour,
            Some(byte) if !rule::FIRST.contains(byte) => Spelling::Wrapped,
            _ => Spelling::Escaped,
        }
    }

    /// Whether the byte at this offset stands so in the text.
    fn is_of_text(self, mut layer: usize, mut at: usize) -> bool {
        loop {
            let this = &self.layers[layer];
            if at < this.head_len {
                return this.head[run_of(&this.head, at as u64)].is_plain;
            }
            if layer == 0 {
                return true;
            }
            let (source, is_copy) = source_of(&this.events, this.head_len, at);
            if !is_copy {
                return false;
            }
            (at, layer) = (source.start, this.below);
        }
    }

    /// The end of the stretch of the last event in a layer.
    pub(super) fn last_event_end(self, layer: usize) -> Option<u64> {
        let this = &self.layers[layer];
        this.events.last().map(|event| self.end_of(this.below, event.end as usize - 1))
    }

    /// The first of these bytes whose stretch ends behind this position, or the end of the range.
    pub(super) fn first_behind(self, layer: usize, range: Range<usize>, position: u64) -> usize {
        let head_len = self.layers[layer].head_len;
        if layer == 0 && range.start >= head_len {
            return range.end.min(range.start.max(head_len + position.saturating_sub(self.start) as usize));
        }
        range.clone().find(|&at| self.end_of(layer, at) > position).unwrap_or(range.end)
    }
}

impl Layer {
    /// Frees the memory that the waiting bytes do not need.
    pub(super) fn shrink_to_fit(&mut self) {
        if self.room.len() > self.len {
            self.room = Zeroizing::new(self.bytes().to_vec());
        }
        self.head.shrink_to_fit();
        self.events.shrink_to_fit();
        self.breaks.shrink_to_fit();
    }
}
