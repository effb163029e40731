//! The parts of a file that the search of its boundaries has dealt with.

use std::fs::File;
use std::ops::Range;

use rustix::fs::{Stat, fstat};

use super::findings::Findings;
use super::outcome::ScrubError;

/// Length and modification time, which identify the state of a compressed file.
pub(super) type Stamp = (i64, i64, i64);

/// The parts of a file that belong to secrets across its boundaries.
#[derive(Default)]
pub(super) struct Claim {
    /// The unmasked parts: those of a count, or those to be masked when the file is rewritten.
    pub(super) ranges: Vec<Range<u64>>,
    /// The secrets that are reported with this file.
    pub(super) findings: Findings,
    /// The reason why a secret was not masked.
    pub(super) failed: Option<ScrubError>,
    /// The file's own scrub has to record the time of a change.
    pub(super) is_written: bool,
    /// The state of the file when it was read, if it is compressed.
    pub(super) stamp: Option<Stamp>,
}

impl Claim {
    /// The part of the claim that still applies to the open file.
    pub(super) fn on(self, file: &File) -> Claim {
        let is_same = self.stamp.is_none_or(|known| fstat(file).is_ok_and(|stat| stamp(&stat) == known));
        if is_same { self } else { Claim { ranges: Vec::new(), ..self } }
    }

    /// Whether one of `ranges` contains this range.
    pub(super) fn holds(ranges: &[Range<u64>], range: &Range<u64>) -> bool {
        ranges.iter().any(|claimed| claimed.start <= range.start && range.end <= claimed.end)
    }
}

/// The stamp of a file with this status.
pub(super) fn stamp(stat: &Stat) -> Stamp {
    (stat.st_size as _, stat.st_mtime as _, stat.st_mtime_nsec as _)
}
