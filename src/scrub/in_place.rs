//! Scrubs a file in place: masks overwrite the regions, and no other byte, size, inode, owner or
//! mode changes, even while a writer appends.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rustix::fs::{fstat, fsync};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::claim::Claim;
use super::file::FromStart;
use super::findings::Findings;
use super::live::{is_live, note_the_time};
use super::mask_writer::{MaskError, MaskTarget, MaskWriter};
use super::outcome::ScrubError;
use super::search;
use super::torn;
use super::{file, search::Progress};
use crate::container::{RecordFormat, SplitFinder, SplitSecret, split_secrets_with};
use crate::redact::finder::Finder;
use crate::redact::overlay::Overlay;
use crate::redact::redactor::PARTIAL_LEN_MIN;
use crate::redact::region::Region;
use crate::sys::sources::Sources;
use crate::{BuildError, NeedleSet};

/// The time limit and the polling interval for the rest of a secret at the end of a live file.
const REST_WAIT_MAX: Duration = Duration::from_millis(300);
const REST_LOOK_EVERY: Duration = Duration::from_millis(5);
/// The maximum growth of a file during the search, beyond its length, in bytes.
const GROWTH_MAX: u64 = 256 << 20;
/// The maximum number of restarts after the file was truncated or overwritten.
const RESTARTS_MAX: u32 = 16;
/// The number of leading bytes that identify a file.
const HEAD_LEN: usize = 64;

/// The action on the regions found.
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
    overlay: Overlay,
    action: Action,
    threads: usize,
    mask_partial: bool,
    sources: Arc<Sources>,
    /// The number of bytes searched, in all files; for a progress display.
    progress: Arc<AtomicU64>,
}

impl Scrubber {
    /// A scrubber that masks with names where they fit.
    ///
    /// # Errors
    ///
    /// Those of [`Overlay::named`].
    pub fn new(set: Arc<NeedleSet>) -> Result<Scrubber, BuildError> {
        let overlay = Overlay::named(&set)?;
        let (sources, progress) = (Arc::default(), Arc::default());
        Ok(Scrubber { set, overlay, action: Action::Mask, threads: 1, mask_partial: true, sources, progress })
    }

    /// Sets the masks for regions. Default: [`Overlay::named`].
    pub fn overlay(mut self, overlay: Overlay) -> Scrubber {
        self.overlay = overlay;
        self
    }

    /// Sets the action on regions. Default: mask them.
    pub fn action(mut self, action: Action) -> Scrubber {
        self.action = action;
        self
    }

    /// Sets the number of threads for a large file. Default: one.
    pub fn threads(mut self, threads: usize) -> Scrubber {
        self.threads = threads.max(1);
        self
    }

    /// Sets whether a partial match at the end of a file is masked, if it is long enough: see
    /// [`Redactor::mask_partial`](crate::Redactor::mask_partial). Default: yes.
    pub fn mask_partial(mut self, yes: bool) -> Scrubber {
        self.mask_partial = yes;
        self
    }

    /// Sets the sources of the secrets, which a [`Tree`](super::Tree) leaves unchanged. Default:
    /// none.
    pub fn leave(mut self, sources: Arc<Sources>) -> Scrubber {
        self.sources = sources;
        self
    }

    pub(super) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The counter of bytes searched so far.
    pub fn progress(&self) -> &Arc<AtomicU64> {
        &self.progress
    }

    /// The secrets to search for.
    pub fn set(&self) -> &Arc<NeedleSet> {
        &self.set
    }

    pub(super) fn part_filler(&self) -> Option<u8> {
        self.overlay.part_filler()
    }

    pub(super) fn region_overlay(&self) -> &Overlay {
        &self.overlay
    }

    pub(super) fn masks_partial(&self) -> bool {
        self.mask_partial
    }

    pub(super) fn does(&self, action: Action) -> bool {
        self.action == action
    }

    /// Searches a regular file from its beginning to its end, masks the regions found, and syncs
    /// the masks to the disk.
    ///
    /// The file must be open for reading and, for masking, also for writing, but not for appending.
    /// Other processes may write, truncate and rename it meanwhile: none of their writes is lost,
    /// and the file is not extended. Their appends are searched as well, if they are there when the
    /// search reaches the end. If the file ends inside a secret, and was written to within the last
    /// two seconds, the search waits at most 300 ms for the rest. Then it leaves the partial match,
    /// and reports it in [`Findings::partial_left`].
    ///
    /// A kill at any moment loses nothing; a second run completes the scrub. A mask on the disk is
    /// never undone.
    ///
    /// Memory: 256 KiB for each thread, and 24 bytes for each region of a few MiB. None of the file
    /// is kept.
    ///
    /// # Errors
    ///
    /// See [`ScrubError`].
    pub fn scrub(&self, file: BorrowedFd<'_>, writer: &mut MaskWriter) -> Result<Findings, ScrubError> {
        self.scrub_but(file, &Claim::default(), writer)
    }

    /// Searches a file's own bytes, of any kind, and changes nothing.
    pub(super) fn search_bytes(&self, file: &File) -> Result<Findings, ScrubError> {
        let Scrubber { set, progress, .. } = self;
        let mut findings = Findings::default();
        let len = fstat(file)?.st_size as u64;
        let mut finder = Finder::new(Arc::clone(set));
        let mut note = |region: Region| {
            findings.note(set, &region);
            Ok::<(), ScrubError>(())
        };
        search::to_end(file.as_fd(), &mut finder, len, &mut search::buffer(), progress, &mut note)?;
        finder.finish(false).try_for_each(note)?;
        findings.bytes = len;
        Ok(findings)
    }

