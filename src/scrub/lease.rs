//! Whether anybody has a file open for writing, and whether somebody has tried to since: a read lease.
//!
//! `fcntl(2)`: a lease is given only if there is no writer, and who opens the file for writing then waits until it is given back.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::io::Errno;

const F_SETSIG: i32 = 10;
const F_SETLEASE: i32 = 1_024;
const F_GETLEASE: i32 = 1_025;
const F_RDLCK: i32 = 0;
const F_UNLCK: i32 = 2;
/// Does nothing where nobody asks for it. The usual one, SIGIO, ends a process.
const SIGURG: i32 = 23;

unsafe extern "C" {
    /// As the C library has it, on which std stands anyway.
    safe fn fcntl(fd: RawFd, command: i32, ...) -> i32;
}

/// A file that nobody else writes to; given back when dropped.
pub(crate) struct Lease<'a>(BorrowedFd<'a>);

impl<'a> Lease<'a> {
    /// `None`, where there are no leases: not on this file system, not for this user, or not for a file that has a writer; the
    /// last is an error.
    pub(crate) fn take(file: BorrowedFd<'a>) -> Result<Option<Lease<'a>>, Errno> {
        let fd = file.as_raw_fd();
        if fcntl(fd, F_SETSIG, SIGURG) == -1 {
            return Ok(None);
        }
        match fcntl(fd, F_SETLEASE, F_RDLCK) {
            0 => Ok(Some(Lease(file))),
            _ if std::io::Error::last_os_error().raw_os_error() == Some(Errno::AGAIN.raw_os_error()) => {
                Err(Errno::TXTBSY)
            }
            _ => Ok(None),
        }
    }

    /// Whether nobody waits to write.
    pub(crate) fn holds(&self) -> bool {
        fcntl(self.0.as_raw_fd(), F_GETLEASE) == F_RDLCK
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        fcntl(self.0.as_raw_fd(), F_SETLEASE, F_UNLCK);
    }
}
