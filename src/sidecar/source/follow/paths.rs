//! The files of a pattern now, for parts of the sidecar that do not follow it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::pattern::Pattern;
use crate::scrub::is_named;
use crate::sys::file::FileId;

/// Which files a pattern means, without following them.
pub(crate) struct FollowedPaths {
    pattern: Pattern,
    /// The same without links, as far as it is no pattern.
    resolved: Pattern,
    files: HashSet<FileId>,
}

impl FollowedPaths {
    /// Of a pattern, less those that are excluded.
    ///
    /// # Errors
    ///
    /// When it is no pattern.
    pub(crate) fn new(pattern: &str, exclude: &[glob::Pattern]) -> io::Result<FollowedPaths> {
        let resolved = Pattern::new(pattern)?.without_links();
        let pattern = Pattern::new(pattern)?;
        let found = pattern.walk().matches.into_iter().filter(|found| !is_named(exclude, &found.path));
        let files = found.map(|found| FileId::from(&found.stat)).collect();
        Ok(FollowedPaths { pattern, resolved, files })
    }

    /// Whether it may mean several paths.
    pub(crate) fn is_pattern(&self) -> bool {
        self.pattern.is_pattern()
    }

    /// Whether a file at this path, which leads over no links, would be followed.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        self.pattern.matches(path) || self.resolved.matches(path)
    }

    /// Whether this file is there, by any name that would be followed.
    pub(crate) fn holds(&self, file: FileId) -> bool {
        self.files.contains(&file)
    }
}

/// Where links lead that a pattern matches now, or that are on the way to it.
pub(crate) fn targets(pattern: &str) -> Vec<PathBuf> {
    let walk = Pattern::new(pattern).map(|pattern| pattern.walk()).unwrap_or_default();
    walk.matches.into_iter().filter_map(|found| found.target).collect()
}
