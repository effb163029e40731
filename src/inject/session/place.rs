//! Where the session lies: a private directory in memory, `/run/hushlog` on a machine.
//!
//! ```text
//! /run/hushlog/session             -> ..data/session
//! /run/hushlog/environment         -> ..data/environment
//! /run/hushlog/secrets             -> ..data/secrets
//! /run/hushlog/..data              -> ..2
//! /run/hushlog/..2/                what was exported last, complete
//! ```
//!
//! All of an export is written into a directory of its own, and appears when `..data` is renamed: there is all of it or, for whoever
//! was killed before, nothing of it, or all of the one before. (Kubernetes lays its volumes out like this. Renaming the directory as a
//! whole was considered, and does not work where it is a mount point, as it is in containers.)

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fstatfs};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::{Damaged, Session};
use crate::sys::lock::{self, Lock};

/// Where the session of a machine lies.
pub const DEFAULT: &str = "/run/hushlog";

/// The longest session that is read, in bytes.
const SESSION_LEN_MAX: u64 = 128 << 20;
/// How often a reader looks again when an export has just replaced the one it was looking at.
const LOOKS_MAX: usize = 5;

const SESSION: &str = "session";
const SECRETS: &str = "secrets";
const DATA: &str = "..data";
const DATA_NEXT: &str = "..data.next";

const TMPFS_MAGIC: i128 = 0x0102_1994;
const RAMFS_MAGIC: i128 = 0x8584_58f6;

/// Why there is no session, or why it could not be written. No variant holds any part of a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// A system call failed.
    #[error("cannot {doing}: {error}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        error: io::Error,
    },
    /// The session's file is damaged.
    #[error("the session is damaged: {0}")]
    Damaged(#[from] Damaged),
    /// What is there was exported before the machine was booted the last time.
    #[error("the session is of an earlier boot")]
    Stale,
    /// The directory belongs to another user, or is none.
    #[error("the directory belongs to another user, or is none")]
    NotOurs,
    /// The directory is not in memory.
    #[error("the directory is on a disk, where values would outlive the machine")]
    OnDisk,
    /// The name of a secret cannot be that of a file.
    #[error("{name} cannot be the name of a file")]
    FileName {
        /// The secret's name.
        name: String,
    },
}

/// A file's name and content.
pub type Text = (&'static str, Zeroizing<Vec<u8>>);

/// What of an export is written beside the session itself.
pub struct Files<'a> {
    /// Files beside the session, by name.
    pub texts: Vec<Text>,
    /// Files below `secrets/`, by name.
    pub secrets: Vec<(&'a str, &'a [u8])>,
}

/// The directory of a session.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// Who may read it beside its owner.
    group: Option<u32>,
    allow_disk: bool,
}

/// The directory, while nobody else writes to it.
#[derive(Debug)]
pub struct Locked<'a> {
    place: &'a Place,
    _lock: Lock,
}

/// Which boot of the machine this is; nothing where the system does not tell.
pub fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

fn doing(doing: &'static str) -> impl Fn(io::Error) -> PlaceError {
    move |error| PlaceError::Io { doing, error }
}

