//! Our terminal's modes and size, while a child has a pseudo-terminal in its place.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Gid, Mode, Uid, fchmod, fchown, fstat};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr, tcsetwinsize,
};

use super::sys;
use crate::sys::mutex::lock;

/// The terminal with changed modes, and its original modes.
static CHANGED: Mutex<Option<(Arc<OwnedFd>, Termios)>> = Mutex::new(None);

/// Restores the terminal's modes if they were changed. For an abrupt end, such as a panic.
pub fn restore() {
    let Some((fd, modes)) = lock(&CHANGED).take() else { return };
    let _ = tcsetattr(&fd, OptionalActions::Now, &modes);
}

/// The keys that act in a terminal by themselves.
const ACTING: [SpecialCodeIndex; 5] = [
    SpecialCodeIndex::VINTR,
    SpecialCodeIndex::VQUIT,
    SpecialCodeIndex::VSUSP,
    SpecialCodeIndex::VSTART,
    SpecialCodeIndex::VSTOP,
];

/// The active keys among these, and whether the terminal turns the return key into a newline.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Acting {
    input_modes: InputModes,
    local_modes: LocalModes,
    keys: [u8; ACTING.len()],
}

impl Acting {
    fn of(modes: &Termios) -> Acting {
        let mut input_modes = modes.input_modes & (InputModes::IXON | InputModes::IXANY);
        // The remaining input must be a line for the next program, too. The child's terminal finds
        // nothing more to translate.
        let turned = InputModes::INLCR | InputModes::IGNCR;
        if !modes.input_modes.intersects(turned) {
            input_modes |= modes.input_modes & InputModes::ICRNL;
        }
        let local_modes = modes.local_modes & (LocalModes::ISIG | LocalModes::NOFLSH);
        Acting { input_modes, local_modes, keys: ACTING.map(|index| modes.special_codes[index]) }
    }

    /// Applies these keys to the modes of a terminal in which none acts.
    fn apply(self, modes: &mut Termios) {
        modes.input_modes.remove(InputModes::IXANY);
        modes.local_modes.remove(LocalModes::NOFLSH);
        modes.input_modes |= self.input_modes;
        modes.local_modes |= self.local_modes;
        for (index, key) in ACTING.into_iter().zip(self.keys) {
            modes.special_codes[index] = key;
        }
    }
}

/// Our terminal.
pub(super) struct Terminal {
    fd: Arc<OwnedFd>,
    /// Its modes when it was last in use by another process.
    modes: Termios,
    /// Whether we have changed the modes.
    is_changed: bool,
    /// The key mode, if the child has a pseudo-terminal in its place.
    hand: Option<(KeyMode, Option<Acting>)>,
    use_of_it: Use,
}

/// How keys are read if the child has a pseudo-terminal in place of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyMode {
    /// Key by key, as the child reads.
    Raw,
    /// A line at a time, once the child waits for one. Keys for signals, and those that halt the
    /// output, act here, and are repeated at the child's terminal. Two modes for lines were tried,
    /// one for a child that waits and one for a child that does not. In the first, finding a key
    /// for a signal required reading all keys, which were lost if the child ended.
    Lines,
}

/// The child's share of the terminal.
enum Use {
    /// A pseudo-terminal in its place.
    Whole,
    /// A pseudo-terminal for output alone, with these initial modes. `keys`: the child's input is
    /// no terminal, so that it can read keys only from the pseudo-terminal. `wanted`: it reads them
    /// one by one at present.
    Output { modes: Box<Termios>, keys: bool, wanted: bool },
}

impl Terminal {
    /// A terminal that is replaced by a pseudo-terminal for the child.
    pub(super) fn whole(fd: OwnedFd) -> Result<Terminal, Errno> {
        Ok(Terminal { modes: tcgetattr(&fd)?, fd: Arc::new(fd), is_changed: false, hand: None, use_of_it: Use::Whole })
    }

    /// A terminal with a pseudo-terminal for the child's output only. See [`Use::Output`].
    pub(super) fn for_output(fd: OwnedFd, pty: &OwnedFd, keys: bool) -> Result<Terminal, Errno> {
        let use_of_it = Use::Output { modes: Box::new(tcgetattr(pty)?), keys, wanted: false };
        Ok(Terminal { modes: tcgetattr(&fd)?, fd: Arc::new(fd), is_changed: false, hand: None, use_of_it })
    }

    /// Whether to read its keys and pass them on.
    pub(super) fn gives_keys(&self) -> bool {
        self.is_changed && matches!(self.use_of_it, Use::Whole | Use::Output { keys: true, wanted: true, .. })
    }

