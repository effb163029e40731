//! A redacting [`Write`].

use core::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::task::Poll;

use super::line_buffer::{LineBuffer, Release};
use super::pending::{PendingOutput, WRITE_LEN_MAX};
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::Piece;
use crate::redact::redactor::Redactor;

/// Redacts all bytes written to it, and writes them to `W`.
///
/// Releasable output is written within the same call; only the redactor's held-back bytes are
/// buffered. `flush` does not release the hold-back, since it may be the first half of a secret:
/// [`finish`](RedactWriter::finish) does, at the end of the stream. Dropping the writer finishes
/// too, and ignores errors.
///
/// ```
/// use std::io::Write;
/// use std::sync::Arc;
/// use hushlog::{Mask, NeedleSet, Redactor, Secret, io::RedactWriter};
///
/// let secrets = vec![Secret::new("TOKEN", b"hunter2-prod-key".to_vec())];
/// let set = Arc::new(NeedleSet::exactly(secrets, Mask::default())?);
/// let mut log = RedactWriter::new(Vec::new(), Redactor::new(set));
/// log.write_all(b"token=hunter2-")?;
/// log.write_all(b"prod-key ok\n")?;
/// assert_eq!(log.finish()?, b"token=[REDACTED:TOKEN] ok\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of `W`. Input already taken in stays pending, redacted, and the next call writes it first.
/// A call fails if and only if it took in none of its own bytes, so a caller may retry, for example
/// after [`ErrorKind::WouldBlock`]. Interrupted calls are repeated. At most 64 KiB of input,
/// redacted, are pending.
pub struct RedactWriter<W: Write> {
    redactor: Redactor,
    line_buffer: LineBuffer,
    pending: PendingOutput,
    inner: Inner<W>,
}

impl<W: Write> RedactWriter<W> {
    /// A writer at the beginning of a stream, with [`Release::Exact`].
    pub fn new(inner: W, redactor: Redactor) -> RedactWriter<W> {
        RedactWriter::with_release(inner, redactor, Release::Exact)
    }

    /// A writer at the beginning of a stream.
    pub fn with_release(inner: W, redactor: Redactor, release: Release) -> RedactWriter<W> {
        let inner = Inner { writer: Some(inner), in_call: false };
        RedactWriter { redactor, line_buffer: LineBuffer::new(release), pending: PendingOutput::default(), inner }
    }

    /// Ends the stream: writes the held-back bytes, flushes, and returns `W`.
    ///
    /// # Errors
    ///
    /// Those of `W`, which is then dropped; [`try_finish`](RedactWriter::try_finish) keeps it.
    pub fn finish(mut self) -> io::Result<W> {
        self.try_finish()?;
        Ok(self.inner.writer.take().expect("only finish takes it"))
    }

    /// Ends the stream: writes the held-back bytes, and flushes. Later writes are a new stream.
    ///
    /// # Errors
    ///
    /// Those of `W`. Another call continues.
    pub fn try_finish(&mut self) -> io::Result<()> {
        self.pending.finish(&mut self.redactor, &mut self.line_buffer, &mut |piece| self.inner.write(piece));
        self.flush()
    }

    /// Switches to another set, as [`Redactor::swap`] does, also for lines that wait with
    /// [`Release::Line`]. The next call returns an error of `W`.
    pub fn swap(&mut self, set: Arc<NeedleSet>) {
        self.pending.swap(&mut self.redactor, &set, &mut self.line_buffer, &mut |piece| self.inner.write(piece));
        // Unwritten bytes stay pending.
        let _ = self.write_pending();
    }

    /// The inner writer.
    pub fn get_ref(&self) -> &W {
        self.inner.writer.as_ref().expect("only finish takes it")
    }

    fn write_pending(&mut self) -> io::Result<()> {
        now(self.pending.write_out(&mut |piece| self.inner.write(piece)))
    }
}

impl<W: Write> Write for RedactWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_pending()?;
        let taken = &bytes[..bytes.len().min(WRITE_LEN_MAX)];
        self.pending.push(&mut self.redactor, taken, &mut self.line_buffer, &mut |piece| self.inner.write(piece));
        // The input was taken in, so this call succeeds; unwritten output stays pending.
        let _ = self.write_pending();
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_pending()?;
        self.inner.call(Write::flush)
    }
}

impl<W: Write> Drop for RedactWriter<W> {
    fn drop(&mut self) {
        // Not after a panic of the inner writer: its state is unknown.
        if self.inner.writer.is_some() && !self.inner.in_call {
            let _ = self.try_finish();
        }
    }
}

impl<W: Write> fmt::Debug for RedactWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactWriter").finish_non_exhaustive()
    }
}

/// The inner writer and its state.
struct Inner<W> {
    /// `None` after it was returned.
    writer: Option<W>,
    /// A call of the writer is in progress, or has panicked.
    in_call: bool,
}

impl<W: Write> Inner<W> {
    fn write(&mut self, piece: Piece<'_>) -> Poll<io::Result<usize>> {
        Poll::Ready(self.call(|writer| writer.write(piece.bytes())))
    }

    fn call<T>(&mut self, mut call: impl FnMut(&mut W) -> io::Result<T>) -> io::Result<T> {
        let writer = self.writer.as_mut().expect("only finish takes it");
        self.in_call = true;
        let result = loop {
            match call(writer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.in_call = false;
        result
    }
}

/// The result of a future that never has to wait.
fn now(written: Poll<io::Result<()>>) -> io::Result<()> {
    match written {
        Poll::Ready(written) => written,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}
