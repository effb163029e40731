//! One object, `{"NAME": "value", ...}`, with a line for each variable.

use std::io::{self, Write};

use crate::registry::ExportedSecret;

pub(super) fn write(variables: &[ExportedSecret], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{")?;
    for (n, ExportedSecret { variable, secret, .. }) in variables.iter().enumerate() {
        out.write_all(if n > 0 { b",\n  " } else { b"\n  " })?;
        serde_json::to_writer(&mut *out, variable)?;
        out.write_all(b": ")?;
        let text = std::str::from_utf8(secret.expose()).map_err(|_| io::ErrorKind::InvalidData)?;
        serde_json::to_writer(&mut *out, text)?;
    }
    out.write_all(if variables.is_empty() { b"}\n" } else { b"\n}\n" })
}
