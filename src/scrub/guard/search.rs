//! What is known of one file: how far it has been searched, and whether it is still the file that it was.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::fs::{SeekFrom, Stat, fstat, seek};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::NeedleSet;
use crate::redact::cover::Cover;
use crate::redact::finder::Finder;
use crate::redact::redactor::STUMP_LEN_MIN;
use crate::redact::region::Region;
use crate::scrub::file::{read_at, read_full_at};
use crate::scrub::pen::{Pen, PenError};

/// How much is read at once, in bytes.
const READ_LEN: usize = 256 << 10;
/// By so many bytes at its beginning and before the place that the search has reached a file is known again.
const PRINT_LEN: usize = 64;
/// So often a search begins anew in a row, because the file was truncated or written over meanwhile.
const RESTARTS_MAX: usize = 16;

/// What a search needs, whatever the file.
pub(super) struct Tools {
    pub(super) cover: Arc<Cover>,
    pub(super) stump_wait: Duration,
    /// Everything is over: a search that takes long is given up.
    pub(super) stop: Arc<AtomicBool>,
    /// What masks are written with, if they are written here. Otherwise a search stops where one is needed.
    pen: Option<Pen>,
    buffer: Zeroizing<Vec<u8>>,
    /// How many regions each needle of the set has named.
    pub(super) counts: Vec<u64>,
}

impl Tools {
    pub(super) fn new(
        set: &NeedleSet,
        cover: Arc<Cover>,
        stump_wait: Duration,
        stop: Arc<AtomicBool>,
        writes: bool,
    ) -> std::io::Result<Tools> {
        let buffer = Zeroizing::new(vec![0; READ_LEN]);
        Ok(Tools {
            cover,
            stump_wait,
            stop,
            pen: writes.then(Pen::new).transpose()?,
            buffer,
            counts: vec![0; set.len()],
        })
    }
}

/// How it stands with a file after a look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Everything in it has been searched, and what was found is masked.
    Clean,
    /// So it is, but its end may be the beginning of a secret: the rest is waited for until then.
    Waits(Instant),
    /// More is left to search than was allowed, or masks are to be written, which has to be done aside.
    Behind,
}

/// Waits for writes that have begun, since the file's lock is theirs until their end.
pub(super) fn wait_for_writes(file: BorrowedFd<'_>) {
    // Where data begins is looked up under that lock: on ext4, btrfs and tmpfs; on XFS reading waits for it. Whether there is
    // any does not matter, nor the position, which belongs to this descriptor alone.
    let _ = seek(file, SeekFrom::Data(0));
}

