//! Runs: the stretches of the bytes of a reading, as few numbers as possible.

use super::spelling::Spelling;

/// The stretches of some consecutive bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// The offset of the first of these bytes.
    pub(crate) at: u64,
    /// The stretch of the first byte. In a *plain* run each byte is its own stretch, and they
    /// follow each other; in any other, all bytes have this one stretch.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) is_plain: bool,
    /// The spelling that the bytes left out right before it make.
    pub(crate) behind: Spelling,
}

impl Run {
    /// Bytes from this offset on that stand for themselves, the first at this position of the text.
    pub(crate) fn plain(at: u64, start: u64) -> Run {
        Run { at, start, end: start + 1, is_plain: true, behind: Spelling::Own }
    }

    /// Where the stretch of the byte at this offset begins.
    pub(crate) fn start_of(&self, at: u64) -> u64 {
        self.start + if self.is_plain { at - self.at } else { 0 }
    }

    /// Where the stretch of the byte at this offset ends.
    pub(crate) fn end_of(&self, at: u64) -> u64 {
        if self.is_plain { self.start_of(at) + 1 } else { self.end }
    }
}

/// The run of the byte at this offset.
pub(crate) fn run_of(runs: &[Run], at: u64) -> usize {
    runs.partition_point(|run| run.at <= at) - 1
}

/// Adds the stretches of bytes, the first at `at`, or lengthens the last run.
pub(super) fn push_run(runs: &mut Vec<Run>, run: Run) {
    let goes_on = |last: &Run| last.is_plain && run.is_plain && last.start_of(run.at) == run.start;
    if !runs.last().is_some_and(goes_on) {
        runs.push(run);
    }
}
