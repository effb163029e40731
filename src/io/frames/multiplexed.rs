//! The output of a container without a terminal, as Docker's API sends it (`attach`, `logs`):
//! frames of a header of 8 bytes and a piece of standard output or standard error. The header has
//! the number of the stream (1 or 2; 0 is standard input, 3 an error of the daemon), three NULs,
//! and the length of the piece, most significant byte first.
//!
//! Each stream is a text that goes on from frame to frame, so each has a redactor, which may hold
//! back the end of a frame until that stream's next one. A frame goes out when it is whole, with
//! its new length, or not at all if nothing of its piece may go out.
//!
//! Without a declaration the stream could be plain text, and its writer hostile. The first frame
//! waits for the header of the second if its length has changed, each header is searched with its
//! piece, and the redactor of the last frame takes over where the frames cease. So no wrong length
//! cuts a secret in two.

#[cfg(feature = "sidecar")]
use std::sync::Arc;

use zeroize::Zeroizing;

use super::framing::{FRAME_LEN_MAX, KEPT_LEN_MAX, fixed};
use crate::io::line_buffer::{LineBuffer, Release};
#[cfg(feature = "sidecar")]
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::{Piece, RedactedBuf};
use crate::redact::redactor::Redactor;
use crate::redact::wiped::append;

/// The length of a header.
const HEADER_LEN: usize = 8;
/// The number of streams.
const STREAMS: usize = 4;

/// Whether a multiplexed stream may begin with this byte: as one of standard output or error.
pub(super) fn may_begin(first: u8) -> bool {
    matches!(first, 1 | 2)
}

/// See the module.
pub(crate) struct Multiplexed {
    is_declared: bool,
    by_lines: bool,
    is_lost: bool,
    /// The number of headers so far.
    headers: u64,
    streams: [Option<Box<Stream>>; STREAMS],
    /// The current frame.
    frame: Option<Frame>,
    /// The bytes of a header or, behind it, of the piece.
    header: Vec<u8>,
    raw: Zeroizing<Vec<u8>>,
    /// A frame that was searched, and waits for the next header.
    waiting: Option<Frame>,
    /// The stream of the last frame.
    last: Option<usize>,
    /// The number of input bytes since nothing was held back.
    unsettled: usize,
}

#[derive(Clone, Copy)]
struct Frame {
    stream: usize,
    len: usize,
}

/// One of the streams.
struct Stream {
    redactor: Redactor,
    lines: LineBuffer,
    /// Output that is to go out in a frame.
    out: RedactedBuf,
    is_masked: bool,
}

impl Stream {
    /// Searches a piece.
    fn push(&mut self, piece: &[u8]) {
        let Stream { redactor, lines, out, is_masked } = self;
        let _: Result<(), Never> = lines.push(redactor, piece, &mut |piece| keep(out, is_masked, piece));
    }

    /// Ends the stream.
    fn finish(&mut self) {
        let Stream { redactor, lines, out, is_masked } = self;
        let _: Result<(), Never> = lines.finish(redactor, &mut |piece| keep(out, is_masked, piece));
    }
}

type Never = core::convert::Infallible;

fn keep(out: &mut RedactedBuf, is_masked: &mut bool, piece: Piece<'_>) -> Result<(), Never> {
    *is_masked |= piece.is_mask();
    out.append_growing(piece);
    Ok(())
}

impl Multiplexed {
    /// Begins a stream.
    pub(super) fn new(is_declared: bool, by_lines: bool) -> Multiplexed {
        Multiplexed {
            is_declared,
            by_lines,
            is_lost: false,
            headers: 0,
            streams: Default::default(),
            frame: None,
            header: Vec::new(),
            raw: Zeroizing::default(),
            waiting: None,
            last: None,
            unsettled: 0,
        }
    }

    /// See [`Frames::push`](super::Frames::push).
    pub(super) fn push<E>(
        &mut self,
        redactor: &mut Redactor,
        input: &[u8],
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut at = 0;
        while at < input.len() && !self.is_lost {
            if let Some(frame) = self.frame {
                let len = (frame.len - self.raw.len()).min(input.len() - at);
                append(&mut self.raw, &input[at..at + len]);
                (at, self.unsettled) = (at + len, self.unsettled + len);
                if self.raw.len() == frame.len {
                    self.end_frame(redactor, frame, sink)?;
                }
                continue;
            }
            self.header.push(input[at]);
            match self.read_header() {
                None => self.lose(redactor, sink)?,
                Some(_) if self.header.len() < HEADER_LEN => {}
                Some(frame) => self.begin_frame(redactor, frame, sink)?,
            }
            // A byte that is part of no header stays with the caller.
            if self.is_lost {
                self.header.pop()
            } else {
                None
            };
            (at, self.unsettled) = if self.is_lost { (at, self.unsettled) } else { (at + 1, self.unsettled + 1) };
        }
        Ok(at)
    }

