//! A redacting [`AsyncWrite`].

use core::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::io::AsyncWrite;

use super::line_buffer::{LineBuffer, Release};
use super::pending::{PendingOutput, WRITE_LEN_MAX};
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::Piece;
use crate::redact::redactor::Redactor;

pin_project! {
    /// Redacts all bytes written to it, and writes them to `W`:
    /// [`RedactWriter`](super::RedactWriter) for tokio.
    ///
    /// Releasable output goes to `W` within the same call, or as soon as `W` takes it. A call waits
    /// only for the rest of earlier calls, so at most 64 KiB of input, redacted, are pending.
    /// `flush` does not release the hold-back, since it may be the first half of a secret:
    /// `shutdown` does, and so does [`finish`](AsyncRedactWriter::finish), which leaves `W` open. A
    /// dropped writer writes no more, since that would have to wait.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use hushlog::{Mask, NeedleSet, Redactor, Secret, io::AsyncRedactWriter};
    /// use tokio::io::AsyncWriteExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let secrets = vec![Secret::new("TOKEN", b"hunter2-prod-key".to_vec())];
    /// let set = Arc::new(NeedleSet::exactly(secrets, Mask::default())?);
    /// let mut log = AsyncRedactWriter::new(Vec::new(), Redactor::new(set));
    /// log.write_all(b"token=hunter2-").await?;
    /// log.write_all(b"prod-key ok\n").await?;
    /// log.shutdown().await?;
    /// assert_eq!(log.into_inner(), b"token=[REDACTED:TOKEN] ok\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `W`. Input already taken in stays pending, redacted, and the next call writes it
    /// first. A call fails if and only if it took in none of its own bytes. Interrupted calls are
    /// repeated.
    ///
    /// # Cancelling
    ///
    /// Cancel-safe: a future of any of its methods may be dropped at any time. An unfinished
    /// `write` took in no bytes, and the next call writes all earlier input, once.
    ///
    /// Memory: that of a [`Redactor`], and 1 KiB; more only while `W` takes less than it is given.
    pub struct AsyncRedactWriter<W> {
        #[pin]
        inner: W,
        redactor: Redactor,
        line_buffer: LineBuffer,
        pending: PendingOutput,
    }
}

impl<W: AsyncWrite> AsyncRedactWriter<W> {
    /// A writer at the beginning of a stream, with [`Release::Exact`].
    pub fn new(inner: W, redactor: Redactor) -> AsyncRedactWriter<W> {
        AsyncRedactWriter::with_release(inner, redactor, Release::Exact)
    }

    /// A writer at the beginning of a stream.
    pub fn with_release(inner: W, redactor: Redactor, release: Release) -> AsyncRedactWriter<W> {
        AsyncRedactWriter { inner, redactor, line_buffer: LineBuffer::new(release), pending: PendingOutput::default() }
    }

    /// Ends the stream: writes the held-back bytes, and flushes. Later writes are a new stream.
    ///
    /// # Errors
    ///
    /// Those of `W`. Another call continues.
    pub async fn finish(&mut self) -> io::Result<()>
    where
        W: Unpin,
    {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_finish(cx)).await
    }

    /// Like [`finish`](AsyncRedactWriter::finish), for callers that poll.
    ///
    /// # Errors
    ///
    /// Those of `W`. Another call continues.
    pub fn poll_finish(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        // An ended stream holds no bytes back, so repeated calls are harmless.
        this.pending.finish(this.redactor, this.line_buffer, &mut |piece| write(this.inner.as_mut(), cx, piece));
        ready!(this.pending.write_out(&mut |piece| write(this.inner.as_mut(), cx, piece)))?;
        this.inner.poll_flush(cx)
    }

    /// Switches to another set, as [`Redactor::swap`] does, also for lines that wait with
    /// [`Release::Line`]. The next call writes the bytes released by the swap.
    pub fn swap(&mut self, set: Arc<NeedleSet>) {
        self.pending.swap(&mut self.redactor, &set, &mut self.line_buffer, &mut |_| Poll::Pending);
    }

    /// The inner writer.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The inner writer. Bytes of a stream that was not [finished](AsyncRedactWriter::finish) are
    /// lost.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: AsyncWrite> AsyncWrite for AsyncRedactWriter<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut this = self.project();
        let mut write = |piece: Piece<'_>| write(this.inner.as_mut(), cx, piece);
        ready!(this.pending.write_out(&mut write))?;
        let taken = &bytes[..bytes.len().min(WRITE_LEN_MAX)];
        this.pending.push(this.redactor, taken, this.line_buffer, &mut write);
        // The input was taken in, so this call succeeds; unwritten output stays pending.
        let _ = this.pending.write_out(&mut write);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        ready!(this.pending.write_out(&mut |piece| write(this.inner.as_mut(), cx, piece)))?;
        this.inner.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_finish(cx))?;
        self.project().inner.poll_shutdown(cx)
    }
}

fn write<W: AsyncWrite>(mut inner: Pin<&mut W>, cx: &mut Context<'_>, piece: Piece<'_>) -> Poll<io::Result<usize>> {
    loop {
        match inner.as_mut().poll_write(cx, piece.bytes()) {
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            written => return written,
        }
    }
}

impl<W> fmt::Debug for AsyncRedactWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncRedactWriter").finish_non_exhaustive()
    }
}
