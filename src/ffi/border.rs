//! The border: what comes in from C is looked at before it is believed, and no panic goes out.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use super::code::{self, Code};

/// Bytes of the caller's. `NULL` is fine for none.
///
/// # Safety
///
/// So many bytes can be read there, and nobody writes to them, for as long as the caller of this says.
pub(super) unsafe fn bytes<'a>(data: *const c_void, len: usize) -> Result<&'a [u8], Code> {
    check(data, len)?;
    // SAFETY: as promised; and the length is one that a slice may have.
    Ok(if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data.cast(), len) } })
}

/// Bytes of the caller's to be written to.
///
/// # Safety
///
/// So many bytes can be read and written there, and nobody else does, for as long as the caller of this says.
pub(super) unsafe fn bytes_mut<'a>(data: *mut c_void, len: usize) -> Result<&'a mut [u8], Code> {
    check(data, len)?;
    // SAFETY: as promised; and the length is one that a slice may have.
    Ok(if len == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(data.cast(), len) } })
}

fn check(data: *const c_void, len: usize) -> Result<(), Code> {
    if data.is_null() && len > 0 {
        return Err(Code::Null);
    }
    // An end of the address space in between is as impossible as more than half of it.
    let fits = isize::try_from(len).is_ok() && data.addr().checked_add(len).is_some();
    if fits { Ok(()) } else { Err(Code::Size) }
}

/// Copies these bytes to a buffer of the caller's, which need not hold anything yet.
///
/// # Safety
///
/// So many bytes can be written there, and nobody else writes to them, for as long as the caller of this says.
pub(super) unsafe fn copy<'a>(from: &[u8], to: *mut c_void) -> Result<&'a [u8], Code> {
    check(to, from.len())?;
    // SAFETY: as promised; what is copied was made in this call, so that it lies elsewhere.
    unsafe { to.cast::<u8>().copy_from_nonoverlapping(from.as_ptr(), from.len()) };
    // SAFETY: so many bytes stand there now.
    unsafe { bytes(to, from.len()) }
}

/// A text of the caller's.
///
/// # Safety
///
/// Unless it is `NULL` a NUL ends it, and nobody writes to it, for as long as the caller of this says.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, Code> {
    if text.is_null() {
        return Err(Code::Null);
    }
    // SAFETY: as promised.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| Code::Text)
}

/// Puts a value where the caller wants it.
///
/// # Safety
///
/// Unless it is `NULL` such a value can be written there. It need not hold one.
pub(super) unsafe fn put<T>(to: *mut T, value: T) -> Result<(), Code> {
    if to.is_null() {
        return Err(Code::Null);
    }
    // SAFETY: as promised.
    unsafe { to.write(value) };
    Ok(())
}

/// Runs the work of a call. The name is that of the call, for tests.
pub(super) fn call(name: &str, work: impl FnOnce() -> Result<c_int, Code>) -> c_int {
    let done = caught(name, work).unwrap_or(Err(Code::Bug));
    done.unwrap_or_else(|code| code as c_int)
}

/// Runs what cannot fail; `None` after a panic. Who uses what it left behind has to know that it may be half done.
pub(super) fn caught<T>(name: &str, work: impl FnOnce() -> T) -> Option<T> {
    let guarded = || {
        fail_point(name);
        work()
    };
    match panic::catch_unwind(AssertUnwindSafe(guarded)) {
        Ok(done) => Some(done),
        Err(payload) => {
            // A payload could panic in turn when it is dropped. Ours are texts; a few bytes are a small price.
            std::mem::forget(payload);
            None
        }
    }
}

/// To be called before anything that may panic: from then on panics print nothing, least of all their payload. The hook is that of
/// the runtime that this library brings along, so the host's own does not change.
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

/// Panics when a test asks for it in this call. Release builds do not know how.
#[cfg(debug_assertions)]
fn fail_point(name: &str) {
    if std::env::var_os("HUSHLOG_TEST_PANIC").is_some_and(|wanted| wanted == name) {
        panic!("in flight: {}", std::env::var("HUSHLOG_TEST_IN_FLIGHT").unwrap_or_default());
    }
}

#[cfg(not(debug_assertions))]
fn fail_point(_name: &str) {}
