//! The child's three standard descriptors, and the routes from them to ours.
//!
//! | ours | the child's |
//! | --- | --- |
//! | input and output are one terminal | both are a pseudo-terminal that controls a session of its own; the standard error too, if it is that terminal |
//! | an output is a terminal otherwise | a pseudo-terminal for this output alone; what is typed goes to the child without us |
//! | an output is anything else | a pipe, with the owner of that output and the right to write to it |
//! | both outputs lead to one file | one pipe for both, however often the file was opened: their order stays |
//! | the input is a terminal otherwise | the same terminal, opened for reading only: a writable one leads past us |
//! | the input is anything else | the very same |
//! | closed | closed |
//!
//! A session of its own takes the terminal away from all other processes: we read its keys, and
//! make it raw. That is right if the child would have the terminal for itself. It is wrong in
//! `run -- CMD | less` or `ls | run -- CMD`, where another process of the pipeline may read the
//! keys. There the child stays in our session, and a program that opens `/dev/tty` finds the
//! terminal as without us. A pager that reads keys from its output finds a pseudo-terminal there,
//! and changes its modes. While these differ from the initial ones, our terminal has them too, and
//! its keys are passed on.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, fcntl_getfl, fcntl_setfl, fstat, open};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use rustix::termios::isatty;

use super::sys;
use super::terminal::{Pty, Terminal};
use crate::sys::file::FileId;

/// The child's session and process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobControl {
    /// The child has a session, a group and a controlling terminal of its own.
    Session,
    /// The child leads a group in our session.
    OwnGroup,
    /// The child belongs to our group, which is in the foreground: the terminal's keys reach both.
    OurGroup,
}

/// The source of a standard descriptor of the child.
pub(super) enum Redirection {
    /// Unchanged.
    Same,
    /// Closed when this process was started.
    Closed,
    /// [`Stdio::input`].
    Input,
    /// The end with this index in [`Stdio::ends`].
    End(usize),
}

/// An output of the child, and its destination.
pub(super) struct Route {
    pub(super) input: OwnedFd,
    pub(super) output: OwnedFd,
    pub(super) is_pty: bool,
}

/// The descriptors of the child, and the routes from its outputs to ours.
pub(super) struct Stdio {
    pub(super) job_control: JobControl,
    pub(super) redirections: [Redirection; 3],
    /// A terminal that the child may only read from. Closed here together with the ends.
    pub(super) input: Option<OwnedFd>,
    /// The child's outputs. Closed here once the child has them. Each has the route of the same
    /// index.
    pub(super) ends: Vec<OwnedFd>,
    pub(super) routes: Vec<Route>,
    /// Our terminal, if the child has a pseudo-terminal in its place: the first route of this kind.
    /// In a [`JobControl::Session`] it is also the first end.
    pub(super) terminal: Option<Terminal>,
}

impl Stdio {
    /// Inspects our descriptors (`closed`: closed at the start), and creates those of the child.
    pub(super) fn new(closed: [bool; 3]) -> io::Result<Stdio> {
        let is_terminal = |fd: usize| !closed[fd] && isatty(standard(fd));
        let mut stdio = Stdio {
            job_control: job_control(),
            redirections: [const { Redirection::Same }; 3],
            input: None,
            ends: Vec::new(),
            routes: Vec::new(),
            terminal: None,
        };
        if is_terminal(0) && is_terminal(1) && same_device(0, 1) {
            let pty = Pty::like(standard(0), false)?;
            stdio.job_control = JobControl::Session;
            stdio.terminal = Some(Terminal::whole(standard(0).try_clone_to_owned()?)?);
            stdio.add(pty.slave, Route { input: pty.master, output: standard(1).try_clone_to_owned()?, is_pty: true });
            stdio.redirections = [Redirection::End(0), Redirection::End(0), Redirection::Same];
        }
        for fd in [1, 2] {
            if closed[fd] {
                stdio.redirections[fd] = Redirection::Closed;
            } else if matches!(stdio.redirections[fd], Redirection::Same) {
                stdio.connect(fd, is_terminal(fd))?;
            }
        }
        if closed[0] {
            stdio.redirections[0] = Redirection::Closed;
        } else if is_terminal(0) && matches!(stdio.redirections[0], Redirection::Same) {
            stdio.input = read_only(standard(0));
            stdio.redirections[0] = stdio.input.as_ref().map_or(Redirection::Same, |_| Redirection::Input);
        }
        Ok(stdio)
    }

