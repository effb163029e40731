//! Repairs of a spool: after a failed sync, and around the blocks that a damaged disk cannot read.
//!
//! - A piece in such a block is lost, and the pieces behind it go out. Since a disk may be away for
//!   a moment only (a path of a network, a controller that restarts), the first pending piece is
//!   looked at [`LOOKS_MAX`] times before it is given up.
//! - A write of a part of a block reads its rest, and fails likewise. So pieces are appended behind
//!   such a block, and the head is written with all of its block, which repairs it.
//! - A spool whose head cannot be read is not opened: it may be another file.

use std::io::{self, IoSlice};

use super::store::{Store, is_damage, read, read_around, rewrite, write_all};
use super::{FRAME_LEN, Layout, SLOT_LEN, Spool};
use crate::redact::text;

/// The number of looks at an unreadable piece, one every 5 seconds, before it is given up.
const LOOKS_MAX: u32 = 12;
/// No block is longer than this, in bytes.
const BLOCK_LEN_MAX: u64 = 64 << 10;

impl<S: Store> Spool<S> {
    /// Repairs after a failed sync, since the next sync does not report the unwritten bytes:
    /// rewrites the whole file, and repeats the pieces that may be on no disk. Returns whether it
    /// did.
    pub(super) fn mend(&mut self) -> io::Result<bool> {
        let failures = self.file.failures();
        if failures == self.failures {
            return Ok(false);
        }
        self.is_mending = true;
        let (mut at, mut next) = (self.punched, self.head.next);
        while let Some((found, frame)) = self.find(at, self.start)? {
            if self.layout == Layout::First || frame.number >= self.head.safe {
                (at, next) = (self.gone(at, found, frame.number)?, frame.number);
                break;
            }
            at = found + FRAME_LEN + frame.piece.len() as u64;
        }
        if next == self.head.next {
            at = self.gone(at, self.start, next)?;
        }
        let (start, mut count) = (at, u64::from(self.head.written > 0));
        while let Some((found, frame)) = self.find(at, self.start)? {
            (at, count) = (found + self.layout.frame_len() + frame.piece.len() as u64, count + 1);
            self.count += 1;
        }
        if count > 0 {
            let path = text::path(&self.path);
            self.warnings.push(format!("a sync has failed: {count} pieces of the spool {path} go out again"));
        }
        (self.start, self.head.next, self.head.written) = (start, next, 0);
        self.write_head()?;
        rewrite(&self.file, start, self.end)?;
        (self.failures, self.is_mending) = (failures, false);
        Ok(true)
    }

    /// Reports the part before a piece, if it held pieces that must be repeated.
    fn gone(&mut self, at: u64, found: u64, number: u64) -> io::Result<u64> {
        if self.layout == Layout::Second && number > self.head.safe {
            self.report(at, found)?;
        }
        Ok(found)
    }

    /// Fills the buffer from this offset, with zeros for unreadable blocks. Returns false if the
    /// file is shorter.
    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<bool> {
        let (is_whole, unreadable) = read_around(&self.file, buffer, at)?;
        self.unreadable.set(self.unreadable.get() + unreadable);
        Ok(is_whole)
    }

    /// Fails if unreadable blocks were found since there were so many, and may be readable later.
    pub(super) fn wait_for_disk(&mut self, unreadable: u64) -> io::Result<()> {
        if self.unreadable.get() > unreadable && self.looks < LOOKS_MAX {
            self.looks += 1;
            return Err(io::Error::from(rustix::io::Errno::IO));
        }
        self.looks = 0;
        Ok(())
    }

    /// The number of pending pieces from the one with this number.
    pub(super) fn count_from(&self, number: u64) -> u64 {
        match self.layout {
            Layout::First => self.count.saturating_sub(1),
            Layout::Second => self.number.saturating_sub(number).min(self.count.saturating_sub(1)),
        }
    }

    /// Reports pieces of which the disk can read nothing.
    pub(super) fn report_unreadable(&mut self, len: u64) {
        self.damaged += 1;
        let path = text::path(&self.path);
        self.warnings.push(format!("{len} bytes of the spool {path} cannot be read: their pieces are lost"));
    }

    /// Writes a piece at the end; behind the block of the end, if that cannot be read.
    pub(super) fn write_piece(&mut self, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let write = |at| write_all(&self.file, &mut slices.to_vec(), at);
        let next = (self.end + 1).next_multiple_of(BLOCK_LEN_MAX);
        let mut written = write(self.end);
        if written.as_ref().is_err_and(is_damage) && write(next).is_ok() {
            if self.is_empty() {
                self.start = next;
            } else {
                self.gaps.push(self.end);
            }
            (self.end, written) = (next, Ok(()));
        }
        if written.is_err() {
            // No reader would take the bytes after the end for a piece, but they occupy space.
            let _ = self.file.truncate(self.end);
        }
        written
    }

    /// Writes the block of the head anew, after a write of a slot has failed. The pieces in that
    /// block are lost already.
    pub(super) fn replace_head(&mut self, error: io::Error) -> io::Result<()> {
        let mut block = vec![0; S::BLOCK_LEN as usize];
        if !is_damage(&error) || !read(&self.file, &mut block, 0).is_err_and(|error| is_damage(&error)) {
            return Err(error);
        }
        block.fill(0);
        let mut head = self.head.clone();
        for _ in 0..2 {
            head.number += 1;
            block[head.number as usize % 2 * SLOT_LEN..][..SLOT_LEN].copy_from_slice(&head.slot());
        }
        write_all(&self.file, &mut [IoSlice::new(&block)], 0)?;
        self.head = head;
        if self.end < S::BLOCK_LEN { self.file.truncate(self.end) } else { Ok(()) }
    }

    /// Truncates the file to its head, of this length.
    pub(super) fn truncate_to_head(&mut self, len: u64) -> io::Result<()> {
        match self.file.truncate(len) {
            Err(error) if self.layout == Layout::Second => {
                self.replace_head(error)?;
                self.file.truncate(len)
            }
            truncated => truncated,
        }
    }
}
