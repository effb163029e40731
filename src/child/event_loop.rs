//! The event loop of this process while the child runs: signals, stops, keys, and the end.
//!
//! - *Signals* to us are passed on to the child's group. A signal that the terminal sends to the
//!   whole foreground is not sent twice if the child is in our group.
//! - *A stop* of the child stops us, with our terminal restored, so that the shell takes over. When
//!   we are continued, so is the child.
//! - *The end* of the child is ours, once its output is written. If other processes keep the output
//!   open, they have [`LINGER`].

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, WaitOptions, wait};

use super::keys::{Keys, TerminalEvents};
use super::stdio::{JobControl, Route, Stdio};
use super::stream::{Stream, StreamOutcome};
use super::supervisor::{Command, Event};
use super::sys::{self, Received};
use super::terminal::Terminal;
use super::{ECHO_AFTER_MS, ECHO_LEN_MAX, LINGER, SupervisionOptions};
use crate::io::{Echo, PumpOptions, Release, StreamFormat};
use crate::redact::needle::NeedleSet;
use crate::redact::redactor::Redactor;

/// Interval of two checks that no event replaces: whether the keys of our terminal are ours again,
/// and which modes the child has set on a pseudo-terminal for its output alone.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How the child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The child exited with this status.
    Exited(i32),
    /// This signal ended the child; or it reached us after the child's end, while output was being
    /// written.
    Killed(i32),
    /// The child did not start: the error of the system.
    Failed(i32),
    /// Unknown: the supervisor was killed.
    Lost,
}

/// The end of the child, and of its outputs.
#[derive(Debug)]
pub struct Completion {
    /// How the child ended.
    pub status: Status,
    /// Its outputs, without those that were abandoned.
    pub outputs: Vec<StreamOutcome>,
}

/// A prepared child: see [`prepare`](super::prepare). If this is dropped, the program never runs.
pub struct Ready {
    channel: UnixStream,
    signals: OwnedFd,
    job_control: JobControl,
    routes: Vec<Route>,
    terminal: Option<Terminal>,
    supervisor: i32,
    has_begun: bool,
}

impl Ready {
    pub(super) fn new(channel: UnixStream, stdio: Stdio, supervisor: i32) -> io::Result<Ready> {
        let Stdio { job_control, routes, terminal, .. } = stdio;
        for route in routes.iter().filter(|route| route.is_pty) {
            // A child that does not read its keys must not block its output.
            fcntl_setfl(&route.input, fcntl_getfl(&route.input)? | OFlags::NONBLOCK)?;
        }
        sys::set_ignored(libc::SIGCHLD, false);
        Ok(Ready { channel, signals: sys::signal_fd()?, job_control, routes, terminal, supervisor, has_begun: false })
    }

    /// Starts the program while the needle set is still being built. Its output waits until
    /// [`run`](Ready::run).
    ///
    /// # Errors
    ///
    /// If the supervisor was killed.
    pub fn begin(&mut self) -> io::Result<()> {
        self.has_begun = true;
        Command::Go.send(&self.channel)
    }

