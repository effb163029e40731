//! The secrets in force: they are read, built into a set, watched and replaced.

pub(super) mod active;
pub(super) mod directories;
pub(super) mod reloader;
pub(super) mod watch;
