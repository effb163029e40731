//! Our terminal, while a child has a pseudo-terminal in its place: its modes and its size.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Gid, Mode, Uid, fchmod, fchown, fstat};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr, tcsetwinsize,
};

use super::sys;

/// The terminal whose modes were changed, and the modes that it had before.
static CHANGED: Mutex<Option<(Arc<OwnedFd>, Termios)>> = Mutex::new(None);

/// Gives the terminal its modes back, if they were changed: for whoever ends the process in the middle, as a panic does.
pub fn restore() {
    let Some((fd, modes)) = CHANGED.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
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

/// The keys of these that act in a terminal, and whether it turns the return key into a newline.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Acting {
    input_modes: InputModes,
    local_modes: LocalModes,
    keys: [u8; ACTING.len()],
}

impl Acting {
    fn of(modes: &Termios) -> Acting {
        let mut input_modes = modes.input_modes & (InputModes::IXON | InputModes::IXANY);
        // So that the remaining input is a line for the next program, too. The child's terminal
        // finds nothing more to turn.
        let turned = InputModes::INLCR | InputModes::IGNCR;
        if !modes.input_modes.intersects(turned) {
            input_modes |= modes.input_modes & InputModes::ICRNL;
        }
        let local_modes = modes.local_modes & (LocalModes::ISIG | LocalModes::NOFLSH);
        Acting { input_modes, local_modes, keys: ACTING.map(|index| modes.special_codes[index]) }
    }

    /// Sets them in the modes of a terminal in which none acts.
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
    /// Its modes when it was last found in the hands of somebody else.
    modes: Termios,
    /// We have changed them.
    is_changed: bool,
    /// How, as a whole.
    hand: Option<(KeyMode, Option<Acting>)>,
    use_of_it: Use,
}

/// How the terminal's keys are taken, where the child has a pseudo-terminal in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyMode {
    /// Each as it comes: so does the child.
    Raw,
    /// A line at a time, once the child waits for one. Keys for signals, and those that halt the
    /// output, act here, and are pressed again at the child's terminal. With two hands, one for a
    /// child that waits and one for a child that does not, a key for a signal among those of the
    /// first was found only by taking them all, and they were lost if the child ended.
    Lines,
}

/// What the child has of the terminal.
enum Use {
    /// A pseudo-terminal in its place.
    Whole,
    /// One that takes its output, and has these modes to begin with. `keys`: its input is none, so that keys it wants at the
    /// terminal can only be read from the pseudo-terminal. `wanted`: it wants them one by one, at present.
    Output { modes: Box<Termios>, keys: bool, wanted: bool },
}

impl Terminal {
    /// A terminal in whose place the child has a pseudo-terminal.
    pub(super) fn whole(fd: OwnedFd) -> Result<Terminal, Errno> {
        Ok(Terminal { modes: tcgetattr(&fd)?, fd: Arc::new(fd), is_changed: false, hand: None, use_of_it: Use::Whole })
    }

    /// A terminal for which this one takes the child's output. See [`Use::Output`].
    pub(super) fn for_output(fd: OwnedFd, pty: &OwnedFd, keys: bool) -> Result<Terminal, Errno> {
        let use_of_it = Use::Output { modes: Box::new(tcgetattr(pty)?), keys, wanted: false };
        Ok(Terminal { modes: tcgetattr(&fd)?, fd: Arc::new(fd), is_changed: false, hand: None, use_of_it })
    }

    /// Whether its keys are to be read, and passed on.
    pub(super) fn gives_keys(&self) -> bool {
        self.is_changed && matches!(self.use_of_it, Use::Whole | Use::Output { keys: true, wanted: true, .. })
    }

