//! Events of a running guard for the operator. A separate thread writes them, since the output may
//! be a guarded file.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::mpsc::Sender;

/// An event for the operator. It holds names, and no content of any file.
#[derive(Debug)]
#[non_exhaustive]
pub enum GuardEvent {
    /// All files that existed at the start have been searched.
    Ready {
        /// The number of guarded directories.
        directories: u64,
        /// The number of files in them.
        files: u64,
    },
    /// A process had a file open before the guard began, so its reads and writes do not wait. One
    /// for each process.
    OpenBefore {
        /// Its process ID.
        process: u32,
        /// The name of its program.
        program: Vec<u8>,
        /// One of the files.
        path: PathBuf,
    },
    /// The kernel does not announce writes to this file: the kernel or the file system lacks the
    /// feature. One for each file system.
    WritesUntold {
        /// The first such file.
        path: PathBuf,
    },
    /// Any user may link other users' files (`fs.protected_hardlinks` is 0). A user with write
    /// access to a guarded directory can have a file from elsewhere on the same file system masked,
    /// by linking it there.
    LinksUnprotected,
    /// A directory is not guarded.
    Unguarded {
        /// The directory.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// A file cannot be searched or masked, so reads of it fail.
    Refused {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// A file is a source of secrets, or another file at a source's path. It is left unchanged, and
    /// its readers do not wait. One for each such file with findings.
    LeftAlone {
        /// The file.
        path: PathBuf,
    },
    /// A file was masked, but may not be text.
    Doubtful {
        /// The file.
        path: PathBuf,
        /// The reason for the doubt.
        why: &'static str,
    },
    /// Masks were written, but may not have reached the disk.
    Unsynced {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// The kernel lost events, or had no room for one. Everything is searched again.
    Overflow,
}

/// The channel to the thread that writes events.
#[derive(Clone)]
pub(super) struct EventSink(pub(super) Sender<GuardEvent>);

impl EventSink {
    pub(super) fn emit(&self, event: GuardEvent) {
        // The receiver may have ended.
        let _ = self.0.send(event);
    }
}

/// The current name of an open file; for messages only.
pub(super) fn path_of(file: BorrowedFd<'_>) -> PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default()
}
