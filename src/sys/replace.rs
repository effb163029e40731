//! Atomic replacement of a file: a reader, at any moment and after any crash, sees the old content
//! or the new.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Gid, Mode, OFlags, Stat, Uid, XattrFlags, fchmod, fchown, fgetxattr, fsetxattr, fstat};
use rustix::io::Errno;

use super::beneath::{Dir, Links, find};
use super::file::{ACCESS_LIST, check_owner, check_regular};
use super::temporary;

/// Replaces the file at `path`: writes a temporary file beside it, which takes its place once all
/// of it is on disk. After a return without error, the new content survives a power cut.
///
/// A new file has `mode` less the umask. An existing file keeps its owner, its group, and those
/// bits of its mode that are also in `mode`. It loses access lists and other extended attributes.
/// If its group cannot be kept, its mode loses the group's bits; if its owner cannot, the file
/// becomes this user's. A link is followed by the rule of [`Links::Trusted`]. Only a regular file
/// is replaced.
///
/// The temporary file is named after the file and the process (`.NAME.PID.N.tmp`); a killed process
/// leaves it behind. Cost: two waits for the disk.
///
/// # Errors
///
/// `InvalidInput` if a directory, device, pipe or socket is there; those of [`find`], and those of
/// the system. On error the file is unchanged, and no temporary file is left. Only if the last step
/// fails, the sync of the directory, the new content may already be there.
pub fn replace(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let found = find(path, Links::Trusted)?;
    replace_in(&found.dir, &found.name, mode, content)
}

/// Like [`replace`], for a name in a directory. A link there is not a regular file.
///
/// # Errors
///
/// Those of [`replace`].
pub fn replace_in(dir: &Dir, name: impl AsRef<OsStr>, mode: u32, content: &[u8]) -> io::Result<()> {
    replace_as(dir, name.as_ref(), Owner::Kept, mode, content)
}

/// Like [`replace_in`] with the mode 0600, for content that only this user may read. Refuses a file
/// of a user other than root and the effective one, so that user does not get the content.
///
/// # Errors
///
/// Those of [`replace`]; `PermissionDenied` for a file of another user.
pub fn replace_private_in(dir: &Dir, name: impl AsRef<OsStr>, content: &[u8]) -> io::Result<()> {
    replace_as(dir, name.as_ref(), Owner::Known, 0o600, content)
}

/// Like [`replace_in`], for a file that may be shared with a group. A new file has the mode 0600.
/// An existing one keeps its owner, its group, its access list, and its mode except for the
/// permissions of others. If its owner shares a file with a group, a member of that group may
/// replace it, and then owns it.
///
/// # Errors
///
/// Those of [`replace`]; `PermissionDenied` with [`NotKept`] inside if the group has rights and
/// cannot be kept, or if the owner cannot be kept and could no longer read the file.
pub fn replace_shared_in(dir: &Dir, name: impl AsRef<OsStr>, content: &[u8]) -> io::Result<()> {
    replace_as(dir, name.as_ref(), Owner::Shared, 0o660, content)
}

/// A file was not replaced, since its owner or its group would have lost access.
#[derive(Debug)]
pub struct NotKept {
    what: &'static str,
    id: u32,
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.id)
    }
}

impl std::error::Error for NotKept {}

/// Like [`replace_in`], for a file of this program alone: it belongs to the effective user and has
/// exactly this mode, independent of an earlier file and of the umask.
///
/// # Errors
///
/// Those of [`replace`].
pub fn put_in(dir: &Dir, name: impl AsRef<OsStr>, mode: u32, content: &[u8]) -> io::Result<()> {
    replace_as(dir, name.as_ref(), Owner::Ours, mode, content)
}

/// Like [`put_in`], for a file of the users of its directory: it belongs to the owner and the group
/// of the directory.
///
/// # Errors
///
/// Those of [`replace`]. Only root gives a file to another user. If this user cannot give it to the
/// group, and `mode` has rights for the group, that is an error, too.
#[cfg(feature = "registry")]
pub fn put_as_directory_in(dir: &Dir, name: impl AsRef<OsStr>, mode: u32, content: &[u8]) -> io::Result<()> {
    replace_as(dir, name.as_ref(), Owner::OfDirectory, mode, content)
}

/// Creates a new file, which appears with all of its content, and has this mode less the umask.
///
/// # Errors
///
/// `AlreadyExists` if the name is taken; those of the system. As in [`replace`], an error leaves
/// nothing behind.
pub fn create_in(dir: &Dir, name: impl AsRef<OsStr>, mode: u32, content: &[u8]) -> io::Result<()> {
    let temporary = temporary::name(&name);
    let written = new_file(dir, &temporary, mode, None, keep_owner)
        .and_then(|file| fill(&file, content))
        .and_then(|()| dir.rename_new(&temporary, dir, name));
    if written.is_err() {
        let _ = dir.unlink(&temporary);
    }
    written?;
    dir.sync()
}

