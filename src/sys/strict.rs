//! Opening without any link, by one call of the system (`openat2`): for trees of files, and for
//! paths that hold no link.
//!
//! Where links may be followed, [`beneath`](super::beneath) resolves the path.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, Stat, fstat, openat2, readlink};
use rustix::io::Errno;

/// So many names, of 255 bytes at most, make a path that the system takes.
const NAMES_AT_ONCE: usize = 15;
/// What the system adds to the path of an open file whose name is gone.
const DELETED: &[u8] = b" (deleted)";

const NO_LINKS: ResolveFlags = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_MAGICLINKS);

/// How far a path may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To what lies below the directory, and on its file system.
    Below,
    /// Anywhere that no link leads to.
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

/// Opens what a path from a directory leads to.
///
/// # Errors
///
/// `LOOP` for a link, `XDEV` for what is out of reach; those of `openat2`.
pub fn open(directory: impl AsFd, path: impl AsRef<Path>, flags: OFlags, reach: Reach) -> Result<OwnedFd, Errno> {
    opened(&directory, path.as_ref(), flags, reach.flags())
}

/// Opens a directory below another to be read, however long the way there: the system takes paths
/// of 4 KiB only.
///
/// # Errors
///
/// As [`open`].
pub fn open_below(root: impl AsFd, below: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY;
    let mut directory = open(root, ".", flags, Reach::Below)?;
    let names: Vec<&OsStr> = below.iter().collect();
    for some in names.chunks(NAMES_AT_ONCE) {
        directory = open(&directory, some.iter().collect::<PathBuf>(), flags, Reach::Below)?;
    }
    Ok(directory)
}

/// What a name in a directory is, without opening it; of a link, the link.
///
/// # Errors
///
/// As [`open`], but for a link.
pub fn stat(directory: impl AsFd, name: &OsStr, reach: Reach) -> Result<Stat, Errno> {
    let resolve = reach.flags().difference(ResolveFlags::NO_SYMLINKS);
    opened(&directory, Path::new(name), OFlags::PATH, resolve).and_then(fstat)
}

/// Whether a name is like one that the system shows for files whose name is gone.
pub fn looks_deleted(name: &OsStr) -> bool {
    name.as_bytes().ends_with(DELETED)
}

/// Whether the name that a file was opened by is the only one that it has.
///
/// A link to a file outside may be made, opened and taken away again, and then what is open has one
/// name, the one outside. To look the name up once more tells nothing, since the link may be back
/// by then. But the entry that a file was opened by, once deleted, is so for ever, whatever gets
/// its name later. If it still is there after the names were counted, it was there while they were.
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
