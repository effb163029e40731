//! Masks over the parts of a secret, in one file.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsFd;

use rustix::fs::{Stat, Timespec, Timestamps, UTIME_OMIT, futimens};

use super::super::container;
use super::super::pen::{Pen, PenError};

/// Restores the time of the last modification.
pub(super) fn set_modified(file: &File, to: &Stat) {
    let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let last_modification = Timespec { tv_sec: to.st_mtime as _, tv_nsec: to.st_mtime_nsec as _ };
    let _ = futimens(file, &Timestamps { last_access: omit, last_modification });
}

/// Overwrites one part. In a Docker log the mask extends over any escape that the part cuts.
pub(super) fn fill(file: &File, range: &Range<u64>, filler: u8, pen: &mut Pen) -> Result<(), PenError> {
    let is_json = container::of_file(file.as_fd())? == Some(container::Format::Docker);
    let mut sheet = pen.on(file.as_fd())?;
    if is_json {
        sheet.fill_escapes(range, filler)?;
    }
    sheet.fill(range.clone(), &mut |_, out| out.fill(filler))
}
