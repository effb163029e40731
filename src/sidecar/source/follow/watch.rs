//! Who is told when files change: one inotify for all that is followed, since a user may have but few of them (128 by default).
//!
//! A directory is watched for names that come and go, for as long as it is there. A file is watched once, when its reader has nothing to do,
//! so that a busy one costs nothing: the watch ends with the first event. Where events were lost (the queue is full) everybody
//! is told; and nobody relies on being told, since a file may lie on another machine.

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

use super::super::super::checkpoint::lock;
use super::super::super::fd::Fd;

/// How much is read of the queue at once, in bytes.
const EVENTS_LEN: usize = 16 << 10;

/// The names of a directory.
const NAMES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::DONT_FOLLOW);
/// What happens to a file: written to, truncated, unlinked, let go by a writer.
const CONTENT: WatchFlags =
    WatchFlags::MODIFY.union(WatchFlags::ATTRIB).union(WatchFlags::CLOSE_WRITE).union(WatchFlags::ONESHOT);

/// See the front of this module.
pub(super) struct Watch {
    shared: Option<Arc<Shared>>,
    task: Option<JoinHandle<()>>,
}

struct Shared {
    inotify: Fd,
    /// Who is told by which watch.
    told: Mutex<HashMap<i32, Vec<Arc<Notify>>>>,
}

impl Watch {
    /// Within a runtime. Without an inotify (too many, or none in this kernel) nobody is told anything; the reason is given beside.
    pub(super) fn new() -> (Watch, Option<io::Error>) {
        match Shared::new() {
            Ok(shared) => {
                let task = tokio::spawn(Arc::clone(&shared).run());
                (Watch { shared: Some(shared), task: Some(task) }, None)
            }
            Err(error) => (Watch { shared: None, task: None }, Some(error)),
        }
    }

    /// Reports names that come to or leave a directory. None: it will not; else whether it did not
    /// already.
    pub(super) fn directory(&self, path: &Path, told: &Arc<Notify>) -> Option<bool> {
        self.shared.as_ref()?.add(path, NAMES, told)
    }

    /// Tells once that something has happened to a file. Returns whether it will.
    pub(super) fn file(&self, file: BorrowedFd<'_>, told: &Arc<Notify>) -> bool {
        // By the descriptor, and so whatever its names are by now.
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
        // Under the lock, so that an event that comes at once finds it.
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
            // At the end it is not ready any more, and waited for again.
            let _ = self.inotify.try_read(|inotify| self.take(inotify));
        }
    }

    /// Takes all events that there are.
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
