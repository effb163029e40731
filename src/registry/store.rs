//! The registry on disk: read whole, replaced atomically, one writer at a time.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags, fstat};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::file::Registry;
use super::format::FILE_LEN_MAX;
use super::sign::SigningKey;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::kind;
use crate::sys::input::Input;
use crate::sys::lock::{self, Lock};
use crate::sys::replace::{NotKept, replace_shared_in};
use crate::sys::temporary;

/// A registry with the text that it was read from. While the file still holds this text, it need
/// not be parsed again.
#[derive(Debug)]
pub struct Snapshot {
    text: Vec<u8>,
    registry: Registry,
}

impl Snapshot {
    /// Reads the registry at this path, and checks it as [`Registry::parse`] does.
    ///
    /// # Errors
    ///
    /// When it is missing, unreadable or invalid.
    pub fn load(path: &Path) -> Result<Snapshot, Error> {
        let text = read(path)?;
        Ok(Snapshot { registry: Registry::parse(&text)?, text })
    }

    /// Reads the registry again. If its text is the same, it is not parsed, and the result is this
    /// snapshot.
    ///
    /// # Errors
    ///
    /// As [`load`](Snapshot::load).
    pub fn load_again(self: &Arc<Snapshot>, path: &Path) -> Result<Arc<Snapshot>, Error> {
        let text = read(path)?;
        if text == self.text {
            return Ok(Arc::clone(self));
        }
        Ok(Arc::new(Snapshot { registry: Registry::parse(&text)?, text }))
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A digest of the text, by which a form recognizes the state that it was made from.
    pub fn digest(&self) -> String {
        data_encoding::HEXLOWER.encode(&Sha256::digest(&self.text)[..16])
    }

    /// The registry, without its text.
    pub fn into_registry(self) -> Registry {
        self.registry
    }
}

/// A registry's file that is about to be written: located once, and locked until this is dropped.
pub(super) struct Target {
    dir: Dir,
    name: OsString,
    _lock: Lock,
}

impl Target {
    /// Waits for other writers, at most [`PATIENCE`](lock::PATIENCE).
    pub(super) fn lock(path: &Path) -> Result<Target, Error> {
        // The directory stays the same, even if its path leads elsewhere later.
        let (dir, name) = Dir::parent_of(path, Links::Trusted).map_err(Error::Write)?;
        // The lock is on neither the directory, which every user with read access can lock, nor the
        // file, which is replaced.
        let lock = lock::beside_in(&dir, &name, lock::PATIENCE).map_err(Error::Write)?;
        check_target(&dir, &name)?;
        Ok(Target { dir, name, _lock: lock })
    }

    pub(super) fn read(&self) -> Result<Vec<u8>, Error> {
        read_in(&self.dir, &self.name)
    }

    pub(super) fn replace(&self, text: &[u8]) -> Result<(), Error> {
        temporary::remove_leftovers(&self.dir, &self.name);
        replace_shared_in(&self.dir, &self.name, text).map_err(unwritable)
    }
}

/// Reads a regular file only: opening a FIFO would block.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let found = Input::find(path).map_err(unreadable)?;
    match found.kind() {
        FileType::RegularFile => text(found.open().map_err(unreadable)?),
        _ => Err(Error::NotAFile),
    }
}

/// The registry's text, read in its directory, without following a link.
fn read_in(dir: &Dir, name: &OsStr) -> Result<Vec<u8>, Error> {
    let file = dir.open_file(name, OFlags::RDONLY).map_err(unreadable)?;
    let found = fstat(&file).map_err(|error| Error::Read(error.into()))?;
    if kind(&found) == FileType::RegularFile { text(file.into()) } else { Err(Error::NotAFile) }
}

fn unreadable(error: io::Error) -> Error {
    if error.kind() == ErrorKind::NotFound { Error::Missing } else { Error::Read(error) }
}

fn text(file: File) -> Result<Vec<u8>, Error> {
    let len = file.metadata().map_err(Error::Read)?.len();
    let mut text = Vec::with_capacity(len.min(FILE_LEN_MAX as u64) as usize + 1);
    file.take(FILE_LEN_MAX as u64 + 1).read_to_end(&mut text).map_err(Error::Read)?;
    Ok(text)
}

impl Registry {
    /// Reads the registry at this path, and checks it as [`parse`](Registry::parse) does.
    ///
    /// # Errors
    ///
    /// When it is missing, unreadable or invalid.
    pub fn load(path: &Path) -> Result<Registry, Error> {
        Snapshot::load(path).map(Snapshot::into_registry)
    }

    /// Changes the registry at this path: reads it, or creates one if it is missing; applies the
    /// change; and writes it, signed with this key. Concurrent changes wait for each other, at most
    /// [`PATIENCE`](lock::PATIENCE). A change that returned without an error survives a power cut.
    ///
    /// A new registry is open to this user alone. An existing one keeps its owner, group, access
    /// list and mode, except the permissions of others. It is not written if that would lose a
    /// group through which members read it.
    ///
    /// # Errors
    ///
    /// Those of the change, of reading and of writing. The file is then unchanged, with one
    /// exception: if the final sync to disk fails, the change may be in place.
    pub fn update<T, E: From<Error>>(
        path: &Path,
        key: Option<&SigningKey>,
        change: impl FnOnce(&mut Registry) -> Result<T, E>,
    ) -> Result<T, E> {
        Registry::update_from(path, None, key, change)
    }

    /// As [`update`](Registry::update), with a snapshot that the caller has just read.
    ///
    /// # Errors
    ///
    /// As [`update`](Registry::update).
    pub fn update_from<T, E: From<Error>>(
        path: &Path,
        snapshot: Option<&Snapshot>,
        key: Option<&SigningKey>,
        change: impl FnOnce(&mut Registry) -> Result<T, E>,
    ) -> Result<T, E> {
        let target = Target::lock(path)?;
        let old = match (target.read(), snapshot) {
            (Err(Error::Missing), _) => Cow::Owned(Registry::default()),
            (Ok(text), Some(snapshot)) if text == snapshot.text => Cow::Borrowed(&snapshot.registry),
            (text, _) => Cow::Owned(Registry::parse(&text?)?),
        };
        let mut new = Registry::clone(&old);
        let result = change(&mut new)?;
        if new.document != old.document {
            new.advance(&old);
            new.finish()?;
            let text = new.signed(&old, key)?;
            // Only a text that parses is written.
            new.check_written(&text)?;
            target.replace(text.as_bytes())?;
        }
        Ok(result)
    }

    /// The text of the file. If the old registry named signers, one of them must sign any change.
    fn signed(&self, old: &Registry, key: Option<&SigningKey>) -> Result<String, Error> {
        if old.signers().next().is_some() {
            let key = key.ok_or(Error::KeyNeeded)?;
            old.signers().find(|(_, public)| **public == key.public()).ok_or(Error::NotASigner)?;
        }
        let signs = self.signers().next().is_some() || old.signers().next().is_none();
        self.to_text(key.filter(|_| signs))
    }
}

fn unwritable(error: io::Error) -> Error {
    let is_kept_out = error.get_ref().is_some_and(|inner| inner.is::<NotKept>());
    if is_kept_out { Error::NotKept(error) } else { Error::Write(error) }
}

/// Refuses a link: its creator may not own its target.
fn check_target(dir: &Dir, name: &OsStr) -> Result<(), Error> {
    match dir.stat(name) {
        Ok(found) if kind(&found) == FileType::RegularFile => Ok(()),
        Ok(_) => Err(Error::NotAFile),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::Write(error)),
    }
}
