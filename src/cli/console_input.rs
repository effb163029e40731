//! The Enter key in the terminal of `hushlog console`, which requests another address.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use hushlog::console::Renewals;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::read;
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;
use zeroize::Zeroizing;

/// The most bytes that one request takes. The rest of a longer line makes another one.
const INPUT_LEN_MAX: usize = 4096;
/// The pause after a request, and before the terminal is tried again in the background.
const PAUSE: Duration = Duration::from_secs(1);

/// Requests an address for each line of standard input, if that is a terminal or, as from SSH, a
/// pipe or a socket. Returns whether it is one.
pub(crate) fn watch(renewals: &Renewals) -> bool {
    let stdin = io::stdin();
    let is_pipe = || fstat(&stdin).is_ok_and(|stat| is_pipe(FileType::from_raw_mode(stat.st_mode)));
    if !stdin.is_terminal() && !is_pipe() {
        return false;
    }
    let renewals = renewals.clone();
    // It ends with the process.
    thread::spawn(move || {
        while wait_for_line() {
            renewals.request();
            thread::sleep(PAUSE);
        }
    });
    true
}

fn is_pipe(kind: FileType) -> bool {
    matches!(kind, FileType::Fifo | FileType::Socket)
}

/// Waits for input, and discards it. Returns whether there may be more.
fn wait_for_line() -> bool {
    let stdin = io::stdin();
    let is_terminal = stdin.is_terminal();
    // It may be a paste that was meant for another window.
    let mut input = Zeroizing::new([0; INPUT_LEN_MAX]);
    loop {
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None) {
            Err(error) if io::Error::from(error).kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return false,
            Ok(_) => {}
        }
        // A read from the background would stop the process.
        if is_terminal && !is_in_foreground(&stdin) {
            thread::sleep(PAUSE);
            continue;
        }
        match read(&stdin, &mut *input) {
            Ok(0) if is_terminal => thread::sleep(PAUSE),
            Ok(0) => return false,
            Ok(_) => return true,
            Err(error) if io::Error::from(error).kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

/// Without job control, every process is.
fn is_in_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).map_or(true, |group| group == getpgrp())
}
