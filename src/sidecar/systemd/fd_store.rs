//! The descriptor store of `sd_notify(3)`: connections that the service manager keeps for the next
//! sidecar.
//!
//! The manager receives each connection once, under a unique name, and removes it by that name when
//! it has ended. It does not watch for a hangup (`FDPOLL=0`): the last output of a program while no
//! sidecar ran would be lost with it. Nothing waits for the manager. A connection that cannot be
//! sent is not kept, and ends with this sidecar. A removal that fails is retried.
//!
//! This file and `socket_activation` are kept by hand. The crate `sd-notify` was tried: it refuses
//! descriptors whose `LISTEN_FDNAMES` is missing or does not match their number, has no abstract
//! sockets, and blocks while it sends to the store.

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
use crate::sys::mutex::lock;

/// The delay before a failed removal is retried.
const REST: Duration = Duration::from_millis(100);

/// The descriptor store of a service manager.
pub(crate) struct FdStore {
    manager: Option<Manager>,
    stored: Mutex<StoredFds>,
    /// A removal has failed, and must be retried.
    removal_failed: Notify,
}

struct Manager {
    socket: OwnedFd,
    address: SocketAddrUnix,
    count_max: usize,
    /// Separates the names of this process from those of others.
    since: u128,
}

#[derive(Default)]
struct StoredFds {
    count: usize,
    /// The number of connections named so far.
    named: u64,
    /// Ended connections that are not removed yet.
    ended: Vec<String>,
}

/// Returns the prefix of the names of this stream's connections, by which the next sidecar finds
/// the stream. It is a hash, since the manager takes fewer characters than a stream's name may
/// have. The local address would not do: a socket of ours is bound in a private directory, and
/// renamed.
pub(crate) fn name_prefix(stream: &str) -> String {
    let hash = Sha256::digest(stream.as_bytes());
    format!("connection-{}-", data_encoding::HEXLOWER.encode(&hash[..8]))
}

/// A stored connection, until it is [removed](StoredFd::remove), even beyond the end of this
/// process.
pub(crate) struct StoredFd {
    store: Arc<FdStore>,
    name: String,
}

impl FdStore {
    /// Creates the store; without a manager that can be reached, it keeps nothing.
    pub(crate) fn new(at: Option<&StoreAt>) -> FdStore {
        FdStore {
            manager: at.and_then(|at| Manager::new(at).ok()),
            stored: Mutex::default(),
            removal_failed: Notify::new(),
        }
    }

    /// Sends a connection of this stream to the manager. Returns none if it is not kept.
    pub(crate) fn store(self: &Arc<Self>, connection: BorrowedFd<'_>, stream: &str) -> Option<StoredFd> {
        let manager = self.manager.as_ref()?;
        let mut stored = lock(&self.stored);
        if stored.count >= manager.count_max {
            return None;
        }
        stored.named += 1;
        let name = format!("{}{:x}-{}", name_prefix(stream), manager.since, stored.named);
        manager.send(&format!("FDSTORE=1\nFDPOLL=0\nFDNAME={name}"), &[connection]).ok()?;
        stored.count += 1;
        Some(StoredFd { store: Arc::clone(self), name })
    }

    /// Registers a connection that the manager kept for an earlier sidecar.
    pub(crate) fn resume(self: &Arc<Self>, name: String) -> StoredFd {
        lock(&self.stored).count += 1;
        StoredFd { store: Arc::clone(self), name }
    }

    /// Retries removals after the manager was busy, as long as the sidecar runs.
    pub(crate) async fn retry_removals(self: Arc<Self>) {
        loop {
            self.removal_failed.notified().await;
            while self.remove_ended(&mut lock(&self.stored)).is_err() {
                tokio::time::sleep(REST).await;
            }
        }
    }

    fn remove_ended(&self, stored: &mut StoredFds) -> io::Result<()> {
        let Some(manager) = &self.manager else { return Ok(()) };
        while let Some(name) = stored.ended.last() {
            manager.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[])?;
            stored.ended.pop();
            stored.count -= 1;
        }
        Ok(())
    }
}

impl StoredFd {
    /// Removes the connection from the store: it has ended, and no sidecar resumes it.
    pub(crate) fn remove(self) {
        let mut stored = lock(&self.store.stored);
        stored.ended.push(self.name);
        if self.store.remove_ended(&mut stored).is_err() {
            self.store.removal_failed.notify_one();
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
