//! A file that is followed: its search, who waits for it, and who reads and writes it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gate::{Counters, Flights};
use super::kernel::{Event, Group, Happening, Wanted};
use super::search::{self, Search, Standing, Tools};
use crate::NeedleSet;
use crate::scrub::pen::PenError;

/// More than this to search is done aside, in bytes.
const ASIDE_LEN: u64 = 4 << 20;
/// How long to wait before it is looked again whether a call is over.
const FLIGHT_LOOK: Duration = Duration::from_micros(20);
/// A file that has not changed for so long is not looked at any more until something happens to it.
const QUIET: Duration = Duration::from_secs(2);

/// What all files have in common.
pub(super) struct Common<'a> {
    pub(super) group: &'a Group,
    pub(super) tools: Tools,
    pub(super) counters: Counters,
    /// How many calls took too long to be waited for.
    pub(super) lost: u64,
}

/// What is known of a file.
pub(super) struct Followed {
    /// Not here while it is continued aside.
    pub(super) search: Option<Box<Search>>,
    /// Only while something happens to the file.
    pub(super) active: Option<Box<Active>>,
    /// The last search failed.
    pub(super) failed: bool,
    /// That it did was told.
    pub(super) told: bool,
}

/// A file that something happens to.
pub(super) struct Active {
    pub(super) file: OwnedFd,
    /// Those who wait: to open, to read, and to do anything.
    opens: Vec<Event>,
    reads: Vec<Event>,
    touches: Vec<Event>,
    readers: Flights,
    touchers: Flights,
    /// Whether the kernel tells of writes beforehand. Not known until it was asked to.
    pub(super) told_of_writes: Option<bool>,
    /// Whether it is asked to.
    closed: bool,
    /// Somebody writes again and again, and should not be held up unless somebody reads.
    writes: bool,
    changed: Instant,
    pub(super) syncing: bool,
    synced: Instant,
}

/// What there is to do about a file next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing, as long as nothing happens to it.
    Rest,
    /// Look again then: somebody waits.
    Again(Instant),
    /// Search it aside.
    Aside,
}

/// Why a file cannot be searched.
pub(super) type Failure = PenError;

impl Followed {
    pub(super) fn new(set: &Arc<NeedleSet>) -> Followed {
        Followed { search: Some(Box::new(Search::new(set))), active: None, failed: false, told: false }
    }

    /// Searches what is new, if that is not done aside just now.
    fn catch_up(&mut self, file: BorrowedFd<'_>, common: &mut Common<'_>) -> Result<Standing, Failure> {
        match &mut self.search {
            None => Ok(Standing::Behind),
            Some(search) => search.catch_up(file, &mut common.tools, ASIDE_LEN),
        }
    }

    /// Looks at a file that nobody waits for, and has the kernel tell when it changes.
    pub(super) fn visit(&mut self, file: BorrowedFd<'_>, common: &mut Common<'_>) -> Result<Standing, Failure> {
        if self.active.is_none() {
            common.group.mark_file(file, Wanted { changes: true, touches: false })?;
        }
        self.catch_up(file, common)
    }

    /// Something happens to the file.
    pub(super) fn activate(&mut self, file: BorrowedFd<'_>, common: &Common<'_>) -> Result<&mut Active, Failure> {
        if self.active.is_none() {
            // It is looked at often from now on; being told of every write, too, would cost the writer a third of a
            // microsecond for each at the least, and us much more.
            let _ = common.group.unmark_file(file, Wanted { changes: true, touches: false });
            self.active = Some(Box::new(Active::new(file.try_clone_to_owned()?)));
        }
        Ok(self.active.as_mut().expect("it was made just now"))
    }

    /// Answers all who can be answered now.
    pub(super) fn settle(&mut self, common: &mut Common<'_>, failures: &mut Vec<Failure>) -> Next {
        let Some(mut active) = self.active.take() else { return Next::Rest };
        let next = self.settle_active(&mut active, common, failures);
        self.active = Some(active);
        next
    }

    fn settle_active(&mut self, active: &mut Active, common: &mut Common<'_>, failures: &mut Vec<Failure>) -> Next {
        let again = Next::Again(Instant::now() + FLIGHT_LOOK);
        if !active.touches.is_empty() {
            if active.readers.any(&mut common.counters, &mut common.lost) {
                return again;
            }
            // What is mapped from here on has been searched as far as that can be.
            let _ = self.catch_up(active.file.as_fd(), common);
            active.let_touch(common);
        }
        if active.opens.is_empty() && active.reads.is_empty() {
            return Next::Rest;
        }
        active.close_gate(common.group);
        if active.touchers.any(&mut common.counters, &mut common.lost) && !active.reads.is_empty() {
            // Who only opens need not wait for others who write: each of their reads will.
            return again;
        }
        match self.catch_up(active.file.as_fd(), common) {
            Ok(Standing::Behind) if self.search.is_some() && self.failed => {
                self.failed = false;
                active.refuse(common.group);
            }
            Ok(Standing::Behind) => return if self.search.is_some() { Next::Aside } else { Next::Rest },
            Ok(Standing::Waits(until)) => {
                active.let_open(common.group);
                return if active.reads.is_empty() { Next::Rest } else { Next::Again(until) };
            }
            Ok(Standing::Clean) => {
                (self.failed, self.told) = (false, false);
                active.let_open(common.group);
                active.let_read(common);
            }
            Err(error) => {
                active.refuse(common.group);
                failures.push(error);
            }
        }
        Next::Rest
    }

