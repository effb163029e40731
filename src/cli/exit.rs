//! Every way in which the program ends.

use std::process::ExitCode;

/// The exit codes. The one other way to end is a reader that closes the pipe early: see
/// [`by_broken_pipe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All input was read, and all output written.
    Done = 0,
    /// No error, and the answer is no.
    No = 1,
    /// The command line or a source of secrets is wrong; no input was read.
    Config = 2,
    /// Reading, writing or the program itself failed; the output is a prefix of the right one.
    Io = 3,
    /// `run`: the command cannot be executed, as shells have it.
    NotExecutable = 126,
    /// `run`: there is no such command.
    NotFound = 127,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Ends as `cat` ends when its reader closes the pipe: quietly, by the signal. A shell shows status
/// 141.
///
/// Rust's runtime ignores SIGPIPE from the start, so the write returned an error first, and a
/// report could still be written.
pub(crate) fn by_broken_pipe() -> ! {
    by_signal(libc::SIGPIPE)
}

/// Ends with the status of another program.
pub(crate) fn with(code: i32) -> ! {
    std::process::exit(code)
}

/// Ends by this signal, as another program did.
pub(crate) fn by_signal(signal: i32) -> ! {
    // SAFETY: sigemptyset initialises the set; the other calls take it and integers. No handler of
    // this program is installed.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
    }
    // Reached by PID 1 of a machine or container, which signals do not end, and for signals that
    // are ignored by default.
    std::process::exit(128 + signal)
}
