//! Shared by the benches of the whole program: settings, the log and the secrets.
#![allow(dead_code, reason = "each bench uses its own part")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// A fixed sequence of numbers (xorshift).
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

/// A number from the environment, or the default.
pub(crate) fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// Writes the log, and returns its length.
pub(crate) fn write_log(path: &Path, len_min: usize) -> usize {
    let text = match std::env::var_os("HUSHLOG_CORPUS") {
        Some(directory) => corpus(Path::new(&directory)),
        None => generated(),
    };
    let mut file = File::create(path).expect("a new file");
    let mut len = 0;
    while len < len_min {
        file.write_all(&text).expect("room for the log");
        len += text.len();
    }
    len
}

fn corpus(directory: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(directory).expect("HUSHLOG_CORPUS is a directory");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    assert!(!paths.is_empty(), "HUSHLOG_CORPUS holds no *.log");
    paths.iter().flat_map(|path| std::fs::read(path).expect("a readable log")).collect()
}

/// 8 MiB of web server, application and key-value lines.
fn generated() -> Vec<u8> {
    let (mut text, mut numbers) = (Vec::new(), Numbers::new());
    let paths = ["/v1/items", "/v1/users/me", "/healthz", "/static/app.3f9c.js", "/oauth/token?grant_type=refresh"];
    let words = ["connection", "refused", "retry", "postgres://db:5432/app", "cache", "miss", "eyJhbGciOi", "job"];
    while text.len() < 8 << 20 {
        let (second, id, pick) = (numbers.below(60), numbers.below(1 << 40), numbers.below(3));
        let (path, status) = (paths[numbers.below(5) as usize], 200 + numbers.below(4) * 100);
        let mut word = || words[numbers.below(8) as usize];
        match pick {
            0 => writeln!(
                text,
                "10.0.{}.{} - - [23/Nov/2026:19:06:{second:02} +0000] \"GET {path} HTTP/1.1\" {status} {id}",
                id % 256,
                id % 255
            ),
            1 => writeln!(
                text,
                "2026-11-23T19:06:{second:02}.{:06}Z WARN app::{}: {} {} id={id:x}",
                id % 1_000_000,
                word(),
                word(),
                word()
            ),
            _ => writeln!(
                text,
                "level=info ts=1795460760.{id} trace={id:016x} msg=\"{} {}\" path={path} status={status}",
                word(),
                word()
            ),
        }
        .expect("a vector");
    }
    text
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

/// The figure at this per mille of the sorted ones.
pub(crate) fn per_mille<T: Copy + PartialOrd>(figures: &mut [T], per_mille: usize) -> T {
    figures.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    figures[(figures.len() - 1) * per_mille / 1_000]
}
