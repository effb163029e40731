//! A look at the first bytes of a stream: text in UTF-16 or UTF-32 is searched less well than any
//! other, compressed text not at all, and the user should know.

/// The number of bytes that are looked at.
const HEAD_LEN: usize = 1024;
/// The length of the longest byte order mark.
const MARK_LEN: usize = 4;
/// The shortest text to judge by its NULs, in bytes.
const WIDE_LEN_MIN: usize = 32;
/// The share of NULs in one place of each byte pair that marks UTF-16 text.
const WIDE_NULS_PER_CENT: usize = 90;

/// A condition of a stream that its owner should know. A stream has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamNotice {
    /// It begins as UTF-16. Secrets are found in it as they are, but not in their encoded forms.
    Utf16,
    /// It begins as UTF-32. Secrets are not found in it.
    Utf32,
    /// It begins as a compressed file of this format. Secrets are not found in it.
    Compressed(&'static str),
    /// It has ceased to consist of frames with their lengths. The rest is masked as plain text.
    NotFrames,
}

impl StreamNotice {
    /// The text of a warning. `with_forms`: the search covers encoded forms, of which UTF-16 is
    /// one.
    pub fn text(self, with_forms: bool) -> String {
        let (name, found) = match self {
            StreamNotice::Utf16 if with_forms => {
                ("UTF-16", "secrets are found in it as they are, but in no other form")
            }
            StreamNotice::Utf16 => ("UTF-16", "secrets are not found in it"),
            StreamNotice::Utf32 => ("UTF-32", "secrets are not found in it"),
            StreamNotice::Compressed(format) => {
                return format!("the text is compressed ({format}): secrets are not found in it; decompress it before");
            }
            StreamNotice::NotFrames => {
                return "the text is no more messages with their lengths; the rest is masked as plain text".to_owned();
            }
        };
        format!("the text is {name}: {found}; convert it before, as with iconv -f {name}")
    }
}

/// The first bytes of compressed files, and the names of their formats.
const COMPRESSED: [(&[u8], &str); 6] = [
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zX", "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
    (b"\x04\x22\x4d\x18", "lz4"),
];

/// The first bytes of one stream, in pieces. After these, a piece costs a comparison.
#[derive(Default)]
pub(crate) struct StreamHead {
    mark: [u8; MARK_LEN],
    /// The number of bytes looked at.
    len: usize,
    /// The number of NULs at even and at odd places.
    nuls: [usize; 2],
    is_known: bool,
}

impl StreamHead {
    /// Takes the next piece. Returns a notice at most once.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Option<StreamNotice> {
        if self.is_known {
            return None;
        }
        let left = HEAD_LEN - self.len;
        for &byte in &piece[..piece.len().min(left)] {
            if let Some(place) = self.mark.get_mut(self.len) {
                *place = byte;
            }
            self.nuls[self.len % 2] += usize::from(byte == 0);
            self.len += 1;
        }
        let wide = self.judge();
        self.is_known = wide.is_some() || self.len == HEAD_LEN;
        wide
    }

    fn judge(&self) -> Option<StreamNotice> {
        match self.mark {
            _ if self.len < MARK_LEN => None,
            [0xff, 0xfe, 0, 0] | [0, 0, 0xfe, 0xff] => Some(StreamNotice::Utf32),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(StreamNotice::Utf16),
            _ if self.is_utf16() => Some(StreamNotice::Utf16),
            _ => {
                let is_mark = |(mark, _): &&(&[u8], &str)| self.mark.starts_with(mark);
                COMPRESSED.iter().find(is_mark).map(|(_, format)| StreamNotice::Compressed(format))
            }
        }
    }

    /// Whether this is text with a NUL in every second byte. In a sparse or binary file, even and
    /// odd places have about as many NULs.
    fn is_utf16(&self) -> bool {
        let [even, odd] = self.nuls.map(|nuls| nuls * 100);
        let most = self.len / 2 * WIDE_NULS_PER_CENT;
        self.len >= WIDE_LEN_MIN && even.max(odd) >= most && even.min(odd) * 2 < most
    }
}

/// Whether a text without a byte order mark is UTF-16. It is judged as a whole.
pub(crate) fn is_utf16(text: &[u8]) -> bool {
    let nuls = |at: usize| text.iter().skip(at).step_by(2).filter(|&&byte| byte == 0).count();
    StreamHead { len: text.len(), nuls: [nuls(0), nuls(1)], ..StreamHead::default() }.is_utf16()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The notices about a text, and the length of its pieces before the first.
    fn found(text: &[u8], piece_len: usize) -> (Vec<StreamNotice>, usize) {
        let (mut head, mut all, mut at) = (StreamHead::default(), Vec::new(), 0);
        for piece in text.chunks(piece_len) {
            all.extend(head.take(piece));
            at += if all.is_empty() { piece.len() } else { 0 };
        }
        (all, at)
    }

    fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn wide_text_is_noticed_once_at_every_cut() {
        let line = "2026-11-29 12:00:00 spid51 Login failed\r\n";
        let marked = format!("\u{feff}{line}");
        let utf32: Vec<u8> = marked.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        for (text, wanted) in [
            (wide(line, u16::to_le_bytes), StreamNotice::Utf16),
            (wide(line, u16::to_be_bytes), StreamNotice::Utf16),
            (wide(&line.repeat(50), u16::to_le_bytes), StreamNotice::Utf16),
            (wide(&marked, u16::to_le_bytes), StreamNotice::Utf16),
            (wide(&marked, u16::to_be_bytes), StreamNotice::Utf16),
            (wide("\u{feff}\u{4e2d}", u16::to_be_bytes), StreamNotice::Utf16),
            (utf32, StreamNotice::Utf32),
        ] {
            for len in 1..text.len().min(100) {
                assert_eq!(found(&text, len).0, [wanted], "pieces of {len} bytes");
            }
        }
    }

    #[test]
    fn compressed_text_is_noticed_at_every_cut() {
        for (mark, format) in COMPRESSED {
            let text = [mark, &[7; 40]].concat();
            for len in 1..text.len() {
                assert_eq!(found(&text, len).0, [StreamNotice::Compressed(format)], "pieces of {len} bytes");
            }
            assert_eq!(found(&[b" ", mark, &[7; 40]].concat(), 40).0, []);
        }
    }

    #[test]
    fn other_bytes_are_not_noticed() {
        let line = b"2026-11-29 12:00:00 a line of text\n";
        for text in [&line.repeat(50)[..], &[0; 5000], b"\xff\xfe", b"", &[&line[..], &[0; 40], line].concat()] {
            for len in [1, 7, 1023, 1024, 1025, 5000] {
                assert_eq!(found(text, len).0, []);
            }
        }
        // After the first KiB.
        let late = [&line.repeat(40)[..], &wide("wide text, and enough of it", u16::to_le_bytes)].concat();
        assert_eq!(found(&late, 100).0, []);
    }
}
