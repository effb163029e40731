//! Directories held open, and the names in them: every call is relative to a descriptor.
//!
//! [`Dir::open`] resolves a path one component at a time, as `openat2` does with a policy that it
//! has no flag for: a symbolic link is followed if root or the effective user owns it, and nobody
//! else can write to the directory that holds it. (`fs.protected_symlinks` asks for less, in sticky
//! directories alone, and can be off.) A magic link of `/proc` is only the text that it shows,
//! never the file.
//!
//! The last component is never followed by [`Dir::open_file`]; [`find`] resolves it by the same
//! rule, and then names the file itself.
//!
//! Cost: one `openat` and one `fstat` a component. Memory: one descriptor a [`Dir`].

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    self as calls, AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat, fchmod, fstat, openat, openat2,
    readlinkat,
};
use rustix::io::Errno;

use super::file::{FileId, others_can_write};
use walk::Walk;

/// Which symbolic links a path may lead through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Those that root or the effective user owns, in a directory where nobody else can put one.
    Trusted,
    /// For what is only read: those too that an ordinary user or root owns, wherever they lie, if
    /// the effective user is not root. Nobody else can make such a link, and a directory open to
    /// its group is usual.
    ToRead,
    /// As `ToRead`, and those of one other user in a directory of the same user, of root or of the
    /// effective user. They may lead to nothing but a file of that other user, which the caller of
    /// [`resolve`] has to check: its owner chooses among their own files.
    ToReadTheirs,
    /// None.
    None,
}

/// A directory, held open by a descriptor that cannot read it (`O_PATH`): it need not be readable.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    /// Where it was when it was opened, without links.
    path: PathBuf,
}

/// A file that a path leads to, which need not exist.
#[derive(Debug)]
pub struct Found {
    /// The directory that holds it.
    pub dir: Dir,
    /// Its name there; no link, when it was found.
    pub name: OsString,
    /// The directories that hold a component of the way there, links and their targets included:
    /// a change in any of them may make the path lead elsewhere.
    pub passed: Vec<PathBuf>,
    /// Those of them that hold a link.
    pub links: Vec<PathBuf>,
}

impl Found {
    /// The path without links.
    pub fn path(&self) -> PathBuf {
        self.dir.path.join(&self.name)
    }
}

/// The file that a path leads to, its last component followed if it is a link that the rule allows.
///
/// # Errors
///
/// `InvalidInput` for a path that names a directory by `/` or `..`; `Loop` (`ELOOP`) for a link
/// that the rule does not allow, or too many links; those of the system. A last component that does
/// not exist is no error.
pub fn find(path: &Path, links: Links) -> io::Result<Found> {
    Walk::new(path)?.find(links)
}

/// As [`find`], for a path below a directory. `watch` takes the directories where a change may let
/// the path lead elsewhere, even if it leads nowhere: those that hold a link, and the last one.
///
/// # Errors
///
/// As [`find`].
pub fn find_below(from: &Dir, path: &Path, links: Links, watch: &mut impl Extend<PathBuf>) -> io::Result<Found> {
    let mut walk = Walk::below(from, path)?;
    let found = walk.find(links);
    match &found {
        Ok(found) => watch.extend(found.links.iter().cloned().chain([found.dir.path.clone()])),
        Err(_) => watch.extend(walk.links.drain(..).chain([walk.dir.path.clone()])),
    }
    found
}

/// As [`find`], for a path that may name a directory by `/`, `.` or `..`, which has no name then.
/// And the user to whom the file has to belong, with [`Links::ToReadTheirs`].
pub(super) fn resolve(path: &Path, links: Links) -> io::Result<(Dir, Option<OsString>, Option<u32>)> {
    let mut walk = Walk::new(path)?;
    let (dir, name) = walk.resolve(links)?;
    Ok((dir, name, walk.other))
}

impl Dir {
    /// A directory that is open already, and where it was then, without links.
    pub fn from_open(fd: OwnedFd, path: PathBuf) -> Dir {
        Dir { fd, path }
    }

