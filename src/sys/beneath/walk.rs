//! Path resolution one component at a time, each relative to the descriptor of the one before.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::mem;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, readlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::super::file::{FileId, is_owned_by_us_or_root, kind, others_can_write};
use super::super::shortage::openat;
use super::{Dir, Found, Links};

/// The maximum number of symbolic links in one path, as in the kernel.
const LINKS_MAX: usize = 40;

/// A path resolution in progress.
pub(super) struct Walk {
    left: VecDeque<OsString>,
    pub(super) dir: Dir,
    passed: Vec<PathBuf>,
    /// The directories that hold the followed or refused links.
    pub(super) links: Vec<PathBuf>,
    /// The other user that owns followed links.
    pub(super) other: Option<u32>,
}

impl Walk {
    pub(super) fn new(path: &Path) -> io::Result<Walk> {
        Ok(Walk::at(start(path.is_absolute())?, path))
    }

    /// Starts in this directory, unless the path is absolute.
    pub(super) fn below(from: &Dir, path: &Path) -> io::Result<Walk> {
        Ok(Walk::at(if path.is_absolute() { start(true) } else { from.try_clone() }?, path))
    }

    fn at(dir: Dir, path: &Path) -> Walk {
        let mut walk = Walk { left: VecDeque::new(), dir, passed: Vec::new(), links: Vec::new(), other: None };
        walk.put_first(path);
        walk
    }

    /// Finds the file at the end of the path.
    pub(super) fn find(&mut self, links: Links) -> io::Result<Found> {
        let (dir, name) = self.resolve(links)?;
        let name = name.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "it does not name a file"))?;
        Ok(Found { dir, name, passed: mem::take(&mut self.passed), links: mem::take(&mut self.links) })
    }

    fn put_first(&mut self, path: &Path) {
        let components = path.components().rev().filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            Component::ParentDir => Some(OsStr::new("..")),
            _ => None,
        });
        components.for_each(|name| self.left.push_front(name.to_owned()));
    }

    /// The directory and the name at the end of the path; no name if the path ends with `/`, `.` or
    /// `..`.
    pub(super) fn resolve(&mut self, links: Links) -> io::Result<(Dir, Option<OsString>)> {
        while let Some(name) = self.left.pop_front() {
            if name == ".." {
                self.step(&name)?;
                self.dir.path.pop();
                continue;
            }
            self.passed.push(self.dir.path.clone());
            match self.dir.stat(&name) {
                Ok(stat) if kind(&stat) == FileType::Symlink => self.follow(&name, &stat, links)?,
                Err(error) if error.kind() != ErrorKind::NotFound || !self.left.is_empty() => return Err(error),
                _ if self.left.is_empty() => return Ok((self.take()?, Some(name))),
                _ => {
                    self.step(&name)?;
                    self.dir.path.push(&name);
                }
            }
        }
        Ok((self.take()?, None))
    }

    fn take(&mut self) -> io::Result<Dir> {
        Ok(Dir { fd: self.dir.fd.try_clone()?, path: mem::take(&mut self.dir.path) })
    }

    fn step(&mut self, name: &OsStr) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.dir.fd = openat(&self.dir.fd, name, flags, Mode::empty())?;
        Ok(())
    }

    fn follow(&mut self, name: &OsStr, link: &Stat, links: Links) -> io::Result<()> {
        self.links.push(self.dir.path.clone());
        let is_allowed = match links {
            Links::Trusted => is_trusted(link, &self.dir.stat_self()?),
            Links::ToRead => is_own(link) || is_trusted(link, &self.dir.stat_self()?),
            Links::ToReadTheirs => {
                let directory = self.dir.stat_self()?;
                is_own(link) || is_trusted(link, &directory) || self.is_of_one_other(link, &directory)
            }
            Links::None => false,
        };
        if !is_allowed || self.links.len() > LINKS_MAX {
            return Err(Errno::LOOP.into());
        }
        if matches!(links, Links::ToRead | Links::ToReadTheirs) && is_of_another_process(&self.dir.path) {
            // Its text would lead to another file than the link does.
            return Err(io::Error::new(ErrorKind::InvalidInput, "it goes through a link in /proc of another process"));
        }
        // Type and target come from one descriptor, since the name may refer to another file by
        // now.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = openat(&self.dir.fd, name, flags, Mode::empty())?;
        if FileId::of(&held)? != FileId::from(link) {
            return Err(Errno::LOOP.into());
        }
        let target = PathBuf::from(OsString::from_vec(readlinkat(&held, "", Vec::new())?.into_bytes()));
        if target.is_absolute() {
            self.dir = start(true)?;
        }
        self.put_first(&target);
        Ok(())
    }

    /// Whether a link belongs to another user, the same one for all links of the path, and no third
    /// user can have put it there.
    fn is_of_one_other(&mut self, link: &Stat, directory: &Stat) -> bool {
        let is_theirs = directory.st_uid == link.st_uid || is_owned_by_us_or_root(directory);
        let is_other = !is_owned_by_us_or_root(link) && is_theirs;
        is_other && *self.other.get_or_insert(link.st_uid) == link.st_uid
    }
}

/// The directory at the start of a path.
fn start(is_absolute: bool) -> io::Result<Dir> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let (at, path) = if is_absolute {
        ("/", PathBuf::from("/"))
    } else {
        // The path is for messages; a deleted working directory has none.
        (".", std::env::current_dir().unwrap_or_default())
    };
    Ok(Dir { fd: openat(CWD, at, flags, Mode::empty())?, path })
}

/// Whether an ordinary user may follow a link for reading: the link is theirs or root's.
fn is_own(link: &Stat) -> bool {
    !geteuid().is_root() && is_owned_by_us_or_root(link)
}

/// Whether a directory, given without links, belongs to another process in `/proc`.
fn is_of_another_process(directory: &Path) -> bool {
    let first = directory.strip_prefix("/proc").ok().and_then(|below| below.components().next());
    let process = first.and_then(|first| first.as_os_str().to_str()?.parse::<u32>().ok());
    process.is_some_and(|process| process != std::process::id())
}

/// Whether a link may be followed: only root or the effective user can have put it there. In a
/// sticky directory such as `/tmp`, only its owner can replace an entry.
fn is_trusted(link: &Stat, directory: &Stat) -> bool {
    let is_sticky = directory.st_mode & 0o1000 != 0 && is_owned_by_us_or_root(directory);
    is_owned_by_us_or_root(link) && (is_sticky || !others_can_write(directory))
}
