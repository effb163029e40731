//! File targets: files with the value of a secret, at paths that the registry names.
//!
//! The registry's writer chooses the paths, and other users may own directories on the way. So:
//!
//! | attack | answer |
//! | --- | --- |
//! | a path from which programs take code or configuration | refused: [`FileTarget::check`] |
//! | a path of a present file | refused, unless an earlier boot wrote the file |
//! | a symbolic link in the path, or in place of the file | refused |
//! | a directory that other users can write to, or of a third user | refused |
//! | a directory that is exchanged meanwhile | every call is relative to a descriptor |
//!
//! A file belongs to the owner and the group of its directory, and is replaced atomically. The
//! [state](super::state) lists the files: a boot removes those that it no longer writes, if nobody
//! has changed them since. The session, which masks the values, is written before the files.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{OFlags, Stat, fstat};
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::state::{LockedState, Stamp, StateDir};
use crate::redact::text;
use crate::registry::{Error, FileTarget};
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::check_regular;
use crate::sys::replace::put_as_directory_in;
use crate::sys::temporary;

/// A file to write.
#[derive(Clone, Copy)]
pub struct TargetFile<'a> {
    /// The name of the secret.
    pub secret: &'a str,
    /// Path and permissions.
    pub target: &'a FileTarget,
    /// The value.
    pub value: &'a [u8],
}

/// Why the files were not written. No variant holds any part of a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A system call failed, or the path is unsafe.
    #[error("cannot write {secret} to {path}: {error}")]
    File {
        /// The name of the secret.
        secret: String,
        /// The path.
        path: String,
        /// The cause.
        error: io::Error,
    },
    /// The file exists, and no boot wrote it.
    #[error("cannot write {secret} to {path}: the file exists, and hushlog did not write it")]
    Foreign {
        /// The name of the secret.
        secret: String,
        /// The path.
        path: String,
    },
    /// The path cannot be used, or several secrets have it.
    #[error(transparent)]
    Target(#[from] Error),
    /// The home directory of this user is not known.
    #[error("cannot write {secret} below ~: the home directory is not known")]
    NoHome {
        /// The name of the secret.
        secret: String,
    },
    /// The list of written files cannot be read or written.
    #[error("cannot use the state of this machine in {}: {error}", text::path(path))]
    State {
        /// The directory of the state.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// No directory is known for the state.
    #[error("no directory is known for the state of this machine, which lists written files")]
    NoStateDir,
}

/// The result of writing the files.
#[derive(Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The number of files that hold their secrets now.
    pub present: usize,
    /// The number of files that were removed.
    pub removed: usize,
    /// The files that are not needed any more, and were left: someone else has changed them.
    pub left: Vec<String>,
}

/// Files that are about to be written, and were checked.
#[derive(Debug)]
pub struct Targets<'a> {
    state: Option<(PathBuf, LockedState)>,
    planned: Vec<Planned<'a>>,
}

struct Planned<'a> {
    file: TargetFile<'a>,
    /// The absolute path.
    path: String,
    dir: Dir,
    name: OsString,
}

impl std::fmt::Debug for Planned<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Planned").field(&self.path).finish()
    }
}

impl Planned<'_> {
    fn failed(&self, error: io::Error) -> TargetError {
        failed(&self.file, &self.path, error)
    }
}

fn failed(file: &TargetFile<'_>, path: &str, error: io::Error) -> TargetError {
    TargetError::File { secret: file.secret.to_owned(), path: path.to_owned(), error }
}

