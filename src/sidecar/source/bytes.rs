//! A byte source that ends: standard input, a connection, the output of a program.

use std::io;

use super::{Given, Source};
use crate::sidecar::fd::Fd;

/// A file descriptor that is read until end of file.
pub(crate) struct Bytes(pub(crate) Fd);

impl Source for Bytes {
    async fn ready(&mut self) -> io::Result<()> {
        self.0.readable().await
    }

    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Given> {
        match self.0.read(buffer) {
            Ok(0) => Ok(Given::Over),
            Ok(_) => Ok(Given::Bytes),
            // A reset connection is end of stream: all data that the peer sent before has been
            // read.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(Given::Over),
            Err(error) => Err(error),
        }
    }
}
