//! The order of output and checkpoints on the disk: a checkpoint covers output only after the files
//! with that output are synced.
//!
//! All sinks and spools of a sidecar, and the task that saves its checkpoints, share one
//! [`OutputSync`].

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use rustix::fs::{fdatasync, fsync};
use rustix::io::{Errno, retry_on_intr};

use crate::sys::beneath::Dir;
use crate::sys::mutex::lock;

/// The files that sinks and spools write.
#[derive(Default)]
pub(crate) struct OutputSync {
    files: Mutex<Vec<Weak<OwnedFd>>>,
    /// The number of failed syncs.
    failures: AtomicU64,
}

impl OutputSync {
    /// Adds a file, to be synced before each checkpoint.
    pub(super) fn add(&self, file: &Arc<OwnedFd>) {
        let mut all = lock(&self.files);
        all.retain(|file| file.strong_count() > 0);
        all.push(Arc::downgrade(file));
    }

    /// Syncs all output of file sinks and spools to the disk.
    pub(super) fn sync_all(&self) -> io::Result<()> {
        let files: Vec<Arc<OwnedFd>> = lock(&self.files).iter().filter_map(Weak::upgrade).collect();
        // Sync all of them, even if one fails.
        files.iter().map(|file| self.sync(file)).fold(Ok(()), io::Result::and)
    }

    /// Syncs like [`sync_all`](OutputSync::sync_all), before a checkpoint covers the output. After
    /// a failed sync, the next one does not report the bytes that the system gave up. No further
    /// checkpoint is saved then, and the next start begins at the last one.
    pub(crate) fn sync_for_checkpoint(&self) -> io::Result<()> {
        self.sync_all()?;
        if self.failures() > 0 {
            let text = "cannot sync a file, and output may not have reached the disk: the next start repeats it";
            return Err(io::Error::other(text));
        }
        Ok(())
    }

    /// Syncs the data of a file to the disk.
    pub(super) fn sync(&self, file: &OwnedFd) -> io::Result<()> {
        self.count(retry_on_intr(|| fdatasync(file)))
    }

    /// Syncs the names in the directory of a file to the disk. Without that, a new or renamed file
    /// has no name after a power cut, though its bytes were synced. Some file systems write both at
    /// once, which no standard promises.
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

    /// Returns the number of failed syncs.
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
