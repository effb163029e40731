//! Redaction as a codec of [`tokio_util::codec`], on the buffers of [`bytes`].

use core::fmt;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use super::line_buffer::{LineBuffer, Release};
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::Piece;
use crate::redact::redactor::Redactor;

/// A stream that is redacted piece by piece.
struct FrameRedactor {
    redactor: Redactor,
    line_buffer: LineBuffer,
}

impl FrameRedactor {
    fn new(redactor: Redactor, release: Release) -> FrameRedactor {
        FrameRedactor { redactor, line_buffer: LineBuffer::new(release) }
    }

    fn push(&mut self, input: &[u8], out: &mut BytesMut) {
        // Most input has no secrets, and its output is as long.
        out.reserve(input.len());
        let Ok(()) = self.line_buffer.push(&mut self.redactor, input, &mut |piece| append(piece, out));
    }

    fn finish(&mut self, out: &mut BytesMut) {
        let Ok(()) = self.line_buffer.finish(&mut self.redactor, &mut |piece| append(piece, out));
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut BytesMut) {
        let Ok(()) = self.line_buffer.swap(&mut self.redactor, &set, &mut |piece| append(piece, out));
    }
}

fn append(piece: Piece<'_>, out: &mut BytesMut) -> Result<(), Infallible> {
    out.extend_from_slice(piece.bytes());
    Ok(())
}

/// Returns the input, redacted: for a [`FramedRead`](tokio_util::codec::FramedRead).
///
/// A frame is the output that some input releases, and is never empty; frame boundaries have no
/// meaning. The end of the input ends the stream. Only the reader can fail. A frame shares no
/// memory with the raw input.
///
/// ```
/// use std::sync::Arc;
/// use hushlog::{Mask, NeedleSet, Redactor, Secret, io::RedactDecoder};
/// use tokio_util::codec::Decoder;
///
/// let secrets = vec![Secret::new("TOKEN", b"hunter2-prod-key".to_vec())];
/// let set = Arc::new(NeedleSet::exactly(secrets, Mask::default())?);
/// let mut decoder = RedactDecoder::new(Redactor::new(set));
/// assert_eq!(decoder.decode(&mut "token=hunter2-".into())?.unwrap(), "token=");
/// assert_eq!(decoder.decode(&mut "prod-key".into())?.unwrap(), "[REDACTED:TOKEN]");
/// assert_eq!(decoder.decode(&mut "hunter".into())?, None);
/// assert_eq!(decoder.decode_eof(&mut "s".into())?.unwrap(), "hunters");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedactDecoder {
    pieces: FrameRedactor,
    /// The output of a swap.
    ready: BytesMut,
}

impl RedactDecoder {
    /// A decoder at the beginning of a stream, with [`Release::Exact`].
    pub fn new(redactor: Redactor) -> RedactDecoder {
        RedactDecoder::with_release(redactor, Release::Exact)
    }

    /// A decoder at the beginning of a stream.
    pub fn with_release(redactor: Redactor, release: Release) -> RedactDecoder {
        RedactDecoder { pieces: FrameRedactor::new(redactor, release), ready: BytesMut::new() }
    }

    /// Switches to another set, as [`Redactor::swap`] does, also for lines that wait with
    /// [`Release::Line`]. Bytes released by the swap begin the next frame.
    pub fn swap(&mut self, set: Arc<NeedleSet>) {
        self.pieces.swap(set, &mut self.ready);
    }
}

impl Decoder for RedactDecoder {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        let mut frame = std::mem::take(&mut self.ready);
        if !input.is_empty() {
            self.pieces.push(input, &mut frame);
            input.clear();
        }
        Ok(Some(frame).filter(|frame| !frame.is_empty()))
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        let mut frame = self.decode(input)?.unwrap_or_default();
        // An ended stream holds no bytes back, so the calls come to an end.
        self.pieces.finish(&mut frame);
        Ok(Some(frame).filter(|frame| !frame.is_empty()))
    }
}

/// Redacts the sent bytes: for a [`FramedWrite`](tokio_util::codec::FramedWrite).
///
/// All items are one stream, their boundaries have no meaning, and some bytes may wait for the next
/// item. A codec is not notified when its sink is closed: [`EndOfStream`] is the item that releases
/// the held-back bytes, and must be the last one.
///
/// ```
/// use std::sync::Arc;
/// use hushlog::{Mask, NeedleSet, Redactor, Secret, io::{EndOfStream, RedactEncoder}};
/// use tokio_util::codec::Encoder;
///
/// let secrets = vec![Secret::new("TOKEN", b"hunter2-prod-key".to_vec())];
/// let set = Arc::new(NeedleSet::exactly(secrets, Mask::default())?);
/// let (mut encoder, mut out) = (RedactEncoder::new(Redactor::new(set)), bytes::BytesMut::new());
/// encoder.encode("token=hunter2-", &mut out)?;
/// assert_eq!(out, "token=");
/// encoder.encode("prod-key, hunter", &mut out)?;
/// encoder.encode(EndOfStream, &mut out)?;
/// assert_eq!(out, "token=[REDACTED:TOKEN], hunter");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedactEncoder {
    pieces: FrameRedactor,
    /// The output of a swap.
    ready: BytesMut,
}

/// The end of a stream through a [`RedactEncoder`]; items after it are a new stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndOfStream;

impl RedactEncoder {
    /// An encoder at the beginning of a stream, with [`Release::Exact`].
    pub fn new(redactor: Redactor) -> RedactEncoder {
        RedactEncoder::with_release(redactor, Release::Exact)
    }

    /// An encoder at the beginning of a stream.
    pub fn with_release(redactor: Redactor, release: Release) -> RedactEncoder {
        RedactEncoder { pieces: FrameRedactor::new(redactor, release), ready: BytesMut::new() }
    }

    /// Switches to another set, as [`Redactor::swap`] does, also for lines that wait with
    /// [`Release::Line`]. Bytes released by the swap precede the next item.
    pub fn swap(&mut self, set: Arc<NeedleSet>) {
        self.pieces.swap(set, &mut self.ready);
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for RedactEncoder {
    type Error = io::Error;

    fn encode(&mut self, item: T, out: &mut BytesMut) -> io::Result<()> {
        out.unsplit(std::mem::take(&mut self.ready));
        self.pieces.push(item.as_ref(), out);
        Ok(())
    }
}

impl Encoder<EndOfStream> for RedactEncoder {
    type Error = io::Error;

    fn encode(&mut self, _end: EndOfStream, out: &mut BytesMut) -> io::Result<()> {
        out.unsplit(std::mem::take(&mut self.ready));
        self.pieces.finish(out);
        Ok(())
    }
}

impl fmt::Debug for RedactDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactDecoder").finish_non_exhaustive()
    }
}

impl fmt::Debug for RedactEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactEncoder").finish_non_exhaustive()
    }
}
