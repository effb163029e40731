//! Redacted bytes as a type: the output of a redactor, its pieces, and a buffer for them.
//!
//! A sink that takes only [`Piece`]s cannot receive raw input: only this ring makes one, from the
//! output of a [`Redactor`](super::redactor::Redactor). Three further constructors exist, each for
//! bytes that are no input, or were redacted before: [`Piece::fixed`], [`RedactedBuf::reread`] and
//! [`RedactedBuf::fill_in`]. A test of the tree names the files that call them.

use core::fmt;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroize;

use super::bare;
use super::needle::{NeedleSet, Replacement};
use super::overlay::{Overlay, OverlayPart};
use super::reach::TextEnd;
use super::wiped;

/// A planned piece of output: the location of its bytes.
#[derive(Clone)]
pub(super) enum Segment {
    Input(Range<usize>),
    Held(Range<usize>),
    /// `start` is the beginning of its region in the stream.
    Mask {
        needle: u32,
        old_set: Option<Arc<NeedleSet>>,
        len: usize,
        start: u64,
    },
    /// The colour codes of a region, behind its mask.
    Codes {
        range: Range<u32>,
        start: u64,
    },
    /// A quote of this length, beside a mask.
    Quote {
        len: u8,
        start: u64,
    },
    /// A part of a mask that keeps the width of its region.
    Overlay {
        needle: u32,
        part: OverlayPart,
        start: u64,
    },
}

// A piece with many masks takes one for each: half a megabyte more for 8 bytes more.
const _: () = assert!(size_of::<Segment>() <= 32);

/// The texts to which segments refer.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) set: &'a NeedleSet,
    pub(super) overlay: Option<&'a Overlay>,
    pub(super) codes: &'a [u8],
    pub(super) held: &'a [u8],
    pub(super) input: &'a [u8],
    /// The positions in the stream where the held-back bytes and the input begin.
    pub(super) starts: (u64, u64),
    /// See [`Redacted::text_end`].
    pub(super) wrapped: u64,
}

impl<'a> Texts<'a> {
    pub(super) fn piece(&self, segment: &'a Segment) -> Piece<'a> {
        match segment {
            Segment::Input(range) => Piece {
                bytes: &self.input[range.clone()],
                kind: PieceKind::Input,
                start: self.starts.1 + range.start as u64,
            },
            Segment::Held(range) => Piece {
                bytes: &self.held[range.clone()],
                kind: PieceKind::Held,
                start: self.starts.0 + range.start as u64,
            },
            Segment::Mask { needle, old_set, len, start } => {
                let bytes = match old_set.as_deref().unwrap_or(self.set).replacement(*needle) {
                    Replacement::Region(mask) | Replacement::Byte(mask) => &mask[..*len],
                };
                Piece { bytes, kind: PieceKind::Mask, start: *start }
            }
            Segment::Codes { range, start } => {
                let bytes = &self.codes[range.start as usize..range.end as usize];
                Piece { bytes, kind: PieceKind::Mask, start: *start }
            }
            Segment::Quote { len, start } => {
                Piece { bytes: bare::quote((*len).into()), kind: PieceKind::Mask, start: *start }
            }
            Segment::Overlay { needle, part, start } => {
                let bytes = self.overlay.map_or(&[][..], |overlay| overlay.part(self.set, *needle, *part));
                Piece { bytes, kind: PieceKind::Mask, start: *start }
            }
        }
    }
}

/// Redacted output, in order: slices of the input, of the hold-back, and masks. No slice is empty.
///
/// Only a [`Redactor`](super::redactor::Redactor) makes these, so a sink that takes no other type
/// cannot leak.
#[derive(Clone)]
#[must_use = "what is not given out is lost"]
pub struct Redacted<'a> {
    segments: std::slice::Iter<'a, Segment>,
    texts: Texts<'a>,
}

impl<'a> Redacted<'a> {
    pub(super) fn new(segments: &'a [Segment], texts: Texts<'a>) -> Redacted<'a> {
        Redacted { segments: segments.iter(), texts }
    }

    /// The end of the text that this is the output for.
    pub(crate) fn text_end(&self) -> TextEnd {
        TextEnd { at: self.texts.starts.1 + self.texts.input.len() as u64, wrapped: self.texts.wrapped }
    }

    /// All slices in one buffer.
    pub fn to_vec(self) -> Vec<u8> {
        self.collect::<Vec<_>>().concat()
    }

    /// The slices, each with its origin.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use hushlog::{NeedleSet, PieceKind, Redactor, Secret};
    /// let secret = Secret::new("API_KEY", b"sk-live-X9Q2".to_vec());
    /// let mut redactor = Redactor::new(Arc::new(NeedleSet::builder().secret(secret).build()?));
    /// let pieces: Vec<_> = redactor.push(b"key=sk-live-X9Q2").pieces().collect();
    /// assert_eq!((pieces[0].bytes(), pieces[0].input()), (&b"key="[..], Some(0..4)));
    /// assert_eq!(pieces[1].bytes(), b"[REDACTED:API_KEY]");
    /// assert_eq!(pieces[1].kind(), PieceKind::Mask);
    /// # Ok::<(), hushlog::BuildError>(())
    /// ```
    pub fn pieces(self) -> impl ExactSizeIterator<Item = Piece<'a>> + Clone {
        let texts = self.texts;
        self.segments.map(move |segment| texts.piece(segment))
    }
}