/// How far a file has been searched.
pub(super) struct Search {
    finder: Finder,
    /// Found, counted, and not masked yet.
    pending: VecDeque<Region>,
    /// The file's size and time of modification when it had been searched to its end.
    stamp: Stamp,
    /// Of the bytes by which the file is known again.
    print: u64,
    /// Up to here regions have been written over that the finder has not told as complete: open ones, and stumps.
    masked: u64,
    /// When the search first came to the end where it stands now.
    since: Instant,
    /// Whether masks were written that nobody has waited for yet.
    pub(super) unsynced: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Stamp {
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl From<Stat> for Stamp {
    fn from(stat: Stat) -> Stamp {
        Stamp { size: stat.st_size as u64, seconds: stat.st_mtime, nanoseconds: stat.st_mtime_nsec as i64 }
    }
}

impl Search {
    pub(super) fn new(set: &Arc<NeedleSet>) -> Search {
        Search {
            finder: Finder::new(Arc::clone(set)),
            pending: VecDeque::new(),
            stamp: Stamp::default(),
            print: 0,
            masked: 0,
            since: Instant::now(),
            unsynced: false,
        }
    }

    /// Searches what has come since the last time, up to `limit` bytes of it, and masks what it finds. A file that is not what it
    /// was is searched from its beginning.
    pub(super) fn catch_up(
        &mut self,
        file: BorrowedFd<'_>,
        tools: &mut Tools,
        limit: u64,
    ) -> Result<Standing, PenError> {
        for _ in 0..RESTARTS_MAX {
            match self.follow(file, tools, limit) {
                Err(PenError::Truncated | PenError::Changed) => self.restart(),
                other => return other,
            }
        }
        Err(PenError::Changed)
    }

    fn restart(&mut self) {
        let unsynced = self.unsynced;
        *self = Search { unsynced, ..Search::new(self.finder.set()) };
    }

    fn follow(&mut self, file: BorrowedFd<'_>, tools: &mut Tools, limit: u64) -> Result<Standing, PenError> {
        if !self.mask_pending(file, tools)? {
            return Ok(Standing::Behind);
        }
        let mut now = Stamp::from(fstat(file)?);
        if now == self.stamp {
            return self.standing(file, tools);
        }
        let end = self.finder.end();
        if now.size == end && end > 0 {
            // Written over, or a write is under way: that sets the time first, and the size last.
            wait_for_writes(file);
            now = Stamp::from(fstat(file)?);
        }
        if end > 0 && (now.size <= end || self.print(file)? != self.print) {
            self.restart();
        }
        if now.size - self.finder.end() > limit {
            return Ok(Standing::Behind);
        }
        loop {
            let read = read_at(file, &mut tools.buffer, self.finder.end())?;
            if read == 0 {
                break;
            }
            if limit == u64::MAX && tools.stop.load(Relaxed) {
                return Ok(Standing::Behind);
            }
            self.since = Instant::now();
            let complete: Vec<Region> = self.finder.push(&tools.buffer[..read]).collect();
            complete.iter().for_each(|region| tools.counts[region.needle()] += 1);
            self.pending.extend(complete);
            if !self.mask_pending(file, tools)? {
                return Ok(Standing::Behind);
            }
        }
        for region in self.finder.open(false) {
            if region.range().end > self.masked && !self.mask(file, tools, &region)? {
                return Ok(Standing::Behind);
            }
        }
        self.settle(file)?;
        self.standing(file, tools)
    }

    /// Notes by what the file is known again. Were it written to in this moment, its size would tell the next time.
    fn settle(&mut self, file: BorrowedFd<'_>) -> Result<(), Errno> {
        self.print = self.print(file)?;
        self.stamp = Stamp { size: self.finder.end(), ..Stamp::from(fstat(file)?) };
        Ok(())
    }

    /// Whether the end of the file has to be waited for; masks it, if that was in vain.
    fn standing(&mut self, file: BorrowedFd<'_>, tools: &mut Tools) -> Result<Standing, PenError> {
        let until = self.since + tools.stump_wait;
        if self.finder.held() == 0 || self.masked == self.finder.end() {
            return Ok(Standing::Clean);
        }
        if Instant::now() < until {
            return Ok(Standing::Waits(until));
        }
        if self.finder.held() >= STUMP_LEN_MIN
            && let Some(stump) = self.finder.open(true).pop()
        {
            if !self.mask(file, tools, &stump)? {
                return Ok(Standing::Behind);
            }
            self.settle(file)?;
        }
        Ok(Standing::Clean)
    }

    fn mask_pending(&mut self, file: BorrowedFd<'_>, tools: &mut Tools) -> Result<bool, PenError> {
        while let Some(region) = self.pending.front().cloned() {
            if !self.mask(file, tools, &region)? {
                return Ok(false);
            }
            self.pending.pop_front();
        }
        Ok(true)
    }

    /// Masks a region, if that is to be done here; returns whether it is masked.
    fn mask(&mut self, file: BorrowedFd<'_>, tools: &mut Tools, region: &Region) -> Result<bool, PenError> {
        let Some(pen) = &mut tools.pen else { return Ok(false) };
        self.unsynced = true;
        let set = Arc::clone(self.finder.set());
        if region.range().start < self.masked {
            // It has grown since: its beginning is masked already, and is not there to be found again.
            pen.on(file)?.overwrite(&set, &tools.cover, region)?;
        } else {
            pen.on(file)?.overwrite_if_there(&set, &tools.cover, region)?;
        }
        self.masked = self.masked.max(region.range().end);
        Ok(true)
    }

    /// A hash of the first bytes, and of the last ones that were searched.
    fn print(&self, file: BorrowedFd<'_>) -> Result<u64, Errno> {
        let end = self.finder.end();
        let mut bytes = Zeroizing::new([0; 2 * PRINT_LEN]);
        let (head, tail) = bytes.split_at_mut(PRINT_LEN);
        let len = end.min(PRINT_LEN as u64) as usize;
        let read = (read_full_at(file, &mut head[..len], 0)?, read_full_at(file, &mut tail[..len], end - len as u64)?);
        let mut hasher = DefaultHasher::new();
        (read, &bytes[..]).hash(&mut hasher);
        Ok(hasher.finish())
    }

    /// How far the search is, and through which version of the file.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.finder.end(), self.print)
    }

    /// Regions that have been masked and not counted, since they may still grow.
    pub(super) fn open(&self) -> Vec<Region> {
        self.finder.open(self.masked == self.finder.end())
    }
}
