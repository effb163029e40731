//! Socket activation: the service manager listens for the sidecar, and keeps sockets while no
//! sidecar runs. Writers wait meanwhile, and are not refused.
//!
//! A socket is matched to a source by its address, not by its name in the service manager, so that
//! two files need not agree on names. A kept connection has the name that this sidecar gave it,
//! which names its stream. A connection kept by an earlier version belongs to the stream whose
//! source has its local address.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::net::sockopt::{socket_acceptconn, socket_type};
use rustix::net::{Shutdown, SocketAddrAny, SocketAddrUnix, SocketType, getsockname};

use super::fd_store::{FdStore, StoredFd, name_prefix};
use crate::sidecar::SidecarError;
use crate::sidecar::config::{SourcePlan, StreamPlan};
use crate::sidecar::event::{Event, EventSink};
use crate::sidecar::source::connection::Connection;
use crate::sys::mutex::lock;

/// The passed sockets. They stay open, so that a failed source can be reopened.
pub(crate) struct PassedSockets {
    sockets: Vec<OwnedFd>,
    /// The connections of each stream, until the stream takes them.
    connections: Mutex<BTreeMap<Arc<str>, Vec<Connection>>>,
}

impl PassedSockets {
    /// Takes the sockets for these streams. A connection of no stream is shut down, since no stream
    /// continues it.
    ///
    /// # Errors
    ///
    /// When a socket belongs to no source: its data would never be read.
    pub(crate) fn new(
        passed: Vec<(OwnedFd, String)>,
        streams: &[StreamPlan],
        store: &Arc<FdStore>,
        emit: &EventSink,
    ) -> Result<PassedSockets, SidecarError> {
        let (mut sockets, mut connections) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
        for (number, (socket, name)) in passed.into_iter().enumerate() {
            let what = describe(number, &socket);
            let open = |error| SidecarError::Open { what: what.clone(), error };
            if !is_connection(&socket).map_err(open)? {
                check(&socket, streams).map_err(open)?;
                sockets.push(socket);
                continue;
            }
            let stream = streams.iter().find(|stream| goes_to(&socket, &name, stream));
            let stored = store.resume(name);
            match stream {
                Some(stream) => {
                    let resumed = resume(socket, stored).map_err(open)?;
                    connections.entry(Arc::clone(&stream.name)).or_default().push(resumed);
                }
                None => {
                    // The manager holds it open too: shut it down, so that its writer does not
                    // wait.
                    let _ = rustix::net::shutdown(&socket, Shutdown::Both);
                    stored.remove();
                    let why = "no plain stream has its address as the source";
                    emit(Event::Warning(format!("{what} is a connection, and was closed: {why}")));
                }
            }
        }
        Ok(PassedSockets { sockets, connections: Mutex::new(connections) })
    }

    /// Takes the connections to the source of this stream.
    pub(crate) fn connections_of(&self, stream: &str) -> Vec<Connection> {
        lock(&self.connections).remove(stream).unwrap_or_default()
    }

    /// The socket of a source, if it was passed.
    pub(crate) fn socket_of(&self, source: &SourcePlan) -> io::Result<Option<OwnedFd>> {
        for socket in &self.sockets {
            if is_of(socket, source)? {
                return socket.try_clone().map(Some);
            }
        }
        Ok(None)
    }
}

/// Whether the socket is a connection, not a listener or receiver.
fn is_connection(socket: &OwnedFd) -> io::Result<bool> {
    Ok(socket_type(socket)? == SocketType::STREAM && !socket_acceptconn(socket)?)
}

fn check(socket: &OwnedFd, streams: &[StreamPlan]) -> io::Result<()> {
    let known = streams.iter().map(|stream| is_of(socket, &stream.source)).collect::<io::Result<Vec<bool>>>()?;
    match known.contains(&true) {
        true => Ok(rustix::io::ioctl_fionbio(socket, true)?),
        false => Err(io::Error::new(ErrorKind::NotFound, "it is not the source of any stream")),
    }
}

/// Whether this connection, kept by this name, belongs to the stream.
fn goes_to(connection: &OwnedFd, name: &str, stream: &StreamPlan) -> bool {
    let is_its_own = || name.starts_with(&name_prefix(&stream.name)) && is_connected(&stream.source);
    stream.way.format.goes_on_anywhere() && (is_its_own() || is_at(connection, &stream.source).unwrap_or(false))
}

/// Whether each connection to this source is a stream of its own.
fn is_connected(source: &SourcePlan) -> bool {
    matches!(source, SourcePlan::Unix { .. } | SourcePlan::Tcp { .. })
}

fn resume(connection: OwnedFd, stored: StoredFd) -> io::Result<Connection> {
    rustix::io::ioctl_fionbio(&connection, true)?;
    Connection::resumed(connection, stored)
}

/// Whether this socket equals the one that the source would open itself.
fn is_of(socket: &OwnedFd, source: &SourcePlan) -> io::Result<bool> {
    let is_datagram = matches!(source, SourcePlan::UnixDatagram { .. });
    Ok(is_at(socket, source)? && (is_datagram || socket_acceptconn(socket)?))
}

/// Whether the socket has the kind and address of the source, as do the connections made there.
fn is_at(socket: &OwnedFd, source: &SourcePlan) -> io::Result<bool> {
    let (kind, address) = (socket_type(socket)?, getsockname(socket)?);
    Ok(match source {
        SourcePlan::Unix { path, .. } => kind == SocketType::STREAM && is_at_path(address, path),
        SourcePlan::UnixDatagram { path, .. } => kind == SocketType::DGRAM && is_at_path(address, path),
        SourcePlan::Tcp { address: port, .. } => {
            kind == SocketType::STREAM && SocketAddr::try_from(address).is_ok_and(|address| address == *port)
        }
        _ => false,
    })
}

fn is_at_path(address: SocketAddrAny, path: &Path) -> bool {
    let address = SocketAddrUnix::try_from(address);
    address.is_ok_and(|address| {
        address.path_bytes().is_some_and(|bytes| Path::new(std::ffi::OsStr::from_bytes(bytes)) == path)
    })
}

/// The description of a socket in messages.
fn describe(number: usize, socket: &OwnedFd) -> String {
    let address = getsockname(socket).ok();
    let unix = address.clone().and_then(|address| SocketAddrUnix::try_from(address).ok());
    let path = unix.and_then(|address| address.path_bytes().map(|path| String::from_utf8_lossy(path).into_owned()));
    let port = address.and_then(|address| SocketAddr::try_from(address).ok()).map(|port| port.to_string());
    let place = path.or(port).map_or_else(String::new, |place| format!(", {place}"));
    format!("descriptor {} of the service manager{place}", number + 1)
}
