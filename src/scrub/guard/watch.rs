//! The loop that answers events. Its one thread opens, reads and writes files only through the
//! descriptors of events, so it never waits for itself.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::thread::set_current_timer_slack;

use super::active::allow;
use super::context::GuardContext;
use super::event_sink::{EventSink, GuardEvent, path_of};
use super::followed::{Failure, Followed, Next};
use super::kernel::{Buffer, Event, Happening, Identity};
use super::search::{Proof, Search, Standing};
use super::walk::{Orders, Walked};
use super::worker::{Done, EventFd, Job, Jobs, Task, Unsynced};
use crate::NeedleSet;
use crate::scrub::mask_writer::MaskError;
use crate::sys::mutex::lock;

/// The polling interval for active files.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The interval for syncing masks to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Background searches of the searched part take one part in this many of the time.
const AGAIN_SHARE: u32 = 20;
/// The maximum number of remembered files. Beyond it, inactive files are forgotten, and searched
/// again at their next event.
const FILES_MAX: usize = 1 << 20;

/// The threads of this guard, which never wait for it.
#[derive(Clone, Default)]
pub(super) struct OwnThreads(Arc<Mutex<Vec<i32>>>);

impl OwnThreads {
    /// Adds the calling thread.
    pub(super) fn enlist(&self) {
        let own = rustix::thread::gettid().as_raw_nonzero().get();
        lock(&self.0).push(own);
    }

    fn has(&self, thread: i32) -> bool {
        lock(&self.0).contains(&thread)
    }
}

/// The channels between the loop and the other threads.
pub(super) struct Ways<'a> {
    pub(super) jobs: &'a Jobs,
    pub(super) unsynced: Sender<Unsynced>,
    pub(super) done: Receiver<Done>,
    pub(super) walked: Receiver<Walked>,
    pub(super) wake: EventFd,
    pub(super) orders: &'a Orders,
    pub(super) sink: EventSink,
    pub(super) own: OwnThreads,
}

