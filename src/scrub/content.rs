//! Sequential access to the content of a file, compressed or not.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;

#[cfg(feature = "compress")]
use super::compression;
use super::file::FromStart;
use super::kind::Compression;

/// The content of a file, decompressed if necessary.
///
/// # Errors
///
/// For a compressed file without the feature `compress`.
pub(super) fn content(file: &File, compression: Option<Compression>) -> io::Result<Box<dyn Read + '_>> {
    let file = FromStart::new(file.as_fd());
    match compression {
        None => Ok(Box::new(file)),
        #[cfg(feature = "compress")]
        Some(compression) => compression::decompress(compression, file),
        #[cfg(not(feature = "compress"))]
        Some(_) => Err(ErrorKind::Unsupported.into()),
    }
}

/// Reads the bytes that are available at once; 0 is the end.
pub(super) fn read(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match content.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
