//! `set -gx NAME 'value'`. Within single quotes fish understands `\'` and `\\`, and nothing else.

use std::io::{self, Write};

use super::super::variable::Variable;
use super::write_marked;

pub(super) fn write(variables: &[Variable], out: &mut impl Write) -> io::Result<()> {
    for variable in variables {
        write!(out, "set -gx {} '", variable.name())?;
        write_marked(variable.secret().expose(), b"'\\", b"\\", out)?;
        out.write_all(b"'\n")?;
    }
    Ok(())
}
