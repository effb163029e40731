//! Decompression and compression of rotated logs.

use std::io::{self, BufReader, Read, Write};

use bzip2::read::MultiBzDecoder;
use bzip2::write::BzEncoder;
use flate2::GzBuilder;
use flate2::read::{GzDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::write::GzEncoder;
use lzma_rust2::{XzOptions, XzReader, XzWriter};
use zstd::stream::read::Decoder as ZstdDecoder;
use zstd::stream::write::Encoder as ZstdEncoder;

use super::kind::Compression;

/// The default levels of the formats' own programs. bzip2's level is 9, its only one.
const ZSTD_LEVEL: i32 = 3;
const XZ_LEVEL: u32 = 6;

/// The content of a compressed file, with all of its members concatenated. Damage is an error with
/// the library's message, which holds no content.
pub(super) fn decompress<'a>(compression: Compression, file: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let file = BufReader::new(file);
    Ok(match compression {
        Compression::Gzip => Box::new(MultiGzDecoder::new(file)),
        Compression::Zstd => Box::new(ZstdDecoder::with_buffer(file)?),
        Compression::Bzip2 => Box::new(MultiBzDecoder::new(file)),
        Compression::Xz => Box::new(XzReader::new(file, true)),
        Compression::Zlib => Box::new(ZlibDecoder::new(file)),
    })
}

/// Compresses the bytes written to it.
pub(super) enum Compressor<W: Write> {
    Gzip(GzEncoder<W>),
    Zstd(ZstdEncoder<'static, W>),
    Bzip2(BzEncoder<W>),
    Xz(Box<XzWriter<W>>),
}

impl<W: Write> Compressor<W> {
    /// `old` is the file to replace. Its gzip header's time is kept, and so is its name if
    /// `is_clean` allows it. The comment, the extra field and the headers of other members are
    /// dropped.
    pub(super) fn new(
        compression: Compression,
        old: impl Read,
        is_clean: &dyn Fn(&[u8]) -> bool,
        out: W,
    ) -> io::Result<Compressor<W>> {
        Ok(match compression {
            Compression::Gzip => {
                let mut old = GzDecoder::new(old);
                // The decoder parses the header with the first byte of the content.
                let _ = old.read(&mut [0])?;
                let mut builder = GzBuilder::new();
                if let Some(header) = old.header() {
                    builder = builder.mtime(header.mtime()).operating_system(header.operating_system());
                    builder = header
                        .filename()
                        .filter(|name| is_clean(name))
                        .into_iter()
                        .fold(builder, |builder, name| builder.filename(name));
                }
                Compressor::Gzip(builder.write(out, flate2::Compression::default()))
            }
            Compression::Zstd => {
                let mut encoder = ZstdEncoder::new(out, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Compressor::Zstd(encoder)
            }
            Compression::Bzip2 => Compressor::Bzip2(BzEncoder::new(out, bzip2::Compression::best())),
            Compression::Xz => Compressor::Xz(Box::new(XzWriter::new(out, XzOptions::with_preset(XZ_LEVEL))?)),
            Compression::Zlib => return Err(io::ErrorKind::Unsupported.into()),
        })
    }

    /// Completes the compressed file.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Compressor::Gzip(encoder) => encoder.finish(),
            Compressor::Zstd(encoder) => encoder.finish(),
            Compressor::Bzip2(encoder) => encoder.finish(),
            Compressor::Xz(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Compressor::Gzip(encoder) => encoder.write(bytes),
            Compressor::Zstd(encoder) => encoder.write(bytes),
            Compressor::Bzip2(encoder) => encoder.write(bytes),
            Compressor::Xz(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
