//! A FIFO, which stays open after its writers have closed it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tokio::io::Interest;

use super::{ReadOutcome, Source};
use crate::sidecar::fd::Fd;
use crate::sys::node;

/// A FIFO. A message ends when the last writer closes it.
pub(crate) struct Fifo {
    path: PathBuf,
    mode: u32,
    fd: Fd,
    /// Data has arrived since the last writer closed the FIFO.
    is_begun: bool,
}

impl Fifo {
    /// Opens the FIFO at this path, or creates one with this mode.
    ///
    /// # Errors
    ///
    /// Those of [`node::fifo`]: a FIFO of another user, or with a wider mode, is refused.
    pub(crate) fn open(path: &Path, mode: u32) -> io::Result<Fifo> {
        Ok(Fifo { path: path.to_owned(), mode, fd: read_end(path, mode)?, is_begun: false })
    }
}

fn read_end(path: &Path, mode: u32) -> io::Result<Fd> {
    Fd::new(node::fifo(path, mode)?, Interest::READABLE)
}

impl Source for Fifo {
    async fn ready(&mut self) -> io::Result<()> {
        self.fd.readable().await
    }

    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<ReadOutcome> {
        if self.fd.read(buffer)? > 0 {
            self.is_begun = true;
            return Ok(ReadOutcome::Data);
        }
        // A descriptor without writers stays in the hang-up state, and cannot be waited for. A new
        // descriptor hangs up only after the next writer. The FIFO keeps its data while one of the
        // two is open.
        self.fd = read_end(&self.path, self.mode)?;
        if std::mem::take(&mut self.is_begun) { Ok(ReadOutcome::MessageEnd) } else { Err(ErrorKind::WouldBlock.into()) }
    }
}