impl<'a> Targets<'a> {
    /// Checks the files, and locks the state; nothing is written. `home` is the directory that `~`
    /// stands for.
    ///
    /// # Errors
    ///
    /// When a path is refused.
    pub fn plan(
        files: Vec<TargetFile<'a>>,
        home: Option<&Path>,
        state_dir: Option<&StateDir>,
    ) -> Result<Targets<'a>, TargetError> {
        let state = match state_dir {
            None if files.is_empty() => None,
            None => return Err(TargetError::NoStateDir),
            Some(dir) => {
                let locked = if files.is_empty() { dir.lock_present() } else { dir.lock().map(Some) };
                let path = dir.path().to_owned();
                match locked {
                    Ok(locked) => locked.map(|locked| (path, locked)),
                    Err(error) => return Err(TargetError::State { path, error }),
                }
            }
        };
        let mut targets = Targets { state, planned: Vec::new() };
        for file in files {
            let planned = targets.planned(file, home)?;
            targets.planned.push(planned);
        }
        Ok(targets)
    }

    fn planned(&self, file: TargetFile<'a>, home: Option<&Path>) -> Result<Planned<'a>, TargetError> {
        file.target.check()?;
        let path = absolute(&file, home)?;
        // Below a home directory such as `/`, the path may be another one.
        let whole = FileTarget { path: path.parse()?, mode: file.target.mode };
        whole.check()?;
        if let Some(other) = self.planned.iter().find(|planned| planned.path == path) {
            let (name, other) = (file.secret.to_owned(), other.file.secret.to_owned());
            return Err(Error::FileCollision { name, other, path: path.into() }.into());
        }
        let (dir, name) = open_directory(Path::new(&path)).map_err(|error| failed(&file, &path, error))?;
        match dir.stat(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => {
                let checked = found.and_then(|found| check_regular(&found));
                checked.map_err(|error| failed(&file, &path, error))?;
                let is_ours = self.state.as_ref().is_some_and(|(_, locked)| locked.state.files.contains_key(&path));
                if !is_ours {
                    return Err(TargetError::Foreign { secret: file.secret.to_owned(), path });
                }
            }
        }
        Ok(Planned { file, path, dir, name })
    }

    /// The absolute paths of the files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.planned.iter().map(|planned| planned.path.as_str())
    }

    /// Writes the files whose value, owner or permissions differ, and removes those of earlier
    /// boots that are not among them.
    ///
    /// # Errors
    ///
    /// When a file cannot be written. Each file then has its old or its new value.
    pub fn write(mut self) -> Result<Written, TargetError> {
        let Some((state_path, mut locked)) = self.state.take() else { return Ok(Written::default()) };
        let unsaved = |error| TargetError::State { path: state_path.clone(), error };
        // A boot that is killed while it writes knows afterwards which files are its own.
        for planned in &self.planned {
            locked.state.files.entry(planned.path.clone()).or_default();
        }
        locked.save().map_err(unsaved)?;
        let mut written = Written { present: self.planned.len(), ..Written::default() };
        for planned in &self.planned {
            let stamp = put(planned).map_err(|error| planned.failed(error))?;
            locked.state.files.insert(planned.path.clone(), Some(stamp));
        }
        let is_needed = |path: &String| self.planned.iter().any(|planned| planned.path == *path);
        locked.state.files.retain(|path, stamp| {
            if is_needed(path) {
                return true;
            }
            match remove(Path::new(path), *stamp) {
                Ok(true) => written.removed += 1,
                Ok(false) => {}
                Err(_) => written.left.push(path.clone()),
            }
            false
        });
        locked.save().map_err(unsaved)?;
        Ok(written)
    }
}

fn absolute(file: &TargetFile<'_>, home: Option<&Path>) -> Result<String, TargetError> {
    let Some(below) = file.target.path.below_home() else { return Ok(file.target.path.to_string()) };
    let home = home.filter(|home| home.is_absolute()).and_then(Path::to_str);
    let home = home.ok_or_else(|| TargetError::NoHome { secret: file.secret.to_owned() })?;
    Ok(format!("{}/{below}", home.trim_end_matches('/')))
}

