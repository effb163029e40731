//! How messages read: `hushlog: error: lower case, no full stop`, then `hushlog: hint: what to do`.
//!
//! Names of secrets may stand in a message; values, input, and words of the command line never do, because any of these may
//! be a secret. One message for all names of a kind, however many they are.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::exit::Exit;

/// Why the program cannot go on, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    text: String,
    hint: Option<String>,
}

impl Failure {
    /// Wrong usage, or a source that cannot be used; before any input was read.
    pub(crate) fn config(text: impl Into<String>) -> Failure {
        Failure { exit: Exit::Config, text: text.into(), hint: None }
    }

    /// Input or output failed.
    pub(crate) fn io(text: impl Into<String>) -> Failure {
        Failure { exit: Exit::Io, text: text.into(), hint: None }
    }

    /// Ends with this status instead.
    pub(crate) fn ends(mut self, exit: Exit) -> Failure {
        self.exit = exit;
        self
    }

    /// Which file it is about.
    pub(crate) fn at(mut self, path: &str) -> Failure {
        self.text = format!("{path}: {}", self.text);
        self
    }

    /// What it says, and what to do about it.
    pub(crate) fn into_parts(self) -> (String, Option<String>) {
        (self.text, self.hint)
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

/// Whether only errors are said.
static MUTED: AtomicBool = AtomicBool::new(false);

/// Says nothing but errors from here on.
pub(crate) fn mute() {
    MUTED.store(true, Relaxed);
}

/// Says why the program ends.
pub(crate) fn error(failure: &Failure) {
    say("error", &failure.text);
    if let Some(hint) = &failure.hint {
        say("hint", hint);
    }
}

/// Says what may not be as it was meant.
pub(crate) fn warning(text: &str) {
    if !MUTED.load(Relaxed) {
        say("warning", text);
    }
}

/// Says what was decided without being asked.
pub(crate) fn note(text: &str) {
    if !MUTED.load(Relaxed) {
        say("note", text);
    }
}

/// Says how it went, when all is done.
pub(crate) fn summary(text: &str) {
    write(&format!("hushlog: {text}\n"));
}

/// Asks, and leaves the answer on the same line.
pub(crate) fn prompt(text: &str) {
    write(text);
}

fn say(kind: &str, text: &str) {
    write(&format!("hushlog: {kind}: {text}\n"));
}

/// One write for the whole line. A standard error that is full or gone must not stop the filter, and `eprintln!` would
/// panic there.
fn write(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The reason of an I/O error, in the words of the system, without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    plain_reason(&error.to_string())
}

/// The same, of an error that is a text already.
pub(crate) fn plain_reason(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// A name as it may be shown: what is not UTF-8 or would drive a terminal is replaced.
pub(crate) fn printable(name: &[u8]) -> String {
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    String::from_utf8_lossy(name).chars().map(shown).collect()
}

/// A path as it may be shown, without loss: what is not UTF-8, or would drive a terminal or turn the line around, is written out.
pub(crate) fn path_text(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\'' => shown.push(c),
                c => shown.extend(c.escape_debug()),
            }
        }
        chunk.invalid().iter().for_each(|byte| shown.push_str(&format!("\\x{byte:02x}")));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_lower_case_and_without_numbers() {
        assert_eq!(reason(&std::io::Error::from_raw_os_error(libc::ENOENT)), "no such file or directory");
        assert_eq!(reason(&std::io::Error::from_raw_os_error(libc::ENOSPC)), "no space left on device");
    }

    #[test]
    fn paths_are_shown_without_loss() {
        let path = |bytes: &[u8]| path_text(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        assert_eq!(path("/var/log/it's \"ä\".log".as_bytes()), "/var/log/it's \"ä\".log");
        assert_eq!(path(b"a\x1b[2J\nb\x7f\xff\\"), r"a\u{1b}[2J\nb\u{7f}\xff\\");
        assert_eq!(path("r\u{202e}gol".as_bytes()), r"r\u{202e}gol");
    }

    #[test]
    fn names_cannot_drive_a_terminal() {
        assert_eq!(printable(b"a\x1b[2Jb\nc\xff"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
    }
}
