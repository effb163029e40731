//! Handing pages of input on to a pipe without copying them, so that no page is ever written again once it was handed on.
//!
//! `vmsplice` puts a reference to our page into the pipe. Nobody can tell when the last such reference is gone: the reader may
//! pass the page on with `splice` or `tee` and look at it an hour later, so that a pipe that has been read empty proves
//! nothing. Whoever reads the next input into the same page shows that input, raw, to all of them. Here, then, a page
//! takes input once, is handed on, and goes back to the kernel, which frees it after its last reader; the next input goes
//! into new pages. New pages are cheap only as huge ones: see the figures in [`pump`](super::pump).

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munlock, munmap};
use rustix::pipe::{IoSliceRaw, SpliceFlags, vmsplice};
use zeroize::Zeroize;

use super::fd::{Outlet, recover};
use crate::redact::redacted::Piece;

/// An area is one huge page, in bytes.
const AREA_LEN: usize = 2 << 20;
/// The mapping is long enough to hold an aligned area wherever it begins; what is not touched costs nothing.
const MAP_LEN: usize = 2 * AREA_LEN;
/// How much room there is for one piece of input, in bytes. With 128 KiB it is 3% slower, with 512 KiB no faster.
pub(super) const PIECE_LEN: usize = 256 << 10;
/// Shorter slices are not worth a call and a page of their own, in bytes.
pub(super) const GIFT_LEN_MIN: usize = 16 << 10;
/// Pages are handed out, and rounded up to, in this size, in bytes.
const PAGE_LEN: usize = 4 << 10;
/// An area that took more page faults than this was not made of a huge page.
const AREA_FAULTS_MAX: u64 = 64;
/// After the first, every so many areas are checked for that.
const AREAS_CHECKED_EVERY: u64 = 64;

/// New pages, filled from the front to the back; nothing in it is written again once it was handed on.
struct Area {
    map: NonNull<u8>,
    /// Where in the mapping the next piece goes. All before it is finished with.
    next: usize,
    end: usize,
    /// How many bytes behind `next` have taken input.
    used_len: usize,
    /// What of these was handed on, in order, counted from `next`.
    handed_on: RefCell<Vec<Range<usize>>>,
}

impl Area {
    fn new() -> Result<Area, Errno> {
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping, where the kernel likes; nobody else knows its address.
        let map = unsafe { mmap_anonymous(std::ptr::null_mut(), MAP_LEN, access, flags)? };
        let map = NonNull::new(map.cast::<u8>()).ok_or(Errno::NOMEM)?;
        let next = map.as_ptr().align_offset(AREA_LEN);
        let area = Area { map, next, end: next + AREA_LEN, used_len: 0, handed_on: RefCell::new(Vec::new()) };
        // SAFETY: the mapping is ours, and neither call changes what is in it. Pages of a process that locks all its
        // memory are unlocked because they leave it anyway, and would go through the kernel's lists one by one.
        unsafe {
            munlock(map.as_ptr().cast(), MAP_LEN)?;
            madvise(map.as_ptr().add(next).cast(), AREA_LEN, Advice::LinuxHugepage)?;
        }
        Ok(area)
    }

    fn has_room(&self) -> bool {
        self.end - self.next >= PIECE_LEN
    }

    /// Has a piece read into [`PIECE_LEN`] bytes that were never handed on.
    fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
        assert!(self.has_room() && self.handed_on.get_mut().is_empty(), "the last piece was retired");
        let len = read(self.slice_mut(0..PIECE_LEN))?;
        self.used_len = self.used_len.max(len);
        Ok(len)
    }

    /// The first bytes of what was read.
    fn piece(&self, len: usize) -> &[u8] {
        assert!(len <= self.used_len);
        // SAFETY: within the mapping, initialised (at first to zero), and not written while self is borrowed.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(self.next), len) }
    }

    /// Bytes behind `next` that were not handed on.
    fn slice_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        assert!(range.start <= range.end && range.end <= self.end - self.next);
        assert!(self.handed_on.get_mut().iter().all(|gone| range.end <= gone.start || gone.end <= range.start));
        // SAFETY: within the mapping, as was just asserted, and initialised (at first to zero); the borrow of self keeps all
        // others off. Nothing behind `next` was handed on but what was just compared.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_ptr().add(self.next + range.start), range.len()) }
    }

    /// Hands on the first bytes of this range of the piece, as many as the pipe has room for.
    /// Returns their number.
    fn hand_on(&self, pipe: BorrowedFd<'_>, range: Range<usize>) -> Result<usize, Errno> {
        let slice = self.piece(self.used_len).get(range.clone()).ok_or(Errno::FAULT)?;
        self.handed_on.borrow_mut().push(range);
        // SAFETY: the slice is initialised memory of this area. It must not change from here on: it was noted above, so that
        // `slice_mut`, through which alone the area is written, does not reach it again.
        unsafe { vmsplice(pipe, &[IoSliceRaw::from_slice(slice)], SpliceFlags::empty()) }
    }

    /// Ends the use of the piece. What of it was not handed on, secrets above all, is wiped before its page leaves our hands.
    /// If nothing was, the room takes the next piece.
    fn retire(&mut self) {
        if self.handed_on.get_mut().is_empty() {
            return;
        }
        for gap in gaps(self.used_len, self.handed_on.get_mut()) {
            self.slice_mut(gap).zeroize();
        }
        self.next += std::mem::take(&mut self.used_len).next_multiple_of(PAGE_LEN);
        self.handed_on.get_mut().clear();
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        self.retire();
        self.slice_mut(0..self.used_len).zeroize();
        // SAFETY: the mapping is ours, and no slice of it outlives self. Pages that were handed on live on without it.
        let unmapped = unsafe { munmap(self.map.as_ptr().cast(), MAP_LEN) };
        debug_assert!(unmapped.is_ok());
    }
}

