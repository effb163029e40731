//! Terminal prompts without echo, for a secret's value or a passphrase.
//!
//! Echo is off from the first question to the last answer. Input pasted beyond that answer is
//! discarded before another program reads it: the third line of a pasted key would become a shell
//! command, and enter the shell's history. When a signal ends or stops the program meanwhile, the
//! terminal's modes are restored, and echo is off again afterwards.
//!
//! The crate rpassword was used before. On SIGINT it ends before it restores the terminal; it
//! leaves the rest of a paste to the shell; and it drops characters such as a tab from the answer.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hushlog::registry::VALUE_LEN_MAX;
use hushlog::sys::locked;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, read, write};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The signals that end or stop a program, and the one that continues it.
const SIGNALS: [i32; 6] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP, libc::SIGCONT];
/// The longest answer, in bytes: one more than a value, so that a longer one is detected.
const ANSWER_LEN_MAX: usize = VALUE_LEN_MAX + 1;
/// A pause that ends a paste. The rest of a paste arrives without one.
const PAUSE_MS: i64 = 60;
/// The longest time for which the rest of a paste is discarded.
const DISCARD_MAX: Duration = Duration::from_secs(10);

const CONTROL_W: u8 = b'w' & 0x1f;
const CONTROL_U: u8 = b'u' & 0x1f;
const CONTROL_D: u8 = b'd' & 0x1f;
const BACKSPACE: u8 = 8;
const DELETE: u8 = 0x7f;
const ESCAPE: u8 = 0x1b;

/// The terminal, with its modes before and during a prompt. Set once, since signal handlers may
/// read it at any time.
static TERMINAL: OnceLock<Modes> = OnceLock::new();
/// The program was stopped and continued. The partial answer is dropped, as the terminal dropped
/// it.
static CONTINUED: AtomicBool = AtomicBool::new(false);

struct Modes {
    terminal: OwnedFd,
    before: Termios,
    hidden: Termios,
}

