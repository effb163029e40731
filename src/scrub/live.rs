//! Modification times: whether a file is still being written, and the record of a change.

use std::os::fd::BorrowedFd;

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat, futimens};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

/// A file modified within this many seconds is live: still being written.
const LIVE_SECONDS: i64 = 2;

/// Whether the file was written to recently or, by a wrong clock, in the future.
pub(super) fn is_live(file: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(is_live_since(fstat(file)?.st_mtime as i64))
}

/// Like [`is_live`], for a modification time in seconds.
pub(super) fn is_live_since(modified: i64) -> bool {
    clock_gettime(ClockId::Realtime).tv_sec - modified <= LIVE_SECONDS
}

/// Updates the modification time: some file systems, such as tmpfs, do not for writes through a
/// mapping. If that is not permitted, only the time is lost.
pub(super) fn note_the_time(file: BorrowedFd<'_>) {
    let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let _ =
        futimens(file, &Timestamps { last_access: omit, last_modification: Timespec { tv_nsec: UTIME_NOW, ..omit } });
}
