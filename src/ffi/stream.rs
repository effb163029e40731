//! The stream: a redactor that lends its output. See `hushlog.h`.

use std::cell::Cell;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::sync::Arc;

use super::boundary::{bytes, call, caught, put};
use super::code::Code;
use super::set::Set;
use crate::redact::redacted::Redacted;
use crate::redact::redactor::Redactor;

/// `HUSHLOG_KEEP_PARTIAL`.
const KEEP_PARTIAL: c_uint = 1;

/// `hushlog_stream`.
pub struct Stream {
    redactor: Redactor,
    /// The slices lent by the last call. The vector is kept for its capacity.
    slices: Vec<Slice>,
    /// A panic passed through the redactor: its output is no longer reliable.
    broken: bool,
    /// `hushlog_stream_counts` is running its callback. Until it returns, every other call returns
    /// `HUSHLOG_EBUSY`.
    counting: Cell<bool>,
    /// The callback freed the stream. `hushlog_stream_counts` frees it after the callback.
    freed: bool,
}

/// `hushlog_slice`, laid out as `struct iovec`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Slice {
    data: *const c_void,
    len: usize,
}

impl Slice {
    /// Lends these bytes. The header states for how long.
    pub(super) fn of(bytes: &[u8]) -> Slice {
        Slice { data: bytes.as_ptr().cast(), len: bytes.len() }
    }

    pub(super) fn none(len: usize) -> Slice {
        Slice { data: std::ptr::null(), len }
    }
}

impl Stream {
    fn new(redactor: Redactor) -> Stream {
        Stream { redactor, slices: Vec::new(), broken: false, counting: Cell::new(false), freed: false }
    }
}

/// A stream may move between threads.
const _: () = {
    const fn may_go<T: Send>() {}
    may_go::<Redactor>();
};

/// `hushlog_stream_new`: see `hushlog.h`.
///
/// # Safety
///
/// A pointer can be written at `stream`, unless it is `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_stream_new(
    set: Option<&Set>,
    flags: c_uint,
    stream: *mut Option<Box<Stream>>,
) -> c_int {
    call("hushlog_stream_new", || {
        // SAFETY: as the caller promised.
        unsafe { put(stream, None)? };
        let set = set.ok_or(Code::Null)?;
        if flags & !KEEP_PARTIAL != 0 {
            return Err(Code::Flag);
        }
        let redactor = Redactor::new(Arc::clone(set.needles())).mask_partial(flags & KEEP_PARTIAL == 0);
        // SAFETY: as above.
        unsafe { put(stream, Some(Box::new(Stream::new(redactor))))? };
        Ok(0)
    })
}

/// `hushlog_stream_free`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_stream_free(stream: Option<Box<Stream>>) {
    caught("hushlog_stream_free", || match stream {
        Some(mut counting) if counting.counting.get() => {
            counting.freed = true;
            std::mem::forget(counting);
        }
        stream => drop(stream),
    });
}

/// `hushlog_stream_push`: see `hushlog.h`.
///
/// # Safety
///
/// `len` bytes are readable at `data`, and results are writable at `slices` and `count`, unless
/// they are `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_stream_push(
    stream: Option<&mut Stream>,
    data: *const c_void,
    len: usize,
    slices: *mut *const Slice,
    count: *mut usize,
) -> c_int {
    let work = |redactor| {
        // SAFETY: as the caller promised; the bytes must outlive the slices.
        let data = unsafe { bytes(data, len)? };
        Ok(Redactor::push(redactor, data))
    };
    // SAFETY: as the caller promised.
    unsafe { lend("hushlog_stream_push", stream, slices, count, work) }
}

/// `hushlog_stream_release_partial`: see `hushlog.h`.
///
/// # Safety
///
/// Results are writable at `slices` and `count`, unless they are `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_stream_release_partial(
    stream: Option<&mut Stream>,
    len: usize,
    slices: *mut *const Slice,
    count: *mut usize,
) -> c_int {
    // SAFETY: as the caller promised.
    unsafe {
        lend("hushlog_stream_release_partial", stream, slices, count, |redactor| Ok(redactor.release_partial(len)))
    }
}

