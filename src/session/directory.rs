//! The session's directory, private and in memory: `/run/hushlog` on a machine.
//!
//! ```text
//! /run/hushlog/session             -> ..data/session
//! /run/hushlog/environment         -> ..data/environment
//! /run/hushlog/secrets             -> ..data/secrets
//! /run/hushlog/..data              -> ..2
//! /run/hushlog/..2/                what was exported last, complete
//! ```
//!
//! An export is written into a new directory, and published by renaming `..data`. If it is killed,
//! nothing of it is visible, and the export before stays complete. (Kubernetes lays its volumes out
//! like this. Renaming the whole directory was rejected: that fails if it is a mount point, as in
//! containers.)

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Gid, Mode, OFlags, Stat, fchmod, fchown, fstat, fstatfs};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::{Damaged, Session};
use crate::sys::beneath::{Dir, Links};
use crate::sys::boot;
use crate::sys::file::{check_owner, check_regular, kind, kind_name};
use crate::sys::lock::{self, Lock};
use crate::sys::recording;

/// The session's directory of a machine.
pub const DEFAULT_DIR: &str = "/run/hushlog";

/// The longest session that is read, in bytes.
const SESSION_LEN_MAX: u64 = 128 << 20;
/// The most attempts of a reader, each after an export has replaced the one being read.
const LOOKS_MAX: usize = 5;

const SESSION: &str = "session";
const SECRETS: &str = "secrets";
const DATA: &str = "..data";
const DATA_NEXT: &str = "..data.next";

const TMPFS_MAGIC: i128 = 0x0102_1994;
const RAMFS_MAGIC: i128 = 0x8584_58f6;

/// Why a session is missing or could not be written. No variant holds any part of a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A system call failed.
    #[error("cannot {doing}: {error}")]
    Io {
        /// The attempted action.
        doing: &'static str,
        /// The cause.
        error: io::Error,
    },
    /// The session's file is damaged.
    #[error("the session is damaged: {0}")]
    Damaged(#[from] Damaged),
    /// The session was exported before the last boot.
    #[error("the session belongs to an earlier boot")]
    Stale,
    /// The path is another user's directory, or no directory.
    #[error("the directory belongs to another user, or is not a directory")]
    NotOurs,
    /// Another user can write to the directory or the file, and could determine the secrets to
    /// mask.
    #[error("{0}")]
    Untrusted(String),
    /// The directory is not in memory.
    #[error("the directory is on a disk, where values would outlive the machine's uptime")]
    OnDisk,
    /// The name of a secret is no valid file name.
    #[error("{name} is not a valid file name")]
    FileName {
        /// The secret's name.
        name: String,
    },
}

/// A file's name and content.
pub type Text = (&'static str, Zeroizing<Vec<u8>>);

/// The files that an export writes beside the session itself.
pub struct Files<'a> {
    /// Files beside the session, by name.
    pub texts: Vec<Text>,
    /// Files below `secrets/`, by name.
    pub secrets: Vec<(&'a str, &'a [u8])>,
}

/// The directory of a session.
#[derive(Debug)]
pub struct SessionDir {
    path: PathBuf,
    /// The group that may read the directory, beside its owner.
    group: Option<u32>,
    allow_disk: bool,
}

/// The directory, locked against other writers.
#[derive(Debug)]
pub struct LockedSessionDir<'a> {
    parent: &'a SessionDir,
    dir: Dir,
    _lock: Lock,
}

fn doing(doing: &'static str) -> impl Fn(io::Error) -> SessionError {
    move |error| SessionError::Io { doing, error }
}

