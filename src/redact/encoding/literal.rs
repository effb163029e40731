//! String literals of programming languages, as printed by `repr`, `%q` and `{:?}`.

use super::Form;
use super::form_writer::FormWriter;
use super::unit::{Digits, LOWER, UPPER, Unit, push_hex, push_octal, units};

/// The notation for a character without a name.
#[derive(Clone, Copy)]
enum Number {
    /// The raw character.
    Raw,
    /// `\x1b`, each byte.
    Hex(Digits),
    /// `\033`, each byte.
    Octal,
    /// `\xe9`, `\u20ac`, `\U0001f600`: Python.
    Shortest(Digits),
    /// `\u00e9`, `\U0001f600`: Go.
    Universal,
    /// `\u{e9}`: Rust, JavaScript.
    Braced,
}

/// A language's treatment of control characters and of characters outside of ASCII. Quotes vary
/// independently.
struct Style {
    /// Characters with a name, and their names: `\n` is `n`.
    names: &'static [(char, u8)],
    controls: Number,
    wide: Number,
}

const COMMON: &[(char, u8)] = &[('\n', b'n'), ('\r', b'r'), ('\t', b't')];
const RUST: &[(char, u8)] = &[('\n', b'n'), ('\r', b'r'), ('\t', b't'), ('\0', b'0')];
const NODE: &[(char, u8)] = &[('\n', b'n'), ('\r', b'r'), ('\t', b't'), ('\x08', b'b'), ('\x0c', b'f')];
const MYSQL: &[(char, u8)] = &[('\n', b'n'), ('\r', b'r'), ('\0', b'0'), ('\x1a', b'Z')];
const APACHE: &[(char, u8)] = &[('\n', b'n'), ('\r', b'r'), ('\t', b't'), ('\x08', b'b'), ('\x0b', b'v')];
const C: &[(char, u8)] =
    &[('\n', b'n'), ('\r', b'r'), ('\t', b't'), ('\x08', b'b'), ('\x0c', b'f'), ('\x0b', b'v'), ('\x07', b'a')];
const WITH_E: &[(char, u8)] = &[
    ('\n', b'n'),
    ('\r', b'r'),
    ('\t', b't'),
    ('\x08', b'b'),
    ('\x0c', b'f'),
    ('\x0b', b'v'),
    ('\x07', b'a'),
    ('\x1b', b'e'),
    ('\0', b'0'),
];

const STYLES: [Style; 17] = [
    // Python's repr.
    Style { names: COMMON, controls: Number::Hex(LOWER), wide: Number::Raw },
    // Python's bytes, Rust's escape_ascii.
    Style { names: COMMON, controls: Number::Hex(LOWER), wide: Number::Hex(LOWER) },
    // Python's ascii.
    Style { names: COMMON, controls: Number::Hex(LOWER), wide: Number::Shortest(LOWER) },
    // Go's %q and %+q.
    Style { names: C, controls: Number::Hex(LOWER), wide: Number::Raw },
    Style { names: C, controls: Number::Hex(LOWER), wide: Number::Universal },
    // Rust's Debug and escape_default.
    Style { names: RUST, controls: Number::Braced, wide: Number::Raw },
    Style { names: COMMON, controls: Number::Braced, wide: Number::Braced },
    // Node's util.inspect.
    Style { names: NODE, controls: Number::Hex(UPPER), wide: Number::Raw },
    // C with octal numbers, for text and for bytes.
    Style { names: C, controls: Number::Octal, wide: Number::Raw },
    Style { names: C, controls: Number::Octal, wide: Number::Octal },
    // Perl's Data::Dumper.
    Style { names: WITH_E, controls: Number::Octal, wide: Number::Octal },
    // YAML and Ruby.
    Style { names: WITH_E, controls: Number::Hex(UPPER), wide: Number::Raw },
    Style { names: WITH_E, controls: Number::Hex(UPPER), wide: Number::Shortest(UPPER) },
    // Apache's log.
    Style { names: APACHE, controls: Number::Hex(LOWER), wide: Number::Hex(LOWER) },
    Style { names: C, controls: Number::Hex(UPPER), wide: Number::Hex(UPPER) },
    // MySQL.
    Style { names: MYSQL, controls: Number::Raw, wide: Number::Raw },
    // Perl's and PHP's single quotes.
    Style { names: &[], controls: Number::Raw, wide: Number::Raw },
];

