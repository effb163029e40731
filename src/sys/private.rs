//! Files private to this user: read positions, spools, locks.
//!
//! An existing file is checked but never changed: a mistyped path may name any file of the machine.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{OFlags, fstat};

use super::beneath::{Dir, Links};
use super::file::{check_private, check_regular};

/// Opens the file at a path for reading and writing, or creates it (0600). Its directory is
/// resolved by the rule of [`Links::Trusted`], and the file itself must not be a link. Its content
/// stays unchanged.
///
/// # Errors
///
/// `InvalidInput` for anything but a regular file; `PermissionDenied` if another user owns it,
/// others may read or write it, or it has several names; those of [`Dir::parent_of`], and those of
/// the system.
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    let (dir, name) = Dir::parent_of(path, Links::Trusted)?;
    open_in(&dir, name)
}

/// Like [`open`], for a name in a directory.
///
/// # Errors
///
/// Those of [`open`].
pub fn open_in(dir: &Dir, name: impl AsRef<OsStr>) -> io::Result<OwnedFd> {
    let name = name.as_ref();
    // Checked before the open: opening a device may have an effect.
    if let Ok(found) = dir.stat(name) {
        check_regular(&found)?;
    }
    let (file, _) = dir.open_or_create(name, OFlags::RDWR, 0o600)?;
    check_private(&fstat(&file)?)?;
    Ok(file)
}

/// Opens the file of this name for reading, if it exists.
///
/// # Errors
///
/// Those of [`open`].
pub fn read_in(dir: &Dir, name: impl AsRef<OsStr>) -> io::Result<Option<OwnedFd>> {
    let file = match dir.open_file(name, OFlags::RDONLY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    check_private(&fstat(&file)?)?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    #[test]
    fn an_existing_file_is_checked_and_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        open(&path).unwrap();
        let mode = || fs::metadata(&path).unwrap().mode() & 0o7777;
        assert_eq!(mode(), 0o600);
        for wider in [0o640, 0o604, 0o622, 0o4600] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wider)).unwrap();
            assert!(open(&path).is_err());
            assert_eq!(mode(), wider);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        open(&path).unwrap();
        symlink("a", dir.path().join("link")).unwrap();
        assert!(open(&dir.path().join("link")).is_err() && open(Path::new("/dev/null")).is_err());
        fs::hard_link(&path, dir.path().join("other")).unwrap();
        assert!(open(&path).is_err());
        fs::remove_file(dir.path().join("other")).unwrap();
        if chown(&path, Some(65_534), None).is_ok() {
            assert!(open(&path).is_err());
        }
        let held = Dir::open(dir.path(), Links::None).unwrap();
        assert!(read_in(&held, "missing").unwrap().is_none());
    }
}
