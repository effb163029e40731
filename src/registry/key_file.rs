//! Files with secret keys: read whole, and only if nobody else can read them.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::error::Error;
use super::seal::Identity;
use super::sign::SigningKey;
use crate::sys::file::is_given_to_our_group;
use crate::sys::input::Input;

/// The longest file of keys, in bytes.
const LEN_MAX: usize = 64 << 10;
/// Whom a file of keys must not be open to.
const OTHERS: u32 = 0o077;

impl Identity {
    /// Reads a file of identities, which its group and others must not be able to read, unless it
    /// is a file of root's with the mode 0440 and its group is one of this process. The passphrase
    /// is asked for if the file is protected by one.
    ///
    /// # Errors
    ///
    /// As [`parse`](Identity::parse); and when the file cannot be read, or others can.
    pub fn load(path: &Path, passphrase: impl FnOnce() -> Result<Zeroizing<String>, Error>) -> Result<Identity, Error> {
        Identity::parse(&read(path)?, passphrase)
    }
}

impl SigningKey {
    /// Reads a file with a signing key, which others must not be able to read, as with
    /// [`Identity::load`].
    ///
    /// # Errors
    ///
    /// As [`parse`](SigningKey::parse); and when the file cannot be read, or others can.
    pub fn load(path: &Path) -> Result<SigningKey, Error> {
        SigningKey::parse(&read(path)?)
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut file = Input::find(path).and_then(Input::open).map_err(Error::Key)?;
    check(&file)?;
    let mut text = Zeroizing::new(vec![0; LEN_MAX + 1]);
    let mut len = 0;
    while len < text.len() {
        match file.read(&mut text[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Key(error)),
        }
    }
    if len > LEN_MAX {
        return Err(Error::KeyTooLarge);
    }
    text.truncate(len);
    Ok(text)
}

/// A pipe, as of `<(...)`, is its opener's alone. A file that root has given to a group of this
/// process, read-only, is as private as root wants it.
fn check(file: &File) -> Result<(), Error> {
    let found = file.metadata().map_err(Error::Key)?;
    let is_private = !found.is_file() || found.mode() & OTHERS == 0;
    if is_private || is_given_to_our_group(file).map_err(Error::Key)? { Ok(()) } else { Err(Error::KeyOpen) }
}
