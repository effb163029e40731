//! The keys of our terminal, on their way to the child's.
//!
//! Keys that the child has not read belong to the next program that reads from the terminal, and
//! nothing can be put back there. So keys stay in the terminal until the child waits for a line
//! ([`awaits_line`]), and are then passed on one line at a time. Keys that send a signal or halt
//! the output act at our terminal. A child that reads key by key gets keys as they come: it has the
//! terminal for itself.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::io::{Errno, ioctl_fionread};
use rustix::termios::{InputModes, LocalModes, SpecialCodeIndex, Termios, tcgetattr};
use zeroize::Zeroizing;

use super::awaits_line::awaits_line;
use super::sys;
use super::terminal::{KeyMode, Terminal, has_line};
use crate::sys::backoff::Backoff;

/// The most keys in transit, in bytes: the capacity of a pseudo-terminal.
const LEN_MAX: usize = 4 << 10;
/// Interval of the checks for a waiting child while no key is pending.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The shortest and the longest pause between checks while keys are pending.
const AGAIN_MIN: Duration = Duration::from_micros(100);
const AGAIN_MAX: Duration = Duration::from_millis(20);
/// The checks take at most this fraction (1/50) of the time.
const SHARE: u32 = 50;

/// Keys in transit, and the state of the checks.
pub(super) struct Keys {
    /// May hold a secret.
    bytes: Zeroizing<[u8; LEN_MAX]>,
    start: usize,
    end: usize,
    /// The terminal has no more keys, and never will.
    ended: bool,
    /// The child's terminal is full.
    is_blocked: bool,
    /// Keys are pending, in the terminal or here, until the child waits for them: the time of the
    /// next check.
    again: Option<Instant>,
    pause: Backoff,
    /// The time of the next regular check.
    look: Instant,
    /// A key that halts the output was given to the child's terminal.
    has_halted: bool,
}

/// The events of our terminal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TerminalEvents {
    /// Keys are available.
    pub(super) keys: bool,
    /// The terminal is gone.
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
            pause: Backoff::new(AGAIN_MIN, AGAIN_MAX),
            look: Instant::now(),
            has_halted: false,
        }
    }

    /// Whether to read more keys from the terminal.
    pub(super) fn wants_more(&self) -> bool {
        self.is_empty() && !self.ended && self.again.is_none()
    }

    /// Whether keys wait for room in the child's terminal.
    pub(super) fn wants_room(&self) -> bool {
        self.is_blocked
    }

    /// When the next check is due, if no event comes first.
    pub(super) fn next(&self) -> Instant {
        self.again.map_or(self.look, |again| again.min(self.look))
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Passes on all keys. Used if the child's terminal delivers keys one by one, or if only its
    /// output is ours.
    pub(super) fn pass(&mut self, terminal: &Terminal, master: BorrowedFd<'_>, events: TerminalEvents) {
        self.again = None;
        if self.is_empty() && (events.keys || events.hung_up) {
            self.take(terminal, LEN_MAX);
        }
        self.give(master, self.end);
    }

    /// Passes on keys if the child has a terminal in place of ours, and keeps our modes in step
    /// with the child's. `supervisor` is the child's parent.
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
        // Keys are not kept either if a key for a signal would reach other processes, or none.
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
        // The order matters: a child that has taken its line, and is then seen waiting, waits for
        // another. It may take any time to do so, on a busy machine or while it is stopped.
        let is_awaited = !has_line(master) && device(master).is_some_and(|device| awaits_line(supervisor, device));
        let cost = now.elapsed();
        self.look = now + LOOK_EVERY.max(cost * SHARE);
        if is_awaited {
            self.serve(terminal, master, &theirs);
        }
        self.pace(terminal, cost);
    }

    /// Schedules the next check when nothing can be done at present.
    pub(super) fn rest(&mut self) {
        let now = Instant::now();
        if self.next() <= now {
            (self.look, self.again) = (now + LOOK_EVERY, None);
        }
    }

    /// Schedules the next check.
    fn pace(&mut self, terminal: &Terminal, cost: Duration) {
        if self.pending(terminal) {
            // A child that takes line after line is served quickly; for one that does not read, the
            // checks cost no more than a fraction of the time.
            let least = if self.pause.is_longest() { cost * SHARE } else { cost };
            self.again = Some(Instant::now() + self.pause.next().max(least));
        } else {
            self.again = None;
            self.pause.reset();
        }
    }

    /// Gives the waiting child its line, or the available part of it.
    fn serve(&mut self, terminal: &Terminal, master: BorrowedFd<'_>, theirs: &Termios) {
        let mut there = in_terminal(terminal);
        let end = loop {
            if let Some(end) = self.end_of_line(theirs) {
                self.pause.reset();
                break end;
            }
            if there == 0 || self.len() == LEN_MAX || !self.take(terminal, 1) {
                break self.end;
            }
            there -= 1;
        };
        self.give(master, end);
    }

    /// Searches the keys that came after the child left raw mode and before our terminal's modes
    /// followed. A key for a signal among them has not acted.
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

    /// Undoes a halt by a key that went to the child's terminal: the key that would resume the
    /// output now acts at our terminal, and does not get there.
    fn let_go(&mut self, master: BorrowedFd<'_>, theirs: &Termios) {
        let start = theirs.special_codes[SpecialCodeIndex::VSTART];
        let halts = theirs.input_modes.contains(InputModes::IXON) && start != 0;
        if std::mem::take(&mut self.has_halted) && halts {
            let _ = rustix::io::write(master, &[start]);
        }
    }

    /// Repeats a key for a signal, pressed at our terminal, at the child's. False if the child's
    /// terminal has no such key.
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

    /// The end of the first complete line.
    fn end_of_line(&self, theirs: &Termios) -> Option<usize> {
        let codes = [SpecialCodeIndex::VEOF, SpecialCodeIndex::VEOL, SpecialCodeIndex::VEOL2];
        let codes = codes.map(|index| theirs.special_codes[index]);
        let turns = theirs.input_modes.contains(InputModes::ICRNL);
        let ends = |key: u8| key == b'\n' || (key == b'\r' && turns) || (key != 0 && codes.contains(&key));
        let at = self.bytes[self.start..self.end].iter().position(|&key| ends(key))?;
        Some(self.start + at + 1)
    }

    /// Reads up to `len_max` pending keys from the terminal. False if there are none.
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

    /// Gives the child the keys before `end`.
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
                // No process is left to read the keys.
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

/// Keys that act at once, whether or not a process reads.
fn special_keys(theirs: &Termios) -> Vec<u8> {
    let signals = [SpecialCodeIndex::VINTR, SpecialCodeIndex::VQUIT, SpecialCodeIndex::VSUSP];
    let halts = [SpecialCodeIndex::VSTART, SpecialCodeIndex::VSTOP];
    let has_signals = theirs.local_modes.contains(LocalModes::ISIG);
    let has_halts = theirs.input_modes.contains(InputModes::IXON);
    let signals = signals.into_iter().filter(|_| has_signals);
    let all = signals.chain(halts.into_iter().filter(|_| has_halts));
    all.map(|index| theirs.special_codes[index]).filter(|&key| key != 0).collect()
}