    /// Whether the child has a pseudo-terminal in its place.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.use_of_it, Use::Whole)
    }

    /// Whether we are in its foreground, and may read its keys.
    pub(super) fn is_ours(&self) -> bool {
        sys::is_foreground(self.fd.as_fd())
    }

    /// Whether it does not control our session: its keys send us no signals.
    pub(super) fn is_nobodys(&self) -> bool {
        !sys::is_controlling(self.fd.as_fd())
    }

    /// Whether its keys are read, in either mode.
    pub(super) fn is_taken(&self) -> bool {
        self.hand.is_some()
    }

    pub(super) fn is_in(&self, hand: KeyMode) -> bool {
        self.hand.is_some_and(|(taken, _)| taken == hand)
    }

    /// Gives our terminal the modes of the child's pseudo-terminal for output, if we are in the
    /// foreground.
    pub(super) fn follow(&mut self, pty: BorrowedFd<'_>) {
        if !self.is_ours() {
            return;
        }
        let Ok(theirs) = tcgetattr(pty) else { return };
        let what_counts = |modes: &Termios| (modes.input_modes, modes.local_modes, modes.output_modes);
        match &mut self.use_of_it {
            Use::Whole => return,
            Use::Output { modes, .. } if what_counts(modes) == what_counts(&theirs) => return self.restore(),
            Use::Output { wanted, .. } => *wanted = !theirs.local_modes.contains(LocalModes::ICANON),
        }
        self.change(|modes, ours| {
            (modes.input_modes, modes.local_modes) = (theirs.input_modes, theirs.local_modes);
            modes.special_codes = theirs.special_codes.clone();
            // Only one of the two terminals translates newlines into line ends.
            let ours = ours.output_modes.contains(OutputModes::OPOST);
            modes.output_modes.set(OutputModes::OPOST, ours && !theirs.output_modes.contains(OutputModes::OPOST));
        });
    }

    /// Sets the initial modes, before the child runs.
    pub(super) fn begin(&mut self, pty: BorrowedFd<'_>) {
        match tcgetattr(pty) {
            Ok(theirs) if self.is_whole() && self.is_ours() => {
                self.hand(if self.is_nobodys() { KeyMode::Raw } else { KeyMode::Lines }, &theirs);
            }
            _ => self.follow(pty),
        }
    }

    /// Reads keys in this mode, without echo: the child's terminal, with the modes `theirs`, echoes
    /// them.
    pub(super) fn hand(&mut self, hand: KeyMode, theirs: &Termios) {
        let acting = (hand == KeyMode::Lines).then(|| Acting::of(theirs));
        if self.hand.replace((hand, acting)) == Some((hand, acting)) {
            return;
        }
        self.change(|modes, _| {
            modes.make_raw();
            if let Some(acting) = acting {
                acting.apply(modes);
            }
        });
    }

    /// Changes the modes, given the original ones.
    fn change(&mut self, how: impl FnOnce(&mut Termios, &Termios)) {
        let Ok(now) = tcgetattr(&self.fd) else { return };
        // Pending output needs the original modes, so the first change waits for it. Later changes
        // affect the input only, and must not wait for halted output.
        let when = if self.is_changed { OptionalActions::Now } else { OptionalActions::Drain };
        if !self.is_changed {
            self.modes = now.clone();
        }
        let mut modes = now.clone();
        how(&mut modes, &self.modes);
        let what_counts =
            |modes: &Termios| (modes.output_modes, Acting::of(modes), modes.input_modes, modes.local_modes);
        if what_counts(&now) != what_counts(&modes) {
            let mut slot = lock(&CHANGED);
            *slot = Some((Arc::clone(&self.fd), self.modes.clone()));
            // No flush: keys typed ahead are kept.
            let _ = tcsetattr(&self.fd, when, &modes);
        }
        self.is_changed = true;
    }

    /// Restores the modes.
    pub(super) fn restore(&mut self) {
        self.hand = None;
        if std::mem::take(&mut self.is_changed) {
            restore();
        }
    }

    /// Restores the modes in a process that was forked before they were changed.
    pub(super) fn restore_for_other(&self) {
        let _ = tcsetattr(&self.fd, OptionalActions::Now, &self.modes);
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Both sides of a pseudo-terminal.
pub(super) struct Pty {
    pub(super) master: OwnedFd,
    pub(super) slave: OwnedFd,
}

impl Pty {
    /// A pseudo-terminal with the modes and the size of this terminal. With `output_only`, output
    /// passes unchanged, because the terminal itself translates newlines.
    pub(super) fn like(terminal: BorrowedFd<'_>, output_only: bool) -> Result<Pty, Errno> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        let mut modes = tcgetattr(terminal)?;
        modes.output_modes.set(OutputModes::OPOST, !output_only && modes.output_modes.contains(OutputModes::OPOST));
        tcsetattr(&slave, OptionalActions::Now, &modes)?;
        copy_size(terminal, master.as_fd());
        lend_rights(terminal, slave.as_fd());
        Ok(Pty { master, slave })
    }
}

/// Copies the size of a terminal to a pseudo-terminal. The kernel notifies its programs of a
/// change.
pub(super) fn copy_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    if let Ok(size) = tcgetwinsize(from) {
        let _ = tcsetwinsize(to, size);
    }
}

/// Whether a pseudo-terminal, given its controlling side, holds a line that no process has read.
/// False if the other side cannot be opened.
///
/// Only polling the other side sees everything that was written: it completes the kernel's own work
/// on it first (`n_tty_poll` of Linux).
pub(super) fn has_line(master: BorrowedFd<'_>) -> bool {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let Ok(side) = ioctl_tiocgptpeer(master, flags) else { return false };
    let mut waits = [PollFd::new(&side, PollFlags::IN)];
    poll(&mut waits, Some(&Timespec::default())).is_ok_and(|count| count > 0)
        && waits[0].revents().contains(PollFlags::IN)
}

/// Gives a pseudo-terminal the owner and the mode of the terminal that it replaces, if permitted: a
/// program under another user reopens `/dev/stdout`.
fn lend_rights(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    if let Ok(stat) = fstat(from)
        && fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid))).is_ok()
    {
        let _ = fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o777));
    }
}
