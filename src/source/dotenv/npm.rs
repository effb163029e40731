//! The package dotenv of npm: quotes, also backquotes, count around a whole value; `\n` and `\r`
//! are undone if it begins with a double one. A plain value ends at the first `#`.
//!
//! Source: `lib/main.js` of github.com/motdotla/dotenv, version 17.

use super::line_match::{Rule, matches};
use super::{Reading, Value};

pub(super) fn read(file: &[u8]) -> Vec<Reading<'_>> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    matches(file, &Rule { quotes: b"'\"`", is_name, value })
}

fn value(text: &[u8]) -> Value<'_> {
    let (inner, _) = unquoted(text, b"'\"`");
    let is_plain = !text.starts_with(b"\"") || !inner.contains(&b'\\');
    if is_plain && !inner.contains(&b'\r') {
        return inner.into();
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(byte) = rest.next() {
        let next = rest.as_slice().first();
        match (byte, next) {
            (b'\\', Some(b'n')) if !is_plain => out.push(b'\n'),
            (b'\\', Some(b'r')) if !is_plain => out.push(b'\r'),
            (b'\r', Some(b'\n')) => continue,
            (b'\r', _) => {
                out.push(b'\n');
                continue;
            }
            _ => {
                out.push(*byte);
                continue;
            }
        }
        rest.next();
    }
    out.into()
}

/// A text without the same quote at both ends, and that quote.
pub(super) fn unquoted<'a>(text: &'a [u8], quotes: &[u8]) -> (&'a [u8], Option<u8>) {
    match text {
        [first, inner @ .., last] if first == last && quotes.contains(first) => (inner, Some(*first)),
        _ => (text, None),
    }
}
