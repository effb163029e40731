//! `NAME=value` lines for `docker run --env-file`. There are no quotes: the value extends to the
//! end of the line.

use std::io::{self, Write};

use crate::registry::ExportedSecret;

/// The longest line that Docker's reader accepts, in bytes.
const LINE_LEN_MAX: usize = (64 << 10) - 1;

/// Docker drops this character at the beginning of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

pub(super) fn problem(name: &str, value: &[u8]) -> Option<&'static str> {
    if name.contains(|c: char| c.is_whitespace() || c.is_control() || c == BYTE_ORDER_MARK) {
        return Some("a name in Docker's format contains no blanks or control characters");
    }
    if name.starts_with('#') {
        return Some("its name begins with '#', which starts a comment in Docker's format");
    }
    if value.contains(&b'\n') {
        return Some("its value has several lines, and Docker's format cannot express a newline");
    }
    if value.ends_with(b"\r") {
        return Some("its value ends with a carriage return, which Docker would remove with the end of the line");
    }
    if name.len() + 1 + value.len() > LINE_LEN_MAX {
        return Some("Docker reads no lines over 64 KiB");
    }
    None
}

pub(super) fn write(variables: &[ExportedSecret], out: &mut impl Write) -> io::Result<()> {
    for ExportedSecret { variable, secret, .. } in variables {
        write!(out, "{variable}=")?;
        out.write_all(secret.expose())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
