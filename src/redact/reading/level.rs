//! One level of the plain reading: undoes each escape of its input once.

use core::ops::Range;

use super::layer::{Layer, Layers, Writer};
use super::quick;
use super::rest::Rest;
use super::rule::{self, Escape, GAP_MAX, ReadsAs, may_begin};
use super::trigger::{self, Joints};

/// One level; it reads a stream in pieces.
#[derive(Clone)]
pub(super) struct Level {
    /// The end of the stretch of the last byte that was read.
    end: u64,
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
    /// A level that begins at this position of the text.
    pub(super) fn at(start: u64) -> Level {
        Level { end: start }
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
        if !out.is_waiting() && scratch.places.is_empty() {
            self.end = bytes.len().checked_sub(1).map_or(self.end, |last| layers.end_of(below, last));
            return Undone { len: bytes.len(), is_same: true };
        }
        let mut writer = Writer::new(out, below, bytes.len(), breaks);
        let (mut at, mut len) = (0, bytes.len());
        // Behind the last byte that was read or broke a match.
        let mut end = End { known: self.end, before: 0, gap_end: None };
        let mut places = &scratch.places[..];
        loop {
            if breaks.is_empty() {
                let done = writer.quick_escapes(bytes, places);
                places = &places[done..];
                if writer.copied() > at {
                    at = writer.copied();
                    end.is_before(at);
                }
            }
            let [place, rest @ ..] = places else { break };
            places = rest;
            let place = *place as usize;
            if place < at {
                continue;
            }
            if breaks.is_empty()
                && let Some(len) = quick::sequence(&bytes[place..])
            {
                end.passes(at..place);
                writer.copy(bytes, place);
                at = place + len;
                leave_out_one(&mut writer, layers, below, at, &mut end);
                continue;
            }
            if !may_begin(&bytes[place..]) {
                continue;
            }
            let rest = rest_of_part(bytes, breaks, place, is_last);
            let Ok(found) = rule::escape(rest) else {
                len = place;
                break;
            };
            let Some(escape) = found else { continue };
            end.passes(at..place);
            writer.copy(bytes, place);
            at = place + undo(&mut writer, layers, below, rest.bytes, &escape, &mut end);
            if at - place > JUMP_MIN {
                places = &places[places.partition_point(|&place| (place as usize) < at)..];
            }
        }
        end.passes(at..len);
        self.end = end.position(layers, below);
        let is_same = writer.is_copy() && len == bytes.len();
        let written = writer.finish(if is_same { &[] } else { &bytes[..len] });
        out.end(written);
        Undone { len, is_same }
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
