//! Writes the inside of a JSON string, as one of the usual writers does.

use super::unit::{Digits, LOWER, UPPER, Unit, push_hex, units};

/// A writer's escapes beyond those that JSON requires.
pub(super) struct Style {
    /// ASCII characters written as `\u00xx`, and the case of their digits.
    pub(super) numeric: &'static [u8],
    pub(super) numeric_digits: Digits,
    /// `/` as `\/`.
    pub(super) slash: bool,
    /// DEL as `\u007f`.
    pub(super) del: bool,
    /// All characters outside of ASCII as `\uxxxx`.
    pub(super) ascii: bool,
    pub(super) digits: Digits,
}

/// JavaScript, serde_json, Ruby, Python without `ensure_ascii`.
pub(super) const MINIMAL: Style =
    Style { numeric: b"", numeric_digits: LOWER, slash: false, del: false, ascii: false, digits: LOWER };
/// Python.
pub(super) const ASCII: Style = Style { del: true, ascii: true, ..MINIMAL };
/// Go (so Docker's json-file log), Rails.
pub(super) const HTML: Style = Style { numeric: b"<>&", ..MINIMAL };
/// PHP.
pub(super) const PHP: Style = Style { slash: true, ascii: true, ..MINIMAL };
/// jq.
pub(super) const JQ: Style = Style { del: true, ..MINIMAL };
/// .NET's System.Text.Json.
pub(super) const DOTNET: Style =
    Style { numeric: b"<>&'\"+`", numeric_digits: UPPER, del: true, ascii: true, digits: UPPER, ..MINIMAL };

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
