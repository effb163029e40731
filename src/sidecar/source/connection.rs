//! A connection that may outlive the sidecar: the service manager keeps it, and the next sidecar
//! continues to read.
//!
//! The state for the next sidecar is stored at the socket itself, where it is as safe as the
//! connection: the number of last written bytes that may begin a secret.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::Shutdown;
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_timeout};
use tokio::io::Interest;
use tokio::time::Instant;

use super::bytes::Bytes;
use super::{ReadOutcome, Source};
use crate::sidecar::fd::Fd;
use crate::sidecar::systemd::fd_store::{FdStore, StoredFd};

/// The service manager keeps a connection of this age, and any connection when the sidecar stops.
/// Connections that send one line and close do not concern it.
const KEPT_AFTER: Duration = Duration::from_millis(100);

/// A store, and the stream of the connections that it keeps.
pub(crate) type StreamStore = (Arc<FdStore>, Arc<str>);

/// A connection that is read until end of stream.
pub(crate) struct Connection {
    bytes: Bytes,
    /// The store that will keep the connection for its stream, and the time from which it does.
    unkept: Option<(StreamStore, Instant)>,
    stored: Option<StoredFd>,
    /// The number that an earlier sidecar stored after it had read from this connection.
    begun: Option<usize>,
    is_over: bool,
}

impl Connection {
    /// Wraps a connection that was just accepted, to be kept if it has a store.
    pub(crate) fn accepted(socket: OwnedFd, store: Option<&StreamStore>) -> io::Result<Connection> {
        let bytes = Bytes(Fd::new(socket, Interest::READABLE)?);
        let unkept = store.map(|store| (store.clone(), Instant::now() + KEPT_AFTER));
        Ok(Connection { bytes, unkept, stored: None, begun: None, is_over: false })
    }

    /// Wraps a non-blocking connection that an earlier sidecar accepted.
    pub(crate) fn resumed(socket: OwnedFd, stored: StoredFd) -> io::Result<Connection> {
        let begun = Some(noted(&socket)?);
        let bytes = Bytes(Fd::new(socket, Interest::READABLE)?);
        Ok(Connection { bytes, unkept: None, stored: Some(stored), begun, is_over: false })
    }

    fn keep(&mut self) {
        if let Some(((store, stream), _)) = self.unkept.take() {
            self.stored = store.store(self.bytes.0.as_fd(), &stream);
        }
    }
}

impl Source for Connection {
    async fn ready(&mut self) -> io::Result<()> {
        let ready = match &self.unkept {
            None => self.bytes.ready().await,
            Some((_, when)) => match tokio::time::timeout_at(*when, self.bytes.ready()).await {
                Ok(ready) => ready,
                Err(_) => {
                    self.keep();
                    self.bytes.ready().await
                }
            },
        };
        self.is_over |= ready.is_err();
        ready
    }

    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<ReadOutcome> {
        let given = self.bytes.read(buffer);
        self.is_over |= match &given {
            Ok(given) => *given == ReadOutcome::Eof,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        if !self.is_over && self.unkept.as_ref().is_some_and(|(_, when)| *when <= Instant::now()) {
            self.keep();
        }
        given
    }

    fn confirm(&mut self, position: u64) {
        // The stored number belongs to bytes before this position.
        if position > 0 && self.begun.is_some_and(|noted| noted > 0) {
            note(&self.bytes.0, 0);
            self.begun = Some(0);
        }
    }

    fn begun(&self) -> Option<usize> {
        self.begun
    }

    /// What an earlier sidecar read is gone: with `release: exact`, it may have been the beginning
    /// of a line.
    fn is_within_line(&self) -> bool {
        self.begun.is_some()
    }

    fn leave(&mut self, open: usize) {
        if self.is_over {
            return;
        }
        self.keep();
        if self.stored.is_some() {
            note(&self.bytes.0, open);
            self.begun = None;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(stored) = self.stored.take_if(|_| self.is_over) {
            // The manager holds it open too, so closing it alone would not reach the peer.
            let _ = rustix::net::shutdown(&self.bytes.0, Shutdown::Both);
            stored.remove();
        }
    }
}

/// Stores a number at a socket, as its receive timeout. A non-blocking socket never uses the
/// timeout, which holds any number of seconds for the lifetime of the socket, in any process.
fn note(socket: &Fd, number: usize) {
    let seconds = (number > 0).then(|| Duration::from_secs(number as u64));
    let _ = set_socket_timeout(socket, Timeout::Recv, seconds);
}

fn noted(socket: &OwnedFd) -> io::Result<usize> {
    Ok(socket_timeout(socket, Timeout::Recv)?.map_or(0, |noted| usize::try_from(noted.as_secs()).unwrap_or(usize::MAX)))
}
