//! Names of temporary files.

use std::ffi::{OsStr, OsString};
#[cfg(feature = "registry")]
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Distinguishes the temporary files of one process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A name for a temporary file beside a file: `.NAME.PID.N.tmp`. No two calls on one machine return
/// the same name. A killed process leaves its files behind.
pub(crate) fn name(file: impl AsRef<OsStr>) -> OsString {
    let mut name = OsString::from(".");
    name.push(file);
    name.push(format!(".{}.{}.tmp", std::process::id(), NEXT.fetch_add(1, Relaxed)));
    name
}

/// Whether a name is that of a temporary file for this file, of any process.
#[cfg(feature = "registry")]
pub(crate) fn is_of(name: &OsStr, file: &OsStr) -> bool {
    let rest = name.as_bytes().strip_prefix(b".").and_then(|name| name.strip_prefix(file.as_bytes()));
    rest.is_some_and(|rest| rest.starts_with(b".") && rest.ends_with(b".tmp"))
}

#[cfg(all(test, feature = "registry"))]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_recognised() {
        let (one, other) = (name("a.log"), name("a.log"));
        assert_ne!(one, other);
        assert!(is_of(&one, OsStr::new("a.log")) && !is_of(&one, OsStr::new("a.lo")) && !is_of(&one, OsStr::new("b")));
        assert!(!is_of(OsStr::new(".a.log.1"), OsStr::new("a.log")));
    }
}
