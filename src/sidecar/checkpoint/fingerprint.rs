//! Hashes that identify a file: of its first bytes, and of the last bytes before a position.
//!
//! They are not of secrets. But if a file's bytes there are known except for a short secret, the
//! hashes allow guesses at it; any reader of the hashes can read the file itself.

use std::io;
use std::os::fd::AsFd;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The maximum number of a file's first bytes that are hashed.
pub(crate) const HEAD_LEN_MAX: usize = 1024;
/// The maximum number of bytes before a position that are hashed.
pub(crate) const TAIL_LEN_MAX: usize = 256;

/// A hash of bytes of a file, and their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) len: usize,
    pub(crate) hash: [u8; 16],
}

impl Fingerprint {
    /// Whether the file begins with these bytes.
    pub(crate) fn is_of(&self, file: impl AsFd) -> io::Result<bool> {
        Ok(self.len == 0 || FingerprintHasher::of(file, self.len)?.fingerprint() == *self)
    }

    /// The hash of these bytes.
    pub(crate) fn new(bytes: &[u8]) -> Fingerprint {
        let mut hash = [0; 16];
        hash.copy_from_slice(&Sha256::digest(bytes)[..16]);
        Fingerprint { len: bytes.len(), hash }
    }

    /// Whether the file has these bytes directly before this offset. True for the hash of no bytes,
    /// which shows nothing.
    pub(crate) fn is_before(&self, file: impl AsFd, offset: u64) -> io::Result<bool> {
        if self.len > TAIL_LEN_MAX || self.len as u64 > offset {
            return Ok(false);
        }
        Ok(self.len == 0 || Fingerprint::new(&bytes_before(file, offset, self.len)?) == *self)
    }
}

/// The last bytes before an offset, at most [`TAIL_LEN_MAX`]. Fewer if the file is shorter.
pub(crate) fn tail(file: impl AsFd, offset: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let len = usize::try_from(offset).unwrap_or(usize::MAX).min(TAIL_LEN_MAX);
    bytes_before(file, offset, len)
}

fn bytes_before(file: impl AsFd, offset: u64, len: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; len]);
    let mut read = 0;
    while read < len {
        match rustix::io::pread(&file, &mut bytes[read..], offset - (len - read) as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// Hashes the first bytes of a file as they arrive.
#[derive(Clone, Default)]
pub(crate) struct FingerprintHasher {
    state: Sha256,
    len: usize,
}

impl FingerprintHasher {
    /// Hashes the first `len` bytes of a file, or fewer if it is shorter.
    pub(crate) fn of(file: impl AsFd, len: usize) -> io::Result<FingerprintHasher> {
        let mut bytes = Zeroizing::new([0; HEAD_LEN_MAX]);
        let (mut hasher, len) = (FingerprintHasher::default(), len.min(HEAD_LEN_MAX));
        while hasher.len < len {
            match rustix::io::pread(&file, &mut bytes[..len - hasher.len], hasher.len as u64) {
                Ok(0) => break,
                Ok(read) => _ = hasher.add(&bytes[..read]),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(hasher)
    }

    /// Adds bytes of the file. Bytes after the hashed ones change nothing. Returns whether any
    /// were added.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> bool {
        let added = bytes.len().min(HEAD_LEN_MAX - self.len);
        self.state.update(&bytes[..added]);
        self.len += added;
        added > 0
    }

    /// The hash so far.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut hash = [0; 16];
        hash.copy_from_slice(&self.state.clone().finalize()[..16]);
        Fingerprint { len: self.len, hash }
    }
}
