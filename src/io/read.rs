//! A redacting [`Read`].

use core::fmt;
use std::convert::Infallible;
use std::io::{self, Read};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::line_buffer::{LineBuffer, Release};
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::{Piece, RedactedBuf};
use crate::redact::redactor::Redactor;

/// The maximum length of a read from the inner reader, in bytes.
pub(super) const INPUT_LEN: usize = 64 << 10;
/// The minimum length of such a read, in bytes, however small the caller's buffer is.
pub(super) const INPUT_LEN_MIN: usize = 8 << 10;

/// Redacts all bytes read from `R`.
///
/// A call reads until it has output or the stream has ended. It reads `R` again only when all bytes
/// so far may still begin a secret. The end of `R` is the end of the stream: `R` is not read after
/// it, even if it has more.
///
/// ```
/// use std::io::Read;
/// use std::sync::Arc;
/// use hushlog::{Mask, NeedleSet, Redactor, Secret, io::RedactReader};
///
/// let secrets = vec![Secret::new("TOKEN", b"hunter2-prod-key".to_vec())];
/// let set = Arc::new(NeedleSet::exactly(secrets, Mask::default())?);
/// let mut log = String::new();
/// RedactReader::new(&b"token=hunter2-prod-key ok"[..], Redactor::new(set)).read_to_string(&mut log)?;
/// assert_eq!(log, "token=[REDACTED:TOKEN] ok");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of `R`, unchanged ([`Interrupted`](io::ErrorKind::Interrupted) too). They lose no data,
/// and the next call continues.
///
/// Memory: 64 KiB for the input, and the excess of the output of one piece over the caller's
/// buffer; both are wiped on drop. Raw input never reaches the caller's buffer.
pub struct RedactReader<R> {
    inner: R,
    redactor: Redactor,
    line_buffer: LineBuffer,
    input: Zeroizing<Vec<u8>>,
    /// Output that exceeded the caller's buffer.
    ready: RedactedBuf,
    ended: bool,
}

impl<R: Read> RedactReader<R> {
    /// A reader at the beginning of a stream, with [`Release::Exact`].
    pub fn new(inner: R, redactor: Redactor) -> RedactReader<R> {
        RedactReader::with_release(inner, redactor, Release::Exact)
    }

    /// A reader at the beginning of a stream.
    pub fn with_release(inner: R, redactor: Redactor, release: Release) -> RedactReader<R> {
        let (input, ready) = (Zeroizing::new(vec![0; INPUT_LEN]), RedactedBuf::new(INPUT_LEN));
        RedactReader { inner, redactor, line_buffer: LineBuffer::new(release), input, ready, ended: false }
    }

    /// Switches to another set, as [`Redactor::swap`] does, also for lines that wait with
    /// [`Release::Line`]. The next read returns output released by the swap.
    pub fn swap(&mut self, set: Arc<NeedleSet>) {
        let mut into = Destination { buffer: &mut [], len: 0, rest: &mut self.ready };
        let Ok(()) = self.line_buffer.swap(&mut self.redactor, &set, &mut |piece| into.take(piece));
    }

    /// The inner reader. Data read from it directly is not redacted, and is missing from the
    /// stream.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// Reads once, and returns the number of output bytes in `buffer`.
    fn read_piece(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(&mut self.input[..buffer.len().clamp(INPUT_LEN_MIN, INPUT_LEN)])?;
        self.ended = len == 0;
        let mut into = Destination { buffer, len: 0, rest: &mut self.ready };
        let Ok(()) = match self.ended {
            true => self.line_buffer.finish(&mut self.redactor, &mut |piece| into.take(piece)),
            false => self.line_buffer.push(&mut self.redactor, &self.input[..len], &mut |piece| into.take(piece)),
        };
        Ok(into.len)
    }
}

impl<R: Read> Read for RedactReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.ready.is_empty() {
            let len = self.ready.content().bytes().read(buffer)?;
            self.ready.consume(len);
            return Ok(len);
        }
        while !buffer.is_empty() && !self.ended {
            let len = self.read_piece(buffer)?;
            if len > 0 {
                return Ok(len);
            }
        }
        Ok(0)
    }
}

impl<R> fmt::Debug for RedactReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactReader").finish_non_exhaustive()
    }
}

/// The caller's buffer, its filled length, and the destination of the rest.
struct Destination<'a> {
    buffer: &'a mut [u8],
    len: usize,
    rest: &'a mut RedactedBuf,
}

impl Destination<'_> {
    fn take(&mut self, piece: Piece<'_>) -> Result<(), Infallible> {
        let room = &mut self.buffer[self.len..];
        let (now, later) = piece.split_at(piece.len().min(room.len()));
        room[..now.len()].copy_from_slice(now.bytes());
        self.len += now.len();
        self.rest.append_growing(later);
        Ok(())
    }
}
