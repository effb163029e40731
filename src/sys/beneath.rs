//! Directories held open, and the names in them: every call is relative to a descriptor.
//!
//! [`Dir::open`] resolves a path one component at a time, like `openat2`, but with a policy that
//! `openat2` has no flag for. It follows a symbolic link if root or the effective user owns it, and
//! no other user can write to the directory that holds it. (`fs.protected_symlinks` is weaker: it
//! applies to sticky directories alone, and can be off.) It reads a magic link of `/proc` as text,
//! and never follows it to the file.
//!
//! [`Dir::open_file`] never follows the last component; [`find`] resolves it by the same rule, and
//! then names the file itself.
//!
//! Cost: one `openat` and one `fstat` per component. Memory: one descriptor per [`Dir`].

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    self as calls, AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat, fchmod, fstat, openat2, readlinkat,
};
use rustix::io::Errno;

use super::file::{FileId, others_can_write};
use super::shortage::openat;
use walk::Walk;

/// The symbolic links that a path may lead through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Links of root or the effective user, in a directory where no other user can put one.
    Trusted,
    /// For reading only: also links of root or the effective user in any directory, unless the
    /// effective user is root. No other user can make such a link, and group-writable directories
    /// are common.
    ToRead,
    /// Like `ToRead`, and also links of one other user, in a directory of the same user, of root or
    /// of the effective user. They may lead only to a file of that other user, which the caller of
    /// [`resolve`] must check: its owner chooses among their own files.
    ToReadTheirs,
    /// No links.
    None,
}

/// A directory, held open by an `O_PATH` descriptor: it need not be readable.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    /// Its path when it was opened, without links.
    path: PathBuf,
}

/// The file at the end of a path. It need not exist.
#[derive(Debug)]
pub struct Found {
    /// The directory that holds it.
    pub dir: Dir,
    /// Its name there; not a link at the time of the search.
    pub name: OsString,
    /// The directories that hold a component of the path, including links and their targets. A
    /// change in any of them may redirect the path.
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

/// Finds the file at a path. Follows the last component if it is a link that the rule allows.
///
/// # Errors
///
/// `InvalidInput` for a path that names a directory by `/` or `..`; `Loop` (`ELOOP`) for a link
/// that the rule does not allow, or too many links; those of the system. A missing last component
/// is no error.
pub fn find(path: &Path, links: Links) -> io::Result<Found> {
    Walk::new(path)?.find(links)
}

/// Like [`find`], for a path below a directory. `watch` receives the directories where a change may
/// redirect the path, even if it leads nowhere: those that hold a link, and the last one.
///
/// # Errors
///
/// Those of [`find`].
pub fn find_below(from: &Dir, path: &Path, links: Links, watch: &mut impl Extend<PathBuf>) -> io::Result<Found> {
    let mut walk = Walk::below(from, path)?;
    let found = walk.find(links);
    match &found {
        Ok(found) => watch.extend(found.links.iter().cloned().chain([found.dir.path.clone()])),
        Err(_) => watch.extend(walk.links.drain(..).chain([walk.dir.path.clone()])),
    }
    found
}

/// Like [`find`], for a path that may name a directory by `/`, `.` or `..`; then the name is
/// `None`. Also returns the required owner of the file, with [`Links::ToReadTheirs`].
pub(super) fn resolve(path: &Path, links: Links) -> io::Result<(Dir, Option<OsString>, Option<u32>)> {
    let mut walk = Walk::new(path)?;
    let (dir, name) = walk.resolve(links)?;
    Ok((dir, name, walk.other))
}

impl Dir {
    /// Wraps an open directory, with its path at that time, without links.
    pub fn from_open(fd: OwnedFd, path: PathBuf) -> Dir {
        Dir { fd, path }
    }