    /// Runs the program and masks the needles of this set in its output, which goes to ours. With
    /// `mask_partial`, a partial match at the end of a stream is masked as well. [`Running::end`]
    /// supervises the program.
    ///
    /// # Errors
    ///
    /// System errors at the start: no thread or descriptor left. The program may have begun; it
    /// ends when this process does.
    pub fn run(self, set: &Arc<NeedleSet>, mask_partial: bool, options: SupervisionOptions) -> io::Result<Running> {
        let Ready { channel, signals, job_control, routes, mut terminal, supervisor, has_begun } = self;
        let pty = routes.iter().find(|route| route.is_pty).map(|route| route.input.as_fd());
        if let (Some(terminal), Some(pty)) = (&mut terminal, pty) {
            terminal.begin(pty);
        }
        if !has_begun {
            Command::Go.send(&channel)?;
        }
        let shortest = set.expose().map(<[u8]>::len).min().unwrap_or(0);
        let echo = Echo { after_ms: ECHO_AFTER_MS, len_max: ECHO_LEN_MAX.min(shortest / 4) };
        let start = |route: Route| {
            let options = PumpOptions {
                release: if route.is_pty { Release::Exact } else { options.release },
                format: if route.is_pty { StreamFormat::Raw } else { options.format },
                eio_ends: route.is_pty,
                echo: route.is_pty.then_some(echo),
                keep_screen: route.is_pty,
                progress: None,
                on_notice: options.on_notice,
            };
            Stream::start(route, Redactor::new(Arc::clone(set)).mask_partial(mask_partial), options)
        };
        let streams = routes.into_iter().map(start).collect::<io::Result<Vec<Stream>>>()?;
        Ok(Running(EventLoop {
            channel,
            signals,
            job_control,
            streams,
            terminal,
            supervisor: Some(supervisor),
            keys: Keys::new(),
            is_stopped: false,
            status: None,
            linger_until: None,
            kill_at: None,
            kill_after: options.kill_after,
            waits_for_group: false,
        }))
    }
}

impl core::fmt::Debug for Ready {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ready").field("job_control", &self.job_control).finish_non_exhaustive()
    }
}

/// A running child. Dropping this ends the child, as killing this process does.
pub struct Running(EventLoop);

impl Running {
    /// Relays signals, keys and output until the program and its outputs have ended.
    pub fn end(self) -> Completion {
        self.0.run()
    }
}

impl core::fmt::Debug for Running {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Running").field("job_control", &self.0.job_control).finish_non_exhaustive()
    }
}

struct EventLoop {
    channel: UnixStream,
    signals: OwnedFd,
    job_control: JobControl,
    streams: Vec<Stream>,
    terminal: Option<Terminal>,
    /// The process id, until the supervisor is known to be gone.
    supervisor: Option<i32>,
    keys: Keys,
    /// The child was stopped, and not continued since.
    is_stopped: bool,
    status: Option<Status>,
    linger_until: Option<Instant>,
    kill_at: Option<Instant>,
    kill_after: Option<Duration>,
    /// The child got a SIGTERM. The rest of its group has until `kill_at`, even if the child has
    /// ended.
    waits_for_group: bool,
}

/// The reasons why a wait ended.
#[derive(Default)]
struct Wakeup {
    event: bool,
    signals: bool,
    terminal: TerminalEvents,
}

impl EventLoop {
    fn run(mut self) -> Completion {
        while self.status.is_none() || self.waits_for_group || !self.streams.iter().all(Stream::has_ended) {
            let ready = self.wait();
            if ready.event {
                let event = Event::receive(&self.channel);
                self.handle(event);
            }
            if ready.signals && !self.take_signals() {
                break;
            }
            self.look_at_the_clock();
            self.look_at_the_terminal(ready.terminal);
        }
        if let Some(terminal) = &mut self.terminal {
            terminal.restore();
        }
        let _ = Command::Leave.send(&self.channel);
        let outputs = self.streams.into_iter().filter_map(Stream::end).collect();
        Completion { status: self.status.unwrap_or(Status::Lost), outputs }
    }

