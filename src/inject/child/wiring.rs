//! What the child's three standard descriptors are, and what leads from them to ours.
//!
//! | ours | the child's |
//! | --- | --- |
//! | input and output are one terminal | both are a pseudo-terminal that controls a session of its own; the standard error too, if it is that terminal |
//! | an output is a terminal otherwise | a pseudo-terminal for this output alone; what is typed goes to the child without us |
//! | an output is anything else | a pipe; one for both where both are one open file, so that their order stays |
//! | the input is anything else | the very same |
//! | closed | closed |
//!
//! A session of its own takes the terminal away from all others: we read its keys, and make it raw. That is right where the child
//! would have it for itself, and wrong in `run -- CMD | less` or `ls | run -- CMD`, where somebody else in the pipeline may read
//! them. There the child stays in our session, so that whoever opens `/dev/tty` finds the terminal as without us. A pager that asks
//! for keys at its output finds a pseudo-terminal there, and changes its modes: then, and as long as it has them so, the terminal gets
//! the same modes, and its keys are handed on.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use rustix::termios::isatty;

use super::sys;
use super::terminal::{Pty, Terminal};

/// Where the child stands among the processes of our terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has a session, a group and a controlling terminal of its own.
    Session,
    /// It leads a group in our session.
    OwnGroup,
    /// It belongs to our group, which has the terminal's keys: they reach it as they reach us.
    OurGroup,
}

/// What becomes of a standard descriptor in the child.
pub(super) enum Standard {
    /// It stays.
    Same,
    /// It was closed when we were started.
    Closed,
    /// The end with this index in [`Wiring::ends`].
    End(usize),
}

/// An output of the child, and where it goes.
pub(super) struct Route {
    pub(super) input: OwnedFd,
    pub(super) output: OwnedFd,
    pub(super) is_pty: bool,
}

/// See the module.
pub(super) struct Wiring {
    pub(super) standing: Standing,
    pub(super) standards: [Standard; 3],
    /// What the child writes to. To be closed here once it has them.
    pub(super) ends: Vec<OwnedFd>,
    pub(super) routes: Vec<Route>,
    /// Our terminal, if the child has a pseudo-terminal for it: that is the first route of this kind. In a [`Standing::Session`]
    /// it is the first end, too.
    pub(super) terminal: Option<Terminal>,
}

impl Wiring {
    /// Looks at our descriptors, of which these were closed at the start, and makes what the child needs.
    pub(super) fn new(closed: [bool; 3]) -> io::Result<Wiring> {
        let is_terminal = |fd: usize| !closed[fd] && isatty(standard(fd));
        let mut wiring = Wiring {
            standing: standing(),
            standards: [const { Standard::Same }; 3],
            ends: Vec::new(),
            routes: Vec::new(),
            terminal: None,
        };
        if is_terminal(0) && is_terminal(1) && same_device(0, 1) {
            let pty = Pty::like(standard(0), false)?;
            wiring.standing = Standing::Session;
            wiring.terminal = Some(Terminal::whole(standard(0).try_clone_to_owned()?)?);
            wiring.add(pty.slave, Route { input: pty.master, output: standard(1).try_clone_to_owned()?, is_pty: true });
            wiring.standards = [Standard::End(0), Standard::End(0), Standard::Same];
        }
        for fd in [1, 2] {
            if closed[fd] {
                wiring.standards[fd] = Standard::Closed;
            } else if matches!(wiring.standards[fd], Standard::Same) {
                wiring.connect(fd, is_terminal(fd))?;
            }
        }
        if closed[0] {
            wiring.standards[0] = Standard::Closed;
        }
        Ok(wiring)
    }

    fn connect(&mut self, fd: usize, is_terminal: bool) -> io::Result<()> {
        if fd == 2
            && let Standard::End(end) = self.standards[1]
            && same_sink(is_terminal)
        {
            self.standards[2] = Standard::End(end);
            return Ok(());
        }
        let output = standard(fd).try_clone_to_owned()?;
        self.standards[fd] = Standard::End(self.ends.len());
        if is_terminal {
            let pty = Pty::like(standard(fd), true)?;
            if self.standing == Standing::OurGroup && self.terminal.is_none() {
                let keys = !isatty(standard(0));
                self.terminal = Some(Terminal::for_output(output.try_clone()?, &pty.slave, keys)?);
            }
            self.add(pty.slave, Route { input: pty.master, output, is_pty: true });
        } else {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
            self.add(writer, Route { input: reader, output, is_pty: false });
        }
        Ok(())
    }

    fn add(&mut self, end: OwnedFd, route: Route) {
        self.ends.push(end);
        self.routes.push(route);
    }

    /// Puts the child's descriptors in place of ours. Between fork and exec.
    pub(super) fn install(&self) -> Result<(), rustix::io::Errno> {
        let dup2 =
            [|end: &OwnedFd| dup2_stdin(end), |end: &OwnedFd| dup2_stdout(end), |end: &OwnedFd| dup2_stderr(end)];
        for (fd, standard) in (0..).zip(&self.standards) {
            match standard {
                Standard::Same => {}
                Standard::Closed => sys::close(fd),
                Standard::End(end) => dup2[fd as usize](&self.ends[*end])?,
            }
        }
        Ok(())
    }
}

/// Our own standard descriptors. All are open: the runtime sees to it.
fn standard(fd: usize) -> BorrowedFd<'static> {
    [stdin(), stdout(), stderr()][fd]
}

fn standing() -> Standing {
    let terminal = open("/dev/tty", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
    match terminal {
        Ok(terminal) if sys::is_foreground(terminal.as_fd()) => Standing::OurGroup,
        _ => Standing::OwnGroup,
    }
}

fn same_device(one: usize, other: usize) -> bool {
    let device = |fd| fstat(standard(fd)).map(|stat| stat.st_rdev).ok();
    device(one) == device(other)
}

/// Whether standard output and standard error are one: then order between them matters, and a secret may lie across them.
fn same_sink(is_terminal: bool) -> bool {
    let same_pipe = || {
        let (Ok(one), Ok(other)) = (fstat(stdout()), fstat(stderr())) else { return false };
        let is_pipe = |stat: &rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
        is_pipe(&one) && is_pipe(&other) && (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
    };
    if is_terminal { isatty(stdout()) && same_device(1, 2) } else { sys::same_file(stdout(), stderr()) || same_pipe() }
}
