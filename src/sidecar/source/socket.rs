//! Listening sockets: each connection of a stream socket is a stream; each datagram of a datagram
//! socket is a message.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::io::Interest;

use super::connection::{Connection, StreamStore};
use super::{Listener, ReadOutcome, Source};
use crate::sidecar::event::{Event, EventSink};
use crate::sidecar::fd::Fd;
use crate::sys::node::{self, Bound};
use crate::sys::shortage::is_shortage;

/// The listen backlog. The kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;
/// The pause in accepting when file descriptors have run out.
const REST: Duration = Duration::from_millis(100);

/// A listening stream socket.
pub(crate) struct Connections {
    fd: Fd,
    _bound: Option<Bound>,
    /// Keeps the accepted connections.
    store: Option<StreamStore>,
    /// Connections that an earlier sidecar accepted: they come first.
    resumed: Vec<Connection>,
}

impl Connections {
    /// Listens at a path.
    pub(crate) fn at_path(path: &Path, mode: u32) -> io::Result<Connections> {
        let (socket, bound) = node::bind(path, SocketType::STREAM, mode)?;
        Connections::listen(socket, Some(bound))
    }

    /// Takes a non-blocking socket that already listens, at a path of another process.
    pub(crate) fn passed(socket: OwnedFd) -> io::Result<Connections> {
        Connections::new(socket, None)
    }

    fn new(socket: OwnedFd, bound: Option<Bound>) -> io::Result<Connections> {
        let fd = Fd::new(socket, Interest::READABLE)?;
        Ok(Connections { fd, _bound: bound, store: None, resumed: Vec::new() })
    }

    /// Yields the resumed connections first, and keeps those that it accepts.
    pub(crate) fn keep(mut self, store: StreamStore, resumed: Vec<Connection>) -> Connections {
        (self.store, self.resumed) = (Some(store), resumed);
        self
    }

    /// Listens at a port.
    pub(crate) fn at_port(address: &SocketAddr) -> io::Result<Connections> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, address)?;
        Connections::listen(socket, None)
    }

    fn listen(socket: OwnedFd, bound: Option<Bound>) -> io::Result<Connections> {
        rustix::net::listen(&socket, BACKLOG)?;
        Connections::new(socket, bound)
    }

    /// Waits for the next connection.
    pub(crate) async fn accept(&self) -> io::Result<OwnedFd> {
        loop {
            let Fd::Polled(fd, _) = &self.fd else { return Err(ErrorKind::Unsupported.into()) };
            self.fd.readable().await?;
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let accepted = fd.try_io(Interest::READABLE, |fd| Ok(rustix::net::accept_with(fd.as_fd(), flags)?));
            match accepted {
                Ok(connection) => return Ok(connection),
                Err(error) if is_passing(&error) => {}
                // Connections wait in the kernel meanwhile.
                Err(error) if is_short(&error) => tokio::time::sleep(REST).await,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether the error concerns one connection that is already closed.
fn is_passing(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
        || error.raw_os_error() == Some(Errno::PROTO.raw_os_error())
}

/// Whether the kernel has no descriptor, memory or watch (`fs.epoll.max_user_watches`) for now.
fn is_short(error: &io::Error) -> bool {
    is_shortage(error) || error.raw_os_error() == Some(Errno::NOSPC.raw_os_error())
}

impl Listener for Connections {
    type Source = Connection;

    async fn next(&mut self) -> io::Result<Connection> {
        if let Some(resumed) = self.resumed.pop() {
            return Ok(resumed);
        }
        loop {
            match Connection::accepted(self.accept().await?, self.store.as_ref()) {
                Ok(connection) => return Ok(connection),
                Err(error) if is_short(&error) => tokio::time::sleep(REST).await,
                Err(error) => return Err(error),
            }
        }
    }
}

/// A socket that receives datagrams.
pub(crate) struct Datagrams {
    fd: Fd,
    stream: Arc<str>,
    emit: EventSink,
    was_told: bool,
    _bound: Option<Bound>,
}

impl Datagrams {
    /// Receives at a path.
    pub(crate) fn at_path(path: &Path, mode: u32, stream: Arc<str>, emit: EventSink) -> io::Result<Datagrams> {
        let (socket, bound) = node::bind(path, SocketType::DGRAM, mode)?;
        Datagrams::new(socket, Some(bound), stream, emit)
    }

    /// Takes a non-blocking socket at a path of another process.
    pub(crate) fn passed(socket: OwnedFd, stream: Arc<str>, emit: EventSink) -> io::Result<Datagrams> {
        Datagrams::new(socket, None, stream, emit)
    }

    fn new(socket: OwnedFd, bound: Option<Bound>, stream: Arc<str>, emit: EventSink) -> io::Result<Datagrams> {
        Ok(Datagrams { fd: Fd::new(socket, Interest::READABLE)?, stream, emit, was_told: false, _bound: bound })
    }
}

impl Source for Datagrams {
    async fn ready(&mut self) -> io::Result<()> {
        self.fd.readable().await
    }

    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<ReadOutcome> {
        let (_, is_cut) = self.fd.receive(buffer)?;
        if is_cut && !std::mem::replace(&mut self.was_told, true) {
            (self.emit)(Event::DatagramCut { stream: Arc::clone(&self.stream) });
        }
        Ok(ReadOutcome::MessageEnd)
    }
}