impl Place {
    /// A directory, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Place {
        Place { path: path.into(), group: None, allow_disk: false }
    }

    /// Lets the members of a group read what will be written.
    pub fn group(mut self, group: Option<u32>) -> Place {
        self.group = group;
        self
    }

    /// Writes also where the directory is not in memory.
    pub fn allow_disk(mut self, allow_disk: bool) -> Place {
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

    /// The session of this boot; nothing if none was exported.
    ///
    /// # Errors
    ///
    /// When there is one that cannot be used.
    pub fn read(&self) -> Result<Option<Session>, PlaceError> {
        // An export that replaced the one whose file was about to be opened has removed that.
        for _ in 0..LOOKS_MAX {
            if let Some(session) = read(&self.session())? {
                return Ok(Some(session));
            }
            if fs::symlink_metadata(self.path.join(DATA)).is_err() {
                break;
            }
        }
        Ok(None)
    }

    /// Makes the directory if need be, and waits until nobody else writes to it, up to
    /// [`PATIENCE`](lock::PATIENCE).
    ///
    /// # Errors
    ///
    /// When it is not a directory of the own user, or not in memory.
    pub fn lock(&self) -> Result<Locked<'_>, PlaceError> {
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(doing("make the directory")(error)),
            _ => {}
        }
        let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits() as i32;
        let directory = OpenOptions::new().read(true).custom_flags(flags).open(&self.path);
        let directory = match directory {
            Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::NOTDIR | Errno::LOOP)) => {
                return Err(PlaceError::NotOurs);
            }
            directory => directory.map_err(doing("open the directory"))?,
        };
        let owner = directory.metadata().map_err(doing("look at the directory"))?.uid();
        if owner != geteuid().as_raw() {
            return Err(PlaceError::NotOurs);
        }
        let system = fstatfs(&directory).map_err(|error| doing("look at the file system")(error.into()))?;
        if !self.allow_disk && ![TMPFS_MAGIC, RAMFS_MAGIC].contains(&i128::from(system.f_type)) {
            return Err(PlaceError::OnDisk);
        }
        self.admit(&directory, true).map_err(doing("set who may read the directory"))?;
        // Not the directory itself: the members of the group can open that, and so lock it.
        let lock = lock::beside(&self.session(), lock::PATIENCE).map_err(doing("lock the directory"))?;
        Ok(Locked { place: self, _lock: lock })
    }

    /// Sets the mode of a file or directory, whatever the umask is, and its group.
    fn admit(&self, file: &File, is_directory: bool) -> io::Result<()> {
        let (own, others) = if is_directory { (0o700, 0o050) } else { (0o600, 0o040) };
        if self.group.is_some() {
            fchown(file, None, self.group)?;
        }
        file.set_permissions(Permissions::from_mode(own | if self.group.is_some() { others } else { 0 }))
    }
}

impl Locked<'_> {
    /// The session that is to be replaced. One of an earlier boot counts for nothing.
    ///
    /// # Errors
    ///
    /// When there is one that cannot be read: what must stay masked would be forgotten.
    pub fn read(&self) -> Result<Option<Session>, PlaceError> {
        match self.place.read() {
            Err(PlaceError::Stale) => Ok(None),
            read => read,
        }
    }

    /// Replaces what was exported, all of it or nothing.
    ///
    /// # Errors
    ///
    /// When anything could not be written; what was exported earlier stays then.
    pub fn write(&self, session: &Session, files: &Files<'_>) -> Result<(), PlaceError> {
        let path = &self.place.path;
        let current = fs::read_link(path.join(DATA)).ok();
        self.sweep(current.as_deref()).map_err(doing("remove what an earlier export left"))?;
        let next = next_name(current.as_deref());
        let written = self.generation(&path.join(&next), session, files).and_then(|()| {
            let names = [SESSION, SECRETS].into_iter().chain(files.texts.iter().map(|(name, _)| *name));
            names.into_iter().try_for_each(|name| link(path, name)).map_err(doing("link to the new files"))?;
            symlink(&next, path.join(DATA_NEXT)).map_err(doing("link to the new files"))?;
            self.own_link(DATA_NEXT).map_err(doing("link to the new files"))?;
            fs::rename(path.join(DATA_NEXT), path.join(DATA)).map_err(doing("put the new files in place"))
        });
        // What is not in use any more, or was not finished. If it cannot be removed now, the next export tries again.
        let used = if written.is_ok() { Some(Path::new(&next)) } else { current.as_deref() };
        let _ = self.sweep(used);
        written
    }

    /// Writes the files of an export into a directory of their own.
    fn generation(&self, path: &Path, session: &Session, files: &Files<'_>) -> Result<(), PlaceError> {
        check_names(&files.secrets)?;
        let directory = |path: &Path| {
            DirBuilder::new().mode(0o700).create(path)?;
            self.place.admit(&File::open(path)?, true)
        };
        let file = |path: &Path, content: &[u8]| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            self.place.admit(&file, false)?;
            file.write_all(content)
        };
        let write = || {
            directory(path)?;
            file(&path.join(SESSION), &session.render())?;
            files.texts.iter().try_for_each(|(name, text)| file(&path.join(name), text))?;
            let secrets = path.join(SECRETS);
            directory(&secrets)?;
            for (name, value) in &files.secrets {
                for (slash, _) in name.match_indices('/') {
                    match directory(&secrets.join(&name[..slash])) {
                        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                        _ => {}
                    }
                }
                file(&secrets.join(name), value)?;
            }
            Ok(())
        };
        write().map_err(doing("write the session"))
    }

    /// Removes all directories of exports but the one in use.
    fn sweep(&self, used: Option<&Path>) -> io::Result<()> {
        for entry in fs::read_dir(&self.place.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_export = name.as_encoded_bytes().strip_prefix(b"..").is_some_and(|rest| rest != b"data");
            if is_export && Some(Path::new(&name)) != used {
                match entry.file_type()?.is_dir() {
                    true => fs::remove_dir_all(entry.path())?,
                    false => fs::remove_file(entry.path())?,
                }
            }
        }
        Ok(())
    }

    /// Gives a link to the group too, which decides who may follow it where links are protected.
    fn own_link(&self, name: &str) -> io::Result<()> {
        match self.place.group {
            Some(group) => lchown(self.place.path.join(name), None, Some(group)),
            None => Ok(()),
        }
    }
}