/// The quotes that get a backslash, which depends on the enclosing quotes.
const QUOTES: [&[u8]; 4] = [b"", b"'", b"\"", b"'\""];

pub(super) fn rows(writer: &mut FormWriter<'_>) {
    let value = writer.value;
    let styles = if writer.controls || writer.wide { &STYLES[..] } else { &STYLES[..1] };
    for quotes in QUOTES.into_iter().filter(|quotes| quotes.iter().all(|quote| value.contains(quote))) {
        for (index, style) in styles.iter().enumerate() {
            let write = |value: &[u8], out: &mut Vec<u8>| write(value, style, quotes, out);
            match index {
                0 => writer.row_and_in_json(Form::CEscape, write),
                _ => writer.row(Form::CEscape, write),
            }
        }
    }
    writer.row(Form::CEscape, write_nginx);
}

fn write(value: &[u8], style: &Style, quotes: &[u8], out: &mut Vec<u8>) {
    units(value).for_each(|unit| match unit {
        Unit::Char(c) if c.is_ascii_alphanumeric() => out.push(c as u8),
        Unit::Char(c) if c.is_ascii_control() => match style.names.iter().find(|(named, _)| *named == c) {
            Some((_, name)) => out.extend([b'\\', *name]),
            None => push_number(unit, style.controls, out),
        },
        Unit::Char(c) if c == '\\' || c.is_ascii() && quotes.contains(&(c as u8)) => out.extend([b'\\', c as u8]),
        Unit::Char(c) if c.is_ascii() => out.push(c as u8),
        // Every style with numbers writes a byte outside of any character as a number.
        Unit::Stray(_) if matches!(style.wide, Number::Raw) => push_number(unit, style.controls, out),
        _ => push_number(unit, style.wide, out),
    });
}

fn push_number(unit: Unit, number: Number, out: &mut Vec<u8>) {
    let code = match (unit, number) {
        (Unit::Char(c), _) => u32::from(c),
        // Python's escape for a byte that is not UTF-8.
        (Unit::Stray(byte), Number::Shortest(_)) => 0xdc00 + u32::from(byte),
        (Unit::Stray(byte), _) => byte.into(),
    };
    match number {
        Number::Raw => unit.copy(out),
        Number::Hex(digits) => each_byte(unit, |byte| push_marked(b'x', byte.into(), 2, digits, out)),
        Number::Octal => each_byte(unit, |byte| {
            out.push(b'\\');
            push_octal(byte, out);
        }),
        Number::Braced => {
            out.extend(b"\\u{");
            push_hex(code, 1, LOWER, out);
            out.push(b'}');
        }
        Number::Shortest(digits) if code < 0x100 => push_marked(b'x', code, 2, digits, out),
        Number::Universal if matches!(unit, Unit::Stray(_)) => push_marked(b'x', code, 2, LOWER, out),
        Number::Shortest(digits) => push_universal(code, digits, out),
        Number::Universal => push_universal(code, LOWER, out),
    }
}

fn each_byte(unit: Unit, push: impl FnMut(u8)) {
    match unit {
        Unit::Char(c) => c.encode_utf8(&mut [0; 4]).bytes().for_each(push),
        Unit::Stray(byte) => [byte].into_iter().for_each(push),
    }
}

fn push_universal(code: u32, digits: Digits, out: &mut Vec<u8>) {
    let (mark, width) = if code < 0x10000 { (b'u', 4) } else { (b'U', 8) };
    push_marked(mark, code, width, digits, out);
}

fn push_marked(mark: u8, code: u32, width: u32, digits: Digits, out: &mut Vec<u8>) {
    out.extend([b'\\', mark]);
    push_hex(code, width, digits, out);
}

/// nginx's log: no names, and also quotes and backslashes as numbers.
fn write_nginx(value: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        match byte {
            ..0x20 | 0x7f.. | b'"' | b'\\' => push_marked(b'x', byte.into(), 2, UPPER, out),
            _ => out.push(byte),
        }
    }
}
