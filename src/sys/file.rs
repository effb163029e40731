//! The status of an open file: its identity, type, owner and number of names.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Stat, StatxFlags, fgetxattr, fstat, statx};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgroups};

/// The extended attribute that holds an access list. With a list, the mode's group bits are the
/// maximum for all of its entries; the group itself may have less.
pub(super) const ACCESS_LIST: &str = "system.posix_acl_access";

/// A file's identity, independent of its name: the numbers of its file system and its inode.
///
/// A file system reuses a deleted file's inode number soon after the last descriptor is closed. So
/// an identity distinguishes two files only while one of them is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The file system's number.
    pub device: u64,
    /// The file's number in it.
    pub inode: u64,
}

impl FileId {
    /// The identity of an open file.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub fn of(file: impl AsFd) -> io::Result<FileId> {
        Ok(FileId::from(&fstat(file)?))
    }
}

/// A file's time of birth, in seconds and nanoseconds; `None` if the file system has none. Another
/// file may get the inode number, but has another time.
pub(crate) type Birth = Option<(i64, u32)>;

/// The time of birth of an open file.
pub(crate) fn birth(file: impl AsFd) -> Birth {
    let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    let is_known = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    is_known.then_some((found.stx_btime.tv_sec, found.stx_btime.tv_nsec))
}

impl From<&Stat> for FileId {
    fn from(stat: &Stat) -> FileId {
        FileId { device: stat.st_dev, inode: stat.st_ino }
    }
}

impl From<&std::fs::Metadata> for FileId {
    fn from(found: &std::fs::Metadata) -> FileId {
        use std::os::unix::fs::MetadataExt;
        FileId { device: found.dev(), inode: found.ino() }
    }
}

/// The type of a file.
pub fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// The name of a file type for messages: "a FIFO".
pub fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a regular file",
        FileType::Symlink => "a symbolic link",
        FileType::Directory => "a directory",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "not a file",
    }
}

/// Whether root or the effective user owns it.
pub fn is_owned_by_us_or_root(stat: &Stat) -> bool {
    stat.st_uid == 0 || stat.st_uid == geteuid().as_raw()
}

/// Whether root lets a group of this process read this file, and no other user can write it. Such a
/// file belongs to root, with mode 0440 and without an access list; Kubernetes mounts a secret this
/// way into a pod with an `fsGroup`.
///
/// # Errors
///
/// Those of the system.
pub fn is_given_to_our_group(file: impl AsFd) -> io::Result<bool> {
    let stat = fstat(&file)?;
    if stat.st_uid != 0 || kind(&stat) != FileType::RegularFile || stat.st_mode & 0o7777 != 0o440 {
        return Ok(false);
    }
    if getegid().as_raw() != stat.st_gid && !getgroups()?.iter().any(|group| group.as_raw() == stat.st_gid) {
        return Ok(false);
    }
    match fgetxattr(&file, ACCESS_LIST, &mut [0_u8; 0]) {
        Ok(_) => Ok(false),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Whether a user other than root and the effective one can change the names in this directory.
/// True for a sticky directory, too: only an entry's owner can change it there, so a trusted owner
/// may suffice.
pub fn others_can_write(directory: &Stat) -> bool {
    !is_owned_by_us_or_root(directory) || directory.st_mode & 0o022 != 0
}

/// Fails unless it is a regular file, and names its actual type.
///
/// # Errors
///
/// `InvalidInput`.
pub fn check_regular(stat: &Stat) -> io::Result<()> {
    match kind(stat) {
        FileType::RegularFile => Ok(()),
        other => Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {}", kind_name(other)))),
    }
}

/// Fails unless root or the effective user owns it.
///
/// # Errors
///
/// `PermissionDenied`.
pub fn check_owner(stat: &Stat) -> io::Result<()> {
    if is_owned_by_us_or_root(stat) {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::PermissionDenied, format!("it belongs to another user (uid {})", stat.st_uid)))
}

/// Fails if it has several names. One of them may be in a directory where others can write, and be
/// a hard link to a file elsewhere.
///
/// # Errors
///
/// `PermissionDenied`.
pub fn check_single_link(stat: &Stat) -> io::Result<()> {
    if stat.st_nlink <= 1 {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::PermissionDenied, "it has several names (hard links)"))
}

/// Fails if its permissions exceed `mode`.
///
/// # Errors
///
/// `PermissionDenied`.
pub fn check_mode(stat: &Stat, mode: u32) -> io::Result<()> {
    let found = stat.st_mode & 0o7777;
    if found & !mode == 0 {
        return Ok(());
    }
    let text = format!("its mode is {found:04o}, wider than {mode:04o}");
    Err(io::Error::new(ErrorKind::PermissionDenied, text))
}

