//! `export NAME='value'` lines, for every POSIX shell.
//!
//! Single quotes preserve all bytes; a single quote itself is written outside of them, after a
//! backslash. shlex was considered: it leaves plain words unquoted, and warns of control
//! characters. One rule for all values is easier to trust.

use std::io::{self, Write};

use crate::registry::ExportedSecret;

pub(super) fn write(variables: &[ExportedSecret], out: &mut impl Write) -> io::Result<()> {
    for ExportedSecret { variable, secret, .. } in variables {
        write!(out, "export {variable}='")?;
        for (n, piece) in secret.expose().split(|byte| *byte == b'\'').enumerate() {
            if n > 0 {
                out.write_all(b"'\\''")?;
            }
            out.write_all(piece)?;
        }
        out.write_all(b"'\n")?;
    }
    Ok(())
}
