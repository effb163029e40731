//! A `Secret` manifest. Its values are base64, so that any bytes can be expressed, and YAML has nothing to interpret.

use std::io::{self, Write};

use super::super::base64;
use super::super::variable::Variable;

const HEAD: &[u8] = b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: hushlog\ntype: Opaque\ndata:";

pub(super) fn write(variables: &[Variable], out: &mut impl Write) -> io::Result<()> {
    out.write_all(HEAD)?;
    out.write_all(if variables.is_empty() { b" {}\n" } else { b"\n" })?;
    for variable in variables {
        // Quoted: YAML takes a bare Y or ON for a truth value.
        write!(out, "  \"{}\": \"", variable.name())?;
        base64::write(variable.secret().expose(), out)?;
        out.write_all(b"\"\n")?;
    }
    Ok(())
}
