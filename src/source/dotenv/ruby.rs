//! Ruby's dotenv: quotes count around a whole value. Outside of single quotes a backslash quotes
//! the next character, but `\n` and `\r` stay in double ones. A plain value ends at the first `#`.
//!
//! Source: `lib/dotenv/parser.rb` of github.com/bkeepers/dotenv, version 3.1.

use super::line_match::{Rule, matches};
use super::npm::unquoted;
use super::{Reading, Value, refers};

pub(super) fn read(file: &[u8]) -> Vec<Reading<'_>> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_.".contains(&b);
    matches(file, &Rule { quotes: b"'\"", is_name, value })
}

fn value(text: &[u8]) -> Value<'_> {
    let (inner, quote) = unquoted(text, b"'\"");
    let is_raw = quote == Some(b'\'');
    let refers = !is_raw && refers(inner);
    if (is_raw || !inner.contains(&b'\\')) && !inner.contains(&b'\r') {
        return Value { refers, ..inner.into() };
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(byte) = rest.next() {
        match (byte, rest.as_slice().first()) {
            (b'\\', Some(b'n' | b'r')) if quote == Some(b'"') => out.push(b'\\'),
            (b'\\', Some(next)) if !is_raw => {
                out.push(*next);
                rest.next();
            }
            (b'\r', Some(b'\n')) => {}
            (b'\r', _) => out.push(b'\n'),
            _ => out.push(*byte),
        }
    }
    Value { refers, ..out.into() }
}
