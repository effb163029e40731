//! A shell that sources the file: assignments, also behind `export`, several on a line, with the
//! quoting of a shell, and `$'...'` of bash. An assignment before a command sets no variable. No
//! variable or command is expanded: the reading holds them as they stand.
//!
//! Source: POSIX, Shell Command Language, 2.2 Quoting and 2.9.1 Simple Commands; the bash manual,
//! 3.1.2.4 ANSI-C Quoting.

use super::scanner::{Scanner, is_blank};
use super::{Reading, Value, begins_reference};

/// The commands that set the variables behind them.
const DECLARING: [&[u8]; 3] = [b"export", b"readonly", b"declare -x"];

pub(super) fn read(file: &[u8]) -> Vec<Reading<'_>> {
    let mut scanner = Scanner::new(file);
    let mut readings = Vec::new();
    while !scanner.is_at_end() {
        let start = scanner.at;
        if command(&mut scanner, &mut readings).is_none() {
            if scanner.at > scanner.line_end(start) {
                scanner.miss();
            }
            scanner.at = start;
            scanner.skip_line();
        }
    }
    readings
}

/// Takes the assignments of one command. None if it has other words, or never ends.
fn command<'a>(scanner: &mut Scanner<'a>, readings: &mut Vec<Reading<'a>>) -> Option<()> {
    scanner.take_while(|b| is_blank(b) || b == b'\n' || b == b';');
    let rest = scanner.rest();
    let declares = |word: &&&[u8]| rest.starts_with(word) && rest.get(word.len()).copied().is_some_and(is_blank);
    if let Some(declaring) = DECLARING.iter().find(declares) {
        scanner.at += declaring.len();
    }
    let before = readings.len();
    loop {
        scanner.skip_blanks();
        if scanner.rest().starts_with(b"\\\n") {
            scanner.at += 2;
            continue;
        }
        match scanner.peek() {
            Some(b'#') => {
                scanner.skip_line();
                return Some(());
            }
            None | Some(b'\n' | b';') => return Some(()),
            Some(b'&') if scanner.rest().starts_with(b"&&") => {
                scanner.at += 2;
                return Some(());
            }
            _ => {}
        }
        let name = scanner.name().filter(|name| name.is_identifier() && scanner.peek() == Some(b'='));
        let assigned = name.and_then(|name| {
            scanner.at += 1;
            let value = word(scanner)?;
            Some(Reading::new(name, value, scanner.at))
        });
        match assigned {
            Some(reading) => readings.extend(reading),
            None => {
                readings.truncate(before);
                return None;
            }
        }
    }
}

/// A word that is being read.
#[derive(Default)]
struct Word {
    out: Vec<u8>,
    refers: bool,
}

/// Takes a word, up to the blank or the newline behind it.
fn word<'a>(scanner: &mut Scanner<'a>) -> Option<Value<'a>> {
    let start = scanner.at;
    let plain = scanner.take_while(|b| !is_special(b));
    if scanner.peek().is_none_or(|b| is_blank(b) || b"\n;".contains(&b)) {
        return Some(plain.into());
    }
    let line_end = scanner.line_end(start);
    let starts_quoted = matches!(scanner.file.get(start), Some(b'\'' | b'"'));
    let horizon = scanner.horizon();
    let mut word = Word { out: plain.to_vec(), refers: false };
    while let Some(byte) = scanner.peek() {
        if is_blank(byte) || b"\n;".contains(&byte) || scanner.rest().starts_with(b"&&") {
            break;
        }
        if scanner.at >= horizon || b"&|<>()".contains(&byte) {
            return None;
        }
        scanner.at += 1;
        match byte {
            b'\'' => single(scanner, horizon, &mut word)?,
            b'"' => double(scanner, horizon, &mut word)?,
            b'\\' => word.out.extend(scanner.next().filter(|b| *b != b'\n')),
            b'$' if scanner.peek() == Some(b'\'') => {
                scanner.at += 1;
                ansi(scanner, horizon, &mut word)?;
            }
            b'$' if scanner.peek() == Some(b'(') => substituted(scanner, horizon, &mut word, b')')?,
            b'`' => substituted(scanner, horizon, &mut word, b'`')?,
            _ => word.push(byte, scanner),
        }
    }
    let swallows = !starts_quoted && scanner.at > line_end && scanner.file[start..scanner.at].contains(&b'\n');
    Some(Value { bytes: word.out.into(), refers: word.refers, swallows })
}

