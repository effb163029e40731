//! The descriptor store of `sd_notify(3)`: connections that the service manager keeps for the next
//! sidecar.
//!
//! The manager receives each connection once, under a unique name, and removes it by that name when
//! it has ended. It does not watch for a hangup (`FDPOLL=0`): the last output of a program while no
//! sidecar ran would be lost with it. Nothing waits for the manager. A connection that cannot be
//! sent is not kept, and ends with this sidecar. A removal that fails is retried.

use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use crate::sidecar::StoreAt;
use crate::sidecar::secrets::reloader::lock;

/// The delay before a failed removal is retried.
const REST: Duration = Duration::from_millis(100);

/// The descriptor store of a service manager.
pub(crate) struct Store {
    manager: Option<Manager>,
    kept: Mutex<KeptOnes>,
    /// A removal has failed, and must be retried.
    is_behind: Notify,
}

struct Manager {
    socket: OwnedFd,
    address: SocketAddrUnix,
    count_max: usize,
    /// Separates the names of this process from those of others.
    since: u128,
}

#[derive(Default)]
struct KeptOnes {
    count: usize,
    /// The number of connections named so far.
    named: u64,
    /// Ended connections that are not removed yet.
    over: Vec<String>,
}

/// Returns the prefix of the names of this stream's connections, by which the next sidecar finds
/// the stream. It is a hash, since the manager takes fewer characters than a stream's name may
/// have. The local address would not do: a socket of ours is bound in a private directory, and
/// renamed.
pub(crate) fn name_prefix(stream: &str) -> String {
    let hash = Sha256::digest(stream.as_bytes());
    format!("connection-{}-", data_encoding::HEXLOWER.encode(&hash[..8]))
}

/// A kept connection, until it is [over](Kept::over), even beyond the end of this process.
pub(crate) struct Kept {
    store: Arc<Store>,
    name: String,
}

impl Store {
    /// Creates the store; without a manager that can be reached, it keeps nothing.
    pub(crate) fn new(at: Option<&StoreAt>) -> Store {
        Store { manager: at.and_then(|at| Manager::new(at).ok()), kept: Mutex::default(), is_behind: Notify::new() }
    }

    /// Sends a connection of this stream to the manager. Returns none if it is not kept.
    pub(crate) fn keep(self: &Arc<Self>, connection: BorrowedFd<'_>, stream: &str) -> Option<Kept> {
        let manager = self.manager.as_ref()?;
        let mut kept = lock(&self.kept);
        if kept.count >= manager.count_max {
            return None;
        }
        kept.named += 1;
        let name = format!("{}{:x}-{}", name_prefix(stream), manager.since, kept.named);
        manager.send(&format!("FDSTORE=1\nFDPOLL=0\nFDNAME={name}"), &[connection]).ok()?;
        kept.count += 1;
        Some(Kept { store: Arc::clone(self), name })
    }

    /// Registers a connection that the manager kept for an earlier sidecar.
    pub(crate) fn kept(self: &Arc<Self>, name: String) -> Kept {
        lock(&self.kept).count += 1;
        Kept { store: Arc::clone(self), name }
    }

    /// Retries removals after the manager was busy, as long as the sidecar runs.
    pub(crate) async fn tend(self: Arc<Self>) {
        loop {
            self.is_behind.notified().await;
            while self.take_away(&mut lock(&self.kept)).is_err() {
                tokio::time::sleep(REST).await;
            }
        }
    }

    fn take_away(&self, kept: &mut KeptOnes) -> io::Result<()> {
        let Some(manager) = &self.manager else { return Ok(()) };
        while let Some(name) = kept.over.last() {
            manager.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[])?;
            kept.over.pop();
            kept.count -= 1;
        }
        Ok(())
    }
}

impl Kept {
    /// Removes the connection from the store: it has ended, and no sidecar resumes it.
    pub(crate) fn over(self) {
        let mut kept = lock(&self.store.kept);
        kept.over.push(self.name);
        if self.store.take_away(&mut kept).is_err() {
            self.store.is_behind.notify_one();
        }
    }
}

impl Manager {
    fn new(at: &StoreAt) -> io::Result<Manager> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let since = UNIX_EPOCH.elapsed().as_ref().map_or(0, Duration::as_nanos);
        Ok(Manager {
            socket: rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?,
            address: address(&at.socket)?,
            count_max: at.count_max,
            since,
        })
    }

    /// Sends a message, or fails at once. The socket is not connected, since the manager may be
    /// restarted.
    fn send(&self, text: &str, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        let (text, flags) = ([IoSlice::new(text.as_bytes())], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        rustix::net::sendmsg_addr(&self.socket, &self.address, &text, &mut control, flags)?;
        Ok(())
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddrUnix> {
    Ok(match name.as_bytes() {
        [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
        _ => SocketAddrUnix::new(name)?,
    })
}
