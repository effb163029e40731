//! The registry on disk: read whole, written in one step, one writer at a time.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::Error;
use super::file::{FILE_LEN_MAX, Registry};
use super::sign::SigningKey;
use crate::sys::beneath::{Dir, Links};
use crate::sys::lock;
use crate::sys::replace::{directory, replace};

/// Nobody else reads even the names.
const MODE: u32 = 0o600;

/// A registry as it was read, with the text that it was read from: as long as that is what the file holds, it need not be understood
/// a second time.
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
    /// When it is missing, cannot be read, or is wrong.
    pub fn load(path: &Path) -> Result<Snapshot, Error> {
        let text = read(path)?;
        Ok(Snapshot { registry: Registry::parse(&text)?, text })
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The registry alone.
    pub fn into_registry(self) -> Registry {
        self.registry
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    // A FIFO at the path must not be waited for.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::Missing,
        _ => Error::Read(error),
    })?;
    let found = file.metadata().map_err(Error::Read)?;
    if !found.is_file() {
        return Err(Error::NotAFile);
    }
    let mut text = Vec::with_capacity(found.len().min(FILE_LEN_MAX as u64) as usize + 1);
    file.take(FILE_LEN_MAX as u64 + 1).read_to_end(&mut text).map_err(Error::Read)?;
    Ok(text)
}

impl Registry {
    /// Reads the registry at this path, and checks it as [`parse`](Registry::parse) does.
    ///
    /// # Errors
    ///
    /// When it is missing, cannot be read, or is wrong.
    pub fn load(path: &Path) -> Result<Registry, Error> {
        Snapshot::load(path).map(Snapshot::into_registry)
    }

    /// Changes the registry at this path: reads it, or begins a new one if there is none; changes
    /// it, and writes it, signed with this key. Changes at the same time wait for each other, up to
    /// [`PATIENCE`](lock::PATIENCE). When this returns without an error, the change outlives a
    /// power cut.
    ///
    /// # Errors
    ///
    /// Those of the change, of reading and of writing. The file is as it was then; only if the error is that of the last wait for
    /// the disk, the change may be there already.
    pub fn update<T, E: From<Error>>(
        path: &Path,
        key: Option<&SigningKey>,
        change: impl FnOnce(&mut Registry) -> Result<T, E>,
    ) -> Result<T, E> {
        Registry::update_from(path, None, key, change)
    }

    /// As [`update`](Registry::update), for who has read it just now.
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
        // Not the directory, which every user that can read it can lock; nor the file, which is
        // replaced.
        let _lock = lock::beside(path, lock::PATIENCE).map_err(Error::Write)?;
        check_target(path)?;
        let old = match (read(path), snapshot) {
            (Err(Error::Missing), _) => Registry::default(),
            (Ok(text), Some(snapshot)) if text == snapshot.text => snapshot.registry.clone(),
            (text, _) => Registry::parse(&text?)?,
        };
        let mut new = old.clone();
        let result = change(&mut new)?;
        if new.document != old.document {
            let text = new.signed(&old, key)?;
            // What cannot be read again is never written.
            Registry::parse(text.as_bytes())?;
            remove_leftovers(path);
            replace(path, MODE, text.as_bytes()).map_err(Error::Write)?;
        }
        Ok(result)
    }

    /// The text of the file. Whoever changes a registry that named signers has to be one of them, whatever the change.
    fn signed(&self, old: &Registry, key: Option<&SigningKey>) -> Result<String, Error> {
        if old.signers().next().is_some() {
            let key = key.ok_or(Error::KeyNeeded)?;
            old.signers().find(|(_, public)| **public == key.public()).ok_or(Error::NotASigner)?;
        }
        let signs = self.signers().next().is_some() || old.signers().next().is_none();
        self.to_text(key.filter(|_| signs))
    }
}

/// A link there is refused: the one who made it may not be the one who owns what it leads to.
fn check_target(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(Error::NotAFile),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::Write(error)),
    }
}

/// A writer that was killed leaves its temporary file behind, which the next one removes: while it holds the lock, there is no other.
fn remove_leftovers(path: &Path) {
    let is_leftover = |name: &OsStr| {
        let own = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
        let rest = name.as_bytes().strip_prefix(b".").and_then(|name| name.strip_prefix(own));
        rest.is_some_and(|rest| rest.starts_with(b".") && rest.ends_with(b".tmp"))
    };
    let Ok(dir) = Dir::open(directory(path), Links::Trusted) else { return };
    for (name, _) in dir.names().into_iter().flatten().filter(|(name, _)| is_leftover(name)) {
        // What cannot be removed is only in the way.
        let _: io::Result<()> = dir.unlink(name);
    }
}