impl SessionDir {
    /// A directory, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> SessionDir {
        SessionDir { path: path.into(), group: None, allow_disk: false }
    }

    /// Lets the members of a group read the files of later exports.
    pub fn group(mut self, group: Option<u32>) -> SessionDir {
        self.group = group;
        self
    }

    /// Permits a directory that is not in memory.
    pub fn allow_disk(mut self, allow_disk: bool) -> SessionDir {
        self.allow_disk = allow_disk;
        self
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the session.
    pub fn session(&self) -> PathBuf {
        self.path.join(SESSION)
    }

    /// The session of this boot; none if nothing was exported.
    ///
    /// # Errors
    ///
    /// When the session is unusable. The directory and the file must belong to root or to this
    /// user, and no other user may be able to write to them.
    pub fn read(&self) -> Result<Option<Session>, SessionError> {
        match Dir::open(&self.path, Links::Trusted) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            dir => read_in(&dir.map_err(doing("open the session's directory"))?),
        }
    }

    /// Creates the directory if it is missing, and locks it against other writers. Waits for the
    /// lock up to [`PATIENCE`](lock::PATIENCE).
    ///
    /// # Errors
    ///
    /// When it is not a directory of this user, or not in memory.
    pub fn lock(&self) -> Result<LockedSessionDir<'_>, SessionError> {
        // A trailing slash makes no difference.
        let path: PathBuf = self.path.components().collect();
        let (parent, name) = Dir::parent_of(&path, Links::Trusted).map_err(doing("open the parent directory"))?;
        match parent.make(&name, 0o700) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(doing("create the directory")(error)),
            _ => {}
        }
        let dir = match parent.sub(&name) {
            Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::NOTDIR | Errno::LOOP)) => {
                return Err(SessionError::NotOurs);
            }
            dir => dir.map_err(doing("open the directory"))?,
        };
        let directory = File::from(dir.readable().map_err(doing("open the directory"))?);
        if dir.stat_self().map_err(doing("inspect the directory"))?.st_uid != geteuid().as_raw() {
            return Err(SessionError::NotOurs);
        }
        let system = fstatfs(&directory).map_err(|error| doing("inspect the file system")(error.into()))?;
        if !self.allow_disk && ![TMPFS_MAGIC, RAMFS_MAGIC].contains(&i128::from(system.f_type)) {
            return Err(SessionError::OnDisk);
        }
        self.admit(&directory, true).map_err(doing("set the permissions of the directory"))?;
        // Not the directory itself: the members of the group can open it, and so lock it.
        let lock = lock::beside(&self.session(), lock::PATIENCE).map_err(doing("lock the directory"))?;
        Ok(LockedSessionDir { parent: self, dir, _lock: lock })
    }

    /// Sets the group and the mode of a file or directory, independently of the umask.
    fn admit(&self, file: impl AsFd, is_directory: bool) -> io::Result<()> {
        let (own, others) = if is_directory { (0o700, 0o050) } else { (0o600, 0o040) };
        if let Some(group) = self.group {
            fchown(&file, None, Some(Gid::from_raw(group)))?;
        }
        Ok(fchmod(&file, Mode::from_raw_mode(own | if self.group.is_some() { others } else { 0 }))?)
    }
}

