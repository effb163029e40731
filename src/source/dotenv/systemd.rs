//! systemd's `EnvironmentFile=`: quotes count at the start of a value and directly behind a quoted
//! part, and may go over lines. In double quotes a backslash quotes `"`, `\`, `` ` `` and `$`; in a
//! plain value any character. It joins lines in both. `#` and `;` begin a comment at the start of a
//! line only.
//!
//! Source: `parse_env_file_internal` in `src/basic/env-file.c` of github.com/systemd/systemd, since
//! version 254, in which a backslash no longer continues a comment.

use super::scanner::Scanner;
use super::{Name, Reading, Value};

pub(super) fn read(file: &[u8]) -> Vec<Reading<'_>> {
    let mut scanner = Scanner::new(file);
    let mut readings = Vec::new();
    while scanner.next_statement(is_white) {
        let start = scanner.at;
        if matches!(scanner.peek(), Some(b'#' | b';')) {
            scanner.skip_line();
            continue;
        }
        let name = scanner.take_while(|b| b != b'=' && !is_newline(b)).trim_ascii_end();
        if scanner.eat(b'=') {
            let behind = scanner.at;
            match value(&mut scanner) {
                Some(value) => {
                    let name = Name::new(name, start).filter(|name| name.is_identifier());
                    readings.extend(name.and_then(|name| Reading::new(name, value, scanner.at)));
                }
                None => scanner.at = scanner.line_end(behind),
            }
        }
    }
    readings
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Takes a value with its newline. None if a quote stays open to the end of the file over several
/// lines: systemd takes all of them for the value, which no file means.
fn value<'a>(scanner: &mut Scanner<'a>) -> Option<Value<'a>> {
    let start = scanner.at;
    let plain = scanner.take_while(|b| !is_newline(b) && !b"'\"\\".contains(&b));
    if scanner.peek().is_none_or(is_newline) {
        return Some(plain.trim_ascii().into());
    }
    scanner.at = start;
    let mut out = Vec::with_capacity(scanner.line_end(start) - start);
    // The length that must not be trimmed: of quoted parts and escaped characters.
    let mut kept = 0;
    let mut is_plain = false;
    while let Some(byte) = scanner.next() {
        match byte {
            _ if is_newline(byte) => break,
            b'\'' | b'"' if !is_plain => {
                quoted(scanner, byte, &mut out)?;
                kept = out.len();
            }
            b'\\' => {
                out.extend(scanner.next().filter(|b| !is_newline(*b)));
                (is_plain, kept) = (true, out.len());
            }
            _ if is_white(byte) && !is_plain => {}
            _ => {
                out.push(byte);
                is_plain = true;
                kept = if is_white(byte) { kept } else { out.len() };
            }
        }
    }
    out.truncate(kept);
    Some(out.into())
}

fn quoted(scanner: &mut Scanner<'_>, quote: u8, out: &mut Vec<u8>) -> Option<()> {
    let first_line = scanner.line_end(scanner.at);
    let horizon = scanner.horizon();
    while scanner.at < horizon {
        match scanner.next()? {
            byte if byte == quote => return Some(()),
            b'\\' if quote == b'"' => match scanner.next() {
                Some(escaped @ (b'"' | b'\\' | b'`' | b'$')) => out.push(escaped),
                Some(b'\n') | None => {}
                Some(other) => out.extend([b'\\', other]),
            },
            byte => out.push(byte),
        }
    }
    if first_line >= scanner.file.len() {
        return Some(());
    }
    scanner.miss();
    None
}