/// The owner of a replaced file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The previous owner.
    Kept,
    /// The previous owner, which must be root or the effective user.
    Known,
    /// The previous owner if possible; the group and the access list, always.
    Shared,
    /// The effective user.
    Ours,
    /// The owner and the group of the directory.
    #[cfg(feature = "registry")]
    OfDirectory,
}

fn replace_as(dir: &Dir, name: &OsStr, owner: Owner, mode: u32, content: &[u8]) -> io::Result<()> {
    let old = match dir.stat(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        stat => Some(stat?),
    };
    if let Some(old) = &old {
        check_regular(old)?;
        if owner == Owner::Known {
            check_owner(old)?;
        }
    }
    let keep = |file: &File, old: &Stat| match owner {
        Owner::Kept | Owner::Known => keep_owner(file, old),
        Owner::Shared => keep_shared(file, dir.open_file(name, OFlags::RDONLY)?, old),
        _ => Ok(mode),
    };
    let is_kept = matches!(owner, Owner::Kept | Owner::Known | Owner::Shared);
    let temporary = temporary::name(name);
    let kept = old.as_ref().filter(|_| is_kept);
    let first = if matches!(owner, Owner::Shared) || !is_kept { 0o600 } else { mode };
    let written = new_file(dir, &temporary, first, kept, |file, old| Ok(keep(file, old)? & mode)).and_then(|file| {
        fill(&file, content)?;
        if !is_kept {
            fchmod(&file, Mode::from_raw_mode(mode))?;
        }
        // Last: the mode of another user's file takes one more capability to change.
        #[cfg(feature = "registry")]
        if owner == Owner::OfDirectory {
            give_to(&file, &dir.stat_self()?, mode)?;
        }
        dir.rename(&temporary, name)
    });
    if written.is_err() {
        // The first error is more informative than a second one.
        let _ = dir.unlink(&temporary);
    }
    written?;
    dir.sync()
}

/// Creates a file with this mode less the umask, or with the mode for replacing another file.
fn new_file(
    dir: &Dir,
    name: &OsStr,
    mode: u32,
    old: Option<&Stat>,
    keep: impl FnOnce(&File, &Stat) -> io::Result<u32>,
) -> io::Result<File> {
    // A file that will get another group is unreadable to others until then.
    let first = old.map_or(mode, |_| 0o600);
    let file = File::from(dir.create_masked(name, OFlags::WRONLY, first)?);
    if let Some(old) = old {
        fchmod(&file, Mode::from_raw_mode(keep(&file, old)?))?;
    }
    Ok(file)
}

fn fill(mut file: &File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.sync_all()
}

/// Gives a new file the owner and group of the old one, as far as this user may. Returns the
/// appropriate mode.
fn keep_owner(new: &File, old: &Stat) -> io::Result<u32> {
    let made = fstat(new)?;
    let mode = old.st_mode & 0o777;
    if made.st_uid != old.st_uid {
        let _ = fchown(new, Some(Uid::from_raw(old.st_uid)), None);
    }
    let is_kept = made.st_gid == old.st_gid || fchown(new, None, Some(Gid::from_raw(old.st_gid))).is_ok();
    Ok(if is_kept { mode } else { mode & !0o070 })
}

/// Gives a new file to the owner and the group of a directory.
#[cfg(feature = "registry")]
fn give_to(new: &File, directory: &Stat, mode: u32) -> io::Result<()> {
    let made = fstat(new)?;
    if made.st_uid != directory.st_uid {
        fchown(new, Some(Uid::from_raw(directory.st_uid)), None)?;
    }
    let is_given = made.st_gid == directory.st_gid || fchown(new, None, Some(Gid::from_raw(directory.st_gid))).is_ok();
    if is_given || mode & 0o070 == 0 { Ok(()) } else { Err(Errno::PERM.into()) }
}

/// The maximum length of an attribute's value, in bytes.
const ATTRIBUTE_LEN_MAX: usize = 64 << 10;

