//! The boundary with C: arguments are validated on entry, and no panic leaves.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use super::code::{self, Code};

/// The caller's bytes. `NULL` is valid for none.
///
/// # Safety
///
/// `len` bytes are readable at `data`, and no one writes to them, for the lifetime that the caller
/// states.
pub(super) unsafe fn bytes<'a>(data: *const c_void, len: usize) -> Result<&'a [u8], Code> {
    check(data, len)?;
    // SAFETY: as promised, and a slice may have this length.
    Ok(if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data.cast(), len) } })
}

/// The caller's bytes, for writing.
///
/// # Safety
///
/// `len` bytes are readable and writable at `data`, with no other access, for the lifetime that the
/// caller states.
pub(super) unsafe fn bytes_mut<'a>(data: *mut c_void, len: usize) -> Result<&'a mut [u8], Code> {
    check(data, len)?;
    // SAFETY: as promised, and a slice may have this length.
    Ok(if len == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(data.cast(), len) } })
}

fn check(data: *const c_void, len: usize) -> Result<(), Code> {
    if data.is_null() && len > 0 {
        return Err(Code::Null);
    }
    // No object spans the end of the address space, or more than half of it.
    let fits = isize::try_from(len).is_ok() && data.addr().checked_add(len).is_some();
    if fits { Ok(()) } else { Err(Code::Size) }
}

/// Copies these bytes to the caller's buffer, which may be uninitialized.
///
/// # Safety
///
/// As many bytes are writable at `to`, and no one else writes to them, for the lifetime that the
/// caller states.
pub(super) unsafe fn copy<'a>(from: &[u8], to: *mut c_void) -> Result<&'a [u8], Code> {
    check(to, from.len())?;
    // SAFETY: as promised. `from` was created in this call, so the two do not overlap.
    unsafe { to.cast::<u8>().copy_from_nonoverlapping(from.as_ptr(), from.len()) };
    // SAFETY: the bytes are initialized now.
    unsafe { bytes(to, from.len()) }
}

/// The caller's text.
///
/// # Safety
///
/// Unless `NULL`, a NUL ends it, and no one writes to it, for the lifetime that the caller states.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, Code> {
    if text.is_null() {
        return Err(Code::Null);
    }
    // SAFETY: as promised.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| Code::Text)
}

/// Writes a value to the caller's pointer.
///
/// # Safety
///
/// Unless `NULL`, such a value can be written there. The memory may be uninitialized.
pub(super) unsafe fn put<T>(to: *mut T, value: T) -> Result<(), Code> {
    if to.is_null() {
        return Err(Code::Null);
    }
    // SAFETY: as promised.
    unsafe { to.write(value) };
    Ok(())
}

/// Runs the work of a call. Tests use the name of the call.
pub(super) fn call(name: &str, work: impl FnOnce() -> Result<c_int, Code>) -> c_int {
    let done = caught(name, work).unwrap_or(Err(Code::Bug));
    done.unwrap_or_else(|code| code as c_int)
}

/// Runs infallible work; `None` after a panic. State that the work left behind may be incomplete.
pub(super) fn caught<T>(name: &str, work: impl FnOnce() -> T) -> Option<T> {
    let guarded = || {
        fail_point(name);
        work()
    };
    match panic::catch_unwind(AssertUnwindSafe(guarded)) {
        Ok(done) => Some(done),
        Err(payload) => {
            // Dropping a payload may panic in turn. The payloads here are texts; leaking a few
            // bytes costs little.
            std::mem::forget(payload);
            None
        }
    }
}

/// Silences panics, payloads included; runs before anything that may panic. The hook belongs to
/// this library's own Rust runtime, so the host's hook does not change.
pub(super) fn be_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
            if let Some(place) = panic.location() {
                code::note_bug(place.file(), place.line());
            }
        }));
    });
}

/// Panics if a test requests it in this call. Release builds lack this.
#[cfg(debug_assertions)]
fn fail_point(name: &str) {
    if std::env::var_os("HUSHLOG_TEST_PANIC").is_some_and(|wanted| wanted == name) {
        panic!("in flight: {}", std::env::var("HUSHLOG_TEST_IN_FLIGHT").unwrap_or_default());
    }
}

#[cfg(not(debug_assertions))]
fn fail_point(_name: &str) {}
