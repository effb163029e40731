//! The state that all files of a guard share.

use super::calls::Calls;
use super::in_flight::Counters;
use super::kernel::Group;
use super::tools::Tools;

/// The state shared by all files.
pub(super) struct GuardContext<'a> {
    pub(super) group: &'a Group,
    pub(super) tools: Tools,
    pub(super) counters: Counters,
    pub(super) calls: Calls,
    /// The number of calls that outlasted the time limit.
    pub(super) lost: u64,
}