/// `hushlog_stream_finish`: see `hushlog.h`.
///
/// # Safety
///
/// Results are writable at `slices` and `count`, unless they are `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_stream_finish(
    stream: Option<&mut Stream>,
    slices: *mut *const Slice,
    count: *mut usize,
) -> c_int {
    // SAFETY: as the caller promised.
    unsafe { lend("hushlog_stream_finish", stream, slices, count, |redactor| Ok(redactor.finish())) }
}

/// `hushlog_stream_swap`: see `hushlog.h`.
///
/// # Safety
///
/// Results are writable at `slices` and `count`, unless they are `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_stream_swap(
    stream: Option<&mut Stream>,
    set: Option<&Set>,
    slices: *mut *const Slice,
    count: *mut usize,
) -> c_int {
    let work = |redactor| Ok(Redactor::swap(redactor, Arc::clone(set.ok_or(Code::Null)?.needles())));
    // SAFETY: as the caller promised.
    unsafe { lend("hushlog_stream_swap", stream, slices, count, work) }
}

/// Runs the redactor, and lends its output. The pointers are checked before the redactor takes
/// input, so that a failed call loses nothing.
///
/// # Safety
///
/// Results are writable at `slices` and `count`, unless they are `NULL`.
unsafe fn lend<'s, W>(
    name: &str,
    stream: Option<&'s mut Stream>,
    slices: *mut *const Slice,
    count: *mut usize,
    work: W,
) -> c_int
where
    W: FnOnce(&'s mut Redactor) -> Result<Redacted<'s>, Code>,
{
    // SAFETY: as the caller promised.
    if unsafe { put(slices, std::ptr::null()).and(put(count, 0)) }.is_err() {
        return Code::Null as c_int;
    }
    let Some(Stream { redactor, slices: lent, broken, counting, .. }) = stream else { return Code::Null as c_int };
    if counting.get() {
        return Code::Busy as c_int;
    }
    if *broken {
        return Code::Bug as c_int;
    }
    let code = call(name, || {
        lent.clear();
        lent.extend(work(redactor)?.map(Slice::of));
        // SAFETY: as the caller promised.
        unsafe { put(slices, lent.as_ptr()).and(put(count, lent.len()))? };
        Ok(0)
    });
    *broken = code == Code::Bug as c_int;
    code
}

/// `hushlog_stream_held`: see `hushlog.h`.
#[unsafe(no_mangle)]
pub extern "C" fn hushlog_stream_held(stream: Option<&Stream>) -> usize {
    stream.map_or(0, |stream| stream.redactor.held())
}

/// The callback for each count: the context, the names of a secret and of a form, and the count.
pub type Each = extern "C" fn(*mut c_void, *const c_char, *const c_char, u64);

/// `hushlog_stream_counts`: see `hushlog.h`.
///
/// The counts are copied first, and no reference to the stream lives while `each` runs. A callback
/// that uses the stream in spite of the header gets `HUSHLOG_EBUSY`, without undefined behavior.
///
/// # Safety
///
/// `stream` came from [`hushlog_stream_new`] and was not freed, or is `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_stream_counts(
    stream: *const Stream,
    each: Option<Each>,
    context: *mut c_void,
) -> c_int {
    call("hushlog_stream_counts", || {
        let each = each.ok_or(Code::Null)?;
        let counts = {
            // SAFETY: as the caller promised. The reference ends with this block.
            let stream = unsafe { stream.as_ref() }.ok_or(Code::Null)?;
            let counts = counts(stream)?;
            stream.counting.set(true);
            counts
        };
        for (name, form, count) in counts {
            each(context, name.as_ptr(), form.as_ptr(), count);
        }
        // SAFETY: the stream is alive: during the count, `hushlog_stream_free` only marks it.
        let freed = unsafe {
            (*stream).counting.set(false);
            (*stream).freed
        };
        if freed {
            // SAFETY: it came from a box in `hushlog_stream_new`, and the caller gave up ownership.
            drop(unsafe { Box::from_raw(stream.cast_mut()) });
        }
        Ok(0)
    })
}

/// The counts as C strings.
fn counts(stream: &Stream) -> Result<Vec<(CString, CString, u64)>, Code> {
    if stream.counting.get() {
        return Err(Code::Busy);
    }
    let in_c = |text: &str| CString::new(text).unwrap_or_default();
    let counts = stream.redactor.counts().into_iter();
    Ok(counts.map(|((name, form), count)| (in_c(&name), in_c(form.name()), count)).collect())
}
