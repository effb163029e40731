//! A read lease: shows whether any process has a file open for writing, or has tried to since.
//!
//! See `fcntl(2)`: the kernel grants a lease only if the file has no writer. A process that then
//! opens the file for writing blocks until the lease is released.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

const F_SETSIG: i32 = 10;
const F_SETLEASE: i32 = 1_024;
const F_GETLEASE: i32 = 1_025;
const F_RDLCK: i32 = 0;
const F_UNLCK: i32 = 2;
/// Ignored by default. SIGIO, the default lease signal, ends the process.
const SIGURG: i32 = 23;

/// The few `fcntl` commands used here. Each takes an integer or nothing.
mod calls {
    use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

    unsafe extern "C" {
        /// The C library's declaration; std links to it anyway.
        fn fcntl(fd: RawFd, command: i32, ...) -> i32;
    }

    /// Sets the signal for a lease break.
    pub(super) fn set_signal(file: BorrowedFd<'_>, signal: i32) -> bool {
        // SAFETY: the descriptor is open, and F_SETSIG takes an integer.
        unsafe { fcntl(file.as_raw_fd(), super::F_SETSIG, signal) != -1 }
    }

    /// Takes a lease of this kind, or releases it.
    pub(super) fn set_lease(file: BorrowedFd<'_>, kind: i32) -> bool {
        // SAFETY: the descriptor is open, and F_SETLEASE takes an integer.
        unsafe { fcntl(file.as_raw_fd(), super::F_SETLEASE, kind) == 0 }
    }

    /// The kind of the current lease.
    pub(super) fn lease(file: BorrowedFd<'_>) -> i32 {
        // SAFETY: the descriptor is open, and F_GETLEASE takes nothing.
        unsafe { fcntl(file.as_raw_fd(), super::F_GETLEASE) }
    }
}

/// A file without any other writer; dropping it releases the lease.
pub(crate) struct Lease<'a>(BorrowedFd<'a>);

impl<'a> Lease<'a> {
    /// `None` if leases are unavailable on this file system or to this user. A file that has a
    /// writer is an error.
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

    /// Whether no process waits to open the file for writing.
    pub(crate) fn holds(&self) -> bool {
        calls::lease(self.0) == F_RDLCK
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        calls::set_lease(self.0, F_UNLCK);
    }
}
