//! The content of a file, from its beginning to its end, packed or not.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;

use super::file::FromStart;
use super::kind::Packing;
#[cfg(feature = "compress")]
use super::packing;

/// The content of a file, unpacked if it is packed.
///
/// # Errors
///
/// Without the feature `compress`, for a packed file.
pub(super) fn content(file: &File, packing: Option<Packing>) -> io::Result<Box<dyn Read + '_>> {
    let file = FromStart::new(file.as_fd());
    match packing {
        None => Ok(Box::new(file)),
        #[cfg(feature = "compress")]
        Some(packing) => packing::unpack(packing, file),
        #[cfg(not(feature = "compress"))]
        Some(_) => Err(ErrorKind::Unsupported.into()),
    }
}

/// Reads the bytes that come at once; 0 is the end.
pub(super) fn read(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match content.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