    /// Like [`scrub`](Scrubber::scrub), without the parts of secrets across the file's boundaries.
    pub(super) fn scrub_but(
        &self,
        file: BorrowedFd<'_>,
        claim: &Claim,
        writer: &mut MaskWriter,
    ) -> Result<Findings, ScrubError> {
        let target = match self.action {
            Action::Mask => Some(writer.on(file)?),
            Action::Count => None,
        };
        let mut pass = Pass {
            scrubber: self,
            file,
            claimed: &claim.ranges,
            target,
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
        // Even if nothing was written: the masks of another scrub, killed or concurrent, may only
        // be in memory.
        if self.action == Action::Mask {
            fsync(file).map_err(|error| ScrubError::Sync(error.into()))?;
        }
        passed.map(|()| findings)
    }
}

/// The reason why a pass stopped.
enum Halt {
    /// The file was replaced or truncated: restart from its beginning.
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

/// A pass through a file from its beginning to its end, with restarts.
struct Pass<'a> {
    scrubber: &'a Scrubber,
    file: BorrowedFd<'a>,
    /// Parts of secrets that are counted elsewhere.
    claimed: &'a [Range<u64>],
    target: Option<MaskTarget<'a>>,
    findings: Findings,
    written: bool,
    /// A region had gone before its mask was written.
    changed: bool,
    head: Head,
    /// Set for a container log.
    format: Option<RecordFormat>,
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
            if self.target.is_none() {
                self.findings = Findings::default();
            }
            self.findings.restarts = restarts;
            (self.head, self.changed) = (Head::of(self.file)?, false);
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), Halt> {
        let Scrubber { set, threads, progress, mask_partial, .. } = self.scrubber;
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
        finder.open(*mask_partial && !live).into_iter().try_for_each(|region| self.tell(region))?;
        let is_claimed = self.claimed.iter().any(|range| range.end == finder.end());
        self.findings.partial_left = *mask_partial && live && finder.is_at_partial_match() && !is_claimed;
        self.findings.bytes = finder.end();
        if self.changed { Err(Halt::Changed) } else { Ok(()) }
    }

    /// Masks secrets across records in a container log. Comes first, since masks within one record
    /// could hide the rest of such a secret.
    fn mask_splits(&mut self) -> Result<(), Halt> {
        self.format = file::record_format(self.file)?;
        let Some(format) = self.format else { return Ok(()) };
        let finder = SplitFinder::new(format, &self.scrubber.set).beside_masks(self.scrubber.part_filler(), false);
        let mut content = FromStart::new(self.file);
        split_secrets_with(&mut content, finder, &mut |split| self.tell_split(&split))
    }

    /// Completes the masks of an interrupted scrub.
    fn mask_torn(&mut self) -> Result<(), Halt> {
        let Scrubber { set, overlay, .. } = self.scrubber;
        torn::find(&mut FromStart::new(self.file), set, overlay, &mut |torn| {
            if let Some(target) = &mut self.target {
                self.written = true;
                let written = target.complete(set, overlay, &torn);
                if !self.is_masked(written)? {
                    return Ok(());
                }
            }
            self.head.cover(&torn.rest);
            self.findings.note(set, &torn.region);
            Ok(())
        })
    }

    fn tell_split(&mut self, split: &SplitSecret) -> Result<(), Halt> {
        let Scrubber { set, overlay, .. } = self.scrubber;
        if let Some(target) = &mut self.target {
            let filler = overlay.part_filler().ok_or(Halt::Failed(ScrubError::NoFiller))?;
            self.written = true;
            let written = target.overwrite_parts(set, filler, split, self.format == Some(RecordFormat::Docker));
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
        let Scrubber { set, overlay, .. } = self.scrubber;
        if let Some(target) = &mut self.target {
            self.written = true;
            let written = match self.format {
                Some(RecordFormat::Docker) => target.overwrite_in_json(set, overlay, &region),
                _ => target.overwrite_if_there(set, overlay, &region),
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

    /// Returns whether a mask was written; false if its region had gone.
    fn is_masked(&mut self, written: Result<(), MaskError>) -> Result<bool, Halt> {
        match written {
            Ok(()) => Ok(true),
            Err(MaskError::Truncated) => Err(Halt::Changed),
            // Another scrub masks this file as well, or it was rewritten. Continuing puts distance
            // between the two scrubs.
            Err(MaskError::Changed) => {
                self.changed = true;
                Ok(false)
            }
            Err(MaskError::Io(error)) => Err(Halt::Failed(ScrubError::Io(error))),
        }
    }
}

/// Whether the end of a file may begin a secret with its rest still to come.
fn is_waiting(finder: &Finder) -> bool {
    finder.held() >= PARTIAL_LEN_MIN || finder.held() > 0 && !finder.open(false).is_empty()
}

/// The first bytes of a file, which reveal a rewrite. A rewrite leaves no other trace if the new
/// content is already longer. The first bytes of logs hold a time, or something else that differs.
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

    /// Notes that a mask has replaced the bytes of a region.
    fn cover(&mut self, range: &Range<u64>) {
        let end = |at: u64| at.min(HEAD_LEN as u64) as usize;
        self.covered[end(range.start)..end(range.end)].fill(true);
    }

    /// Fails unless this is still the same file, and it reaches the end of the search.
    fn check(&self, file: BorrowedFd<'_>, searched: u64) -> Result<(), Halt> {
        let now = Head::of(file)?;
        let same = (0..self.len).all(|at| self.covered[at] || self.bytes[at] == now.bytes[at]);
        if !same || now.len < self.len || (fstat(file)?.st_size as u64) < searched {
            return Err(Halt::Changed);
        }
        Ok(())
    }
}
