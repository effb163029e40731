//! Long searches and waits for the disk, done aside: whoever reads another file does not wait for them.

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::fdatasync;
use rustix::io::Errno;

use super::kernel::{Identity, writable};
use super::search::{Proof, Search, Standing, Tools};
use crate::scrub::pen::PenError;

/// How often a search that goes on comes before one that begins.
const GOES_ON_EVERY: usize = 4;

/// A task on a file.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Search on, for a slice.
    Search,
    /// Search the range that a reader is about to see once more.
    Check(Range<u64>),
    /// Search a piece of the searched part once more.
    Again,
}

/// Something to do aside.
pub(super) struct Job {
    pub(super) identity: Identity,
    pub(super) file: OwnedFd,
    pub(super) search: Box<Search>,
    pub(super) task: Task,
}

/// A file whose masks are to be brought to the disk.
pub(super) struct Unsynced(pub(super) Identity, pub(super) OwnedFd);

/// What came of it.
pub(super) enum Done {
    Searched(Identity, Box<Search>, Result<Standing, PenError>),
    Checked(Identity, Box<Search>, Result<Proof, PenError>),
    /// With the time that it took.
    Again(Identity, Box<Search>, Result<Proof, PenError>, Duration),
    Synced(Identity, Result<(), Errno>),
}

/// Searches that wait for a worker. Those that begin come first, so that a long search, which goes
/// on slice by slice, does not hold up readers of other files; but now and then one that goes on,
/// so that each ends.
#[derive(Default)]
pub(super) struct Jobs {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    begin: VecDeque<Job>,
    go_on: VecDeque<Job>,
    taken: usize,
    closed: bool,
}

impl Jobs {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a job; `goes_on`: its file has had a slice already.
    pub(super) fn push(&self, job: Job, goes_on: bool) {
        let mut queue = self.queue();
        if goes_on {
            queue.go_on.push_back(job)
        } else {
            queue.begin.push_back(job)
        }
        self.changed.notify_one();
    }

    /// There will be no more.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.changed.notify_all();
    }

    /// Waits for a job; nothing, if there will be none.
    fn take(&self) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            queue.taken += 1;
            let goes_on_first = queue.taken.is_multiple_of(GOES_ON_EVERY);
            let Queue { begin, go_on, .. } = &mut *queue;
            let (first, second) = if goes_on_first { (go_on, begin) } else { (begin, go_on) };
            if let Some(job) = first.pop_front().or_else(|| second.pop_front()) {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Takes jobs until there are no more, and wakes up the loop for their results.
pub(super) fn work(jobs: &Jobs, done: &Sender<Done>, wake: &Bell, tools: &mut Tools, directories: &[OwnedFd]) {
    while let Some(Job { identity, file, mut search, task }) = jobs.take() {
        let result = match task {
            Task::Search => {
                let result = search_slice(&file, &mut search, tools, directories);
                Done::Searched(identity, search, result)
            }
            Task::Check(range) => {
                let result = search.check(file.as_fd(), tools, &range);
                Done::Checked(identity, search, result)
            }
            Task::Again => {
                let begun = Instant::now();
                let result = search.search_again(file.as_fd(), tools);
                Done::Again(identity, search, result, begun.elapsed())
            }
        };
        // Nobody wants to know at the very end, when there still may be something to mask.
        if done.send(result).is_ok() {
            wake.ring();
        }
    }
}

fn search_slice(
    file: &OwnedFd,
    search: &mut Search,
    tools: &mut Tools,
    directories: &[OwnedFd],
) -> Result<Standing, PenError> {
    let file = writable(file.as_fd(), directories)?;
    let result = search.catch_up(file.as_fd(), tools, u64::MAX);
    // At the very end no later step comes back to it.
    if tools.stop.load(Relaxed) {
        let _ = fdatasync(&file);
    }
    result
}

/// Waits for the disk, until there is no more to wait for: a slow disk holds up no search.
pub(super) fn sync(files: &Receiver<Unsynced>, done: &Sender<Done>, wake: &Bell) {
    for Unsynced(identity, file) in files {
        if done.send(Done::Synced(identity, fdatasync(&file))).is_ok() {
            wake.ring();
        }
    }
}

/// Wakes up the loop that polls it.
#[derive(Clone)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(super) fn new() -> std::io::Result<Bell> {
        Ok(Bell(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    pub(super) fn ring(&self) {
        // It fails only when it has been rung some 2^64 times and nobody came.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    pub(super) fn silence(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NeedleSet, Secret};

    #[test]
    fn a27_searches_that_begin_come_before_those_that_go_on() {
        let set =
            Arc::new(NeedleSet::builder().secret(Secret::new("KEY", b"sk-live-4f9QzX".to_vec())).build().unwrap());
        let jobs = Jobs::default();
        let mut files = Vec::new();
        let mut push = |goes_on: bool| {
            let file = OwnedFd::from(tempfile::tempfile().unwrap());
            let identity = Identity::of(file.as_fd()).unwrap();
            files.push((identity, goes_on));
            jobs.push(Job { identity, file, search: Box::new(Search::new(&set, 14)), task: Task::Search }, goes_on);
        };
        (0..8).for_each(|_| push(true));
        (0..8).for_each(|_| push(false));
        jobs.close();
        let mut order = Vec::new();
        let mut kept = Vec::new();
        while let Some(job) = jobs.take() {
            order.push(files.iter().find(|(identity, _)| *identity == job.identity).unwrap().1);
            // A number is given to another file as soon as it is free.
            kept.push(job);
        }
        let goes_on = |order: &[bool]| order.iter().filter(|goes_on| **goes_on).count();
        assert_eq!((order.len(), goes_on(&order[..8])), (16, 2), "{order:?}");
    }
}
