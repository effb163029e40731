//! phpdotenv, in its plain rules: quotes count at the start of a value only, and only a comment may
//! follow. Double quotes may go over lines; `\"`, `\\`, `\$` and `\f \n \r \t \v` are undone in
//! them. A plain value keeps quotes and backslashes, ends at the first `#`, and holds no blanks.
//!
//! Source: `src/Parser/Lines.php` and `src/Parser/EntryParser.php` of github.com/vlucas/phpdotenv,
//! version 5.6.

use memchr::memchr;

use super::scanner::{Scanner, is_blank, is_space, trimmed};
use super::{Name, Reading, Value, refers};

pub(super) fn read(file: &[u8]) -> Vec<Reading<'_>> {
    let mut scanner = Scanner::new(file);
    let mut readings = Vec::new();
    while !scanner.is_at_end() {
        scanner.skip_blanks();
        readings.extend(entry(&mut scanner));
        scanner.skip_line();
    }
    readings
}

fn entry<'a>(scanner: &mut Scanner<'a>) -> Option<Reading<'a>> {
    let start = scanner.at;
    let line = &scanner.file[start..scanner.line_end(start)];
    let equals = memchr(b'=', line).filter(|_| !line.starts_with(b"#"))?;
    let (mut name, before) = trimmed(&line[..equals]);
    let mut at = start + before;
    if let Some(rest) = name.strip_prefix(b"export").filter(|rest| rest.first().is_some_and(|b| is_space(*b))) {
        at += name.len() - rest.trim_ascii_start().len();
        name = rest.trim_ascii_start();
    }
    if let [first @ (b'\'' | b'"'), inner @ .., last] = name
        && first == last
    {
        (name, at) = (inner, at + 1);
    }
    let name = Name::new(name, at)?;
    scanner.at = start + equals + 1;
    scanner.skip_blanks();
    let value = match scanner.peek() {
        Some(quote @ (b'\'' | b'"')) => {
            scanner.at += 1;
            quoted(scanner, quote)?
        }
        _ => {
            let text = scanner.take_while(|b| b != b'#' && !is_space(b));
            Value { refers: refers(text), ..text.into() }
        }
    };
    let end = scanner.at;
    let rest = scanner.rest().iter().find(|b| !is_blank(**b) && **b != b'\r');
    matches!(rest, None | Some(b'#' | b'\n')).then(|| Reading::new(name, value, end))?
}

fn quoted<'a>(scanner: &mut Scanner<'a>, quote: u8) -> Option<Value<'a>> {
    let (start, line_end) = (scanner.at, scanner.line_end(scanner.at));
    // Single quotes close on their line.
    let horizon = if quote == b'"' { scanner.horizon() } else { line_end };
    let mut out = Vec::new();
    while scanner.at < horizon {
        match scanner.next()? {
            byte if byte == quote => {
                let text = &scanner.file[start..scanner.at - 1];
                return Some(Value { refers: quote == b'"' && refers(text), ..out.into() });
            }
            b'\\' if quote == b'"' => out.push(match scanner.next()? {
                escaped @ (b'"' | b'\\' | b'$') => escaped,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 0x0b,
                _ => {
                    scanner.at = line_end;
                    return None;
                }
            }),
            byte => out.push(byte),
        }
    }
    if horizon > line_end {
        scanner.miss();
    }
    scanner.at = line_end;
    None
}
