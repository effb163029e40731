//! The choices of a scrub that hold for each of its files.

use rustix::fs::Stat;

use super::in_place::Scrubber;

/// The choices of a [`Tree`](super::Tree): its fields explain them.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) scrubber: &'a Scrubber,
    pub(super) hard_links: bool,
    pub(super) rewrite: bool,
    pub(super) binary: bool,
}

impl Rules<'_> {
    /// Whether the file's number of names is allowed.
    pub(super) fn may_have(&self, names: &Stat) -> bool {
        names.st_nlink <= 1 || self.hard_links && !self.rewrite
    }
}
