//! The order of output and checkpoints on the disk: a checkpoint says that output is out only when
//! the files with it are synced.
//!
//! All sinks and spools of a sidecar share one [`OutputSync`], and so does what saves its
//! checkpoints.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use rustix::fs::{fdatasync, fsync};
use rustix::io::{Errno, retry_on_intr};

use super::super::checkpoint::lock;
use crate::sys::beneath::Dir;

/// The files that sinks and spools write.
#[derive(Default)]
pub(crate) struct OutputSync {
    files: Mutex<Vec<Weak<OwnedFd>>>,
    /// How many syncs have failed.
    failures: AtomicU64,
}

impl OutputSync {
    /// Adds a file, which is then synced before each checkpoint.
    pub(super) fn add(&self, file: &Arc<OwnedFd>) {
        let mut all = lock(&self.files);
        all.retain(|file| file.strong_count() > 0);
        all.push(Arc::downgrade(file));
    }

    /// Waits until all that file sinks and spools have written is on the disk.
    pub(super) fn sync_all(&self) -> io::Result<()> {
        let files: Vec<Arc<OwnedFd>> = lock(&self.files).iter().filter_map(Weak::upgrade).collect();
        // Each of them, even if another one fails.
        files.iter().map(|file| self.sync(file)).fold(Ok(()), io::Result::and)
    }

    /// As [`sync_all`](OutputSync::sync_all), before a checkpoint says that the output is on the
    /// disk. Once a sync has failed, the next one does not report the bytes that the system could
    /// not write, and gave up: no checkpoint is saved any more, and the next start begins at the
    /// last one.
    pub(crate) fn sync_for_checkpoint(&self) -> io::Result<()> {
        self.sync_all()?;
        if self.failures() > 0 {
            let text = "a file could not be synced, and output may be on no disk: the next start repeats it";
            return Err(io::Error::other(text));
        }
        Ok(())
    }

    /// Waits until all that was written to a file is on the disk.
    pub(super) fn sync(&self, file: &OwnedFd) -> io::Result<()> {
        self.count(retry_on_intr(|| fdatasync(file)))
    }

    /// Waits until the names in a file's directory are on the disk. A new or renamed file has no
    /// name after a power cut otherwise, though its bytes were synced. Some file systems write both
    /// at once, which no standard promises.
    ///
    /// # Errors
    ///
    /// Those of `openat` and `fsync`, except in a directory that this user may not read, and on a
    /// file system without such a call.
    pub(super) fn sync_names(&self, dir: &Dir) -> io::Result<()> {
        let names = match dir.readable() {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
            names => names?,
        };
        match retry_on_intr(|| fsync(&names)) {
            Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(()),
            synced => self.count(synced),
        }
    }

    /// How many syncs have failed so far.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    fn count(&self, synced: Result<(), Errno>) -> io::Result<()> {
        if synced.is_err() {
            self.failures.fetch_add(1, Relaxed);
        }
        Ok(synced?)
    }
}
