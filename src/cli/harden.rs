//! Keeps secrets out of cores, swap and panic messages. What the system does not allow is left undone: none of this
//! may keep the filter from starting.

use std::panic::PanicHookInfo;

use rustix::mm::{MapFlags, MlockAllFlags, ProtFlags, mlockall, mmap_anonymous, munmap};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

use super::exit::Exit;
use super::{message, prompt};

/// To be called first: no core file, no reading of the process's memory by other processes of the user, no panic message
/// with data in it, and an error instead of a signal where a file may not grow further.
pub(crate) fn process() {
    std::panic::set_hook(Box::new(end));
    // SAFETY: the call takes integers only.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let core = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: core.maximum });
    // A core that is piped to a program ignores the limit, but not this.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// A panic's payload may quote what it choked on, so only its place in the source is told. Nothing is unwound: what was
/// being written stays as it is, and what was held back is never given out.
fn end(panic: &PanicHookInfo<'_>) {
    hushlog::child::restore_terminal();
    prompt::restore();
    let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    message::fault(&place);
    std::process::exit(Exit::Io as i32);
}

/// Keeps the process's memory out of swap, as far as the limit allows; to be called while there is one thread.
///
/// Pages are locked as they are touched, so that this costs a system call or two, whatever the size. Locking what is mapped later
/// is asked for only where a mapping larger than the limit still succeeds (root, mostly): elsewhere, an allocation past
/// the limit would fail, and end the program.
pub(crate) fn lock_memory() {
    let now = MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT;
    let unlimited = mlockall(now | MlockAllFlags::FUTURE).is_ok()
        && getrlimit(Resource::Memlock).current.is_none_or(|limit| can_map(limit as usize + 1));
    if !unlimited {
        // Takes FUTURE back.
        let _ = mlockall(now);
    }
}

/// Whether so many bytes can be mapped. They are not touched.
fn can_map(len: usize) -> bool {
    // SAFETY: the mapping is new, nobody else knows its address, and it is gone before this returns.
    unsafe {
        let map =
            mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE);
        map.is_ok_and(|address| munmap(address, len).is_ok())
    }
}

/// Panics with a secret in the payload, when a test asks for it in this stage. Release builds do not know how.
#[cfg(debug_assertions)]
pub(crate) fn fail_point(stage: &str, in_flight: &[u8]) {
    if std::env::var_os("HUSHLOG_TEST_PANIC").is_some_and(|wanted| wanted == stage) {
        panic!("{}", String::from_utf8_lossy(in_flight));
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn fail_point(_stage: &str, _in_flight: &[u8]) {}
