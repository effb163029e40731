//! Docker Compose's `env_file:` and `.env`: `NAME=value` or `NAME: value`, white space around both.
//! Quotes count at the start of a value only, may go over lines, and end the value: what follows is
//! another statement. Within double quotes the escapes of C are undone, and `\$` and `$$` are a
//! dollar; so is `$$` in a plain value, which ends at a blank before `#`. A name by itself takes
//! the value from the environment.
//!
//! Source: `dotenv/parser.go` of github.com/compose-spec/compose-go, version 2.13, and `template/`
//! for the dollars.

use memchr::{memchr, memmem};

use super::scanner::{Scanner, is_space, is_wide_blank};
use super::{Reading, Value, refers};

pub(super) fn read(file: &[u8]) -> Vec<Reading<'_>> {
    let mut scanner = Scanner::new(file);
    let mut readings = Vec::new();
    while scanner.next_statement(is_space) {
        match statement(&mut scanner) {
            Some(reading) => readings.extend(reading),
            None => scanner.skip_line(),
        }
    }
    readings
}

/// Takes one statement. The inner option is none for a name that is not to be shown.
fn statement<'a>(scanner: &mut Scanner<'a>) -> Option<Option<Reading<'a>>> {
    scanner.skip_export(is_space);
    let name = scanner.name()?;
    scanner.take_while(is_wide_blank);
    match scanner.peek() {
        Some(b'=' | b':') => scanner.at += 1,
        Some(b'\n') => return Some(Reading::bare(name, scanner.at)),
        _ => return None,
    }
    scanner.take_while(is_wide_blank);
    let value = match scanner.peek() {
        Some(quote @ (b'\'' | b'"')) => quoted(scanner, quote)?,
        _ => plain(scanner),
    };
    Some(Reading::new(name, value, scanner.at))
}

fn plain<'a>(scanner: &mut Scanner<'a>) -> Value<'a> {
    let line = scanner.take_while(|b| b != b'\n');
    let text = &line[..memmem::find(line, b" #").unwrap_or(line.len())];
    with_dollars(Value { refers: refers(text), ..text.trim_ascii_end().into() })
}

/// Takes a quoted value. Within it, a backslash goes only before the quote.
fn quoted<'a>(scanner: &mut Scanner<'a>, quote: u8) -> Option<Value<'a>> {
    let (file, start, horizon) = (scanner.file, scanner.at + 1, scanner.horizon());
    let mut at = start;
    let mut is_escaped = false;
    loop {
        let byte = file[..horizon].get(at);
        match byte {
            None => {
                scanner.miss();
                return None;
            }
            Some(byte) if *byte == quote && !is_escaped => break,
            Some(byte) => is_escaped = *byte == b'\\' && !is_escaped,
        }
        at += 1;
    }
    scanner.at = at + 1;
    let text = &file[start..at];
    if memchr(b'\\', text).is_none() {
        let value = Value { refers: quote == b'"' && refers(text), ..text.into() };
        return Some(if quote == b'"' { with_dollars(value) } else { value });
    }
    let raw = without_escapes_of(text, quote);
    if quote == b'\'' {
        return Some(raw.into());
    }
    Some(with_dollars(Value { refers: refers(text), ..unescaped(&raw).into() }))
}

fn without_escapes_of(text: &[u8], quote: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        match (byte, rest.clone().next()) {
            (b'\\', Some(next)) => {
                rest.next();
                if next != quote {
                    out.push(b'\\');
                }
                out.push(next);
            }
            _ => out.push(byte),
        }
    }
    out
}

/// Undoes the escapes of double quotes; `\$` becomes `$$`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let escape = (byte == b'\\').then(|| text.get(at + 1)).flatten();
        let undone = match escape {
            Some(b'a') => 7,
            Some(b'b') => 8,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 0x0b,
            Some(escaped @ (b'"' | b'\\')) => *escaped,
            Some(b'$') => {
                out.extend(b"$$");
                at += 2;
                continue;
            }
            Some(b'0') if octal(&text[at + 2..]).is_some() => {
                // Octal, as a character.
                let c = char::from(octal(&text[at + 2..]).unwrap_or_default());
                out.extend(c.encode_utf8(&mut [0; 4]).bytes());
                at += 5;
                continue;
            }
            _ => {
                out.push(byte);
                at += 1;
                continue;
            }
        };
        out.push(undone);
        at += 2;
    }
    out
}

/// The character of the three octal digits behind `\0`.
fn octal(digits: &[u8]) -> Option<u8> {
    let digits = digits.get(..3)?;
    let digit = |b: &u8| matches!(b, b'0'..=b'7').then(|| u16::from(b - b'0'));
    let value = digits.iter().try_fold(0, |value, b| Some(value * 8 + digit(b)?))?;
    u8::try_from(value).ok()
}

/// Takes `$$` for one dollar.
fn with_dollars(value: Value<'_>) -> Value<'_> {
    if memmem::find(&value.bytes, b"$$").is_none() {
        return value;
    }
    let mut out = Vec::with_capacity(value.bytes.len());
    let mut rest = value.bytes.iter();
    while let Some(byte) = rest.next() {
        out.push(*byte);
        if rest.as_slice().first() == Some(byte) && *byte == b'$' {
            rest.next();
        }
    }
    Value { bytes: out.into(), ..value }
}
