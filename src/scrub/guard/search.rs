//! The state of one file's search: its progress, and the evidence that the file is the same.
//!
//! Growth of a file does not prove an append: earlier bytes may have been overwritten as well, and
//! no kernel reports that. So there are two searches. One continues at the end, as soon as there is
//! more. The other repeats the searched part whenever the file's state differs from the one that a
//! complete search began with ([`in_doubt`](Search::in_doubt)): slowly in the background
//! ([`search_again`](Search::search_again)), and before each read in the range concerned
//! ([`check`](Search::check)). If either finds a region, the file is searched from its beginning.

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use rustix::fs::{SeekFrom, fstat, seek};
use rustix::io::Errno;

use super::records::Records;
use super::stamp::{Stamp, print};
use super::text::Judge;
use super::tools::Tools;
use crate::NeedleSet;
use crate::redact::finder::Finder;
use crate::redact::region::Region;
use crate::scrub::file::read_at;
use crate::scrub::mask_writer::MaskError;
use crate::scrub::{holes, torn};

/// The slice that a worker searches before it turns to another file, in bytes.
const SLICE_LEN: u64 = 16 << 20;
/// The piece of the searched part to search again at once, in bytes.
const AGAIN_LEN: u64 = 512 << 10;
/// The maximum number of consecutive restarts after the file was truncated or overwritten.
const RESTARTS_MAX: usize = 16;

/// The state of a file's search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The whole file is searched, and all findings are masked.
    Clean,
    /// Like `Clean`, but its end may begin a secret: readers wait for the rest until this time.
    Waits(Instant),
    /// There is more to search than the limit, or a mask to write, which a worker must do.
    Behind,
}

/// Waits for writes that have begun: they hold the file's lock until they end.
pub(super) fn wait_for_writes(file: BorrowedFd<'_>) {
    // This seek takes that lock on ext4, btrfs and tmpfs; on XFS reading waits for it. The result
    // does not matter, nor the position, which belongs to this descriptor alone.
    let _ = seek(file, SeekFrom::Data(0));
}

/// The state of a file's search.
pub(super) struct Search {
    finder: Finder,
    /// The maximum distance of a secret into the text before or after it.
    reach: u64,
    /// Findings that are neither masked nor counted yet.
    pending: VecDeque<Region>,
    /// The records, if it is a container log.
    records: Records,
    /// The file's state at the end of the search.
    stamp: Stamp,
    /// The file's state at the beginning of this search.
    began: Option<Stamp>,
    /// The state in which nothing is left to find: a complete search of it found nothing more.
    proven: Option<Stamp>,
    /// A repeated search in progress.
    again: Option<Box<Again>>,
    /// The fingerprint that identifies the file.
    print: u64,
    /// A slice was searched without reaching the end.
    unfinished: bool,
    /// The end of the masks over regions that the finder has not reported as complete: open ones,
    /// and partial matches.
    masked: u64,
    /// The time when the search reached its current end.
    since: Instant,
    /// Whether there are masks without a sync.
    pub(super) unsynced: bool,
    /// The file is a source of the secrets with findings, and is left unchanged.
    pub(super) is_source: bool,
    /// The judgement whether it is text.
    pub(super) text: Judge,
}

/// A repeated search of the searched part.
struct Again {
    finder: Finder,
    /// The file's state when it began.
    began: Stamp,
}

/// The result of a repeated search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing was found in the searched range.
    Clean,
    /// Content was overwritten, and the search restarts.
    Restarted,
}

