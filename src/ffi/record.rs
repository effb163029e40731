//! One record at a time, without a stream. See `hushlog.h`.

use std::borrow::Cow;
use std::ffi::{c_int, c_void};

use super::boundary::{bytes, bytes_mut, call, copy, put};
use super::code::Code;
use super::set::Set;
use super::stream::Slice;

/// `hushlog_redact`: see `hushlog.h`.
///
/// # Safety
///
/// `len` bytes are readable at `record`, `room` bytes are writable at `buffer`, and a slice at
/// `redacted`, unless they are `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_redact(
    set: Option<&Set>,
    record: *const c_void,
    len: usize,
    buffer: *mut c_void,
    room: usize,
    redacted: *mut Slice,
) -> c_int {
    call("hushlog_redact", || {
        // SAFETY: as the caller promised; the record must outlive the slice.
        let record = unsafe {
            put(redacted, Slice::none(0))?;
            bytes(record, len)?
        };
        let (code, slice) = match set.ok_or(Code::Null)?.needles().redact_cow(record) {
            Cow::Borrowed(clean) => (Ok(0), Slice::of(clean)),
            Cow::Owned(masked) if masked.len() > room => (Err(Code::Room), Slice::none(masked.len())),
            Cow::Owned(masked) => {
                // SAFETY: as the caller promised.
                (Ok(1), Slice::of(unsafe { copy(&masked, buffer)? }))
            }
        };
        // SAFETY: as above.
        unsafe { put(redacted, slice)? };
        code
    })
}

/// `hushlog_redact_in_place`: see `hushlog.h`.
///
/// # Safety
///
/// `len` bytes are readable and writable at `record`, unless it is `NULL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hushlog_redact_in_place(set: Option<&Set>, record: *mut c_void, len: usize) -> c_int {
    call("hushlog_redact_in_place", || {
        let set = set.ok_or(Code::Null)?;
        // SAFETY: as the caller promised, for as long as this call lasts.
        let record = unsafe { bytes_mut(record, len)? };
        let regions = set.needles().redact_in_place(record, set.overlay()?);
        Ok(c_int::try_from(regions).unwrap_or(c_int::MAX))
    })
}