    /// The same directory with another descriptor.
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
    /// name. The component itself is not inspected.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Dir::open); `InvalidInput` for a path that ends in `/` or `..`.
    pub fn parent_of(path: &Path, links: Links) -> io::Result<(Dir, OsString)> {
        let name = path.file_name().filter(|_| !path.as_os_str().as_bytes().ends_with(b"/"));
        let name = name.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "it does not name a file"))?;
        Ok((Dir::open(path.parent().unwrap_or(Path::new("")), links)?, name.to_owned()))
    }

    /// Opens the directory at a path. Creates it and its missing parents with this mode.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Dir::open) and [`make`](Dir::make).
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
    /// out. With a mode, creates missing directories with that mode less the umask.
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

    /// Opens a directory in this one, without following a link.
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

    /// Creates a directory in this one with exactly this mode, independent of the umask.
    ///
    /// # Errors
    ///
    /// Those of `mkdirat`; `EEXIST` if the name is taken.
    pub fn make(&self, name: impl AsRef<OsStr>, mode: u32) -> io::Result<Dir> {
        let name = single(name.as_ref())?;
        // No other user can enter before its owner and mode are verified.
        calls::mkdirat(&self.fd, name, Mode::from_raw_mode(mode & 0o700))?;
        let made = self.sub(name)?;
        let stat = made.stat_self()?;
        // The owner of this directory may exchange names in it, even for another directory of this
        // user.
        let is_new = stat.st_uid == rustix::process::geteuid().as_raw()
            && stat.st_mode & 0o777 & !(mode & 0o700) == 0
            && made.names()?.is_empty();
        if !is_new {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "another process replaced the new directory"));
        }
        if stat.st_mode & 0o7777 != mode {
            fchmod(made.readable()?, Mode::from_raw_mode(mode))?;
        }
        Ok(made)
    }

    /// Opens the file of this name without following a link, without waiting for a FIFO, and not as
    /// the controlling terminal.
    ///
    /// # Errors
    ///
    /// Those of `openat`; `ELOOP` for a link.
    pub fn open_file(&self, name: impl AsRef<OsStr>, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let name = single(name.as_ref())?;
        Ok(rustix::io::retry_on_intr(|| openat(&self.fd, name, flags, Mode::empty()))?)
    }

    /// Creates a new file with exactly this mode, independent of the umask.
    ///
    /// # Errors
    ///
    /// Those of `openat`; `EEXIST` if the name is taken, even by a link.
    pub fn create_new(&self, name: impl AsRef<OsStr>, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        let file = self.create_masked(name, flags, mode & 0o700)?;
        fchmod(&file, Mode::from_raw_mode(mode))?;
        Ok(file)
    }

    /// Creates a new file with this mode less the umask.
    ///
    /// # Errors
    ///
    /// Those of [`create_new`](Dir::create_new).
    pub fn create_masked(&self, name: impl AsRef<OsStr>, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
        let name = single(name.as_ref())?;
        Ok(rustix::io::retry_on_intr(|| openat(&self.fd, name, flags, Mode::from_raw_mode(mode)))?)
    }

    /// Opens a file, or creates it with exactly this mode. Returns whether it was created.
    ///
    /// # Errors
    ///
    /// Those of [`open_file`](Dir::open_file) and [`create_new`](Dir::create_new).
    pub fn open_or_create(&self, name: impl AsRef<OsStr>, flags: OFlags, mode: u32) -> io::Result<(OwnedFd, bool)> {
        let name = name.as_ref();
        loop {
            match self.open_file(name, flags) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => return Ok((opened?, false)),
            }
            match self.create_new(name, flags, mode) {
                // Another process created it first.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return Ok((made?, true)),
            }
        }
    }

    /// The status of a name; for a link, of the link itself.
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

    /// The target of a link, unresolved.
    ///
    /// # Errors
    ///
    /// Those of `readlinkat`.
    pub fn read_link(&self, name: impl AsRef<OsStr>) -> io::Result<PathBuf> {
        let target = readlinkat(&self.fd, single(name.as_ref())?, Vec::new())?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// Creates a symbolic link.
    ///
    /// # Errors
    ///
    /// Those of `symlinkat`; `EEXIST` if the name is taken.
    pub fn symlink(&self, target: &Path, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(calls::symlinkat(target, &self.fd, single(name.as_ref())?)?)
    }

    /// Changes the group of a name; for a link, of the link itself.
    ///
    /// # Errors
    ///
    /// Those of `fchownat`.
    pub fn give_to_group(&self, name: impl AsRef<OsStr>, group: u32) -> io::Result<()> {
        let group = Some(calls::Gid::from_raw(group));
        Ok(calls::chownat(&self.fd, single(name.as_ref())?, None, group, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Renames within this directory, replacing the new name.
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

    /// Removes a name that is not a directory.
    ///
    /// # Errors
    ///
    /// Those of `unlinkat`.
    pub fn unlink(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(calls::unlinkat(&self.fd, single(name.as_ref())?, AtFlags::empty())?)
    }

    /// Removes a name if it leads to this file. Returns whether it did.
    ///
    /// Between the two calls the owner of the directory may exchange the file. Then another of the
    /// owner's own names is removed, which the owner could have removed anyway.
    ///
    /// # Errors
    ///
    /// Those of the system, except for a missing name.
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

    /// The sorted names in the directory, with their types as far as the file system reports them.
    ///
    /// # Errors
    ///
    /// When the directory is not readable, and those of `getdents64`.
    pub fn names(&self) -> io::Result<Vec<(OsString, FileType)>> {
        let mut names = Vec::new();
        for entry in calls::Dir::new(self.readable()?)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push((OsStr::from_bytes(name).to_owned(), entry.file_type()));
            }
        }
        names.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(names)
    }

    /// Syncs its names to the disk.
    ///
    /// # Errors
    ///
    /// When the directory is not readable, and those of `fsync`.
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

    /// Its path when it was opened, without links. For messages, and for calls that only take
    /// paths.
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

/// Checks that a name cannot lead out of its directory.
fn single(name: &OsStr) -> io::Result<&OsStr> {
    let is_name = Path::new(name).file_name() == Some(name) && !name.as_bytes().contains(&0);
    if is_name { Ok(name) } else { Err(ErrorKind::InvalidInput.into()) }
}

mod walk;

#[cfg(test)]
mod tests;
