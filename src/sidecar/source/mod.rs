//! Where streams come from.
//!
//! Waiting and reading are two steps, so that a stream that waits owns no buffer: ten thousand idle ones cost what their redactors and
//! descriptors cost, and the buffers are as many as streams are busy at once.

pub(crate) mod bytes;
pub(crate) mod command;
pub(crate) mod connection;
pub(crate) mod fifo;
pub(crate) mod follow;
pub(crate) mod passed;
pub(crate) mod socket;

use std::future::Future;
use std::io;

/// What a source gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// Bytes were appended to the buffer: it goes on.
    Bytes,
    /// Nothing was appended, and the next bytes are of another file, where the text goes on all the
    /// same: in the middle of a secret, maybe.
    Border,
    /// With the appended bytes, if there are any, a whole has ended (a datagram): the redactor
    /// finishes, and begins anew.
    End,
    /// Nothing will come any more.
    Over,
}

/// A source of one stream.
pub(crate) trait Source: Send {
    /// Waits until there may be something to read. It can be cancelled at any moment, and loses nothing then. While it waits, nothing
    /// of the stream is in memory but what its redactor holds.
    ///
    /// # Errors
    ///
    /// Those after which the stream is over.
    fn ready(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// Reads what is there without waiting, and appends it to the buffer: at most what the buffer has spare. The buffer never grows,
    /// since one that grows leaves copies of secrets behind.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing is there: [`ready`](Source::ready) is next. With any other the stream
    /// is over.
    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Given>;

    /// All bytes that this source gave before this position (counted from its start, over all that it gave) have been given out by the
    /// sink, and need not be given again.
    fn confirm(&mut self, _position: u64) {}

    /// How many bytes were there when it was looked last, and were not read, as far as that can be known.
    fn lag(&self) -> u64 {
        0
    }

    /// Whether what was not confirmed is given again by whoever follows this sidecar. Such a stream is not ended when the sidecar
    /// stops: its line, and maybe a secret in it, goes on with the next one.
    fn resumes(&self) -> bool {
        false
    }

    /// Before anything is given, and after an [`End`](Given::End): whether something has come
    /// before that is lost or out already, as with an earlier sidecar: then, how many bytes went
    /// out last that may begin a secret.
    fn begun(&self) -> Option<usize> {
        None
    }

    /// It gave a border or an end just now, and so many bytes before that may begin a secret.
    fn border(&mut self, _open: usize) {}

    /// The sidecar stops, and the next one reads all that was not confirmed.
    fn suspend(&mut self) {}

    /// The sidecar stops, and so many bytes go out last that may begin a secret, or go on in one.
    fn leave(&mut self, _open: usize) {}
}

/// What gives sources, as a listening socket gives connections and a pattern of paths gives files: each is a stream of its own.
pub(crate) trait Listener: Send {
    /// What it gives.
    type Source: Source + 'static;

    /// Waits for the next. It can be cancelled at any moment, and loses nothing then.
    ///
    /// # Errors
    ///
    /// Those after which none will come. What may pass (no descriptors left) is waited for within.
    fn next(&mut self) -> impl Future<Output = io::Result<Self::Source>> + Send;
}
