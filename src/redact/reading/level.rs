//! One level of the plain reading: undoes each escape of its input once.

use core::ops::Range;

use super::layer::{Layer, Layers, Writer};
use super::quick;
use super::rule::{self, GAP_MAX, ReadsAs, Rest, may_begin};
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
            if let Some(last) = bytes.len().checked_sub(1) {
                self.end = layers.end_of(below, last);
            }
            return Undone { len: bytes.len(), is_same: true };
        }
        let mut writer = Writer::new(out, below, bytes.len(), breaks);
        let (mut at, mut len, mut next_break) = (0, bytes.len(), 0);
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
                if place > at {
                    end.is_before(place);
                }
                writer.copy(bytes, place);
                at = place + len;
                leave_out_one(&mut writer, layers, below, at, &mut end);
                continue;
            }
            if !may_begin(&bytes[place..]) {
                continue;
            }
            while breaks.get(next_break).is_some_and(|&at| at as usize <= place) {
                next_break += 1;
            }
            // No escape continues behind a break.
            let next_break = breaks.get(next_break).map(|&at| at as usize);
            let part = &bytes[..next_break.unwrap_or(bytes.len())];
            let rest = Rest { bytes: &part[place..], is_last: is_last || next_break.is_some() };
            let Ok(found) = rule::escape(rest) else {
                len = place;
                break;
            };
            let Some(escape) = found else { continue };
            if place > at {
                end.is_before(place);
            }
            writer.copy(bytes, place);
            at = place + escape.len;
            match escape.reads_as {
                ReadsAs::Bytes(read, len) => {
                    writer.escape(escape.outside, at, read, len.into());
                    end.is_before(at);
                }
                ReadsAs::Nothing if bytes[place] == rule::ESC && escape.len == 1 => {
                    // A run of ESC, each alone but the last, goes in one step.
                    let run = part[place..].iter().take_while(|&&byte| byte == rule::ESC).count();
                    at = place + (run - 1).max(1);
                    places = &places[places.partition_point(|&place| (place as usize) < at)..];
                    leave_out(&mut writer, layers, below, place..at, &mut end);
                }
                ReadsAs::Nothing => leave_out_one(&mut writer, layers, below, at, &mut end),
                ReadsAs::Break => {
                    places = &places[places.partition_point(|&place| (place as usize) < at)..];
                    writer.skip(at);
                    writer.push_break();
                    end.is_before(at);
                }
            }
        }
        if len > at {
            end.is_before(len);
        }
        self.end = end.position(layers, below);
        let is_same = writer.is_copy() && len == bytes.len();
        if !is_same {
            writer.copy(bytes, len);
        }
        let written = writer.finish();
        out.end(written);
        Undone { len, is_same }
    }
}

impl End {
    #[inline(always)]
    fn is_before(&mut self, at: usize) {
        (self.before, self.gap_end) = (at, None);
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
