//! The system calls that neither std nor rustix offers, each as a safe function.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

/// A set of blocked signals.
#[derive(Clone, Copy)]
pub(super) struct Mask(libc::sigset_t);

/// A received signal, and whether the kernel sent it, as it does for keys of a terminal.
pub(super) struct Received {
    pub(super) signal: i32,
    pub(super) from_kernel: bool,
}

/// The result of `fork` on either side.
pub(super) enum Forked {
    Child,
    Parent(i32),
}

/// Signals that report a fault in this process, and are never a message.
const FAULTS: [i32; 8] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
    libc::SIGXCPU,
];

/// Blocks all signals but those for faults, and returns the previous mask.
pub(super) fn block_signals() -> Mask {
    let (mut all, mut old) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: sigfillset initialises `all`. sigprocmask initialises `old`; it fails only on an
    // unknown `how`.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        for signal in FAULTS {
            libc::sigdelset(all.as_mut_ptr(), signal);
        }
        libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
        Mask(old.assume_init())
    }
}

/// Blocks exactly the signals of the mask.
pub(super) fn set_mask(mask: &Mask) {
    // SAFETY: the mask is initialised, and lives as long as the call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const mask.0, std::ptr::null_mut()) };
}

/// Delivers a pending signal that is otherwise blocked. If the signal stops the process, this
/// returns once the process is continued.
pub(super) fn let_in(signal: i32) {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set; the other calls take it and integers.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
    }
}

/// A nonblocking descriptor that reads blocked signals.
pub(super) fn signal_fd() -> io::Result<OwnedFd> {
    let mut all = MaybeUninit::uninit();
    // SAFETY: sigfillset initialises the set, and the new descriptor has no other owner.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        match libc::signalfd(-1, all.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// The next pending signal.
pub(super) fn next_signal(fd: BorrowedFd<'_>) -> Option<Received> {
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
    let len = size_of::<libc::signalfd_siginfo>();
    // SAFETY: the buffer has the given length, and all of its bytes are initialised. Any bytes are
    // a valid value of the type.
    let info = unsafe {
        if libc::read(fd.as_raw_fd(), info.as_mut_ptr().cast(), len) != len as isize {
            return None;
        }
        info.assume_init()
    };
    Some(Received { signal: info.ssi_signo as i32, from_kernel: info.ssi_code > 0 })
}

/// Ignores a signal, or restores its default action.
pub(super) fn set_ignored(signal: i32, ignored: bool) {
    // SAFETY: the call takes integers only, and no handler of ours is installed.
    unsafe { libc::signal(signal, if ignored { libc::SIG_IGN } else { libc::SIG_DFL }) };
}

/// Whether a signal is ignored.
pub(super) fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the call only writes to `action`, of which any bytes are a valid value.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Sends a signal to a process, to a group by its negative number, or with 0 to our own group.
pub(super) fn kill(target: i32, signal: i32) {
    // SAFETY: the call takes integers only.
    unsafe { libc::kill(target, signal) };
}

/// Sends a signal to the process behind this descriptor.
pub(super) fn send_by(pidfd: BorrowedFd<'_>, signal: i32) {
    // SAFETY: the call takes integers, and no information on the signal.
    unsafe {
        let none = std::ptr::null::<libc::siginfo_t>();
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, none, 0);
    }
}

/// Forks this process.
///
/// # Errors
///
/// System errors; [`io::ErrorKind::Unsupported`] if the number of threads is unknown.
///
/// # Panics
///
/// If there is more than one thread: locks of the others would stay locked in the child for ever.
pub(super) fn fork() -> io::Result<Forked> {
    let one =
        has_one_thread().ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "the threads cannot be counted"))?;
    assert!(one, "a process is forked before it has threads");
    // SAFETY: with one thread, the child is a full copy in which everything is usable.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent(pid)),
    }
}

/// Whether this process has only one thread; none if that is unknown.
fn has_one_thread() -> Option<bool> {
    // SAFETY: the call takes an integer. A process of one thread shares none of the unshared
    // things, so nothing changes.
    let error = match unsafe { libc::unshare(libc::CLONE_THREAD) } {
        0 => return Some(true),
        _ => io::Error::last_os_error(),
    };
    if error.raw_os_error() == Some(libc::EINVAL) {
        return Some(false);
    }
    // A container may forbid the call.
    std::fs::read_dir("/proc/self/task").ok().map(|threads| threads.count() == 1)
}

/// Replaces this process with another program. Returns only on failure.
pub(super) fn exec(arguments: &[CString], environment: &[&[u8]]) -> Errno {
    let pointers = |list: &mut dyn Iterator<Item = *const libc::c_char>| -> Vec<*const libc::c_char> {
        list.chain([std::ptr::null()]).collect()
    };
    assert!(!arguments.is_empty() && environment.iter().all(|variable| variable.ends_with(b"\0")));
    let arguments = pointers(&mut arguments.iter().map(|argument| argument.as_ptr()));
    let environment = pointers(&mut environment.iter().map(|variable| variable.as_ptr().cast()));
    // SAFETY: both lists end with a null pointer and hold pointers to strings that end with a NUL,
    // as asserted. Lists and strings outlive the call.
    unsafe { libc::execvpe(arguments[0], arguments.as_ptr(), environment.as_ptr()) };
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::NOEXEC)
}

/// Ends the process at once: nothing is flushed, no destructor runs.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: the call takes an integer, and nothing of this process is used after it.
    unsafe { libc::_exit(code) }
}

/// Closes a standard descriptor that the runtime opened because it was closed.
pub(super) fn close(fd: i32) {
    // SAFETY: called between fork and exec, where nothing uses the descriptor any more.
    unsafe { libc::close(fd) };
}

/// Whether two of our descriptors are the same open file, so that writes to either keep their
/// order.
pub(super) fn same_file(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    const KCMP_FILE: libc::c_long = 0;
    // SAFETY: both calls take integers only.
    unsafe {
        let own = libc::c_long::from(libc::getpid());
        let (one, other) = (libc::c_long::from(one.as_raw_fd()), libc::c_long::from(other.as_raw_fd()));
        libc::syscall(libc::SYS_kcmp, own, own, KCMP_FILE, one, other) == 0
    }
}

/// Whether two descriptors are the same terminal, even if one of them was opened as `/dev/tty`, a
/// device of its own.
pub(super) fn same_terminal(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    terminal_device(one).is_some_and(|device| Some(device) == terminal_device(other))
}

/// The device of a terminal; for the controlling side of a pseudo-terminal, that of the other side.
pub(super) fn terminal_device(fd: BorrowedFd<'_>) -> Option<u32> {
    let mut device: libc::c_uint = 0;
    // SAFETY: the call writes an unsigned integer to the given address.
    let told = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGDEV, &raw mut device) } == 0;
    told.then_some(device)
}

/// Whether our group is in the foreground of a terminal, and gets its keys. A terminal that does
/// not control our session has no foreground group, and counts as ours.
///
/// rustix is not used: it knows no group 0, as which the kernel shows any group outside our PID
/// namespace, on both sides.
pub(super) fn is_foreground(terminal: BorrowedFd<'_>) -> bool {
    // SAFETY: both calls take integers only.
    let (foreground, own) = unsafe { (libc::tcgetpgrp(terminal.as_raw_fd()), libc::getpgrp()) };
    foreground == -1 || foreground == own
}

/// Whether a terminal is the one that controls our session.
pub(super) fn is_controlling(terminal: BorrowedFd<'_>) -> bool {
    // SAFETY: the call takes an integer.
    unsafe { libc::tcgetpgrp(terminal.as_raw_fd()) != -1 }
}
