//! The decoded text of a record: maps bytes of the record to the bytes that its program wrote.

use std::ops::Range;

use crate::scrub::container::Format;

/// Bytes of a record, and the text that they encode.
pub(super) enum Unit<'a> {
    /// Literal bytes.
    Plain(&'a [u8]),
    /// A JSON escape, its range, and its decoded bytes.
    Escape(Range<usize>, [u8; 4], usize),
}

impl Unit<'_> {
    /// The length of the encoded text.
    pub(super) fn len(&self) -> usize {
        match self {
            Unit::Plain(bytes) => bytes.len(),
            Unit::Escape(_, _, len) => *len,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Unit::Plain(bytes) => bytes,
            Unit::Escape(_, bytes, len) => &bytes[..*len],
        }
    }
}

/// The units of a text, in order. Bytes outside escapes are literal.
pub(super) fn units(format: Format, text: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let plain = match format {
            Format::Cri => rest.len(),
            Format::Docker => memchr::memchr(b'\\', rest).unwrap_or(rest.len()),
        };
        let start = at;
        if plain > 0 {
            at += plain;
            return Some(Unit::Plain(&rest[..plain]));
        }
        let Some((character, len)) = escape(rest) else {
            at += 1;
            return Some(Unit::Plain(&rest[..1]));
        };
        at += len;
        let mut bytes = [0; 4];
        let decoded = character.encode_utf8(&mut bytes).len();
        Some(Unit::Escape(start..at, bytes, decoded))
    })
}

/// The character of an escape at the beginning of these bytes, and the length of the escape.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let character = match bytes.get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        &byte @ (b'"' | b'\\' | b'/') => char::from(byte),
        b'u' => return unicode(bytes),
        _ => return None,
    };
    Some((character, 2))
}

fn unicode(bytes: &[u8]) -> Option<(char, usize)> {
    let code = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
        u32::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()
    };
    let first = code(0)?;
    if let Some(second) =
        code(6).filter(|second| (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(second))
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return Some((char::from_u32(code)?, 12));
    }
    Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6))
}

/// Writes a mask into a text.
pub(super) fn write(format: Format, mask: &[u8], out: &mut Vec<u8>) {
    for &byte in mask {
        match (format, byte) {
            (Format::Docker, b'"' | b'\\') => out.extend([b'\\', byte]),
            (Format::Docker, 0..0x20) => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            // A newline would end the record.
            (Format::Cri, b'\n') => out.push(b' '),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_what_a_json_reader_makes_of_them() {
        for text in [
            r"",
            r"plain",
            r"\n",
            r"a\tb\\",
            r"\\n",
            r#"\"\/"#,
            r"\u003cb\u003e",
            r"\ud83d\ude00x",
            r"\u00e9\u20ac",
            r"\b\f\r",
        ] {
            let found: Vec<u8> =
                units(Format::Docker, text.as_bytes()).flat_map(|unit| unit.bytes().to_vec()).collect();
            let wanted: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        for (text, wanted) in
            [(r"\x", r"\x"), ("\\", "\\"), (r"\u12", r"\u12"), (r"\u12g4", r"\u12g4"), (r"\u+123", r"\u+123")]
        {
            let found: Vec<u8> =
                units(Format::Docker, text.as_bytes()).flat_map(|unit| unit.bytes().to_vec()).collect();
            assert_eq!(found, wanted.as_bytes());
        }
        let lone: Vec<u8> = units(Format::Docker, br"\ud83dx").flat_map(|unit| unit.bytes().to_vec()).collect();
        assert_eq!(lone, "\u{fffd}x".as_bytes());
        assert_eq!(units(Format::Cri, br"a\n").count(), 1);
    }
}
