//! A followed file: its search, and the answers to the threads that wait for it.

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::fstat;

use super::active::{Active, Check, Waiter};
use super::context::GuardContext;
use super::kernel::Wanted;
use super::search::{Proof, Search, Standing};
use crate::NeedleSet;
use crate::scrub::mask_writer::MaskError;

/// The longest search in the loop, in bytes; a worker does longer ones.
const ASIDE_LEN: u64 = 4 << 20;
/// The longest second search in the loop, in bytes; a worker does longer ones.
const CHECK_LEN: u64 = 1 << 20;
/// A read of at most this many bytes is searched a second time without checking for a writer first.
const SHORT_LEN: u64 = 16 << 10;
/// The interval for checking whether a call has returned.
const FLIGHT_LOOK: Duration = Duration::from_micros(20);

/// The state of a file.
pub(super) struct Followed {
    /// `None` while a worker continues it.
    pub(super) search: Option<Box<Search>>,
    /// `Some` only while the file has operations.
    pub(super) active: Option<Box<Active>>,
    /// The last search failed.
    pub(super) failed: bool,
    /// That failure was reported.
    pub(super) told: bool,
    /// The file is queued for another search.
    pub(super) queued: bool,
    /// A writer closed the file while a worker searched it.
    doubted: bool,
}

/// The result of searching a reader's range a second time.
enum Verdict {
    Clean,
    Restarted,
    /// Too long for the loop.
    Aside(Range<u64>),
}

/// The next action for a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing until the next event.
    Rest,
    /// Try again at this time: a thread waits.
    Again(Instant),
    /// Search it in a worker.
    Aside,
    /// Search this range a second time in a worker.
    Check(Range<u64>),
}

/// The reason why a file cannot be searched.
pub(super) type Failure = MaskError;

impl Followed {
    /// `reach` is the length of the set's longest needle.
    pub(super) fn new(set: &Arc<NeedleSet>, reach: u64) -> Followed {
        Followed {
            search: Some(Box::new(Search::new(set, reach))),
            active: None,
            failed: false,
            told: false,
            queued: false,
            doubted: false,
        }
    }

    /// Searches new content, unless a worker is doing that.
    fn catch_up(&mut self, file: BorrowedFd<'_>, context: &mut GuardContext<'_>) -> Result<Standing, Failure> {
        match &mut self.search {
            None => Ok(Standing::Behind),
            Some(search) => search.catch_up(file, &mut context.tools, ASIDE_LEN),
        }
    }

    /// Searches a file without waiting threads, and requests events for its changes.
    pub(super) fn visit(&mut self, file: BorrowedFd<'_>, context: &mut GuardContext<'_>) -> Result<Standing, Failure> {
        if self.active.is_none() {
            context.group.mark_file(file, Wanted { changes: true, touches: false })?;
        }
        self.catch_up(file, context)
    }

    /// Makes the file active for an operation.
    pub(super) fn activate(
        &mut self,
        file: BorrowedFd<'_>,
        context: &GuardContext<'_>,
    ) -> Result<&mut Active, Failure> {
        if self.active.is_none() {
            // The guard polls an active file often. Events for every write, too, would cost the
            // writer at least a third of a microsecond each, and the guard much more.
            let _ = context.group.mark_file(file, Wanted::default());
            let _ = context.group.unmark_file(file, Wanted { changes: true, touches: false });
            self.active = Some(Box::new(Active::new(file.try_clone_to_owned()?)));
        }
        Ok(self.active.as_mut().expect("it was made just now"))
    }

    /// Answers every thread that can be answered now.
    pub(super) fn settle(&mut self, context: &mut GuardContext<'_>, failures: &mut Vec<Failure>) -> Next {
        let Some(mut active) = self.active.take() else { return Next::Rest };
        let was_checked = active.is_checked();
        let mut next = self.settle_active(&mut active, context, failures);
        // From here, new writes may come.
        active.uncheck();
        if was_checked && next == Next::Rest && !active.touches.is_empty() {
            next = Next::Again(Instant::now());
        }
        self.active = Some(active);
        next
    }

