//! Reads and writes on any descriptor: blocking or not, interrupted, short, full, closed.
//!
//! std's standard streams are unsuitable: they report success on a closed descriptor, and give up
//! in the middle of a write to a non-blocking one. The descriptor's flags stay unchanged, since
//! other processes share them.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};

use crate::redact::redacted::{Piece, RedactedBuf};
use crate::sys::write;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// The minimum length of a slice that is written from its place, in bytes; shorter ones are
/// gathered first.
///
/// Measured on a pipe, text of 60 to 1,000 bytes between masks of 20, in GB/s of processor time:
/// gathered in 32 to 64 KiB and written 4.1 to 4.9, lists of 64 to 1,024 slices 0.7 to 4.2, lists
/// of 16 slices 1.0 to 1.2 up to 200 bytes. From 4,000 bytes on both are equal; above that the copy
/// is the larger part of the cost, and a call of its own costs as much as copying 4 KiB in the
/// cache.
const DIRECT_LEN_MIN: usize = 16 << 10;
/// The maximum length gathered for one write, in bytes.
const GATHERED_LEN_MAX: usize = 64 << 10;

/// Reads available data, or waits for it. 0 is end of file.
pub(super) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match rustix::io::read(fd, &mut *buffer) {
            Err(error) => recover(error, fd, PollFlags::IN)?,
            done => return done,
        }
    }
}

/// Writes all slices.
pub(super) fn write_all(fd: BorrowedFd<'_>, slices: &mut [IoSlice<'_>]) -> Result<(), Errno> {
    write::write_all(slices, |slices| {
        loop {
            let written = match slices {
                [one] => rustix::io::write(fd, one),
                several => rustix::io::writev(fd, several),
            };
            match written {
                Err(error) => recover(error, fd, PollFlags::OUT)?,
                written => return written,
            }
        }
    })
}

/// Waits if the failed call should be retried after this error. Otherwise fails with it.
pub fn recover(error: Errno, fd: BorrowedFd<'_>, until: PollFlags) -> Result<(), Errno> {
    match error {
        Errno::INTR => Ok(()),
        Errno::AGAIN => match poll(&mut [PollFd::from_borrowed_fd(fd, until)], None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        },
        error => Err(error),
    }
}

/// The output: a descriptor, and the bytes gathered for the next write to it.
pub(super) struct Outlet<'fd> {
    fd: BorrowedFd<'fd>,
    gathered: RedactedBuf,
    bytes_out: u64,
}

impl<'fd> Outlet<'fd> {
    pub(super) fn new(fd: BorrowedFd<'fd>) -> Outlet<'fd> {
        Outlet { fd, gathered: RedactedBuf::new(GATHERED_LEN_MAX), bytes_out: 0 }
    }

    /// Takes a slice. It is written when [`flush`](Outlet::flush) returns, if not before.
    pub(super) fn give(&mut self, piece: Piece<'_>) -> Result<(), Errno> {
        if piece.len() < DIRECT_LEN_MIN {
            if self.gathered.append(piece) {
                return Ok(());
            }
            self.flush()?;
            if self.gathered.append(piece) {
                return Ok(());
            }
        }
        let gathered = self.gathered.content().bytes();
        write_all(self.fd, &mut [IoSlice::new(gathered), IoSlice::new(piece.bytes())])?;
        self.bytes_out += (gathered.len() + piece.len()) as u64;
        self.gathered.clear();
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), Errno> {
        let gathered = self.gathered.content().bytes();
        write_all(self.fd, &mut [IoSlice::new(gathered)])?;
        self.bytes_out += gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }

    /// Counts bytes that were written another way.
    pub(super) fn note(&mut self, len: usize) {
        self.bytes_out += len as u64;
    }

    /// The number of bytes written.
    pub(super) fn bytes_out(&self) -> u64 {
        self.bytes_out
    }
}

impl AsFd for Outlet<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd
    }
}
