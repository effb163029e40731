//! The layers of a piece of the reading: the text, and the output of each level that changed it.
//!
//! A layer has its bytes, and beside them only the *events* that made them of the layer below: what
//! an escape reads as, what is left out. All other bytes are copies. The stretch of a byte is
//! looked up down through the layers, which is needed for the few bytes that are found or held back
//! only. Bytes with a stretch each were several times slower.

use core::ops::Range;

use zeroize::Zeroizing;

/// The stretches of some consecutive bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// The offset of the first of these bytes.
    pub(crate) at: u64,
    /// The stretch of the first byte. In a *plain* run each byte is its own stretch, and they
    /// follow each other; in any other, all bytes have this one stretch.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) is_plain: bool,
}

impl Run {
    /// Where the stretch of the byte at this offset begins.
    pub(crate) fn start_of(&self, at: u64) -> u64 {
        self.start + if self.is_plain { at - self.at } else { 0 }
    }

    /// Where the stretch of the byte at this offset ends.
    pub(crate) fn end_of(&self, at: u64) -> u64 {
        if self.is_plain { self.start_of(at) + 1 } else { self.end }
    }
}

/// The run of the byte at this offset.
pub(crate) fn run_of(runs: &[Run], at: u64) -> usize {
    runs.partition_point(|run| run.at <= at) - 1
}

/// Adds the stretches of bytes, the first at `at`, or lengthens the last run.
fn push_run(runs: &mut Vec<Run>, run: Run) {
    let goes_on = |last: &Run| last.is_plain && run.is_plain && last.start_of(run.at) == run.start;
    if !runs.last().is_some_and(goes_on) {
        runs.push(run);
    }
}

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
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// The stretches of the first bytes, which have been waiting since the last piece.
    head: Vec<Run>,
    head_len: usize,
    /// In order; several at the same offset have no bytes but the last.
    events: Vec<Event>,
    /// The offsets at which any match ends.
    breaks: Vec<u32>,
    /// The layer that this one has read.
    below: usize,
}

impl Layer {
    pub(super) fn is_waiting(&self) -> bool {
        self.head_len > 0
    }

    /// The byte of the text, if its first byte is waiting, where that is.
    pub(super) fn waits_from(&self) -> Option<(u8, u64)> {
        self.bytes.first().copied().zip(self.head.first().map(|run| run.start))
    }

    /// Empties it, and wipes its memory.
    fn clear(&mut self) {
        self.bytes.fill(0);
        self.bytes.clear();
        self.head.clear();
        self.events.clear();
        self.breaks.clear();
        self.head_len = 0;
    }

    /// Makes room for this many more bytes, so that no growth leaves a copy behind.
    fn reserve(&mut self, len: usize) {
        let len = self.bytes.len() + len;
        if self.bytes.capacity() < len {
            let mut larger = Zeroizing::new(Vec::with_capacity(len.next_power_of_two()));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
    }

    /// Where the event at or before this offset stands in the list.
    fn event_at(&self, at: usize) -> Option<usize> {
        self.events.partition_point(|event| event.at as usize <= at).checked_sub(1)
    }

    /// Of a byte behind the head: the bytes below that it came from, and whether it is their copy.
    fn source_of(&self, at: usize) -> (Range<usize>, bool) {
        let Some(event) = self.event_at(at).map(|event| self.events[event]) else {
            return (at - self.head_len..at - self.head_len + 1, true);
        };
        match at - event.at as usize {
            offset if offset < event.len as usize => (event.start as usize..event.end as usize, false),
            offset => {
                let from = event.end as usize + offset - event.len as usize;
                (from..from + 1, true)
            }
        }
    }
}

/// The number of bytes that a short copy moves, whatever its length.
const SHORT: usize = 16;

/// A layer that is being written.
pub(super) struct Writer<'a> {
    layer: &'a mut Layer,
    /// The number of bytes written; the layer has room for more.
    len: usize,
    /// The bytes below up to here have been copied or read.
    copied: usize,
    /// The breaks of the layer below that stand behind `copied`.
    breaks: &'a [u32],
}

