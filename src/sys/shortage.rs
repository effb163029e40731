//! Descriptors that ran out, in searches that take a file they cannot open for a missing one.
//!
//! Such a search would skip files for good because of a moment in which the process had all its
//! descriptors in use. [`complete`] notices that, at whatever depth the open failed.

use std::cell::Cell;
#[cfg(feature = "sidecar")]
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;

thread_local! {
    /// The number of opens in this thread that failed for want of a descriptor or memory.
    static SHORTAGES: Cell<u64> = const { Cell::new(0) };
}

/// Opens a file as `openat` does, and counts shortages.
pub(super) fn openat(dir: impl AsFd, path: impl Arg, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let opened = rustix::fs::openat(dir, path, flags, mode);
    if opened.as_ref().is_err_and(|error| is_short(*error)) {
        SHORTAGES.set(SHORTAGES.get() + 1);
    }
    opened
}

/// Runs a search, and fails if an open in it failed for want of a descriptor or memory, whatever
/// the search made of that.
///
/// # Errors
///
/// `EMFILE`.
#[cfg(feature = "sidecar")]
pub(crate) fn complete<T>(search: impl FnOnce() -> T) -> io::Result<T> {
    let before = SHORTAGES.get();
    let found = search();
    if SHORTAGES.get() == before { Ok(found) } else { Err(Errno::MFILE.into()) }
}

/// Whether the error is a want of descriptors or memory, which passes.
#[cfg(feature = "sidecar")]
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    error.raw_os_error().map(Errno::from_raw_os_error).is_some_and(is_short)
}

fn is_short(error: Errno) -> bool {
    matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
}
