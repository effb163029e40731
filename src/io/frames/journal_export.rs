//! The export format of systemd's journal: entries of fields, each entry with an empty line behind
//! it. A field is a line, `NAME=text`; or `NAME`, a newline, 8 bytes of length, least first, as
//! many bytes, and a newline.

use std::ops::Range;

use super::framing::{End, FRAME_LEN_MAX, Framing, Header, Part, fixed};
use crate::redact::redacted::Piece;

/// The first field of each entry that `journalctl` writes.
const CURSOR: &[u8] = b"__CURSOR=";
/// The maximum length of a field's name.
const NAME_LEN_MAX: usize = 64;
/// The length of a length.
const LENGTH_LEN: usize = 8;

pub(super) struct JournalExport;

/// The beginning of a line of an entry.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// A field of this length in all.
    Text(usize),
    /// A field of this length in all, with its counted bytes.
    Counted(usize, Range<usize>),
    /// The empty line.
    End,
    /// More bytes are needed.
    Partial,
    /// None of an entry.
    Other,
}

fn line(bytes: &[u8]) -> Line {
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let name_len = bytes.iter().take_while(|byte| is_name(byte)).take(NAME_LEN_MAX + 1).count();
    match bytes.get(name_len) {
        _ if name_len > NAME_LEN_MAX => Line::Other,
        None => Line::Partial,
        Some(b'\n') if name_len == 0 => Line::End,
        Some(b'=') if name_len > 0 => {
            memchr::memchr(b'\n', bytes).map_or(Line::Partial, |newline| Line::Text(newline + 1))
        }
        Some(b'\n') => counted(bytes, name_len + 1),
        Some(_) => Line::Other,
    }
}

fn counted(bytes: &[u8], at: usize) -> Line {
    let Some(length) = bytes[at..].first_chunk::<LENGTH_LEN>() else { return Line::Partial };
    let start = at + LENGTH_LEN;
    let len = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if len > FRAME_LEN_MAX {
        return Line::Other;
    }
    match bytes.get(start + len) {
        None => Line::Partial,
        Some(b'\n') => Line::Counted(start + len + 1, start..start + len),
        Some(_) => Line::Other,
    }
}

impl Framing for JournalExport {
    fn header(&self, bytes: &[u8], strictly: bool) -> Header {
        let whole = Header::Whole { header_len: 0, len: None };
        match line(bytes) {
            Line::Other | Line::End => Header::Other,
            _ if strictly && !CURSOR.starts_with(bytes) => Header::Other,
            _ if strictly && bytes.len() < CURSOR.len() => Header::Partial,
            _ => whole,
        }
    }

    fn end(&self, frame: &[u8], seen: &mut usize) -> End {
        loop {
            match line(&frame[*seen..]) {
                Line::Text(len) | Line::Counted(len, _) => *seen += len,
                Line::End => return End::At(*seen + 1),
                Line::Partial => return End::Later,
                Line::Other => return End::None,
            }
        }
    }

    fn parts(&self, frame: &[u8], from: usize) -> Vec<Part> {
        let (mut parts, mut start, mut at) = (Vec::new(), from, from);
        loop {
            match line(&frame[at..]) {
                Line::Text(len) => at += len,
                Line::Counted(len, range) => {
                    let (text, next) = (at + range.start, at + range.end);
                    parts.push(Part::Text(start..text - LENGTH_LEN));
                    parts.push(Part::Counted(text..next));
                    (start, at) = (next, at + len);
                }
                Line::End | Line::Partial | Line::Other => {
                    parts.push(Part::Text(start..frame.len()));
                    return parts;
                }
            }
        }
    }

    fn write_length(&self, len: usize, pieces: &mut Vec<Piece<'static>>) {
        for byte in (len as u64).to_le_bytes() {
            pieces.push(fixed(byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_byte_by_byte() {
        let field = b"MESSAGE\n\x04\0\0\0\0\0\0\0one\n\nA=b\n";
        for len in 0..21 {
            assert_eq!(line(&field[..len]), Line::Partial, "{len} bytes");
        }
        assert_eq!(line(&field[..21]), Line::Counted(21, 16..20));
        assert_eq!(line(&field[21..]), Line::Text(4));
        assert_eq!((line(b"\nA=b\n"), line(b"A=")), (Line::End, Line::Partial));
        for other in [&b"a=b\n"[..], b" ", b"=x\n", b"A b\n", b"AAAAAAAA\nNo length at all", &[b'A'; 65]] {
            assert_eq!(line(other), Line::Other);
        }
        assert_eq!(line(b"M\n\x01\0\0\0\0\0\0\0ab"), Line::Other);
    }

    #[test]
    fn an_entry_has_parts() {
        let entry = b"A=b\nM\n\x02\0\0\0\0\0\0\0x\ny".to_vec();
        let entry = [&entry[..entry.len() - 1], b"\nC=d\n\n"].concat();
        let parts = JournalExport.parts(&entry, 0);
        assert_eq!(parts, [Part::Text(0..6), Part::Counted(14..16), Part::Text(16..entry.len())]);
        assert_eq!(JournalExport.end(&entry, &mut 0), End::At(entry.len()));
        let headers = |text: &[u8]| (JournalExport.header(text, true), JournalExport.header(text, false));
        let whole = Header::Whole { header_len: 0, len: None };
        assert_eq!(headers(b"__CURSOR="), (whole, whole));
        assert_eq!(headers(b"__CURS"), (Header::Partial, whole));
        assert_eq!(headers(b"M"), (Header::Other, whole));
        assert_eq!(headers(b"\n"), (Header::Other, Header::Other));
    }
}
