//! Frames that are texts by themselves, behind their lengths or with lengths in them.
//!
//! A format that was declared is taken at its word: a frame is a text by itself, and goes out with
//! its last byte. Without a declaration the stream has to begin unmistakably, and the writer of a
//! log may be hostile: with a wrong length it could cut a secret of another writer in two. So a
//! frame ends only where the next one begins, or the input ends:
//!
//! - The first frame is searched with its length, as plain text is.
//! - A frame waits for the header of the next one. With exact release, it goes out at its end if
//!   the redactor holds nothing back and it is the same in either case: nothing in it is masked, or
//!   an earlier frame has ended properly.
//! - A stream that ceases to be frames goes on as plain text, from the last byte that was searched:
//!   no search ends at a border that was none.

#[cfg(feature = "sidecar")]
use std::sync::Arc;

use zeroize::Zeroizing;

use super::framing::{End, FRAME_LEN_MAX, Framing, Header, KEPT_LEN_MAX, Part};
use super::{journal_export, octet_counted};
#[cfg(feature = "sidecar")]
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::{Piece, Redacted, RedactedBuf};
use crate::redact::redactor::Redactor;
use crate::redact::wiped::append;

/// The first bytes of a frame that are looked at for its end, if no header states it.
const LOOK_LEN: usize = 512;

/// The formats that are recognized without a declaration, by the first byte.
fn recognized(first: u8) -> &'static dyn Framing {
    if first == b'_' { &journal_export::JournalExport } else { &octet_counted::OctetCounted }
}

/// The frames of one stream, before a redactor.
pub(crate) struct Counted {
    framing: &'static dyn Framing,
    is_declared: bool,
    by_lines: bool,
    /// A frame has begun.
    is_begun: bool,
    /// A frame has ended properly.
    is_confirmed: bool,
    is_lost: bool,
    /// The beginning of a header.
    next: Zeroizing<Vec<u8>>,
    /// See [`Framing::end`].
    seen: usize,
    /// The frame that is not whole yet; or with line release, a whole one that waits.
    frame: Option<Frame>,
    /// The bytes of that frame, from its header on.
    raw: Zeroizing<Vec<u8>>,
    /// A whole frame that was searched, and waits for the next header.
    searched: Option<Searched>,
    out: RedactedBuf,
}

/// The lengths of a frame.
#[derive(Clone, Copy)]
struct Frame {
    header_len: usize,
    /// With the header, if it is known.
    end: Option<usize>,
}

/// The output of a frame.
#[derive(Clone, Copy)]
struct Searched {
    frame: Frame,
    /// Its beginning in the text of the redactor.
    start: u64,
    /// The length of its input.
    input_len: usize,
    /// The number of bytes that it lacks, at the end of a stream.
    missing: usize,
    /// Whether the output begins with the header.
    has_header: bool,
    is_masked: bool,
    is_header_masked: bool,
}

impl Counted {
    /// Begins a stream of this format; without one, the first byte decides.
    pub(super) fn new(framing: Option<&'static dyn Framing>, by_lines: bool) -> Counted {
        Counted {
            framing: framing.unwrap_or(&octet_counted::OctetCounted),
            is_declared: framing.is_some(),
            by_lines,
            is_begun: false,
            is_confirmed: false,
            is_lost: false,
            next: Zeroizing::default(),
            seen: 0,
            frame: None,
            raw: Zeroizing::default(),
            searched: None,
            out: RedactedBuf::new(KEPT_LEN_MAX),
        }
    }

