//! The last level of the plain reading: doubled characters read as one, and a line end within a
//! long run of token characters as nothing, with the offset of a dump's next line.

use core::ops::Range;

use super::layer::{Layer, Layers, Writer};
use super::rest::{Rest, Undecided};
use super::rule::GAP_MAX;
use super::token::{Before, TOKEN_RUN_MIN, is_token, offset};
use super::trigger::{self, Joints};

/// The level; it reads a stream in pieces.
#[derive(Clone, Default)]
pub(super) struct Joining {
    before: Before,
    /// The last byte was a dropped line end, or a dropped byte behind one.
    is_in_wrap: bool,
    /// Where the stretch of the first byte dropped since the last byte of the reading begins.
    dropped_from: Option<u64>,
    /// Where the first line end begins that was dropped in the current run of token characters.
    wrapped_from: Option<u64>,
}

/// How the level has read a piece.
#[derive(Default)]
pub(super) struct Joined {
    /// The number of bytes read. The rest may be the beginning of an offset.
    pub(super) len: usize,
    /// Whether nothing was dropped, so that the layer has not been written.
    pub(super) is_same: bool,
    /// The new beginning of the stretch of the last byte of the reading before this piece.
    pub(super) amended: Option<u64>,
}

impl Joining {
    /// A level behind this text.
    pub(super) fn behind(before: Before) -> Joining {
        Joining { before, ..Joining::default() }
    }

    pub(super) fn wrapped_from(&self) -> Option<u64> {
        self.wrapped_from.filter(|_| self.is_in_wrap)
    }

    pub(super) fn is_settled(&self) -> bool {
        !self.is_in_wrap && self.dropped_from.is_none()
    }

    /// Reads the highest layer so far.
    pub(super) fn read(
        &mut self,
        joints: &Joints,
        layers: Layers<'_>,
        below: usize,
        is_last: bool,
        out: &mut Layer,
    ) -> Joined {
        let (bytes, breaks) = (layers.bytes(below), layers.breaks(below));
        let is_same = breaks.is_empty()
            && self.is_settled()
            && trigger::first_joint(joints, bytes, 0, self.before) == bytes.len();
        if is_same {
            self.keep(bytes);
            return Joined { len: bytes.len(), is_same, amended: None };
        }
        let mut work =
            Work { joints, layers, below, writer: Writer::new(out, below, bytes.len(), breaks), amended: None };
        let mut from = 0;
        for at in breaks.iter().map(|&at| at as usize) {
            self.read_part(&mut work, from..at, true);
            work.writer.copy(bytes, at);
            *self = Joining::default();
            from = at;
        }
        let len = self.read_part(&mut work, from..bytes.len(), is_last);
        let (amended, written) = (work.amended, work.writer.finish(&bytes[..len]));
        out.end(written);
        Joined { len, is_same: false, amended }
    }

    /// Reads the bytes between two breaks. Returns where the first one is that waits.
    fn read_part(&mut self, work: &mut Work<'_>, range: Range<usize>, is_last: bool) -> usize {
        let bytes = work.layers.bytes(work.below);
        let mut at = range.start;
        while at < range.end {
            let next = match self.is_in_wrap {
                true => at,
                false => trigger::first_joint(work.joints, &bytes[..range.end], at, self.before),
            };
            self.keep(&bytes[at..next]);
            at = next;
            if at == range.end {
                break;
            }
            work.writer.copy(bytes, at);
            let byte = bytes[at];
            if let Some(before) = self.before.byte.filter(|&before| work.joints.joins(before, byte)) {
                let doubles = |&&byte: &&u8| work.joints.joins(before, byte);
                let run = bytes[at..range.end].iter().take_while(doubles).count();
                self.is_in_wrap = false;
                at = self.drop(work, at..at + run, true);
                continue;
            }
            let wrap_len = match byte {
                b'\r' | b'\n' => usize::from(self.is_in_wrap || self.before.run == TOKEN_RUN_MIN),
                b' ' | b'\t' => usize::from(self.is_in_wrap),
                _ if self.is_in_wrap => match offset(Rest { bytes: &bytes[at..range.end], is_last }) {
                    Ok(len) => len,
                    Err(Undecided) => break,
                },
                _ => 0,
            };
            if wrap_len > 0 {
                self.is_in_wrap = true;
                self.wrapped_from.get_or_insert_with(|| work.layers.start_of(work.below, at));
                at = self.drop(work, at..at + wrap_len, false);
            } else {
                self.keep(&bytes[at..=at]);
                at += 1;
            }
        }
        at
    }

    fn keep(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.before = self.before.then(bytes);
            (self.is_in_wrap, self.dropped_from) = (false, None);
            self.wrapped_from = self.wrapped_from.filter(|_| bytes.iter().all(|&byte| is_token(byte)));
        }
    }

    /// Drops these bytes, up to the first one at which the gap becomes too long and ends any match.
    /// With `is_doubled` the byte before them then begins with the last of them. Returns where the
    /// next byte is.
    fn drop(&mut self, work: &mut Work<'_>, range: Range<usize>, is_doubled: bool) -> usize {
        let from = *self.dropped_from.get_or_insert_with(|| work.layers.start_of(work.below, range.start));
        let behind = work.layers.first_behind(work.below, range.clone(), from + GAP_MAX);
        let end = range.end.min(behind + 1);
        if is_doubled && !work.writer.amend_last(end - 1) {
            work.amended = Some(work.layers.start_of(work.below, end - 1));
        }
        work.writer.skip(end);
        if behind < range.end {
            work.writer.push_break();
            *self = Joining::default();
        }
        end
    }
}

/// The reading of a piece.
struct Work<'a> {
    joints: &'a Joints,
    layers: Layers<'a>,
    below: usize,
    writer: Writer<'a>,
    /// See [`Joined::amended`].
    amended: Option<u64>,
}