impl<'a> Writer<'a> {
    /// A writer of what these bytes below read as, with the breaks among them.
    pub(super) fn new(layer: &'a mut Layer, below: usize, input_len: usize, breaks: &'a [u32]) -> Writer<'a> {
        let len = layer.bytes.len();
        layer.reserve(input_len + SHORT);
        layer.bytes.resize(len + input_len + SHORT, 0);
        layer.below = below;
        Writer { layer, len, copied: 0, breaks }
    }

    /// Copies the bytes below up to this offset, with their breaks.
    #[inline]
    pub(super) fn copy(&mut self, bytes: &[u8], until: usize) {
        let (from, len) = (self.copied, until - self.copied);
        let base = self.len;
        match (bytes.get(from..from + SHORT), self.layer.bytes.get_mut(base..base + SHORT)) {
            (Some(from), Some(to)) if len <= SHORT => to.copy_from_slice(from),
            _ => self.layer.bytes[base..base + len].copy_from_slice(&bytes[from..until]),
        }
        (self.len, self.copied) = (base + len, until);
        while let [first, rest @ ..] = self.breaks
            && *first as usize <= until
        {
            self.push_break_at(base + (*first as usize - from));
            self.breaks = rest;
        }
    }

    /// Writes what the bytes below up to this offset read as, up to four bytes.
    #[inline]
    pub(super) fn escape(&mut self, outside: usize, until: usize, read: [u8; 4], len: usize) {
        let start = self.copied + outside;
        self.event(len, start, until);
        self.layer.bytes[self.len..self.len + 4].copy_from_slice(&read);
        self.len += len;
        self.copied = until;
    }

    /// Leaves out the bytes below up to this offset.
    #[inline]
    pub(super) fn skip(&mut self, until: usize) {
        match self.layer.events.last_mut() {
            Some(last) if last.len == 0 && last.at as usize == self.len => last.end = until as u32,
            _ => self.event(0, self.copied, until),
        }
        self.copied = until;
    }

    fn event(&mut self, len: usize, start: usize, end: usize) {
        let [at, len, start, end] = [self.len, len, start, end].map(|offset| offset as u32);
        self.layer.events.push(Event { at, len, start, end });
    }

    /// Ends any match here.
    pub(super) fn push_break(&mut self) {
        self.push_break_at(self.len);
    }

    fn push_break_at(&mut self, at: usize) {
        if self.layer.breaks.last() != Some(&(at as u32)) {
            self.layer.breaks.push(at as u32);
        }
    }

    /// Moves the beginning of the last byte's stretch to this byte below. Returns false if the last
    /// byte is none of this piece, or behind a break.
    pub(super) fn amend_last(&mut self, start: usize) -> bool {
        let layer = &mut *self.layer;
        if self.len == 0 || layer.breaks.last() == Some(&(self.len as u32)) {
            return false;
        }
        let at = self.len - 1;
        let (event, (from, is_copy)) = (layer.event_at(at), layer.source_of(at));
        match event {
            Some(event) if !is_copy => layer.events[event].start = start as u32,
            _ => {
                let amended = Event { at: at as u32, len: 1, start: start as u32, end: from.end as u32 };
                layer.events.insert(event.map_or(0, |event| event + 1), amended);
            }
        }
        true
    }

    /// Whether a byte has been left out or read as another.
    pub(super) fn is_copy(&self) -> bool {
        self.layer.events.is_empty() && self.layer.head_len == 0
    }

    /// Ends the layer.
    pub(super) fn finish(self) {
        self.layer.bytes.truncate(self.len);
    }
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
        if layer == 0 && !self.layers[0].is_waiting() { self.text } else { &self.layers[layer].bytes }
    }

    pub(super) fn breaks(self, layer: usize) -> &'a [u32] {
        &self.layers[layer].breaks
    }

    /// Where the stretch of the byte at this offset begins.
    pub(super) fn start_of(self, layer: usize, at: usize) -> u64 {
        self.stretch(layer, at, |range| range.start, Run::start_of)
    }

    /// Where the stretch of the byte at this offset ends.
    pub(super) fn end_of(self, layer: usize, at: usize) -> u64 {
        self.stretch(layer, at, |range| range.end - 1, Run::end_of)
    }

    #[inline]
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
                let start = self.start + (at - this.head_len) as u64;
                return of_run(&Run { at: 0, start, end: start + 1, is_plain: true }, 0);
            }
            (at, layer) = (edge(this.source_of(at).0), this.below);
        }
    }

    /// Adds the stretches of some bytes to `runs`, as those of the bytes from `at` on.
    pub(super) fn append_runs(self, layer: usize, range: Range<usize>, mut at: u64, runs: &mut Vec<Run>) {
        let this = &self.layers[layer];
        let mut from = range.start;
        while from < range.end {
            let len = if from < this.head_len {
                let number = run_of(&this.head, from as u64);
                let run = this.head[number];
                let end = this.head.get(number + 1).map_or(this.head_len, |next| next.at as usize);
                push_run(runs, Run { at, start: run.start_of(from as u64), ..run });
                range.end.min(end) - from
            } else if layer == 0 {
                let start = self.start + (from - this.head_len) as u64;
                push_run(runs, Run { at, start, end: start + 1, is_plain: true });
                range.end - from
            } else {
                let (source, is_copy) = this.source_of(from);
                let event = this.event_at(from);
                let end = if is_copy {
                    let next = event.map_or(0, |event| event + 1);
                    range.end.min(this.events.get(next).map_or(usize::MAX, |next| next.at as usize))
                } else {
                    let event = this.events[event.unwrap_or(0)];
                    range.end.min((event.at + event.len) as usize)
                };
                if is_copy {
                    self.append_runs(this.below, source.start..source.start + (end - from), at, runs);
                } else {
                    let start = self.start_of(this.below, source.start);
                    let end = self.end_of(this.below, source.end - 1);
                    push_run(runs, Run { at, start, end, is_plain: false });
                }
                end - from
            };
            (from, at) = (from + len, at + len as u64);
        }
    }

    /// The end of the stretch of the last event in a layer.
    pub(super) fn last_event_end(self, layer: usize) -> Option<u64> {
        let this = &self.layers[layer];
        this.events.last().map(|event| self.end_of(this.below, event.end as usize - 1))
    }

    /// The first of these bytes whose stretch ends behind this position, or the end of the range.
    pub(super) fn first_behind(self, layer: usize, range: Range<usize>, position: u64) -> usize {
        if layer == 0 && !self.layers[0].is_waiting() {
            return range.end.min(range.start.max(position.saturating_sub(self.start) as usize));
        }
        range.clone().find(|&at| self.end_of(layer, at) > position).unwrap_or(range.end)
    }
}

