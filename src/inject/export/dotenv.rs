//! `NAME='value'` lines, as programs read them from `.env` files.
//!
//! There is no standard, and the readers differ in what a backslash is. What they agree on is used wherever that is enough:
//!
//! - single quotes, if the value has none, no carriage return (which readers turn into a newline), and no doubled backslash (which
//!   python-dotenv understands, and Node's dotenv does not);
//! - else double quotes. python-dotenv and hushlog understand a backslash before `"` and `\` in them, and `\r`; others do only as far
//!   as the value needs none of these. A `$` stays as it is, since python-dotenv has no way to quote it.
//!
//! A value that ends with a backslash is refused: before a closing quote, python-dotenv takes any backslash for one that quotes
//! it, and without quotes a blank or a `#` would be lost.
//!
//! What remains: python-dotenv replaces `${NAME}` in all quotes, unless it is called with `interpolate=False`.

use std::io::{self, Write};

use super::super::variable::Variable;

pub(super) fn problem(value: &[u8]) -> Option<&'static str> {
    value
        .ends_with(b"\\")
        .then_some("its value ends with a backslash, for which readers of such files know no common way")
}

pub(super) fn write(variables: &[Variable], out: &mut impl Write) -> io::Result<()> {
    for variable in variables {
        write!(out, "{}=", variable.name())?;
        let value = variable.secret().expose();
        if single_quotes_do(value) {
            out.write_all(b"'")?;
            out.write_all(value)?;
            out.write_all(b"'\n")?;
        } else {
            double(value, out)?;
        }
    }
    Ok(())
}

fn single_quotes_do(value: &[u8]) -> bool {
    let special = value.iter().any(|byte| b"'\r".contains(byte));
    !special && !value.windows(2).any(|pair| pair == b"\\\\")
}

fn double(value: &[u8], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\"")?;
    for piece in value.split_inclusive(|byte| b"\"\\\r".contains(byte)) {
        match piece.split_last() {
            Some((last @ (b'"' | b'\\'), before)) => {
                out.write_all(before)?;
                out.write_all(&[b'\\', *last])?;
            }
            Some((b'\r', before)) => {
                out.write_all(before)?;
                out.write_all(b"\\r")?;
            }
            _ => out.write_all(piece)?,
        }
    }
    out.write_all(b"\"\n")
}
