//! Long searches and waits for the disk, done aside: whoever reads another file does not wait for them.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::fdatasync;

use super::kernel::{Identity, writable};
use super::search::{Search, Standing, Tools};
use crate::scrub::pen::PenError;

/// Something to do aside.
pub(super) enum Job {
    /// Searches a file to its end.
    Search(Identity, OwnedFd, Box<Search>),
    /// Waits until the masks in a file are on the disk.
    Sync(Identity, OwnedFd),
}

/// What came of it.
pub(super) enum Done {
    Searched(Identity, Box<Search>, Result<Standing, PenError>),
    Synced(Identity, Result<(), rustix::io::Errno>),
}

/// Takes jobs until there are no more, and wakes up whoever waits for what came of them.
pub(super) fn work(
    jobs: &Mutex<Receiver<Job>>,
    done: &Sender<Done>,
    wake: &Bell,
    tools: &mut Tools,
    directories: &[OwnedFd],
) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let result = match job {
            Job::Search(identity, file, mut search) => {
                let result = match writable(file.as_fd(), directories) {
                    Ok(file) => {
                        let result = search.catch_up(file.as_fd(), tools, u64::MAX);
                        // Nobody comes back to it later at the very end.
                        if tools.stop.load(Relaxed) {
                            let _ = fdatasync(&file);
                        }
                        result
                    }
                    Err(error) => Err(error.into()),
                };
                Done::Searched(identity, search, result)
            }
            Job::Sync(identity, file) => Done::Synced(identity, fdatasync(&file)),
        };
        // Nobody wants to know at the very end, when there still may be something to mask.
        if done.send(result).is_ok() {
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
