//! A file scrubbed where it is: masks go over the regions, and no other byte, size, inode, owner or mode changes; also with a
//! writer appending meanwhile.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat, fsync, futimens};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use zeroize::Zeroizing;

use super::border::Claim;
use super::container::{self, Format, Split, Splitter};
use super::file::FromStart;
use super::findings::Findings;
use super::pen::{Pen, PenError, Sheet};
use super::search;
use super::torn;
use super::{file, search::Progress};
use crate::redact::cover::Cover;
use crate::redact::finder::Finder;
use crate::redact::redactor::STUMP_LEN_MIN;
use crate::redact::region::Region;
use crate::sys::sources::Sources;
use crate::{BuildError, NeedleSet};

/// A file that was written to within this time is being written.
const LIVE_SECONDS: i64 = 2;
/// How long the rest of a secret at the end of such a file is waited for, and how often it is looked for.
const REST_WAIT_MAX: Duration = Duration::from_millis(300);
const REST_LOOK_EVERY: Duration = Duration::from_millis(5);
/// A file may grow by its length and so much, in bytes, while it is searched.
const GROWTH_MAX: u64 = 256 << 20;
/// So often a search begins anew, because the file was truncated or written over.
const RESTARTS_MAX: u32 = 16;
/// By so many bytes at its beginning a file is known again.
const HEAD_LEN: usize = 64;

/// Why a file was not scrubbed as a whole. Regions that were masked until then stay masked. No variant holds any of its content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrubError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// The masks were written, but the system cannot say that they have reached the disk.
    #[error("what was written may not be on the disk: {0}")]
    Sync(#[source] io::Error),
    /// It was truncated or written over again and again.
    #[error("the file kept being written over")]
    KeepsChanging,
    /// It is being written, and a new file in its place would lose later writes to the old one.
    #[error("the file is being written; in place, without --rewrite, it can be scrubbed")]
    Live,
    /// A secret lies in several records of a container's log, and each byte that could mask its parts stands in some secret.
    #[error("no character is left to mask parts of a secret with")]
    NoFiller,
    /// It grew faster than it could be searched.
    #[error("the file grows faster than it can be searched")]
    Outgrown,
}

impl From<Errno> for ScrubError {
    fn from(error: Errno) -> ScrubError {
        ScrubError::Io(error.into())
    }
}

/// The action on the regions that are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Only count them.
    Count,
    /// Write masks over them.
    Mask,
}

/// Scrubs open files in place.
#[derive(Debug)]
pub struct Scrubber {
    set: Arc<NeedleSet>,
    cover: Cover,
    action: Action,
    threads: usize,
    stumps: bool,
    sources: Arc<Sources>,
    /// How many bytes have been searched, in all files; for a display of progress.
    progress: Arc<AtomicU64>,
}

impl Scrubber {
    /// A scrubber that masks with names where they fit.
    ///
    /// # Errors
    ///
    /// As [`Cover::named`].
    pub fn new(set: Arc<NeedleSet>) -> Result<Scrubber, BuildError> {
        let cover = Cover::named(&set)?;
        let (sources, progress) = (Arc::default(), Arc::default());
        Ok(Scrubber { set, cover, action: Action::Mask, threads: 1, stumps: true, sources, progress })
    }

    /// The masks that are written over regions. Default: [`Cover::named`].
    pub fn cover(mut self, cover: Cover) -> Scrubber {
        self.cover = cover;
        self
    }

    /// The action on found regions. Default: to mask it.
    pub fn action(mut self, action: Action) -> Scrubber {
        self.action = action;
        self
    }

    /// How many threads search a large file. Default: one.
    pub fn threads(mut self, threads: usize) -> Scrubber {
        self.threads = threads.max(1);
        self
    }

    /// Whether the beginning of a secret at the end of a file is masked, if it is long enough: see
    /// [`Redactor::mask_stump`](crate::Redactor::mask_stump). Default: yes.
    pub fn mask_stump(mut self, yes: bool) -> Scrubber {
        self.stumps = yes;
        self
    }

