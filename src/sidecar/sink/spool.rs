//! The spool: a file of bounded length that holds redacted output while its sink is unavailable,
//! and replays it in order when the sink has recovered.
//!
//! Its content came out of a redactor, and is as clean as the sink's output. The file is private to
//! its owner all the same.
//!
//! - *Order*: new output goes behind the pending pieces.
//! - *Full*: streams wait (backpressure), as for a sink without a spool. Nothing is dropped.
//! - *A restart* continues at the same position, also within a piece of which a file has taken a
//!   part. A kill between a write and its record repeats one piece at most.
//! - *A power cut*: output since the last sync of the sink's files is repeated, 1 MiB and a piece
//!   at most. Only pieces on the disk of the sink are removed from the file.
//! - *A failed sync*: the system gave up bytes that no later sync reports. The whole file is
//!   rewritten, and the output since the last sync of the sink's files is repeated.
//! - *Damage* ends at the next intact piece. The unreadable part is copied to a file beside the
//!   spool and reported; if the copy fails, nothing is removed from the file any more.
//! - *A damaged disk* loses the blocks that it cannot read, and the pieces in them: see [`repair`].
//! - *fsync*: as for a file sink, before a checkpoint confirms the output.
//!
//! The file: two slots of a [`Head`], of 512 bytes each; then for each piece `hsp2`, its length in
//! 4 bytes, the CRC-32 of the rest and the head's salt in 4, its number in 8, a byte of flags,
//! and the piece. All numbers are little-endian.
//!
//! The previous format (`hushspl1`, the offset of the first piece in 8 bytes and their CRC-32; then
//! for each piece its length, the CRC-32 of the rest, the byte and the piece) is kept until all
//! pending pieces are written. Its byte only flags the end of a message.
//!
//! Written by hand: the queues that crates keep on a disk acknowledge whole pieces, have no fixed
//! length, and know nothing of the syncs of the sink behind them.

mod head;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod model;
mod recover;
mod repair;
mod store;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::batch::Batch;
use super::sync::OutputSync;
use crate::redact::redacted::RedactedBuf;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::check_regular;
use head::{HEAD_LEN, Head, SLOT_LEN};
use recover::{Content, Frame};
use store::{Disk, Store, is_full, read, read_some, write_all};

const MAGIC_1: &[u8; 8] = b"hushspl1";
const HEAD_LEN_1: u64 = 20;
const FRAME_LEN_1: u64 = 9;
/// The mark at the beginning of a piece.
const MARK: &[u8; 4] = b"hsp2";
/// The length of the header of a piece, in bytes.
const FRAME_LEN: u64 = 21;
/// The flags of a piece: it ends a message; it continues the line before it.
const WHOLE: u8 = 1;
const WITHIN_LINE: u8 = 2;
/// The maximum length of a piece: one read of a stream, with its masks.
const PIECE_LEN_MAX: u64 = 1 << 30;
/// Written pieces are returned to the file system in units of this many bytes.
const PUNCH_LEN: u64 = 1 << 20;

/// The layout of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// A single position as its head, and pieces without marks.
    First,
    Second,
}

impl Layout {
    /// The offset of the first piece.
    fn begin(self) -> u64 {
        if self == Layout::First { HEAD_LEN_1 } else { HEAD_LEN }
    }

    fn frame_len(self) -> u64 {
        if self == Layout::First { FRAME_LEN_1 } else { FRAME_LEN }
    }

    /// The known flags of a piece.
    fn flags(self) -> u8 {
        if self == Layout::First { WHOLE } else { WHOLE | WITHIN_LINE }
    }
}

/// The first pending piece.
pub(super) struct First {
    pub(super) piece: RedactedBuf,
    pub(super) is_whole: bool,
    pub(super) is_within_line: bool,
    /// The number of its bytes that the sink has taken.
    pub(super) written: u64,
}

