//! One level of the plain reading: undoes each escape and each row of a dump of its input once.

use core::ops::Range;

use super::dump::{self, Beside, DUMP_DEPTH};
use super::layer::{Layer, Layers, Writer};
use super::quick;
use super::rest::{Rest, Undecided};
use super::rule::{self, Escape, GAP_MAX, ReadsAs, may_begin};
use super::token::Before;
use super::trigger::{self, Joints};

/// One level; it reads a stream in pieces.
#[derive(Clone)]
pub(super) struct Level {
    /// The number of levels below it.
    number: usize,
    /// The end of the stretch of the last byte that was read.
    end: u64,
    /// The last byte that was read, unless a match ends behind it.
    before: Option<u8>,
    /// The waiting bytes stand right behind a row of a dump.
    is_behind_row: bool,
}

/// Memory that each level uses anew.
#[derive(Clone, Default)]
pub(super) struct Scratch {
    masks: Vec<u64>,
    places: Vec<u32>,
}

/// How a level has read a piece.
pub(super) struct Undone {
    /// The number of bytes read. The rest may be the beginning of an escape.
    pub(super) len: usize,
    /// Whether there was nothing to undo, so that the layer has not been written.
    pub(super) is_same: bool,
}

/// The end of the last byte that was read: of the byte before an offset of this piece or, if that
/// is 0, known.
struct End {
    known: u64,
    before: usize,
    gap_end: Option<u64>,
}

impl Level {
    /// Levels that begin at this position of a text that ends so.
    pub(super) fn all<const COUNT: usize>(start: u64, before: Before) -> [Level; COUNT] {
        std::array::from_fn(|number| Level { number, end: start, before: before.byte, is_behind_row: false })
    }

    /// Undoes the escapes in a layer, as far as its bytes decide.
    pub(super) fn read(
        &mut self,
        joints: &Joints,
        layers: Layers<'_>,
        below: usize,
        is_last: bool,
        out: &mut Layer,
        scratch: &mut Scratch,
    ) -> Undone {
        let (bytes, breaks) = (layers.bytes(below), layers.breaks(below));
        trigger::escapes(joints, bytes, &mut scratch.masks, &mut scratch.places);
        let mut rows = Rows::of(self, bytes, breaks);
        if !out.is_waiting() && scratch.places.is_empty() && rows.next == bytes.len() {
            self.end = bytes.len().checked_sub(1).map_or(self.end, |last| layers.end_of(below, last));
            self.keep(bytes, breaks, bytes.len());
            return Undone { len: bytes.len(), is_same: true };
        }
        let end = End { known: self.end, before: 0, gap_end: None };
        let writer = Writer::new(out, below, bytes.len(), breaks);
        let mut pass = Pass {
            layers,
            below,
            bytes,
            breaks,
            is_last,
            writer,
            places: &scratch.places,
            at: 0,
            len: bytes.len(),
            end,
        };
        while pass.undo_escapes(rows.next).is_ok() && rows.next < bytes.len() {
            if pass.at > rows.next {
                rows.find(pass.at);
            } else if pass.undo_row(&mut rows, self.number).is_err() {
                pass.len = rows.next;
                self.is_behind_row = rows.is_behind;
                break;
            }
        }
        let Pass { writer, at, len, mut end, .. } = pass;
        end.passes(at..len);
        self.end = end.position(layers, below);
        self.keep(bytes, breaks, len);
        let is_same = writer.is_copy() && len == bytes.len();
        let written = writer.finish(if is_same { &[] } else { &bytes[..len] });
        out.end(written);
        Undone { len, is_same }
    }

    /// Notes the last of the bytes that were read.
    fn keep(&mut self, bytes: &[u8], breaks: &[u32], len: usize) {
        if breaks.binary_search(&(len as u32)).is_ok() {
            self.before = None;
        } else if len > 0 {
            self.before = Some(bytes[len - 1]);
        }
    }
}

/// The places where rows of a dump may stand.
struct Rows<'a> {
    bytes: &'a [u8],
    breaks: &'a [u32],
    /// The byte before the first one.
    before: Option<u8>,
    /// The next place, or the end.
    next: usize,
    /// It stands right behind a row.
    is_behind: bool,
    /// Whether the level reads rows.
    reads: bool,
}

