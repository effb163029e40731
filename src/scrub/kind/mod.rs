//! The kind of a file: text, which is searched and masked, or bytes that a mask would break.
//!
//! Text is proved, not assumed: scrub, guard and the sidecar query this module before they write. A
//! mask breaks formats with checksums, such as a database log, a segment of records or a git index.
//! The evidence is the file's head, its tail, its name and neighbours, records chained by their
//! lengths, and the control bytes of samples across the file.
//!
//! A log remains text with holes of NULs (`copytruncate`), colour codes, one separator byte instead
//! of newlines, stray control bytes, and in any single-byte encoding.

mod frames;
mod heads;
mod near;
mod tally;

use std::io::{self, Read};
use std::os::fd::BorrowedFd;

use rustix::fs::fstat;
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::file;
use frames::Source;
pub(super) use near::Near;
use tally::{Tally, Verdict};

/// The length of a sample, in bytes. The first and the last sample are the head and the tail.
const SAMPLE_LEN: usize = 4 << 10;
/// The number of samples between head and tail.
const SAMPLES: u64 = 6;
/// The judged part of compressed content, in bytes.
const CONTENT_LEN: u64 = 64 << 10;

/// The reason for a file with too many control bytes.
const CONTROL: &str = "not text: many control bytes";
/// The reason for a file that begins with control bytes.
const CONTROL_HEAD: &str = "not text: control bytes at its beginning";
/// The reason for a doubt.
const DOUBT: &str = "text with many control bytes";

/// The kind of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes to search and mask directly.
    Text,
    /// Most likely text; the reason for the doubt.
    Doubtful(&'static str),
    /// Compressed, in a format that can be undone.
    Compressed(Compression),
    /// Not text, with its name. It may contain readable secrets, and a mask may break it.
    Binary(&'static str),
    /// Not readable, with its name: secrets do not appear literally.
    Opaque(&'static str),
}

/// A compression format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// zlib, which is read and never written.
    Zlib,
}

impl Compression {
    /// The format for a file name extension.
    pub(super) fn of_extension(extension: &str) -> Option<Compression> {
        match extension {
            "gz" => Some(Compression::Gzip),
            "zst" => Some(Compression::Zstd),
            "bz2" => Some(Compression::Bzip2),
            "xz" => Some(Compression::Xz),
            _ => None,
        }
    }

    /// The format's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
            Compression::Zlib => "zlib",
        }
    }
}

/// Judges an open file. Reads at most 32 KiB, unless the file begins with control bytes.
pub(super) fn of(file: BorrowedFd<'_>, near: &Near<'_>) -> Result<Kind, Errno> {
    let len = fstat(file)?.st_size as u64;
    // Wiped: the sample may contain secrets.
    let mut sample = Zeroizing::new([0; SAMPLE_LEN]);
    let read = file::read_full_at(file, &mut sample[..], 0)?;
    if let Some(kind) = heads::of(&sample[..read]) {
        return Ok(kind);
    }
    let mut tally = Tally::of_head(&sample[..read]);
    if len > SAMPLE_LEN as u64 {
        let tail = len.saturating_sub(SAMPLE_LEN as u64).max(SAMPLE_LEN as u64);
        let read = file::read_full_at(file, &mut sample[..], tail)?;
        if let Some(kind) = heads::of_tail(&sample[..read]) {
            return Ok(kind);
        }
        tally.add(&sample[..read]);
        for at in places(tail) {
            let read = file::read_full_at(file, &mut sample[..], at)?;
            tally.add(&sample[..read]);
        }
    }
    let read = file::read_full_at(file, &mut sample[..], 0)?;
    let kind = judge(&tally, &Source { head: &sample[..read], file: Some(file), len });
    Ok(near.judged(kind))
}

/// The name of the file's compression or archive format, which cannot be read line by line.
#[cfg(feature = "sidecar")]
pub(crate) fn compression_of(file: BorrowedFd<'_>) -> io::Result<Option<&'static str>> {
    let mut head = Zeroizing::new([0; SAMPLE_LEN]);
    let len = file::read_full_at(file, &mut head[..], 0)?;
    Ok(compression_of_head(&head[..len]))
}

/// Like [`compression_of`], for a file with this head.
#[cfg(feature = "sidecar")]
pub(crate) fn compression_of_head(head: &[u8]) -> Option<&'static str> {
    match heads::of(head)? {
        Kind::Compressed(compression) => Some(compression.name()),
        Kind::Opaque(name) | Kind::Binary(name) => heads::is_compressed(name).then_some(name),
        Kind::Text | Kind::Doubtful(_) => None,
    }
}

/// The offsets of samples between the head and the tail. A short file is read as a whole.
fn places(tail: u64) -> impl Iterator<Item = u64> {
    let between = tail - SAMPLE_LEN as u64;
    let count = between.div_ceil(SAMPLE_LEN as u64).min(SAMPLES);
    (0..count).map(move |number| SAMPLE_LEN as u64 + between / count * number)
}

/// Judges the content of a compressed file by its beginning.
pub(super) fn of_content(content: &mut dyn Read) -> io::Result<Kind> {
    let mut head = Zeroizing::new(Vec::with_capacity(CONTENT_LEN as usize));
    content.take(CONTENT_LEN).read_to_end(&mut head)?;
    Ok(of_bytes(&head))
}

fn of_bytes(bytes: &[u8]) -> Kind {
    let (head, rest) = bytes.split_at(bytes.len().min(SAMPLE_LEN));
    if let Some(kind) = heads::of(head) {
        return kind;
    }
    let mut tally = Tally::of_head(head);
    rest.chunks(SAMPLE_LEN).for_each(|sample| tally.add(sample));
    judge(&tally, &Source { head: bytes, file: None, len: bytes.len() as u64 })
}

/// Decides by control bytes and records.
fn judge(tally: &Tally, source: &Source<'_>) -> Kind {
    if tally.begins_with_control() && frames::is_docker_stream(source) {
        return Kind::Text;
    }
    if tally.begins_with_control()
        && !tally.is_separated()
        && let Some(why) = frames::of(source)
    {
        return Kind::Binary(why);
    }
    match tally.verdict() {
        Verdict::Text => Kind::Text,
        Verdict::Doubtful => Kind::Doubtful(DOUBT),
        Verdict::Binary => Kind::Binary(CONTROL),
        Verdict::BinaryHead => Kind::Binary(CONTROL_HEAD),
    }
}

#[cfg(test)]
mod tests;
