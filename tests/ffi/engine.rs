//! The shared library as an engine: every call goes through the ABI, in this process.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::sync::{Arc, OnceLock};

use hushlog::{Mask, NeedleSet};
use libloading::Library;

use crate::harness::engine::Engine;

#[repr(C)]
struct Slice {
    data: *const u8,
    len: usize,
}

type Handle = *mut c_void;
type Lend<'l> = &'l dyn Fn(Handle, *mut *const Slice, *mut usize) -> c_int;

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    // SAFETY: the library runs no code when it is loaded.
    LIBRARY.get_or_init(|| unsafe { Library::new(super::installed::library()) }.expect("it was built"))
}

/// One of its functions.
macro_rules! function {
    ($name:ident($($type:ty),*) $(-> $answer:ty)?) => {
        get::<unsafe extern "C" fn($($type),*) $(-> $answer)?>(stringify!($name))
    };
}

fn get<F: Copy>(name: &str) -> F {
    // SAFETY: a test compares the header with the code, and the types here are the header's.
    *unsafe { library().get::<F>(name) }.expect("it is exported")
}

/// A stream of the library.
pub(crate) struct Foreign(Handle);

impl Foreign {
    pub(crate) fn new(set: &NeedleSet, mask_partial: bool) -> Foreign {
        let (set, mut stream) = (Set::of(set), std::ptr::null_mut());
        let new = function!(hushlog_stream_new(Handle, c_uint, *mut Handle) -> c_int);
        // SAFETY: the set is valid, and this code owns the handle.
        assert_eq!(unsafe { new(set.0, c_uint::from(!mask_partial), &mut stream) }, 0);
        Foreign(stream)
    }

    fn lend(&mut self, out: &mut Vec<u8>, call: Lend<'_>) {
        let (mut slices, mut count) = (std::ptr::null(), 0);
        assert_eq!(call(self.0, &mut slices, &mut count), 0);
        for n in 0..count {
            // SAFETY: `count` slices are lent until the next call, and each points to `len` bytes.
            let slice = unsafe { &*slices.add(n) };
            // SAFETY: as above.
            out.extend_from_slice(unsafe { std::slice::from_raw_parts(slice.data, slice.len) });
        }
    }
}

impl Engine for Foreign {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let push = function!(hushlog_stream_push(Handle, *const u8, usize, *mut *const Slice, *mut usize) -> c_int);
        // SAFETY: the stream is valid, and so is the piece until everything is copied.
        self.lend(out, &|stream, slices, count| unsafe { push(stream, piece.as_ptr(), piece.len(), slices, count) });
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let finish = function!(hushlog_stream_finish(Handle, *mut *const Slice, *mut usize) -> c_int);
        // SAFETY: the stream is valid.
        self.lend(out, &|stream, slices, count| unsafe { finish(stream, slices, count) });
    }

    fn swap(&mut self, set: Arc<NeedleSet>, out: &mut Vec<u8>) {
        let set = Set::of(&set);
        let swap = function!(hushlog_stream_swap(Handle, Handle, *mut *const Slice, *mut usize) -> c_int);
        // SAFETY: the stream is valid, and so is the set.
        self.lend(out, &|stream, slices, count| unsafe { swap(stream, set.0, slices, count) });
    }

    fn release_partial(&mut self, len_max: usize, out: &mut Vec<u8>) {
        let release = function!(hushlog_stream_release_partial(Handle, usize, *mut *const Slice, *mut usize) -> c_int);
        // SAFETY: the stream is valid.
        self.lend(out, &|stream, slices, count| unsafe { release(stream, len_max, slices, count) });
    }

    fn held(&self) -> Option<usize> {
        // SAFETY: the stream is valid.
        Some(unsafe { function!(hushlog_stream_held(Handle) -> usize)(self.0) })
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // SAFETY: this code owns the handle, and nothing else uses it any more.
        unsafe { function!(hushlog_stream_free(Handle))(self.0) };
    }
}

/// A set of the library.
struct Set(Handle);

impl Set {
    /// The same needles, under the same names, with the same mask.
    fn of(set: &NeedleSet) -> Set {
        let mut handle = std::ptr::null_mut();
        let text = |text: &str| CString::new(text).expect("no NUL");
        let add = function!(hushlog_builder_add(Handle, *const c_char, *const u8, usize) -> c_int);
        let build = function!(hushlog_builder_build(Handle, *mut Handle) -> c_int);
        // SAFETY: the builder is valid to the end, and so are the texts during each call.
        unsafe {
            let builder = function!(hushlog_builder_new() -> Handle)();
            assert_eq!(function!(hushlog_builder_exactly(Handle) -> c_int)(builder), 0);
            for (index, needle) in set.expose().enumerate() {
                let name = text(set.name_and_form(index).0);
                assert_eq!(add(builder, name.as_ptr(), needle.as_ptr(), needle.len()), 0);
            }
            let masked = match set.mask() {
                Mask::Template(mask) => {
                    let mask = text(mask);
                    function!(hushlog_builder_mask(Handle, *const c_char) -> c_int)(builder, mask.as_ptr())
                }
                &Mask::Char(mask) => {
                    function!(hushlog_builder_mask_char(Handle, c_char) -> c_int)(builder, mask as c_char)
                }
            };
            assert_eq!(masked, 0);
            assert_eq!(build(builder, &mut handle), 0);
            function!(hushlog_builder_free(Handle))(builder);
        }
        Set(handle)
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        // SAFETY: this code owns the handle; streams keep what they need.
        unsafe { function!(hushlog_set_free(Handle))(self.0) };
    }
}
