//! `node --env-file`: quotes, also backquotes, count at the start of a value only, and end it at
//! the next such quote, which no backslash escapes; the rest of that line is dropped. `\n` is
//! undone in double quotes. An unclosed quote is part of a plain value, which ends at the first
//! `#`. Carriage returns are dropped everywhere.
//!
//! Source: `src/node_dotenv.cc` of github.com/nodejs/node, version 24.

use memchr::{memchr, memmem};

use super::scanner::{Scanner, is_space, trimmed};
use super::{Name, Reading, Value};

pub(super) fn read(file: &[u8]) -> Vec<Reading<'_>> {
    let mut scanner = Scanner::new(file);
    let mut readings = Vec::new();
    while scanner.next_statement(is_space) {
        let line = &file[scanner.at..scanner.line_end(scanner.at)];
        match memchr(b'=', line).filter(|_| !line.starts_with(b"#")) {
            Some(equals) => {
                let name = name(&line[..equals], scanner.at);
                scanner.at += equals + 1;
                let value = value(&mut scanner);
                let end = scanner.at;
                readings.extend(name.and_then(|name| Reading::new(name, value, end)));
                scanner.skip_line();
            }
            None => scanner.skip_line(),
        }
    }
    readings
}

fn name(text: &[u8], at: usize) -> Option<Name<'_>> {
    let text = text.trim_ascii_end();
    match text.strip_prefix(b"export ") {
        None => Name::new(text, at),
        Some(rest) => {
            let (name, before) = trimmed(rest);
            Name::new(name, at + text.len() - rest.len() + before)
        }
    }
}

fn value<'a>(scanner: &mut Scanner<'a>) -> Value<'a> {
    if matches!(scanner.rest().trim_ascii_start(), []) || scanner.rest().starts_with(b"\n") {
        return Value::default();
    }
    // White space before a value may contain newlines.
    scanner.take_while(is_space);
    let text = &scanner.file[scanner.at..scanner.horizon()];
    let quote = text.first().copied().filter(|b| b"'\"`".contains(b));
    if let Some(quote) = quote {
        if let Some(len) = memchr(quote, &text[1..]) {
            let inner = &text[1..=len];
            scanner.at += len + 2;
            return without_returns(inner, quote == b'"');
        }
        scanner.miss();
    }
    let end = scanner.line_end(scanner.at);
    let line = &scanner.file[scanner.at..end];
    let comment = memchr(b'#', line).filter(|_| quote.is_none());
    scanner.at = end;
    let text = &line[..comment.unwrap_or(line.len())];
    without_returns(if quote.is_some() { text } else { text.trim_ascii_end() }, false)
}

fn without_returns(text: &[u8], is_double: bool) -> Value<'_> {
    let has_escapes = is_double && memmem::find(text, b"\\n").is_some();
    if !has_escapes && memchr(b'\r', text).is_none() {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter().filter(|b| **b != b'\r').peekable();
    while let Some(byte) = rest.next() {
        if has_escapes && *byte == b'\\' && rest.next_if(|next| **next == b'n').is_some() {
            out.push(b'\n');
        } else {
            out.push(*byte);
        }
    }
    out.into()
}