/// Reads a session; nothing if there is none.
///
/// # Errors
///
/// When there is one that cannot be read, or one of an earlier boot.
pub fn read(path: &Path) -> Result<Option<Session>, PlaceError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(doing("open the session"))?,
    };
    let len = file.metadata().map_err(doing("look at the session"))?.len();
    if len > SESSION_LEN_MAX {
        return Err(doing("read the session")(ErrorKind::FileTooLarge.into()));
    }
    // A file of a session is complete before it can be seen, and does not change.
    let mut text = Zeroizing::new(vec![0; len as usize]);
    file.read_exact(&mut text).map_err(doing("read the session"))?;
    let session = Session::parse(&text)?;
    let boot = boot_id();
    if !session.boot().is_empty() && !boot.is_empty() && session.boot() != boot {
        return Err(PlaceError::Stale);
    }
    Ok(Some(session))
}

/// Links a name that stays to what is behind `..data`.
fn link(directory: &Path, name: &str) -> io::Result<()> {
    let (path, target) = (directory.join(name), Path::new(DATA).join(name));
    match fs::read_link(&path) {
        Ok(present) if present == target => Ok(()),
        _ => symlink(target, path),
    }
}

fn next_name(current: Option<&Path>) -> String {
    let number = current.and_then(|path| path.to_str()?.strip_prefix("..")?.parse().ok()).unwrap_or(0u64);
    format!("..{}", number.wrapping_add(1))
}

/// Fails for a name that is no path below a directory, or that would be a file and a directory.
fn check_names(secrets: &[(&str, &[u8])]) -> Result<(), PlaceError> {
    let names: BTreeSet<&str> = secrets.iter().map(|(name, _)| *name).collect();
    let is_part = |part: &str| !part.is_empty() && part.len() <= 255 && !part.starts_with('.');
    let is_path = |name: &str| name.split('/').all(is_part) && !name.contains(char::is_control);
    let in_file = |name: &str| name.match_indices('/').any(|(slash, _)| names.contains(&name[..slash]));
    match names.iter().find(|name| !is_path(name) || in_file(name)) {
        Some(name) => Err(PlaceError::FileName { name: (*name).to_owned() }),
        None => Ok(()),
    }
}