impl LockedSessionDir<'_> {
    /// The session that an export replaces. A session of an earlier boot is ignored.
    ///
    /// # Errors
    ///
    /// When the session cannot be read: the export would forget secrets that must stay masked.
    pub fn read(&self) -> Result<Option<Session>, SessionError> {
        match self.parent.read() {
            Err(SessionError::Stale) => Ok(None),
            read => read,
        }
    }

    /// Replaces the earlier export atomically.
    ///
    /// # Errors
    ///
    /// When anything could not be written. The earlier export stays then.
    pub fn write(&self, session: &Session, files: &Files<'_>) -> Result<(), SessionError> {
        let current = self.dir.read_link(DATA).ok();
        self.sweep(current.as_deref()).map_err(doing("remove files of an earlier export"))?;
        let next = next_name(current.as_deref());
        let written = self.generation(&next, session, files).and_then(|()| {
            let names = [SESSION, SECRETS].into_iter().chain(files.texts.iter().map(|(name, _)| *name));
            names.into_iter().try_for_each(|name| link(&self.dir, name)).map_err(doing("link to the new files"))?;
            self.dir.symlink(Path::new(&next), DATA_NEXT).map_err(doing("link to the new files"))?;
            self.own_link(DATA_NEXT).map_err(doing("link to the new files"))?;
            self.dir.rename(DATA_NEXT, DATA).map_err(doing("put the new files in place"))
        });
        // Removes the unused or unfinished export. If that fails, the next export tries again.
        let used = if written.is_ok() { Some(Path::new(&next)) } else { current.as_deref() };
        let _ = self.sweep(used);
        written
    }

    /// Writes the files of an export into a new directory.
    fn generation(&self, name: &str, session: &Session, files: &Files<'_>) -> Result<(), SessionError> {
        check_names(&files.secrets)?;
        let write = || {
            let dir = self.directory(&self.dir, name)?;
            self.file(&dir, SESSION, &session.render())?;
            files.texts.iter().try_for_each(|(name, text)| self.file(&dir, name, text))?;
            let secrets = self.directory(&dir, SECRETS)?;
            files.secrets.iter().try_for_each(|(name, value)| self.secret(&secrets, name, value))
        };
        write().map_err(doing("write the session"))
    }

    fn directory(&self, dir: &Dir, name: &str) -> io::Result<Dir> {
        let made = dir.make(name, 0o700)?;
        self.parent.admit(made.readable()?, true)?;
        Ok(made)
    }

    fn file(&self, dir: &Dir, name: &str, content: &[u8]) -> io::Result<()> {
        let mut file = File::from(dir.create_new(name, OFlags::WRONLY, 0o600)?);
        self.parent.admit(&file, false)?;
        file.write_all(content)
    }

    /// Writes the file of a secret. The secret's name may be a path.
    fn secret(&self, dir: &Dir, name: &str, value: &[u8]) -> io::Result<()> {
        let Some((first, rest)) = name.split_once('/') else { return self.file(dir, name, value) };
        let below = match self.directory(dir, first) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => dir.sub(first)?,
            made => made?,
        };
        self.secret(&below, rest, value)
    }

    /// Removes the directories of all exports but the one in use.
    fn sweep(&self, used: Option<&Path>) -> io::Result<()> {
        for (name, _) in self.dir.names()? {
            let is_export = name.as_encoded_bytes().strip_prefix(b"..").is_some_and(|rest| rest != b"data");
            if is_export && Some(Path::new(&name)) != used {
                remove(&self.dir, &name)?;
            }
        }
        Ok(())
    }

    /// Gives a link to the group, too: where links are protected, the group decides on access.
    fn own_link(&self, name: &str) -> io::Result<()> {
        match self.parent.group {
            Some(group) => self.dir.give_to_group(name, group),
            None => Ok(()),
        }
    }
}

/// Removes a name and everything below it.
fn remove(dir: &Dir, name: &OsStr) -> io::Result<()> {
    if kind(&dir.stat(name)?) != FileType::Directory {
        return dir.unlink(name);
    }
    let below = dir.sub(name)?;
    below.names()?.iter().try_for_each(|(name, _)| remove(&below, name))?;
    dir.remove_dir(name)
}

/// Reads a session outside a session directory, such as a credential of a service; none if there is
/// no file.
///
/// # Errors
///
/// When the session cannot be read, is of an earlier boot, or may have been written by another
/// user.
pub fn read(path: &Path) -> Result<Option<Session>, SessionError> {
    match Dir::parent_of(path, Links::Trusted) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => {
            let (dir, name) = found.map_err(doing("open the directory of the session"))?;
            check_directory(&dir)?;
            read_file(&dir, &name)
        }
    }
}

/// Reads the session of a directory. Follows only the links of an export.
fn read_in(dir: &Dir) -> Result<Option<Session>, SessionError> {
    check_directory(dir)?;
    // An export may remove the previous one just before its file is opened.
    for _ in 0..LOOKS_MAX {
        let found = match dir.stat(SESSION) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            found => found.map_err(doing("open the session"))?,
        };
        if kind(&found) != FileType::Symlink {
            return read_file(dir, OsStr::new(SESSION));
        }
        if dir.read_link(SESSION).map_err(doing("open the session"))? != Path::new(DATA).join(SESSION) {
            return Err(SessionError::Untrusted("the session is a symbolic link that no export created".to_owned()));
        }
        let Ok(export) = dir.read_link(DATA) else { return Ok(None) };
        let read = match dir.sub(&export) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            export => {
                let export = export.map_err(doing("open the session"))?;
                note_below(&export);
                read_file(&export, OsStr::new(SESSION))?
            }
        };
        if read.is_some() {
            return Ok(read);
        }
    }
    Ok(None)
}

