//! What a file holds, by its first bytes: text that can be searched, or something in which a secret does not stand as it is.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use zeroize::Zeroizing;

use super::file;

/// How much of a file is looked at, in bytes.
const LOOK_LEN: usize = 4 << 10;
/// Text of two or four bytes a character, without a mark at its beginning, is known by this share of NULs in one place of each.
const WIDE_NULS_PER_CENT: usize = 90;
/// Less text than this is not judged by its NULs, in bytes.
const WIDE_LEN_MIN: usize = 32;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes, to be searched as they are.
    Plain,
    /// Compressed, in a format that can be undone.
    Compressed(Packing),
    /// Anything in which secrets do not stand as they are; by its name.
    Opaque(&'static str),
}

/// A format of compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
}

impl Packing {
    /// The format's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Bzip2 => "bzip2",
            Packing::Xz => "xz",
        }
    }
}

/// What files begin with that are not searched.
const OPAQUE: &[(&[u8], &str)] = &[
    (b"LPKSHHRH", "a systemd journal"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"LZIP", "lzip"),
    (b"\x89LZO\0", "lzop"),
    (b"\x1f\x9d", "compress"),
    (b"\x1f\xa0", "compress"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7-zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\xff\x06\0\0sNaPpY", "snappy"),
    (b"\x5d\0\0", "lzma"),
    (b"age-encryption.org/", "age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age"),
    (b"-----BEGIN PGP MESSAGE-----", "an OpenPGP message"),
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// Those of them that rotation makes.
const PACKED: &[&str] = &["lz4", "lzip", "lzma", "lzop", "compress", "zip", "7-zip", "rar", "snappy"];
/// So many bytes tell of all formats whether it is one, in bytes.
const PACKED_LEN: usize = 16;

/// What an open file holds.
pub(super) fn of(file: BorrowedFd<'_>) -> Result<Kind, Errno> {
    let mut head = Zeroizing::new([0; LOOK_LEN]);
    let len = file::read_full_at(file, &mut head[..], 0)?;
    Ok(of_head(&head[..len]))
}

/// Compression or an archive, by the format's name: none of it can be read line by line.
pub(crate) fn packed(file: BorrowedFd<'_>) -> io::Result<Option<&'static str>> {
    let mut head = [0; PACKED_LEN];
    let len = file::read_full_at(file, &mut head[..], 0)?;
    Ok(packed_head(&head[..len]))
}

/// The same of a file that begins so.
pub(crate) fn packed_head(head: &[u8]) -> Option<&'static str> {
    match of_head(head) {
        Kind::Compressed(Packing::Bzip2) => is_bzip2(head).then_some("bzip2"),
        Kind::Compressed(packing) => Some(packing.name()),
        Kind::Opaque(name) => PACKED.contains(&name).then_some(name),
        Kind::Plain => None,
    }
}

/// Whether a block of bzip2 follows its three letters, with which a line of text may begin.
fn is_bzip2(head: &[u8]) -> bool {
    head.get(4..).is_some_and(|rest| rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17rE8P\x90"))
}

fn of_head(head: &[u8]) -> Kind {
    let packings: [(&[u8], Packing); 4] = [
        (b"\x1f\x8b\x08", Packing::Gzip),
        (b"\x28\xb5\x2f\xfd", Packing::Zstd),
        (b"BZh", Packing::Bzip2),
        (b"\xfd7zXZ\0", Packing::Xz),
    ];
    if let Some((_, packing)) = packings.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Kind::Compressed(*packing);
    }
    match OPAQUE.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, name)) => Kind::Opaque(name),
        None if is_wide(head) => Kind::Opaque("UTF-16"),
        None => Kind::Plain,
    }
}

/// Whether this is text with a NUL in every second byte. A sparse or binary file has them in all places.
fn is_wide(head: &[u8]) -> bool {
    let nuls = |at: usize| head.iter().skip(at).step_by(2).filter(|&&byte| byte == 0).count() * 100;
    let (even, odd, most) = (nuls(0), nuls(1), head.len() / 2 * WIDE_NULS_PER_CENT);
    head.len() >= WIDE_LEN_MIN && (even >= most) != (odd >= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_their_first_bytes() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let line = "2026-11-24 16:00:00 a line of a log on another system\r\n";
        assert_eq!(of_head(b""), Kind::Plain);
        assert_eq!(of_head(line.as_bytes()), Kind::Plain);
        assert_eq!(of_head(&[0; 4096]), Kind::Plain);
        assert_eq!(of_head(&wide(line)), Kind::Opaque("UTF-16"));
        assert_eq!(of_head(&wide(&line.repeat(40))), Kind::Opaque("UTF-16"));
        assert_eq!(of_head(&wide(&format!("\u{feff}{line}"))), Kind::Opaque("UTF-16"));
        let big_endian: Vec<u8> = line.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(of_head(&big_endian), Kind::Opaque("UTF-16"));
        assert_eq!(of_head(b"\x1f\x8b\x08\0"), Kind::Compressed(Packing::Gzip));
        assert_eq!(of_head(b"SQLite format 3\0..."), Kind::Opaque("an SQLite database"));
    }
}