impl<'a> Rows<'a> {
    fn of(level: &mut Level, bytes: &'a [u8], breaks: &'a [u32]) -> Rows<'a> {
        let is_behind = std::mem::take(&mut level.is_behind_row);
        let reads = level.number < DUMP_DEPTH;
        let mut rows = Rows { bytes, breaks, before: level.before, next: 0, is_behind, reads };
        if !is_behind {
            rows.find(0);
        }
        rows
    }

    /// Looks for the next place from here on.
    fn find(&mut self, from: usize) {
        (self.next, self.is_behind) = (from, false);
        if !self.reads {
            self.next = self.bytes.len();
        }
        while self.next < self.bytes.len() {
            let part_end = self.breaks.get(self.breaks.partition_point(|&at| at as usize <= self.next));
            let part_end = part_end.map_or(self.bytes.len(), |&at| at as usize);
            self.next = dump::find(self.bytes, self.next..part_end, |at| self.before(at));
            if self.next < part_end {
                break;
            }
        }
    }

    fn before(&self, at: usize) -> Option<u8> {
        let is_cut = !self.breaks.is_empty() && self.is_break(at);
        if is_cut { None } else { at.checked_sub(1).map_or(self.before, |before| Some(self.bytes[before])) }
    }

    fn is_break(&self, at: usize) -> bool {
        self.breaks.binary_search(&(at as u32)).is_ok()
    }
}

/// The reading of a piece.
struct Pass<'a> {
    layers: Layers<'a>,
    below: usize,
    bytes: &'a [u8],
    breaks: &'a [u32],
    is_last: bool,
    writer: Writer<'a>,
    /// The bytes that may begin an escape.
    places: &'a [u32],
    /// Behind the last byte that was read or broke a match.
    at: usize,
    /// The number of bytes to read.
    len: usize,
    end: End,
}

impl Pass<'_> {
    /// Undoes the escapes that begin before an offset. Ends the piece at one that waits.
    #[inline(always)]
    fn undo_escapes(&mut self, until: usize) -> Result<(), Undecided> {
        let (layers, below, bytes, breaks) = (self.layers, self.below, self.bytes, self.breaks);
        let later = if until == bytes.len() {
            self.places.len()
        } else {
            self.places.partition_point(|&place| (place as usize) < until)
        };
        let (mut places, later) = self.places.split_at(later);
        self.places = later;
        loop {
            if breaks.is_empty() {
                let done = self.writer.quick_escapes(bytes, places);
                places = &places[done..];
                if self.writer.copied() > self.at {
                    self.at = self.writer.copied();
                    self.end.is_before(self.at);
                }
            }
            let [place, rest @ ..] = places else { return Ok(()) };
            places = rest;
            let place = *place as usize;
            if place < self.at {
                continue;
            }
            if breaks.is_empty()
                && let Some(len) = quick::sequence(&bytes[place..])
            {
                self.end.passes(self.at..place);
                self.writer.copy(bytes, place);
                self.at = place + len;
                leave_out_one(&mut self.writer, layers, below, self.at, &mut self.end);
                continue;
            }
            if !may_begin(&bytes[place..]) {
                continue;
            }
            let rest = rest_of_part(bytes, breaks, place, self.is_last);
            let found = rule::escape(rest).inspect_err(|Undecided| self.len = place)?;
            let Some(escape) = found else { continue };
            self.end.passes(self.at..place);
            self.writer.copy(bytes, place);
            self.at = place + undo(&mut self.writer, layers, below, rest.bytes, &escape, &mut self.end);
            if self.at - place > JUMP_MIN {
                places = &places[places.partition_point(|&place| (place as usize) < self.at)..];
            }
        }
    }

    /// Undoes the next row, if there is one, and looks for the place of the one behind it.
    #[inline(never)]
    fn undo_row(&mut self, rows: &mut Rows<'_>, number: usize) -> Result<(), Undecided> {
        let place = rows.next;
        let rest = rest_of_part(self.bytes, self.breaks, place, self.is_last);
        let beside = Beside::level(number);
        let row = if !rows.is_behind {
            let len = dump::head(rest);
            if len.is_err() && self.may_be_head(place) {
                return Err(Undecided);
            }
            match len.ok().flatten() {
                Some(len) if self.is_of_text(place..place + len) => dump::row(rest, len, beside)?,
                _ => None,
            }
        } else if rows.is_break(place) {
            None
        } else {
            dump::next_row(rest, beside)?
        };
        let Some(row) = row else {
            rows.find(if rows.is_behind { place } else { place + 1 });
            return Ok(());
        };
        self.end.passes(self.at..place);
        self.writer.copy(self.bytes, place);
        if row.gap > 0 {
            leave_out_one(&mut self.writer, self.layers, self.below, place + row.gap, &mut self.end);
        }
        self.at = place + row.end;
        self.writer.row(place + row.start, self.at, row.bytes());
        self.end.is_before(self.at);
        (rows.next, rows.is_behind) = (self.at, true);
        Ok(())
    }

    /// Whether a head may begin with all bytes from this one on: none has an escape within it.
    fn may_be_head(&self, place: usize) -> bool {
        self.is_of_text(place..self.bytes.len()) && !self.layers.are_cut(self.below)
    }

    /// Whether these bytes stand so in the text.
    fn is_of_text(&self, range: Range<usize>) -> bool {
        let [start, end] =
            [self.layers.start_of(self.below, range.start), self.layers.end_of(self.below, range.end - 1)];
        end - start == range.len() as u64
    }
}