impl Modes {
    fn open() -> io::Result<Modes> {
        let terminal = open("/dev/tty", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let before = tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON;
        hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
        hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(Modes { terminal, before, hidden })
    }

    /// Restores the modes, and discards pending input.
    fn restore(&self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// A dialogue at the terminal. No answer is shown while this lives.
pub(crate) struct Hidden {
    modes: &'static Modes,
    /// The previous signal actions.
    before: Vec<(i32, libc::sigaction)>,
}

impl Hidden {
    /// Opens the controlling terminal.
    ///
    /// # Errors
    ///
    /// When there is none, or its modes cannot be set.
    pub(crate) fn begin() -> io::Result<Hidden> {
        let modes = match TERMINAL.get() {
            Some(modes) => modes,
            None => {
                let opened = Modes::open()?;
                TERMINAL.get_or_init(|| opened)
            }
        };
        let hidden = Hidden { modes, before: SIGNALS.into_iter().filter_map(handle).collect() };
        tcsetattr(&modes.terminal, OptionalActions::Now, &modes.hidden)?;
        Ok(hidden)
    }

    /// Prompts, and reads a line.
    ///
    /// # Errors
    ///
    /// When the input ends before the line begins, or the line holds a control character, which no
    /// key types; also those of the system.
    pub(crate) fn ask(&self, question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut line = locked::buffer(ANSWER_LEN_MAX);
        self.show(question)?;
        loop {
            match self.byte() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    if CONTINUED.swap(false, Relaxed) {
                        line.clear();
                        self.show(question)?;
                    }
                }
                Err(error) => return Err(error),
                Ok(None) if line.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(None | Some(b'\n' | b'\r')) => break,
                Ok(Some(CONTROL_D)) if line.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(Some(byte)) => self.take(&mut line, byte)?,
            }
        }
        self.show("\n")?;
        Ok(line)
    }

    /// Adds one byte to a line.
    fn take(&self, line: &mut Vec<u8>, byte: u8) -> io::Result<()> {
        match byte {
            BACKSPACE | DELETE => {
                let is_start = |byte: &u8| byte & 0xc0 != 0x80;
                line.truncate(line.iter().rposition(is_start).unwrap_or(0));
            }
            CONTROL_U => line.clear(),
            CONTROL_W => {
                let end = line.trim_ascii_end().len();
                line.truncate(line[..end].iter().rposition(|&byte| byte == b' ').map_or(0, |at| at + 1));
            }
            CONTROL_D => {}
            ESCAPE => self.skip_key()?,
            b'\t' | b' '.. => {
                if line.len() < ANSWER_LEN_MAX {
                    line.push(byte);
                }
            }
            // Dropped, as it once was, it would save and mask a different value.
            _ => return Err(io::Error::other("it contains a control character, which can only be read from a file")),
        }
        Ok(())
    }

    /// Skips an arrow key or the like, which has no function here.
    fn skip_key(&self) -> io::Result<()> {
        if !matches!(self.byte()?, Some(b'[' | b'O')) {
            return Ok(());
        }
        while !matches!(self.byte()?, None | Some(b'@'..=b'~')) {}
        Ok(())
    }

    /// Reads one byte at a time, so that input typed ahead stays for the next question.
    fn byte(&self) -> io::Result<Option<u8>> {
        let mut byte = Zeroizing::new([0]);
        Ok((read(&self.modes.terminal, &mut byte[..])? > 0).then_some(byte[0]))
    }

    fn show(&self, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match write(&self.modes.terminal, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Discards pending input, until a pause.
    fn discard(&self) {
        let start = Instant::now();
        let pause = Timespec { tv_sec: 0, tv_nsec: PAUSE_MS * 1_000_000 };
        let mut rest = Zeroizing::new([0; 4096]);
        while start.elapsed() < DISCARD_MAX {
            let mut ready = [PollFd::new(&self.modes.terminal, PollFlags::IN)];
            match poll(&mut ready, Some(&pause)) {
                Ok(1..) if read(&self.modes.terminal, &mut rest[..]).is_ok_and(|len| len > 0) => {}
                _ => return,
            }
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.discard();
        self.modes.restore();
        for (signal, before) in &self.before {
            // SAFETY: the system returned this action for this signal.
            unsafe { libc::sigaction(*signal, before, std::ptr::null_mut()) };
        }
    }
}

/// Restores the terminal's modes, for a panic in the middle of a dialogue.
pub(crate) fn restore() {
    if let Some(modes) = TERMINAL.get() {
        modes.restore();
    }
}

/// Installs the handler for a signal, unless it is ignored. Returns the previous action.
fn handle(signal: i32) -> Option<(i32, libc::sigaction)> {
    // SAFETY: an action of zeros is valid, `on_signal` is a handler of the kind that the flags
    // name, and both actions outlive the calls.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, std::ptr::null(), &raw mut before) != 0 || before.sa_sigaction == libc::SIG_IGN {
            return None;
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        // Signals that end the program do so when raised again.
        action.sa_flags = if matches!(signal, libc::SIGTSTP | libc::SIGCONT) { 0 } else { libc::SA_RESETHAND };
        (libc::sigaction(signal, &raw const action, std::ptr::null_mut()) == 0).then_some((signal, before))
    }
}

/// Runs at any time: system calls and atomics only.
extern "C" fn on_signal(signal: i32) {
    let Some(modes) = TERMINAL.get() else { return };
    if signal == libc::SIGCONT {
        CONTINUED.store(true, Relaxed);
        let _ = tcsetattr(&modes.terminal, OptionalActions::Flush, &modes.hidden);
        return;
    }
    modes.restore();
    let raised = if signal == libc::SIGTSTP { libc::SIGSTOP } else { signal };
    // SAFETY: the call takes an integer only.
    unsafe { libc::raise(raised) };
}
