//! Reads and writes on any descriptor: blocking or not, interrupted, short, full, closed.
//!
//! std's standard streams are unsuitable: they report success on a closed descriptor, and give up
//! in the middle of a write to a non-blocking one. The descriptor's flags stay unchanged, since
//! other processes share them.

use std::io::IoSlice;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::write;

/// Reads available data, or waits for it. 0 is end of file.
///
/// # Errors
///
/// Those of read(2), but not EINTR and EAGAIN.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match rustix::io::read(fd, &mut *buffer) {
            Err(error) => wait_to_retry(error, fd, PollFlags::IN)?,
            done => return done,
        }
    }
}

/// Writes all slices, and waits as often as it must.
///
/// # Errors
///
/// Those of writev(2), but not EINTR and EAGAIN; EIO if a call writes nothing.
pub fn write_all(fd: BorrowedFd<'_>, slices: &mut [IoSlice<'_>]) -> Result<(), Errno> {
    write::write_all(slices, |slices| {
        loop {
            let written = match slices {
                [one] => rustix::io::write(fd, one),
                several => rustix::io::writev(fd, several),
            };
            match written {
                Err(error) => wait_to_retry(error, fd, PollFlags::OUT)?,
                written => return written,
            }
        }
    })
}

/// Waits if the failed call should be retried after this error.
///
/// # Errors
///
/// The error itself, if a retry would not help; those of poll(2).
pub(crate) fn wait_to_retry(error: Errno, fd: BorrowedFd<'_>, until: PollFlags) -> Result<(), Errno> {
    match error {
        Errno::INTR => Ok(()),
        Errno::AGAIN => match poll(&mut [PollFd::from_borrowed_fd(fd, until)], None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        },
        error => Err(error),
    }
}
