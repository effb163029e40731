//! Locks on guarded directories, so that no two guards share one.
//!
//! Two such guards would deadlock: one needs the other's permission to write a mask, while the
//! other waits to write one. The locks outlive a single [`Guard`](super::Guard). A guard that is
//! rebuilt for another set keeps them, so that no other takes its directories in between.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::time::Duration;

use crate::sys::file::FileId;
use crate::sys::lock::{self, Lock};
use crate::sys::mutex::lock;

/// The time limit for an ending guard to release its directories.
const PATIENCE: Duration = Duration::from_millis(200);

/// The locks of guarded directories: files that only root can open.
#[derive(Debug, Default)]
pub struct Locks(Mutex<HashMap<FileId, Lock>>);

impl Locks {
    /// Locks a directory, unless it is locked here already.
    pub(super) fn take(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        let id = FileId::of(directory)?;
        let mut locks = lock(&self.0);
        if let Entry::Vacant(place) = locks.entry(id) {
            place.insert(lock::of_inode(id, PATIENCE)?);
        }
        Ok(())
    }

    /// Releases a deleted directory.
    pub(super) fn give_back(&self, directory: BorrowedFd<'_>) {
        if let Ok(id) = FileId::of(directory) {
            lock(&self.0).remove(&id);
        }
    }

    /// Releases all directories except these.
    pub(super) fn keep(&self, directories: impl IntoIterator<Item = FileId>) {
        let kept: HashSet<FileId> = directories.into_iter().collect();
        lock(&self.0).retain(|id, _| kept.contains(id));
    }
}
