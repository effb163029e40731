//! Workers for long searches and disk syncs, so that readers of other files do not wait for them.

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
use super::search::{Proof, Search, Standing};
use super::tools::Tools;
use crate::scrub::mask_writer::MaskError;
use crate::sys::mutex::lock;

/// One job in this many favours a search in progress over a new one.
const GOES_ON_EVERY: usize = 4;

/// A task on a file.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Continue the search for one slice.
    Search,
    /// Search a reader's range a second time.
    Check(Range<u64>),
    /// Search a piece of the searched part again.
    Again,
}

/// A job for a worker.
pub(super) struct Job {
    pub(super) identity: Identity,
    pub(super) file: OwnedFd,
    pub(super) search: Box<Search>,
    pub(super) task: Task,
}

/// A file with masks to sync to the disk.
pub(super) struct Unsynced(pub(super) Identity, pub(super) OwnedFd);

/// The result of a job.
pub(super) enum Done {
    Searched(Identity, Box<Search>, Result<Standing, MaskError>),
    Checked(Identity, Box<Search>, Result<Proof, MaskError>),
    /// With the time that it took.
    Again(Identity, Box<Search>, Result<Proof, MaskError>, Duration),
    Synced(Identity, Result<(), Errno>),
}

/// Searches that wait for a worker. New ones come first, so that a long search, which runs slice by
/// slice, does not delay readers of other files. Now and then a search in progress comes first, so
/// that each ends.
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
        lock(&self.queue)
    }

    /// Queues a job; `goes_on` means that its file has had a slice already.
    pub(super) fn push(&self, job: Job, goes_on: bool) {
        let mut queue = self.queue();
        if goes_on {
            queue.go_on.push_back(job)
        } else {
            queue.begin.push_back(job)
        }
        self.changed.notify_one();
    }

    /// Marks the queue as complete.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.changed.notify_all();
    }

    /// Waits for a job; `None` if there will be no more.
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

/// Runs jobs until the queue is closed, and wakes the loop for their results.
pub(super) fn work(jobs: &Jobs, done: &Sender<Done>, wake: &EventFd, tools: &mut Tools, directories: &[OwnedFd]) {
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
        // At the end the receiver may be gone, while there may still be something to mask.
        if done.send(result).is_ok() {
            wake.signal();
        }
    }
}

fn search_slice(
    file: &OwnedFd,
    search: &mut Search,
    tools: &mut Tools,
    directories: &[OwnedFd],
) -> Result<Standing, MaskError> {
    let file = writable(file.as_fd(), directories)?;
    let result = search.catch_up(file.as_fd(), tools, u64::MAX);
    // At the end no later step syncs this file.
    if tools.stop.load(Relaxed) {
        let _ = fdatasync(&file);
    }
    result
}

/// Syncs files until the channel closes, so that a slow disk delays no search.
pub(super) fn sync(files: &Receiver<Unsynced>, done: &Sender<Done>, wake: &EventFd) {
    for Unsynced(identity, file) in files {
        if done.send(Done::Synced(identity, fdatasync(&file))).is_ok() {
            wake.signal();
        }
    }
}

/// Wakes the loop that polls it.
#[derive(Clone)]
pub(super) struct EventFd(Arc<OwnedFd>);

impl EventFd {
    pub(super) fn new() -> std::io::Result<EventFd> {
        Ok(EventFd(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    pub(super) fn signal(&self) {
        // Fails only after some 2^64 signals without a reader.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    pub(super) fn clear(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
    }
}

impl AsFd for EventFd {
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
            // A freed inode number goes to another file at once.
            kept.push(job);
        }
        let goes_on = |order: &[bool]| order.iter().filter(|goes_on| **goes_on).count();
        assert_eq!((order.len(), goes_on(&order[..8])), (16, 2), "{order:?}");
    }
}