/// Continues a search without masks up to `until`, and at most over `data_len` bytes of data.
/// Returns whether nothing was found.
fn read_again(
    file: BorrowedFd<'_>,
    finder: &mut Finder,
    until: u64,
    mut data_len: u64,
    buffer: &mut [u8],
) -> Result<bool, Errno> {
    let is_sparse = fstat(file).is_ok_and(|stat| holes::is_sparse(&stat));
    while finder.end() < until && data_len > 0 {
        if is_sparse && let Some(found) = holes::skip(file, finder, until, buffer)? {
            if !found.is_empty() {
                return Ok(false);
            }
            continue;
        }
        let len = (buffer.len() as u64).min(until - finder.end()).min(data_len);
        let read = read_at(file, &mut buffer[..len as usize], finder.end())?;
        data_len -= read as u64;
        // The file was truncated, which its size reveals.
        if read == 0 {
            break;
        }
        if finder.push(&buffer[..read]).next().is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Search {
    /// `reach` is the length of the set's longest needle.
    pub(super) fn new(set: &Arc<NeedleSet>, reach: u64) -> Search {
        Search {
            finder: Finder::new(Arc::clone(set)),
            reach,
            pending: VecDeque::new(),
            records: Records::new(set),
            stamp: Stamp::default(),
            began: None,
            proven: None,
            again: None,
            print: 0,
            unfinished: false,
            masked: 0,
            since: Instant::now(),
            unsynced: false,
            is_source: false,
            text: Judge::default(),
        }
    }

    /// Searches new content, up to `limit` bytes, and masks the findings. A changed file is
    /// searched from its beginning.
    pub(super) fn catch_up(
        &mut self,
        file: BorrowedFd<'_>,
        tools: &mut Tools,
        limit: u64,
    ) -> Result<Standing, MaskError> {
        for _ in 0..RESTARTS_MAX {
            if self.is_source {
                return Ok(Standing::Clean);
            }
            match self.follow(file, tools, limit) {
                Err(_) if self.is_source => return Ok(Standing::Clean),
                Err(MaskError::Truncated | MaskError::Changed) => self.restart(),
                other => return other,
            }
        }
        Err(MaskError::Changed)
    }

    fn restart(&mut self) {
        let unsynced = self.unsynced;
        *self = Search { unsynced, ..Search::new(self.finder.set(), self.reach) };
    }

    /// Leaves the file unchanged from now on.
    fn leave(&mut self) {
        *self = Search { is_source: true, ..Search::new(self.finder.set(), self.reach) };
    }

    fn follow(&mut self, file: BorrowedFd<'_>, tools: &mut Tools, limit: u64) -> Result<Standing, MaskError> {
        if !self.mask_pending(file, tools)? {
            return Ok(Standing::Behind);
        }
        let mut now = Stamp::from(fstat(file)?);
        if now == self.stamp {
            return self.standing(file, tools);
        }
        let end = self.finder.end();
        if end > 0 && (now.size, now.modified) == (self.stamp.size, self.stamp.modified) {
            // The file was renamed, got another mode, or had its time set back. It is in doubt
            // until it is searched again.
            self.stamp = now;
            return self.standing(file, tools);
        }
        if now.size == end && end > 0 {
            // The file was overwritten, or a write is in progress: it sets the time first, and the
            // size last.
            wait_for_writes(file);
            now = Stamp::from(fstat(file)?);
        }
        // A slice may end at the end of the file without having met it.
        let is_shorter = now.size < end || now.size == end && !self.unfinished;
        if end > 0 && (is_shorter || print(file, self.finder.end())? != self.print) {
            self.restart();
        }
        if now.size - self.finder.end() > limit {
            return Ok(Standing::Behind);
        }
        if self.finder.end() == 0 {
            self.began = Some(now);
        }
        if !self.go_on(file, tools, limit)? {
            return Ok(Standing::Behind);
        }
        for region in self.finder.open(false) {
            if region.range().end > self.masked && !self.mask(file, tools, &region)? {
                return Ok(Standing::Behind);
            }
        }
        self.records.end(false);
        if !self.mask_records(file, tools)? {
            return Ok(Standing::Behind);
        }
        self.settle(file)?;
        self.standing(file, tools)
    }

    /// Continues the search to the end, or for one slice if there is no `limit`. Returns whether it
    /// reached the end.
    fn go_on(&mut self, file: BorrowedFd<'_>, tools: &mut Tools, limit: u64) -> Result<bool, MaskError> {
        let stat = fstat(file)?;
        let (is_sparse, size) = (holes::is_sparse(&stat), stat.st_size as u64);
        let mut slice = if limit == u64::MAX { SLICE_LEN } else { u64::MAX };
        loop {
            if limit == u64::MAX && (slice == 0 || tools.stop.load(Relaxed)) {
                (self.print, self.unfinished) = (print(file, self.finder.end())?, true);
                return Ok(false);
            }
            let begin = self.finder.end();
            let skipped = match is_sparse {
                true => holes::skip(file, &mut self.finder, size, &mut tools.buffer)?,
                false => None,
            };
            let complete: Vec<Region> = match skipped {
                Some(complete) => {
                    self.records.skip_to(self.finder.end());
                    complete
                }
                None => {
                    let read = read_at(file, &mut tools.buffer, begin)?;
                    if read == 0 {
                        return Ok(true);
                    }
                    slice = slice.saturating_sub(read as u64);
                    match self.complete_masks(file, tools, read)? {
                        Some(true) => continue,
                        Some(false) => return Ok(false),
                        None => {}
                    }
                    self.records.push(&tools.buffer[..read], &mut tools.counts);
                    self.finder.push(&tools.buffer[..read]).collect()
                }
            };
            self.since = Instant::now();
            self.pending.extend(complete);
            if !self.mask_pending(file, tools)? {
                return Ok(false);
            }
        }
    }

    /// Whether content may have been overwritten since it was searched, as of the last time that
    /// the search reached the end.
    pub(super) fn in_doubt(&self) -> bool {
        !self.is_source && self.proven != Some(self.stamp)
    }

    /// Drops all proofs: any range may have changed without a trace, through a mapping.
    pub(super) fn doubt(&mut self) {
        (self.proven, self.again) = (None, None);
    }

    /// Whether a repeated search is in progress.
    pub(super) fn is_again(&self) -> bool {
        self.again.is_some()
    }

    /// The number of bytes to search again for a check of this range.
    pub(super) fn check_len(&self, range: &Range<u64>) -> u64 {
        let Range { start, end } = self.reached(range);
        end.saturating_sub(start)
    }

    fn reached(&self, range: &Range<u64>) -> Range<u64> {
        range.start.saturating_sub(self.reach)..range.end.saturating_add(self.reach).min(self.finder.end())
    }

    /// Searches a range of the searched part again, with enough around it for any secret that
    /// extends into it.
    pub(super) fn check(
        &mut self,
        file: BorrowedFd<'_>,
        tools: &mut Tools,
        range: &Range<u64>,
    ) -> Result<Proof, MaskError> {
        if self.is_source {
            return Ok(Proof::Clean);
        }
        let Range { start, end } = self.reached(range);
        let mut finder = Finder::at(Arc::clone(self.finder.set()), start);
        let is_clean =
            read_again(file, &mut finder, end, u64::MAX, &mut tools.buffer)? && finder.open(false).is_empty();
        if !is_clean {
            self.restart();
        }
        Ok(if is_clean { Proof::Clean } else { Proof::Restarted })
    }

    /// Searches a piece of the searched part again.
    pub(super) fn search_again(&mut self, file: BorrowedFd<'_>, tools: &mut Tools) -> Result<Proof, MaskError> {
        if self.is_source {
            return Ok(Proof::Clean);
        }
        let mut again = match self.again.take() {
            Some(again) => again,
            None => {
                Box::new(Again { finder: Finder::new(Arc::clone(self.finder.set())), began: Stamp::from(fstat(file)?) })
            }
        };
        let end = self.finder.end();
        let is_clean = read_again(file, &mut again.finder, end, AGAIN_LEN, &mut tools.buffer)?;
        let is_over = again.finder.end() >= end;
        if !is_clean || is_over && !again.finder.open(false).is_empty() {
            self.restart();
            return Ok(Proof::Restarted);
        }
        if !is_over {
            self.again = Some(again);
        } else if self.stamp == again.began && again.began.is_settled() {
            self.proven = Some(again.began);
        }
        Ok(Proof::Clean)
    }

    /// Records the evidence that identifies the file. A write in this moment would show in its size
    /// next time.
    fn settle(&mut self, file: BorrowedFd<'_>) -> Result<(), Errno> {
        (self.print, self.unfinished) = (print(file, self.finder.end())?, false);
        self.stamp = Stamp { size: self.finder.end(), ..Stamp::from(fstat(file)?) };
        // Any overwriting of the file happened before it was searched.
        if self.began == Some(self.stamp) && self.stamp.is_settled() {
            self.proven = self.began;
        }
        Ok(())
    }

    /// Whether readers must wait for the end of the file; masks a partial match after the wait.
    fn standing(&mut self, file: BorrowedFd<'_>, tools: &mut Tools) -> Result<Standing, MaskError> {
        let until = self.since + tools.partial_wait;
        let is_held = self.finder.held() > 0 && self.masked != self.finder.end();
        if !is_held && !self.records.is_waiting() {
            return Ok(Standing::Clean);
        }
        if Instant::now() < until {
            return Ok(Standing::Waits(until));
        }
        self.records.end(true);
        if self.records.has_pending() {
            if !self.mask_records(file, tools)? {
                return Ok(Standing::Behind);
            }
            self.settle(file)?;
        }
        if is_held
            && self.finder.is_at_partial_match()
            && let Some(partial) = self.finder.open(true).pop()
        {
            if !self.mask(file, tools, &partial)? {
                return Ok(Standing::Behind);
            }
            self.settle(file)?;
        }
        Ok(Standing::Clean)
    }

    /// Completes interrupted masks over secrets that end in this piece, left by a killed guard or
    /// scrub. This comes before any other mask in the piece, and before the piece counts as
    /// searched. Returns whether it was done, so that the piece must be read again; or `None` if
    /// there are none.
    fn complete_masks(
        &mut self,
        file: BorrowedFd<'_>,
        tools: &mut Tools,
        len: usize,
    ) -> Result<Option<bool>, MaskError> {
        let (set, piece) = (Arc::clone(self.finder.set()), (self.finder.end(), &tools.buffer[..len]));
        let begun = torn::in_piece(file, &set, &tools.overlay, &tools.long, piece)?;
        if begun.is_empty() {
            return Ok(None);
        }
        if !self.may_write(file, tools)? {
            return Ok(Some(false));
        }
        for torn in begun {
            let Some(writer) = &mut tools.writer else { return Ok(Some(false)) };
            writer.on(file)?.complete(&set, &tools.overlay, &torn)?;
            *tools.counts.entry(torn.region.named()).or_default() += 1;
        }
        Ok(Some(true))
    }

    /// Whether this thread writes masks, and may write to this file.
    fn may_write(&mut self, file: BorrowedFd<'_>, tools: &mut Tools) -> Result<bool, MaskError> {
        if tools.writer.is_none() {
            return Ok(false);
        }
        if tools.sources.holds(file).map_err(MaskError::Io)? {
            self.leave();
            return Err(MaskError::Changed);
        }
        if let Some(why) = self.text.refuses(file)? {
            return Err(std::io::Error::other(why).into());
        }
        self.unsynced = true;
        Ok(true)
    }

    /// Masks secrets across records. Comes first, since masks within one record could hide the rest
    /// of such a secret.
    fn mask_records(&mut self, file: BorrowedFd<'_>, tools: &mut Tools) -> Result<bool, MaskError> {
        if self.records.has_pending() {
            if !self.may_write(file, tools)? {
                return Ok(false);
            }
            let Some(writer) = &mut tools.writer else { return Ok(false) };
            self.records.mask(file, writer, &tools.overlay)?;
        }
        Ok(true)
    }

    fn mask_pending(&mut self, file: BorrowedFd<'_>, tools: &mut Tools) -> Result<bool, MaskError> {
        if !self.mask_records(file, tools)? {
            return Ok(false);
        }
        while let Some(region) = self.pending.front().cloned() {
            if !self.mask(file, tools, &region)? {
                return Ok(false);
            }
            *tools.counts.entry(region.named()).or_default() += 1;
            self.pending.pop_front();
        }
        Ok(true)
    }

    /// Masks a region, if this thread writes masks; returns whether it is masked.
    fn mask(&mut self, file: BorrowedFd<'_>, tools: &mut Tools, region: &Region) -> Result<bool, MaskError> {
        let Some(writer) = &mut tools.writer else { return Ok(false) };
        if tools.sources.holds(file).map_err(MaskError::Io)? {
            self.leave();
            return Err(MaskError::Changed);
        }
        let set = Arc::clone(self.finder.set());
        if let Some(why) = self.text.refuses(file)? {
            // Unless the region has gone.
            return writer.on(file)?.look_for(&set, region).and(Err(std::io::Error::other(why).into()));
        }
        self.unsynced = true;
        if region.range().start < self.masked {
            // The region has grown: its beginning is masked already, so the file no longer contains
            // it.
            writer.on(file)?.overwrite(&set, &tools.overlay, region)?;
        } else if self.records.is_json() {
            writer.on(file)?.overwrite_in_json(&set, &tools.overlay, region)?;
        } else {
            writer.on(file)?.overwrite_if_there(&set, &tools.overlay, region)?;
        }
        self.masked = self.masked.max(region.range().end);
        Ok(true)
    }

    /// The searched length, and the fingerprint of the file's version.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.finder.end(), self.print)
    }

    /// Regions that are masked but not counted, since they may still grow.
    pub(super) fn open(&self) -> Vec<Region> {
        self.finder.open(self.masked == self.finder.end())
    }
}
