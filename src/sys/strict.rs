//! Opens files without any link, by one system call (`openat2`): for trees of files, and for paths
//! without links.
//!
//! Where links may be followed, [`beneath`](super::beneath) resolves the path.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, Stat, fstat, openat2, readlink};
use rustix::io::Errno;

/// The number of names, of at most 255 bytes each, that fit into a path for the system.
const NAMES_AT_ONCE: usize = 15;
/// The suffix in `/proc` for an open file with a deleted name.
const DELETED: &[u8] = b" (deleted)";

const NO_LINKS: ResolveFlags = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_MAGICLINKS);

/// The range that a path may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Below the directory, and on its file system.
    Below,
    /// Anywhere, without a link.
    Anywhere,
}

impl Reach {
    fn flags(self) -> ResolveFlags {
        match self {
            Reach::Below => NO_LINKS.union(ResolveFlags::BENEATH).union(ResolveFlags::NO_XDEV),
            Reach::Anywhere => NO_LINKS,
        }
    }
}

/// Opens the file at a path from a directory.
///
/// # Errors
///
/// `LOOP` for a link, `XDEV` for a file out of reach; those of `openat2`.
pub fn open(directory: impl AsFd, path: impl AsRef<Path>, flags: OFlags, reach: Reach) -> Result<OwnedFd, Errno> {
    opened(&directory, path.as_ref(), flags, reach.flags())
}

/// Opens a directory below another for reading, at any depth: the system only takes paths of up to
/// 4 KiB.
///
/// # Errors
///
/// Those of [`open`].
pub fn open_below(root: impl AsFd, below: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY;
    let mut directory = open(root, ".", flags, Reach::Below)?;
    let names: Vec<&OsStr> = below.iter().collect();
    for some in names.chunks(NAMES_AT_ONCE) {
        directory = open(&directory, some.iter().collect::<PathBuf>(), flags, Reach::Below)?;
    }
    Ok(directory)
}

/// The status of a name in a directory, without opening it; for a link, of the link itself.
///
/// # Errors
///
/// Those of [`open`], except for a link.
pub fn stat(directory: impl AsFd, name: &OsStr, reach: Reach) -> Result<Stat, Errno> {
    let resolve = reach.flags().difference(ResolveFlags::NO_SYMLINKS);
    opened(&directory, Path::new(name), OFlags::PATH, resolve).and_then(fstat)
}

/// Whether a name looks like the system's display of a deleted one.
pub fn looks_deleted(name: &OsStr) -> bool {
    name.as_bytes().ends_with(DELETED)
}

/// Whether the name that a file was opened by is its only one.
///
/// A link to a file outside may be made, opened and removed again. The open file then has one name,
/// the one outside. Looking the name up again proves nothing, since the link may be back by then.
/// But once deleted, the directory entry that a file was opened by stays deleted, even if another
/// file gets its name. If the entry still exists after the names were counted, it existed during
/// the count.
///
/// # Errors
///
/// Those of `fstat`; those of `readlink` in `/proc`.
pub fn is_its_only_name(file: &OwnedFd) -> Result<bool, Errno> {
    let count = fstat(file)?.st_nlink;
    let path = readlink(format!("/proc/self/fd/{}", file.as_raw_fd()), Vec::new())?;
    Ok(count == 1 && !path.to_bytes().ends_with(DELETED))
}

fn opened(directory: &impl AsFd, path: &Path, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
    rustix::io::retry_on_intr(|| {
        openat2(directory, path, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty(), resolve)
    })
}