    /// Waits for an event or the next deadline.
    fn wait(&mut self) -> Wakeup {
        let master = self.streams.iter().find_map(Stream::master).filter(|_| self.terminal.is_some());
        let keys = self.terminal.as_ref().filter(|terminal| terminal.gives_keys() && self.keys.wants_more());
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        let supervisor = self.supervisor.map(|_| PollFd::new(&self.channel, PollFlags::IN));
        let event_at = fds.len();
        fds.extend(supervisor);
        let keys_at = fds.len();
        fds.extend(keys.map(|terminal| PollFd::from_borrowed_fd(terminal.as_fd(), PollFlags::IN)));
        let room_at = fds.len();
        fds.extend(master.filter(|_| self.keys.wants_room()).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)));
        let streams_at = fds.len();
        let live: Vec<usize> = (0..self.streams.len()).filter(|&n| !self.streams[n].has_ended()).collect();
        fds.extend(live.iter().map(|&n| PollFd::new(&self.streams[n], PollFlags::IN)));
        if poll(&mut fds, self.timeout().as_ref()).is_err() {
            return Wakeup::default();
        }
        let is_ready = |range: std::ops::Range<usize>| fds[range].iter().any(|fd| !fd.revents().is_empty());
        let hung_up = fds[keys_at..room_at].iter().any(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR));
        let ready = Wakeup {
            signals: is_ready(0..1),
            event: is_ready(event_at..keys_at),
            terminal: TerminalEvents { keys: is_ready(keys_at..room_at), hung_up },
        };
        let noticed: Vec<usize> =
            live.into_iter().zip(streams_at..).filter(|&(_, at)| is_ready(at..at + 1)).map(|(n, _)| n).collect();
        noticed.into_iter().for_each(|n| self.streams[n].notice());
        ready
    }

    /// The time until the next deadline.
    fn timeout(&self) -> Option<Timespec> {
        let terminal = self.terminal.as_ref().filter(|_| self.status.is_none());
        let look = terminal.filter(|terminal| !terminal.is_taken()).map(|_| LOOK_EVERY);
        let keys = terminal.filter(|terminal| terminal.is_taken()).map(|_| self.keys.next());
        let until = self.linger_until.into_iter().chain(self.kill_at).chain(keys).min();
        let until = until.map(|until| until.saturating_duration_since(Instant::now()));
        let least = look.into_iter().chain(until).min()?;
        Some(Timespec { tv_sec: least.as_secs() as i64, tv_nsec: i64::from(least.subsec_nanos()) })
    }

    fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        if self.linger_until.is_some_and(|until| now >= until) {
            self.linger_until = None;
            self.streams.iter().for_each(Stream::stop);
        }
        if self.kill_at.is_some_and(|at| now >= at) {
            self.kill_at = None;
            self.send(libc::SIGKILL);
            self.group_is_gone();
        }
    }

    /// Takes the terminal's keys if they are ours, or copies the modes that the child has set on a
    /// pseudo-terminal for its output alone.
    fn look_at_the_terminal(&mut self, events: TerminalEvents) {
        let Some(terminal) = self.terminal.as_mut().filter(|_| self.status.is_none()) else { return };
        let Some(pty) = self.streams.iter().find_map(Stream::master) else { return terminal.restore() };
        if !terminal.is_whole() {
            terminal.follow(pty);
            if events.keys || self.keys.wants_room() {
                self.keys.pass(terminal, pty, events);
            }
        } else if let Some(supervisor) = self.supervisor.filter(|_| terminal.is_ours()) {
            self.keys.tend(terminal, pty, supervisor, events);
        } else {
            self.keys.rest();
        }
    }

    fn send(&self, signal: i32) {
        // If the supervisor is gone, the next event reports it.
        let _ = Command::Signal(signal).send(&self.channel);
    }

    fn handle(&mut self, event: Option<Event>) {
        match event {
            Some(Event::Began | Event::Continued) => {}
            Some(Event::Stopped(signal)) => self.stop(signal),
            Some(Event::Failed(error)) => self.ended(Status::Failed(error.raw_os_error())),
            Some(Event::Exited(code)) => self.ended(Status::Exited(code)),
            Some(Event::Killed(signal)) => self.ended(Status::Killed(signal)),
            Some(Event::Alone) => self.group_is_gone(),
            None => {
                self.supervisor = None;
                self.group_is_gone();
                self.ended(Status::Lost);
            }
        }
    }

    fn ended(&mut self, status: Status) {
        if self.status.is_none() {
            self.status = Some(status);
            if !self.waits_for_group {
                self.group_is_gone();
            }
        }
    }

    /// Waits only for the child; if it has ended, for the processes that keep its output open.
    fn group_is_gone(&mut self) {
        self.waits_for_group = false;
        if self.status.is_some() {
            self.kill_at = None;
            self.linger_until = Some(Instant::now() + LINGER);
        }
    }

    /// Stops this process, because the child was stopped. When this process is continued, so is the
    /// child.
    fn stop(&mut self, signal: i32) {
        self.is_stopped = true;
        if signal == libc::SIGSTOP && self.job_control != JobControl::Session {
            // The signal was meant for the child alone: a terminal stops all of us by other
            // signals.
            return;
        }
        if self.terminal.is_some() {
            self.streams.iter_mut().for_each(Stream::pause);
            self.terminal.iter_mut().for_each(Terminal::restore);
        }
        if self.job_control == JobControl::Session {
            // Stops our whole group, as the terminal would: the shell waits for its first process,
            // which need not be us.
            sys::kill(0, signal);
        } else {
            // The terminal has stopped the others.
            sys::kill(rustix::process::getpid().as_raw_nonzero().get(), signal);
        }
        sys::let_in(signal);
        if self.terminal.is_some() {
            self.streams.iter_mut().for_each(Stream::resume);
        }
        self.go_on(false);
    }

    /// Continues the child, after we were continued and may have got the terminal back. The child
    /// runs before any more keys reach it: otherwise this would undo the stop that one of them
    /// requests.
    ///
    /// With `always`, the child is continued even if no stop was reported yet: the report may
    /// arrive a moment later, when nothing continues us any more.
    fn go_on(&mut self, always: bool) {
        self.streams.iter().for_each(Stream::resize);
        let tell = self.is_stopped || (always && self.status.is_none());
        if tell && Command::Continue.send(&self.channel).is_ok() {
            loop {
                match Event::receive(&self.channel) {
                    Some(Event::Continued) => break,
                    None => {
                        self.handle(None);
                        break;
                    }
                    event => self.handle(event),
                }
            }
        }
        self.is_stopped = false;
        self.look_at_the_terminal(TerminalEvents::default());
    }

    /// Handles pending signals. False if one of them ends us: the child has ended, and its output
    /// is being written.
    fn take_signals(&mut self) -> bool {
        while let Some(Received { signal, from_kernel }) = sys::next_signal(self.signals.as_fd()) {
            match signal {
                libc::SIGCHLD => self.reap(),
                libc::SIGPIPE | libc::SIGXFSZ | libc::SIGTTIN | libc::SIGTTOU => {}
                libc::SIGCONT => self.go_on(self.job_control != JobControl::Session),
                libc::SIGWINCH => {
                    self.streams.iter().for_each(Stream::resize);
                    if self.job_control != JobControl::Session {
                        self.send(signal);
                    }
                }
                libc::SIGINT | libc::SIGQUIT | libc::SIGTSTP if from_kernel && self.press(signal) => {}
                _ if from_kernel && self.job_control == JobControl::OurGroup && self.status.is_none() => {}
                libc::SIGHUP | libc::SIGINT | libc::SIGQUIT | libc::SIGTERM
                    if self.status.is_some() && !self.waits_for_group =>
                {
                    self.status = Some(Status::Killed(signal));
                    return false;
                }
                _ => {
                    self.send(signal);
                    if signal == libc::SIGTERM && self.kill_at.is_none() {
                        self.kill_at = self.kill_after.map(|after| Instant::now() + after);
                        self.waits_for_group = self.kill_at.is_some();
                    }
                }
            }
        }
        true
    }

    /// Repeats the key for a signal at the child's terminal.
    fn press(&mut self, signal: i32) -> bool {
        let is_whole = self.terminal.as_ref().is_some_and(Terminal::is_taken) && self.status.is_none();
        let master = self.streams.iter().find_map(Stream::master).filter(|_| is_whole);
        master.is_some_and(|master| self.keys.press(master, signal))
    }

    /// Reaps processes that have ended: the supervisor, and orphans if this is the first process of
    /// a machine or container.
    fn reap(&mut self) {
        while let Ok(Some((pid, _))) = wait(WaitOptions::NOHANG) {
            if Some(pid) == self.supervisor.and_then(Pid::from_raw) && self.status.is_some() {
                self.supervisor = None;
            }
        }
    }
}
