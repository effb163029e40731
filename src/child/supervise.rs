//! Our own part while the child runs: signals, stops, keys, and the end.
//!
//! - *Signals* that are sent to us go on to the child's group. Only what the terminal sends to the foreground by itself is not sent
//!   twice, where the child is in our group.
//! - *A stop* of the child stops us, with the terminal as it was, so that the shell takes over; when we are continued, so is the child.
//! - *The end* of the child is ours, once its output has gone out. If others keep the output open, they have [`LINGER`].

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, WaitOptions, wait};

use super::keys::{Keys, Told};
use super::minder::{News, Order};
use super::stream::{Carried, Stream};
use super::sys::{self, Received};
use super::terminal::Terminal;
use super::wiring::{Route, Standing, Wiring};
use super::{Care, ECHO_AFTER_MS, ECHO_LEN_MAX, LINGER};
use crate::io::{Echo, PumpOptions, Release};
use crate::redact::needle::NeedleSet;
use crate::redact::redactor::Redactor;

/// How often it is looked whether our terminal's keys are ours again, while they are not, and what modes the child has given a
/// pseudo-terminal that is for its output alone. Nobody tells of either.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How the child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal; or its output still went out when we got the signal.
    Killed(i32),
    /// It never began: the error of the system.
    Failed(i32),
    /// Nobody knows: its parent was killed.
    Lost,
}

/// How it all ended.
#[derive(Debug)]
pub struct Outcome {
    /// How the child did.
    pub status: Status,
    /// What became of its outputs. One that had to be left in the middle is missing.
    pub outputs: Vec<Carried>,
}

/// All is ready: see [`prepare`](super::prepare). If this is dropped, the program never runs.
pub struct Ready {
    channel: UnixStream,
    signals: OwnedFd,
    standing: Standing,
    routes: Vec<Route>,
    terminal: Option<Terminal>,
    minder: i32,
    has_begun: bool,
}

impl Ready {
    pub(super) fn new(channel: UnixStream, wiring: Wiring, minder: i32) -> io::Result<Ready> {
        let Wiring { standing, routes, terminal, .. } = wiring;
        for route in routes.iter().filter(|route| route.is_pty) {
            // A child that does not read its keys must not keep us from its output.
            fcntl_setfl(&route.input, fcntl_getfl(&route.input)? | OFlags::NONBLOCK)?;
        }
        sys::set_ignored(libc::SIGCHLD, false);
        Ok(Ready { channel, signals: sys::signal_fd()?, standing, routes, terminal, minder, has_begun: false })
    }

    /// Lets the program begin already, while the needles are made: what it writes waits until [`run`](Ready::run).
    ///
    /// # Errors
    ///
    /// If the minder was killed.
    pub fn begin(&mut self) -> io::Result<()> {
        self.has_begun = true;
        Order::Go.send(&self.channel)
    }

    /// Lets the program run: its output goes where ours does, with the needles of this set masked. A stream that ends inside a needle has
    /// that stump masked, if `mask_stump`. [`Running::end`] looks after it.
    ///
    /// # Errors
    ///
    /// Those of the system at the start: no thread, no descriptor left. The program may have begun then, and is ended with us.
    pub fn run(self, set: &Arc<NeedleSet>, mask_stump: bool, care: Care) -> io::Result<Running> {
        let Ready { channel, signals, standing, routes, mut terminal, minder, has_begun } = self;
        let pty = routes.iter().find(|route| route.is_pty).map(|route| route.input.as_fd());
        if let (Some(terminal), Some(pty)) = (&mut terminal, pty) {
            terminal.begin(pty);
        }
        if !has_begun {
            Order::Go.send(&channel)?;
        }
        let shortest = set.expose().map(<[u8]>::len).min().unwrap_or(0);
        let echo = Echo { after_ms: ECHO_AFTER_MS, len_max: ECHO_LEN_MAX.min(shortest / 4) };
        let start = |route: Route| {
            let options = PumpOptions {
                release: if route.is_pty { Release::Exact } else { care.release },
                eio_ends: route.is_pty,
                echo: route.is_pty.then_some(echo),
            };
            Stream::start(route, Redactor::new(Arc::clone(set)).mask_stump(mask_stump), options)
        };
        let streams = routes.into_iter().map(start).collect::<io::Result<Vec<Stream>>>()?;
        Ok(Running(Supervisor {
            channel,
            signals,
            standing,
            streams,
            terminal,
            minder: Some(minder),
            keys: Keys::new(),
            is_stopped: false,
            status: None,
            linger_until: None,
            kill_at: None,
            kill_after: care.kill_after,
            waits_for_group: false,
        }))
    }
}

