//! Child process: runs a program with secrets in its environment, and redacts its output.
//!
//! Nothing else about the program changes.
//!
//! Three processes take part. This process reads the output of the child, redacts it, and forwards
//! signals. The [supervisor] is the parent of the child. The child becomes the program, with
//! limits, signals, descriptors and environment as they would be without hushlog.
//!
//! [`stdio`] describes the descriptors of the child, and [`event_loop`] the effect of signals and
//! stops.
//!
//! Memory: as [`Relay`](crate::io::Relay) for each stream. Cost: two forks, and nothing for each
//! byte beyond the relay. On a pipe, no timer ever releases held-back bytes; for a terminal, see
//! [`Echo`](crate::io::Echo).

mod awaits_line;
mod environment;
mod event_loop;
mod group;
mod keys;
mod stdio;
mod stream;
mod supervisor;
mod sys;
mod terminal;

use std::ffi::CString;
use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::fcntl_getfd;
use rustix::process::{Resource, Rlimit, getrlimit};

pub use environment::{ProcessEnvironment, ProcessEnvironmentError};
pub use event_loop::{Completion, Ready, Running, Status};
pub use stream::StreamOutcome;
pub use terminal::restore as restore_terminal;

use crate::io::{Release, StreamFormat, StreamNotice};
use stdio::Stdio;
use supervisor::Supervisor;
use sys::Forked;

/// How long the output is still read after the child has ended, if other processes keep it open (a
/// background program that the child left, for example). Their later writes meet a closed pipe.
pub const LINGER: Duration = Duration::from_secs(2);

/// Quiet time of a terminal's input, in milliseconds, after which up to [`ECHO_LEN_MAX`] bytes of a
/// partial match are shown.
pub const ECHO_AFTER_MS: u32 = 50;

/// The most bytes of a secret that a terminal may show while a user types it; never more than a
/// quarter of a needle.
pub const ECHO_LEN_MAX: usize = 3;

/// Signals with a disposition that Rust's runtime, or a program using this module, changes.
const CHANGED_SIGNALS: [i32; 3] = [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGCHLD];

/// The state that this process inherited and then changed for itself. The child gets the original.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    closed: [bool; 3],
    ignored: [(i32, bool); 3],
    core_limit: Option<Rlimit>,
}

impl Inherited {
    /// Captures the state of this process. Call this before `main`: Rust's runtime opens closed
    /// standard descriptors and ignores SIGPIPE. It makes system calls only.
    pub fn capture() -> Inherited {
        let closed = |fd| fcntl_getfd(fd).is_err();
        Inherited {
            closed: [closed(rustix::stdio::stdin()), closed(rustix::stdio::stdout()), closed(rustix::stdio::stderr())],
            ignored: CHANGED_SIGNALS.map(|signal| (signal, sys::is_ignored(signal))),
            core_limit: Some(getrlimit(Resource::Core)),
        }
    }

    /// The standard descriptors that were closed.
    pub fn closed(&self) -> [bool; 3] {
        self.closed
    }
}

/// The program to start, with arguments and environment.
#[derive(Debug)]
pub struct Program {
    /// The program, searched for in PATH as shells do, and its arguments.
    pub arguments: Vec<CString>,
    /// Its whole environment.
    pub environment: ProcessEnvironment,
    /// The state of this process at its start, which the program gets back.
    pub inherited: Inherited,
}

/// How the child is supervised.
#[derive(Clone, Copy, Debug)]
pub struct SupervisionOptions {
    /// When redacted bytes are written, unless the output is a terminal.
    pub release: Release,
    /// The format of the outputs, unless the output is a terminal.
    pub format: StreamFormat,
    /// The time between a SIGTERM to this process and a SIGKILL to the child. None: no SIGKILL.
    pub kill_after: Option<Duration>,
    /// Called with the notice about each output, if there is one.
    pub on_notice: Option<fn(StreamNotice)>,
}

/// Creates the processes and everything that the child needs. The program does not run until
/// [`Ready::run`]. This process gets `kept` back; the supervisor drops its copy.
///
/// From here on, this process blocks all signals but those that report a fault.
///
/// # Errors
///
/// System errors: no descriptor, process or pseudo-terminal left.
///
/// # Panics
///
/// If this process has more than one thread.
pub fn prepare<T>(program: Program, kept: T) -> io::Result<(Ready, T)> {
    let Program { arguments, environment, inherited } = program;
    if arguments.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (ours, theirs) = UnixStream::pair()?;
    let stdio = Stdio::new(inherited.closed)?;
    let mask = sys::block_signals();
    match sys::fork()? {
        Forked::Child => {
            drop((ours, kept));
            Supervisor { channel: theirs, stdio, arguments, environment, inherited, mask }.run()
        }
        Forked::Parent(pid) => Ok((Ready::new(ours, stdio, pid)?, kept)),
    }
}
