//! `set -gx NAME 'value'` lines. Within single quotes, fish interprets only `\'` and `\\`.

use std::io::{self, Write};

use super::write_marked;
use crate::registry::ExportedSecret;

/// The variables that only fish itself sets.
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
/// fish reads this variable as an octal number.
const UMASK: &str = "umask";

pub(super) fn problem(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'_') {
        return Some("in fish, the name of a variable consists of letters, digits and _");
    }
    if READ_ONLY.contains(&name) || name == UMASK {
        return Some("fish reserves that variable");
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
