//! Base64, and bytes as numbers: the value's bits in other characters.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding};
use zeroize::Zeroizing;

use super::form_writer::FormWriter;
use super::unit::{Digits, LOWER, UPPER, push_decimal, push_hex};
use super::{FULL_LEN_MAX, Form};

/// The line width of `od -An -tx1`, in bytes of the value.
const OD_BYTES: usize = 16;

/// The text between two bytes in hex. A separator costs two needles of up to six times the value.
const HEX_SEPARATORS: [&[u8]; 4] = [b":", b" ", b"-", b", 0x"];
/// The text between two bytes in decimal.
const DECIMAL_SEPARATORS: [&[u8]; 3] = [b", ", b" ", b","];

/// Base64 in both alphabets, at the three alignments that a longer text can give the value. The
/// plain reading undoes line ends.
pub(super) fn base64(writer: &mut FormWriter<'_>) {
    let value = writer.value;
    let mut shifted = Zeroizing::new(Vec::with_capacity(value.len() + 2));
    let mut text = Zeroizing::new(Vec::with_capacity(base64_len(value.len() + 2) + 2));
    for shift in 0..3 {
        shifted.clear();
        shifted.resize(shift, 0);
        shifted.extend_from_slice(value);
        encode(&BASE64_NOPAD, &shifted, &mut text);
        own_characters(writer, Form::Base64, shift, &text);
        if value.len() > FULL_LEN_MAX {
            continue;
        }
        last_character(writer, Form::Base64, shift, &mut text);
        if text.iter().any(|c| matches!(c, b'+' | b'/')) {
            encode(&BASE64URL_NOPAD, &shifted, &mut text);
            own_characters(writer, Form::Base64Url, shift, &text);
            last_character(writer, Form::Base64Url, shift, &mut text);
        }
    }
}

fn base64_len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(6)
}

fn encode(alphabet: &Encoding, bytes: &[u8], text: &mut Vec<u8>) {
    text.clear();
    text.resize(alphabet.encode_len(bytes.len()), 0);
    alphabet.encode_mut(bytes, text);
}

/// The number of base64 characters that hold only bits of this many bytes.
fn own_len(bytes: usize) -> usize {
    bytes * 8 / 6
}

/// The characters that only hold bits of the value.
fn own_characters(writer: &mut FormWriter<'_>, form: Form, shift: usize, text: &[u8]) {
    writer.emit(form, &text[base64_len(shift)..own_len(shift + writer.value.len())]);
}

/// Also the last character, which the value shares with the following byte. If the value is last,
/// that character is known, and so is the padding.
fn last_character(writer: &mut FormWriter<'_>, form: Form, shift: usize, text: &mut Vec<u8>) {
    let (start, end) = (base64_len(shift), text.len());
    if own_len(shift + writer.value.len()) < end {
        writer.emit(form, &text[start..]);
        text.resize(end.next_multiple_of(4), b'=');
        writer.emit(form, &text[start..]);
        text.truncate(end);
    }
}

/// An encoder's way to write a value that is then encoded in base64.
#[derive(Clone, Copy)]
struct Spelling {
    /// Whether characters outside of ASCII are escaped.
    is_ascii: bool,
    /// The other characters that are escaped.
    escaped: &'static [u8],
    is_percent: bool,
}

/// A string of JSON as most programs write it; as Go does, for pages of HTML; as PHP does; with
/// ASCII only, as Python does; and a URL's parameter.
const SPELLINGS: [Spelling; 5] = [
    Spelling { is_ascii: false, escaped: b"", is_percent: false },
    Spelling { is_ascii: false, escaped: b"<>&", is_percent: false },
    Spelling { is_ascii: true, escaped: b"/", is_percent: false },
    Spelling { is_ascii: true, escaped: b"", is_percent: false },
    Spelling { is_ascii: true, escaped: b"", is_percent: true },
];