    /// The same directory by another descriptor.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Dir> {
        Ok(Dir { fd: self.fd.try_clone()?, path: self.path.clone() })
    }

    /// Opens the directory at a path; an empty path is the working directory.
    ///
    /// # Errors
    ///
    /// Those of the system; `ELOOP` for a link that the rule does not allow.
    pub fn open(path: &Path, links: Links) -> io::Result<Dir> {
        match Walk::new(path)?.resolve(links)? {
            (dir, None) => Ok(dir),
            (dir, Some(name)) => dir.sub(&name),
        }
    }

    /// Opens the directory that holds the last component of a path, and returns that component's
    /// name. The component itself is not looked at.
    ///
    /// # Errors
    ///
    /// As [`open`](Dir::open); `InvalidInput` for a path that ends in `/` or `..`.
    pub fn parent_of(path: &Path, links: Links) -> io::Result<(Dir, OsString)> {
        let name = path.file_name().filter(|_| !path.as_os_str().as_bytes().ends_with(b"/"));
        let name = name.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "it names no file"))?;
        Ok((Dir::open(path.parent().unwrap_or(Path::new("")), links)?, name.to_owned()))
    }

    /// Opens the directory at a path. It is made with this mode if it is not there, and so are
    /// those around it.
    ///
    /// # Errors
    ///
    /// As [`open`](Dir::open) and [`make`](Dir::make).
    pub fn open_or_make(path: &Path, links: Links, mode: u32) -> io::Result<Dir> {
        match (Dir::open(path, links), path.file_name()) {
            (Err(error), Some(name)) if error.kind() == ErrorKind::NotFound => {
                let around = Dir::open_or_make(path.parent().unwrap_or(Path::new("")), links, mode)?;
                match around.make(name, mode) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => around.sub(name),
                    made => made,
                }
            }
            (opened, _) => opened,
        }
    }

    /// Opens a directory below this one as if this one were the root: no path and no link leads
    /// out. Missing directories are made, with this mode less the umask, if there is one.
    ///
    /// # Errors
    ///
    /// Those of `openat2` (`RESOLVE_IN_ROOT`) and `mkdirat`.
    pub fn in_root(&self, path: &Path, make: Option<u32>) -> io::Result<Dir> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let path = path.strip_prefix("/").unwrap_or(path);
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let open = || rustix::io::retry_on_intr(|| openat2(&self.fd, path, flags, Mode::empty(), resolve));
        let fd = match (open(), make, path.parent().zip(path.file_name())) {
            (Err(Errno::NOENT), Some(mode), Some((parent, name))) => {
                let parent = self.in_root(parent, make)?;
                match calls::mkdirat(&parent.fd, name, Mode::from_raw_mode(mode)) {
                    Err(Errno::EXIST) => {}
                    made => made?,
                }
                open()?
            }
            (opened, ..) => opened?,
        };
        Ok(Dir { fd, path: self.path.join(path) })
    }

    /// A directory in this one, not through a link.
    ///
    /// # Errors
    ///
    /// Those of `openat`; `ELOOP` or `ENOTDIR` for a link.
    pub fn sub(&self, name: impl AsRef<OsStr>) -> io::Result<Dir> {
        let name = single(name.as_ref())?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags, Mode::empty())?;
        Ok(Dir { fd, path: self.path.join(name) })
    }

    /// Makes a directory in this one, which is there with exactly this mode, independent of the
    /// umask.
    ///
    /// # Errors
    ///
    /// Those of `mkdirat`; `EEXIST` if anything has this name.
    pub fn make(&self, name: impl AsRef<OsStr>, mode: u32) -> io::Result<Dir> {
        let name = single(name.as_ref())?;
        // Nobody else gets in before its owner and mode are known to be ours.
        calls::mkdirat(&self.fd, name, Mode::from_raw_mode(mode & 0o700))?;
        let made = self.sub(name)?;
        let stat = made.stat_self()?;
        // The owner of this directory may exchange names in it, also for another directory of ours.
        let is_new = stat.st_uid == rustix::process::geteuid().as_raw()
            && stat.st_mode & 0o777 & !(mode & 0o700) == 0
            && made.names()?.is_empty();
        if !is_new {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "somebody exchanged the new directory"));
        }
        if stat.st_mode & 0o7777 != mode {
            fchmod(made.readable()?, Mode::from_raw_mode(mode))?;
        }
        Ok(made)
    }

    /// Opens the file of this name: not through a link, without waiting for a FIFO, and not as the
    /// controlling terminal.
    ///
    /// # Errors
    ///
    /// Those of `openat`; `ELOOP` for a link.
    pub fn open_file(&self, name: impl AsRef<OsStr>, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let name = single(name.as_ref())?;
        Ok(rustix::io::retry_on_intr(|| openat(&self.fd, name, flags, Mode::empty()))?)
    }

    /// Makes a new file, which has exactly this mode, independent of the umask.
    ///
    /// # Errors
    ///
    /// Those of `openat`; `EEXIST` if anything has this name, a link included.
    pub fn create_new(&self, name: impl AsRef<OsStr>, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        let file = self.create_masked(name, flags, mode & 0o700)?;
        fchmod(&file, Mode::from_raw_mode(mode))?;
        Ok(file)
    }

    /// Makes a new file, which has this mode less the umask.
    ///
    /// # Errors
    ///
    /// As [`create_new`](Dir::create_new).
    pub fn create_masked(&self, name: impl AsRef<OsStr>, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
        let name = single(name.as_ref())?;
        Ok(rustix::io::retry_on_intr(|| openat(&self.fd, name, flags, Mode::from_raw_mode(mode)))?)
    }

    /// Opens a file, or makes it with exactly this mode. Returns whether it was made.
    ///
    /// # Errors
    ///
    /// As [`open_file`](Dir::open_file) and [`create_new`](Dir::create_new).
    pub fn open_or_create(&self, name: impl AsRef<OsStr>, flags: OFlags, mode: u32) -> io::Result<(OwnedFd, bool)> {
        let name = name.as_ref();
        loop {
            match self.open_file(name, flags) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => return Ok((opened?, false)),
            }
            match self.create_new(name, flags, mode) {
                // Another process was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return Ok((made?, true)),
            }
        }
    }

    /// The status of a name; of a link, that of the link itself.
    ///
    /// # Errors
    ///
    /// Those of `fstatat`.
    pub fn stat(&self, name: impl AsRef<OsStr>) -> io::Result<Stat> {
        Ok(calls::statat(&self.fd, single(name.as_ref())?, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// The status of the directory.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub fn stat_self(&self) -> io::Result<Stat> {
        Ok(fstat(&self.fd)?)
    }

    /// Where a link leads, unresolved.
    ///
    /// # Errors
    ///
    /// Those of `readlinkat`.
    pub fn read_link(&self, name: impl AsRef<OsStr>) -> io::Result<PathBuf> {
        let target = readlinkat(&self.fd, single(name.as_ref())?, Vec::new())?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    ///
    /// Those of `symlinkat`; `EEXIST` if anything has this name.
    pub fn symlink(&self, target: &Path, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(calls::symlinkat(target, &self.fd, single(name.as_ref())?)?)
    }

    /// Gives a name to a group; of a link, the link.
    ///
    /// # Errors
    ///
    /// Those of `fchownat`.
    pub fn give_to_group(&self, name: impl AsRef<OsStr>, group: u32) -> io::Result<()> {
        let group = Some(calls::Gid::from_raw(group));
        Ok(calls::chownat(&self.fd, single(name.as_ref())?, None, group, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Renames within this directory; the new name is replaced.
    ///
    /// # Errors
    ///
    /// Those of `renameat`.
    pub fn rename(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(calls::renameat(&self.fd, single(from.as_ref())?, &self.fd, single(to.as_ref())?)?)
    }

    /// Moves a name into another directory, if it is free there.
    ///
    /// # Errors
    ///
    /// Those of `renameat2`; `EEXIST` if it is taken.
    pub fn rename_new(&self, from: impl AsRef<OsStr>, into: &Dir, to: impl AsRef<OsStr>) -> io::Result<()> {
        let (from, to) = (single(from.as_ref())?, single(to.as_ref())?);
        Ok(calls::renameat_with(&self.fd, from, &into.fd, to, RenameFlags::NOREPLACE)?)
    }

    /// Removes a name that is no directory.
    ///
    /// # Errors
    ///
    /// Those of `unlinkat`.
    pub fn unlink(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(calls::unlinkat(&self.fd, single(name.as_ref())?, AtFlags::empty())?)
    }

    /// Removes a name if it leads to this file. Returns whether it did.
    ///
    /// Between the two calls the owner of the directory may exchange the file: another of his own
    /// names goes then, which he could have removed himself.
    ///
    /// # Errors
    ///
    /// Those of the system, but that there is no such name.
    pub fn unlink_if(&self, name: impl AsRef<OsStr>, file: FileId) -> io::Result<bool> {
        match self.stat(name.as_ref()) {
            Ok(stat) if FileId::from(&stat) == file => self.unlink(name).map(|()| true),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(false),
        }
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// Those of `unlinkat`.
    pub fn remove_dir(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(calls::unlinkat(&self.fd, single(name.as_ref())?, AtFlags::REMOVEDIR)?)
    }

    /// The names in it, with their types as far as the file system reports them, sorted.
    ///
    /// # Errors
    ///
    /// When it may not be read, and those of `getdents64`.
    pub fn names(&self) -> io::Result<Vec<(OsString, FileType)>> {
        let mut names = Vec::new();
        for entry in calls::Dir::read_from(self.readable()?)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push((OsStr::from_bytes(name).to_owned(), entry.file_type()));
            }
        }
        names.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(names)
    }

    /// Waits until its names are on the disk.
    ///
    /// # Errors
    ///
    /// When it may not be read, and those of `fsync`.
    pub fn sync(&self) -> io::Result<()> {
        Ok(calls::fsync(self.readable()?)?)
    }

    /// A descriptor of it that can be read, synced and locked.
    ///
    /// # Errors
    ///
    /// Those of `openat`.
    pub fn readable(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(openat(&self.fd, ".", flags, Mode::empty())?)
    }

    /// Where it was when it was opened, without links. For messages, and for calls that take paths
    /// alone.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a user other than root and the effective one can change the names in it.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub fn others_can_write(&self) -> io::Result<bool> {
        Ok(others_can_write(&self.stat_self()?))
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A name that cannot lead out of its directory.
fn single(name: &OsStr) -> io::Result<&OsStr> {
    let is_name = Path::new(name).file_name() == Some(name) && !name.as_bytes().contains(&0);
    if is_name { Ok(name) } else { Err(ErrorKind::InvalidInput.into()) }
}

mod walk;

#[cfg(test)]
mod tests;
