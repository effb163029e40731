//! python-dotenv: quotes count at the start of a value only, may go over lines, and only a comment
//! may follow. `\\` and `\'` are undone in single quotes, and the escapes of Python in double ones.
//! A plain value ends at a `#` after a blank.
//!
//! Source: `src/dotenv/parser.py` of github.com/theskumar/python-dotenv, version 1.2.

use super::line_match::closing;
use super::scanner::{Scanner, is_space, is_wide_blank};
use super::{Name, Reading, Value, refers};

pub(super) fn read(file: &[u8]) -> Vec<Reading<'_>> {
    let mut scanner = Scanner::new(file);
    let mut readings = Vec::new();
    while scanner.next_statement(is_space) {
        readings.extend(binding(&mut scanner));
        // Behind the binding, or behind the line in which it failed.
        scanner.take_while(|b| !is_newline(b));
    }
    readings
}

fn binding<'a>(scanner: &mut Scanner<'a>) -> Option<Reading<'a>> {
    scanner.skip_export(is_in_line);
    let is_quoted = scanner.eat(b'\'');
    let at = scanner.at;
    let ends_key = |b| if is_quoted { b == b'\'' } else { b"=#".contains(&b) || is_space(b) };
    let name = scanner.take_while(|b| !ends_key(b) && !is_newline(b));
    if is_quoted && !scanner.eat(b'\'') {
        return None;
    }
    scanner.take_while(is_in_line);
    if !scanner.eat(b'=') {
        return None;
    }
    scanner.take_while(is_in_line);
    let value = match scanner.peek() {
        Some(quote @ (b'\'' | b'"')) => quoted(scanner, quote)?,
        _ => plain(scanner),
    };
    let end = scanner.at;
    scanner.take_while(is_in_line);
    if !matches!(scanner.peek(), None | Some(b'#' | b'\r' | b'\n')) {
        return None;
    }
    Reading::new(Name::new(name, at)?, value, end)
}

fn is_newline(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn is_in_line(byte: u8) -> bool {
    is_wide_blank(byte) && byte != b'\r'
}

fn plain<'a>(scanner: &mut Scanner<'a>) -> Value<'a> {
    let text = scanner.take_while(|b| !is_newline(b));
    let comment = (1..text.len()).find(|&at| text[at] == b'#' && is_space(text[at - 1]));
    let text = &text[..comment.unwrap_or(text.len())];
    Value { refers: refers(text), ..text.trim_ascii_end().into() }
}

fn quoted<'a>(scanner: &mut Scanner<'a>, quote: u8) -> Option<Value<'a>> {
    let start = scanner.at + 1;
    let end = closing(scanner, start, quote, |_| true)?;
    scanner.at = end + 1;
    let text = &scanner.file[start..end];
    let is_double = quote == b'"';
    let value = if text.contains(&b'\\') { unescaped(text, is_double).into() } else { Value::from(text) };
    Some(Value { refers: is_double && refers(text), ..value })
}

fn unescaped(text: &[u8], is_double: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        let next = rest.as_slice().first().filter(|_| *byte == b'\\');
        let undone = match next {
            Some(escaped @ (b'\\' | b'\'')) => *escaped,
            Some(b'"') if is_double => b'"',
            Some(b'a') if is_double => 7,
            Some(b'b') if is_double => 8,
            Some(b'f') if is_double => 0x0c,
            Some(b'n') if is_double => b'\n',
            Some(b'r') if is_double => b'\r',
            Some(b't') if is_double => b'\t',
            Some(b'v') if is_double => 0x0b,
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.push(undone);
        rest.next();
    }
    out
}
