//! Names of temporary files.

use std::ffi::{OsStr, OsString};
#[cfg(feature = "registry")]
use std::io;
#[cfg(feature = "registry")]
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[cfg(feature = "registry")]
use super::beneath::Dir;

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
    let numbers = rest.and_then(|rest| rest.strip_prefix(b".")?.strip_suffix(b".tmp"));
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let mut parts = numbers.unwrap_or_default().split(|byte| *byte == b'.');
    parts.clone().count() == 2 && parts.all(is_number)
}

/// Removes the temporary files that killed writers of a file left in its directory. The caller
/// holds a lock that excludes other writers.
#[cfg(feature = "registry")]
pub(crate) fn remove_leftovers(dir: &Dir, file: &OsStr) {
    for (name, _) in dir.names().into_iter().flatten().filter(|(name, _)| is_of(name, file)) {
        // A file that cannot be removed only takes up space.
        let _: io::Result<()> = dir.unlink(name);
    }
}

#[cfg(all(test, feature = "registry"))]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_recognised() {
        let (one, other) = (name("a.log"), name("a.log"));
        assert_ne!(one, other);
        assert!(is_of(&one, OsStr::new("a.log")) && !is_of(&one, OsStr::new("a.lo")) && !is_of(&one, OsStr::new("b")));
        for other in [".a.log.backup.tmp", ".a.log.1.tmp", ".a.log.1.2.3.tmp", ".a.log..1.tmp"] {
            assert!(!is_of(OsStr::new(other), OsStr::new("a.log")), "{other}");
        }
        assert!(!is_of(OsStr::new(".a.log.1"), OsStr::new("a.log")));
    }
}