    /// The files that the secrets were read from: a [`Tree`](super::Tree) leaves these as they
    /// are. Default: none.
    pub fn leave(mut self, sources: Arc<Sources>) -> Scrubber {
        self.sources = sources;
        self
    }

    pub(super) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The number of bytes searched so far is counted here.
    pub fn progress(&self) -> &Arc<AtomicU64> {
        &self.progress
    }

    /// The secrets to search for.
    pub fn set(&self) -> &Arc<NeedleSet> {
        &self.set
    }

    pub(super) fn part_filler(&self) -> Option<u8> {
        self.cover.part_filler()
    }

    pub(super) fn cover_of_regions(&self) -> &Cover {
        &self.cover
    }

    pub(super) fn masks_stump(&self) -> bool {
        self.stumps
    }

    pub(super) fn does(&self, action: Action) -> bool {
        self.action == action
    }

    /// Searches a regular file from its beginning to its end, masks the regions that it finds, and
    /// waits until the masks are on the disk.
    ///
    /// The file is open for reading, and to mask for writing, too, but not for appending. Others
    /// may write, truncate and rename it meanwhile: nothing of theirs is lost, and the file is not
    /// made longer. Their appends are searched as well, if they are there when the end is reached.
    /// If the file ends inside a secret, and was written to within the last two seconds, the rest
    /// is waited for, 300 ms at most; then that stump is left, and reported by
    /// [`Findings::stump_left`].
    ///
    /// Killed at any moment, it has lost nothing; a second run completes it. A mask that is on the
    /// disk is never undone.
    ///
    /// Memory: 256 KiB for each thread, and 24 bytes for each region of a few MiB. Nothing of the file is kept.
    ///
    /// # Errors
    ///
    /// See [`ScrubError`].
    pub fn scrub(&self, file: BorrowedFd<'_>, pen: &mut Pen) -> Result<Findings, ScrubError> {
        self.scrub_but(file, &Claim::default(), pen)
    }

    /// As [`scrub`](Scrubber::scrub), but for the parts of secrets over the file's borders.
    pub(super) fn scrub_but(&self, file: BorrowedFd<'_>, claim: &Claim, pen: &mut Pen) -> Result<Findings, ScrubError> {
        let sheet = match self.action {
            Action::Mask => Some(pen.on(file)?),
            Action::Count => None,
        };
        let mut pass = Pass {
            scrubber: self,
            file,
            claimed: &claim.ranges,
            sheet,
            findings: Findings::default(),
            written: claim.is_written,
            changed: false,
            head: Head::of(file)?,
            format: None,
        };
        let passed = pass.run_to_end();
        let Pass { findings, written, .. } = pass;
        if written {
            note_the_time(file);
        }
        // Also if nothing was written: masks of another scrub, which was killed or runs beside this one, may be in memory only.
        if self.action == Action::Mask {
            fsync(file).map_err(|error| ScrubError::Sync(error.into()))?;
        }
        passed.map(|()| findings)
    }
}

/// Notes that the file was written to: some file systems, tmpfs for one, do not for writes through
/// a mapping. Where that is not allowed nothing is lost but the time.
pub(super) fn note_the_time(file: BorrowedFd<'_>) {
    let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let _ =
        futimens(file, &Timestamps { last_access: omit, last_modification: Timespec { tv_nsec: UTIME_NOW, ..omit } });
}

/// Why a pass stopped.
enum Halt {
    /// The file is not what it was: from the beginning again.
    Changed,
    Failed(ScrubError),
}

