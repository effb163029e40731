//! Masks over the parts of a secret, in one file.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsFd;

use rustix::fs::{Stat, Timespec, Timestamps, UTIME_OMIT, futimens};
use rustix::io::Errno;

use super::super::file::record_format;
use super::super::mask_writer::{MaskError, MaskWriter};
use crate::container::RecordFormat;

/// Restores the time of the last modification.
pub(super) fn set_modified(file: &File, to: &Stat) {
    let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let last_modification = Timespec { tv_sec: to.st_mtime as _, tv_nsec: to.st_mtime_nsec as _ };
    let _ = futimens(file, &Timestamps { last_access: omit, last_modification });
}

/// Whether the file is a Docker log, where a mask extends over each escape that it cuts.
pub(super) fn is_json(file: &File) -> Result<bool, Errno> {
    Ok(record_format(file.as_fd())? == Some(RecordFormat::Docker))
}

/// Overwrites one part. The caller has just read it, and reads nothing in between: the file may be
/// rewritten at any time.
pub(super) fn fill(
    file: &File,
    range: &Range<u64>,
    filler: u8,
    is_json: bool,
    writer: &mut MaskWriter,
) -> Result<(), MaskError> {
    let mut target = writer.on(file.as_fd())?;
    if is_json {
        target.fill_escapes(range, filler)?;
    }
    target.fill(range.clone(), &mut |_, out| out.fill(filler))
}
