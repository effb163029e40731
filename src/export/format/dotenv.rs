//! `NAME='value'` lines, as programs read them from `.env` files, and as a shell sources them.
//!
//! There is no standard, and readers differ in backslashes, expansion and line ends. A value is
//! written only in a form that sh, python-dotenv, Node, npm's and Ruby's dotenv read alike; the
//! tests run those readers. The format rejects every other value by the variable's name:
//!
//! - Single quotes hold everything but a single quote, a doubled backslash (python-dotenv undoes
//!   it) and a backslash before the closing quote.
//! - Double quotes hold a single quote, and nothing that a shell or another reader treats specially
//!   there: no `"`, `\`, `$` or backquote.
//! - Neither holds a newline (Ruby's dotenv 2.4 takes the next line for a variable), a
//!   carriage return (readers turn it into a newline) nor `${` (python-dotenv expands it in all
//!   quotes).
//!
//! A risk remains: a tool that expands variables after reading, such as npm's dotenv-expand,
//! replaces `$NAME` within any quotes.

use std::io::{self, Write};

use crate::registry::ExportedSecret;

pub(super) fn problem(value: &[u8]) -> Option<&'static str> {
    if value.iter().any(|byte| b"\r\n".contains(byte)) {
        return Some("its value has several lines, which some readers of such files read as several variables");
    }
    if value.windows(2).any(|pair| pair == b"${") {
        return Some("its value contains '${', which some readers of such files expand in any quotes");
    }
    if single_quotes_do(value) || double_quotes_do(value) {
        return None;
    }
    Some(match value.contains(&b'\'') {
        true => {
            "its value contains both a single quote and a character that shells and other readers then treat differently"
        }
        false => {
            "its value ends with a backslash or contains a doubled one, which readers of such files treat differently"
        }
    })
}

pub(super) fn write(variables: &[ExportedSecret], out: &mut impl Write) -> io::Result<()> {
    for ExportedSecret { variable, secret, .. } in variables {
        let value = secret.expose();
        let quote = if single_quotes_do(value) { "'" } else { "\"" };
        write!(out, "{variable}={quote}")?;
        out.write_all(value)?;
        writeln!(out, "{quote}")?;
    }
    Ok(())
}

fn single_quotes_do(value: &[u8]) -> bool {
    !value.contains(&b'\'') && !value.ends_with(b"\\") && !value.windows(2).any(|pair| pair == b"\\\\")
}

fn double_quotes_do(value: &[u8]) -> bool {
    !value.iter().any(|byte| b"\"\\$`".contains(byte))
}