    /// Takes a piece of input, and writes all frames that may go out. Returns the number of bytes
    /// taken: fewer only if the rest is plain text ([`is_lost`](Counted::is_lost)).
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    pub(super) fn push<E>(
        &mut self,
        redactor: &mut Redactor,
        input: &[u8],
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut at = 0;
        while at < input.len() && !self.is_lost {
            if let Some(frame) = self.frame.filter(|frame| frame.end != Some(self.raw.len())) {
                at += self.take_in(frame, &input[at..]);
                match self.frame {
                    None => self.lose(sink)?,
                    Some(frame) if frame.end == Some(self.raw.len()) => self.end_frame(redactor, frame, sink)?,
                    Some(_) => {}
                }
                continue;
            }
            if !self.is_declared && !self.is_begun && self.next.is_empty() {
                self.framing = recognized(input[at]);
            }
            append(&mut self.next, &input[at..=at]);
            at += 1;
            match self.framing.header(&self.next, !self.is_declared) {
                Header::Partial => {}
                Header::Whole { header_len, len } if len.is_none_or(|len| len <= FRAME_LEN_MAX) => {
                    self.confirm(redactor, sink)?;
                    if !self.is_lost {
                        let end = len.map(|len| header_len + len);
                        self.begin_frame(redactor, Frame { header_len, end }, sink)?;
                    }
                }
                Header::Whole { .. } | Header::Other => self.lose(sink)?,
            }
        }
        if self.is_lost && self.raw.is_empty() && self.next.len() <= at {
            // The caller has these bytes.
            at -= self.next.len();
            self.next.clear();
        }
        Ok(at)
    }

    /// Ends the stream, and writes its last frame. The rest is plain text.
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    pub(super) fn finish<E>(
        &mut self,
        redactor: &mut Redactor,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let cut = self.frame.filter(|frame| frame.end != Some(self.raw.len()));
        let is_text = |frame: Frame| frame.end.is_none() || !self.is_known();
        if !self.next.is_empty() || cut.is_some_and(is_text) {
            return self.lose(sink);
        }
        match cut {
            Some(frame) => {
                // Its reader waits for as many bytes as it would have without masks.
                let mut searched = self.search(redactor, frame);
                self.take(&mut searched, redactor.finish());
                self.write(searched, sink)
            }
            None => self.confirm(redactor, sink),
        }
    }

    /// Whether the stream goes on as plain text: first [the bytes](Counted::take_rest) that were
    /// not searched.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether the stream was known to consist of frames.
    pub(super) fn is_known(&self) -> bool {
        self.is_declared || self.is_confirmed
    }

    /// The number of input bytes that wait, also those that were searched.
    #[cfg(feature = "sidecar")]
    pub(super) fn held(&self) -> usize {
        let searched = self.searched.map_or(0, |searched| searched.input_len);
        self.raw.len() + self.next.len() + searched
    }

    /// Gives the stream up: there is no room for a whole frame.
    ///
    /// # Errors
    ///
    /// Those of `sink`. Bytes that it did not accept are lost then.
    #[cfg(feature = "sidecar")]
    pub(super) fn give_up<E>(&mut self, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.is_lost { Ok(()) } else { self.lose(sink) }
    }

    /// Changes the set of the redactor. Bytes that it holds back are searched again.
    #[cfg(feature = "sidecar")]
    pub(super) fn swap(&mut self, redactor: &mut Redactor, set: Arc<NeedleSet>) {
        let given = redactor.swap(set);
        match self.searched {
            Some(mut searched) => {
                self.take(&mut searched, given);
                self.searched = Some(searched);
            }
            None => debug_assert_eq!(given.len(), 0, "nothing is held back between frames"),
        }
    }

