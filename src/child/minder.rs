//! The minder: a process between us and the child, its parent.
//!
//! Why there is one: a child that leads a session cannot be stopped by Ctrl-Z, because nobody of its session, but of another group,
//! is its parent (its group is *orphaned*, and stop signals are discarded there). So the minder leads the session, and starts the child
//! in a group of its own, as a shell does. It also outlives us if we are killed: then it gives the terminal its modes back,
//! and ends the child.
//!
//! It runs between fork and exec for all its life, in a copy of our memory, but for what it wiped. All its signals are blocked: it
//! looks at its channel to us and at its child, and at nothing else.

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
use super::environment::Environment;
use super::group::Group;
use super::sys::{self, Forked, Mask};
use super::terminal::Terminal;
use super::wiring::{Standing, Wiring};

/// How often it is looked whether those of a group that is to end are gone. No event reports that.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// What we tell the minder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Let the child begin.
    Go,
    /// Send a signal to the child's group. After a SIGTERM, also when the child has ended.
    Signal(i32),
    /// Let the child go on, if it was stopped, and say so.
    Continue,
    /// All is done: no need to look after the terminal.
    Leave,
}

/// What the minder tells us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The child's program runs.
    Began,
    /// It could not be started.
    Failed(Errno),
    /// It was stopped by a signal.
    Stopped(i32),
    /// It was told to go on: the answer to [`Order::Continue`].
    Continued,
    /// It ended by itself.
    Exited(i32),
    /// It was ended by a signal.
    Killed(i32),
    /// After a SIGTERM: none of its group is left.
    Alone,
}

/// Orders and news on their way: a kind and a number.
type Message = [u8; 5];

fn message(kind: u8, number: i32) -> Message {
    let [a, b, c, d] = number.to_le_bytes();
    [kind, a, b, c, d]
}

fn number([_, a, b, c, d]: Message) -> i32 {
    i32::from_le_bytes([a, b, c, d])
}

impl Order {
    pub(super) fn send(self, mut channel: &UnixStream) -> std::io::Result<()> {
        channel.write_all(&match self {
            Order::Go => message(b'g', 0),
            Order::Signal(signal) => message(b's', signal),
            Order::Continue => message(b'c', 0),
            Order::Leave => message(b'l', 0),
        })
    }

    fn receive(mut channel: &UnixStream) -> Option<Order> {
        let mut message = [0; 5];
        channel.read_exact(&mut message).ok()?;
        match message[0] {
            b'g' => Some(Order::Go),
            b's' => Some(Order::Signal(number(message))),
            b'c' => Some(Order::Continue),
            _ => Some(Order::Leave),
        }
    }
}

impl News {
    fn send(self, mut channel: &UnixStream) {
        // If nobody listens any more, the next order will not come either.
        let _ = channel.write_all(&match self {
            News::Began => message(b'b', 0),
            News::Failed(error) => message(b'f', error.raw_os_error()),
            News::Stopped(signal) => message(b's', signal),
            News::Continued => message(b'c', 0),
            News::Exited(code) => message(b'x', code),
            News::Killed(signal) => message(b'k', signal),
            News::Alone => message(b'a', 0),
        });
    }

    /// The next news; none if the minder is gone.
    pub(super) fn receive(mut channel: &UnixStream) -> Option<News> {
        let mut message = [0; 5];
        channel.read_exact(&mut message).ok()?;
        let number = number(message);
        Some(match message[0] {
            b'b' => News::Began,
            b'f' => News::Failed(Errno::from_raw_os_error(number)),
            b's' => News::Stopped(number),
            b'c' => News::Continued,
            b'x' => News::Exited(number),
            b'a' => News::Alone,
            _ => News::Killed(number),
        })
    }
}

/// All that the minder needs, and what the child is made of.
pub(super) struct Minder {
    pub(super) channel: UnixStream,
    pub(super) wiring: Wiring,
    pub(super) arguments: Vec<CString>,
    pub(super) environment: Environment,
    pub(super) inherited: Inherited,
    pub(super) mask: Mask,
}

impl Minder {
    /// Runs in the minder's process, to its end.
    pub(super) fn run(mut self) -> ! {
        sys::set_ignored(libc::SIGCHLD, false);
        // Our sides of the pipes: as long as they were open here, the child would not notice that we are gone.
        self.wiring.routes.clear();
        if let Err(error) = self.lead() {
            News::Failed(error).send(&self.channel);
            sys::exit_now(0);
        }
        let Ok((pid, gate, report)) = self.start() else {
            News::Failed(Errno::AGAIN).send(&self.channel);
            sys::exit_now(0);
        };
        let children = sys::signal_fd();
        self.environment.clear();
        self.let_go();
        if Order::receive(&self.channel) != Some(Order::Go) || File::from(gate).write_all(b"g").is_err() {
            sys::exit_now(0);
        }
        match report_of(report) {
            Some(error) => News::Failed(error).send(&self.channel),
            None => News::Began.send(&self.channel),
        }
        let Ok(children) = children else { sys::exit_now(0) };
        self.mind(pid, children)
    }