/// A spool and its pending pieces.
pub(super) struct Spool<S = Disk> {
    file: S,
    path: PathBuf,
    len_max: u64,
    layout: Layout,
    head: Head,
    /// The start of the first pending piece, and the end of the last one.
    start: u64,
    end: u64,
    /// The number of pending pieces, and the number of the next one.
    count: u64,
    number: u64,
    /// The file is a hole up to this offset.
    punched: u64,
    can_punch: bool,
    /// The offsets of damage that was found when the file was opened.
    gaps: Vec<u64>,
    /// Damaged bytes exist in the file only: nothing is removed from it.
    is_pinned: bool,
    /// The head in the file equals this one.
    is_noted: bool,
    /// Pending reports.
    warnings: Vec<String>,
    /// The number of damaged parts reported.
    damaged: u64,
    /// The number of failed syncs of this process when the whole file was written, and when the
    /// first piece since the last sync of the sink's files was written.
    failures: u64,
    /// The number of blocks that the disk could not read, and of looks at the first pending piece
    /// that met one.
    unreadable: Cell<u64>,
    looks: u32,
    /// The repair after a failed sync has begun, and could not be completed yet.
    is_mending: bool,
}

impl Spool {
    /// Opens or creates the file. An existing file is changed only if it is empty or a spool, and
    /// private to this user.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, is something else, is accessible to other users, or is
    /// locked by another sidecar.
    pub(super) fn open(path: &Path, len_max: u64, outputs: &Arc<OutputSync>) -> io::Result<Spool> {
        Spool::recovered(Disk::open(path, outputs)?, path, len_max)
    }