    /// The bytes at the end of the input so far that were not searched, once the stream is lost.
    pub(super) fn take_rest(&mut self) -> Zeroizing<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.raw);
        append(&mut rest, &self.next);
        self.next.clear();
        rest
    }

    /// A header, and perhaps the first bytes of its frame.
    fn begin_frame<E>(
        &mut self,
        redactor: &mut Redactor,
        frame: Frame,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        (self.frame, self.is_begun) = (Some(frame), true);
        append(&mut self.raw, &self.next);
        self.next.clear();
        self.seen = 0;
        if frame.end == Some(self.raw.len()) { self.end_frame(redactor, frame, sink) } else { Ok(()) }
    }

    /// Takes bytes of a frame that is not whole. Returns their number. If they are no frame, there
    /// is none any more.
    fn take_in(&mut self, frame: Frame, input: &[u8]) -> usize {
        let before = self.raw.len();
        let most = frame.end.map_or(before.max(LOOK_LEN), |end| end - before);
        append(&mut self.raw, &input[..input.len().min(most)]);
        if frame.end.is_none() {
            match self.framing.end(&self.raw, &mut self.seen) {
                End::Later if self.raw.len() <= FRAME_LEN_MAX => {}
                End::At(end) => {
                    self.raw.truncate(end);
                    self.frame = Some(Frame { end: Some(end), ..frame });
                }
                End::Later | End::None => self.frame = None,
            }
        }
        self.raw.len() - before
    }

    /// A whole frame.
    fn end_frame<E>(
        &mut self,
        redactor: &mut Redactor,
        frame: Frame,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.by_lines && !self.is_declared {
            return Ok(());
        }
        let mut searched = self.search(redactor, frame);
        let is_sure = self.is_confirmed || !searched.is_masked;
        if self.is_declared || redactor.held() == 0 && is_sure {
            self.take(&mut searched, redactor.finish());
            return self.write(searched, sink);
        }
        self.searched = Some(searched);
        Ok(())
    }

    /// The waiting frame, if any, has ended properly.
    fn confirm<E>(
        &mut self,
        redactor: &mut Redactor,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let waiting = match self.frame {
            Some(frame) => Some(self.search(redactor, frame)),
            None => self.searched.take(),
        };
        if let Some(mut searched) = waiting {
            self.take(&mut searched, redactor.finish());
            if searched.is_header_masked {
                self.searched = Some(searched);
                return self.lose(sink);
            }
            self.write(searched, sink)?;
        }
        self.is_confirmed = self.is_begun;
        Ok(())
    }

    /// Searches the frame. Its output goes to `out`, except for the bytes held back.
    fn search(&mut self, redactor: &mut Redactor, frame: Frame) -> Searched {
        let has_header = !self.is_declared && !self.is_confirmed;
        let mut searched = Searched {
            frame,
            start: redactor.end(),
            input_len: self.raw.len(),
            missing: frame.end.map_or(0, |end| end - self.raw.len()),
            has_header,
            is_masked: false,
            is_header_masked: false,
        };
        let mut raw = std::mem::take(&mut self.raw);
        for part in self.framing.parts(&raw, if has_header { 0 } else { frame.header_len }) {
            match part {
                Part::Text(range) => self.take(&mut searched, redactor.push(&raw[range])),
                Part::Counted(range) => {
                    self.take(&mut searched, redactor.finish());
                    self.take_counted(&mut searched, redactor, &raw[range]);
                }
            }
        }
        raw.clear();
        if raw.capacity() <= KEPT_LEN_MAX {
            self.raw = raw;
        }
        self.frame = None;
        searched
    }

    /// Takes output of a frame.
    fn take(&mut self, searched: &mut Searched, redacted: Redacted<'_>) {
        let header_end = searched.start + searched.frame.header_len as u64;
        for piece in redacted.pieces() {
            searched.is_masked |= piece.is_mask();
            searched.is_header_masked |= searched.has_header && piece.is_mask() && piece.start() < header_end;
            self.out.append_growing(piece);
        }
    }

    /// Takes the output of a part of a frame, behind its length.
    fn take_counted(&mut self, searched: &mut Searched, redactor: &mut Redactor, text: &[u8]) {
        let before = std::mem::take(&mut self.out);
        self.take(searched, redactor.push(text));
        self.take(searched, redactor.finish());
        let counted = std::mem::replace(&mut self.out, before);
        let mut length = Vec::new();
        self.framing.write_length(counted.len(), &mut length);
        length.into_iter().for_each(|piece| self.out.append_growing(piece));
        self.out.append_growing(counted.content());
    }

    /// Writes a frame with its new length.
    fn write<E>(&mut self, searched: Searched, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        if searched.has_header {
            self.out.consume(searched.frame.header_len);
        }
        self.write_header(self.out.len() + searched.missing, sink)?;
        self.write_out(sink)
    }

    /// The stream goes on as plain text.
    fn lose<E>(&mut self, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        self.is_lost = true;
        self.frame = None;
        if let Some(searched) = self.searched.take() {
            if !searched.has_header {
                self.write_header(searched.input_len - searched.frame.header_len, sink)?;
            }
            self.write_out(sink)?;
        }
        Ok(())
    }

    fn write_header<E>(&self, len: usize, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut header = Vec::new();
        self.framing.write_header(len, &mut header);
        header.into_iter().try_for_each(sink)
    }

    fn write_out<E>(&mut self, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        let written = if self.out.is_empty() { Ok(()) } else { sink(self.out.content()) };
        self.out.clear_to(KEPT_LEN_MAX);
        written
    }
}