    /// Becomes the leader of the child's session.
    fn lead(&self) -> Result<(), Errno> {
        if self.wiring.standing == Standing::Session {
            setsid()?;
            ioctl_tiocsctty(&self.wiring.ends[0])?;
        }
        if self.wiring.standing != Standing::OwnGroup {
            // Its group is not the child's alone; or a process that waits for keys is looked for.
            Group::adopt();
        }
        Ok(())
    }

    /// Makes the child's process. It waits for a byte from the gate, and sends the error of its exec, if there is one.
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

    /// Makes everything as it would be without us.
    fn prepare(&self) -> Result<(), Errno> {
        if self.wiring.standing != Standing::OurGroup {
            setpgid(None, None)?;
        }
        if self.wiring.standing == Standing::Session {
            // From the background, which is allowed because SIGTTOU is blocked.
            tcsetpgrp(&self.wiring.ends[0], rustix::process::getpid())?;
        }
        self.wiring.install()?;
        if let Some(core) = self.inherited.core_limit {
            let maximum = getrlimit(Resource::Core).maximum;
            setrlimit(Resource::Core, Rlimit { current: core.current, maximum })?;
        }
        for (signal, ignored) in &self.inherited.ignored {
            sys::set_ignored(*signal, *ignored);
        }
        Ok(())
    }

    /// Closes what only the child needs: its pipes would not end, and our reader would not be left alone, if we kept them.
    fn let_go(&mut self) {
        if self.wiring.standing != Standing::Session {
            self.wiring.ends.clear();
        }
        self.wiring.ends.truncate(1);
        self.wiring.input = None;
        if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
            let _ = dup2_stdin(&null).and_then(|()| dup2_stdout(&null)).and_then(|()| dup2_stderr(&null));
        }
    }

    /// Obeys and tells, to the end.
    fn mind(mut self, pid: i32, children: OwnedFd) -> ! {
        let group = if self.wiring.standing == Standing::OurGroup { Group::Shared(pid) } else { Group::Own(pid) };
        let mut child = Pid::from_raw(pid);
        // It was sent a SIGTERM, and we were not told yet that all of the group are gone.
        let mut is_ending = false;
        loop {
            let mut fds = [PollFd::new(&self.channel, PollFlags::IN), PollFd::new(&children, PollFlags::IN)];
            let looks = is_ending && child.is_none();
            if poll(&mut fds, looks.then_some(&LOOK_EVERY)).is_err() {
                continue;
            }
            let (ordered, changed) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
            if changed {
                while sys::next_signal(children.as_fd()).is_some() {}
                child = self.tell(child);
            }
            if is_ending && child.is_none() && group.is_empty() {
                is_ending = false;
                News::Alone.send(&self.channel);
            }
            if ordered {
                match Order::receive(&self.channel) {
                    Some(Order::Signal(signal)) if child.is_some() || is_ending => {
                        is_ending |= signal == libc::SIGTERM;
                        group.send(signal);
                    }
                    Some(Order::Signal(_) | Order::Go) => {}
                    Some(Order::Continue) => {
                        if child.is_some() {
                            group.send(libc::SIGCONT);
                        }
                        News::Continued.send(&self.channel);
                    }
                    Some(Order::Leave) => sys::exit_now(0),
                    None => self.abandon(group, child.is_some()),
                }
            }
        }
    }

    /// Reports the child's fate, and gives it back if it still lives. Its number stays its own
    /// until it is waited for here. The processes that it has left behind to us are waited for as
    /// well.
    fn tell(&mut self, mut child: Option<Pid>) -> Option<Pid> {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
            if Some(pid) != child {
                continue;
            }
            let ended = status.exit_status().map(News::Exited).or(status.terminating_signal().map(News::Killed));
            if let Some(ended) = ended {
                // From here on only others keep the pseudo-terminal open.
                self.wiring.ends.clear();
                ended.send(&self.channel);
                child = None;
            } else if let Some(signal) = status.stopping_signal() {
                News::Stopped(signal).send(&self.channel);
            }
        }
        child
    }

    /// We are gone without a word: killed, most likely.
    fn abandon(&self, group: Group, child_lives: bool) -> ! {
        self.wiring.terminal.as_ref().map(Terminal::restore_for_other);
        if child_lives && self.wiring.standing != Standing::Session {
            group.send(libc::SIGTERM);
            group.send(libc::SIGCONT);
        }
        // The end of a session's leader hangs its terminal up, as closing a window does.
        sys::exit_now(0)
    }
}

/// The error of the child's exec, if it failed.
fn report_of(report: OwnedFd) -> Option<Errno> {
    let mut error = [0; 4];
    File::from(report).read_exact(&mut error).ok()?;
    Some(Errno::from_raw_os_error(i32::from_le_bytes(error)))
}
