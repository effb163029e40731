//! `NAME="value"` lines for `EnvironmentFile=`: in double quotes a backslash quotes `"`, `\`, `$` and a backquote, and everything else,
//! newlines too, stands for itself.

use std::io::{self, Write};

use super::super::variable::Variable;
use super::write_marked;

pub(super) fn write(variables: &[Variable], out: &mut impl Write) -> io::Result<()> {
    for variable in variables {
        write!(out, "{}=\"", variable.name())?;
        write_marked(variable.secret().expose(), b"\"\\$`", b"\\", out)?;
        out.write_all(b"\"\n")?;
    }
    Ok(())
}
