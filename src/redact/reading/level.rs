//! One level of the plain reading: undoes each escape of its input once.

use core::ops::Range;

use super::layer::{Layer, Layers, Writer};
use super::rule::{self, GAP_MAX, ReadsAs, Rest, may_begin};
use super::trigger::{self, Joints};

/// One level; it reads a stream in pieces.
#[derive(Clone)]
pub(super) struct Level {
    /// The end of the stretch of the last byte that was read.
    end: u64,
}

/// How a level has read a piece.
pub(super) struct Undone {
    /// The number of bytes read. The rest may be the beginning of an escape.
    pub(super) len: usize,
    /// Whether there was nothing to undo, so that the layer has not been written.
    pub(super) is_same: bool,
}

/// The end of the last byte that was read.
enum End {
    Known(u64),
    /// That of the byte before this offset.
    Before(usize),
}

impl Level {
    /// A level that begins at this position of the text.
    pub(super) fn at(start: u64) -> Level {
        Level { end: start }
    }

    /// Undoes the escapes in a layer, as far as its bytes decide. `masks` is scratch space.
    pub(super) fn read(
        &mut self,
        joints: &Joints,
        layers: Layers<'_>,
        below: usize,
        is_last: bool,
        out: &mut Layer,
        masks: &mut Vec<u64>,
    ) -> Undone {
        let (bytes, breaks) = (layers.bytes(below), layers.breaks(below));
        trigger::escapes(joints, bytes, masks);
        if !out.is_waiting() && masks.iter().all(|&mask| mask == 0) {
            if let Some(last) = bytes.len().checked_sub(1) {
                self.end = layers.end_of(below, last);
            }
            return Undone { len: bytes.len(), is_same: true };
        }
        let mut writer = Writer::new(out, below, bytes.len(), breaks);
        let (mut at, mut len, mut next_break) = (0, bytes.len(), 0);
        let mut end = End::Known(self.end);
        'text: for (block, &mask) in masks.iter().enumerate() {
            let base = block * 64;
            let mut mask = after(mask, at, base);
            while mask != 0 {
                let place = base + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                if !may_begin(&bytes[place..]) {
                    continue;
                }
                while breaks.get(next_break).is_some_and(|&at| at as usize <= place) {
                    next_break += 1;
                }
                // No escape continues behind a break.
                let (part_end, is_ended) = breaks.get(next_break).map_or((bytes.len(), is_last), |&at| (at as usize, true));
                let Ok(found) = rule::escape(Rest { bytes: &bytes[place..part_end], is_last: is_ended }) else {
                    len = place;
                    break 'text;
                };
                let Some(escape) = found else { continue };
                if place > at {
                    end = End::Before(place);
                }
                writer.copy(bytes, place);
                at = place + escape.len;
                match escape.reads_as {
                    ReadsAs::Bytes(read, len) => {
                        writer.escape(escape.outside, at, read, len.into());
                        end = End::Before(at);
                    }
                    ReadsAs::Nothing if bytes[place] == rule::ESC && escape.len == 1 => {
                        // A run of ESC, each alone but the last, goes in one step.
                        let run = bytes[place..part_end].iter().take_while(|&&byte| byte == rule::ESC).count();
                        at = place + (run - 1).max(1);
                        leave_out(&mut writer, layers, below, place..at, &mut end);
                    }
                    ReadsAs::Nothing if layers.end_of(below, at - 1) <= end.position(layers, below) + GAP_MAX => {
                        writer.skip(at)
                    }
                    ReadsAs::Nothing | ReadsAs::Break => {
                        writer.skip(at);
                        writer.push_break();
                        end = End::Before(at);
                    }
                }
                mask = after(mask, at, base);
            }
        }
        if len > at {
            end = End::Before(len);
        }
        self.end = end.position(layers, below);
        let is_same = writer.is_copy() && len == bytes.len();
        if !is_same {
            writer.copy(bytes, len);
        }
        writer.finish();
        Undone { len, is_same }
    }
}

impl End {
    fn position(&self, layers: Layers<'_>, below: usize) -> u64 {
        match *self {
            End::Known(end) => end,
            End::Before(at) => layers.end_of(below, at - 1),
        }
    }
}

/// Leaves out bytes that each read as nothing, and ends any match where the gap becomes too long.
fn leave_out(writer: &mut Writer<'_>, layers: Layers<'_>, below: usize, mut range: Range<usize>, end: &mut End) {
    while !range.is_empty() {
        let behind = layers.first_behind(below, range.clone(), end.position(layers, below) + GAP_MAX);
        if behind == range.end {
            return writer.skip(behind);
        }
        writer.skip(behind + 1);
        writer.push_break();
        (range.start, *end) = (behind + 1, End::Before(behind + 1));
    }
}

/// The bits of a block's mask from this offset on.
#[inline]
fn after(mask: u64, at: usize, base: usize) -> u64 {
    mask & u64::MAX.checked_shl(at.saturating_sub(base).min(64) as u32).unwrap_or(0)
}
