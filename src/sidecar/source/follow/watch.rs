//! File change events. One inotify serves all followed files, since the limit per user is low (128
//! by default).
//!
//! A directory is watched for names as long as it exists. A file is watched once, when its reader
//! is idle, so that a busy file costs nothing: the watch ends with the first event. After a queue
//! overflow every waiter is notified. No waiter relies on events, since a file may lie on another
//! machine.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::io::Interest;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::sidecar::fd::Fd;
use crate::sys::mutex::lock;

/// The read size of the event queue, in bytes.
const EVENTS_LEN: usize = 16 << 10;

/// Events of the names in a directory.
const NAMES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::DONT_FOLLOW);
/// Events of a file: written, truncated, unlinked, closed by a writer.
const CONTENT: WatchFlags =
    WatchFlags::MODIFY.union(WatchFlags::ATTRIB).union(WatchFlags::CLOSE_WRITE).union(WatchFlags::ONESHOT);

/// The shared inotify.
pub(super) struct Watch {
    shared: Option<Arc<Shared>>,
    task: Option<JoinHandle<()>>,
}

struct Shared {
    inotify: Fd,
    /// The waiters of each watch.
    told: Mutex<HashMap<i32, Vec<Arc<Notify>>>>,
}

impl Watch {
    /// Must be called within a runtime. Without an inotify (too many, or none in this kernel) there
    /// are no events; the second value is the reason.
    pub(super) fn new() -> (Watch, Option<io::Error>) {
        match Shared::new() {
            Ok(shared) => {
                let task = tokio::spawn(Arc::clone(&shared).run());
                (Watch { shared: Some(shared), task: Some(task) }, None)
            }
            Err(error) => (Watch { shared: None, task: None }, Some(error)),
        }
    }

    /// Reports names that appear in or leave a directory. None: it cannot. Otherwise, whether the
    /// watch is new.
    pub(super) fn directory(&self, path: &Path, told: &Arc<Notify>) -> Option<bool> {
        self.shared.as_ref()?.add(path, NAMES, told)
    }

    /// Reports the next change of a file, once. Returns whether it will.
    pub(super) fn file(&self, file: BorrowedFd<'_>, told: &Arc<Notify>) -> bool {
        // By the descriptor, and so independent of its names.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        self.shared.as_ref().is_some_and(|shared| shared.add(path.as_ref(), CONTENT, told).is_some())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Shared {
    fn new() -> io::Result<Arc<Shared>> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        Ok(Arc::new(Shared { inotify: Fd::new(inotify, Interest::READABLE)?, told: Mutex::default() }))
    }

    fn add(&self, path: &Path, what: WatchFlags, told: &Arc<Notify>) -> Option<bool> {
        // Under the lock, so that an immediate event finds the entry.
        let mut all = lock(&self.told);
        let watch = inotify::add_watch(&self.inotify, path, what).ok()?;
        let those = all.entry(watch).or_default();
        let is_new = !those.iter().any(|other| Arc::ptr_eq(other, told));
        if is_new {
            those.push(Arc::clone(told));
        }
        Some(is_new)
    }

    async fn run(self: Arc<Shared>) {
        while self.inotify.readable().await.is_ok() {
            // Reading to the end clears readiness, and the loop waits again.
            let _ = self.inotify.try_read(|inotify| self.take(inotify));
        }
    }

    /// Takes all queued events.
    fn take(&self, inotify: BorrowedFd<'_>) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); EVENTS_LEN];
        let mut events = inotify::Reader::new(inotify, &mut buffer);
        loop {
            let event = events.next()?;
            let mut all = lock(&self.told);
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                all.values().flatten().for_each(|told| told.notify_one());
                continue;
            }
            let is_over = event.events().contains(ReadFlags::IGNORED);
            let those = if is_over { all.remove(&event.wd()) } else { all.get(&event.wd()).cloned() };
            those.into_iter().flatten().for_each(|told| told.notify_one());
        }
    }
}
