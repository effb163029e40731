//! Searches an open file from an offset to its end, and a large file in parallel parts.
//!
//! The file is read, not mapped: it may change or shrink during the search. A region is reported
//! once every byte that could belong to it has been read, so it can be overwritten while other
//! parts are still searched.

use std::collections::BTreeMap;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rustix::fs::fstat;
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{file, holes};
use crate::NeedleSet;
use crate::redact::finder::{Finder, join};
use crate::redact::reading::token::is_token;
use crate::redact::region::Region;
use crate::sys::mutex::lock;

/// The read size, in bytes.
const READ_LEN: usize = 256 << 10;
/// The shortest part, in bytes, and its minimum in multiples of the overlap, which is searched
/// twice.
const PART_LEN_MIN: u64 = 4 << 20;
const PART_LENS_PER_OVERLAP: u64 = 8;
/// The shortest file worth other threads, in bytes.
const PARALLEL_LEN_MIN: u64 = 16 << 20;
/// The number of parts per thread that may be finished ahead of an unfinished one.
const PARTS_AHEAD: usize = 2;

/// A search buffer: wiped on drop, and never grown.
pub(super) fn buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; READ_LEN])
}

/// The number of bytes searched so far, for a progress display.
pub(super) type Progress = AtomicU64;

/// The number of bytes before a part in which the beginning of a line is looked for.
const LINE_LOOK_LEN: u64 = 4 << 10;

/// Searches from the finder's position to the current end of the file, or to `until`. Reports each
/// region once it is complete. Returns whether it met the file's end.
pub(super) fn to_end<E: From<Errno>>(
    file: BorrowedFd<'_>,
    finder: &mut Finder,
    until: u64,
    buffer: &mut [u8],
    progress: &Progress,
    tell: &mut dyn FnMut(Region) -> Result<(), E>,
) -> Result<bool, E> {
    let is_sparse = fstat(file).is_ok_and(|stat| holes::is_sparse(&stat));
    while finder.end() < until {
        let begin = finder.end();
        if is_sparse && let Some(found) = holes::skip(file, finder, until, buffer)? {
            found.into_iter().try_for_each(&mut *tell)?;
            progress.fetch_add(finder.end() - begin, Relaxed);
            continue;
        }
        let len = (buffer.len() as u64).min(until - finder.end()) as usize;
        let read = file::read_at(file, &mut buffer[..len], finder.end())?;
        if read == 0 {
            return Ok(true);
        }
        finder.push(&buffer[..read]).try_for_each(&mut *tell)?;
        progress.fetch_add(read as u64, Relaxed);
    }
    Ok(false)
}

/// Like [`to_end`], for a file of this length from its beginning, with `threads` threads if it is
/// large. Returns the finder at the end of the parts; `to_end` continues from there.
pub(super) fn in_parts<E: From<Errno>>(
    file: BorrowedFd<'_>,
    set: &Arc<NeedleSet>,
    len: u64,
    threads: usize,
    progress: &Progress,
    tell: &mut dyn FnMut(Region) -> Result<(), E>,
) -> Result<Finder, E> {
    let overlap = set.needle_len_max().saturating_sub(1) as u64;
    let part_len = PART_LEN_MIN.max(overlap * PART_LENS_PER_OVERLAP);
    // A finder continues after the last part, so an occurrence that ends there begins before the
    // part's end.
    let count = len.saturating_sub(overlap) / part_len;
    // Holes are skipped as a whole; parts would cut them.
    let threads = if fstat(file).is_ok_and(|stat| holes::is_sparse(&stat)) { 1 } else { threads };
    if threads < 2 || len < PARALLEL_LEN_MIN || count < 2 {
        return Ok(Finder::new(Arc::clone(set)));
    }
    let parts = Parts { file, set, part_len, overlap, count, progress, threads };
    let board = Board::default();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(count as usize) {
            scope.spawn(|| parts.work(&board));
        }
        let _stop = StopWhenDropped(&board);
        parts.tell_in_order(&board, tell)
    })
}

/// A file to search in parts.
struct Parts<'a> {
    file: BorrowedFd<'a>,
    set: &'a Arc<NeedleSet>,
    part_len: u64,
    overlap: u64,
    count: u64,
    progress: &'a Progress,
    threads: usize,
}

