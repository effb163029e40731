//! A value that is itself encoded: in base64, hex, percent-encoding, or as a JSON string.
//!
//! Whether a value is encoded is not certain: every word of letters is base64 of some bytes. What
//! it decodes to is a part only if that is text, or if the value shows its encoding: by a prefix
//! such as `base64:`, or by its padding.

use zeroize::Zeroizing;

use super::Parts;
use super::written::{decoded, json_unescaped};
use crate::redact::encoding::Form;
use crate::redact::reading;
use crate::redact::secret::{UNGUESSABLE_LEN_MIN, VALUE_LEN_MIN};

/// Prefixes of encoded values, in lower case.
const BASE64_PREFIXES: [&[u8]; 4] = [b"base64:", b"basic ", b"b64:", b"base64,"];
/// The shortest encoded value without a prefix, in bytes.
const ENCODED_LEN_MIN: usize = 8;
/// The longest value that is decoded, in bytes: what it decodes to may be as long, three times
/// over.
const ENCODED_LEN_MAX: usize = 256 << 10;
/// The minimum length of what a value decodes to, if it is not text, in bytes.
const BINARY_LEN_MIN: usize = 16;

/// Emits what a value in base64 decodes to.
pub(super) fn decode_base64(value: &[u8], parts: &mut Parts<'_>) {
    if let Some(plain) = base64(value, true) {
        emit(&plain, parts);
    }
}

/// Emits decoded text with its own parts, and other bytes without any.
fn emit(plain: &[u8], parts: &mut Parts<'_>) {
    if is_text(plain) {
        parts.secret(Form::Decoded, plain);
    } else {
        parts.bytes(Form::Decoded, plain);
    }
}

/// Emits what a value decodes to.
pub(super) fn decode(value: &[u8], parts: &mut Parts<'_>) {
    if value.len() > ENCODED_LEN_MAX {
        return;
    }
    decoded(value, |plain| parts.secret(Form::Decoded, plain));
    if value.contains(&b'%') && value.contains(&b'+') {
        // Forms write a blank as `+`.
        let mut blanks = Zeroizing::new(value.to_vec());
        blanks.iter_mut().filter(|byte| **byte == b'+').for_each(|byte| *byte = b' ');
        decoded(&blanks, |plain| parts.secret(Form::Decoded, plain));
    }
    if let Some(plain) = wide_file(value) {
        parts.secret(Form::Decoded, &plain);
    }
    // `$'zk\x2d4471'` of shells.
    if let Some(inner) = value.strip_prefix(b"$'").and_then(|inner| inner.strip_suffix(b"'")) {
        parts.secret(Form::Decoded, inner);
        if let Some(plain) = reading::of(inner) {
            parts.secret(Form::Decoded, &plain);
        }
    }
    if memchr::memmem::find(value, b"\\u").is_some() || memchr::memmem::find(value, b"\\\"").is_some() {
        let plain = json_unescaped(value);
        if *plain != value {
            parts.secret(Form::Decoded, &plain);
        }
    }
    if let Some(plain) = hex(value).or_else(|| numbers(value)).filter(|plain| is_text(plain)) {
        parts.secret(Form::Decoded, &plain);
    } else if let Some((encoded, has_prefix)) = without_prefix(value) {
        if has_prefix {
            parts.secret(Form::Credential, encoded);
        }
        if let Some(plain) = base64(encoded, has_prefix) {
            emit(narrow(&plain).as_deref().unwrap_or(&plain), parts);
        }
    }
}

/// A value without the prefix that shows its encoding, and whether there was one.
fn without_prefix(value: &[u8]) -> Option<(&[u8], bool)> {
    let prefix = BASE64_PREFIXES.iter().find_map(|prefix| {
        let (head, rest) = value.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(rest)
    });
    let of_url = value.strip_prefix(b"data:").and_then(|url| {
        let at = memchr::memmem::find(&url[..url.len().min(128)], b";base64,")?;
        Some(&url[at + 8..])
    });
    match prefix.or(of_url) {
        Some(encoded) => Some((encoded.trim_ascii(), true)),
        None => (value.len() >= ENCODED_LEN_MIN).then_some((value, false)),
    }
}

