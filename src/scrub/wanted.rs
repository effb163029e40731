//! File selection by name or path patterns.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use glob::Pattern;

/// Whether one of these patterns matches a file: its path if the pattern contains a `/`, otherwise
/// its name. In a name that is not UTF-8, U+FFFD replaces the invalid bytes.
pub fn is_named(patterns: &[Pattern], path: &Path) -> bool {
    let matches = |pattern: &Pattern| {
        let by_path = pattern.as_str().contains('/');
        let matched = if by_path { Some(path.as_os_str()) } else { path.file_name() };
        matched.is_some_and(|name| pattern.matches(&String::from_utf8_lossy(name.as_bytes())))
    };
    patterns.iter().any(matches)
}

/// Whether a file is selected: `include` matches it or is empty, and `exclude` does not match it.
pub fn is_wanted(include: &[Pattern], exclude: &[Pattern], path: &Path) -> bool {
    (include.is_empty() || is_named(include, path)) && !is_named(exclude, path)
}
