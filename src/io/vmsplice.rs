//! Zero-copy output with vmsplice(2). A page handed to the pipe is never reused.
//!
//! `vmsplice` puts a reference to our page into the pipe. No process can detect when the last
//! reference is gone: the reader may pass the page on with `splice` or `tee` and look at it an hour
//! later, so an empty pipe proves nothing. Reading the next input into that page would show it,
//! raw, to all holders of a reference. So each page takes input once, goes to the pipe, and is
//! unmapped; the kernel frees it after its last reader. The next input goes into new pages. Only
//! huge pages make that cheap: see the figures in [`pump`](super::pump).

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munlock, munmap};
use rustix::pipe::{IoSliceRaw, SpliceFlags, vmsplice};
use zeroize::Zeroize;

use super::fd_writer::FdWriter;
use crate::redact::redacted::Piece;
use crate::sys::descriptor::wait_to_retry;

/// An area is one huge page, in bytes.
const AREA_LEN: usize = 2 << 20;
/// The length of the mapping, which holds an aligned area at any start address. Untouched pages
/// cost nothing.
const MAP_LEN: usize = 2 * AREA_LEN;
/// The maximum length of one piece of input, in bytes. 128 KiB is 3% slower, 512 KiB no faster.
pub(super) const PIECE_LEN: usize = 256 << 10;
/// The minimum length of a spliced slice, in bytes: a shorter one is not worth a call and a page.
pub(super) const SPLICE_LEN_MIN: usize = 16 << 10;
/// The size of a page, in bytes: the unit of allocation.
const PAGE_LEN: usize = 4 << 10;
/// The maximum number of page faults of an area that is one huge page.
const AREA_FAULTS_MAX: u64 = 64;
/// The number of areas between two checks of the page faults, after the first.
const AREAS_CHECKED_EVERY: u64 = 64;

/// New pages, filled from front to back. A spliced byte is never written again.
struct Area {
    map: NonNull<u8>,
    /// The offset of the next piece in the mapping. Everything before it is retired.
    next: usize,
    end: usize,
    /// The number of bytes from `next` on that have taken input.
    used_len: usize,
    /// The spliced ranges of these, in order, relative to `next`.
    spliced: RefCell<Vec<Range<usize>>>,
}

impl Area {
    fn new() -> Result<Area, Errno> {
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping where the kernel chooses; no other code knows its address.
        let map = unsafe { mmap_anonymous(std::ptr::null_mut(), MAP_LEN, access, flags)? };
        let map = NonNull::new(map.cast::<u8>()).ok_or(Errno::NOMEM)?;
        let next = map.as_ptr().align_offset(AREA_LEN);
        let area = Area { map, next, end: next + AREA_LEN, used_len: 0, spliced: RefCell::new(Vec::new()) };
        // SAFETY: the mapping is ours, and neither call changes its content. If the process locks
        // all its memory, these pages are unlocked: they leave the process anyway, and locked ones
        // would go through the kernel's lists one by one.
        unsafe {
            munlock(map.as_ptr().cast(), MAP_LEN)?;
            madvise(map.as_ptr().add(next).cast(), AREA_LEN, Advice::LinuxHugepage)?;
        }
        Ok(area)
    }

    fn has_room(&self) -> bool {
        self.end - self.next >= PIECE_LEN
    }

