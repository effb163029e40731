//! All the ways in which the program ends.

use std::process::ExitCode;

/// The exit codes. A reader that closes the pipe early is the one other way to end: see [`by_broken_pipe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All input was read, and all output written.
    Done = 0,
    /// `--check` found something.
    Found = 1,
    /// The command line or a source of secrets is wrong; no input was read.
    Config = 2,
    /// Reading, writing or the program itself failed; what was written is a prefix of the right output.
    Io = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Ends as `cat` ends when its reader goes away: by the signal, quietly. A shell shows it as status 141.
///
/// Rust's runtime ignores SIGPIPE from the start on, so that the write returned an error first, and a report could still
/// be written.
pub(crate) fn by_broken_pipe() -> ! {
    // SAFETY: both calls take integers only, and no handler of ours is installed for this signal.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::raise(libc::SIGPIPE);
    }
    // Only a blocked signal gets here.
    std::process::exit(128 + libc::SIGPIPE)
}