/// Whether a byte ends a plain word, or means something within it.
fn is_special(byte: u8) -> bool {
    byte <= b' ' || b"'\"\\$`&|<>();".contains(&byte)
}

impl Word {
    fn push(&mut self, byte: u8, scanner: &Scanner<'_>) {
        self.refers |= byte == b'$' && begins_reference(scanner.rest());
        self.out.push(byte);
    }
}

fn single(scanner: &mut Scanner<'_>, horizon: usize, word: &mut Word) -> Option<()> {
    let text = &scanner.file[scanner.at..horizon.max(scanner.at)];
    let len = memchr::memchr(b'\'', text)?;
    word.out.extend(&text[..len]);
    scanner.at += len + 1;
    Some(())
}

fn double(scanner: &mut Scanner<'_>, horizon: usize, word: &mut Word) -> Option<()> {
    while scanner.at < horizon {
        match scanner.next()? {
            b'"' => return Some(()),
            b'\\' => match scanner.next()? {
                escaped @ (b'"' | b'\\' | b'`' | b'$') => word.out.push(escaped),
                b'\n' => {}
                other => word.out.extend([b'\\', other]),
            },
            b'$' if scanner.peek() == Some(b'(') => substituted(scanner, horizon, word, b')')?,
            b'`' => substituted(scanner, horizon, word, b'`')?,
            byte => word.push(byte, scanner),
        }
    }
    None
}

/// Takes a command substitution as it stands; its first byte is already taken.
fn substituted(scanner: &mut Scanner<'_>, horizon: usize, word: &mut Word, end: u8) -> Option<()> {
    word.refers = true;
    let start = scanner.at - 1;
    let mut depth = usize::from(end == b'`');
    while scanner.at < horizon {
        match scanner.next()? {
            b'\\' => drop(scanner.next()),
            b'(' if end == b')' => depth += 1,
            byte if byte == end => {
                depth -= 1;
                if depth == 0 {
                    word.out.extend(&scanner.file[start..scanner.at]);
                    return Some(());
                }
            }
            _ => {}
        }
    }
    None
}

/// Takes the rest of `$'...'`.
fn ansi(scanner: &mut Scanner<'_>, horizon: usize, word: &mut Word) -> Option<()> {
    while scanner.at < horizon {
        let byte = match scanner.next()? {
            b'\'' => return Some(()),
            b'\\' => match scanner.next()? {
                b'a' => 7,
                b'b' => 8,
                b'e' | b'E' => 0x1b,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 0x0b,
                b'x' => digits(scanner, 16, 2),
                b'0'..=b'7' => {
                    scanner.at -= 1;
                    digits(scanner, 8, 3)
                }
                escaped @ (b'\\' | b'\'' | b'"' | b'?') => escaped,
                other => {
                    word.out.push(b'\\');
                    other
                }
            },
            byte => byte,
        };
        word.out.push(byte);
    }
    None
}

/// Takes up to `len_max` digits of a base; the number is cut to a byte, as bash does.
fn digits(scanner: &mut Scanner<'_>, base: u32, len_max: usize) -> u8 {
    let digits = scanner.rest().iter().take(len_max).map_while(|b| char::from(*b).to_digit(base));
    let (number, len) = digits.fold((0, 0), |(number, len), digit| (number * base + digit, len + 1));
    scanner.at += len;
    number as u8
}
