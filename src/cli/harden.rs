//! Keeps secrets out of core dumps, swap and panic messages. Measures that the system refuses are
//! skipped: none of them may keep the filter from starting.

use std::panic::PanicHookInfo;

use rustix::mm::{MapFlags, MlockAllFlags, ProtFlags, mlockall, mmap_anonymous, munmap};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

use super::exit::Exit;
use super::{message, prompt};

/// Hardens the process; the first call of the program. Disables core files, access to its memory by
/// other processes of the user, and data in panic messages. Turns the signal for a file that may
/// not grow further into an error.
pub(crate) fn process() {
    std::panic::set_hook(Box::new(end));
    // SAFETY: the call takes integers only.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let core = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: core.maximum });
    // A core that is piped to a program ignores the limit, but honors this flag.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Reports a panic by its location alone, because the payload may quote data. Nothing unwinds:
/// output stays as written, and held-back bytes are never written.
fn end(panic: &PanicHookInfo<'_>) {
    hushlog::child::restore_terminal();
    prompt::restore();
    let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    message::fault(&place);
    std::process::exit(Exit::Io as i32);
}

/// Locks the process's memory, as far as the limit allows. Must run while there is one thread.
///
/// Pages are locked on first touch, so this costs one or two system calls, whatever the size.
/// Future mappings are locked only where a mapping larger than the limit still succeeds (mostly for
/// root). Elsewhere, an allocation past the limit would fail, and end the program.
pub(crate) fn lock_memory() {
    let now = MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT;
    let unlimited = mlockall(now | MlockAllFlags::FUTURE).is_ok()
        && getrlimit(Resource::Memlock).current.is_none_or(|limit| can_map(limit as usize + 1));
    if !unlimited {
        // Takes FUTURE back.
        let _ = mlockall(now);
    }
}

/// Whether `len` bytes can be mapped. They are not touched.
fn can_map(len: usize) -> bool {
    // SAFETY: the mapping is new, its address is known here only, and it is unmapped before this
    // returns.
    unsafe {
        let map =
            mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE);
        map.is_ok_and(|address| munmap(address, len).is_ok())
    }
}

/// Panics with a secret in the payload if a test requests it for this stage. Release builds lack
/// this.
#[cfg(debug_assertions)]
pub(crate) fn fail_point(stage: &str, in_flight: &[u8]) {
    if std::env::var_os("HUSHLOG_TEST_PANIC").is_some_and(|wanted| wanted == stage) {
        panic!("{}", String::from_utf8_lossy(in_flight));
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn fail_point(_stage: &str, _in_flight: &[u8]) {}