    fn settle_active(
        &mut self,
        active: &mut Active,
        context: &mut GuardContext<'_>,
        failures: &mut Vec<Failure>,
    ) -> Next {
        let again = Next::Again(Instant::now() + FLIGHT_LOOK);
        // Readers with a finished second search come first: writers have waited for that search.
        if !active.touches.is_empty() && !active.is_checked() {
            if active.readers.any(&mut context.counters, &mut context.lost) {
                return again;
            }
            if let Some(until) = active.holds_writers() {
                return Next::Again(until);
            }
            let standing = self.catch_up(active.file.as_fd(), context);
            match self.settle_touches(active, standing, context, failures) {
                Next::Rest => {}
                next => return next,
            }
        }
        if active.opens.is_empty() && active.reads.is_empty() {
            return Next::Rest;
        }
        active.announce_writes(context.group);
        if active.touchers.any(&mut context.counters, &mut context.lost) && !active.reads.is_empty() {
            // An opener need not wait for other processes' writes: each of its reads will.
            return again;
        }
        match self.catch_up(active.file.as_fd(), context) {
            Ok(Standing::Behind) if self.search.is_some() && self.failed => {
                self.failed = false;
                active.refuse(context.group);
            }
            Ok(Standing::Behind) => return if self.search.is_some() { Next::Aside } else { Next::Rest },
            Ok(Standing::Waits(until)) => {
                active.let_open(context.group);
                return if active.reads.is_empty() { Next::Rest } else { Next::Again(until) };
            }
            Ok(Standing::Clean) => match self.check_readers(active, context) {
                Ok(Verdict::Clean) => {
                    (self.failed, self.told) = (false, false);
                    active.let_open(context.group);
                    active.let_read(context);
                }
                Ok(Verdict::Restarted) => return Next::Aside,
                Ok(Verdict::Aside(range)) => return Next::Check(range),
                Err(error) => {
                    active.refuse(context.group);
                    failures.push(error);
                }
            },
            Err(error) => {
                active.refuse(context.group);
                failures.push(error);
            }
        }
        Next::Rest
    }

    /// Answers the threads that need not wait for the search: all except those that map a range
    /// that is unsearched, or may have been overwritten since.
    fn settle_touches(
        &mut self,
        active: &mut Active,
        standing: Result<Standing, Failure>,
        context: &mut GuardContext<'_>,
        failures: &mut Vec<Failure>,
    ) -> Next {
        let mut touches = std::mem::take(&mut active.touches);
        let is_behind = !matches!(standing, Ok(Standing::Clean | Standing::Waits(_)));
        let mut next = Next::Rest;
        if is_behind || self.search.as_ref().is_none_or(|search| search.in_doubt()) {
            let is_map = |touch: &mut Waiter| touch.check != Check::Done && context.calls.maps(touch.event.thread);
            let maps: Vec<Waiter> = touches.extract_if(.., is_map).collect();
            for mut map in maps {
                let range = map.event.range.clone().unwrap_or(0..u64::MAX);
                let verdict = match &standing {
                    // Only the searched part can be searched a second time, and a restart leaves
                    // none.
                    Ok(Standing::Behind) if !self.failed => Ok(Verdict::Restarted),
                    Ok(Standing::Behind) | Err(_) => Err(()),
                    Ok(_) => self.check_one(&mut map, range, active.file.as_fd(), context).map_err(drop),
                };
                match verdict {
                    Ok(Verdict::Clean) => touches.push(map),
                    Ok(Verdict::Restarted) => {
                        next = Next::Aside;
                        active.touches.push(map);
                    }
                    Ok(Verdict::Aside(range)) => {
                        next = Next::Check(range);
                        active.touches.push(map);
                    }
                    Err(()) => map.event.file.iter().for_each(|file| context.group.deny(file.as_fd())),
                }
            }
        }
        failures.extend(standing.err());
        active.let_touch(touches, context);
        if self.search.is_none() { Next::Rest } else { next }
    }

    /// Searches the readers' ranges a second time if content may have been overwritten.
    fn check_readers(&mut self, active: &mut Active, context: &mut GuardContext<'_>) -> Result<Verdict, Failure> {
        let in_doubt = self.search.as_ref().is_some_and(|search| search.in_doubt());
        if in_doubt && active.told_of_writes != Some(true) && !active.opens.is_empty() {
            // Mappings are not announced here: only the file's present content can be searched.
            let checked = std::mem::take(&mut active.opens_checked);
            if !checked && let verdict @ (Verdict::Restarted | Verdict::Aside(_)) = self.check_all(active, context)? {
                return Ok(verdict);
            }
        }
        let mut wide: Option<Range<u64>> = None;
        let mut reads = std::mem::take(&mut active.reads);
        let mut verdict = Ok(Verdict::Clean);
        for read in reads.iter_mut().filter(|read| read.check != Check::Done) {
            let is_short = read.announced.as_ref().is_some_and(|call| call.is_short(SHORT_LEN));
            if !in_doubt && !is_short && !active.has_writer() {
                continue;
            }
            let announced = read.announced.as_ref().and_then(|call| call.range(&mut context.counters));
            let inode = || fstat(&active.file).map_or(0, |stat| stat.st_ino);
            let asked = || context.calls.reads(read.event.thread, inode());
            let range = announced.or_else(asked).unwrap_or(0..u64::MAX);
            match self.check_one(read, range, active.file.as_fd(), context) {
                Ok(Verdict::Clean) => {}
                Ok(Verdict::Aside(range)) => {
                    let wider = wide.get_or_insert(range.clone());
                    *wider = wider.start.min(range.start)..wider.end.max(range.end);
                }
                other => {
                    verdict = other;
                    break;
                }
            }
        }
        active.reads = reads;
        match (verdict, wide) {
            (Ok(Verdict::Clean), Some(range)) => Ok(Verdict::Aside(range)),
            (verdict, _) => verdict,
        }
    }