    /// Fails if the path holds something other than a spool, as far as this user can see. Changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`open`](Spool::open), except for a file without read permission: it may be another
    /// user's spool.
    pub(super) fn check(path: &Path) -> io::Result<()> {
        let unseen = |error: &io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied);
        let opened = Dir::parent_of(path, Links::Trusted).and_then(|(dir, name)| {
            check_regular(&dir.stat(&name)?)?;
            dir.open_file(&name, OFlags::RDONLY)
        });
        match opened {
            Ok(file) => check_content(&Disk::of(file, &Arc::default())),
            Err(error) if unseen(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads the system facts that a spool needs, while they can still be read.
    pub(super) fn prepare() {
        head::boot();
    }
}

impl<S: Store> Spool<S> {
    /// Recovers the spool in a file, or creates a new one.
    fn recovered(file: S, path: &Path, len_max: u64) -> io::Result<Spool<S>> {
        let (len, boot, failures) = (file.len()?, file.boot(), file.failures());
        let mut spool = Spool {
            file,
            path: path.to_owned(),
            len_max,
            layout: Layout::Second,
            head: Head::new(boot),
            start: HEAD_LEN,
            end: HEAD_LEN,
            count: 0,
            number: 1,
            punched: HEAD_LEN,
            can_punch: true,
            gaps: Vec::new(),
            is_pinned: false,
            is_noted: true,
            warnings: Vec::new(),
            damaged: 0,
            failures,
            unreadable: Cell::new(0),
            looks: 0,
            is_mending: false,
        };
        if let Some(place) = read_head_1(&spool.file)? {
            spool.recover_first(place.min(len.max(HEAD_LEN_1)), len)?;
            return Ok(spool);
        }
        let mut slots = vec![0; HEAD_LEN as usize];
        read_some(&spool.file, &mut slots)?;
        match Head::of(&slots) {
            Some(head) => {
                spool.head = head.now(boot);
                spool.recover(len)?;
            }
            None if slots.iter().all(|&byte| byte == 0) && len <= HEAD_LEN => spool.begin_anew()?,
            // Without its salt, a piece cannot be distinguished from bytes that look like one.
            None => {
                spool.set_aside(0, len);
                if spool.is_pinned {
                    return Err(damaged("its head is damaged, and cannot be copied beside it"));
                }
                spool.begin_anew()?;
            }
        }
        Ok(spool)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The number of pending pieces.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of parts found damaged.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Takes the pending report.
    pub(super) fn take_warning(&mut self) -> Option<String> {
        let warnings = std::mem::take(&mut self.warnings);
        (!warnings.is_empty()).then(|| warnings.join("; "))
    }

    /// The length of the pending pieces, in bytes.
    fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Appends the bytes of a batch after the first `written`, or nothing: false if there is no
    /// room. An empty spool takes a batch that is longer than its limit.
    ///
    /// # Errors
    ///
    /// Those of the system. Nothing was appended then.
    pub(super) fn append(&mut self, batch: &Batch<'_>, written: u64) -> io::Result<bool> {
        let slices = batch.io_slices(written);
        let len: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        self.mend()?;
        if self.is_empty() && self.end > self.layout.begin() && !self.can_punch {
            self.settle()?;
        }
        if !self.is_noted {
            // Without a head before it, a piece is not recognized.
            self.write_head()?;
        }
        let frame_len = self.layout.frame_len();
        let taken = if self.can_punch { self.len() } else { self.end - self.layout.begin() };
        if taken > 0 && taken + frame_len + len > self.len_max || len > PIECE_LEN_MAX {
            return Ok(false);
        }
        let within = if batch.begins_line(written) { 0 } else { WITHIN_LINE };
        let flags = [((u8::from(batch.is_whole()) * WHOLE) | within) & self.layout.flags()];
        let number = self.number.to_le_bytes();
        let mut hash = self.hash(&number, &flags);
        slices.iter().for_each(|slice| hash.update(slice));
        let (len_bytes, hash) = ((len as u32).to_le_bytes(), hash.finalize().to_le_bytes());
        let mut all = match self.layout {
            Layout::First => vec![IoSlice::new(&len_bytes), IoSlice::new(&hash), IoSlice::new(&flags)],
            Layout::Second => [&MARK[..], &len_bytes, &hash, &number, &flags].map(IoSlice::new).into(),
        };
        all.extend(slices);
        self.write_piece(&all)?;
        self.end += frame_len + len;
        (self.count, self.number) = (self.count + 1, self.number + 1);
        Ok(true)
    }

    /// Hashes the fields that precede the bytes of a piece.
    fn hash(&self, number: &[u8; 8], flags: &[u8; 1]) -> crc32fast::Hasher {
        let mut hash = crc32fast::Hasher::new();
        if self.layout == Layout::Second {
            hash.update(&self.head.salt.to_le_bytes());
            hash.update(number);
        }
        hash.update(flags);
        hash
    }

    /// The first pending piece, if any. A piece that was damaged meanwhile is set aside.
    pub(super) fn first(&mut self) -> io::Result<Option<First>> {
        // A full disk has room again when the pending pieces are written.
        let or_full = |error: io::Error| if is_full(&error) { Ok(()) } else { Err(error) };
        self.mend().map(drop).or_else(or_full)?;
        if !self.is_noted {
            // Otherwise a kill would repeat more than one piece.
            self.write_head().or_else(or_full)?;
        }
        while !self.is_empty() {
            let unreadable = self.unreadable.get();
            if let Some(Frame { piece, flags, number }) = self.frame(self.start, self.end)? {
                self.looks = 0;
                if number != self.head.next && self.layout == Layout::Second {
                    (self.head.next, self.head.written) = (number, 0);
                }
                let written = self.head.written.min(piece.len() as u64);
                let (is_whole, is_within_line) = (flags & WHOLE != 0, flags & WITHIN_LINE != 0);
                return Ok(Some(First { piece: RedactedBuf::reread(piece), is_whole, is_within_line, written }));
            }
            if !self.gaps.contains(&self.start) {
                self.wait_for_disk(unreadable)?;
            }
            let found = self.find(self.start + 1, self.end)?;
            let next = found.as_ref().map_or(self.end, |(next, _)| *next);
            if !self.gaps.contains(&self.start) && self.content(self.start, next)? != Content::Reported {
                self.report(self.start, next)?;
                self.count = found.map_or(0, |(_, frame)| self.count_from(frame.number));
            }
            self.start = next;
        }
        Ok(None)
    }

    /// Records that the sink has taken this many bytes of the first piece, and no more for now.
    pub(super) fn note_written(&mut self, written: u64) -> io::Result<()> {
        self.begin_unsynced();
        let is_new = std::mem::replace(&mut self.head.written, written) != written;
        if is_new || !self.is_noted { self.write_head() } else { Ok(()) }
    }

    /// Starts a new unsynced range. If all earlier pieces are safe, earlier failed syncs do not
    /// concern the pieces that the sink gets from here on, unless the file still needs its repair.
    fn begin_unsynced(&mut self) {
        if !self.is_mending && (self.head.safe, self.head.written) == (self.head.next, 0) {
            self.failures = self.file.failures();
        }
    }

    /// Removes the first piece, of this length, after the sink has taken it.
    pub(super) fn forget_first(&mut self, len: usize) -> io::Result<()> {
        self.start += self.layout.frame_len() + len as u64;
        self.count = self.count.saturating_sub(1);
        self.begin_unsynced();
        (self.head.next, self.head.written) = (self.head.next + 1, 0);
        self.write_head()?;
        if self.start - self.punched >= PUNCH_LEN { self.settle() } else { Ok(()) }
    }

    /// Whether the file still holds written pieces.
    pub(super) fn is_unsettled(&self) -> bool {
        self.punched < self.start && !self.is_pinned
    }

    /// Syncs the sink's files, records that, and then removes the written pieces from the file.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let synced = self.file.sync_sinks();
        if self.mend()? {
            return Ok(());
        }
        synced?;
        if self.is_empty() && !self.is_pinned {
            // Also if a head cannot be written, on a full disk: this makes room.
            return self.begin_anew();
        }
        self.head.safe = self.head.next;
        self.write_head()?;
        self.file.sync()?;
        // Then the other slot counts no removed pieces either.
        self.write_head()?;
        if self.can_punch {
            // Whole blocks only: the rest of a block might be unreadable.
            let block = |at: u64| at / S::BLOCK_LEN * S::BLOCK_LEN;
            let (begin, end) = (block(self.layout.begin() + S::BLOCK_LEN - 1), block(self.start));
            // Without holes the file's length is bounded, until all of it is written.
            self.can_punch = begin >= end || self.file.punch(begin, end - begin).is_ok();
        }
        self.punched = self.start;
        Ok(())
    }

    /// Resets an empty spool: truncates the file to its head, in the current layout.
    fn begin_anew(&mut self) -> io::Result<()> {
        let is_second = self.layout == Layout::Second;
        self.is_noted = false;
        let next = self.head.next.max(self.number);
        (self.number, self.head.next, self.head.safe, self.head.written) = (next, next, next, 0);
        self.truncate_to_head(if is_second { HEAD_LEN } else { 0 })?;
        self.layout = Layout::Second;
        (self.start, self.end, self.punched, self.count) = (HEAD_LEN, HEAD_LEN, HEAD_LEN, 0);
        self.gaps.clear();
        // Both slots, so that there is always one to fall back on.
        self.file.sync()?;
        self.write_head()?;
        self.write_head()?;
        self.file.sync()
    }

    fn write_head(&mut self) -> io::Result<()> {
        self.is_noted = false;
        if self.layout == Layout::First {
            let place = self.start.to_le_bytes();
            let hash = crc32fast::hash(&place).to_le_bytes();
            write_all(&self.file, &mut [MAGIC_1, &place[..], &hash].map(IoSlice::new), 0)?;
        } else {
            // A torn slot is rewritten before the other one is written.
            let head = Head { number: self.head.number + 1, ..self.head.clone() };
            match write_all(&self.file, &mut [IoSlice::new(&head.slot())], head.number % 2 * SLOT_LEN as u64) {
                Ok(()) => self.head = head,
                Err(error) => self.replace_head(error)?,
            }
        }
        self.is_noted = true;
        Ok(())
    }
}

fn damaged(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

/// Fails unless the file is a spool, or empty. A power cut leaves a new one as zeros, no longer
/// than a head.
fn check_content(file: &impl Store) -> io::Result<()> {
    let mut head = [0; HEAD_LEN as usize];
    let len = file.len()?;
    let found = read_some(file, &mut head)?;
    let is_zero = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
    // A kill within the first write of a head leaves a part of its beginning.
    let is_begun =
        |slot: &[u8]| (0..=head::MAGIC.len()).any(|n| slot.starts_with(&head::MAGIC[..n]) && is_zero(&slot[n..]));
    let is_blank = len <= HEAD_LEN && is_zero(&head) || len == HEAD_LEN && head.chunks_exact(SLOT_LEN).all(is_begun);
    let is_first = found >= HEAD_LEN_1 as usize && head.starts_with(MAGIC_1);
    let is_second = head.chunks_exact(SLOT_LEN).any(|slot| slot.starts_with(head::MAGIC)) && found > SLOT_LEN;
    if is_blank || is_first || is_second {
        return Ok(());
    }
    Err(damaged("it is not a spool"))
}

/// The start of a spool in the previous layout.
fn read_head_1(file: &impl Store) -> io::Result<Option<u64>> {
    let mut head = [0; HEAD_LEN_1 as usize];
    if !read(file, &mut head, 0)? || !head.starts_with(MAGIC_1) {
        return Ok(None);
    }
    let (place, hash) = head[8..].split_at(8);
    if crc32fast::hash(place).to_le_bytes() != hash {
        // After a crash of the machine, any of the pieces may be unwritten.
        return Ok(Some(HEAD_LEN_1));
    }
    Ok(Some(u64::from_le_bytes(place.try_into().expect("it has 8 bytes")).max(HEAD_LEN_1)))
}
