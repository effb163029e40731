//! `NAME="value"` lines for `EnvironmentFile=`.
//!
//! In double quotes, a backslash escapes `"`, `\`, `$` and a backquote. All other characters are
//! literal, including newlines.

use std::io::{self, Write};

use super::write_marked;
use crate::registry::ExportedSecret;

pub(super) fn write(variables: &[ExportedSecret], out: &mut impl Write) -> io::Result<()> {
    for ExportedSecret { variable, secret, .. } in variables {
        write!(out, "{variable}=\"")?;
        write_marked(secret.expose(), b"\"\\$`", b"\\", out)?;
        out.write_all(b"\"\n")?;
    }
    Ok(())
}