    fn check_all(&mut self, active: &mut Active, context: &mut GuardContext<'_>) -> Result<Verdict, Failure> {
        let Some(search) = &mut self.search else { return Ok(Verdict::Restarted) };
        if search.check_len(&(0..u64::MAX)) > CHECK_LEN {
            active.opens_asked = true;
            return Ok(Verdict::Aside(0..u64::MAX));
        }
        Ok(match search.check(active.file.as_fd(), &mut context.tools, &(0..u64::MAX))? {
            Proof::Clean => Verdict::Clean,
            Proof::Restarted => Verdict::Restarted,
        })
    }

    fn check_one(
        &mut self,
        waiter: &mut Waiter,
        range: Range<u64>,
        file: BorrowedFd<'_>,
        context: &mut GuardContext<'_>,
    ) -> Result<Verdict, Failure> {
        let Some(search) = &mut self.search else { return Ok(Verdict::Restarted) };
        if search.check_len(&range) > CHECK_LEN {
            waiter.check = Check::Asked;
            return Ok(Verdict::Aside(range));
        }
        Ok(match search.check(file, &mut context.tools, &range)? {
            Proof::Clean => Verdict::Clean,
            Proof::Restarted => Verdict::Restarted,
        })
    }

    /// Takes the search back from a worker.
    pub(super) fn take_back(&mut self, mut search: Box<Search>) {
        if std::mem::take(&mut self.doubted) {
            search.doubt();
        }
        self.search = Some(search);
    }

    /// Accepts the result of a second search; its threads may continue if the range is clean.
    pub(super) fn checked(&mut self, is_clean: bool) {
        if let Some(active) = &mut self.active {
            active.checked(is_clean);
        }
    }

    /// Notes that a writer closed the file. It may have written through a mapping, which causes no
    /// other event.
    pub(super) fn doubt(&mut self) {
        match &mut self.search {
            Some(search) => search.doubt(),
            None => self.doubted = true,
        }
    }

    /// Whether the file needs another search when there is time.
    pub(super) fn wants_again(&self) -> bool {
        self.active.is_some() && self.search.as_ref().is_some_and(|search| search.in_doubt())
    }

    /// Searches appended content, and notes the time if there was any.
    pub(super) fn look(&mut self, context: &mut GuardContext<'_>) -> Result<Standing, Failure> {
        let Some(mut active) = self.active.take() else { return Ok(Standing::Clean) };
        let before = self.search.as_ref().map(|search| search.place());
        let standing = self.catch_up(active.file.as_fd(), context);
        if self.search.as_ref().map(|search| search.place()) != before {
            active.changed = Instant::now();
        }
        self.active = Some(active);
        standing
    }

    /// Deactivates a file that has been quiet long enough; the kernel reports its next change.
    /// Returns whether the file is inactive now.
    pub(super) fn rest(&mut self, context: &mut GuardContext<'_>) -> bool {
        let unsynced = self.search.as_ref().is_none_or(|search| search.unsynced || search.in_doubt());
        let Some(active) = self.active.take_if(|active| !unsynced && active.is_quiet()) else { return false };
        let file = active.file.as_fd();
        let _ = context.group.mark_file(file, Wanted { changes: true, touches: false });
        // The file may have changed before the mark took effect.
        let before = self.search.as_ref().map(|search| search.place());
        let _ = self.catch_up(file, context);
        let is_same = self.search.as_ref().is_some_and(|search| Some(search.place()) == before && !search.in_doubt());
        if !is_same {
            let _ = context.group.unmark_file(file, Wanted { changes: true, touches: false });
            self.active = Some(active);
            return false;
        }
        true
    }

    /// Whether it is time to sync masks to the disk.
    pub(super) fn wants_sync(&self, every: Duration) -> bool {
        let unsynced = self.search.as_ref().is_some_and(|search| search.unsynced);
        unsynced && self.active.as_ref().is_some_and(|active| !active.syncing && active.synced.elapsed() >= every)
    }
}
