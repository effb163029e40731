//! `NAME="value"` lines for `EnvironmentFile=`: in double quotes a backslash quotes `"`, `\`, `$` and a backquote, and everything else,
//! newlines too, stands for itself.

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
