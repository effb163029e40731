//! Files with secret keys: read whole, and only if no other user can read them.

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

/// The longest key file, in bytes.
const LEN_MAX: usize = 64 << 10;
/// The mode bits that a key file must not have.
const OTHERS: u32 = 0o077;

impl Identity {
    /// Reads a file of identities, and asks for its passphrase if it has one. Group and others must
    /// not be able to read it. One exception: a root-owned file with mode 0440 and a group of this
    /// process.
    ///
    /// # Errors
    ///
    /// As [`parse`](Identity::parse), and when the file cannot be read, or other users can read it.
    pub fn load(path: &Path, passphrase: impl FnOnce() -> Result<Zeroizing<String>, Error>) -> Result<Identity, Error> {
        Identity::parse(&read(path)?, passphrase)
    }
}

impl SigningKey {
    /// Reads a file with a signing key. Its mode is checked as in [`Identity::load`].
    ///
    /// # Errors
    ///
    /// As [`parse`](SigningKey::parse), and when the file cannot be read, or other users can read
    /// it.
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

/// Checks that a key file is private. A pipe, as from `<(...)`, belongs to its opener alone. A
/// read-only file that root gave to a group of this process is as private as root chose.
fn check(file: &File) -> Result<(), Error> {
    let found = file.metadata().map_err(Error::Key)?;
    let is_private = !found.is_file() || found.mode() & OTHERS == 0;
    if is_private || is_given_to_our_group(file).map_err(Error::Key)? { Ok(()) } else { Err(Error::KeyOpen) }
}