    /// The frame of the header so far, with a length that is known when it is whole. `None`: it is
    /// none.
    fn read_header(&self) -> Option<Frame> {
        let stream = usize::from(self.header[0]);
        let is_stream = stream < STREAMS && (self.is_declared || self.headers > 0 || may_begin(self.header[0]));
        let is_nul = self.header[1..].iter().take(3).all(|byte| *byte == 0);
        let len = self.header.get(4..).unwrap_or_default();
        let len = len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let fits = self.header.len() < HEADER_LEN || len <= FRAME_LEN_MAX;
        (is_stream && is_nul && fits).then_some(Frame { stream, len })
    }

    /// A whole header.
    fn begin_frame<E>(
        &mut self,
        redactor: &mut Redactor,
        frame: Frame,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.headers += 1;
        if let Some(waiting) = self.waiting.take() {
            self.write_frame(waiting.stream, 0, sink)?;
        }
        self.header.clear();
        self.frame = Some(frame);
        if frame.len > 0 { Ok(()) } else { self.end_frame(redactor, frame, sink) }
    }

    /// The stream of a frame.
    fn stream(&mut self, redactor: &Redactor, number: usize) -> &mut Stream {
        let release = if self.by_lines { Release::Line } else { Release::Exact };
        self.streams[number].get_or_insert_with(|| {
            Box::new(Stream {
                redactor: redactor.beside(),
                lines: LineBuffer::new(release),
                out: RedactedBuf::new(KEPT_LEN_MAX),
                is_masked: false,
            })
        })
    }

    /// A whole frame.
    fn end_frame<E>(
        &mut self,
        redactor: &mut Redactor,
        frame: Frame,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.is_declared && reaches_header(redactor, header(frame.stream, frame.len), &self.raw) {
            return self.lose(redactor, sink);
        }
        if frame.len == 0 {
            write_header(frame.stream, 0, sink)?;
        }
        let is_known = self.is_known();
        self.search(redactor, frame);
        self.frame = None;
        if is_known || self.stream(redactor, frame.stream).out.len() == frame.len {
            self.write_frame(frame.stream, 0, sink)?;
        } else {
            self.waiting = Some(frame);
        }
        let holds = |stream: &Stream| stream.redactor.unsettled() > 0 || stream.lines.is_pending();
        if !self.streams.iter().flatten().any(|stream| holds(stream)) && self.waiting.is_none() {
            self.unsettled = 0;
        }
        Ok(())
    }

    /// Searches the bytes of a frame so far.
    fn search(&mut self, redactor: &mut Redactor, frame: Frame) {
        let mut raw = std::mem::take(&mut self.raw);
        let stream = self.stream(redactor, frame.stream);
        stream.push(&raw);
        if std::mem::take(&mut stream.is_masked) {
            redactor.count_with(stream.redactor.take_counts());
        }
        self.last = Some(frame.stream);
        raw.clear();
        if raw.capacity() <= KEPT_LEN_MAX {
            self.raw = raw;
        }
    }

    /// Writes the output of a stream as a frame that lacks `missing` bytes.
    fn write_frame<E>(
        &mut self,
        number: usize,
        missing: usize,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(stream) = &mut self.streams[number] else { return Ok(()) };
        if stream.out.len() + missing > 0 {
            write_header(number, stream.out.len() + missing, sink)?;
        }
        write_out(&mut stream.out, sink)
    }

