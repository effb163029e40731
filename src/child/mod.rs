//! A program as our child: it gets the secrets in its environment, its output is redacted, and nothing else about it changes.
//!
//! Three processes take part. *We* read what the child writes, redact it, and hand signals on. The [minder] is the child's parent.
//! The *child* becomes the program, with limits, signals, descriptors and environment as they would be without us.
//!
//! What stands where a terminal was is told in [`wiring`]; what signals and stops do, in [`supervise`].
//!
//! Memory: as [`Relay`](crate::io::Relay) for each stream. Cost: two forks, and nothing for each byte beyond the relay. Nothing that is
//! held back on a pipe is ever released by a timer; on a terminal see [`Echo`](crate::io::Echo).

mod asks;
mod environment;
mod group;
mod keys;
mod minder;
mod stream;
mod supervise;
mod sys;
mod terminal;
mod wiring;

use std::ffi::CString;
use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::fcntl_getfd;
use rustix::process::{Resource, Rlimit, getrlimit};

pub use environment::{Environment, EnvironmentError};
pub use stream::Carried;
pub use supervise::{Outcome, Ready, Running, Status};
pub use terminal::restore as restore_terminal;

use crate::io::Release;
use minder::Minder;
use sys::Forked;
use wiring::Wiring;

/// How long the output is still read after the child has ended, where others keep it open: a program that it left in the background,
/// say. What they write later meets a closed pipe.
pub const LINGER: Duration = Duration::from_secs(2);

/// How long the input from a terminal has to rest until up to [`ECHO_LEN_MAX`] bytes of a partial match are shown.
pub const ECHO_AFTER_MS: u32 = 50;

/// How many bytes of a secret a terminal may show because somebody types them; and of no needle more than a quarter.
pub const ECHO_LEN_MAX: usize = 3;

/// Signals whose effect Rust's runtime, or a program that uses this module, changes for itself.
const CHANGED_SIGNALS: [i32; 3] = [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGCHLD];

/// What we were started with, and changed for ourselves since. The child gets it as it was.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    closed: [bool; 3],
    ignored: [(i32, bool); 3],
    core_limit: Option<Rlimit>,
}

impl Inherited {
    /// Looks at this process. To be called before anything is changed: Rust's runtime opens standard descriptors that are closed
    /// and ignores SIGPIPE, so that is before `main`. Nothing but system calls are made.
    pub fn capture() -> Inherited {
        let closed = |fd| fcntl_getfd(fd).is_err();
        Inherited {
            closed: [closed(rustix::stdio::stdin()), closed(rustix::stdio::stdout()), closed(rustix::stdio::stderr())],
            ignored: CHANGED_SIGNALS.map(|signal| (signal, sys::is_ignored(signal))),
            core_limit: Some(getrlimit(Resource::Core)),
        }
    }

    /// Which of the standard descriptors were closed.
    pub fn closed(&self) -> [bool; 3] {
        self.closed
    }
}

/// The program to start, and with what.
#[derive(Debug)]
pub struct Command {
    /// The program, which is looked for in PATH as shells do, and its arguments.
    pub arguments: Vec<CString>,
    /// Its whole environment.
    pub environment: Environment,
    /// What it gets back.
    pub inherited: Inherited,
}

/// How it is looked after.
#[derive(Clone, Copy, Debug)]
pub struct Care {
    /// When redacted bytes go out, where it does not write to a terminal.
    pub release: Release,
    /// How long it has to end after a SIGTERM to us, before it is killed. Without this, for ever.
    pub kill_after: Option<Duration>,
}

/// Makes all that the child needs, and the processes; the program does not run until [`Ready::run`]. `kept` is handed back
/// here, and dropped in the minder, whose memory is a copy of ours.
///
/// All signals are blocked in this process from here on, but for those that tell of a fault.
///
/// # Errors
///
/// Those of the system: no descriptor, no process, no pseudo-terminal left.
///
/// # Panics
///
/// If this process has more than one thread.
pub fn prepare<T>(command: Command, kept: T) -> io::Result<(Ready, T)> {
    let Command { arguments, environment, inherited } = command;
    if arguments.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (ours, theirs) = UnixStream::pair()?;
    let wiring = Wiring::new(inherited.closed)?;
    let mask = sys::block_signals();
    match sys::fork()? {
        Forked::Child => {
            drop((ours, kept));
            Minder { channel: theirs, wiring, arguments, environment, inherited, mask }.run()
        }
        Forked::Parent(pid) => Ok((Ready::new(ours, wiring, pid)?, kept)),
    }
}
