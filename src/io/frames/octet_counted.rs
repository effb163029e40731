//! Octet counting of RFC 6587: `49 <13>1 - h app - - - text`, one message behind the other.

use super::framing::{Framing, Header, fixed};
use crate::redact::redacted::Piece;

/// The maximum number of digits of a length.
const DIGITS_MAX: usize = 8;
/// The maximum number of digits of a priority.
const PRIORITY_DIGITS_MAX: usize = 3;

pub(super) struct OctetCounted;

impl Framing for OctetCounted {
    fn header(&self, bytes: &[u8], strictly: bool) -> Header {
        let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if bytes.first() == Some(&b'0') || digits > DIGITS_MAX {
            return Header::Other;
        }
        let len = bytes[..digits].iter().fold(0, |len, digit| len * 10 + usize::from(digit - b'0'));
        match bytes.get(digits) {
            None => Header::Partial,
            Some(b' ') if digits > 0 && !strictly => Header::Whole { header_len: digits + 1, len: Some(len) },
            Some(b' ') if digits > 0 => match priority_len(&bytes[digits + 1..]) {
                Some(Some(priority_len)) if priority_len <= len => {
                    Header::Whole { header_len: digits + 1, len: Some(len) }
                }
                None => Header::Partial,
                Some(_) => Header::Other,
            },
            Some(_) => Header::Other,
        }
    }

    fn write_header(&self, len: usize, pieces: &mut Vec<Piece<'static>>) {
        pieces.extend(len.to_string().bytes().chain([b' ']).map(fixed));
    }
}

/// The length of `<13>`; `Some(None)` if the bytes begin otherwise, `None` if more are needed.
fn priority_len(bytes: &[u8]) -> Option<Option<usize>> {
    let [b'<', rest @ ..] = bytes else { return if bytes.is_empty() { None } else { Some(None) } };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match rest.get(digits) {
        _ if digits > PRIORITY_DIGITS_MAX => Some(None),
        None => None,
        Some(b'>') if digits > 0 => Some(Some(digits + 2)),
        Some(_) => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_byte_by_byte() {
        let strict = |text: &str| OctetCounted.header(text.as_bytes(), true);
        let loose = |text: &str| OctetCounted.header(text.as_bytes(), false);
        for partial in ["", "4", "49", "12345678", "49 ", "49 <", "49 <1", "49 <134"] {
            assert_eq!(strict(partial), Header::Partial, "{partial}");
        }
        for other in
            ["x", " ", "0", "049 ", "123456789", "49x", "49 x", "49 <x", "49 <>", "49 <1x", "49 <1345", "3 <13>"]
        {
            assert_eq!(strict(other), Header::Other, "{other}");
        }
        assert_eq!(strict("49 <13>"), Header::Whole { header_len: 3, len: Some(49) });
        assert_eq!(strict("4 <13>"), Header::Whole { header_len: 2, len: Some(4) });
        assert_eq!(loose("49 "), Header::Whole { header_len: 3, len: Some(49) });
        assert_eq!((loose("49"), loose("49<"), loose("-1 ")), (Header::Partial, Header::Other, Header::Other));
    }

    #[test]
    fn a_written_header_is_read_as_the_same() {
        for len in [1, 9, 10, 1000, 1 << 20] {
            let mut pieces = Vec::new();
            OctetCounted.write_header(len, &mut pieces);
            let text: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes().to_vec()).collect();
            assert_eq!(OctetCounted.header(&text, false), Header::Whole { header_len: text.len(), len: Some(len) });
        }
    }
}
