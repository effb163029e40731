//! Which files patterns mean: by their names, or by their paths.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use glob::Pattern;

/// Whether one of these patterns means a file: by its name, or by its path where the pattern holds
/// a `/`. A name that is not UTF-8 is compared with U+FFFD in place of its other bytes.
pub fn is_named(patterns: &[Pattern], path: &Path) -> bool {
    let matches = |pattern: &Pattern| {
        let by_path = pattern.as_str().contains('/');
        let matched = if by_path { Some(path.as_os_str()) } else { path.file_name() };
        matched.is_some_and(|name| pattern.matches(&String::from_utf8_lossy(name.as_bytes())))
    };
    patterns.iter().any(matches)
}

/// Whether a file is wanted: one that `include` means, or any if that is empty, and not one that
/// `exclude` means.
pub fn is_wanted(include: &[Pattern], exclude: &[Pattern], path: &Path) -> bool {
    (include.is_empty() || is_named(include, path)) && !is_named(exclude, path)
}
