//! Random words: tokens, session keys.

use std::io;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The number of random bytes in a word. It has 32 letters and digits.
const WORD_LEN: usize = 20;

/// A digest of a word. Stored words are digests, so that a comparison takes the same time wherever
/// two words differ.
#[derive(Clone, Copy)]
pub(super) struct Hash([u8; 32]);

impl Hash {
    pub(super) fn of(parts: &[&[u8]]) -> Hash {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Hash(hasher.finalize().into())
    }

    /// Compares all bytes.
    pub(super) fn is(&self, other: &Hash) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }

    pub(super) fn text(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

/// A new word.
pub(super) fn word() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; WORD_LEN]);
    getrandom::fill(&mut *bytes).map_err(|_| io::Error::other("the system returned no random bytes"))?;
    let mut word = Zeroizing::new(BASE32_NOPAD.encode(&*bytes));
    word.make_ascii_lowercase();
    Ok(word)
}