/// The bytes from this place on up to the next break, behind which no escape continues.
fn rest_of_part<'a>(bytes: &'a [u8], breaks: &[u32], place: usize, is_last: bool) -> Rest<'a> {
    let next = breaks.get(breaks.partition_point(|&at| at as usize <= place));
    let end = next.map_or(bytes.len(), |&at| at as usize);
    Rest { bytes: &bytes[place..end], is_last: is_last || next.is_some() }
}

/// The length from which on the places within an escape are skipped at once, in bytes.
const JUMP_MIN: usize = 16;

/// Writes the reading of an escape, at the beginning of `rest`. Returns the number of bytes that
/// are undone, more than the escape if others of its kind follow.
fn undo(
    writer: &mut Writer<'_>,
    layers: Layers<'_>,
    below: usize,
    rest: &[u8],
    escape: &Escape,
    end: &mut End,
) -> usize {
    let place = writer.copied();
    let at = place + escape.len;
    match escape.reads_as {
        ReadsAs::Bytes(read, len) => {
            writer.escape(escape.outside, at, read, len.into());
            end.is_before(at);
        }
        ReadsAs::Nothing if rest[0] == rule::ESC && escape.len == 1 => {
            // A run of ESC, each alone but the last, goes in one step.
            let run = rest.iter().take_while(|&&byte| byte == rule::ESC).count();
            let len = (run - 1).max(1);
            leave_out(writer, layers, below, place..place + len, end);
            return len;
        }
        ReadsAs::Nothing => leave_out_one(writer, layers, below, at, end),
        ReadsAs::Break => {
            writer.skip(at);
            writer.push_break();
            end.is_before(at);
        }
    }
    escape.len
}

impl End {
    #[inline(always)]
    fn is_before(&mut self, at: usize) {
        (self.before, self.gap_end) = (at, None);
    }

    /// Notes bytes that stand for themselves.
    #[inline(always)]
    fn passes(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.is_before(range.end);
        }
    }

    fn position(&self, layers: Layers<'_>, below: usize) -> u64 {
        match self.before {
            0 => self.known,
            at => layers.end_of(below, at - 1),
        }
    }

    /// The last position of the longest gap behind it.
    #[inline(always)]
    fn gap_end(&mut self, layers: Layers<'_>, below: usize) -> u64 {
        match self.gap_end {
            Some(end) => end,
            None => *self.gap_end.insert(self.position(layers, below) + GAP_MAX),
        }
    }
}

/// Leaves out the bytes up to this offset, which read as nothing together.
#[inline(always)]
fn leave_out_one(writer: &mut Writer<'_>, layers: Layers<'_>, below: usize, until: usize, end: &mut End) {
    writer.skip(until);
    if layers.end_of(below, until - 1) > end.gap_end(layers, below) {
        writer.push_break();
        end.is_before(until);
    }
}

/// Leaves out bytes that each read as nothing, and ends any match where the gap becomes too long.
fn leave_out(writer: &mut Writer<'_>, layers: Layers<'_>, below: usize, mut range: Range<usize>, end: &mut End) {
    while !range.is_empty() {
        let behind = layers.first_behind(below, range.clone(), end.gap_end(layers, below));
        if behind == range.end {
            return writer.skip(behind);
        }
        writer.skip(behind + 1);
        writer.push_break();
        range.start = behind + 1;
        end.is_before(range.start);
    }
}
