//! Our terminal, while a child has a pseudo-terminal in its place: its modes and its size.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use super::sys;

/// The terminal that is raw at present, and the modes that it had before.
static RAW: Mutex<Option<(Arc<OwnedFd>, Termios)>> = Mutex::new(None);

/// Gives the terminal its modes back, if it is raw: for whoever ends the process in the middle, as a panic does.
pub fn restore() {
    let Some((fd, modes)) = RAW.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let _ = tcsetattr(&fd, OptionalActions::Now, &modes);
}

/// Our terminal.
pub(super) struct Terminal {
    fd: Arc<OwnedFd>,
    /// Its modes when it was last found in the hands of somebody else.
    modes: Termios,
    is_raw: bool,
}

impl Terminal {
    pub(super) fn new(fd: OwnedFd) -> Result<Terminal, Errno> {
        Ok(Terminal { modes: tcgetattr(&fd)?, fd: Arc::new(fd), is_raw: false })
    }

    pub(super) fn is_raw(&self) -> bool {
        self.is_raw
    }

    /// Hands its keys on as they are, if we are in the foreground: what they mean is up to the pseudo-terminal.
    pub(super) fn make_raw(&mut self) {
        if self.is_raw || !sys::is_foreground(self.fd.as_fd()) {
            return;
        }
        let Ok(modes) = tcgetattr(&self.fd) else { return };
        self.modes = modes;
        let mut raw = self.modes.clone();
        raw.make_raw();
        let mut slot = RAW.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some((Arc::clone(&self.fd), self.modes.clone()));
        // What is being typed stays typed: no flush.
        self.is_raw = tcsetattr(&self.fd, OptionalActions::Drain, &raw).is_ok();
    }

    /// Gives it its modes back.
    pub(super) fn restore(&mut self) {
        if std::mem::take(&mut self.is_raw) {
            restore();
        }
    }

    /// Gives it its modes back in a process that was forked before it was made raw.
    pub(super) fn restore_for_other(&self) {
        let _ = tcsetattr(&self.fd, OptionalActions::Now, &self.modes);
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Both sides of a pseudo-terminal.
pub(super) struct Pty {
    pub(super) master: OwnedFd,
    pub(super) slave: OwnedFd,
}

impl Pty {
    /// A pseudo-terminal with the modes and the size of this terminal. `output_only`: what is written to it comes out as it is,
    /// since the terminal itself turns newlines into what it needs.
    pub(super) fn like(terminal: BorrowedFd<'_>, output_only: bool) -> Result<Pty, Errno> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        let mut modes = tcgetattr(terminal)?;
        modes.output_modes.set(OutputModes::OPOST, !output_only && modes.output_modes.contains(OutputModes::OPOST));
        tcsetattr(&slave, OptionalActions::Now, &modes)?;
        copy_size(terminal, master.as_fd());
        Ok(Pty { master, slave })
    }
}

/// Gives a pseudo-terminal the size of a terminal. The kernel tells those who run in it, if it changed.
pub(super) fn copy_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    if let Ok(size) = tcgetwinsize(from) {
        let _ = tcsetwinsize(to, size);
    }
}
