//! The decoded text of a record: maps bytes of the record to the bytes that its program wrote.

use std::ops::Range;

use super::record::RecordFormat;
use crate::redact::json_escape::JsonEscape;

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
pub(super) fn units(format: RecordFormat, text: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let plain = match format {
            RecordFormat::Cri => rest.len(),
            RecordFormat::Docker => memchr::memchr(b'\\', rest).unwrap_or(rest.len()),
        };
        let start = at;
        if plain > 0 {
            at += plain;
            return Some(Unit::Plain(&rest[..plain]));
        }
        let Some(JsonEscape { character, len, .. }) = JsonEscape::parse(rest) else {
            at += 1;
            return Some(Unit::Plain(&rest[..1]));
        };
        at += len;
        let mut bytes = [0; 4];
        let decoded = character.encode_utf8(&mut bytes).len();
        Some(Unit::Escape(start..at, bytes, decoded))
    })
}

/// Writes a mask into a text.
pub(super) fn write_mask(format: RecordFormat, mask: &[u8], out: &mut Vec<u8>) {
    for &byte in mask {
        match (format, byte) {
            (RecordFormat::Docker, b'"' | b'\\') => out.extend([b'\\', byte]),
            (RecordFormat::Docker, 0..0x20) => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            // A newline would end the record.
            (RecordFormat::Cri, b'\n') => out.push(b' '),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_as_by_a_json_reader() {
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
                units(RecordFormat::Docker, text.as_bytes()).flat_map(|unit| unit.bytes().to_vec()).collect();
            let wanted: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn an_invalid_escape_stands_for_itself() {
        for (text, wanted) in
            [(r"\x", r"\x"), ("\\", "\\"), (r"\u12", r"\u12"), (r"\u12g4", r"\u12g4"), (r"\u+123", r"\u+123")]
        {
            let found: Vec<u8> =
                units(RecordFormat::Docker, text.as_bytes()).flat_map(|unit| unit.bytes().to_vec()).collect();
            assert_eq!(found, wanted.as_bytes());
        }
        let lone: Vec<u8> = units(RecordFormat::Docker, br"\ud83dx").flat_map(|unit| unit.bytes().to_vec()).collect();
        assert_eq!(lone, "\u{fffd}x".as_bytes());
        assert_eq!(units(RecordFormat::Cri, br"a\n").count(), 1);
    }
}
