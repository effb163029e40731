//! A record of the files that a thread reads.
//!
//! [`Input`](super::input::Input) and the session enter the files, and
//! [`Sources`](super::sources::Sources) collects them.

use std::cell::RefCell;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat, fstat};

use super::file::{Birth, FileId, birth, kind};

/// A file that was read.
pub(super) struct ReadFile {
    pub(super) id: FileId,
    pub(super) birth: Birth,
    /// The path that led to it, if it was read by a path.
    pub(super) path: Option<PathBuf>,
}

thread_local! {
    /// The files that this thread has read since a recording began.
    static RECORDING: RefCell<Option<Vec<ReadFile>>> = const { RefCell::new(None) };
}

/// Records the files that this thread reads during a call.
pub(super) fn record<T>(read: impl FnOnce() -> T) -> (T, Vec<ReadFile>) {
    let outer = RECORDING.replace(Some(Vec::new()));
    let result = read();
    (result, RECORDING.replace(outer).unwrap_or_default())
}

/// Records a file that is about to be read, if a recording is active.
pub(crate) fn note(file: impl AsFd, path: Option<&Path>) {
    note_with(path, || {
        let stat = fstat(&file).ok()?;
        Some((stat, birth(&file)))
    });
}

/// Like [`note`], for a file that is not open.
#[cfg(any(feature = "registry", test))]
pub(crate) fn note_stat(stat: &Stat) {
    note_with(None, || Some((*stat, None)));
}

fn note_with(path: Option<&Path>, found: impl FnOnce() -> Option<(Stat, Birth)>) {
    RECORDING.with_borrow_mut(|recording| {
        let Some(recording) = recording else { return };
        if let Some((stat, birth)) = found()
            && kind(&stat) == FileType::RegularFile
        {
            let path = path.and_then(|path| std::path::absolute(path).ok());
            recording.push(ReadFile { id: FileId::from(&stat), birth, path });
        }
    });
}