    /// Reads a piece into [`PIECE_LEN`] bytes that were never spliced.
    fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
        assert!(self.has_room() && self.spliced.get_mut().is_empty(), "the last piece was retired");
        let len = read(self.slice_mut(0..PIECE_LEN))?;
        self.used_len = self.used_len.max(len);
        Ok(len)
    }

    /// The first `len` bytes read.
    fn piece(&self, len: usize) -> &[u8] {
        assert!(len <= self.used_len);
        // SAFETY: within the mapping, initialised (at first to zero), and not written while self is
        // borrowed.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(self.next), len) }
    }

    /// A range of bytes, relative to `next`, that were not spliced.
    fn slice_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        assert!(range.start <= range.end && range.end <= self.end - self.next);
        assert!(self.spliced.get_mut().iter().all(|gone| range.end <= gone.start || gone.end <= range.start));
        // SAFETY: within the mapping, as just asserted, and initialised (at first to zero). The
        // exclusive borrow of self excludes other references. `spliced`, just compared, has all
        // spliced ranges from `next` on.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_ptr().add(self.next + range.start), range.len()) }
    }

    /// Splices the first bytes of this range of the piece, as many as the pipe has room for.
    /// Returns their number.
    fn splice(&self, pipe: BorrowedFd<'_>, range: Range<usize>) -> Result<usize, Errno> {
        let slice = self.piece(self.used_len).get(range.clone()).ok_or(Errno::FAULT)?;
        self.spliced.borrow_mut().push(range);
        // SAFETY: the slice is initialised memory of this area. It must not change after the call:
        // it was recorded above, and `slice_mut`, the only way to write to the area, rejects it.
        unsafe { vmsplice(pipe, &[IoSliceRaw::from_slice(slice)], SpliceFlags::empty()) }
    }

    /// Retires the piece: wipes the bytes that were not spliced, secrets above all, before their
    /// pages leave the process. If none was spliced, the next piece reuses the room.
    fn retire(&mut self) {
        if self.spliced.get_mut().is_empty() {
            return;
        }
        for gap in gaps(self.used_len, self.spliced.get_mut()) {
            self.slice_mut(gap).zeroize();
        }
        self.next += std::mem::take(&mut self.used_len).next_multiple_of(PAGE_LEN);
        self.spliced.get_mut().clear();
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        self.retire();
        self.slice_mut(0..self.used_len).zeroize();
        // SAFETY: the mapping is ours, and no slice of it outlives self. Spliced pages survive it.
        let unmapped = unsafe { munmap(self.map.as_ptr().cast(), MAP_LEN) };
        debug_assert!(unmapped.is_ok());
    }
}

/// An input buffer that can splice its clean stretches into a pipe.
pub(super) struct SpliceBuf {
    area: Area,
    areas_used: u64,
    faults: u64,
    refused: Cell<bool>,
}

impl SpliceBuf {
    /// # Errors
    ///
    /// When the kernel has no memory, or does not report page faults.
    pub(super) fn new() -> Result<SpliceBuf, Errno> {
        let faults = minor_faults().ok_or(Errno::NOTSUP)?;
        Ok(SpliceBuf { area: Area::new()?, areas_used: 0, faults, refused: Cell::new(false) })
    }

    /// Makes room for a piece.
    ///
    /// # Errors
    ///
    /// When this buffer has become useless: no memory, no huge pages, or a pipe that refuses them.
    pub(super) fn make_room(&mut self) -> Result<(), Errno> {
        if self.refused.get() {
            return Err(Errno::NOTSUP);
        }
        if !self.area.has_room() {
            if self.areas_used.is_multiple_of(AREAS_CHECKED_EVERY) {
                self.check_faults()?;
            }
            self.area = Area::new()?;
            self.areas_used += 1;
        }
        Ok(())
    }

    /// Checks that areas are huge pages: the first, and then at intervals, since a machine runs out
    /// of huge pages over time.
    fn check_faults(&mut self) -> Result<(), Errno> {
        let areas = if self.areas_used == 0 { 1 } else { AREAS_CHECKED_EVERY };
        let before = std::mem::replace(&mut self.faults, minor_faults().ok_or(Errno::NOTSUP)?);
        if self.faults - before > areas * AREA_FAULTS_MAX { Err(Errno::NOTSUP) } else { Ok(()) }
    }