    /// See [`Frames::finish`](super::Frames::finish).
    pub(super) fn finish<E>(
        &mut self,
        redactor: &mut Redactor,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_text = |frame: Frame| {
            let is_sure = || self.is_known() && !reaches_header(redactor, header(frame.stream, frame.len), &self.raw);
            !self.is_declared && !is_sure()
        };
        if !self.header.is_empty() || self.frame.is_some_and(is_text) {
            return self.lose(redactor, sink);
        }
        if let Some(waiting) = self.waiting.take() {
            self.write_frame(waiting.stream, 0, sink)?;
        }
        // Its reader waits for as many bytes as it would have without masks.
        let cut = self.frame.take().map(|frame| (frame, frame.len - self.raw.len()));
        if let Some((frame, _)) = cut {
            self.search(redactor, frame);
        }
        let of_cut = cut.map(|(frame, _)| frame.stream);
        for number in (0..STREAMS).filter(|number| Some(*number) != of_cut).chain(of_cut) {
            let missing = cut.filter(|(frame, _)| frame.stream == number).map_or(0, |(_, missing)| missing);
            self.end_stream(redactor, number);
            self.write_frame(number, missing, sink)?;
        }
        self.unsettled = 0;
        Ok(())
    }

    /// Ends one of the streams.
    fn end_stream(&mut self, redactor: &mut Redactor, number: usize) {
        if let Some(stream) = &mut self.streams[number] {
            stream.finish();
            redactor.count_with(stream.redactor.take_counts());
        }
    }

    /// See [`Frames::is_lost`](super::Frames::is_lost).
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// See [`Frames::is_known`](super::Frames::is_known).
    pub(super) fn is_known(&self) -> bool {
        self.is_declared || self.headers > 1
    }

    /// See [`Frames::held`](super::Frames::held).
    #[cfg(feature = "sidecar")]
    pub(super) fn held(&self) -> usize {
        self.unsettled
    }

    /// See [`Frames::give_up`](super::Frames::give_up).
    #[cfg(feature = "sidecar")]
    pub(super) fn give_up<E>(
        &mut self,
        redactor: &mut Redactor,
        sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.is_lost { Ok(()) } else { self.lose(redactor, sink) }
    }

    /// See [`Frames::swap`](super::Frames::swap).
    #[cfg(feature = "sidecar")]
    pub(super) fn swap(&mut self, redactor: &mut Redactor, set: Arc<NeedleSet>) {
        for Stream { redactor, lines, out, is_masked } in self.streams.iter_mut().flatten().map(|stream| &mut **stream)
        {
            let _: Result<(), Never> = lines.swap(redactor, &set, &mut |piece| keep(out, is_masked, piece));
        }
        drop(redactor.swap(set));
    }

    /// See [`Frames::take_rest`](super::Frames::take_rest).
    pub(super) fn take_rest(&mut self) -> Zeroizing<Vec<u8>> {
        let mut rest = Zeroizing::new(std::mem::take(&mut self.header));
        append(&mut rest, &std::mem::take(&mut self.raw));
        rest
    }

    /// The stream goes on as plain text, which the redactor of the last frame searches.
    fn lose<E>(&mut self, redactor: &mut Redactor, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        self.is_lost = true;
        if let Some(frame) = self.frame.take() {
            // Not searched: its header stays as it is.
            self.header = header(frame.stream, frame.len).to_vec();
        }
        let last = self.last;
        for number in (0..STREAMS).filter(|number| Some(*number) != last) {
            self.end_stream(redactor, number);
            self.write_frame(number, 0, sink)?;
        }
        let Some(mut stream) = last.and_then(|last| self.streams[last].take()) else { return Ok(()) };
        if let Some(Frame { stream, len }) = self.waiting.take() {
            write_header(stream, len, sink)?;
        }
        write_out(&mut stream.out, sink)?;
        stream.lines.give_out(stream.redactor.end(), sink)?;
        std::mem::swap(redactor, &mut stream.redactor);
        redactor.count_with(stream.redactor.take_counts());
        Ok(())
    }
}

/// Whether an occurrence begins in the header, or may: the stream could be plain text, and the
/// length the first byte of a secret.
fn reaches_header(redactor: &Redactor, header: [u8; HEADER_LEN], piece: &[u8]) -> bool {
    let text = Zeroizing::new([&header, piece].concat());
    let mut aside = redactor.beside();
    let first = aside.push(&text).pieces().next();
    first.is_none_or(|first| first.is_mask() || first.len() < HEADER_LEN)
}

/// A header.
fn header(stream: usize, len: usize) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = (len as u32).to_be_bytes();
    [stream as u8, 0, 0, 0, a, b, c, d]
}

fn write_header<E>(stream: usize, len: usize, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
    header(stream, len).into_iter().map(fixed).try_for_each(sink)
}

fn write_out<E>(out: &mut RedactedBuf, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
    let written = if out.is_empty() { Ok(()) } else { sink(out.content()) };
    out.clear_to(KEPT_LEN_MAX);
    written
}