    /// Looks whether the file has grown. Returns whether it is at rest.
    pub(super) fn look(&mut self, common: &mut Common<'_>) -> Result<Standing, Failure> {
        let Some(mut active) = self.active.take() else { return Ok(Standing::Clean) };
        let before = self.search.as_ref().map(|search| search.place());
        let standing = self.catch_up(active.file.as_fd(), common);
        if self.search.as_ref().map(|search| search.place()) != before {
            active.changed = Instant::now();
        }
        self.active = Some(active);
        standing
    }

    /// Lets a file rest that has been quiet for long enough: the kernel tells when it changes. Returns whether it does.
    pub(super) fn rest(&mut self, common: &mut Common<'_>) -> bool {
        let unsynced = self.search.as_ref().is_none_or(|search| search.unsynced);
        let Some(active) = self.active.take_if(|active| !unsynced && active.is_quiet()) else { return false };
        let file = active.file.as_fd();
        let _ = common.group.mark_file(file, Wanted { changes: true, touches: false });
        // It may have changed before the kernel knew that we want to be told.
        let before = self.search.as_ref().map(|search| search.place());
        let _ = self.catch_up(file, common);
        if self.search.as_ref().map(|search| search.place()) != before {
            let _ = common.group.unmark_file(file, Wanted { changes: true, touches: false });
            self.active = Some(active);
            return false;
        }
        true
    }

    /// Whether masks should be brought to the disk now, and were not for some time.
    pub(super) fn wants_sync(&self, every: Duration) -> bool {
        let unsynced = self.search.as_ref().is_some_and(|search| search.unsynced);
        unsynced && self.active.as_ref().is_some_and(|active| !active.syncing && active.synced.elapsed() >= every)
    }
}

impl Active {
    fn new(file: OwnedFd) -> Active {
        let now = Instant::now();
        Active {
            file,
            opens: Vec::new(),
            reads: Vec::new(),
            touches: Vec::new(),
            readers: Flights::default(),
            touchers: Flights::default(),
            told_of_writes: None,
            closed: false,
            writes: false,
            changed: now,
            syncing: false,
            synced: now,
        }
    }

    /// Takes an event in. Whatever its thread did before is over.
    pub(super) fn take(&mut self, event: Event) {
        self.readers.end(event.thread);
        let touched = self.touchers.end(event.thread);
        match event.happening {
            Happening::Opens => self.opens.push(event),
            Happening::Reads => self.reads.push(event),
            Happening::Touches => {
                // Twice, and no read in between: it writes.
                self.writes |= touched;
                self.touches.push(event);
            }
            Happening::Changed | Happening::Lost => self.changed = Instant::now(),
        }
    }

    fn is_quiet(&self) -> bool {
        let nobody_waits = self.opens.is_empty() && self.reads.is_empty() && self.touches.is_empty();
        nobody_waits && !self.syncing && self.changed.elapsed() >= QUIET
    }

    /// Has writers wait for us, too, from here on; and waits for those that have begun.
    fn close_gate(&mut self, group: &Group) {
        if self.closed || self.told_of_writes == Some(false) {
            return;
        }
        self.closed = group.mark_file(self.file.as_fd(), Wanted { changes: false, touches: true }).is_ok();
        self.told_of_writes = Some(self.closed);
        search::wait_for_writes(self.file.as_fd());
    }

    fn open_gate(&mut self, group: &Group) {
        self.closed = group.unmark_file(self.file.as_fd(), Wanted { changes: false, touches: true }).is_err();
    }

    fn let_touch(&mut self, common: &mut Common<'_>) {
        if std::mem::take(&mut self.writes) && self.reads.is_empty() && self.opens.is_empty() {
            self.open_gate(common.group);
        }
        for event in self.touches.drain(..) {
            // Also when the gate is open now: the call has not begun yet, and somebody may want to read before it has.
            self.touchers.begin(event.thread, &mut common.counters);
            allow(common.group, &event);
        }
    }

    fn let_open(&mut self, group: &Group) {
        self.opens.drain(..).for_each(|event| allow(group, &event));
    }

    fn let_read(&mut self, common: &mut Common<'_>) {
        for event in self.reads.drain(..) {
            if self.closed {
                self.readers.begin(event.thread, &mut common.counters);
            }
            allow(common.group, &event);
        }
    }

    /// Nobody reads what cannot be searched; to open it and to write to it is nobody forbidden.
    fn refuse(&mut self, group: &Group) {
        self.let_open(group);
        for event in self.reads.drain(..) {
            event.file.iter().for_each(|file| group.deny(file.as_fd()));
        }
    }

    /// Masks are on the disk, or on their way.
    pub(super) fn sync_begins(&mut self) {
        (self.syncing, self.synced) = (true, Instant::now());
    }
}

pub(super) fn allow(group: &Group, event: &Event) {
    event.file.iter().for_each(|file| group.allow(file.as_fd()));
}
