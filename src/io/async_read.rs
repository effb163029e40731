//! A redacting [`AsyncRead`].

use core::fmt;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, ReadBuf};
use zeroize::Zeroize;

use super::line_buffer::{LineBuffer, Release};
use super::read::{INPUT_LEN, INPUT_LEN_MIN};
use crate::redact::needle::NeedleSet;
use crate::redact::redacted::{Piece, RedactedBuf};
use crate::redact::redactor::Redactor;

/// The memory kept for output that exceeds the caller's buffer, in bytes.
const KEPT_LEN_MAX: usize = 1 << 10;

pin_project! {
    /// Redacts all bytes read from `R`: [`RedactReader`](super::RedactReader) for tokio.
    ///
    /// A call reads until it has output or the stream has ended. It reads `R` again only when all
    /// bytes so far may still begin a secret. The end of `R` is the end of the stream: `R` is not
    /// read after it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use hushlog::{Mask, NeedleSet, Redactor, Secret, io::AsyncRedactReader};
    /// use tokio::io::AsyncReadExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let secrets = vec![Secret::new("TOKEN", b"hunter2-prod-key".to_vec())];
    /// let set = Arc::new(NeedleSet::exactly(secrets, Mask::default())?);
    /// let mut log = String::new();
    /// AsyncRedactReader::new(&b"token=hunter2-prod-key ok"[..], Redactor::new(set)).read_to_string(&mut log).await?;
    /// assert_eq!(log, "token=[REDACTED:TOKEN] ok");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `R`, unchanged. They lose no data, and the next call continues.
    ///
    /// # Cancelling
    ///
    /// Cancel-safe: the future of a read may be dropped at any time. Data from `R` is not lost, and
    /// is returned once.
    ///
    /// Memory: that of an idle [`Redactor`], and 1 KiB, while it waits for `R`. A call that reads
    /// takes 64 KiB for the input, and the excess of the output over the caller's buffer; both are
    /// wiped before they are freed. Raw input never reaches the caller's buffer.
    pub struct AsyncRedactReader<R> {
        #[pin]
        inner: R,
        stream: Stream,
    }
}

/// The state besides the inner reader.
struct Stream {
    redactor: Redactor,
    line_buffer: LineBuffer,
    input: Input,
    /// Output that exceeded the caller's buffer.
    ready: RedactedBuf,
    ended: bool,
}

impl<R: AsyncRead> AsyncRedactReader<R> {
    /// A reader at the beginning of a stream, with [`Release::Exact`].
    pub fn new(inner: R, redactor: Redactor) -> AsyncRedactReader<R> {
        AsyncRedactReader::with_release(inner, redactor, Release::Exact)
    }

    /// A reader at the beginning of a stream.
    pub fn with_release(inner: R, redactor: Redactor, release: Release) -> AsyncRedactReader<R> {
        let (line_buffer, ready) = (LineBuffer::new(release), RedactedBuf::new(KEPT_LEN_MAX));
        AsyncRedactReader {
            inner,
            stream: Stream { redactor, line_buffer, input: Input::default(), ready, ended: false },
        }
    }

    /// Switches to another set, as [`Redactor::swap`] does, also for lines that wait with
    /// [`Release::Line`]. The next read returns output released by the swap.
    pub fn swap(&mut self, set: Arc<NeedleSet>) {
        let Stream { redactor, line_buffer, ready, .. } = &mut self.stream;
        let mut buffer = ReadBuf::new(&mut []);
        let Ok(()) = line_buffer.swap(redactor, &set, &mut |piece| give_slice(piece, &mut buffer, ready));
    }

    /// The inner reader. Data read from it directly is not redacted, and is missing from the
    /// stream.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }
}

impl<R: AsyncRead> AsyncRead for AsyncRedactReader<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        let (stream, filled) = (this.stream, buffer.filled().len());
        while buffer.remaining() > 0 && buffer.filled().len() == filled {
            if !stream.ready.is_empty() {
                stream.give_ready(buffer);
            } else if stream.ended {
                break;
            } else {
                ready!(stream.read_piece(this.inner.as_mut(), cx, buffer))?;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream {
    /// Reads once. Output goes into the caller's buffer as far as it fits.
    fn read_piece<R: AsyncRead>(
        &mut self,
        inner: Pin<&mut R>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Stream { redactor, line_buffer, input, ready, ended } = self;
        let len = buffer.remaining().clamp(INPUT_LEN_MIN, INPUT_LEN);
        let read = input.read(inner, cx, len, |bytes| {
            *ended = bytes.is_empty();
            let Ok(()) = line_buffer.push(redactor, bytes, &mut |piece| give_slice(piece, buffer, ready));
        });
        if read.is_pending() || *ended {
            *input = Input::default();
            redactor.shrink_to_fit();
        }
        if *ended {
            let Ok(()) = line_buffer.finish(redactor, &mut |piece| give_slice(piece, buffer, ready));
        }
        read
    }

    fn give_ready(&mut self, buffer: &mut ReadBuf<'_>) {
        let ready = self.ready.content().bytes();
        let len = ready.len().min(buffer.remaining());
        buffer.put_slice(&ready[..len]);
        self.ready.consume(len);
        if self.ready.is_empty() {
            self.ready.clear_to(KEPT_LEN_MAX);
        }
    }
}

fn give_slice(piece: Piece<'_>, buffer: &mut ReadBuf<'_>, rest: &mut RedactedBuf) -> Result<(), Infallible> {
    let (now, later) = piece.split_at(piece.len().min(buffer.remaining()));
    buffer.put_slice(now.bytes());
    if !later.is_empty() {
        rest.append_growing(later);
    }
    Ok(())
}

/// The input buffer. It is allocated when needed, and the used part is wiped.
#[derive(Default)]
struct Input {
    room: Vec<u8>,
    used: usize,
}

impl Input {
    /// Reads once, up to `len` bytes.
    fn read<R: AsyncRead>(
        &mut self,
        inner: Pin<&mut R>,
        cx: &mut Context<'_>,
        len: usize,
        take: impl FnOnce(&[u8]),
    ) -> Poll<io::Result<()>> {
        self.room.reserve_exact(INPUT_LEN);
        let mut piece = ReadBuf::uninit(&mut self.room.spare_capacity_mut()[..len]);
        // A reader that panics may have used any of it.
        let used = std::mem::replace(&mut self.used, INPUT_LEN);
        let read = inner.poll_read(cx, &mut piece);
        self.used = used.max(piece.initialized().len());
        ready!(read)?;
        take(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.room.spare_capacity_mut()[..self.used].zeroize();
    }
}

impl<R> fmt::Debug for AsyncRedactReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncRedactReader").finish_non_exhaustive()
    }
}
