//! Reads and writes of an open file at an offset.

use std::io::{self, Read};
use std::os::fd::BorrowedFd;

use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use zeroize::Zeroizing;

use crate::container::{HEAD_LEN, RecordFormat};

/// Reads the bytes that are available at once at an offset; 0 is the end of the file.
pub(super) fn read_at(file: BorrowedFd<'_>, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
    retry_on_intr(|| pread(file, &mut *buffer, at))
}

/// Fills the buffer as far as the file reaches.
pub(super) fn read_full_at(file: BorrowedFd<'_>, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
    let mut done = 0;
    while done < buffer.len() {
        match read_at(file, &mut buffer[done..], at + done as u64)? {
            0 => break,
            len => done += len,
        }
    }
    Ok(done)
}

/// The format of a file, if it is a container log.
pub(super) fn record_format(file: BorrowedFd<'_>) -> Result<Option<RecordFormat>, Errno> {
    let mut head = Zeroizing::new([0; HEAD_LEN]);
    let len = read_full_at(file, &mut head[..], 0)?;
    Ok(RecordFormat::of_head(&head[..len]))
}

/// Reads a file from its beginning, independent of the descriptor's shared position.
pub(super) struct FromStart<'a> {
    file: BorrowedFd<'a>,
    at: u64,
}

impl FromStart<'_> {
    pub(super) fn new(file: BorrowedFd<'_>) -> FromStart<'_> {
        FromStart { file, at: 0 }
    }
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = read_at(self.file, buffer, self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

/// Writes at an offset, as many bytes as fit at once.
pub(super) fn write_at(file: BorrowedFd<'_>, bytes: &[u8], at: u64) -> Result<usize, Errno> {
    retry_on_intr(|| pwrite(file, bytes, at))
}
