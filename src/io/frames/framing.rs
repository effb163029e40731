//! The parts of a format whose frames carry lengths.

use std::ops::Range;

use crate::redact::redacted::Piece;

/// The longest frame, in bytes. A stream with a longer one goes on as plain text.
pub(super) const FRAME_LEN_MAX: usize = 1 << 20;
/// The memory kept between frames, in bytes.
pub(super) const KEPT_LEN_MAX: usize = 1 << 10;

static BYTES: [u8; 256] = {
    let (mut bytes, mut at) = ([0; 256], 0);
    while at < 256 {
        bytes[at] = at as u8;
        at += 1;
    }
    bytes
};

/// A byte of a length, as fixed text.
pub(super) fn fixed(byte: u8) -> Piece<'static> {
    Piece::fixed(&BYTES[usize::from(byte)..][..1], 0)
}

/// The meaning of the bytes between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The beginning of a header.
    Partial,
    /// A whole header of `header_len` bytes, and perhaps the first bytes of its frame of `len`.
    /// `None`: the frame itself shows its end.
    Whole { header_len: usize, len: Option<usize> },
    /// None.
    Other,
}

/// The end of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Not among these bytes.
    Later,
    At(usize),
    /// They are no frame.
    None,
}

/// A part of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(Range<usize>),
    /// A text by itself, which has its length before it.
    Counted(Range<usize>),
}

/// A format whose frames carry lengths.
pub(super) trait Framing: Send + Sync {
    /// Reads a header. `strictly`: it has to be unmistakable. The bytes grow one at a time, and are
    /// at most some twenty.
    fn header(&self, bytes: &[u8], strictly: bool) -> Header;

    /// The end of a frame whose header does not state it. The bytes before `seen` were seen before.
    fn end(&self, _frame: &[u8], _seen: &mut usize) -> End {
        End::None
    }

    /// The parts of a frame to search, in order, from `from` on.
    fn parts(&self, frame: &[u8], from: usize) -> Vec<Part> {
        vec![Part::Text(from..frame.len())]
    }

    /// Appends the header of a frame of this length, as pieces of fixed text.
    fn write_header(&self, _len: usize, _pieces: &mut Vec<Piece<'static>>) {}

    /// Appends the length of a [counted part](Part::Counted), as pieces of fixed text.
    fn write_length(&self, _len: usize, _pieces: &mut Vec<Piece<'static>>) {}
}
