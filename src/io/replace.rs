//! Replacing a file in one step: whoever looks, at any moment and after any crash, sees the old content or the new.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Tells the temporary files of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writes the file at `path` anew, with this mode less the umask: into a temporary file beside it, which takes its place when
/// all of it is on disk. When this returns without an error, the new content outlives a power cut.
///
/// A symbolic link at `path` is replaced, and not followed. The temporary file is new and named after the file and the process
/// (`.NAME.PID.N.tmp`); a killed process leaves it behind. Memory: nothing. Cost: two waits for the disk.
///
/// # Errors
///
/// Those of the system. The file is as it was then, and no temporary file is left; only if the error is that of the last step,
/// the wait for the directory, the new content may be there already.
pub fn replace(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let temporary = temporary(path)?;
    let written = write_new(&temporary, mode, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(directory(path))?.sync_all()
}

/// The directory that a file is in.
pub fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary(path: &Path) -> io::Result<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::IsADirectory)?);
    name.push(format!(".{}.{}.tmp", std::process::id(), NEXT.fetch_add(1, Relaxed)));
    Ok(directory(path).join(name))
}

fn write_new(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn names(directory: &Path) -> Vec<OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn the_new_content_has_the_mode_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for content in ["old", "new"] {
            replace(&path, 0o600, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("target"), "old").unwrap();
        symlink("target", dir.path().join("link")).unwrap();
        replace(&dir.path().join("link"), 0o600, b"new").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("target")).unwrap(), "old");
        assert_eq!(fs::read_to_string(dir.path().join("link")).unwrap(), "new");
    }

    #[test]
    fn what_fails_leaves_all_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        assert!(replace(&dir.path().join("a"), 0o600, b"new").is_err());
        assert!(replace(&dir.path().join("missing/a"), 0o600, b"new").is_err());
        assert!(replace(Path::new("/"), 0o600, b"new").is_err());
        assert_eq!(names(dir.path()), ["a"]);
    }
}
