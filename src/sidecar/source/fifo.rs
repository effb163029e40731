//! A FIFO: read on when its writers have gone.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tokio::io::Interest;

use super::super::fd::Fd;
use super::{Given, Source};
use crate::sys::node;

/// A FIFO. When its last writer goes, what it wrote is a whole.
pub(crate) struct Fifo {
    path: PathBuf,
    mode: u32,
    fd: Fd,
    /// Something came since the last writer went.
    is_begun: bool,
}

impl Fifo {
    /// Opens the FIFO at this path, or makes one of this mode.
    ///
    /// # Errors
    ///
    /// Those of [`node::fifo`]: one of another user, or with a wider mode, is refused.
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

    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Given> {
        if self.fd.read(buffer)? > 0 {
            self.is_begun = true;
            return Ok(Given::Bytes);
        }
        // A descriptor whose writers have gone is hung up for ever, and could not be waited for. A new one is hung up only when the
        // next writer has been there. What is in the FIFO stays while one of the two is open.
        self.fd = read_end(&self.path, self.mode)?;
        if std::mem::take(&mut self.is_begun) { Ok(Given::End) } else { Err(ErrorKind::WouldBlock.into()) }
    }
}