/// Opens the directory of a file without following a link.
///
/// Every directory on the way belongs to root, to this user or to the owner of the last one, and no
/// other user can exchange the next one. In a sticky directory such as `/tmp`, the next one has to
/// belong to root or to this user: another user could have made it beforehand.
fn open_directory(path: &Path) -> io::Result<(Dir, OsString)> {
    let refused = |text: &str| io::Error::new(io::ErrorKind::PermissionDenied, text);
    let own = geteuid().as_raw();
    let is_trusted = |stat: &Stat| stat.st_uid == 0 || stat.st_uid == own;
    let mut parts: Vec<&OsStr> = path.components().filter_map(normal).collect();
    let name = parts.pop().ok_or_else(|| refused("it names no file"))?.to_owned();
    let mut dir = Dir::open(Path::new("/"), Links::None)?;
    let mut stats = vec![dir.stat_self()?];
    for part in parts {
        dir = dir.sub(part)?;
        stats.push(dir.stat_self()?);
    }
    for (at, stat) in stats.iter().enumerate() {
        let next = stats.get(at + 1);
        let is_sticky = stat.st_mode & 0o1000 != 0 && is_trusted(stat) && next.is_some_and(is_trusted);
        if stat.st_mode & 0o022 != 0 && !is_sticky {
            return Err(refused("other users can write to a directory of the path"));
        }
        let last = stats.last().map_or(own, |last| last.st_uid);
        if !is_trusted(stat) && stat.st_uid != last {
            return Err(refused("a directory of the path belongs to another user"));
        }
    }
    match stats.last() {
        Some(last) if last.st_uid != own && own != 0 => Err(refused("its directory belongs to another user")),
        _ => Ok((dir, name)),
    }
}

fn normal(component: Component<'_>) -> Option<&OsStr> {
    match component {
        Component::Normal(name) => Some(name),
        _ => None,
    }
}

/// Writes a file, unless it is as it should be.
fn put(planned: &Planned<'_>) -> io::Result<Stamp> {
    let Planned { file, dir, name, .. } = planned;
    temporary::remove_leftovers(dir, name);
    if let Some(stamp) = unchanged(planned)? {
        return Ok(stamp);
    }
    put_as_directory_in(dir, name, file.target.mode.bits(), file.value)?;
    Ok(Stamp::from(&dir.stat(name)?))
}

/// The stamp of the present file, if it has this value, these permissions, and the owner and group
/// of its directory.
fn unchanged(planned: &Planned<'_>) -> io::Result<Option<Stamp>> {
    let Planned { file, dir, name, .. } = planned;
    let Ok(open) = dir.open_file(name, OFlags::RDONLY) else { return Ok(None) };
    let (found, around) = (fstat(&open)?, dir.stat_self()?);
    let is_same = check_regular(&found).is_ok()
        && found.st_mode & 0o7777 == file.target.mode.bits()
        && (found.st_uid, found.st_gid) == (around.st_uid, around.st_gid)
        && found.st_nlink == 1
        && u64::try_from(found.st_size) == Ok(file.value.len() as u64);
    if !is_same {
        return Ok(None);
    }
    let mut value = Zeroizing::new(vec![0; file.value.len()]);
    let is_read = File::from(open).read_exact(&mut value).is_ok();
    Ok((is_read && *value == file.value).then(|| Stamp::from(&found)))
}

/// Removes a file that an earlier boot wrote. Returns whether there was one.
///
/// # Errors
///
/// When someone else has changed it, or its path is no longer safe.
fn remove(path: &Path, stamp: Option<Stamp>) -> io::Result<bool> {
    let gone = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(false) } else { Err(error) };
    let (dir, name) = match open_directory(path) {
        Err(error) => return gone(error),
        opened => opened?,
    };
    temporary::remove_leftovers(&dir, &name);
    let found = match dir.stat(&name) {
        Err(error) => return gone(error),
        found => found?,
    };
    check_regular(&found)?;
    if stamp.is_some_and(|stamp| stamp != Stamp::from(&found)) {
        return Err(io::Error::other("it was changed"));
    }
    dir.unlink(&name)?;
    dir.sync()?;
    Ok(true)
}