impl<'a> Iterator for Redacted<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        Some(self.texts.piece(self.segments.next()?).bytes)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.segments.size_hint()
    }
}

impl ExactSizeIterator for Redacted<'_> {}

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redacted").field("slices", &self.segments.len()).finish_non_exhaustive()
    }
}

/// The origin of a [`Piece`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// Bytes of this call's input, in place.
    Input,
    /// A copy of held-back input of earlier calls.
    Held,
    /// A mask, which is no input.
    Mask,
}

/// A slice of redacted output, and its origin.
///
/// A [`Redactor`](super::redactor::Redactor) has returned its bytes, so a sink that takes pieces
/// cannot receive raw input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    bytes: &'a [u8],
    kind: PieceKind,
    start: u64,
}

impl<'a> Piece<'a> {
    /// Fixed text between redacted bytes, such as the newline between two messages. It comes from
    /// the program's source, and so is no secret.
    #[allow(dead_code, reason = "only the sidecar adds text, which a library may be without")]
    pub(crate) fn fixed(text: &'static [u8], start: u64) -> Piece<'static> {
        Piece { bytes: text, kind: PieceKind::Mask, start }
    }

    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The origin of the bytes.
    pub fn kind(self) -> PieceKind {
        self.kind
    }

    /// The piece's range of the stream, if it lies in the input of this call. Positions are those
    /// of [`Redactor::end`](super::redactor::Redactor::end), where the next call's input begins.
    pub fn input(self) -> Option<Range<u64>> {
        (self.kind == PieceKind::Input).then(|| self.start..self.start + self.bytes.len() as u64)
    }

    /// The position of the bytes in the stream; for a mask, the beginning of its region. For a
    /// buffer's content, the position in the buffer.
    pub(crate) fn start(self) -> u64 {
        self.start
    }

    pub(crate) fn is_mask(self) -> bool {
        self.kind == PieceKind::Mask
    }

    pub(crate) fn len(self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// A part of it.
    pub(crate) fn part(self, range: Range<usize>) -> Piece<'a> {
        self.split_at(range.end).0.split_at(range.start).1
    }

    /// Splits it. The second half of a mask also begins at the beginning of its region.
    pub(crate) fn split_at(self, at: usize) -> (Piece<'a>, Piece<'a>) {
        let (left, right) = self.bytes.split_at(at);
        let start = self.start + if self.is_mask() { 0 } else { at as u64 };
        (Piece { bytes: left, ..self }, Piece { bytes: right, start, ..self })
    }
}

impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece").field("kind", &self.kind).field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// A buffer of redacted bytes. It leaves no copy behind when it grows, and is wiped on drop.
///
/// It allocates memory for the first bytes.
#[derive(Default)]
pub(crate) struct RedactedBuf {
    bytes: Vec<u8>,
    /// The end of the consumed bytes.
    start: usize,
    capacity: usize,
}

impl RedactedBuf {
    /// Creates a buffer that first allocates this many bytes.
    pub(crate) fn new(capacity: usize) -> RedactedBuf {
        RedactedBuf { bytes: Vec::new(), start: 0, capacity }
    }

    /// Copies the piece, or nothing if not all of it fits.
    #[must_use]
    pub(crate) fn append(&mut self, piece: Piece<'_>) -> bool {
        if piece.bytes.len() > self.capacity - self.bytes.len() {
            return false;
        }
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(self.capacity);
        }
        self.bytes.extend_from_slice(piece.bytes);
        true
    }

    /// Copies the piece, and grows if it does not fit.
    pub(crate) fn append_growing(&mut self, piece: Piece<'_>) {
        if self.append(piece) {
            return;
        }
        let len = self.len() + piece.bytes.len();
        if 2 * len <= self.capacity {
            self.bytes.drain(..self.start);
        } else {
            self.capacity = len.next_power_of_two().max(self.capacity);
            wiped::relocate(&mut self.bytes, self.start, self.capacity);
        }
        self.start = 0;
        self.bytes.extend_from_slice(piece.bytes);
    }