    /// Reads a piece.
    pub(super) fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
        self.area.fill(read)
    }

    /// The piece of this length that was read last.
    pub(super) fn piece(&self, len: usize) -> &[u8] {
        self.area.piece(len)
    }

    /// Writes a piece of output. A long part of this buffer's input is spliced; `start` is where
    /// that input begins in its stream.
    pub(super) fn write(&self, piece: Piece<'_>, start: u64, writer: &mut FdWriter<'_>) -> Result<(), Errno> {
        let input = piece.input().filter(|_| piece.len() >= SPLICE_LEN_MIN && !self.refused.get());
        let Some(input) = input else { return writer.write(piece) };
        debug_assert_eq!(self.area.piece(self.area.used_len).get(at(&input, start)), Some(piece.bytes()));
        writer.flush()?;
        let mut rest = piece;
        while let Some(input) = rest.input().filter(|input| !input.is_empty()) {
            match self.area.splice(writer.as_fd(), at(&input, start)) {
                Ok(0) => return Err(Errno::IO),
                Ok(len) => {
                    writer.count(len);
                    rest = rest.split_at(len).1;
                }
                Err(error) => match wait_to_retry(error, writer.as_fd(), PollFlags::OUT) {
                    Ok(()) => {}
                    Err(Errno::PIPE) => return Err(Errno::PIPE),
                    // No such call here, or not for this pipe. A faulty pipe also fails the write.
                    Err(_) => {
                        self.refused.set(true);
                        return writer.write(rest);
                    }
                },
            }
        }
        Ok(())
    }

    /// Retires the piece.
    pub(super) fn retire(&mut self) {
        self.area.retire();
    }
}

/// Converts a range of the stream to one of the input that begins at `start`.
fn at(input: &Range<u64>, start: u64) -> Range<usize> {
    (input.start - start) as usize..(input.end - start) as usize
}

/// The minor page faults of this thread so far: field 10 of its `stat`, after a name that may
/// contain any character.
fn minor_faults() -> Option<u64> {
    let stat = std::fs::read("/proc/thread-self/stat").ok()?;
    let behind_name = memchr::memrchr(b')', &stat)? + 1;
    let fields = std::str::from_utf8(&stat[behind_name..]).ok()?;
    fields.split_ascii_whitespace().nth(7)?.parse().ok()
}

/// The parts of `0..len` outside the ranges, which are in order but may overlap.
fn gaps(len: usize, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let (mut gaps, mut at) = (Vec::new(), 0);
    for range in ranges {
        if range.start > at {
            gaps.push(at..range.start);
        }
        at = at.max(range.end);
    }
    if at < len {
        gaps.push(at..len);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "lists of ranges are meant, some of one range")]
    fn gaps_are_the_bytes_that_no_range_covers() {
        for (ranges, expected) in [
            (&[][..], &[0..10][..]),
            (&[0..10], &[]),
            (&[2..4, 4..5, 7..9], &[0..2, 5..7, 9..10]),
            (&[1..6, 3..4, 5..8], &[0..1, 8..10]),
        ] {
            assert_eq!(gaps(10, ranges), expected);
        }
    }

    /// Spliced bytes are never written again, the others are wiped, and the next piece goes
    /// elsewhere.
    #[test]
    fn a_retired_piece_keeps_only_what_was_spliced() {
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let mut area = Area::new().expect("memory");
        let len = area.fill(|room| {
            room[..9_000].fill(b'x');
            Ok(9_000)
        });
        assert_eq!(len, Ok(9_000));
        let start = area.next;
        assert_eq!(area.splice(writer.as_fd(), 100..8_000), Ok(7_900));
        area.retire();
        assert_eq!(area.next, start + 3 * PAGE_LEN);
        // SAFETY: within the mapping, and nothing writes to it.
        let retired = unsafe { std::slice::from_raw_parts(area.map.as_ptr().add(start), 9_000) };
        assert!(retired[..100].iter().chain(&retired[8_000..]).all(|&byte| byte == 0), "raw bytes are left");
        let mut read = [0; 8_192];
        assert_eq!(rustix::io::read(&reader, &mut read), Ok(7_900));
        assert!(read[..7_900].iter().all(|&byte| byte == b'x'), "a spliced byte changed");
    }

    #[test]
    fn a_range_beyond_the_input_is_not_spliced() {
        let (_reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let mut area = Area::new().expect("memory");
        assert_eq!(area.fill(|_| Ok(100)), Ok(100));
        for range in [90..101, 100..101, 101..110, 4_000..PIECE_LEN] {
            assert_eq!(area.splice(writer.as_fd(), range), Err(Errno::FAULT));
        }
        assert!(area.spliced.get_mut().is_empty());
    }
}