/// A buffer for input whose clean stretches can be handed on to a pipe.
pub(super) struct GiftBuf {
    area: Area,
    areas_used: u64,
    faults: u64,
    refused: Cell<bool>,
}

impl GiftBuf {
    /// # Errors
    ///
    /// When memory cannot be had, or it cannot be found out whether its pages are huge.
    pub(super) fn new() -> Result<GiftBuf, Errno> {
        let faults = minor_faults().ok_or(Errno::NOTSUP)?;
        Ok(GiftBuf { area: Area::new()?, areas_used: 0, faults, refused: Cell::new(false) })
    }

    /// Sees to it that there is room for a piece.
    ///
    /// # Errors
    ///
    /// When there is no point in going on with this buffer: no memory, no huge pages, or no pipe that takes them.
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

    /// The first area is checked, and then one now and then: huge pages run out on a machine that has been up for long.
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

    /// Writes a piece of output: as pages, if it is a long part of the input in this buffer, which
    /// begins at `start` in its stream.
    pub(super) fn give(&self, piece: Piece<'_>, start: u64, outlet: &mut Outlet<'_>) -> Result<(), Errno> {
        let input = piece.input().filter(|_| piece.len() >= GIFT_LEN_MIN && !self.refused.get());
        let Some(input) = input else { return outlet.give(piece) };
        debug_assert_eq!(self.area.piece(self.area.used_len).get(at(&input, start)), Some(piece.bytes()));
        outlet.flush()?;
        let mut rest = piece;
        while let Some(input) = rest.input().filter(|input| !input.is_empty()) {
            match self.area.hand_on(outlet.as_fd(), at(&input, start)) {
                Ok(0) => return Err(Errno::IO),
                Ok(len) => {
                    outlet.note(len);
                    rest = rest.split_at(len).1;
                }
                Err(error) => match recover(error, outlet.as_fd(), PollFlags::OUT) {
                    Ok(()) => {}
                    Err(Errno::PIPE) => return Err(Errno::PIPE),
                    // No such call here, or not on this pipe. If the pipe is at fault, writing will tell.
                    Err(_) => {
                        self.refused.set(true);
                        return outlet.give(rest);
                    }
                },
            }
        }
        Ok(())
    }

    /// Ends the use of the piece.
    pub(super) fn retire(&mut self) {
        self.area.retire();
    }
}

/// The place of a range of the stream in the input that begins at `start`.
fn at(input: &Range<u64>, start: u64) -> Range<usize> {
    (input.start - start) as usize..(input.end - start) as usize
}

/// How many pages this thread has been given so far: field 10 of its `stat`, behind a name that may hold anything.
fn minor_faults() -> Option<u64> {
    let stat = std::fs::read("/proc/thread-self/stat").ok()?;
    let behind_name = memchr::memrchr(b')', &stat)? + 1;
    let fields = std::str::from_utf8(&stat[behind_name..]).ok()?;
    fields.split_ascii_whitespace().nth(7)?.parse().ok()
}

/// What of `0..len` is in none of the ranges, which are in order but may overlap.
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
    fn gaps_are_what_no_range_covers() {
        for (ranges, expected) in [
            (&[][..], &[0..10][..]),
            (&[0..10], &[]),
            (&[2..4, 4..5, 7..9], &[0..2, 5..7, 9..10]),
            (&[1..6, 3..4, 5..8], &[0..1, 8..10]),
        ] {
            assert_eq!(gaps(10, ranges), expected);
        }
    }

    /// What was handed on is never written again, what was not is wiped, and the next piece goes elsewhere.
    #[test]
    fn a_retired_piece_keeps_only_what_was_handed_on() {
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let mut area = Area::new().expect("memory");
        let len = area.fill(|room| {
            room[..9_000].fill(b'x');
            Ok(9_000)
        });
        assert_eq!(len, Ok(9_000));
        let start = area.next;
        assert_eq!(area.hand_on(writer.as_fd(), 100..8_000), Ok(7_900));
        area.retire();
        assert_eq!(area.next, start + 3 * PAGE_LEN);
        // SAFETY: within the mapping, and nobody writes to it.
        let retired = unsafe { std::slice::from_raw_parts(area.map.as_ptr().add(start), 9_000) };
        assert!(retired[..100].iter().chain(&retired[8_000..]).all(|&byte| byte == 0), "raw bytes are left");
        let mut read = [0; 8_192];
        assert_eq!(rustix::io::read(&reader, &mut read), Ok(7_900));
        assert!(read[..7_900].iter().all(|&byte| byte == b'x'), "what was handed on changed");
    }

    #[test]
    fn a_range_beyond_the_input_is_not_handed_on() {
        let (_reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let mut area = Area::new().expect("memory");
        assert_eq!(area.fill(|_| Ok(100)), Ok(100));
        for range in [90..101, 100..101, 101..110, 4_000..PIECE_LEN] {
            assert_eq!(area.hand_on(writer.as_fd(), range), Err(Errno::FAULT));
        }
        assert!(area.handed_on.get_mut().is_empty());
    }
}
