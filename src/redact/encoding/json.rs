//! The inside of JSON strings.

use super::Form;
use super::sheet::{Digits, LOWER, Sheet, UPPER, Unit, push_hex, units};

/// A writer's escapes beyond those that JSON requires.
pub(super) struct Style {
    /// ASCII characters written as `\u00xx`, and the case of their digits.
    numeric: &'static [u8],
    numeric_digits: Digits,
    /// `/` as `\/`.
    slash: bool,
    /// DEL as `\u007f`.
    del: bool,
    /// All characters outside of ASCII as `\uxxxx`.
    ascii: bool,
    digits: Digits,
}

/// JavaScript, serde_json, Ruby, Python without `ensure_ascii`.
pub(super) const MINIMAL: Style =
    Style { numeric: b"", numeric_digits: LOWER, slash: false, del: false, ascii: false, digits: LOWER };
/// Python.
const ASCII: Style = Style { del: true, ascii: true, ..MINIMAL };
/// Go (so Docker's json-file log), Rails.
const HTML: Style = Style { numeric: b"<>&", ..MINIMAL };
/// PHP.
const PHP: Style = Style { slash: true, ascii: true, ..MINIMAL };
/// jq.
const JQ: Style = Style { del: true, ..MINIMAL };
/// .NET's System.Text.Json.
const DOTNET: Style =
    Style { numeric: b"<>&'\"+`", numeric_digits: UPPER, del: true, ascii: true, digits: UPPER, ..MINIMAL };

const STYLES: [Style; 13] = [
    MINIMAL,
    ASCII,
    HTML,
    PHP,
    DOTNET,
    JQ,
    // PHP with JSON_UNESCAPED_UNICODE, Apple's JSONSerialization.
    Style { slash: true, ..MINIMAL },
    // Jackson, RapidJSON.
    Style { digits: UPPER, ..MINIMAL },
    // Jackson with ESCAPE_NON_ASCII.
    Style { ascii: true, digits: UPPER, ..MINIMAL },
    // Flask and Jinja.
    Style { numeric: b"<>&'", del: true, ascii: true, ..MINIMAL },
    // Django.
    Style { numeric: b"<>&", numeric_digits: UPPER, del: true, ascii: true, ..MINIMAL },
    // Gson.
    Style { numeric: b"<>&'=", ..MINIMAL },
    // PHP with all of JSON_HEX_*.
    Style { numeric: b"<>&'\"", numeric_digits: UPPER, slash: true, ascii: true, ..MINIMAL },
];

/// JSON within JSON: inner and outer style.
const NESTED: [(Style, Style); 7] = [
    (MINIMAL, MINIMAL),
    (JQ, MINIMAL),
    (ASCII, MINIMAL),
    (HTML, MINIMAL),
    (MINIMAL, HTML),
    (PHP, PHP),
    (DOTNET, MINIMAL),
];

pub(super) fn rows(sheet: &mut Sheet<'_>) {
    for style in &STYLES {
        sheet.row(Form::Json, |value, out| write(value, style, out));
    }
    for (inner, outer) in &NESTED {
        sheet.row_in_json(outer, |value, out| write(value, inner, out));
    }
}

pub(super) fn likeliest(sheet: &mut Sheet<'_>) {
    for style in [&MINIMAL, &ASCII] {
        sheet.row(Form::Json, |value, out| write(value, style, out));
    }
}

pub(super) fn write(value: &[u8], style: &Style, out: &mut Vec<u8>) {
    units(value).for_each(|unit| match unit {
        Unit::Char(c) if c.is_ascii() => write_ascii(c as u8, style, out),
        Unit::Char(c) if style.ascii => {
            for half in c.encode_utf16(&mut [0; 2]) {
                push_u(u32::from(*half), style.digits, out);
            }
        }
        // Python's escape for a byte that is not UTF-8.
        Unit::Stray(byte) if style.ascii => push_u(0xdc00 + u32::from(byte), style.digits, out),
        _ => unit.copy(out),
    });
}

fn write_ascii(byte: u8, style: &Style, out: &mut Vec<u8>) {
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.push(byte),
        _ if style.numeric.contains(&byte) => push_u(byte.into(), style.numeric_digits, out),
        b'"' | b'\\' => out.extend([b'\\', byte]),
        b'/' if style.slash => out.extend(b"\\/"),
        b'\n' => out.extend(b"\\n"),
        b'\r' => out.extend(b"\\r"),
        b'\t' => out.extend(b"\\t"),
        0x08 => out.extend(b"\\b"),
        0x0c => out.extend(b"\\f"),
        ..0x20 => push_u(byte.into(), style.digits, out),
        0x7f if style.del => push_u(byte.into(), style.digits, out),
        _ => out.push(byte),
    }
}

fn push_u(number: u32, digits: Digits, out: &mut Vec<u8>) {
    out.extend(b"\\u");
    push_hex(number, 4, digits, out);
}
