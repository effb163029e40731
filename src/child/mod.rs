//! A program as our child: it gets the secrets in its environment, its output is redacted, and nothing else about it changes.
//!
//! Three processes take part. This process reads the output of the child, redacts it, and forwards
//! signals. The [supervisor] is the parent of the child. The child becomes the program, with limits,
//! signals, descriptors and environment as they would be without hushlog.
//!
//! [`stdio`] describes the descriptors of the child, and [`event_loop`] the effect of signals and stops.
//!
//! Memory: as [`Relay`](crate::io::Relay) for each stream. Cost: two forks, and nothing for each byte beyond the relay. Nothing that is
//! held back on a pipe is ever released by a timer; on a terminal see [`Echo`](crate::io::Echo).

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

use crate::io::Release;
use stdio::Stdio;
use supervisor::Supervisor;
use sys::Forked;

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

/// The program to start, with arguments and environment.
#[derive(Debug)]
pub struct Program {
    /// The program, which is looked for in PATH as shells do, and its arguments.
    pub arguments: Vec<CString>,
    /// Its whole environment.
    pub environment: ProcessEnvironment,
    /// The state of the process at its start, which the program gets back.
    pub inherited: Inherited,
}

/// How the child is supervised.
#[derive(Clone, Copy, Debug)]
pub struct SupervisionOptions {
    /// When redacted bytes are written, unless the output is a terminal.
    pub release: Release,
    /// The time between a SIGTERM to this process and a SIGKILL to the child. None: no SIGKILL.
    pub kill_after: Option<Duration>,
}

/// Makes all that the child needs, and the processes; the program does not run until [`Ready::run`]. `kept` is handed back
/// here, and dropped in the supervisor, whose memory is a copy of ours.
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
