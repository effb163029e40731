//! Where what is redacted waits while its sink is away: a file of bounded length, given out from its beginning when the sink is back.
//!
//! What is in it came out of a redactor, and is as clean as what the sink would have got; the file is its owner's alone all the same.
//!
//! - *Order*: what is given later goes behind what waits.
//! - *Full* is as far as the limit goes: then streams wait, as they do for a sink without a spool. Nothing is dropped.
//! - *A restart* goes on where the one before was, also within a piece of which a file has taken a
//!   part. A kill between a write and the note of it repeats one piece at most.
//! - *A power cut*: output since the last sync of the sink's files goes out again, 1
//!   MiB and a piece at most. Only pieces on the disk of the sink are taken off the file.
//! - *A failed sync*: the system gave up bytes that no later sync reports. All in the file is
//!   written again, and the output since the last sync of the sink's files goes out again.
//! - *Damage* ends at the next whole piece. The unreadable part is copied to a file beside the
//!   spool and reported; if that cannot be, nothing is taken off the file any more.
//! - *fsync*: as for a file sink, before a checkpoint says that it is out.
//!
//! The file: two slots of a [`Head`], of 512 bytes each; then for each piece `hsp2`, its length in
//! 4 bytes, the CRC-32 of the rest and the head's salt in 4, its number in 8, a byte that says
//! whether it is a whole, and the piece. All numbers are little-endian.
//!
//! The format of before (`hushspl1`, the place of the first piece in 8 bytes and their CRC-32; then
//! for each piece its length, the CRC-32 of the rest, the byte and the piece) is kept until all
//! that waits has gone out.

mod head;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod model;
mod recover;
mod store;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::batch::Batch;
use super::sync::OutputSync;
use crate::redact::redacted::RedactedBuf;
use crate::redact::text;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::check_regular;
use head::{HEAD_LEN, Head, SLOT_LEN};
use recover::{Content, Frame};
use store::{Disk, Store, is_full, read, read_some, rewrite, write_all};

const MAGIC_1: &[u8; 8] = b"hushspl1";
const HEAD_LEN_1: u64 = 20;
const FRAME_LEN_1: u64 = 9;
/// The mark at the beginning of a piece.
const MARK: &[u8; 4] = b"hsp2";
/// What stands before a piece, in bytes.
const FRAME_LEN: u64 = 21;
/// A piece is no longer than this: what a stream gives at once, with its masks.
const PIECE_LEN_MAX: u64 = 1 << 30;
/// What was given out is given back to the file system when it comes to so much, in bytes.
const PUNCH_LEN: u64 = 1 << 20;

/// How the file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// With one place as its head, and pieces without marks.
    First,
    Second,
}

impl Layout {
    /// The place where the pieces begin.
    fn begin(self) -> u64 {
        if self == Layout::First { HEAD_LEN_1 } else { HEAD_LEN }
    }

    fn frame_len(self) -> u64 {
        if self == Layout::First { FRAME_LEN_1 } else { FRAME_LEN }
    }
}

/// The first pending piece.
pub(super) struct First {
    pub(super) piece: RedactedBuf,
    pub(super) is_whole: bool,
    /// So much of it the sink has taken, in bytes.
    pub(super) written: u64,
}

/// See the front of this module.
pub(super) struct Spool<S = Disk> {
    file: S,
    path: PathBuf,
    len_max: u64,
    layout: Layout,
    head: Head,
    /// The first piece that waits, and the end of the last one.
    start: u64,
    end: u64,
    /// How many pieces wait, and the number of the next one.
    count: u64,
    number: u64,
    /// Up to here the file takes no room.
    punched: u64,
    can_punch: bool,
    /// Where damage begins that was there when the file was opened.
    gaps: Vec<u64>,
    /// Damaged bytes are in the file only: nothing is taken off it.
    is_pinned: bool,
    /// The head in the file is the one here.
    is_noted: bool,
    /// The reports that are due.
    warnings: Vec<String>,
    /// So many damaged parts were reported.
    damaged: u64,
    /// So many syncs of this process had failed when all in the file was written, and the first
    /// piece since the last sync of the sink's files went out.
    failures: u64,
}