    /// The unconsumed bytes.
    pub(crate) fn content(&self) -> Piece<'_> {
        Piece { bytes: &self.bytes[self.start..], kind: PieceKind::Held, start: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Consumes the first `len` bytes.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start += len;
        assert!(self.start <= self.bytes.len());
        if self.is_empty() {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Clears the buffer, and frees its memory if it is more than `capacity`.
    pub(crate) fn clear_to(&mut self, capacity: usize) {
        if self.bytes.capacity() > capacity {
            *self = RedactedBuf::new(capacity);
        }
        self.clear();
    }
}

#[allow(dead_code, reason = "only the sidecar keeps bytes so, which a library may be without")]
impl RedactedBuf {
    /// Wraps bytes read back from a file of the spool. They were redacted before they were written:
    /// only this user can write that file, and each of its records has a checksum.
    pub(crate) fn reread(bytes: Vec<u8>) -> RedactedBuf {
        RedactedBuf { capacity: bytes.len(), bytes, start: 0 }
    }

    /// Replaces each run of a stand-in, in the bytes from `from` on, with text. `next` returns this
    /// many bytes of it.
    ///
    /// The caller has redacted that text: it comes from a container's records. It is searched and
    /// masked in decoded form, before the record around it goes through the redactor.
    pub(crate) fn fill_in<'t>(&mut self, from: usize, stand_in: u8, mut next: impl FnMut(usize) -> &'t [u8]) {
        let bytes = &mut self.bytes[self.start + from..];
        let mut at = 0;
        while let Some(found) = memchr::memchr(stand_in, &bytes[at..]) {
            at += found;
            let len = bytes[at..].iter().take_while(|&&byte| byte == stand_in).count();
            bytes[at..at + len].copy_from_slice(next(len));
            at += len;
        }
    }
}

/// A buffer of redacted bytes with the origin of each piece.
#[derive(Default)]
#[allow(dead_code, reason = "only the sidecar keeps bytes so, which a library may be without")]
pub(crate) struct PieceBuf {
    bytes: RedactedBuf,
    /// The pieces in order: whether it is a mask, its position in the stream, and its length.
    runs: Vec<(bool, u64, usize)>,
}

#[allow(dead_code, reason = "only the sidecar keeps bytes so, which a library may be without")]
impl PieceBuf {
    /// Copies the output of a redactor.
    pub(crate) fn append(&mut self, redacted: Redacted<'_>) {
        redacted.pieces().for_each(|piece| self.push(piece));
    }

    /// Copies a piece.
    pub(crate) fn push(&mut self, piece: Piece<'_>) {
        self.bytes.append_growing(piece);
        self.runs.push((piece.is_mask(), piece.start, piece.len()));
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
    }

    /// See [`RedactedBuf::fill_in`].
    pub(crate) fn fill_in<'t>(&mut self, from: usize, stand_in: u8, next: impl FnMut(usize) -> &'t [u8]) {
        self.bytes.fill_in(from, stand_in, next);
    }

    /// All pieces, as copies of those appended.
    pub(crate) fn pieces(&self) -> Vec<Piece<'_>> {
        let mut rest = self.bytes.content().bytes;
        let piece = |&(is_mask, start, len): &(bool, u64, usize)| {
            let bytes = rest.split_off(..len).expect("the runs are as long as the bytes");
            Piece { bytes, kind: if is_mask { PieceKind::Mask } else { PieceKind::Held }, start }
        };
        self.runs.iter().map(piece).collect()
    }
}

impl Drop for RedactedBuf {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
impl<'a> Piece<'a> {
    /// Bytes for a test.
    pub(crate) fn of(bytes: &'a [u8], kind: PieceKind, start: u64) -> Piece<'a> {
        Piece { bytes, kind, start }
    }
}

#[cfg(test)]
mod tests {
    use crate::redact::redacted::{Piece, PieceKind, RedactedBuf};

    #[test]
    fn a_buffer_holds_the_bytes_that_were_not_consumed() {
        let text: Vec<u8> = (0..=250).cycle().take(10_000).collect();
        for (capacity, len, consumed) in [(0, 1, 1), (8, 3, 2), (64, 100, 99), (1_000, 7, 7), (16, 16, 1)] {
            let (mut buffer, mut wanted) = (RedactedBuf::new(capacity), Vec::new());
            for chunk in text.chunks(len) {
                buffer.append_growing(Piece::of(chunk, PieceKind::Input, 0));
                wanted.extend_from_slice(chunk);
                let consumed = consumed.min(wanted.len());
                buffer.consume(consumed);
                wanted.drain(..consumed);
                assert_eq!((buffer.content().bytes(), buffer.len()), (&wanted[..], wanted.len()));
            }
            let capacity = buffer.capacity;
            assert!(buffer.bytes.len() <= capacity && capacity <= 4 * (wanted.len() + 2 * len).max(1_000));
        }
    }
}
