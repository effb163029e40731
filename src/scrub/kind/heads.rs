//! Known formats, by the first and the last bytes of a file.

use super::{Compression, Kind};
use crate::io::stream_head::is_utf16;

/// The length of a tar header, in bytes.
const TAR_LEN: usize = 512;
/// If this many leading bytes look like text, they begin no zlib stream.
const ZLIB_LOOK_LEN: usize = 64;
/// The maximum number of skippable zstd frames to pass over.
const SKIPPABLE_MAX: usize = 64;

/// Compression formats that can be undone.
const COMPRESSED: &[(&[u8], Compression)] = &[
    (b"\x1f\x8b\x08", Compression::Gzip),
    (b"\x28\xb5\x2f\xfd", Compression::Zstd),
    (b"BZh", Compression::Bzip2),
    (b"\xfd7zXZ\0", Compression::Xz),
];

/// Formats in which secrets are not in readable form.
const OPAQUE: &[(&[u8], &str)] = &[
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"LZIP", "lzip"),
    (b"\x89LZO\0", "lzop"),
    (b"\x1f\x9d", "compress"),
    (b"\x1f\xa0", "compress"),
    (b"7z\xbc\xaf\x27\x1c", "7-zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"MSCF\0\0\0\0", "a cabinet archive"),
    (b"xar!\0", "a xar archive"),
    (b"\xff\x06\0\0sNaPpY", "snappy"),
    (b"\x5d\0\0", "lzma"),
    (b"age-encryption.org/", "age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age"),
    (b"-----BEGIN PGP MESSAGE-----", "an OpenPGP message"),
    (b"Salted__", "encrypted by openssl"),
    (b"$ANSIBLE_VAULT;", "an Ansible vault"),
    (b"LUKS\xba\xbe", "a LUKS volume"),
    (b"PACK\0\0\0", "a git pack"),
    (b"# v2 git bundle", "a git bundle"),
    (b"# v3 git bundle", "a git bundle"),
    (b"hsqs", "a squashfs image"),
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// Formats that a mask may break: they hold checksums, lengths, or order.
const BINARY: &[(usize, &[u8], &str)] = &[
    (0, b"LPKSHHRH", "a systemd journal"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"\x37\x7f\x06\x82", "an SQLite write-ahead log"),
    (0, b"\x37\x7f\x06\x83", "an SQLite write-ahead log"),
    (0, b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "an SQLite rollback journal"),
    (0, b"\xfebin", "a MySQL binary log"),
    (0, b"REDIS0", "a Redis database"),
    (0, b"ZKLG\0", "a ZooKeeper log"),
    (0, b"ZKSN\0", "a ZooKeeper snapshot"),
    (0, b"BKLE\0", "a BookKeeper ledger"),
    (0, b"\x3f\xd7\x6c\x17", "a Lucene index or translog"),
    (0, b"\x85\xbd\x40\xdd", "a Prometheus chunk file"),
    (0, b"\xba\xaa\xd7\x00", "a Prometheus index"),
    (0, b"RRD\x00", "a round-robin database"),
    (0, b"TDB file\n", "a TDB database"),
    (0, b"\xce\x9a\x57\x13", "a GDBM database"),
    (0, b"\xcf\x9a\x57\x13", "a GDBM database"),
    (12, b"\x62\x31\x05\0", "a Berkeley database"),
    (12, b"\x61\x15\x06\0", "a Berkeley database"),
    (12, b"\0\x05\x31\x62", "a Berkeley database"),
    (12, b"\0\x06\x15\x61", "a Berkeley database"),
    (16, b"\xed\xda\x0c\xed", "a bbolt database"),
    (16, b"\xde\xc0\xef\xbe", "an LMDB database"),
    (24, b"\xde\xc0\xef\xbe", "an LMDB database"),
    (18, b"\x04\x20", "a PostgreSQL table"),
    (0, b"DIRC\0\0\0", "a git index"),
    (0, b"\xfftOc\0\0\0", "a git pack index"),
    (0, b"CGPH\x01", "a git commit graph"),
    (0, b"MIDX\x01", "a git pack index"),
    (0, b"BITM\0", "a git bitmap"),
    (0, b"RIDX\0", "a git pack index"),
    (0, b"REFT\x01", "a git reftable"),
    (0, b"REFT\x02", "a git reftable"),
    (0, b"!<arch>\n", "an ar archive"),
    (0, b"!<thin>\n", "an ar archive"),
    (0, b"\xed\xab\xee\xdb", "an rpm package"),
    (0, b"\xc7\x71", "a cpio archive"),
    (0, b"\x71\xc7", "a cpio archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"PK\x05\x06", "a zip archive"),
    (0, b"PK\x07\x08", "a zip archive"),
    (0, b"Obj\x01", "an Avro file"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"ORC\x0a", "an ORC file"),
    (0, b"SEQ\x06", "a Hadoop sequence file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF file"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE document"),
    (0, b"\x7fELF", "a program or core file"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"\xcf\xfa\xed\xfe", "a program"),
    (0, b"\0asm", "a WebAssembly program"),
    (0, b"\x89PNG\r\n\x1a\n", "an image"),
    (0, b"\xff\xd8\xff", "an image"),
    (0, b"GIF8", "an image"),
    (0, b"RIFF", "a RIFF file"),
    (0, b"OggS\0", "an Ogg file"),
    (0, b"\xd4\xc3\xb2\xa1", "a packet capture"),
    (0, b"\xa1\xb2\xc3\xd4", "a packet capture"),
    (0, b"\x4d\x3c\xb2\xa1", "a packet capture"),
    (0, b"\x0a\x0d\x0d\x0a", "a packet capture"),
    (0, b"ElfFile\0", "a Windows event log"),
    (0, b"QFI\xfb", "a disk image"),
    (0, b"\x80\x02\x8a\x0a", "a Python pickle"),
];

/// The last bytes of formats, by their distance from the end.
const TAILS: &[(usize, &[u8], &str)] = &[
    (8, b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "a LevelDB table"),
    (8, b"\xf7\xcf\xf4\x85\xb7\x41\xe2\x88", "a RocksDB table"),
    (4, b"PAR1", "a Parquet file"),
    (512, b"koly\0", "a disk image"),
];

/// The kind of a file with this head, if known.
pub(super) fn of(head: &[u8]) -> Option<Kind> {
    if head.starts_with(b"__CURSOR=") || head.starts_with(b"__REALTIME_TIMESTAMP=") {
        // The export format of systemd's journal: its binary fields have lengths but no checksums.
        return Some(Kind::Text);
    }
    let rest = past_skippable(head);
    if rest.len() < head.len() && rest.len() < 4 {
        return Some(Kind::Compressed(Compression::Zstd));
    }
    let compressed = COMPRESSED.iter().find(|(magic, _)| rest.starts_with(magic)).map(|(_, compression)| *compression);
    let compressed = compressed.filter(|compression| *compression != Compression::Bzip2 || is_bzip2(rest));
    if let Some(compression) = compressed.or_else(|| zlib(head)) {
        return Some(Kind::Compressed(compression));
    }
    let opaque = OPAQUE.iter().find(|(magic, _)| rest.starts_with(magic));
    if let Some((_, name)) = opaque {
        return Some(Kind::Opaque(name));
    }
    let binary = BINARY.iter().find(|(at, magic, _)| head.get(*at..).is_some_and(|from| from.starts_with(magic)));
    if let Some((_, _, name)) = binary {
        return Some(Kind::Binary(name));
    }
    match head {
        _ if is_old_tar(head) => Some(Kind::Binary("a tar archive")),
        _ if is_cpio(head) => Some(Kind::Binary("a cpio archive")),
        _ if is_git_object(head) => Some(Kind::Binary("a git object")),
        _ if is_utf16(head) => Some(Kind::Opaque("UTF-16")),
        _ => None,
    }
}

/// The kind of a file with this tail, if known.
pub(super) fn of_tail(tail: &[u8]) -> Option<Kind> {
    let ends = |at: usize, magic: &[u8]| tail.len() >= at && tail[tail.len() - at..].starts_with(magic);
    if let Some((_, _, name)) = TAILS.iter().find(|(at, magic, _)| ends(*at, magic)) {
        return Some(Kind::Binary(name));
    }
    // The end record of a zip archive, with its comment. A program may precede the archive.
    let end = memchr::memmem::rfind(tail, b"PK\x05\x06")?;
    let comment = tail.get(end + 20..end + 22)?;
    let len = usize::from(u16::from_le_bytes([comment[0], comment[1]]));
    (end + 22 + len == tail.len()).then_some(Kind::Binary("a zip archive"))
}

/// Whether a bzip2 block follows the format's three letters, which may also begin a line of text.
fn is_bzip2(head: &[u8]) -> bool {
    head.get(4..).is_some_and(|rest| rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17rE8P\x90"))
}

/// Whether the format with this name is compression or an archive.
#[cfg(feature = "sidecar")]
pub(super) fn is_compressed(name: &str) -> bool {
    matches!(name, "lz4" | "lzip" | "lzma" | "lzop" | "compress" | "7-zip" | "rar" | "snappy")
        || name.ends_with(" archive")
}

/// The bytes after the skippable frames at the beginning of a zstd or lz4 file; empty if the frames
/// extend beyond the head.
fn past_skippable(head: &[u8]) -> &[u8] {
    let mut rest = head;
    for _ in 0..SKIPPABLE_MAX {
        let Some(frame) = rest.get(..8).filter(|frame| (0x50..=0x5f).contains(&frame[0])) else { break };
        if frame[1..4] != *b"\x2a\x4d\x18" {
            break;
        }
        let len = u32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]]) as usize;
        rest = rest[8..].get(len..).unwrap_or_default();
    }
    rest
}

/// Detects a zlib stream by trying it: its first two bytes, such as `x^`, may also begin text.
#[cfg(feature = "compress")]
fn zlib(head: &[u8]) -> Option<Compression> {
    use std::io::{ErrorKind, Read};

    if !may_be_zlib(head) {
        return None;
    }
    let mut content = zeroize::Zeroizing::new([0; 64]);
    let read = flate2::read::ZlibDecoder::new(head).read(&mut content[..]);
    match read {
        Ok(_) => Some(Compression::Zlib),
        // The head may be too short for a first byte of content.
        Err(error) => (error.kind() == ErrorKind::UnexpectedEof).then_some(Compression::Zlib),
    }
}

#[cfg(not(feature = "compress"))]
fn zlib(head: &[u8]) -> Option<Compression> {
    may_be_zlib(head).then_some(Compression::Zlib)
}

/// Whether the header is valid. Compressed bytes that all look like text are rejected.
fn may_be_zlib(head: &[u8]) -> bool {
    let &[method, flags, ..] = head else { return false };
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    let is_sound = u16::from_be_bytes([method, flags]).is_multiple_of(31);
    let has_method = method & 0x0f == 8 && method >> 4 <= 7 && flags & 0x20 == 0;
    has_method && is_sound && !head[..head.len().min(ZLIB_LOOK_LEN)].iter().all(is_text)
}

/// A tar of the oldest format has no magic, but a checksum.
fn is_old_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..TAR_LEN) else { return false };
    let stated: String =
        header[148..156].iter().filter(|byte| byte.is_ascii_digit()).map(|&byte| char::from(byte)).collect();
    let sum: u32 =
        header.iter().enumerate().map(|(at, &byte)| if (148..156).contains(&at) { 32 } else { u32::from(byte) }).sum();
    header[0] != 0 && u32::from_str_radix(&stated, 8).is_ok_and(|stated| stated == sum)
}

fn is_cpio(head: &[u8]) -> bool {
    let numbers = head.get(6..76).is_some_and(|numbers| numbers.iter().all(u8::is_ascii_hexdigit));
    numbers && [&b"070701"[..], b"070702", b"070707"].iter().any(|magic| head.starts_with(magic))
}

/// A loose object of git, inflated: its type and length, and a NUL.
fn is_git_object(head: &[u8]) -> bool {
    let head = &head[..head.len().min(32)];
    [&b"blob "[..], b"tree ", b"commit ", b"tag "].iter().any(|name| {
        let digits = head.strip_prefix(*name).unwrap_or_default();
        let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        len > 0 && digits.get(len) == Some(&0)
    })
}
