//! Whether anybody has a file open for writing, and whether somebody has tried to since: a read lease.
//!
//! `fcntl(2)`: a lease is given only if there is no writer, and who opens the file for writing then waits until it is given back.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

const F_SETSIG: i32 = 10;
const F_SETLEASE: i32 = 1_024;
const F_GETLEASE: i32 = 1_025;
const F_RDLCK: i32 = 0;
const F_UNLCK: i32 = 2;
/// Does nothing where nobody asks for it. The usual one, SIGIO, ends a process.
const SIGURG: i32 = 23;

/// The few commands of `fcntl` that are made here, each with an integer, as these commands take
/// one.
mod calls {
    use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

    unsafe extern "C" {
        /// As the C library has it, on which std stands anyway.
        fn fcntl(fd: RawFd, command: i32, ...) -> i32;
    }

    /// Which signal says that a lease is wanted back.
    pub(super) fn set_signal(file: BorrowedFd<'_>, signal: i32) -> bool {
        // SAFETY: the descriptor is open, and F_SETSIG takes an integer.
        unsafe { fcntl(file.as_raw_fd(), super::F_SETSIG, signal) != -1 }
    }

    /// Takes a lease of this kind, or gives it back.
    pub(super) fn set_lease(file: BorrowedFd<'_>, kind: i32) -> bool {
        // SAFETY: the descriptor is open, and F_SETLEASE takes an integer.
        unsafe { fcntl(file.as_raw_fd(), super::F_SETLEASE, kind) == 0 }
    }

    /// Which kind of lease there is.
    pub(super) fn lease(file: BorrowedFd<'_>) -> i32 {
        // SAFETY: the descriptor is open, and F_GETLEASE takes nothing.
        unsafe { fcntl(file.as_raw_fd(), super::F_GETLEASE) }
    }
}

/// A file that nobody else writes to; given back when dropped.
pub(crate) struct Lease<'a>(BorrowedFd<'a>);

impl<'a> Lease<'a> {
    /// `None`, where there are no leases: not on this file system, not for this user, or not for a file that has a writer; the
    /// last is an error.
    pub(crate) fn take(file: BorrowedFd<'a>) -> Result<Option<Lease<'a>>, Errno> {
        if !calls::set_signal(file, SIGURG) {
            return Ok(None);
        }
        match calls::set_lease(file, F_RDLCK) {
            true => Ok(Some(Lease(file))),
            _ if std::io::Error::last_os_error().raw_os_error() == Some(Errno::AGAIN.raw_os_error()) => {
                Err(Errno::TXTBSY)
            }
            _ => Ok(None),
        }
    }

    /// Whether nobody waits to write.
    pub(crate) fn holds(&self) -> bool {
        calls::lease(self.0) == F_RDLCK
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        calls::set_lease(self.0, F_UNLCK);
    }
}
