//! Sources of streams.
//!
//! Waiting and reading are two steps, so that a waiting stream owns no buffer. Ten thousand idle
//! streams cost only their redactors and descriptors; the number of buffers is the number of
//! streams that are busy at once.

pub(crate) mod bytes;
pub(crate) mod command;
pub(crate) mod connection;
pub(crate) mod fifo;
pub(crate) mod follow;
pub(super) mod own;
pub(crate) mod socket;

use std::future::Future;
use std::io;

/// The outcome of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// Bytes were appended to the buffer, and the stream continues.
    Data,
    /// Nothing was appended. The next bytes are of another file that continues the text, possibly
    /// in the middle of a secret.
    Boundary,
    /// A message (a datagram) has ended with the appended bytes, if any. The redactor finishes and
    /// starts anew.
    MessageEnd,
    /// End of stream.
    Eof,
}

/// A source of one stream.
pub(crate) trait Source: Send {
    /// Waits until the source may be readable. Cancel-safe. While it waits, only the bytes that the
    /// redactor holds are in memory.
    ///
    /// # Errors
    ///
    /// Errors that end the stream.
    fn ready(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// Reads available data without waiting, and appends at most the spare capacity of the buffer.
    /// The buffer never grows, since reallocation leaves copies of secrets behind.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when no data is available: call
    /// [`ready`](Source::ready) next. Any other error ends the stream.
    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<ReadOutcome>;

    /// Confirms that the sink has written all bytes before this position, which counts from the
    /// start of the source. They need not be read again.
    fn confirm(&mut self, _position: u64) {}

    /// The number of unread bytes at the last look, as far as it is known.
    fn lag(&self) -> u64 {
        0
    }

    /// Whether the next sidecar reads the unconfirmed bytes again. Such a stream does not end when
    /// the sidecar stops: its line, possibly with a secret, continues with the next sidecar.
    fn resumes(&self) -> bool {
        false
    }

    /// The number of last written bytes that may begin a secret, if text before the next read is
    /// lost or already written, by an earlier sidecar for example. Called before the first read,
    /// and after an [`End`](ReadOutcome::MessageEnd).
    fn begun(&self) -> Option<usize> {
        None
    }

    /// Whether the first read may continue a line whose beginning an earlier sidecar has written.
    fn is_within_line(&self) -> bool {
        false
    }

    /// Reports that this many bytes before the boundary or end just read may begin a secret.
    fn boundary(&mut self, _open: usize) {}

    /// The sidecar stops, and the next one reads all unconfirmed bytes.
    fn suspend(&mut self) {}

    /// The sidecar stops, and this many of the last written bytes may begin or continue a secret.
    fn leave(&mut self, _open: usize) {}
}

/// A producer of sources, each a stream of its own: a listening socket yields connections, a
/// pattern of paths yields files.
pub(crate) trait Listener: Send {
    /// The source that this listener yields.
    type Source: Source + 'static;

    /// Waits for the next source. Cancel-safe.
    ///
    /// # Errors
    ///
    /// Errors after which no source will come. Temporary errors (no file descriptors left) are
    /// waited out.
    fn next(&mut self) -> impl Future<Output = io::Result<Self::Source>> + Send;
}