impl Spool {
    /// Opens the file, or makes it. An existing one is not touched unless it is empty or a spool,
    /// and this user's alone.
    ///
    /// # Errors
    ///
    /// When it cannot be, is something else, others can read or write it, or another sidecar has
    /// it.
    pub(super) fn open(path: &Path, len_max: u64, outputs: &Arc<OutputSync>) -> io::Result<Spool> {
        Spool::recovered(Disk::open(path, outputs)?, path, len_max)
    }

    /// Fails if something else than a spool is at this path, as far as this user can see. Changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`open`](Spool::open); that it may not be read is none: it may be another user's spool.
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

    /// Asks the machine for the facts that a spool needs, while it can still be read.
    pub(super) fn prepare() {
        head::boot();
    }
}

impl<S: Store> Spool<S> {
    /// The spool that was left in a file, or a new one.
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
            // Without its salt, no piece can be known from bytes that only look like one.
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

    /// How many pieces wait.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many parts of it were found to be damaged.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The reports that are due, once.
    pub(super) fn take_warning(&mut self) -> Option<String> {
        let warnings = std::mem::take(&mut self.warnings);
        (!warnings.is_empty()).then(|| warnings.join("; "))
    }

    /// How much waits, in bytes.
    fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Takes what is behind the first `written` bytes of a batch, or nothing: false, if there is no room. A batch that is longer than
    /// all of the spool is taken when that is empty.
    ///
    /// # Errors
    ///
    /// Those of the system. Nothing was taken then.
    pub(super) fn append(&mut self, batch: &Batch<'_>, written: u64) -> io::Result<bool> {
        let slices = batch.io_slices(written);
        let len: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        self.mend()?;
        if self.is_empty() && self.end > self.layout.begin() && !self.can_punch {
            self.settle()?;
        }
        if !self.is_noted {
            // A piece without a head before it is known by nobody.
            self.write_head()?;
        }
        let frame_len = self.layout.frame_len();
        let taken = if self.can_punch { self.len() } else { self.end - self.layout.begin() };
        if taken > 0 && taken + frame_len + len > self.len_max || len > PIECE_LEN_MAX {
            return Ok(false);
        }
        let (number, is_whole) = (self.number.to_le_bytes(), [u8::from(batch.is_whole())]);
        let mut hash = self.hash(&number, &is_whole);
        slices.iter().for_each(|slice| hash.update(slice));
        let (len_bytes, hash) = ((len as u32).to_le_bytes(), hash.finalize().to_le_bytes());
        let mut all = match self.layout {
            Layout::First => vec![IoSlice::new(&len_bytes), IoSlice::new(&hash), IoSlice::new(&is_whole)],
            Layout::Second => [&MARK[..], &len_bytes, &hash, &number, &is_whole].map(IoSlice::new).into(),
        };
        all.extend(slices);
        if let Err(error) = write_all(&self.file, &mut all, self.end) {
            // What is behind the end would be taken for the beginning of a piece by nobody; but it takes room.
            let _ = self.file.truncate(self.end);
            return Err(error);
        }
        self.end += frame_len + len;
        (self.count, self.number) = (self.count + 1, self.number + 1);
        Ok(true)
    }

    /// The bytes that enter the hash of a piece before its bytes.
    fn hash(&self, number: &[u8; 8], is_whole: &[u8; 1]) -> crc32fast::Hasher {
        let mut hash = crc32fast::Hasher::new();
        if self.layout == Layout::Second {
            hash.update(&self.head.salt.to_le_bytes());
            hash.update(number);
        }
        hash.update(is_whole);
        hash
    }

    /// The first piece. None: nothing waits. One that was damaged meanwhile is set aside.
    pub(super) fn first(&mut self) -> io::Result<Option<First>> {
        // A full disk has room again when the pieces that wait have gone out.
        let or_full = |error: io::Error| if is_full(&error) { Ok(()) } else { Err(error) };
        self.mend().map(drop).or_else(or_full)?;
        if !self.is_noted {
            // Else a kill would repeat more than one piece.
            self.write_head().or_else(or_full)?;
        }
        while !self.is_empty() {
            if let Some(Frame { piece, is_whole, number }) = self.frame(self.start, self.end)? {
                if number != self.head.next && self.layout == Layout::Second {
                    (self.head.next, self.head.written) = (number, 0);
                }
                let written = self.head.written.min(piece.len() as u64);
                return Ok(Some(First { piece: RedactedBuf::reread(piece), is_whole, written }));
            }
            let found = self.find(self.start + 1, self.end)?;
            let next = found.as_ref().map_or(self.end, |(next, _)| *next);
            if !self.gaps.contains(&self.start) && self.content(self.start, next)? != Content::Reported {
                self.report(self.start, next)?;
                self.count = found.map_or(0, |_| self.count.saturating_sub(1));
            }
            self.start = next;
        }
        Ok(None)
    }

