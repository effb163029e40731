//! One output of the child, relayed in a thread of its own: the two outputs must not block each
//! other.

use core::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::stdio::Route;
use super::terminal;
use crate::io::{PumpError, PumpOptions, PumpSummary, Relay, RelayStatus};
use crate::redact::redactor::Redactor;

/// How long a stream may take to pause before the process stops, if its reader is slow.
const PAUSE: Duration = Duration::from_secs(1);

/// The result of relaying one output.
pub struct StreamOutcome {
    /// The redactor, with its counts.
    pub redactor: Redactor,
    /// The amount of data, or the error that cut it off.
    pub result: Result<PumpSummary, PumpError>,
}

impl fmt::Debug for StreamOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamOutcome").field("result", &self.result).finish_non_exhaustive()
    }
}

/// A running stream.
pub(super) struct Stream {
    thread: JoinHandle<StreamOutcome>,
    /// A byte from us requests a pause, a byte back confirms it, and another byte from us resumes.
    /// Shut down from our side: stop. Closed from the other: the stream has ended.
    control: UnixStream,
    /// The pseudo-terminal, and the terminal that determines its size.
    terminals: Option<(Arc<OwnedFd>, OwnedFd)>,
    ended: bool,
}

impl Stream {
    pub(super) fn start(route: Route, redactor: Redactor, options: PumpOptions) -> io::Result<Stream> {
        let (control, theirs) = UnixStream::pair()?;
        let Route { input, output, is_pty } = route;
        let input = Arc::new(input);
        let terminals = if is_pty { Some((Arc::clone(&input), output.try_clone()?)) } else { None };
        let carry = move || carry(&input, &output, redactor, &options, theirs);
        Ok(Stream { thread: thread::Builder::new().spawn(carry)?, control, terminals, ended: false })
    }

    /// Handles a message of the thread. At the end of the stream, this drops the last handle of the
    /// pseudo-terminal.
    pub(super) fn notice(&mut self) {
        if !matches!(self.control.read(&mut [0]), Ok(1)) {
            self.ended = true;
            self.terminals = None;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Ends the stream after the data that its input holds now.
    pub(super) fn stop(&self) {
        let _ = self.control.shutdown(std::net::Shutdown::Write);
    }

    /// Pauses the stream once the earlier output of the child is written.
    pub(super) fn pause(&mut self) {
        if self.control.write_all(b"p").is_err() {
            return;
        }
        let _ = self.control.set_read_timeout(Some(PAUSE));
        let _ = self.control.read(&mut [0]);
        let _ = self.control.set_read_timeout(None);
    }

    pub(super) fn resume(&mut self) {
        let _ = self.control.write_all(b"r");
    }

    /// The pseudo-terminal, until the stream has ended.
    pub(super) fn master(&self) -> Option<BorrowedFd<'_>> {
        self.terminals.as_ref().map(|(master, _)| master.as_fd())
    }

    pub(super) fn resize(&self) {
        if let Some((master, terminal)) = &self.terminals {
            terminal::copy_size(terminal.as_fd(), master.as_fd());
        }
    }

    /// The result, if the stream has ended.
    pub(super) fn end(self) -> Option<StreamOutcome> {
        if self.ended { self.thread.join().ok() } else { None }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}

/// Runs in the stream's thread.
fn carry(
    input: &OwnedFd,
    output: &OwnedFd,
    mut redactor: Redactor,
    options: &PumpOptions,
    mut control: UnixStream,
) -> StreamOutcome {
    let mut relay = Relay::new(input.as_fd(), output.as_fd(), &mut redactor, options);
    let ended = loop {
        match relay.run(Some(control.as_fd())) {
            Ok(RelayStatus::Stopped) if rest(&mut control).is_ok() => {}
            Ok(_) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let result = match ended {
        Ok(()) | Err(PumpError::Input(_)) => relay.finish().and_then(|summary| ended.map(|()| summary)),
        Err(error) => Err(error),
    };
    StreamOutcome { redactor, result }
}

/// Pauses until the event loop resumes the stream. Fails if the event loop stops it.
fn rest(control: &mut UnixStream) -> io::Result<()> {
    control.read_exact(&mut [0])?;
    control.write_all(b"p")?;
    control.read_exact(&mut [0])
}
