//! A `Secret` manifest. Its values are base64: any bytes can be expressed, and YAML has nothing to
//! interpret.

use std::io::{self, Write};

use super::super::base64;
use crate::registry::ExportedSecret;

const HEAD: &[u8] = b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: hushlog\ntype: Opaque\ndata:";

/// The longest key of a Secret, in bytes.
const NAME_LEN_MAX: usize = 253;

/// A key consists of letters, digits, `-`, `_` and `.`. `envFrom` turns it into a variable only if
/// it does not begin with a digit, and reports a skipped key only in an event.
pub(super) fn problem(name: &str) -> Option<&'static str> {
    let is_key = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_key || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Some(
            "a name in Kubernetes consists of letters, digits, '-', '_' and '.', and does not begin with a digit",
        );
    }
    if name == "." || name.starts_with("..") || name.len() > NAME_LEN_MAX {
        return Some("a name in Kubernetes is not '.', does not begin with '..', and has at most 253 characters");
    }
    None
}

pub(super) fn write(variables: &[ExportedSecret], out: &mut impl Write) -> io::Result<()> {
    out.write_all(HEAD)?;
    out.write_all(if variables.is_empty() { b" {}\n" } else { b"\n" })?;
    for ExportedSecret { variable, secret, .. } in variables {
        // Quoted, because YAML reads a bare Y or ON as a boolean.
        write!(out, "  \"{variable}\": \"")?;
        base64::write(secret.expose(), out)?;
        out.write_all(b"\"\n")?;
    }
    Ok(())
}
