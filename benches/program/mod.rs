//! What the benches of the whole program share: its secrets, and its rivals.

use std::path::Path;
use std::process::Command;

/// A generator of numbers, always the same (xorshift).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new() -> Numbers {
        Numbers(0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// Fills a directory with secrets of 40 characters, one a file.
pub(crate) fn write_secrets(directory: &Path, count: usize) {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut numbers = Numbers::new();
    for n in 0..count {
        let value: Vec<u8> = (0..40).map(|_| ALPHABET[numbers.below(ALPHABET.len() as u64) as usize]).collect();
        std::fs::write(directory.join(format!("secret_{n}")), value).expect("room for a secret");
    }
}

/// The program with these secrets and all their forms.
pub(crate) fn hushlog(secrets: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hushlog"));
    command.arg("--quiet").arg("--secret-file").arg(secrets);
    command
}

/// The value at this per mille of the sorted figures.
pub(crate) fn per_mille<T: Copy + PartialOrd>(figures: &mut [T], per_mille: usize) -> T {
    figures.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    figures[(figures.len() - 1) * per_mille / 1_000]
}
