//! The C ABI: the redactor behind handles, for programs in other languages. The contract is in
//! `bindings/c/hushlog.h`, and a test keeps the two in sync. `bindings/c/install` builds and
//! installs the library, the header and a pkg-config file.
//!
//! Handles are boxes, and `NULL` is `None`. The handles of a set share one needle set. A stream
//! lends its output as slices, laid out as `struct iovec`, that point into the caller's input, the
//! needles and the masks: nothing is copied. Two alternatives were rejected. A callback for each
//! slice cannot be inlined, and most callers would collect the slices in it. A caller's buffer
//! would cost a copy of everything.
//!
//! No call unwinds: a panic becomes [`Code::Bug`](code::Code) and prints nothing, and its stream
//! returns nothing more. The library must be built so that panics can be caught, as the profile
//! `ffi` does. Running out of memory cannot be caught: it aborts, as in every Rust program.

mod boundary;
pub mod builder;
pub mod code;
pub mod record;
mod selection;
pub mod set;
pub mod stream;
