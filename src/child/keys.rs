//! The keys of our terminal, on their way to the child's.
//!
//! Keys that the child has not read belong to the next program that reads from the terminal, and
//! nothing can be put back there. So they stay in the terminal until the child asks for them
//! ([`awaits_line`]), and then a line at a time. Keys that send a signal or halt the output act at our
//! terminal. A child that reads key by key gets them as they come: it has the terminal for
//! itself.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::io::{Errno, ioctl_fionread};
use rustix::termios::{InputModes, LocalModes, SpecialCodeIndex, Termios, tcgetattr};
use zeroize::Zeroizing;

use super::awaits_line::awaits_line;
use super::sys;
use super::terminal::{KeyMode, Terminal, has_line};

/// How many keys are on their way at most, in bytes: as much as a pseudo-terminal holds.
const LEN_MAX: usize = 4 << 10;
/// How often it is looked whether the child asks, while no key waits.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The first wait before it is looked again while keys do, and the longest.
const AGAIN_MIN: Duration = Duration::from_micros(100);
const AGAIN_MAX: Duration = Duration::from_millis(20);
/// Looking takes no more than a part like this of the time.
const SHARE: u32 = 50;

/// See the module.
pub(super) struct Keys {
    /// A secret may be among them.
    bytes: Zeroizing<[u8; LEN_MAX]>,
    start: usize,
    end: usize,
    /// The terminal has no more, and never will.
    ended: bool,
    /// The child's terminal is full.
    is_blocked: bool,
    /// Keys wait in the terminal, or here, until the child asks; then it is looked again.
    again: Option<Instant>,
    pause: Duration,
    /// When it is looked without a reason.
    look: Instant,
    /// A key that halts the output was given to the child's terminal.
    has_halted: bool,
}

/// The events of a terminal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TerminalEvents {
    /// Keys are there.
    pub(super) keys: bool,
    /// It is gone.
    pub(super) hung_up: bool,
}

impl Keys {
    pub(super) fn new() -> Keys {
        Keys {
            bytes: Zeroizing::new([0; LEN_MAX]),
            start: 0,
            end: 0,
            ended: false,
            is_blocked: false,
            again: None,
            pause: AGAIN_MIN,
            look: Instant::now(),
            has_halted: false,
        }
    }

    /// Whether the terminal is to be asked for more.
    pub(super) fn wants_more(&self) -> bool {
        self.is_empty() && !self.ended && self.again.is_none()
    }

    /// Whether some wait for room in the child's terminal.
    pub(super) fn wants_room(&self) -> bool {
        self.is_blocked
    }