/// Bytes of a layer that wait for the next piece: taken out, since the layers are needed to find
/// their stretches until all is taken.
#[derive(Default)]
pub(super) struct Waiting {
    bytes: Zeroizing<Vec<u8>>,
    runs: Vec<Run>,
}

impl Waiting {
    pub(super) fn of(layers: Layers<'_>, layer: usize, from: usize) -> Waiting {
        let bytes = layers.bytes(layer);
        let mut waiting = Waiting { bytes: Zeroizing::new(bytes[from..].to_vec()), runs: Vec::new() };
        layers.append_runs(layer, from..bytes.len(), 0, &mut waiting.runs);
        waiting
    }

    /// Empties the layer, and lets it begin with these bytes.
    pub(super) fn begin(self, layer: &mut Layer) {
        layer.clear();
        layer.reserve(self.bytes.len());
        layer.bytes.extend_from_slice(&self.bytes);
        (layer.head, layer.head_len) = (self.runs, self.bytes.len());
    }
}

impl Layer {
    /// Adds the text behind the bytes that wait.
    pub(super) fn append(&mut self, text: &[u8]) {
        self.reserve(text.len());
        self.bytes.extend_from_slice(text);
    }

    /// Frees the memory that the waiting bytes do not need.
    pub(super) fn shrink_to_fit(&mut self) {
        if self.bytes.capacity() > 2 * self.bytes.len() {
            let mut smaller = Zeroizing::new(Vec::with_capacity(self.bytes.len()));
            smaller.extend_from_slice(&self.bytes);
            self.bytes = smaller;
        }
        self.head.shrink_to_fit();
        self.events.shrink_to_fit();
        self.breaks.shrink_to_fit();
    }
}
