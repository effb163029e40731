//! A byte source that ends: standard input, a connection, the output of a program.

use std::io;

use super::{ReadOutcome, Source};
use crate::sidecar::fd::Fd;

/// A file descriptor that is read until end of file.
pub(crate) struct Bytes(pub(crate) Fd);

impl Source for Bytes {
    async fn ready(&mut self) -> io::Result<()> {
        self.0.readable().await
    }

    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<ReadOutcome> {
        match self.0.read(buffer) {
            Ok(0) => Ok(ReadOutcome::Eof),
            Ok(_) => Ok(ReadOutcome::Data),
            // A reset connection is end of stream: all data that the peer sent before has been
            // read.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(ReadOutcome::Eof),
            Err(error) => Err(error),
        }
    }
}