impl core::fmt::Debug for Ready {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ready").field("standing", &self.standing).finish_non_exhaustive()
    }
}

/// The program runs. If this is dropped, it is ended, as if we were killed.
pub struct Running(Supervisor);

impl Running {
    /// Looks after the program to its end, and to that of its output.
    pub fn end(self) -> Outcome {
        self.0.run()
    }
}

impl core::fmt::Debug for Running {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Running").field("standing", &self.0.standing).finish_non_exhaustive()
    }
}

struct Supervisor {
    channel: UnixStream,
    signals: OwnedFd,
    standing: Standing,
    streams: Vec<Stream>,
    terminal: Option<Terminal>,
    /// Its number, until it is known to be gone.
    minder: Option<i32>,
    keys: Keys,
    /// The child was stopped, and not told to go on since.
    is_stopped: bool,
    status: Option<Status>,
    linger_until: Option<Instant>,
    kill_at: Option<Instant>,
    kill_after: Option<Duration>,
    /// It got a SIGTERM, and the rest of its group has until `kill_at`, also when the child has
    /// ended.
    waits_for_group: bool,
}

/// What there is to do.
#[derive(Default)]
struct Todo {
    news: bool,
    signals: bool,
    told: Told,
}

impl Supervisor {
    fn run(mut self) -> Outcome {
        while self.status.is_none() || self.waits_for_group || !self.streams.iter().all(Stream::has_ended) {
            let ready = self.wait();
            if ready.news {
                self.news();
            }
            if ready.signals && !self.take_signals() {
                break;
            }
            self.look_at_the_clock();
            self.look_at_the_terminal(ready.told);
        }
        if let Some(terminal) = &mut self.terminal {
            terminal.restore();
        }
        let _ = Order::Leave.send(&self.channel);
        let outputs = self.streams.into_iter().filter_map(Stream::end).collect();
        Outcome { status: self.status.unwrap_or(Status::Lost), outputs }
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> Todo {
        let master = self.streams.iter().find_map(Stream::master).filter(|_| self.terminal.is_some());
        let keys = self.terminal.as_ref().filter(|terminal| terminal.gives_keys() && self.keys.wants_more());
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        let minder = self.minder.map(|_| PollFd::new(&self.channel, PollFlags::IN));
        let news_at = fds.len();
        fds.extend(minder);
        let keys_at = fds.len();
        fds.extend(keys.map(|terminal| PollFd::from_borrowed_fd(terminal.as_fd(), PollFlags::IN)));
        let room_at = fds.len();
        fds.extend(master.filter(|_| self.keys.wants_room()).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)));
        let streams_at = fds.len();
        let live: Vec<usize> = (0..self.streams.len()).filter(|&n| !self.streams[n].has_ended()).collect();
        fds.extend(live.iter().map(|&n| PollFd::new(&self.streams[n], PollFlags::IN)));
        if poll(&mut fds, self.timeout().as_ref()).is_err() {
            return Todo::default();
        }
        let is_ready = |range: std::ops::Range<usize>| fds[range].iter().any(|fd| !fd.revents().is_empty());
        let hung_up = fds[keys_at..room_at].iter().any(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR));
        let ready = Todo {
            signals: is_ready(0..1),
            news: is_ready(news_at..keys_at),
            told: Told { keys: is_ready(keys_at..room_at), hung_up },
        };
        let noticed: Vec<usize> =
            live.into_iter().zip(streams_at..).filter(|&(_, at)| is_ready(at..at + 1)).map(|(n, _)| n).collect();
        noticed.into_iter().for_each(|n| self.streams[n].notice());
        ready
    }

    /// How long to wait at most.
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

    /// Takes the terminal's keys if they are ours, or gives it the modes that the child has set where only its output goes.
    fn look_at_the_terminal(&mut self, told: Told) {
        let Some(terminal) = self.terminal.as_mut().filter(|_| self.status.is_none()) else { return };
        let Some(pty) = self.streams.iter().find_map(Stream::master) else { return terminal.restore() };
        if !terminal.is_whole() {
            terminal.follow(pty);
            if told.keys || self.keys.wants_room() {
                self.keys.pass(terminal, pty, told);
            }
        } else if let Some(minder) = self.minder.filter(|_| terminal.is_ours()) {
            self.keys.tend(terminal, pty, minder, told);
        } else {
            self.keys.rest();
        }
    }

    fn send(&self, signal: i32) {
        // If the minder is gone, the next news will say so.
        let _ = Order::Signal(signal).send(&self.channel);
    }

    fn news(&mut self) {
        let news = News::receive(&self.channel);
        self.hear(news);
    }

    fn hear(&mut self, news: Option<News>) {
        match news {
            Some(News::Began | News::Continued) => {}
            Some(News::Stopped(signal)) => self.stop(signal),
            Some(News::Failed(error)) => self.ended(Status::Failed(error.raw_os_error())),
            Some(News::Exited(code)) => self.ended(Status::Exited(code)),
            Some(News::Killed(signal)) => self.ended(Status::Killed(signal)),
            Some(News::Alone) => self.group_is_gone(),
            None => {
                self.minder = None;
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

    /// Only the child is waited for from now on, and if it has ended, the processes that keep its
    /// output open.
    fn group_is_gone(&mut self) {
        self.waits_for_group = false;
        if self.status.is_some() {
            self.kill_at = None;
            self.linger_until = Some(Instant::now() + LINGER);
        }
    }

    /// The child was stopped: so are we, and when we are continued, so is it.
    fn stop(&mut self, signal: i32) {
        self.is_stopped = true;
        if signal == libc::SIGSTOP && self.standing != Standing::Session {
            // That was meant for the child alone: a terminal stops all of us by other signals.
            return;
        }
        if self.terminal.is_some() {
            self.streams.iter_mut().for_each(Stream::pause);
            self.terminal.iter_mut().for_each(Terminal::restore);
        }
        if self.standing == Standing::Session {
            // All of our group, as the terminal would: the shell waits for its first process, which need not be us.
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

    /// We were continued, and may have got the terminal back. The child goes on before any more keys reach it: the stop that one of
    /// them asks for would be undone.
    ///
    /// With `always`, also if no stop was told: it may have happened, and be told a moment later, when nobody continues us any more.
    fn go_on(&mut self, always: bool) {
        self.streams.iter().for_each(Stream::resize);
        let tell = self.is_stopped || (always && self.status.is_none());
        if tell && Order::Continue.send(&self.channel).is_ok() {
            loop {
                match News::receive(&self.channel) {
                    Some(News::Continued) => break,
                    None => {
                        self.hear(None);
                        break;
                    }
                    news => self.hear(news),
                }
            }
        }
        self.is_stopped = false;
        self.look_at_the_terminal(Told::default());
    }

    /// Does what the signals ask for. False if one of them ends us: the child has ended already, and its output is on its way.
    fn take_signals(&mut self) -> bool {
        while let Some(Received { signal, from_kernel }) = sys::next_signal(self.signals.as_fd()) {
            match signal {
                libc::SIGCHLD => self.reap(),
                libc::SIGPIPE | libc::SIGXFSZ | libc::SIGTTIN | libc::SIGTTOU => {}
                libc::SIGCONT => self.go_on(self.standing != Standing::Session),
                libc::SIGWINCH => {
                    self.streams.iter().for_each(Stream::resize);
                    if self.standing != Standing::Session {
                        self.send(signal);
                    }
                }
                libc::SIGINT | libc::SIGQUIT | libc::SIGTSTP if from_kernel && self.press(signal) => {}
                _ if from_kernel && self.standing == Standing::OurGroup && self.status.is_none() => {}
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

    /// Presses the key for a signal at the child's terminal, where it was pressed at ours.
    fn press(&mut self, signal: i32) -> bool {
        let is_whole = self.terminal.as_ref().is_some_and(Terminal::is_taken) && self.status.is_none();
        let master = self.streams.iter().find_map(Stream::master).filter(|_| is_whole);
        master.is_some_and(|master| self.keys.press(master, signal))
    }

    /// Collects who ended: the minder, and as the first process of a machine or container whoever lost his parent.
    fn reap(&mut self) {
        while let Ok(Some((pid, _))) = wait(WaitOptions::NOHANG) {
            if Some(pid) == self.minder.and_then(Pid::from_raw) && self.status.is_some() {
                self.minder = None;
            }
        }
    }
}
