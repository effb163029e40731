//! The C ABI: the redactor behind handles, for programs that are not written in Rust. The contract stands in `hushlog.h`, beside this
//! file, and a test holds the two together; `packaging/ffi/install` builds and installs the library, the header and a pkg-config file.
//!
//! What it is made of: handles are boxes, and `NULL` is `None`; a set's handles share one needle set; a stream lends its output as
//! slices, laid out as `struct iovec`, that point into the caller's input, the needles and the masks: nothing is copied.
//! (A callback for each slice cannot be inlined, and most callers would collect the slices in it; a buffer of the caller's would
//! cost a copy of everything.)
//!
//! No call unwinds: a panic becomes [`Code::Bug`](code::Code), it prints nothing, and the stream in which it happened gives out
//! nothing any more. The library has to be built so that panics can be caught, as the profile `ffi` does. What cannot be caught is
//! that memory runs out: that aborts, as in every Rust program.

mod border;
pub mod builder;
pub mod code;
pub mod record;
pub mod set;
pub mod stream;
