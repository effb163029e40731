//! Detects whether a process waits for a line from a pseudo-terminal.
//!
//! The kernel does not report reads from a terminal. It does report the call in which each thread
//! sleeps (`/proc/PID/syscall`), to processes that may trace it, as we may our descendants. A
//! thread that cannot be inspected, or an unknown call, counts as a waiting reader: then keys are
//! passed on as they come, and a program that reads always gets its keys. The one exception is a
//! program that polls for a line without ever sleeping.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};

/// The most threads that are inspected. Beyond that, a reader is assumed.
const THREADS_MAX: usize = 512;
/// The most descriptors of one call that waits for many.
const DESCRIPTORS_MAX: u64 = 1024;
/// `/dev/tty`: the terminal of the process that opens it.
const OWN_TERMINAL: u64 = 5 << 8;

/// Whether a thread among the descendants of `root` waits for this terminal. If the descendants
/// cannot be listed, a reader is assumed.
pub(super) fn awaits_line(root: i32, terminal: u64) -> bool {
    let (mut left, mut seen, mut threads) = (vec![root], BTreeSet::new(), 0);
    while let Some(pid) = left.pop() {
        if !seen.insert(pid) {
            continue;
        }
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let numbers = tasks.filter_map(|task| task.file_name().to_str()?.parse::<i32>().ok());
        let mut is_listed = false;
        for thread in numbers {
            threads += 1;
            // The root itself does not read.
            if pid != root && (threads > THREADS_MAX || waits(pid, thread, terminal)) {
                return true;
            }
            let children = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"));
            is_listed |= children.is_ok();
            left.extend(children.iter().flat_map(|text| text.split_ascii_whitespace()).flat_map(str::parse::<i32>));
        }
        // There may be no /proc, or one without `children`. An empty list of the root is another
        // case: its child has ended, and the keys belong to the next program.
        if pid == root && !is_listed {
            return true;
        }
    }
    false
}

/// Whether a thread waits for the terminal, or may do so.
fn waits(pid: i32, thread: i32, terminal: u64) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall")) {
        Ok(text) => waits_in(text.trim(), (pid, thread), terminal),
        Err(error) => !is_gone(&error),
    }
}

/// The same, from the kernel's report on the call: its number, six arguments and two registers.
fn waits_in(text: &str, (pid, thread): (i32, i32), terminal: u64) -> bool {
    if text == "running" || text.starts_with("-1 ") {
        return reads_without_waiting(pid, terminal);
    }
    let mut words = text.split(' ');
    let call = words.next().and_then(|word| word.parse::<libc::c_long>().ok());
    let values: Vec<u64> = words.map_while(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()).collect();
    let (Some(call), &[first, second, _, _, _, _, stack, _]) = (call, &values[..]) else { return true };
    if cfg!(target_pointer_width = "64") && stack >> 32 == 0 {
        // A 32-bit program: its calls have other numbers.
        return true;
    }
    let is_terminal = |fd| is_terminal(pid, fd, terminal);
    match kind(call) {
        Kind::Reads => is_terminal(first),
        Kind::Polls => polled(pid, first, second).map_or(true, |fds| fds.into_iter().any(is_terminal)),
        Kind::Selects => selected(pid, first, second).map_or(true, |fds| fds.into_iter().any(is_terminal)),
        Kind::Epolls => epolled(pid, first).map_or(true, |fds| fds.into_iter().any(is_terminal)),
        Kind::Other => reads_without_waiting(pid, terminal),
        // A thread in an uninterruptible sleep waits for a disk.
        Kind::Unknown => sleeps(pid, thread),
    }
}

/// Whether a thread is in an interruptible sleep.
fn sleeps(pid: i32, thread: i32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")) {
        Ok(stat) => stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('S')),
        Err(error) => !is_gone(&error),
    }
}

/// Whether a program may poll its input without blocking; such a program counts as a reader.
fn reads_without_waiting(pid: i32, terminal: u64) -> bool {
    if !is_terminal(pid, 0, terminal) {
        return false;
    }
    match fs::read_to_string(format!("/proc/{pid}/fdinfo/0")) {
        Ok(text) => {
            let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
            let flags = flags.and_then(|flags| libc::c_int::from_str_radix(flags.trim(), 8).ok());
            flags.is_none_or(|flags| flags & libc::O_NONBLOCK != 0)
        }
        Err(error) => !is_gone(&error),
    }
}

/// Whether a thread, a process or its descriptor no longer exists.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// The descriptors that a call may wait for.
enum Kind {
    /// The descriptor in the first argument.
    Reads,
    /// The descriptors of a list, the first argument.
    Polls,
    /// The descriptors of a set, the second argument.
    Selects,
    /// The descriptors of the epoll descriptor in the first argument.
    Epolls,
    /// No terminal's input.
    Other,
    Unknown,
}

