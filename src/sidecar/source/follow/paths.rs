//! The current files of a pattern, for parts of the sidecar that do not follow it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::pattern::Pattern;
use crate::scrub::is_named;
use crate::sys::file::FileId;

/// The files of a pattern, without following them.
pub(crate) struct FollowedPaths {
    pattern: Pattern,
    /// The same with links resolved, as far as it is no pattern.
    resolved: Pattern,
    files: HashSet<FileId>,
    /// Their paths with links resolved.
    paths: Vec<PathBuf>,
}

impl FollowedPaths {
    /// The files of a pattern, without the excluded ones.
    ///
    /// # Errors
    ///
    /// When the pattern is invalid.
    pub(crate) fn new(pattern: &str, exclude: &[glob::Pattern]) -> io::Result<FollowedPaths> {
        let resolved = Pattern::new(pattern)?.without_links();
        let pattern = Pattern::new(pattern)?;
        let found = pattern.walk().matches.into_iter().filter(|found| !is_named(exclude, &found.path));
        let (files, mut paths): (_, Vec<PathBuf>) =
            found.map(|found| (FileId::from(&found.stat), found.target.unwrap_or(found.path))).unzip();
        paths.extend(resolved.path().filter(|path| !is_named(exclude, path)));
        paths.sort_unstable();
        paths.dedup();
        Ok(FollowedPaths { pattern, resolved, files, paths })
    }

    /// Whether it may match several paths.
    pub(crate) fn is_pattern(&self) -> bool {
        self.pattern.is_pattern()
    }

    /// Whether a file at this path, which has no links, would be followed.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        self.pattern.matches(path) || self.resolved.matches(path)
    }

    /// The paths that are followed now, and the one path of no pattern.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Whether this file exists under any name that would be followed.
    pub(crate) fn holds(&self, file: FileId) -> bool {
        self.files.contains(&file)
    }
}

/// The targets of links that a pattern matches now, and of links on the way to it.
pub(crate) fn targets(pattern: &str) -> Vec<PathBuf> {
    let walk = Pattern::new(pattern).map(|pattern| pattern.walk()).unwrap_or_default();
    walk.matches.into_iter().filter_map(|found| found.target).collect()
}