/// The loop's state.
pub(super) struct Watch<'a> {
    set: Arc<NeedleSet>,
    /// The length of the set's longest needle.
    reach: u64,
    context: GuardContext<'a>,
    ways: Ways<'a>,
    files: HashMap<Identity, Followed>,
    /// Active files.
    active: Vec<Identity>,
    /// Files with waiting threads, and the time to try again.
    waiting: Vec<(Identity, Instant)>,
    looked: Instant,
    /// Files that may have been overwritten since they were searched.
    doubtful: VecDeque<Identity>,
    /// A worker is searching one of them again.
    proving: bool,
    /// The earliest time for the next piece.
    prove_at: Instant,
    /// The number of searches in workers.
    aside: usize,
    /// Set when the walk is complete; reported when the first searches are, too.
    walked: Option<Walked>,
    /// The file systems already reported for not announcing writes.
    untold: Vec<u64>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(set: Arc<NeedleSet>, context: GuardContext<'a>, ways: Ways<'a>) -> Watch<'a> {
        Watch {
            reach: set.needle_len_max() as u64,
            set,
            context,
            ways,
            files: HashMap::new(),
            active: Vec::new(),
            waiting: Vec::new(),
            looked: Instant::now(),
            doubtful: VecDeque::new(),
            proving: false,
            prove_at: Instant::now(),
            aside: 0,
            walked: None,
            untold: Vec::new(),
        }
    }

    /// Answers events until `stop` is readable. Then searches everything once more, and returns the
    /// state.
    pub(super) fn run(mut self, stop: BorrowedFd<'_>) -> (GuardContext<'a>, Vec<Followed>) {
        let (mut buffer, mut events) = (Buffer::new(), Vec::new());
        let group = self.context.group;
        // A call in flight ends within microseconds; by default timers may be 50 late.
        let _ = set_current_timer_slack(NonZeroU64::new(1));
        while !self.wait(stop) {
            if group.read(&mut buffer, &mut events).is_err() {
                // The kernel denied the waiting thread's call, for an unknown file.
                self.ways.orders.again.store(true, Relaxed);
                self.ways.orders.wake.signal();
            }
            for event in events.drain(..) {
                self.handle(event);
            }
            self.ways.wake.clear();
            while let Ok(done) = self.ways.done.try_recv() {
                self.take_back(done);
            }
            self.see_after_waiting();
            self.look();
            self.prove();
            self.tell_ready();
        }
        for identity in std::mem::take(&mut self.active) {
            let Some(followed) = self.files.get_mut(&identity) else { continue };
            if followed.look(&mut self.context).is_ok_and(|at| at == Standing::Behind) {
                self.search_aside(identity, Task::Search, false);
            }
        }
        self.ways.jobs.close();
        (self.context, self.files.into_values().collect())
    }

    /// Waits for something to do. Returns whether to stop.
    fn wait(&self, stop: BorrowedFd<'_>) -> bool {
        let look = (!self.active.is_empty()).then(|| self.looked + LOOK_EVERY);
        let prove = (!self.doubtful.is_empty() && !self.proving).then_some(self.prove_at);
        let until = self.waiting.iter().map(|(_, at)| *at).chain(look).chain(prove).min();
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout =
            timeout.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        let group = self.context.group.as_fd();
        let mut ready = [group, self.ways.wake.as_fd(), stop].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let _ = poll(&mut ready, timeout.as_ref());
        !ready[2].revents().is_empty() || self.ways.orders.stop.load(Relaxed)
    }

    fn handle(&mut self, event: Event) {
        let group = self.context.group;
        let Some(file) = &event.file else {
            self.ways.orders.again.store(true, Relaxed);
            self.ways.orders.wake.signal();
            return;
        };
        let own = self.ways.own.has(event.thread);
        if own {
            allow(group, &event);
        }
        let is_file = fstat(file).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
        let identity = Identity::of(file.as_fd());
        match identity {
            Ok(identity) if is_file && !own => self.admit(identity, event),
            Ok(identity) if is_file && event.happening == Happening::Opens => self.visit(identity, file.as_fd()),
            _ if own => {}
            _ => allow(group, &event),
        }
    }

    fn followed(&mut self, identity: Identity) -> &mut Followed {
        if self.files.len() >= FILES_MAX {
            self.files.retain(|_, followed| followed.active.is_some() || followed.search.is_none());
        }
        let (set, reach) = (&self.set, self.reach);
        self.files.entry(identity).or_insert_with(|| Followed::new(set, reach))
    }

    /// Searches a file that the walker shows.
    fn visit(&mut self, identity: Identity, file: BorrowedFd<'_>) {
        self.followed(identity);
        let followed = self.files.get_mut(&identity).expect("it was made just now");
        match followed.visit(file, &mut self.context) {
            Ok(Standing::Clean)
                if followed.search.as_ref().is_none_or(|search| !search.unsynced && !search.in_doubt()) => {}
            Ok(_) => {
                let _ = self.activate(identity, file);
                self.settle(identity, true);
            }
            Err(error) => self.tell_refused(identity, Some(file), error),
        }
    }

    fn activate(&mut self, identity: Identity, file: BorrowedFd<'_>) -> Result<(), Failure> {
        self.followed(identity);
        let followed = self.files.get_mut(&identity).expect("it was made just now");
        if followed.active.is_none() {
            followed.activate(file, &self.context)?;
            self.active.push(identity);
        }
        Ok(())
    }

    /// Accepts an operation on a file, and answers if that is possible.
    fn admit(&mut self, identity: Identity, event: Event) {
        let Some(file) = &event.file else { return };
        if self.activate(identity, file.as_fd()).is_err() {
            // No descriptor is left. A read is denied.
            return match event.happening {
                Happening::Reads => self.context.group.deny(file.as_fd()),
                _ => allow(self.context.group, &event),
            };
        }
        let changed = event.happening == Happening::Changed;
        if let Some(followed) = self.files.get_mut(&identity) {
            if changed {
                followed.doubt();
            }
            if let Some(active) = &mut followed.active {
                active.take(event);
            }
        }
        if !changed {
            self.settle(identity, false);
        }
    }

    /// Answers the threads that wait for a file, as far as possible. With `search`, searches it
    /// even if no thread waits.
    fn settle(&mut self, identity: Identity, search: bool) {
        let Some(followed) = self.files.get_mut(&identity) else { return };
        let mut failures = Vec::new();
        let mut next = followed.settle(&mut self.context, &mut failures);
        if search && next == Next::Rest && followed.look(&mut self.context).is_ok_and(|at| at == Standing::Behind) {
            next = if followed.search.is_some() { Next::Aside } else { Next::Rest };
        }
        match next {
            Next::Rest => {}
            Next::Again(at) => self.waiting.push((identity, at)),
            Next::Aside => drop(self.search_aside(identity, Task::Search, false)),
            Next::Check(range) => drop(self.search_aside(identity, Task::Check(range), false)),
        }
        self.tell_untold(identity);
        if let Some(error) = failures.pop() {
            self.tell_refused(identity, None, error);
        }
    }

    /// Gives a worker a task. `goes_on` means that this file's search has had a slice already.
    /// Returns whether the task was queued.
    fn search_aside(&mut self, identity: Identity, task: Task, goes_on: bool) -> bool {
        let Some(followed) = self.files.get_mut(&identity) else { return false };
        let Some(active) = followed.active.as_mut() else { return false };
        let (Ok(file), Some(search)) = (active.file.try_clone(), followed.search.take()) else { return false };
        if matches!(task, Task::Check(_)) {
            active.check_begins();
        }
        self.aside += 1;
        self.ways.jobs.push(Job { identity, file, search, task }, goes_on);
        true
    }

    /// Starts the next background search of a file that may have been overwritten.
    fn prove(&mut self) {
        while !self.proving && Instant::now() >= self.prove_at {
            let Some(identity) = self.doubtful.pop_front() else { return };
            if let Some(followed) = self.files.get_mut(&identity) {
                followed.queued = false;
                self.proving = followed.wants_again() && self.search_aside(identity, Task::Again, true);
            }
        }
    }

    /// Accepts a search from a worker. An unfinished one continues, behind those that begin.
    fn searched(&mut self, identity: Identity, result: Result<Standing, Failure>) {
        match result {
            Ok(Standing::Behind) if !self.ways.orders.stop.load(Relaxed) => {
                self.search_aside(identity, Task::Search, true);
            }
            Ok(_) => {}
            Err(error) => self.tell_refused(identity, None, error),
        }
    }

    /// Accepts the result of searching the searched part again, or of a restart.
    fn proved(&mut self, identity: Identity, result: Result<Proof, Failure>) {
        match result {
            Ok(Proof::Clean) => {
                let Some(followed) = self.files.get_mut(&identity) else { return };
                if followed.search.as_ref().is_some_and(|search| search.is_again()) {
                    followed.queued = true;
                    self.doubtful.push_back(identity);
                }
            }
            Ok(Proof::Restarted) => {
                self.search_aside(identity, Task::Search, false);
            }
            Err(error) => self.tell_refused(identity, None, error),
        }
    }

    fn take_back(&mut self, done: Done) {
        match done {
            Done::Searched(identity, search, result) => {
                self.came_back(identity, search);
                self.searched(identity, result);
                self.settle(identity, false);
            }
            Done::Checked(identity, search, result) => {
                self.came_back(identity, search);
                if let Some(followed) = self.files.get_mut(&identity) {
                    followed.checked(matches!(result, Ok(Proof::Clean)));
                }
                if let Err(error) = result {
                    self.refuse(identity, error);
                }
                self.settle(identity, false);
            }
            Done::Again(identity, search, result, took) => {
                self.proving = false;
                self.prove_at = Instant::now() + took * (AGAIN_SHARE - 1);
                self.came_back(identity, search);
                self.proved(identity, result);
                self.settle(identity, false);
            }
            Done::Synced(identity, result) => {
                let Some(active) = self.files.get_mut(&identity).and_then(|followed| followed.active.as_mut()) else {
                    return;
                };
                active.syncing = false;
                if let Err(error) = result {
                    let path = path_of(active.file.as_fd());
                    self.ways.sink.emit(GuardEvent::Unsynced { path, error: error.into() });
                }
            }
        }
    }

    fn came_back(&mut self, identity: Identity, mut search: Box<Search>) {
        self.aside -= 1;
        let doubt = search.text.doubt.take();
        let Some(followed) = self.files.get_mut(&identity) else { return };
        if let Some(active) = &followed.active {
            let path = || path_of(active.file.as_fd());
            // A source is no longer searched in workers.
            if search.is_source {
                self.ways.sink.emit(GuardEvent::LeftAlone { path: path() });
            }
            if let Some(why) = doubt {
                self.ways.sink.emit(GuardEvent::Doubtful { path: path(), why });
            }
        }
        followed.take_back(search);
    }

    /// Denies reads, since a reader's range cannot be searched.
    fn refuse(&mut self, identity: Identity, error: Failure) {
        if let Some(active) = self.files.get_mut(&identity).and_then(|followed| followed.active.as_mut()) {
            active.refuse(self.context.group);
        }
        self.tell_refused(identity, None, error);
    }

    fn see_after_waiting(&mut self) {
        let now = Instant::now();
        let waiting = std::mem::take(&mut self.waiting);
        for (identity, at) in waiting {
            if at <= now {
                self.settle(identity, false);
            } else if !self.waiting.iter().any(|(other, before)| *other == identity && *before <= at) {
                self.waiting.push((identity, at));
            }
        }
    }

    /// Polls all active files.
    fn look(&mut self) {
        if self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        for identity in std::mem::take(&mut self.active) {
            let Some(followed) = self.files.get_mut(&identity) else { continue };
            match followed.look(&mut self.context) {
                Ok(Standing::Behind) if followed.search.is_some() && !followed.failed => {
                    self.search_aside(identity, Task::Search, false);
                }
                Ok(Standing::Behind) => {}
                Ok(_) => (followed.failed, followed.told) = (false, false),
                Err(error) => self.tell_refused(identity, None, error),
            }
            self.sync(identity);
            self.doubt(identity);
            let Some(followed) = self.files.get_mut(&identity) else { continue };
            let deleted =
                followed.active.as_ref().is_none_or(|active| fstat(&active.file).is_ok_and(|stat| stat.st_nlink == 0));
            if !followed.rest(&mut self.context) {
                self.active.push(identity);
            } else if deleted {
                self.forget(identity);
            }
        }
    }

    /// Queues a file that may have been overwritten since it was searched.
    fn doubt(&mut self, identity: Identity) {
        let Some(followed) = self.files.get_mut(&identity) else { return };
        if followed.wants_again() && !followed.failed && !std::mem::replace(&mut followed.queued, true) {
            self.doubtful.push_back(identity);
        }
    }

    /// Forgets a deleted file, and counts its open findings.
    fn forget(&mut self, identity: Identity) {
        let Some(search) = self.files.remove(&identity).and_then(|followed| followed.search) else { return };
        for region in search.open() {
            *self.context.tools.counts.entry(region.named()).or_default() += 1;
        }
    }

    fn sync(&mut self, identity: Identity) {
        let Some(followed) = self.files.get_mut(&identity).filter(|followed| followed.wants_sync(SYNC_EVERY)) else {
            return;
        };
        let (Some(active), Some(search)) = (&mut followed.active, &mut followed.search) else { return };
        if let Ok(file) = active.file.try_clone() {
            search.unsynced = false;
            active.sync_begins();
            let _ = self.ways.unsynced.send(Unsynced(identity, file));
        }
    }

    fn tell_ready(&mut self) {
        if let Ok(walked) = self.ways.walked.try_recv() {
            self.walked = Some(walked);
        }
        if self.aside == 0
            && let Some(Walked { directories, files }) = self.walked.take()
        {
            self.ways.sink.emit(GuardEvent::Ready { directories, files });
        }
    }

    /// Reports, once for each file system, that it does not announce writes.
    fn tell_untold(&mut self, identity: Identity) {
        let Some(active) = self.files.get(&identity).and_then(|followed| followed.active.as_ref()) else { return };
        if active.told_of_writes == Some(false) && !self.untold.contains(&identity.device()) {
            self.untold.push(identity.device());
            self.ways.sink.emit(GuardEvent::WritesUntold { path: path_of(active.file.as_fd()) });
        }
    }

    fn tell_refused(&mut self, identity: Identity, file: Option<BorrowedFd<'_>>, error: Failure) {
        let Some(followed) = self.files.get_mut(&identity) else { return };
        followed.failed = true;
        if std::mem::replace(&mut followed.told, true) {
            return;
        }
        let active = followed.active.as_ref().map(|active| active.file.as_fd());
        let path = file.or(active).map(path_of).unwrap_or_default();
        let error = match error {
            MaskError::Io(error) => error,
            other => std::io::Error::other(other),
        };
        self.ways.sink.emit(GuardEvent::Refused { path, error });
    }
}