/// The bytes that base64 stands for, in either alphabet, with or without padding, broken into lines
/// or not; `None` if it is no base64, or probably not meant as such.
fn base64(text: &[u8], is_certain: bool) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let (mut bits, mut count, mut padding, mut is_marked) = (0_u32, 0_usize, 0_usize, is_certain);
    for &byte in text.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(sextet);
        count += 1;
        if count.is_multiple_of(4) {
            plain.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
    }
    let rest = count % 4;
    if rest == 1 || padding > 0 && rest + padding != 4 {
        return None;
    }
    if rest > 0 {
        let bytes = (bits << (6 * (4 - rest))).to_be_bytes();
        plain.extend_from_slice(&bytes[1..rest]);
    }
    is_marked |= padding > 0;
    let len_min = if is_marked { VALUE_LEN_MIN } else { UNGUESSABLE_LEN_MIN };
    let is_part = if is_text(&plain) || narrow(&plain).is_some() {
        plain.len() >= len_min
    } else {
        is_marked && plain.len() >= BINARY_LEN_MIN
    };
    is_part.then_some(plain)
}

/// The bytes that hex digits stand for.
fn hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.strip_prefix(b"0x").or(text.strip_prefix(b"\\x")).unwrap_or(text);
    if text.len() < 2 * VALUE_LEN_MIN || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.chunks_exact(2) {
        plain.push((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    }
    Some(plain)
}

/// The bytes of a list of numbers: decimal ones in brackets or with commas, or hex ones of two
/// digits with one separator.
fn numbers(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let inner = text.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]"));
    // One more than the separators between numbers of one digit. A vector that grows leaves copies
    // behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len() / 2 + 1));
    if inner.is_some() || text.contains(&b',') {
        for number in inner.unwrap_or(text).split(|byte| *byte == b',') {
            plain.push(std::str::from_utf8(number.trim_ascii()).ok()?.parse().ok()?);
        }
    } else {
        let separator = *text.get(2).filter(|separator| b":- ".contains(separator))?;
        for pair in text.split(|byte| *byte == separator) {
            let &[high, low] = pair else { return None };
            let digit = |byte: u8| char::from(byte).to_digit(16);
            plain.push((digit(high)? << 4 | digit(low)?) as u8);
        }
    }
    (plain.len() >= UNGUESSABLE_LEN_MIN).then_some(plain)
}

/// A file in UTF-16 with a byte order mark, as Windows writes it, in UTF-8.
fn wide_file(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (order, text): (fn([u8; 2]) -> u16, _) = match value {
        [0xff, 0xfe, text @ ..] => (u16::from_le_bytes, text),
        [0xfe, 0xff, text @ ..] => (u16::from_be_bytes, text),
        _ => return None,
    };
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len() / 2 * 3));
    for character in char::decode_utf16(text.as_chunks::<2>().0.iter().map(|unit| order(*unit))) {
        plain.extend_from_slice(character.ok()?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    is_text(&plain).then_some(plain)
}

/// Text in UTF-16, as PowerShell encodes it, in UTF-8.
fn narrow(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (units, []) = bytes.as_chunks::<2>() else { return None };
    let is_wide = units.len() >= VALUE_LEN_MIN && units.iter().filter(|unit| unit[1] == 0).count() * 2 > units.len();
    if !is_wide {
        return None;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len() / 2 * 3));
    for character in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        plain.extend_from_slice(character.ok()?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    is_text(&plain).then_some(plain)
}

/// Whether bytes are text, and not by chance: printable, and in UTF-8. The last fallback for a mask
/// has a character that no text has.
fn is_text(bytes: &[u8]) -> bool {
    let is_other = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t') || c == '\u{2588}';
    std::str::from_utf8(bytes).is_ok_and(|text| !text.is_empty() && !text.contains(is_other))
}
