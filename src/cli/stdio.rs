//! The standard streams: whether they were open at start, and unbuffered writes to them.
//!
//! Rust's runtime opens `/dev/null` in place of a closed standard descriptor, so that `hushlog >&-`
//! would lose all output and report success. The two cannot be distinguished afterwards: Python,
//! Node and `daemon(3)` deliberately pass on `/dev/null` opened in the very same mode. So the
//! descriptors are examined before the runtime starts.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

use hushlog::child::Inherited;
use hushlog::sys::file::{FileId, kind};
use rustix::fs::{FileType, Stat, fstat};

use super::exit::{self, Exit};
use super::message::{self, Failure};

/// The state at program start.
static INHERITED: OnceLock<Inherited> = OnceLock::new();

/// The C runtime calls the functions of this section before `main`.
#[used]
// SAFETY: the section holds pointers to C functions, and this static is one.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note_inherited;

/// Runs before Rust's runtime: system calls and atomics only.
extern "C" fn note_inherited() {
    INHERITED.get_or_init(Inherited::capture);
}

/// The state at program start, which may have changed since.
pub(crate) fn inherited() -> Inherited {
    *INHERITED.get_or_init(Inherited::capture)
}

/// Fails if standard input was closed at program start.
pub(crate) fn check_input() -> Result<(), Failure> {
    check(0, "input")
}

/// Fails if standard output was closed at program start.
pub(crate) fn check_output() -> Result<(), Failure> {
    check(1, "output")
}

fn check(number: usize, stream: &str) -> Result<(), Failure> {
    match inherited().closed()[number] {
        true => Err(Failure::io(format!("standard {stream} is closed"))
            .hint("open it, if only on /dev/null: a closed one loses data without an error")),
        false => Ok(()),
    }
}

/// Whether this is a regular file.
pub(crate) fn is_regular(found: &Stat) -> bool {
    kind(found) == FileType::RegularFile
}

/// The regular file that standard output is, if it is one.
pub(crate) fn output_file() -> Option<FileId> {
    regular_file(io::stdout().as_fd())
}

fn regular_file(fd: BorrowedFd<'_>) -> Option<FileId> {
    fstat(fd).ok().filter(is_regular).as_ref().map(FileId::from)
}

/// Fails if input and output are one file, as with `hushlog <app.log >>app.log`. The output would
/// become input again, without end, or overwrite unread input.
pub(crate) fn check_apart() -> Result<(), Failure> {
    let input = regular_file(io::stdin().as_fd());
    if input.is_some() && input == output_file() {
        return Err(Failure::config("standard input and standard output are the same file")
            .hint("write to another file, or mask it where it is: hushlog scrub FILE"));
    }
    Ok(())
}

/// Writes this program's own text to standard output, all of it or an error.
pub(crate) fn print(text: &[u8]) -> Result<Exit, Failure> {
    if inherited().closed()[1] {
        return Err(Failure::io("standard output is closed"));
    }
    match write_all(io::stdout().as_fd(), text) {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::by_broken_pipe(),
        Err(error) => Err(Failure::io(format!("cannot write to standard output: {}", message::reason(&error)))),
    }
}

/// Whether standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard output shows colours: a terminal that can, unless NO_COLOR is set.
pub(crate) fn stdout_has_colours() -> bool {
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stdout_is_terminal() && !is_refused && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Whether standard input is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Whether standard error is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Writes all bytes. std's own writer treats a write to a bad descriptor as a success.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