    /// Whether the child has a pseudo-terminal in its place.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.use_of_it, Use::Whole)
    }

    /// Whether its keys are ours to take at present.
    pub(super) fn is_ours(&self) -> bool {
        sys::is_foreground(self.fd.as_fd())
    }

    /// Whether it controls no session that we are in: its keys send us no signals.
    pub(super) fn is_nobodys(&self) -> bool {
        !sys::is_controlling(self.fd.as_fd())
    }

    /// Whether its keys are taken, in any way.
    pub(super) fn is_taken(&self) -> bool {
        self.hand.is_some()
    }

    pub(super) fn is_in(&self, hand: KeyMode) -> bool {
        self.hand.is_some_and(|(taken, _)| taken == hand)
    }

    /// Where only output goes there, gives our terminal the modes that the child gives its own, if
    /// we are in the foreground.
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
            // One of the two turns newlines into a terminal's line ends.
            let ours = ours.output_modes.contains(OutputModes::OPOST);
            modes.output_modes.set(OutputModes::OPOST, ours && !theirs.output_modes.contains(OutputModes::OPOST));
        });
    }

    /// Does the first of that, before the child runs.
    pub(super) fn begin(&mut self, pty: BorrowedFd<'_>) {
        match tcgetattr(pty) {
            Ok(theirs) if self.is_whole() && self.is_ours() => {
                self.hand(if self.is_nobodys() { KeyMode::Raw } else { KeyMode::Lines }, &theirs);
            }
            _ => self.follow(pty),
        }
    }

    /// As a whole: takes its keys in this way; they stay unseen until the child's terminal, with
    /// these modes, echoes them.
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

    /// Changes its modes, knowing those that it had before.
    fn change(&mut self, how: impl FnOnce(&mut Termios, &Termios)) {
        let Ok(now) = tcgetattr(&self.fd) else { return };
        // Pending output needs the earlier modes; later only the input's change, and
        // halted output must not keep us.
        let when = if self.is_changed { OptionalActions::Now } else { OptionalActions::Drain };
        if !self.is_changed {
            self.modes = now.clone();
        }
        let mut modes = now.clone();
        how(&mut modes, &self.modes);
        let what_counts =
            |modes: &Termios| (modes.output_modes, Acting::of(modes), modes.input_modes, modes.local_modes);
        if what_counts(&now) != what_counts(&modes) {
            let mut slot = CHANGED.lock().unwrap_or_else(PoisonError::into_inner);
            *slot = Some((Arc::clone(&self.fd), self.modes.clone()));
            // What is being typed stays typed: no flush.
            let _ = tcsetattr(&self.fd, when, &modes);
        }
        self.is_changed = true;
    }

    /// Gives it its modes back.
    pub(super) fn restore(&mut self) {
        self.hand = None;
        if std::mem::take(&mut self.is_changed) {
            restore();
        }
    }

    /// Gives it its modes back in a process that was forked before they were changed.
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
    /// A pseudo-terminal with the modes and the size of this terminal. `output_only`: what is written to it comes out as it is,
    /// since the terminal itself turns newlines into what it needs.
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

/// Gives a pseudo-terminal the size of a terminal. The kernel tells those who run in it, if it changed.
pub(super) fn copy_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    if let Ok(size) = tcgetwinsize(from) {
        let _ = tcsetwinsize(to, size);
    }
}

/// Whether a pseudo-terminal, of which this is the controlling side, holds a line that no process
/// has taken. Of one that cannot be opened, it is not known: false.
///
/// To wait for the other side is the one call that sees all that was given: it ends the kernel's
/// own work on it first (`n_tty_poll` of Linux).
pub(super) fn has_line(master: BorrowedFd<'_>) -> bool {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let Ok(side) = ioctl_tiocgptpeer(master, flags) else { return false };
    let mut waits = [PollFd::new(&side, PollFlags::IN)];
    poll(&mut waits, Some(&Timespec::default())).is_ok_and(|count| count > 0)
        && waits[0].revents().contains(PollFlags::IN)
}

/// Gives a pseudo-terminal the owner and the mode of the terminal that it stands for, if we may: a
/// program under another user opens `/dev/stdout` anew.
fn lend_rights(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    if let Ok(stat) = fstat(from)
        && fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid))).is_ok()
    {
        let _ = fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o777));
    }
}
