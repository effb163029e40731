//! A FIFO: read on when its writers have gone.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use tokio::io::Interest;

use super::super::fd::Fd;
use super::{Given, Source};

/// A FIFO. When its last writer goes, what it wrote is a whole.
pub(crate) struct Fifo {
    path: PathBuf,
    fd: Fd,
    /// Something came since the last writer went.
    is_begun: bool,
}

impl Fifo {
    /// Opens the FIFO at this path, or makes one of this mode.
    pub(crate) fn open(path: &Path, mode: u32) -> io::Result<Fifo> {
        match rustix::fs::mkfifoat(CWD, path, Mode::from_raw_mode(mode)) {
            // The mode less the umask: what the configuration says counts.
            Ok(()) => rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode), rustix::fs::AtFlags::empty())?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Fifo { path: path.to_owned(), fd: read_end(path)?, is_begun: false })
    }
}

fn read_end(path: &Path) -> io::Result<Fd> {
    let something_else = || io::Error::new(ErrorKind::AlreadyExists, "something else than a FIFO is there");
    // Before it is opened: opening a socket fails with another word, and opening a device may do something.
    if FileType::from_raw_mode(rustix::fs::lstat(path)?.st_mode) != FileType::Fifo {
        return Err(something_else());
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd: OwnedFd = rustix::fs::open(path, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::Fifo {
        return Err(something_else());
    }
    Fd::new(fd, Interest::READABLE)
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
        self.fd = read_end(&self.path)?;
        if std::mem::take(&mut self.is_begun) { Ok(Given::End) } else { Err(ErrorKind::WouldBlock.into()) }
    }
}
