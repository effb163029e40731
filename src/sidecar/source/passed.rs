//! Sockets that a service manager listens at for the sidecar, and keeps when the sidecar has gone: whoever writes to them meanwhile waits,
//! and is not refused.
//!
//! Each is the source that has its address, whatever its name among those of the service manager: so there is one place less in which two
//! files have to agree.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::net::sockopt::{socket_acceptconn, socket_type};
use rustix::net::{SocketAddrAny, SocketAddrUnix, SocketType, getsockname};

use super::super::SidecarError;
use super::super::config::{SourcePlan, StreamPlan};

/// The sockets that were passed. They stay open, so that a source that broke can be opened anew.
pub(crate) struct Passed(Vec<OwnedFd>);

impl Passed {
    /// Takes the sockets for these streams.
    ///
    /// # Errors
    ///
    /// When one of them is no stream's source: nobody would ever read what is written to it.
    pub(crate) fn new(sockets: Vec<OwnedFd>, streams: &[StreamPlan]) -> Result<Passed, SidecarError> {
        for (number, socket) in sockets.iter().enumerate() {
            let known = streams.iter().map(|stream| is_of(socket, &stream.source));
            let known = known.collect::<io::Result<Vec<bool>>>().and_then(|known| match known.contains(&true) {
                true => rustix::io::ioctl_fionbio(socket, true).map_err(io::Error::from),
                false => Err(io::Error::new(ErrorKind::NotFound, "no stream has it as its source")),
            });
            known.map_err(|error| SidecarError::Open { what: describe(number, socket), error })?;
        }
        Ok(Passed(sockets))
    }

    /// The socket of a source, if it was passed.
    pub(crate) fn socket_of(&self, source: &SourcePlan) -> io::Result<Option<OwnedFd>> {
        for socket in &self.0 {
            if is_of(socket, source)? {
                return socket.try_clone().map(Some);
            }
        }
        Ok(None)
    }
}

/// Whether this is what the source would have opened itself.
fn is_of(socket: &OwnedFd, source: &SourcePlan) -> io::Result<bool> {
    let (kind, address) = (socket_type(socket)?, getsockname(socket)?);
    Ok(match source {
        SourcePlan::Unix { path, .. } => {
            kind == SocketType::STREAM && socket_acceptconn(socket)? && is_at_path(address, path)
        }
        SourcePlan::UnixDatagram { path, .. } => kind == SocketType::DGRAM && is_at_path(address, path),
        SourcePlan::Tcp { address: port, .. } => {
            let is_at_port = SocketAddr::try_from(address).is_ok_and(|address| address == *port);
            kind == SocketType::STREAM && is_at_port && socket_acceptconn(socket)?
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

/// What messages call it.
fn describe(number: usize, socket: &OwnedFd) -> String {
    let address = getsockname(socket).ok();
    let unix = address.clone().and_then(|address| SocketAddrUnix::try_from(address).ok());
    let path = unix.and_then(|address| address.path_bytes().map(|path| String::from_utf8_lossy(path).into_owned()));
    let port = address.and_then(|address| SocketAddr::try_from(address).ok()).map(|port| port.to_string());
    let place = path.or(port).map_or_else(String::new, |place| format!(", {place}"));
    format!("descriptor {} of the service manager{place}", number + 1)
}