impl From<Errno> for Halt {
    fn from(error: Errno) -> Halt {
        Halt::Failed(error.into())
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Halt {
        Halt::Failed(ScrubError::Io(error))
    }
}

impl From<PenError> for ScrubError {
    fn from(error: PenError) -> ScrubError {
        match error {
            PenError::Io(error) => ScrubError::Io(error),
            PenError::Truncated | PenError::Changed => ScrubError::KeepsChanging,
        }
    }
}

/// One way through a file from its beginning to its end, and the next.
struct Pass<'a> {
    scrubber: &'a Scrubber,
    file: BorrowedFd<'a>,
    /// Parts of secrets that are counted elsewhere.
    claimed: &'a [Range<u64>],
    sheet: Option<Sheet<'a>>,
    findings: Findings,
    written: bool,
    /// A region was not there any more when its mask was to be written.
    changed: bool,
    head: Head,
    /// It is the log of a container.
    format: Option<Format>,
}

impl Pass<'_> {
    fn run_to_end(&mut self) -> Result<(), ScrubError> {
        while let Err(halt) = self.run() {
            match halt {
                Halt::Failed(error) => return Err(error),
                Halt::Changed if self.findings.restarts == RESTARTS_MAX => return Err(ScrubError::KeepsChanging),
                Halt::Changed => {}
            }
            let restarts = self.findings.restarts + 1;
            if self.sheet.is_none() {
                self.findings = Findings::default();
            }
            self.findings.restarts = restarts;
            (self.head, self.changed) = (Head::of(self.file)?, false);
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), Halt> {
        let Scrubber { set, threads, progress, stumps, .. } = self.scrubber;
        let (file, progress): (_, &Progress) = (self.file, progress);
        self.mask_splits()?;
        self.mask_torn()?;
        let len = fstat(file)?.st_size as u64;
        let mut finder = search::in_parts(file, set, len, *threads, progress, &mut |region| self.tell(region))?;
        let mut buffer = search::buffer();
        let limit = len.saturating_mul(2).saturating_add(GROWTH_MAX);
        let mut waited = Duration::ZERO;
        let live = loop {
            if !search::to_end(file, &mut finder, limit, &mut buffer, progress, &mut |region| self.tell(region))? {
                return Err(Halt::Failed(ScrubError::Outgrown));
            }
            let live = is_live(file)?;
            if !live || !is_waiting(&finder) || waited >= REST_WAIT_MAX {
                break live;
            }
            std::thread::sleep(REST_LOOK_EVERY);
            waited += REST_LOOK_EVERY;
        };
        self.head.check(file, finder.end())?;
        finder.open(*stumps && !live).into_iter().try_for_each(|region| self.tell(region))?;
        let is_claimed = self.claimed.iter().any(|range| range.end == finder.end());
        self.findings.stump_left = *stumps && live && finder.is_at_stump() && !is_claimed;
        self.findings.bytes = finder.end();
        if self.changed { Err(Halt::Changed) } else { Ok(()) }
    }

    /// In the log of a container, secrets across records; first, as masks within one record could
    /// hide the rest of them.
    fn mask_splits(&mut self) -> Result<(), Halt> {
        self.format = container::of_file(self.file)?;
        let Some(format) = self.format else { return Ok(()) };
        let splitter = Splitter::new(format, &self.scrubber.set).beside(self.scrubber.part_filler(), false);
        let mut content = FromStart::new(self.file);
        container::splits_beside(&mut content, splitter, &mut |split| self.tell_split(&split))
    }

    /// Goes on with masks that an earlier scrub had begun.
    fn mask_torn(&mut self) -> Result<(), Halt> {
        let Scrubber { set, cover, .. } = self.scrubber;
        torn::find(&mut FromStart::new(self.file), set, cover, &mut |torn| {
            if let Some(sheet) = &mut self.sheet {
                self.written = true;
                let written = sheet.complete(set, cover, &torn);
                if !self.is_masked(written)? {
                    return Ok(());
                }
            }
            self.head.cover(&torn.rest);
            self.findings.note(set, &torn.region);
            Ok(())
        })
    }

    fn tell_split(&mut self, split: &Split) -> Result<(), Halt> {
        let Scrubber { set, cover, .. } = self.scrubber;
        if let Some(sheet) = &mut self.sheet {
            let filler = cover.part_filler().ok_or(Halt::Failed(ScrubError::NoFiller))?;
            self.written = true;
            let written = sheet.overwrite_parts(set, filler, split, self.format == Some(Format::Docker));
            if !self.is_masked(written)? {
                return Ok(());
            }
        } else if split.parts.iter().all(|part| Claim::holds(self.claimed, part)) {
            return Ok(());
        }
        split.parts.iter().for_each(|part| self.head.cover(part));
        self.findings.note_at(set, split.needle, split.parts[0].start);
        Ok(())
    }

    fn tell(&mut self, region: Region) -> Result<(), Halt> {
        let Scrubber { set, cover, .. } = self.scrubber;
        if let Some(sheet) = &mut self.sheet {
            self.written = true;
            let written = match self.format {
                Some(Format::Docker) => sheet.overwrite_in_json(set, cover, &region),
                _ => sheet.overwrite_if_there(set, cover, &region),
            };
            if !self.is_masked(written)? {
                return Ok(());
            }
        } else if Claim::holds(self.claimed, &region.range()) {
            return Ok(());
        }
        self.head.cover(&region.range());
        self.findings.note(set, &region);
        Ok(())
    }

    /// Whether a mask was written, or its region was not there any more.
    fn is_masked(&mut self, written: Result<(), PenError>) -> Result<bool, Halt> {
        match written {
            Ok(()) => Ok(true),
            Err(PenError::Truncated) => Err(Halt::Changed),
            // Another scrub masks this file as well, or it was written anew. To go on makes room between the two.
            Err(PenError::Changed) => {
                self.changed = true;
                Ok(false)
            }
            Err(PenError::Io(error)) => Err(Halt::Failed(ScrubError::Io(error))),
        }
    }
}

