//! `export NAME='value'`, for every shell that POSIX describes.
//!
//! Single quotes keep all bytes as they are; a single quote itself stands outside of them, behind a backslash. shlex, which was
//! looked at, leaves plain words without quotes and warns of control characters: one rule for all values is easier to trust.

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
