//! The supervisor process: the child's parent, between this process and the child.
//!
//! The supervisor makes job control work. If the members of a process group have no parent in
//! another group of the session, the group is *orphaned*, and the kernel discards stop signals
//! there: Ctrl-Z would have no effect on a child that leads its session. So the supervisor leads
//! the session, and starts the child in a group of its own, as a shell does. The supervisor also
//! survives if this process is killed: it restores the modes of the terminal, and ends the child.
//!
//! The supervisor never calls exec. It runs in a copy of this process's memory from which the
//! secrets were wiped. All its signals are blocked. It waits only for its channel to this process,
//! and for its child.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Resource, Rlimit, WaitOptions, getrlimit, ioctl_tiocsctty, setpgid, setrlimit, setsid, wait,
};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::termios::tcsetpgrp;

use super::Inherited;
use super::environment::ProcessEnvironment;
use super::group::Group;
use super::stdio::{JobControl, Stdio};
use super::sys::{self, Forked, Mask};
use super::terminal::Terminal;

/// Interval at which the supervisor checks whether the processes of an ending group are gone. No
/// event reports that.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// A message to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Start the child.
    Go,
    /// Send a signal to the child's group. After a SIGTERM, also when the child has ended.
    Signal(i32),
    /// Continue the child if it was stopped, and answer [`Event::Continued`].
    Continue,
    /// Exit. The terminal was restored already.
    Leave,
}

/// A message from the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The child's program is running.
    Began,
    /// The program could not be started.
    Failed(Errno),
    /// A signal stopped the child.
    Stopped(i32),
    /// The child was continued: the answer to [`Command::Continue`].
    Continued,
    /// The child ended by itself.
    Exited(i32),
    /// A signal ended the child.
    Killed(i32),
    /// After a SIGTERM: no process of the child's group is left.
    Alone,
}

/// A command or an event on the channel: a kind and a number.
type Message = [u8; 5];

fn message(kind: u8, number: i32) -> Message {
    let [a, b, c, d] = number.to_le_bytes();
    [kind, a, b, c, d]
}

fn number([_, a, b, c, d]: Message) -> i32 {
    i32::from_le_bytes([a, b, c, d])
}

impl Command {
    pub(super) fn send(self, mut channel: &UnixStream) -> std::io::Result<()> {
        channel.write_all(&match self {
            Command::Go => message(b'g', 0),
            Command::Signal(signal) => message(b's', signal),
            Command::Continue => message(b'c', 0),
            Command::Leave => message(b'l', 0),
        })
    }

    fn receive(mut channel: &UnixStream) -> Option<Command> {
        let mut message = [0; 5];
        channel.read_exact(&mut message).ok()?;
        match message[0] {
            b'g' => Some(Command::Go),
            b's' => Some(Command::Signal(number(message))),
            b'c' => Some(Command::Continue),
            _ => Some(Command::Leave),
        }
    }
}

impl Event {
    fn send(self, mut channel: &UnixStream) {
        // If the reader is gone, no further command arrives either.
        let _ = channel.write_all(&match self {
            Event::Began => message(b'b', 0),
            Event::Failed(error) => message(b'f', error.raw_os_error()),
            Event::Stopped(signal) => message(b's', signal),
            Event::Continued => message(b'c', 0),
            Event::Exited(code) => message(b'x', code),
            Event::Killed(signal) => message(b'k', signal),
            Event::Alone => message(b'a', 0),
        });
    }

    /// The next event; none if the supervisor is gone.
    pub(super) fn receive(mut channel: &UnixStream) -> Option<Event> {
        let mut message = [0; 5];
        channel.read_exact(&mut message).ok()?;
        let number = number(message);
        Some(match message[0] {
            b'b' => Event::Began,
            b'f' => Event::Failed(Errno::from_raw_os_error(number)),
            b's' => Event::Stopped(number),
            b'c' => Event::Continued,
            b'x' => Event::Exited(number),
            b'a' => Event::Alone,
            _ => Event::Killed(number),
        })
    }
}

/// The state of the supervisor, and everything needed to start the child.
pub(super) struct Supervisor {
    pub(super) channel: UnixStream,
    pub(super) stdio: Stdio,
    pub(super) arguments: Vec<CString>,
    pub(super) environment: ProcessEnvironment,
    pub(super) inherited: Inherited,
    pub(super) mask: Mask,
}

impl Supervisor {
    /// Runs the supervisor process to its end.
    pub(super) fn run(mut self) -> ! {
        sys::set_ignored(libc::SIGCHLD, false);
        // Closes the read ends of the pipes: while they are open here, the child gets no SIGPIPE.
        self.stdio.routes.clear();
        if let Err(error) = self.lead() {
            Event::Failed(error).send(&self.channel);
            sys::exit_now(0);
        }
        let Ok((pid, gate, report)) = self.start() else {
            Event::Failed(Errno::AGAIN).send(&self.channel);
            sys::exit_now(0);
        };
        let children = sys::signal_fd();
        self.environment.clear();
        self.close_ends();
        if Command::receive(&self.channel) != Some(Command::Go) || File::from(gate).write_all(b"g").is_err() {
            sys::exit_now(0);
        }
        match exec_error(report) {
            Some(error) => Event::Failed(error).send(&self.channel),
            None => Event::Began.send(&self.channel),
        }
        let Ok(children) = children else { sys::exit_now(0) };
        self.serve(pid, children)
    }

    /// Becomes the leader of the child's session.
    fn lead(&self) -> Result<(), Errno> {
        if self.stdio.job_control == JobControl::Session {
            setsid()?;
            ioctl_tiocsctty(&self.stdio.ends[0])?;
        }
        if self.stdio.job_control != JobControl::OwnGroup {
            // The group is not the child's alone, or descendants that wait for keys must be found.
            Group::adopt();
        }
        Ok(())
    }

