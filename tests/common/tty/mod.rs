//! A terminal with a person at it, who types, reads the screen, waits, and changes the window's
//! size.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::ffi::OsStr;
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process, kill_process_group, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetwinsize};

/// The time after which a test gives up.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// The window's initial size: (rows, columns).
pub(crate) const SIZE: (u16, u16) = (24, 80);

/// A terminal, the program that was started in it, and its output.
pub(crate) struct Terminal {
    controller: OwnedFd,
    /// The programs' side. It stays open here, so that settings can be read after all programs have
    /// ended.
    user: OwnedFd,
    child: Child,
    screen: vt100::Parser<Answers>,
    /// All output ever written to the terminal.
    pub(crate) transcript: Vec<u8>,
}

impl Terminal {
    /// Starts a program as the leader of a new session, with a new terminal as its controlling
    /// terminal and for all its streams.
    pub(crate) fn start(command: Command) -> Terminal {
        Terminal::start_with(command, |_, _| ())
    }

    /// The same; `prepare` gets the command with its streams set, and the terminal, before anything
    /// runs.
    pub(crate) fn start_with(mut command: Command, prepare: impl FnOnce(&mut Command, &OwnedFd)) -> Terminal {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&controller).expect("it is ours");
        unlockpt(&controller).expect("it is ours");
        let name = ptsname(&controller, Vec::new()).expect("it has a name");
        // The typist has to read now and then, or both would wait for each other.
        fcntl_setfl(&controller, fcntl_getfl(&controller).expect("it is open") | OFlags::NONBLOCK).expect("it is ours");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let user = open(&*name, flags, Mode::empty()).expect("its other side");
        tcsetwinsize(&user, window(SIZE)).expect("a size");
        let side = || user.try_clone().expect("descriptors are left");
        command.stdin(side()).stdout(side()).stderr(side());
        prepare(&mut command, &user);
        let own = side();
        // SAFETY: two system calls, which allocate nothing and take no lock.
        unsafe {
            command.pre_exec(move || {
                setsid()?;
                ioctl_tiocsctty(&own)?;
                Ok(())
            })
        };
        let child = command.spawn().expect("the program starts");
        Terminal { controller, user, child, screen: parser(SIZE), transcript: Vec::new() }
    }

    /// The process that was started.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Types this; a line feed is the return key.
    #[track_caller]
    pub(crate) fn types(&mut self, keys: &str) {
        let bytes = keys.replace('\n', "\r").into_bytes();
        let (mut left, start) = (&bytes[..], Instant::now());
        while !left.is_empty() {
            match rustix::io::write(&self.controller, &left[..left.len().min(64)]) {
                Ok(len) => left = &left[len..],
                Err(Errno::AGAIN) => drop(self.look_within(Duration::from_millis(2))),
                Err(error) => panic!("the terminal takes nothing: {error}"),
            }
            self.look();
            assert!(start.elapsed() < LIMIT, "nobody takes what is typed; the screen is\n{}", self.text());
        }
    }

    /// Types this key by key, with a pause after each.
    #[track_caller]
    pub(crate) fn types_slowly(&mut self, keys: &str, pause: Duration) {
        for key in keys.chars() {
            self.types(key.encode_utf8(&mut [0; 4]));
            self.looks_for(pause);
        }
    }

    /// Reads the available output. Returns whether there was any.
    pub(crate) fn look(&mut self) -> bool {
        self.look_within(Duration::ZERO)
    }

    /// Keeps reading for this time.
    pub(crate) fn looks_for(&mut self, time: Duration) {
        let start = Instant::now();
        while let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
            self.look_within(left);
        }
    }

    /// Waits up to this time for output. Returns whether there was any.
    fn look_within(&mut self, time: Duration) -> bool {
        let time = Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.controller, PollFlags::IN)], Some(&time)) {
            Ok(0) | Err(Errno::INTR) => return false,
            ready => ready.expect("it can be waited for"),
        };
        let mut bytes = [0; 65_536];
        let len = rustix::io::read(&self.controller, &mut bytes).expect("the other side is open");
        self.screen.process(&bytes[..len]);
        self.transcript.extend_from_slice(&bytes[..len]);
        let answers = std::mem::take(&mut self.screen.callbacks_mut().0);
        if !answers.is_empty() {
            rustix::io::write(&self.controller, &answers).expect("the terminal takes it");
        }
        true
    }

    /// Waits for this condition.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut(&Terminal) -> bool) {
        let start = Instant::now();
        self.look();
        while !holds(self) {
            assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}; the screen is\n{}", self.text());
            self.look_within(Duration::from_millis(20));
        }
    }

    /// Waits until this text is on the screen.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        self.until(&format!("`{text}` is shown"), |terminal| terminal.text().contains(text));
    }

    /// Waits until the started program has ended, and reads all its output.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            let status = self.child.try_wait().expect("it is our child");
            while self.look() {}
            if let Some(status) = status {
                return status;
            }
            assert!(start.elapsed() < LIMIT, "it has not ended within {LIMIT:?}; the screen is\n{}", self.text());
            self.look_within(Duration::from_millis(5));
        }
    }

    /// Its exit status, as a shell gives it.
    #[track_caller]
    pub(crate) fn ends_with(&mut self) -> i32 {
        let status = self.ends();
        status.code().unwrap_or_else(|| 128 + status.signal().expect("it ended"))
    }

    /// The screen's text.
    pub(crate) fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// The screen with colours, attributes, cursor and modes.
    pub(crate) fn picture(&self) -> String {
        self.screen.screen().state_formatted()
    }

    /// Whether a full-screen program uses it.
    pub(crate) fn is_full_screen(&self) -> bool {
        self.screen.screen().alternate_screen()
    }

    /// All output to the terminal, as text.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.transcript).into_owned()
    }

    /// Resizes the window; as with any terminal, programs in the foreground are notified.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        while self.look() {}
        self.screen.set_size(lines(size.0), lines(size.1));
        tcsetwinsize(&self.controller, window(size)).expect("a size");
    }

    pub(crate) fn size(&self) -> (u16, u16) {
        let size = tcgetwinsize(&self.user).expect("it has a size");
        (size.ws_row, size.ws_col)
    }

    /// Its settings, as printed by `stty -a`.
    pub(crate) fn settings(&self) -> String {
        let side = self.user.try_clone().expect("descriptors are left");
        let output = Command::new("stty").arg("-a").stdin(side).output().expect("stty runs");
        assert!(output.status.success(), "stty: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it prints text")
    }

    /// Changes its settings, with arguments of `stty`.
    pub(crate) fn set(&self, settings: &[&str]) {
        let side = self.user.try_clone().expect("descriptors are left");
        assert!(Command::new("stty").args(settings).stdin(side).status().expect("stty runs").success());
    }

    /// The name of its device.
    pub(crate) fn name(&self) -> String {
        let name = ptsname(&self.controller, Vec::new()).expect("it has a name");
        OsStr::from_bytes(name.as_bytes()).to_string_lossy().into_owned()
    }

    /// The foreground process group.
    pub(crate) fn front(&self) -> Option<Pid> {
        tcgetpgrp(&self.controller).ok()
    }

    /// Whether any program started from here is running.
    pub(crate) fn runs_anything(&self) -> bool {
        below(self.pid()).any(is_alive)
    }

    /// The process at the end of the chain that was started here.
    #[track_caller]
    pub(crate) fn last_below(&self) -> Pid {
        below(self.pid()).last().expect("a process was started")
    }

    /// Whether the shell started here is in the foreground, and none of its programs is.
    pub(crate) fn is_at_prompt(&self) -> bool {
        self.front() == Some(self.pid())
    }

    /// Whether each key is passed to the program as it is typed, so that the program or another
    /// terminal echoes it.
    pub(crate) fn hands_keys_on(&self) -> bool {
        let modes = tcgetattr(&self.user).expect("it is a terminal").local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Closes the window.
    pub(crate) fn hang_up(mut self) -> HungUp {
        let taken =
            std::mem::replace(&mut self.controller, open("/dev/null", OFlags::RDWR, Mode::empty()).expect("it exists"));
        drop(taken);
        HungUp(self)
    }
}