/// Like [`keep_owner`], for a file that others continue to use: fails if they could not, and copies
/// the access list.
fn keep_shared(new: &File, old: impl AsFd, stat: &Stat) -> io::Result<u32> {
    let mode = keep_owner(new, stat)?;
    let made = fstat(new)?;
    let is_owner_lost = made.st_uid != stat.st_uid;
    if made.st_gid != stat.st_gid && (is_owner_lost || stat.st_mode & 0o070 != 0) {
        return Err(refused(NotKept {
            what: "its group would lose it, because this user is not in that group: gid",
            id: stat.st_gid,
        }));
    }
    if is_owner_lost && mode & 0o040 == 0 {
        return Err(refused(NotKept { what: "its owner could no longer read it: uid", id: stat.st_uid }));
    }
    let mut list = vec![0; ATTRIBUTE_LEN_MAX];
    match fgetxattr(old, ACCESS_LIST, &mut list) {
        Ok(len) => fsetxattr(new, ACCESS_LIST, &list[..len], XattrFlags::empty())?,
        Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(mode)
}

fn refused(why: NotKept) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

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
    fn the_old_mode_is_kept_and_never_widened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for (old, wanted, then) in [(0o600, 0o666, 0o600), (0o644, 0o600, 0o600), (0o640, 0o660, 0o640)] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(old)).unwrap();
            replace(&path, wanted, b"new").unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, then, "{old:o} {wanted:o}");
        }
    }

    #[test]
    fn owner_and_group_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "old").unwrap();
        if chown(&path, Some(65_534), Some(65_533)).is_err() {
            return;
        }
        replace(&path, 0o600, b"new").unwrap();
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid(), fs::read(&path).unwrap()), (65_534, 65_533, b"new".to_vec()));
    }

    #[test]
    fn a_file_of_ours_has_its_mode_and_a_new_one_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let held = Dir::open(dir.path(), Links::None).unwrap();
        for mode in [0o600, 0o755, 0o666] {
            put_in(&held, "a", mode, b"ours").unwrap();
            assert_eq!(held.stat("a").unwrap().st_mode & 0o7777, mode);
            assert_eq!(create_in(&held, "a", 0o600, b"new").unwrap_err().kind(), ErrorKind::AlreadyExists);
        }
        create_in(&held, "b", 0o600, b"new").unwrap();
        assert_eq!((fs::read(dir.path().join("a")).unwrap(), names(dir.path()).len()), (b"ours".to_vec(), 2));
        if chown(dir.path().join("a"), Some(65_534), None).is_ok() {
            assert!(replace_private_in(&held, "a", b"secret").is_err());
            put_in(&held, "a", 0o644, b"ours").unwrap();
            assert_eq!(held.stat("a").unwrap().st_uid, 0);
        }
        replace_private_in(&held, "b", b"secret").unwrap();
    }

    #[test]
    fn a_shared_file_keeps_its_access_list_and_is_not_public() {
        let dir = tempfile::tempdir().unwrap();
        let held = Dir::open(dir.path(), Links::None).unwrap();
        let mode = || held.stat("a").unwrap().st_mode & 0o7777;
        replace_shared_in(&held, "a", b"new").unwrap();
        assert_eq!(mode(), 0o600);
        for (old, then) in
            [(0o600, 0o600), (0o644, 0o640), (0o666, 0o660), (0o2660, 0o660), (0o640, 0o640), (0o400, 0o400)]
        {
            fs::set_permissions(dir.path().join("a"), fs::Permissions::from_mode(old)).unwrap();
            replace_shared_in(&held, "a", b"newer").unwrap();
            assert_eq!(mode(), then, "{old:o}");
        }
        assert_eq!(names(dir.path()), ["a"]);
        // The owner and one more user may read and write. The group may not, although the mode says
        // so.
        let entry = |tag: u16, rights: u16, id: u32| {
            [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        let all = u32::MAX;
        let entries = [(1, 6, all), (2, 6, 65_533), (4, 0, all), (16, 6, all), (32, 0, all)];
        let list =
            [2u32.to_le_bytes().to_vec()].into_iter().chain(entries.map(|(tag, rights, id)| entry(tag, rights, id)));
        let list: Vec<u8> = list.flatten().collect();
        if rustix::fs::setxattr(dir.path().join("a"), ACCESS_LIST, &list, XattrFlags::empty()).is_err() {
            return;
        }
        replace_shared_in(&held, "a", b"newest").unwrap();
        let mut found = vec![0; ATTRIBUTE_LEN_MAX];
        let len = rustix::fs::getxattr(dir.path().join("a"), ACCESS_LIST, &mut found).unwrap();
        assert_eq!((&found[..len], mode()), (&list[..], 0o660));
    }

    #[test]
    fn an_own_link_is_followed_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("target"), "old").unwrap();
        symlink("target", dir.path().join("link")).unwrap();
        replace(&dir.path().join("link"), 0o600, b"new").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("target")).unwrap(), "new");
        assert!(fs::symlink_metadata(dir.path().join("link")).unwrap().is_symlink());
        let held = Dir::open(dir.path(), Links::None).unwrap();
        assert!(replace_in(&held, "link", 0o600, b"newer").is_err());
    }

    #[test]
    fn a06_only_a_regular_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("directory")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        symlink("/dev/null", dir.path().join("device")).unwrap();
        let before = names(dir.path());
        for name in ["directory", "fifo", "socket", "device", "missing/a"] {
            assert!(replace(&dir.path().join(name), 0o600, b"new").is_err(), "{name}");
        }
        assert!(replace(Path::new("/"), 0o600, b"new").is_err());
        assert_eq!(names(dir.path()), before);
    }
}
