//! The content of one file of a log: its end and its beginning.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use rustix::fs::{Stat, fstat};
use zeroize::Zeroizing;

use super::super::content::{content, read};
use super::super::file;
use super::super::kind::Compression;
use super::super::search;

/// A file of a log, open for reading.
pub(super) struct Text {
    pub(super) file: File,
    pub(super) compression: Option<Compression>,
}

impl Text {
    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(fstat(&self.file)?)
    }

    /// The last bytes of the content, at most `most`, and their offset.
    pub(super) fn tail(&self, most: u64) -> io::Result<(u64, Zeroizing<Vec<u8>>)> {
        if self.compression.is_some() {
            return last(&mut *self.head()?, usize::try_from(most).unwrap_or(usize::MAX));
        }
        let len = self.stat()?.st_size as u64;
        let start = len.saturating_sub(most);
        let mut tail = Zeroizing::new(vec![0; (len - start) as usize]);
        let read = file::read_full_at(self.file.as_fd(), &mut tail, start)?;
        tail.truncate(read);
        Ok((start, tail))
    }

    /// The content from its beginning.
    pub(super) fn head(&self) -> io::Result<Box<dyn Read + '_>> {
        content(&self.file, self.compression)
    }

    /// The first bytes of the content, at most `most`.
    pub(super) fn beginning(&self, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut head = Zeroizing::new(Vec::with_capacity(most));
        self.head()?.take(most as u64).read_to_end(&mut head)?;
        Ok(head)
    }
}

/// The last bytes of a content in one pass.
fn last(content: &mut dyn Read, most: usize) -> io::Result<(u64, Zeroizing<Vec<u8>>)> {
    let (mut buffer, mut end) = (search::buffer(), 0);
    // Allocated once: growing would leave unwiped copies behind.
    let mut kept = Zeroizing::new(Vec::with_capacity(most.saturating_add(buffer.len())));
    loop {
        match read(content, &mut buffer)? {
            0 => break,
            len => {
                let over = kept.len().saturating_sub(most);
                kept.drain(..over);
                kept.extend_from_slice(&buffer[..len]);
                end += len as u64;
            }
        }
    }
    let over = kept.len().saturating_sub(most);
    kept.drain(..over);
    Ok((end - kept.len() as u64, kept))
}
