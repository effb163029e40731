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

use super::kind::Packing;

/// The default levels of the formats' own programs. bzip2's level is 9, its only one.
const ZSTD_LEVEL: i32 = 3;
const XZ_LEVEL: u32 = 6;

/// The content of a compressed file, with all of its members concatenated. Damage is an error with
/// the library's message, which holds no content.
pub(super) fn unpack<'a>(packing: Packing, file: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let file = BufReader::new(file);
    Ok(match packing {
        Packing::Gzip => Box::new(MultiGzDecoder::new(file)),
        Packing::Zstd => Box::new(ZstdDecoder::with_buffer(file)?),
        Packing::Bzip2 => Box::new(MultiBzDecoder::new(file)),
        Packing::Xz => Box::new(XzReader::new(file, true)),
        Packing::Zlib => Box::new(ZlibDecoder::new(file)),
    })
}

/// Compresses the bytes written to it.
pub(super) enum Packer<W: Write> {
    Gzip(GzEncoder<W>),
    Zstd(ZstdEncoder<'static, W>),
    Bzip2(BzEncoder<W>),
    Xz(Box<XzWriter<W>>),
}

impl<W: Write> Packer<W> {
    /// `old` is the file to replace. Its gzip header's time is kept, and so is its name if
    /// `is_clean` allows it. The comment, the extra field and the headers of other members are
    /// dropped.
    pub(super) fn new(
        packing: Packing,
        old: impl Read,
        is_clean: &dyn Fn(&[u8]) -> bool,
        out: W,
    ) -> io::Result<Packer<W>> {
        Ok(match packing {
            Packing::Gzip => {
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
                Packer::Gzip(builder.write(out, flate2::Compression::default()))
            }
            Packing::Zstd => {
                let mut encoder = ZstdEncoder::new(out, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Packer::Zstd(encoder)
            }
            Packing::Bzip2 => Packer::Bzip2(BzEncoder::new(out, bzip2::Compression::best())),
            Packing::Xz => Packer::Xz(Box::new(XzWriter::new(out, XzOptions::with_preset(XZ_LEVEL))?)),
            Packing::Zlib => return Err(io::ErrorKind::Unsupported.into()),
        })
    }

    /// Completes the compressed file.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Packer::Gzip(encoder) => encoder.finish(),
            Packer::Zstd(encoder) => encoder.finish(),
            Packer::Bzip2(encoder) => encoder.finish(),
            Packer::Xz(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Packer::Gzip(encoder) => encoder.write(bytes),
            Packer::Zstd(encoder) => encoder.write(bytes),
            Packer::Bzip2(encoder) => encoder.write(bytes),
            Packer::Xz(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