/// Whether the end of a file may be the beginning of a secret whose rest is under way.
fn is_waiting(finder: &Finder) -> bool {
    finder.held() >= STUMP_LEN_MIN || finder.held() > 0 && !finder.open(false).is_empty()
}

/// Whether the file was written to within the last moments; or, by a wrong clock, in times to come.
pub(super) fn is_live(file: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(is_live_since(fstat(file)?.st_mtime as i64))
}

/// The same of a file that was written to last at this second.
pub(super) fn is_live_since(modified: i64) -> bool {
    clock_gettime(ClockId::Realtime).tv_sec - modified <= LIVE_SECONDS
}

/// The first bytes of a file, to tell whether it was written anew: that leaves no other trace if the new content is longer already. The
/// first bytes of logs hold a time, or something else that differs.
struct Head {
    bytes: Zeroizing<[u8; HEAD_LEN]>,
    covered: [bool; HEAD_LEN],
    len: usize,
}

impl Head {
    fn of(file: BorrowedFd<'_>) -> Result<Head, Errno> {
        let mut bytes = Zeroizing::new([0; HEAD_LEN]);
        let len = file::read_full_at(file, &mut bytes[..], 0)?;
        Ok(Head { bytes, covered: [false; HEAD_LEN], len })
    }

    /// Notes that other bytes stand in a region by now.
    fn cover(&mut self, range: &Range<u64>) {
        let end = |at: u64| at.min(HEAD_LEN as u64) as usize;
        self.covered[end(range.start)..end(range.end)].fill(true);
    }

    /// Fails unless this is still the file that it was, and it reaches to where it was searched.
    fn check(&self, file: BorrowedFd<'_>, searched: u64) -> Result<(), Halt> {
        let now = Head::of(file)?;
        let same = (0..self.len).all(|at| self.covered[at] || self.bytes[at] == now.bytes[at]);
        if !same || now.len < self.len || (fstat(file)?.st_size as u64) < searched {
            return Err(Halt::Changed);
        }
        Ok(())
    }
}
