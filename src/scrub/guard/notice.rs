//! What a guard has to tell while it runs. It is told by a thread of its own: what it is written to may be a file that is guarded.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::mpsc::Sender;

/// Something that the one who runs the guard should know. It holds names, and nothing of any file's content.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// All files have been searched that were there at the start.
    Ready {
        /// How many directories are guarded.
        directories: u64,
        /// How many files are in them.
        files: u64,
    },
    /// A process has a file open since before the guard began, so that its reads do not wait, nor its writes. One for each
    /// process.
    OpenBefore {
        /// Its number.
        process: u32,
        /// The name of its program.
        program: Vec<u8>,
        /// One of the files.
        path: PathBuf,
    },
    /// The kernel does not tell of writes to this file beforehand, since the kernel or the file system is not able to. One for each
    /// file system.
    WritesUntold {
        /// The first such file.
        path: PathBuf,
    },
    /// The system lets anybody link files of others (`fs.protected_hardlinks` is 0). So whoever may write to one of the directories can have
    /// a file from elsewhere on the same file system masked, by linking it there.
    LinksUnprotected,
    /// A directory is not guarded.
    Unguarded {
        /// The directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file cannot be searched or masked, so that reading it fails.
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Secrets were read from this file, or from another one at its path. It is left as it is, and
    /// its readers do not wait. One for each such file in which something was found.
    LeftAlone {
        /// The file.
        path: PathBuf,
    },
    /// A file was masked, and it is in doubt whether it is text.
    Doubtful {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// Masks were written, but the system cannot say that they have reached the disk.
    Unsynced {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The kernel lost events, or had no room for one. Everything is searched again.
    Overflow,
}

/// The way to the thread that tells.
#[derive(Clone)]
pub(super) struct Teller(pub(super) Sender<Notice>);

impl Teller {
    pub(super) fn tell(&self, notice: Notice) {
        // Nobody listens any more when all is over.
        let _ = self.0.send(notice);
    }
}

/// By which name an open file is known now; for messages only.
pub(super) fn path_of(file: BorrowedFd<'_>) -> PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default()
}