    /// The sink has taken so much of the first piece, in bytes, and no more for now.
    pub(super) fn note_written(&mut self, written: u64) -> io::Result<()> {
        self.begin_unsynced();
        let is_new = std::mem::replace(&mut self.head.written, written) != written;
        if is_new || !self.is_noted { self.write_head() } else { Ok(()) }
    }

    /// A failed sync says nothing of the pieces that the sink gets from here on, if all before are
    /// safe.
    fn begin_unsynced(&mut self) {
        if (self.head.safe, self.head.written) == (self.head.next, 0) {
            self.failures = self.file.failures();
        }
    }

    /// The sink has taken the first piece, of this length.
    pub(super) fn forget_first(&mut self, len: usize) -> io::Result<()> {
        self.start += self.layout.frame_len() + len as u64;
        self.count = self.count.saturating_sub(1);
        self.begin_unsynced();
        (self.head.next, self.head.written) = (self.head.next + 1, 0);
        self.write_head()?;
        if self.start - self.punched >= PUNCH_LEN { self.settle() } else { Ok(()) }
    }

    /// Whether something that was given out is still in the file.
    pub(super) fn is_unsettled(&self) -> bool {
        self.punched < self.start && !self.is_pinned
    }

    /// Has the sink's files synced, notes that, and then takes the pieces that went out off the
    /// file.
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
        // Nor does the other slot count pieces that are no longer there.
        self.write_head()?;
        if self.can_punch {
            let begin = self.layout.begin();
            // Without holes the file's length is bounded, until all of it has gone out.
            self.can_punch = self.file.punch(begin, self.start - begin).is_ok();
        }
        self.punched = self.start;
        Ok(())
    }

    /// After a sync has failed, the next one does not report the bytes that were not written then:
    /// writes all that is in the file again, and has the pieces go out again that may be on no
    /// disk. True: it has.
    fn mend(&mut self) -> io::Result<bool> {
        let failures = self.file.failures();
        if failures == self.failures {
            return Ok(false);
        }
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
        self.failures = failures;
        Ok(true)
    }

    /// Reports the part before a piece if pieces stood there that are to go out again.
    fn gone(&mut self, at: u64, found: u64, number: u64) -> io::Result<u64> {
        if self.layout == Layout::Second && number > self.head.safe {
            self.report(at, found)?;
        }
        Ok(found)
    }

    /// Nothing waits: the file is no longer than its head, and has the layout of now.
    fn begin_anew(&mut self) -> io::Result<()> {
        let is_second = self.layout == Layout::Second;
        self.is_noted = false;
        let next = self.head.next.max(self.number);
        (self.number, self.head.next, self.head.safe, self.head.written) = (next, next, next, 0);
        self.file.truncate(if is_second { HEAD_LEN } else { 0 })?;
        self.layout = Layout::Second;
        (self.start, self.end, self.punched, self.count) = (HEAD_LEN, HEAD_LEN, HEAD_LEN, 0);
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
            // A slot that was written in part is written again, before the other one is.
            let head = Head { number: self.head.number + 1, ..self.head.clone() };
            write_all(&self.file, &mut [IoSlice::new(&head.slot())], head.number % 2 * SLOT_LEN as u64)?;
            self.head = head;
        }
        self.is_noted = true;
        Ok(())
    }
}

fn damaged(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

/// Fails unless the file is a spool, or empty. A power cut leaves a new one as zeros that are no
/// longer than a head.
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

/// Where a spool in the layout of before begins.
fn read_head_1(file: &impl Store) -> io::Result<Option<u64>> {
    let mut head = [0; HEAD_LEN_1 as usize];
    if !read(file, &mut head, 0)? || !head.starts_with(MAGIC_1) {
        return Ok(None);
    }
    let (place, hash) = head[8..].split_at(8);
    if crc32fast::hash(place).to_le_bytes() != hash {
        // Of a crash of the machine: all that is there may not have gone out.
        return Ok(Some(HEAD_LEN_1));
    }
    Ok(Some(u64::from_le_bytes(place.try_into().expect("it has 8 bytes")).max(HEAD_LEN_1)))
}