/// Base64 of the value as it stands in a string of JSON or in a URL, if that is another: a
/// registry's credentials are base64 of JSON. The plain reading undoes no escape within base64.
pub(super) fn base64_in_text(writer: &mut FormWriter<'_>) {
    let value = writer.value;
    let Some(text) = std::str::from_utf8(value).ok().filter(|_| writer.text) else { return };
    // Each character takes at most twelve bytes: two escapes of JSON.
    let mut escaped = Zeroizing::new(Vec::with_capacity(12 * value.len()));
    let mut before = Zeroizing::new(Vec::with_capacity(12 * value.len()));
    let mut encoded = Zeroizing::new(Vec::with_capacity(base64_len(12 * value.len() + 2) + 2));
    let mut shifted = Zeroizing::new(Vec::with_capacity(12 * value.len() + 2));
    for spelling in SPELLINGS {
        escaped.clear();
        text.chars().for_each(|character| push_spelled(character, spelling, &mut escaped));
        if *escaped == value || escaped == before {
            continue;
        }
        before.clear();
        before.extend_from_slice(&escaped);
        for shift in 0..3 {
            shifted.clear();
            shifted.resize(shift, 0);
            shifted.extend_from_slice(&escaped);
            encode(&BASE64_NOPAD, &shifted, &mut encoded);
            writer.emit(Form::Base64, &encoded[base64_len(shift)..own_len(shifted.len())]);
        }
    }
}

fn push_spelled(character: char, spelling: Spelling, out: &mut Vec<u8>) {
    let mut bytes = [0; 4];
    let bytes = character.encode_utf8(&mut bytes).as_bytes();
    if spelling.is_percent {
        for &byte in bytes {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(byte);
            } else {
                out.push(b'%');
                push_hex(byte.into(), 2, UPPER, out);
            }
        }
        return;
    }
    match bytes {
        [b'"' | b'\\'] => out.extend([b'\\', bytes[0]]),
        b"\n" => out.extend(b"\\n"),
        b"\r" => out.extend(b"\\r"),
        b"\t" => out.extend(b"\\t"),
        b"/" if spelling.escaped == b"/" => out.extend(b"\\/"),
        [byte] if *byte >= b' ' && !spelling.escaped.contains(byte) => out.push(*byte),
        [_, _, ..] if !spelling.is_ascii => out.extend(bytes),
        _ => {
            for &unit in character.encode_utf16(&mut [0; 2]).iter() {
                out.extend(b"\\u");
                push_hex(unit.into(), 4, LOWER, out);
            }
        }
    }
}

/// Hex in both cases, without and with separators between the bytes, and wrapped as by
/// `od -An -tx1`. The `0x` of the first byte is left.
pub(super) fn hex(writer: &mut FormWriter<'_>) {
    writer.row(Form::Hex, |value, out| lines_of_hex(value, b"", LOWER, usize::MAX, b"", out));
    if writer.value.len() > FULL_LEN_MAX {
        return;
    }
    writer.row(Form::Hex, |value, out| lines_of_hex(value, b"", UPPER, usize::MAX, b"", out));
    for digits in [LOWER, UPPER] {
        for between in HEX_SEPARATORS {
            writer.row(Form::HexSeparated, |value, out| {
                lines_of_hex(value, between, digits, usize::MAX, b"", out);
            });
        }
    }
    if writer.value.len() > OD_BYTES {
        writer.row(Form::HexSeparated, |value, out| lines_of_hex(value, b" ", LOWER, OD_BYTES, b"\n ", out));
    }
}

fn lines_of_hex(value: &[u8], between: &[u8], digits: Digits, in_line: usize, line_break: &[u8], out: &mut Vec<u8>) {
    for (index, &byte) in value.iter().enumerate() {
        match index {
            0 => {}
            _ if index % in_line == 0 => out.extend_from_slice(line_break),
            _ => out.extend_from_slice(between),
        }
        push_hex(byte.into(), 2, digits, out);
    }
}

/// A list of decimal numbers, as printed by Go's `%v`, Rust's `{:?}` and Java's `Arrays.toString`.
/// A byte of Java is negative from 128 on.
pub(super) fn decimal(writer: &mut FormWriter<'_>) {
    if writer.value.len() > FULL_LEN_MAX {
        return;
    }
    for is_signed in [false, true] {
        for between in DECIMAL_SEPARATORS {
            writer.row(Form::Decimal, |value, out| {
                for (index, &byte) in value.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(between);
                    }
                    if is_signed && byte >= 0x80 {
                        out.push(b'-');
                        push_decimal(byte.wrapping_neg(), out);
                    } else {
                        push_decimal(byte, out);
                    }
                }
            });
        }
    }
}