    /// Creates the child's process. It waits for a byte from the gate, and reports the error of its
    /// exec, if any.
    fn start(&self) -> std::io::Result<(i32, OwnedFd, OwnedFd)> {
        let (gate_out, gate_in) = pipe_with(PipeFlags::CLOEXEC)?;
        let (report_out, report_in) = pipe_with(PipeFlags::CLOEXEC)?;
        match sys::fork()? {
            Forked::Parent(pid) => Ok((pid, gate_in, report_out)),
            Forked::Child => {
                drop((gate_in, report_out));
                let error = self.become_child(gate_out);
                let _ = File::from(report_in).write_all(&error.raw_os_error().to_le_bytes());
                sys::exit_now(127)
            }
        }
    }

    /// Runs in the child's process, and returns only if the program cannot be started.
    fn become_child(&self, gate: OwnedFd) -> Errno {
        if let Err(error) = self.prepare() {
            return error;
        }
        if File::from(gate).read_exact(&mut [0]).is_err() {
            sys::exit_now(127);
        }
        sys::set_mask(&self.mask);
        sys::exec(&self.arguments, &self.environment.variables())
    }

    /// Restores the state that the program would have without us.
    fn prepare(&self) -> Result<(), Errno> {
        if self.stdio.job_control != JobControl::OurGroup {
            setpgid(None, None)?;
        }
        if self.stdio.job_control == JobControl::Session {
            // From the background. The kernel permits this because SIGTTOU is blocked.
            tcsetpgrp(&self.stdio.ends[0], rustix::process::getpid())?;
        }
        self.stdio.install()?;
        if let Some(core) = self.inherited.core_limit {
            let maximum = getrlimit(Resource::Core).maximum;
            setrlimit(Resource::Core, Rlimit { current: core.current, maximum })?;
        }
        for (signal, ignored) in &self.inherited.ignored {
            sys::set_ignored(*signal, *ignored);
        }
        Ok(())
    }

    /// Closes the descriptors that only the child needs: a pipe ends when the child closes it.
    fn close_ends(&mut self) {
        if self.stdio.job_control != JobControl::Session {
            self.stdio.ends.clear();
        }
        self.stdio.ends.truncate(1);
        self.stdio.input = None;
        if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
            let _ = dup2_stdin(&null).and_then(|()| dup2_stdout(&null)).and_then(|()| dup2_stderr(&null));
        }
    }

    /// Executes commands and reports events, to the end.
    fn serve(mut self, pid: i32, children: OwnedFd) -> ! {
        let group = if self.stdio.job_control == JobControl::OurGroup { Group::Shared(pid) } else { Group::Own(pid) };
        let mut child = Pid::from_raw(pid);
        // A SIGTERM was sent, and the end of the group was not reported yet.
        let mut is_ending = false;
        loop {
            let mut fds = [PollFd::new(&self.channel, PollFlags::IN), PollFd::new(&children, PollFlags::IN)];
            let looks = is_ending && child.is_none();
            if poll(&mut fds, looks.then_some(&LOOK_EVERY)).is_err() {
                continue;
            }
            let (has_command, has_child_changed) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
            if has_child_changed {
                while sys::next_signal(children.as_fd()).is_some() {}
                child = self.report(child);
            }
            if is_ending && child.is_none() && group.is_empty() {
                is_ending = false;
                Event::Alone.send(&self.channel);
            }
            if has_command {
                match Command::receive(&self.channel) {
                    Some(Command::Signal(signal)) if child.is_some() || is_ending => {
                        is_ending |= signal == libc::SIGTERM;
                        group.send(signal);
                    }
                    Some(Command::Signal(_) | Command::Go) => {}
                    Some(Command::Continue) => {
                        if child.is_some() {
                            group.send(libc::SIGCONT);
                        }
                        Event::Continued.send(&self.channel);
                    }
                    Some(Command::Leave) => sys::exit_now(0),
                    None => self.abandon(group, child.is_some()),
                }
            }
        }
    }

    /// Reports a stop or the end of the child, and returns the child if it is alive. Its process id
    /// cannot be reused before this wait. Orphans that the child left are reaped as well.
    fn report(&mut self, mut child: Option<Pid>) -> Option<Pid> {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
            if Some(pid) != child {
                continue;
            }
            let ended = status.exit_status().map(Event::Exited).or(status.terminating_signal().map(Event::Killed));
            if let Some(ended) = ended {
                // From here on only others keep the pseudo-terminal open.
                self.stdio.ends.clear();
                ended.send(&self.channel);
                child = None;
            } else if let Some(signal) = status.stopping_signal() {
                Event::Stopped(signal).send(&self.channel);
            }
        }
        child
    }

    /// The channel was closed without [`Command::Leave`]: most likely, this process was killed.
    fn abandon(&self, group: Group, child_lives: bool) -> ! {
        self.stdio.terminal.as_ref().map(Terminal::restore_for_other);
        if child_lives && self.stdio.job_control != JobControl::Session {
            group.send(libc::SIGTERM);
            group.send(libc::SIGCONT);
        }
        // The end of a session's leader hangs its terminal up, as closing a window does.
        sys::exit_now(0)
    }
}

/// The error of the child's exec, if it failed.
fn exec_error(report: OwnedFd) -> Option<Errno> {
    let mut error = [0; 4];
    File::from(report).read_exact(&mut error).ok()?;
    Some(Errno::from_raw_os_error(i32::from_le_bytes(error)))
}
