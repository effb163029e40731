//! `set -gx NAME 'value'`. Within single quotes fish understands `\'` and `\\`, and nothing else.

use std::io::{self, Write};

use super::write_marked;
use crate::registry::ExportedSecret;

/// The variables that fish sets itself, and nobody else may.
const READ_ONLY: [&str; 13] = [
    "FISH_VERSION",
    "PWD",
    "SHLVL",
    "_",
    "fish_kill_signal",
    "fish_killring",
    "fish_pid",
    "history",
    "hostname",
    "pipestatus",
    "status",
    "status_generation",
    "version",
];
/// A number to fish, in octal.
const UMASK: &str = "umask";

pub(super) fn problem(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'_') {
        return Some("the name of a variable is made of letters, digits and _ in fish");
    }
    if READ_ONLY.contains(&name) || name == UMASK {
        return Some("fish has a variable of that name for itself");
    }
    None
}

pub(super) fn write(variables: &[ExportedSecret], out: &mut impl Write) -> io::Result<()> {
    for ExportedSecret { variable, secret, .. } in variables {
        write!(out, "set -gx {variable} '")?;
        write_marked(secret.expose(), b"'\\", b"\\", out)?;
        out.write_all(b"'\n")?;
    }
    Ok(())
}