/// A terminal without a window.
pub(crate) struct HungUp(Terminal);

impl HungUp {
    /// Waits for the program's end.
    #[track_caller]
    pub(crate) fn ends(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(start.elapsed() < LIMIT, "it has not ended within {LIMIT:?} of its terminal");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // The foreground group ends by itself when the window closes.
            if let Some(front) = self.front() {
                let _ = kill_process_group(front, Signal::KILL);
            }
            let _ = kill_process(self.pid(), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Two terminals at which one person does the same things, and which have to show the same.
pub(crate) struct Twins {
    pub(crate) bare: Terminal,
    pub(crate) wrapped: Terminal,
}

impl Twins {
    #[track_caller]
    pub(crate) fn types(&mut self, keys: &str) {
        self.bare.types(keys);
        self.wrapped.types(keys);
    }

    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        self.bare.resize(size);
        self.wrapped.resize(size);
    }

    /// Waits for this condition on both, and until both look the same: text, colours, cursor,
    /// modes.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Terminal) -> bool) {
        let start = Instant::now();
        loop {
            while self.bare.look() | self.wrapped.look() {}
            if holds(&self.bare) && holds(&self.wrapped) && self.bare.picture() == self.wrapped.picture() {
                return;
            }
            if start.elapsed() > LIMIT {
                let same = self.bare.text() == self.wrapped.text();
                let how =
                    if same { "the text is the same, and colours, cursor or modes differ" } else { "they differ" };
                let (bare, wrapped) = (self.bare.text(), self.wrapped.text());
                let pictures = if same {
                    format!("{:?}\n{:?}", self.bare.picture(), self.wrapped.picture())
                } else {
                    String::new()
                };
                panic!(
                    "not within {LIMIT:?} on both: {what}; {how}\n--- bare\n{bare}\n--- wrapped\n{wrapped}\n---\n{pictures}"
                );
            }
            self.bare.look_within(Duration::from_millis(5));
        }
    }

    #[track_caller]
    pub(crate) fn show(&mut self, text: &str) {
        self.until(&format!("`{text}` is shown"), |terminal| terminal.text().contains(text));
    }

    /// Waits until both show this prompt for a line. Earlier keys, typed before a program reads
    /// them one by one, go to the terminal's line: shown elsewhere, or lost.
    #[track_caller]
    pub(crate) fn ask(&mut self, prompt: &str) {
        self.until(&format!("`{prompt}` asks"), |terminal| terminal.text().trim_end().ends_with(prompt));
    }

    /// Waits until the program of this name is idle on both: one that is resized while it paints
    /// would paint something else.
    #[track_caller]
    pub(crate) fn wait_for_keys(&mut self, program: &str) {
        self.until("it waits for keys", |terminal| {
            let found = below(terminal.pid()).find(|&pid| name(pid).as_deref() == Some(program));
            found.and_then(state) == Some('S')
        });
    }

    /// Waits until both shells show their prompt, and types a line there.
    #[track_caller]
    pub(crate) fn enter(&mut self, line: &str) {
        let at_prompt = |terminal: &Terminal| terminal.is_at_prompt() && terminal.text().trim_end().ends_with('$');
        self.until("the prompt is there", at_prompt);
        let before = [self.bare.transcript.len(), self.wrapped.transcript.len()];
        self.types(line);
        self.types("\n");
        // Earlier text on the screen is no answer to it.
        for (terminal, before) in [&mut self.bare, &mut self.wrapped].into_iter().zip(before) {
            terminal.until("the line is taken", |terminal| terminal.transcript[before..].contains(&b'\n'));
        }
    }

    /// Presses return now and then until both shells, which report their jobs before each prompt,
    /// have printed this.
    #[track_caller]
    pub(crate) fn hear(&mut self, text: &str) {
        for (name, terminal) in [("bare", &mut self.bare), ("wrapped", &mut self.wrapped)] {
            let start = Instant::now();
            // It may have left the screen already.
            while !terminal.written().contains(text) {
                assert!(
                    start.elapsed() < LIMIT,
                    "not within {LIMIT:?} ({name}): `{text}`; it wrote\n{}",
                    terminal.written()
                );
                terminal.types("\n");
                terminal.looks_for(Duration::from_millis(50));
            }
            terminal.types("clear\n");
        }
        self.until("the screen is empty", |terminal| terminal.is_at_prompt() && terminal.text().trim_end() == "$");
    }

    /// Empties the screens, and waits for their prompt.
    #[track_caller]
    pub(crate) fn clear(&mut self) {
        self.enter("clear");
        self.until("the screen is empty", |terminal| terminal.is_at_prompt() && terminal.text().trim_end() == "$");
    }

    /// Waits until the last job of both shells is in the foreground again.
    #[track_caller]
    pub(crate) fn go_on(&mut self) {
        self.clear();
        self.enter("fg");
        let goes_on = |terminal: &Terminal| {
            // A key typed before the program is continued is lost, bare and wrapped.
            let front = terminal.front().filter(|front| *front != terminal.pid());
            front.is_some_and(|front| state(front).is_some_and(|state| state != 'T'))
        };
        self.until("it goes on", |terminal| goes_on(terminal) && terminal.text().contains("fg\n"));
        // A person, too, would not type before the wrapper gets the keys and has continued its
        // child.
        self.wrapped.until("keys are handed on", Terminal::hands_keys_on);
        self.wrapped.looks_for(Duration::from_millis(100));
    }

    /// Waits until both have ended, and returns their status, which has to be the same.
    #[track_caller]
    pub(crate) fn end(&mut self) -> i32 {
        let bare = self.bare.ends_with();
        assert_eq!(self.wrapped.ends_with(), bare, "the wrapped one ended otherwise");
        bare
    }
}

fn window((rows, columns): (u16, u16)) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn lines(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("windows are not empty")
}

fn parser((rows, columns): (u16, u16)) -> vt100::Parser<Answers> {
    vt100::Parser::new_with_callbacks(lines(rows), lines(columns), 0, Answers(Vec::new()))
}

/// The terminal's answers to queries of programs, as by xterm: its cursor position and its type.
struct Answers(Vec<u8>);

impl vt100::Callbacks for Answers {
    fn unhandled_csi(&mut self, screen: &mut vt100::Screen, i1: Option<u8>, _: Option<u8>, params: &[&[u16]], c: char) {
        match (i1, params.first().and_then(|param| param.first()), c) {
            (None, Some(6), 'n') => {
                let (row, column) = screen.cursor_position();
                self.0.extend_from_slice(format!("\x1b[{};{}R", row + 1, column + 1).as_bytes());
            }
            (None, _, 'c') => self.0.extend_from_slice(b"\x1b[?62;22c"),
            (Some(b'>'), _, 'c') => self.0.extend_from_slice(b"\x1b[>41;354;0c"),
            _ => (),
        }
    }
}

/// The state of a process, as shown by `ps`, if it exists.
pub(crate) fn state(pid: Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// The name of the process's program.
fn name(pid: Pid) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_pid())).ok()?;
    Some(name.trim_end().to_owned())
}

/// The children of a process, and theirs.
fn below(pid: Pid) -> Box<dyn Iterator<Item = Pid>> {
    let pid = pid.as_raw_pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children: Vec<Pid> =
        children.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect();
    Box::new(children.into_iter().flat_map(|child| std::iter::once(child).chain(below(child))))
}

/// Whether this process exists, and is no zombie.
pub(crate) fn is_alive(pid: Pid) -> bool {
    !matches!(state(pid), None | Some('Z' | 'X'))
}

/// Waits for this condition.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