/// Notes that all files of an export hold secrets, whichever of them is read.
fn note_below(dir: &Dir) {
    for (name, _) in dir.names().unwrap_or_default() {
        match dir.stat(&name) {
            Ok(found) if kind(&found) == FileType::Directory => {
                if let Ok(below) = dir.sub(&name) {
                    note_below(&below);
                }
            }
            Ok(found) => recording::note_stat(&found),
            Err(_) => {}
        }
    }
}

/// Notes that the file targets of a session hold secrets.
fn note_targets(session: &Session) {
    for path in &session.files {
        let found = Dir::parent_of(Path::new(path), Links::Trusted).and_then(|(dir, name)| dir.stat(name));
        if let Ok(found) = found {
            recording::note_stat(&found);
        }
    }
}

fn check_directory(dir: &Dir) -> Result<(), SessionError> {
    check("the session's directory", &dir.stat_self().map_err(doing("inspect the directory"))?)
}

/// Rejects a session that another user may have written: it would determine the secrets to mask.
fn check(what: &str, found: &Stat) -> Result<(), SessionError> {
    check_owner(found).map_err(|error| SessionError::Untrusted(format!("{what} is not trusted: {error}")))?;
    if found.st_mode & 0o022 != 0 {
        return Err(SessionError::Untrusted(format!("{what} is not trusted: other users can write to it")));
    }
    Ok(())
}

fn read_file(dir: &Dir, name: &OsStr) -> Result<Option<Session>, SessionError> {
    let file = match dir.open_file(name, OFlags::RDONLY) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(doing("open the session"))?,
    };
    let found = fstat(&file).map_err(|error| doing("inspect the session")(error.into()))?;
    if check_regular(&found).is_err() {
        return Err(SessionError::Untrusted(format!("the session is {}, not a file", kind_name(kind(&found)))));
    }
    check("the session", &found)?;
    recording::note(&file, None);
    let len = u64::try_from(found.st_size).unwrap_or(u64::MAX);
    if len > SESSION_LEN_MAX {
        return Err(doing("read the session")(ErrorKind::FileTooLarge.into()));
    }
    // A session's file is complete before it is visible, and does not change.
    let mut text = Zeroizing::new(vec![0; len as usize]);
    File::from(file).read_exact(&mut text).map_err(doing("read the session"))?;
    let session = Session::parse(&text)?;
    let boot = boot::id();
    if !session.boot().is_empty() && !boot.is_empty() && session.boot() != boot {
        return Err(SessionError::Stale);
    }
    note_targets(&session);
    Ok(Some(session))
}

/// Makes a permanent name a link into `..data`.
fn link(dir: &Dir, name: &str) -> io::Result<()> {
    let target = Path::new(DATA).join(name);
    match dir.read_link(name) {
        Ok(present) if present == target => Ok(()),
        _ => dir.symlink(&target, name),
    }
}

fn next_name(current: Option<&Path>) -> String {
    let number = current.and_then(|path| path.to_str()?.strip_prefix("..")?.parse().ok()).unwrap_or(0u64);
    format!("..{}", number.wrapping_add(1))
}

/// Rejects a name that is no path below a directory, or that would be both a file and a directory.
fn check_names(secrets: &[(&str, &[u8])]) -> Result<(), SessionError> {
    let names: BTreeSet<&str> = secrets.iter().map(|(name, _)| *name).collect();
    let is_part = |part: &str| !part.is_empty() && part.len() <= 255 && !part.starts_with('.');
    let is_path = |name: &str| name.split('/').all(is_part) && !name.contains(char::is_control);
    let in_file = |name: &str| name.match_indices('/').any(|(slash, _)| names.contains(&name[..slash]));
    match names.iter().find(|name| !is_path(name) || in_file(name)) {
        Some(name) => Err(SessionError::FileName { name: (*name).to_owned() }),
        None => Ok(()),
    }
}
