//! An active file: the threads that currently wait for it, read it or write it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use super::context::GuardContext;
use super::in_flight::{CallInFlight, IN_FLIGHT_MAX, InFlight};
use super::kernel::{Event, Group, Happening, Wanted};
use super::search;
use crate::scrub::lease::Lease;

/// A file without a change for this long is no longer polled until its next event.
const QUIET: Duration = Duration::from_secs(2);

/// A thread that waits for an answer.
pub(super) struct Waiter {
    pub(super) event: Event,
    /// The kernel's announcement of the operation.
    pub(super) announced: Option<CallInFlight>,
    pub(super) check: Check,
}

/// The state of the second search of the range that a waiting reader is about to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Open,
    Asked,
    Done,
}

/// A file with current operations.
pub(super) struct Active {
    pub(super) file: OwnedFd,
    /// The waiting threads: to open, to read, and for any operation.
    pub(super) opens: Vec<Event>,
    pub(super) reads: Vec<Waiter>,
    pub(super) touches: Vec<Waiter>,
    pub(super) readers: InFlight,
    pub(super) touchers: InFlight,
    /// Whether the kernel announces writes. `None` until requested.
    pub(super) told_of_writes: Option<bool>,
    /// Whether that is requested now.
    writes_wait: bool,
    /// Whether a process has the file open for writing. `None` until checked.
    has_writer: Option<bool>,
    /// Openers wait for a second search of the whole file; and that search is done.
    pub(super) opens_asked: bool,
    pub(super) opens_checked: bool,
    /// The start of a second search by a worker, during which writers wait.
    checks: Option<Instant>,
    /// A process writes repeatedly, and should not be delayed without a reader.
    writes: bool,
    pub(super) changed: Instant,
    pub(super) syncing: bool,
    pub(super) synced: Instant,
}

impl Active {
    pub(super) fn new(file: OwnedFd) -> Active {
        let now = Instant::now();
        Active {
            file,
            opens: Vec::new(),
            reads: Vec::new(),
            touches: Vec::new(),
            readers: InFlight::default(),
            touchers: InFlight::default(),
            told_of_writes: None,
            writes_wait: false,
            has_writer: None,
            checks: None,
            opens_asked: false,
            opens_checked: false,
            writes: false,
            changed: now,
            syncing: false,
            synced: now,
        }
    }

    /// Accepts an event. It also ends the thread's previous operation.
    pub(super) fn take(&mut self, event: Event) {
        self.readers.end(event.thread);
        let announced = self.touchers.end(event.thread);
        match event.happening {
            Happening::Opens => {
                self.has_writer = None;
                self.opens.push(event);
            }
            Happening::Reads => self.reads.push(Waiter { event, announced, check: Check::Open }),
            Happening::Touches => {
                // Two touches without a read between them: the thread writes.
                self.writes |= announced.is_some();
                self.touches.push(Waiter { event, announced: None, check: Check::Open });
            }
            Happening::Changed | Happening::Lost => self.changed = Instant::now(),
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        let nobody_waits = self.opens.is_empty() && self.reads.is_empty() && self.touches.is_empty();
        nobody_waits && !self.syncing && self.changed.elapsed() >= QUIET
    }

    /// Makes writers wait for the guard, too, and waits for writes that have begun.
    pub(super) fn announce_writes(&mut self, group: &Group) {
        if self.writes_wait || self.told_of_writes == Some(false) {
            return;
        }
        self.writes_wait = group.mark_file(self.file.as_fd(), Wanted { changes: false, touches: true }).is_ok();
        self.told_of_writes = Some(self.writes_wait);
        search::wait_for_writes(self.file.as_fd());
    }

    pub(super) fn ignore_writes(&mut self, group: &Group) {
        self.writes_wait = group.unmark_file(self.file.as_fd(), Wanted { changes: false, touches: true }).is_err();
    }

    /// Whether a process has the file open for writing; true if unknown. The kernel reports each
    /// open, so the answer holds until the next one.
    pub(super) fn has_writer(&mut self) -> bool {
        // A lease blocks each open for writing. It is released before any opener gets an answer.
        *self.has_writer.get_or_insert_with(|| !matches!(Lease::take(self.file.as_fd()), Ok(Some(_))))
    }

    /// The deadline for writers that wait for a search of a reader's range.
    pub(super) fn holds_writers(&self) -> Option<Instant> {
        self.checks.map(|since| since + IN_FLIGHT_MAX).filter(|until| Instant::now() < *until)
    }

    /// Notes that a worker searches a range a second time.
    pub(super) fn check_begins(&mut self) {
        self.checks = Some(Instant::now());
    }

    /// Whether a waiting thread's range was searched a second time.
    pub(super) fn is_checked(&self) -> bool {
        self.opens_checked || self.reads.iter().any(|read| read.check == Check::Done)
    }

    /// Invalidates the results of second searches.
    pub(super) fn uncheck(&mut self) {
        self.opens_checked = false;
        self.reads.iter_mut().filter(|read| read.check == Check::Done).for_each(|read| read.check = Check::Open);
    }

    pub(super) fn checked(&mut self, is_clean: bool) {
        self.checks = None;
        self.opens_checked = std::mem::take(&mut self.opens_asked) && is_clean;
        for waiter in self.reads.iter_mut().chain(&mut self.touches).filter(|waiter| waiter.check == Check::Asked) {
            waiter.check = if is_clean { Check::Done } else { Check::Open };
        }
    }

    pub(super) fn let_touch(&mut self, touches: Vec<Waiter>, context: &mut GuardContext<'_>) {
        if touches.is_empty() {
            return;
        }
        if std::mem::take(&mut self.writes) && self.reads.is_empty() && self.opens.is_empty() {
            self.ignore_writes(context.group);
        }
        for Waiter { event, .. } in touches {
            // Needed even while writes do not wait: the call has not begun, and a read may come
            // before it.
            self.touchers.begin(event.thread, event.range.clone(), &mut context.counters);
            allow(context.group, &event);
        }
    }

    pub(super) fn let_open(&mut self, group: &Group) {
        self.opens.drain(..).for_each(|event| allow(group, &event));
    }

    pub(super) fn let_read(&mut self, context: &mut GuardContext<'_>) {
        for Waiter { event, .. } in self.reads.drain(..) {
            if self.writes_wait {
                self.readers.begin(event.thread, None, &mut context.counters);
            }
            allow(context.group, &event);
        }
    }

    /// Makes reads of an unsearchable file fail; opening and writing it stay allowed.
    pub(super) fn refuse(&mut self, group: &Group) {
        self.let_open(group);
        for Waiter { event, .. } in self.reads.drain(..) {
            event.file.iter().for_each(|file| group.deny(file.as_fd()));
        }
    }

    /// Notes that masks are on their way to the disk.
    pub(super) fn sync_begins(&mut self) {
        (self.syncing, self.synced) = (true, Instant::now());
    }
}

pub(super) fn allow(group: &Group, event: &Event) {
    event.file.iter().for_each(|file| group.allow(file.as_fd()));
}