/// Hands out parts to threads, and collects their results.
#[derive(Default)]
struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    told: u64,
    found: BTreeMap<u64, Result<Vec<Region>, Errno>>,
    stopped: bool,
}

impl Board {
    /// Waits until `pick` returns a value. A poisoned lock is safe to use: no operation in here
    /// stops halfway, and the scope's end raises a thread's panic again.
    fn when<T>(&self, mut pick: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut state = lock(&self.state);
        loop {
            if let Some(picked) = pick(&mut state) {
                self.changed.notify_all();
                return picked;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Stops the threads, even if reporting fails.
struct StopWhenDropped<'a>(&'a Board);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.when(|state| {
            state.stopped = true;
            Some(())
        });
    }
}

impl Parts<'_> {
    fn work(&self, board: &Board) {
        let mut buffer = buffer();
        let ahead = (self.threads * PARTS_AHEAD) as u64;
        let take = |state: &mut State| {
            if state.stopped || state.next == self.count {
                return Some(None);
            }
            (state.next < state.told + ahead).then(|| {
                state.next += 1;
                Some(state.next - 1)
            })
        };
        while let Some(part) = board.when(take) {
            let found = self.search(part, &mut buffer);
            board.when(|state| {
                state.found.insert(part, found.clone());
                Some(())
            });
        }
    }

    fn range(&self, part: u64) -> Range<u64> {
        part * self.part_len..(part + 1) * self.part_len
    }

    /// The beginning of a line at or before this position, if there is one near it, behind a line
    /// whose last character ends no token. The plain reading begins anew there, so that a part does
    /// not begin within an escape.
    fn whole_line(&self, start: u64, buffer: &mut [u8]) -> Result<u64, Errno> {
        let from = start.saturating_sub(LINE_LOOK_LEN);
        let len = file::read_at(self.file, &mut buffer[..(start - from) as usize], from)?;
        let is_end = |at: &usize| matches!(buffer[at - 1..][..2], [before, b'\n'] if !is_token(before));
        Ok((1..len).rev().find(is_end).map_or(start, |at| from + at as u64 + 1))
    }

    /// All regions of occurrences that begin in this part, and some that begin after it.
    fn search(&self, part: u64, buffer: &mut [u8]) -> Result<Vec<Region>, Errno> {
        let Range { start, end } = self.range(part);
        let begin = self.whole_line(start, buffer)?;
        let (mut finder, mut found) = (Finder::at(Arc::clone(self.set), begin), Vec::new());
        let mut keep = |region| {
            found.push(region);
            Ok::<(), Errno>(())
        };
        let ended = to_end(self.file, &mut finder, end, buffer, self.progress, &mut keep)?;
        if !ended {
            to_end(self.file, &mut finder, end + self.overlap, buffer, &Progress::new(0), &mut keep)?;
        }
        // In the plain reading an occurrence may be longer than its needle.
        while finder.end() - (finder.held() as u64) < end {
            let until = finder.end() + buffer.len() as u64;
            if to_end(self.file, &mut finder, until, buffer, &Progress::new(0), &mut keep)? {
                break;
            }
        }
        found.extend(finder.finish(false));
        Ok(found)
    }

    /// Reports the joined regions of all parts in order, each once it precedes everything
    /// unsearched.
    fn tell_in_order<E: From<Errno>>(
        &self,
        board: &Board,
        tell: &mut dyn FnMut(Region) -> Result<(), E>,
    ) -> Result<Finder, E> {
        let mut open: Vec<Region> = Vec::new();
        for part in 0..self.count {
            let found = board.when(|state| state.found.remove(&part))?;
            open.extend(found);
            let mut joined = join(open);
            let end = self.range(part).end;
            open = joined.split_off(joined.partition_point(|region| region.range().end < end));
            joined.into_iter().try_for_each(&mut *tell)?;
            board.when(|state| {
                state.told = part + 1;
                Some(())
            });
        }
        Ok(Finder::resume(Arc::clone(self.set), self.range(self.count - 1).end, open))
    }
}