/// Fails unless it is a regular file private to this user: no bits for others, no other name.
///
/// # Errors
///
/// `InvalidInput` or `PermissionDenied`.
pub fn check_private(stat: &Stat) -> io::Result<()> {
    check_regular(stat)?;
    if stat.st_uid != geteuid().as_raw() {
        let text = format!("it belongs to another user (uid {})", stat.st_uid);
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    check_mode(stat, 0o700)?;
    check_single_link(stat)
}

/// Fails if a user with write access to its directory may have hard-linked another user's file
/// there. The link is harmless if the file's owner alone can write to the directory.
///
/// # Errors
///
/// `PermissionDenied`.
pub fn check_placed(file: &Stat, directory: &Stat) -> io::Result<()> {
    let is_its_owners = file.st_uid == directory.st_uid && directory.st_mode & 0o022 == 0;
    if others_can_write(directory) && !is_its_owners { check_single_link(file) } else { Ok(()) }
}

/// Like [`check_placed`], for a file to write to. Also fails if any user can create files in its
/// directory, and a user other than root and the effective one owns this one.
///
/// # Errors
///
/// `PermissionDenied`.
pub fn check_placed_to_write(file: &Stat, directory: &Stat) -> io::Result<()> {
    check_placed(file, directory)?;
    if directory.st_mode & 0o002 != 0 { check_owner(file) } else { Ok(()) }
}

/// Fails if a user other than root and the effective one can put another file at this path.
///
/// Such a user owns the file or a directory on the way to it, or all users can write there; in a
/// sticky directory only owners can replace a file. Group-writable directories pass, such as
/// `/usr/local/bin` on Debian. The path must not contain links.
///
/// # Errors
///
/// `PermissionDenied`, and those of the system.
pub fn check_not_replaceable(path: &Path) -> io::Result<()> {
    for at in path.ancestors() {
        let found = rustix::fs::lstat(at)?;
        let is_shared = found.st_mode & 0o002 != 0 && found.st_mode & 0o1000 == 0;
        if !is_owned_by_us_or_root(&found) || is_shared {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "another user can replace it"));
        }
    }
    Ok(())
}

/// The path without symbolic links, as far as it exists. For comparing paths, not for opening them.
pub fn without_links(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let whole = std::fs::canonicalize(&path).ok();
    whole.unwrap_or_else(|| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => without_links(parent).join(name),
        _ => path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn a_file_is_known_by_any_of_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "").unwrap();
        fs::hard_link(&path, dir.path().join("b")).unwrap();
        let id = |name: &str| FileId::of(File::open(dir.path().join(name)).unwrap()).unwrap();
        assert_eq!(id("a"), id("b"));
        fs::write(dir.path().join("c"), "").unwrap();
        assert_ne!(id("a"), id("c"));
        let stat = fstat(File::open(&path).unwrap()).unwrap();
        assert!(check_regular(&stat).is_ok() && check_owner(&stat).is_ok() && check_single_link(&stat).is_err());
    }

    #[test]
    fn a_hard_link_counts_where_others_can_write() {
        let dir = tempfile::tempdir().unwrap();
        let mut directory = fstat(File::open(dir.path()).unwrap()).unwrap();
        let mut file = directory;
        (file.st_mode, file.st_nlink) = (0o10_0600, 2);
        for (mode, is_refused) in [(0o755, false), (0o775, true), (0o1777, true)] {
            directory.st_mode = mode;
            assert_eq!(check_placed(&file, &directory).is_err(), is_refused, "{mode:o}");
        }
        // The directory's owner links a file of its own; then one of another user.
        (directory.st_mode, directory.st_uid, file.st_uid) = (0o755, 65_534, 65_534);
        assert!(check_placed(&file, &directory).is_ok());
        file.st_uid = 65_533;
        assert!(check_placed(&file, &directory).is_err());
        file.st_nlink = 1;
        assert!(check_placed(&file, &directory).is_ok() && check_placed_to_write(&file, &directory).is_ok());
        directory.st_mode = 0o1777;
        assert!(check_placed_to_write(&file, &directory).is_err());
    }

    #[test]
    fn modes_that_allow_more_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut stat = fstat(File::open(dir.path()).unwrap()).unwrap();
        stat.st_mode = 0o10_0620;
        assert!(check_mode(&stat, 0o620).is_ok() && check_mode(&stat, 0o666).is_ok());
        let error = check_mode(&stat, 0o600).unwrap_err().to_string();
        assert_eq!(error, "its mode is 0620, wider than 0600");
    }
}