    /// When there is something to do, if nothing happens before.
    pub(super) fn next(&self) -> Instant {
        self.again.map_or(self.look, |again| again.min(self.look))
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Hands on the keys that may be handed on: all keys where the child's terminal gives them one
    /// by one, or only its output is ours.
    pub(super) fn pass(&mut self, terminal: &Terminal, master: BorrowedFd<'_>, events: TerminalEvents) {
        self.again = None;
        if self.is_empty() && (events.keys || events.hung_up) {
            self.take(terminal, LEN_MAX);
        }
        self.give(master, self.end);
    }

    /// The same where the child has a terminal in place of ours: does to ours as the child's needs.
    /// `supervisor` is the child's parent.
    pub(super) fn tend(
        &mut self,
        terminal: &mut Terminal,
        master: BorrowedFd<'_>,
        supervisor: i32,
        events: TerminalEvents,
    ) {
        let Ok(theirs) = tcgetattr(master) else { return };
        if events.hung_up {
            self.ended = true;
        }
        // Nor are keys kept where one for a signal would act for other processes, or for none.
        if !theirs.local_modes.contains(LocalModes::ICANON) || terminal.is_nobodys() {
            terminal.hand(KeyMode::Raw, &theirs);
            self.look = Instant::now() + LOOK_EVERY;
            return self.pass(terminal, master, events);
        }
        let (was_taken, was_raw) = (terminal.is_taken(), terminal.is_in(KeyMode::Raw));
        terminal.hand(KeyMode::Lines, &theirs);
        if was_raw {
            self.look_through(terminal, master, &theirs);
        }
        self.let_go(master, &theirs);
        let now = Instant::now();
        if self.is_blocked {
            self.give(master, self.end_of_line(&theirs).unwrap_or(self.end));
        }
        let pending = self.pending(terminal);
        let due = now >= self.look || !was_taken || (pending && self.again.is_none_or(|again| now >= again));
        if !due || self.is_blocked {
            return self.rest();
        }
        // In this order: a child that has taken its line, and is seen waiting after that, waits for
        // another. It may take any time to do so, on a busy machine or while it is stopped.
        let is_awaited = !has_line(master) && device(master).is_some_and(|device| awaits_line(supervisor, device));
        let cost = now.elapsed();
        self.look = now + LOOK_EVERY.max(cost * SHARE);
        if is_awaited {
            self.serve(terminal, master, &theirs);
        }
        self.pace(terminal, cost);
    }

    /// Nothing can be done at present.
    pub(super) fn rest(&mut self) {
        let now = Instant::now();
        if self.next() <= now {
            (self.look, self.again) = (now + LOOK_EVERY, None);
        }
    }

    /// Sets when it is looked again.
    fn pace(&mut self, terminal: &Terminal, cost: Duration) {
        if self.pending(terminal) {
            // A child that takes line after line is served quickly; one that does not ask costs no
            // more than a part of the time.
            let least = if self.pause < AGAIN_MAX { cost } else { cost * SHARE };
            self.again = Some(Instant::now() + self.pause.max(least));
            self.pause = (self.pause * 2).min(AGAIN_MAX);
        } else {
            (self.again, self.pause) = (None, AGAIN_MIN);
        }
    }

    /// Gives the child that asks its line, or as much of one as is there.
    fn serve(&mut self, terminal: &Terminal, master: BorrowedFd<'_>, theirs: &Termios) {
        let mut there = in_terminal(terminal);
        let end = loop {
            if let Some(end) = self.end_of_line(theirs) {
                self.pause = AGAIN_MIN;
                break end;
            }
            if there == 0 || self.len() == LEN_MAX || !self.take(terminal, 1) {
                break self.end;
            }
            there -= 1;
        };
        self.give(master, end);
    }

    /// Looks through the keys that came after the child ceased to take them one by one, and before
    /// our terminal's modes said so: of those, a key for a signal has not acted.
    fn look_through(&mut self, terminal: &Terminal, master: BorrowedFd<'_>, theirs: &Termios) {
        let there = in_terminal(terminal).min(LEN_MAX - self.len());
        if there > 0 && self.take(terminal, there) {
            let special = special_keys(theirs);
            let last = self.bytes[self.start..self.end].iter().rposition(|key| special.contains(key));
            // Keys typed before an interrupt are discarded with it, as in any terminal.
            if let Some(last) = last {
                self.give(master, self.start + last + 1);
            }
        }
    }

    /// Undoes a halt by a key that the child's terminal was given: now the key that would let it go
    /// acts at our terminal, and does not get there.
    fn let_go(&mut self, master: BorrowedFd<'_>, theirs: &Termios) {
        let start = theirs.special_codes[SpecialCodeIndex::VSTART];
        let halts = theirs.input_modes.contains(InputModes::IXON) && start != 0;
        if std::mem::take(&mut self.has_halted) && halts {
            let _ = rustix::io::write(master, &[start]);
        }
    }

    /// A key for a signal was pressed at our terminal: it is pressed at the child's. False if that
    /// has none.
    pub(super) fn press(&mut self, master: BorrowedFd<'_>, signal: i32) -> bool {
        let Ok(theirs) = tcgetattr(master) else { return false };
        let index = match signal {
            libc::SIGINT => SpecialCodeIndex::VINTR,
            libc::SIGQUIT => SpecialCodeIndex::VQUIT,
            _ => SpecialCodeIndex::VSUSP,
        };
        let key = theirs.special_codes[index];
        if key == 0 {
            return false;
        }
        if theirs.local_modes.contains(LocalModes::ISIG) && !theirs.local_modes.contains(LocalModes::NOFLSH) {
            self.clear();
        }
        rustix::io::write(master, &[key]) == Ok(1)
    }

    fn clear(&mut self) {
        self.bytes.fill(0);
        (self.start, self.end, self.is_blocked) = (0, 0, false);
    }

    fn len(&self) -> usize {
        self.end - self.start
    }

    fn pending(&self, terminal: &Terminal) -> bool {
        !self.is_empty() || in_terminal(terminal) > 0
    }

    /// The end of the first line, if it is whole.
    fn end_of_line(&self, theirs: &Termios) -> Option<usize> {
        let codes = [SpecialCodeIndex::VEOF, SpecialCodeIndex::VEOL, SpecialCodeIndex::VEOL2];
        let codes = codes.map(|index| theirs.special_codes[index]);
        let turns = theirs.input_modes.contains(InputModes::ICRNL);
        let ends = |key: u8| key == b'\n' || (key == b'\r' && turns) || (key != 0 && codes.contains(&key));
        let at = self.bytes[self.start..self.end].iter().position(|&key| ends(key))?;
        Some(self.start + at + 1)
    }

    /// Takes so many keys at most from the terminal, which has some. False if it has not.
    fn take(&mut self, terminal: &Terminal, len_max: usize) -> bool {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.len());
        }
        let room = LEN_MAX - self.end;
        match rustix::io::read(terminal, &mut self.bytes[self.end..self.end + room.min(len_max)]) {
            Ok(0) | Err(Errno::IO) => self.ended = true,
            Ok(len) => {
                self.end += len;
                return true;
            }
            Err(_) => {}
        }
        false
    }

    /// Gives the child those before this place.
    fn give(&mut self, master: BorrowedFd<'_>, end: usize) {
        self.is_blocked = false;
        if self.start < end {
            match rustix::io::write(master, &self.bytes[self.start..end]) {
                Ok(len) => {
                    let given = &self.bytes[self.start..self.start + len];
                    let stop = tcgetattr(master).map_or(0, |theirs| theirs.special_codes[SpecialCodeIndex::VSTOP]);
                    self.has_halted |= stop != 0 && given.contains(&stop);
                    self.start += len;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                // No process is left to read them.
                Err(_) => self.start = end,
            }
            self.is_blocked = self.start < end;
        }
    }
}

fn in_terminal(terminal: &Terminal) -> usize {
    ioctl_fionread(terminal).map_or(0, |count| count as usize)
}

fn device(master: BorrowedFd<'_>) -> Option<u64> {
    sys::terminal_device(master).map(u64::from)
}

/// Keys that act at once, with a reader or without.
fn special_keys(theirs: &Termios) -> Vec<u8> {
    let signals = [SpecialCodeIndex::VINTR, SpecialCodeIndex::VQUIT, SpecialCodeIndex::VSUSP];
    let halts = [SpecialCodeIndex::VSTART, SpecialCodeIndex::VSTOP];
    let has_signals = theirs.local_modes.contains(LocalModes::ISIG);
    let has_halts = theirs.input_modes.contains(InputModes::IXON);
    let signals = signals.into_iter().filter(|_| has_signals);
    let all = signals.chain(halts.into_iter().filter(|_| has_halts));
    all.map(|index| theirs.special_codes[index]).filter(|&key| key != 0).collect()
}