fn kind(call: libc::c_long) -> Kind {
    match call {
        libc::SYS_read | libc::SYS_readv => Kind::Reads,
        libc::SYS_ppoll => Kind::Polls,
        libc::SYS_pselect6 => Kind::Selects,
        libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 => Kind::Epolls,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll => Kind::Polls,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_select => Kind::Selects,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait => Kind::Epolls,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_pause | libc::SYS_open | libc::SYS_vfork | libc::SYS_accept => Kind::Other,
        libc::SYS_nanosleep
        | libc::SYS_clock_nanosleep
        | libc::SYS_wait4
        | libc::SYS_waitid
        | libc::SYS_futex
        | libc::SYS_write
        | libc::SYS_writev
        | libc::SYS_pwrite64
        | libc::SYS_rt_sigsuspend
        | libc::SYS_rt_sigtimedwait
        | libc::SYS_accept4
        | libc::SYS_connect
        | libc::SYS_recvfrom
        | libc::SYS_recvmsg
        | libc::SYS_sendto
        | libc::SYS_sendmsg
        | libc::SYS_fsync
        | libc::SYS_fdatasync
        | libc::SYS_flock
        | libc::SYS_fcntl
        | libc::SYS_openat
        | libc::SYS_clone
        | libc::SYS_clone3
        | libc::SYS_execve
        | libc::SYS_ioctl
        | libc::SYS_exit
        | libc::SYS_exit_group => Kind::Other,
        _ => Kind::Unknown,
    }
}

/// Whether a descriptor of a process is the terminal.
fn is_terminal(pid: i32, fd: u64, terminal: u64) -> bool {
    fs::metadata(format!("/proc/{pid}/fd/{fd}")).is_ok_and(|found| [terminal, OWN_TERMINAL].contains(&found.rdev()))
}

/// The descriptors that a `poll` waits for, from the program's memory.
fn polled(pid: i32, list: u64, count: u64) -> io::Result<Vec<u64>> {
    if count > DESCRIPTORS_MAX {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut bytes = vec![0; count as usize * size_of::<libc::pollfd>()];
    File::open(format!("/proc/{pid}/mem"))?.read_exact_at(&mut bytes, list)?;
    let entries = bytes.chunks_exact(size_of::<libc::pollfd>());
    let entries = entries.map(|entry| i32::from_ne_bytes([entry[0], entry[1], entry[2], entry[3]]));
    Ok(entries.filter_map(|fd| u64::try_from(fd).ok()).collect())
}

/// The descriptors from which a `select` waits to read.
fn selected(pid: i32, count: u64, set: u64) -> io::Result<Vec<u64>> {
    if set == 0 {
        return Ok(Vec::new());
    }
    let count = count.min(DESCRIPTORS_MAX);
    let mut bytes = vec![0_u8; count.div_ceil(8) as usize];
    File::open(format!("/proc/{pid}/mem"))?.read_exact_at(&mut bytes, set)?;
    // The set consists of words, and the bytes of each are in the machine's order.
    let is_set = |fd: u64| {
        let bit = if cfg!(target_endian = "big") { fd ^ (u64::from(libc::c_ulong::BITS) - 8) } else { fd };
        bytes.get(bit as usize / 8).is_none_or(|byte| byte >> (bit % 8) & 1 == 1)
    };
    Ok((0..count).filter(|&fd| is_set(fd)).collect())
}

/// The descriptors that an `epoll` descriptor watches.
fn epolled(pid: i32, fd: u64) -> io::Result<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}"))?;
    let entries = text.lines().filter_map(|line| line.strip_prefix("tfd:"));
    Ok(entries.filter_map(|entry| entry.split_ascii_whitespace().next()?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_without_children_does_not_ask_and_an_unknown_one_does() {
        let mut child = std::process::Command::new("sleep").arg("300").spawn().expect("it starts");
        assert!(!awaits_line(child.id().cast_signed(), 1));
        child.kill().expect("it runs");
        child.wait().expect("it is our child");
        assert!(awaits_line(child.id().cast_signed(), 1), "nothing is known of a process that is gone");
    }

    #[test]
    fn an_unknown_state_counts_as_waiting() {
        // The only thread of `sleep` sleeps.
        let mut child = std::process::Command::new("sleep").arg("300").spawn().expect("it starts");
        let pid = child.id().cast_signed();
        while !sleeps(pid, pid) {
            std::thread::yield_now();
        }
        let waits = |text: &str| waits_in(text, (pid, pid), 1);
        let line = |call: libc::c_long| format!("{call} 0x3e7 0x0 0x0 0x0 0x0 0x0 0x7ffc00000000 0x7f0000000000");
        assert!(!waits(&line(libc::SYS_nanosleep)));
        assert!(!waits(&line(libc::SYS_read)), "it has no such descriptor");
        assert!(waits(&line(libc::SYS_io_uring_enter)) && waits(&line(9_999)));
        assert!(waits("what is this") && waits("0 0x0") && waits(""));
        assert!(!waits("running"));
        child.kill().expect("it runs");
        child.wait().expect("it is our child");
        assert!(!waits(&line(9_999)), "it is gone");
    }
}