    fn connect(&mut self, fd: usize, is_terminal: bool) -> io::Result<()> {
        if fd == 2
            && let Redirection::End(end) = self.redirections[1]
            && same_sink(is_terminal)
        {
            self.redirections[2] = Redirection::End(end);
            if appends(stderr()) && !appends(stdout()) {
                // Writes at the position of the other descriptor would overwrite the appended
                // bytes.
                self.routes[end].output = standard(fd).try_clone_to_owned()?;
            }
            return Ok(());
        }
        let output = standard(fd).try_clone_to_owned()?;
        self.redirections[fd] = Redirection::End(self.ends.len());
        if is_terminal {
            let pty = Pty::like(standard(fd), true)?;
            if self.job_control == JobControl::OurGroup && self.terminal.is_none() {
                let keys = !isatty(standard(0));
                self.terminal = Some(Terminal::for_output(output.try_clone()?, &pty.slave, keys)?);
            }
            self.add(pty.slave, Route { input: pty.master, output, is_pty: true });
        } else {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
            lend_rights(writer.as_fd(), output.as_fd());
            self.add(writer, Route { input: reader, output, is_pty: false });
        }
        Ok(())
    }

    fn add(&mut self, end: OwnedFd, route: Route) {
        self.ends.push(end);
        self.routes.push(route);
    }

    /// Replaces our descriptors with the child's. Runs between fork and exec.
    pub(super) fn install(&self) -> Result<(), rustix::io::Errno> {
        let dup2 =
            [|end: &OwnedFd| dup2_stdin(end), |end: &OwnedFd| dup2_stdout(end), |end: &OwnedFd| dup2_stderr(end)];
        for (fd, standard) in (0..).zip(&self.redirections) {
            match standard {
                Redirection::Same => {}
                Redirection::Closed => sys::close(fd),
                Redirection::Input => self.input.iter().try_for_each(|input| dup2[fd as usize](input))?,
                Redirection::End(end) => dup2[fd as usize](&self.ends[*end])?,
            }
        }
        Ok(())
    }
}

/// Our own standard descriptors. All are open: the runtime ensures it.
fn standard(fd: usize) -> BorrowedFd<'static> {
    [stdin(), stdout(), stderr()][fd]
}

fn job_control() -> JobControl {
    let terminal = open("/dev/tty", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
    match terminal {
        Ok(terminal) if sys::is_foreground(terminal.as_fd()) => JobControl::OurGroup,
        _ => JobControl::OwnGroup,
    }
}

fn same_device(one: usize, other: usize) -> bool {
    let device = |fd| fstat(standard(fd)).map(|stat| stat.st_rdev).ok();
    device(one) == device(other)
}

/// Whether standard output and standard error have one destination. Then their order matters, and a
/// secret may be split across them.
fn same_sink(is_terminal: bool) -> bool {
    if is_terminal {
        return isatty(stdout()) && sys::same_terminal(stdout(), stderr());
    }
    let same_inode = || match (fstat(stdout()), fstat(stderr())) {
        // A device may have several nodes.
        (Ok(one), Ok(other)) if kind(&one) == FileType::CharacterDevice => {
            kind(&other) == FileType::CharacterDevice && one.st_rdev == other.st_rdev
        }
        (Ok(one), Ok(other)) => FileId::from(&one) == FileId::from(&other),
        _ => false,
    };
    sys::same_file(stdout(), stderr()) || same_inode()
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Whether all writes to a descriptor append.
fn appends(fd: BorrowedFd<'_>) -> bool {
    fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::APPEND))
}

/// Lets every user that may write to the output write to the pipe in its place: a program under
/// another user reopens `/dev/stdout`. Only we may read from the pipe, because its bytes are not
/// redacted yet. Rights that we may not give are not given.
fn lend_rights(pipe: BorrowedFd<'_>, output: BorrowedFd<'_>) {
    let Ok(stat) = fstat(output) else { return };
    if kind(&stat) == FileType::Socket {
        // A socket cannot be reopened.
        return;
    }
    let own = rustix::process::geteuid().as_raw() == stat.st_uid;
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    let writers = if fchown(pipe, Some(uid), Some(gid)).is_ok() {
        if own { 0o600 | (stat.st_mode & 0o022) } else { stat.st_mode & 0o222 }
    } else if fchown(pipe, None, Some(gid)).is_ok() {
        0o600 | (stat.st_mode & 0o022)
    } else {
        0o600 | (stat.st_mode & 0o002)
    };
    let _ = fchmod(pipe, Mode::from_raw_mode(writers));
}

/// The terminal at this descriptor, reopened for reading only. None if it is read-only already, or
/// cannot be opened.
fn read_only(terminal: BorrowedFd<'_>) -> Option<OwnedFd> {
    let flags = fcntl_getfl(terminal).ok()?;
    if flags & OFlags::RWMODE == OFlags::RDONLY {
        return None;
    }
    // Without this, opening a serial line would wait for its carrier.
    let anew = |path: &str| {
        open(path, OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()).ok()
    };
    // Under another user, only the second path may be opened.
    let fd = anew("/proc/self/fd/0").or_else(|| anew("/dev/tty"))?;
    let is_it = isatty(&fd) && sys::same_terminal(fd.as_fd(), terminal);
    let flags = fcntl_getfl(&fd).ok()?.difference(OFlags::NONBLOCK) | (flags & OFlags::NONBLOCK);
    (is_it && fcntl_setfl(&fd, flags).is_ok()).then_some(fd)
}
