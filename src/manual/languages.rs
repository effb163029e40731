//! In other languages.
//!
//! The feature `ffi` adds the C ABI to the library; `packaging/ffi/install` builds it, without the
//! program's dependencies, and installs `libhushlog.so.0`, `libhushlog.a`, `hushlog.h` and
//! `hushlog.pc`. The header documents ownership, threads, and the result of each call. In short:
//!
//! - *Handles*: a builder collects secrets and makes a set; a set does not change, and is shared; a
//!   stream is one redactor. The owner of a handle frees it, in any order: handles keep what they
//!   need.
//! - *Output* is lent: slices of the caller's input, of held-back bytes, and of masks, laid out
//!   as `struct iovec`, until the next call with the stream. Nothing is copied.
//! - *Errors* are codes. The output of a failed call stays inside; the first error of a
//!   builder stays, so that no set is built that lacks a secret. A panic is caught, prints nothing,
//!   and is a code as well; the stream in which it happened gives out nothing any more. Only when
//!   memory runs out does the process end.
//! - *Cost*: the overhead of the C interface is below the noise. Pushes of 64 KiB to 200 bytes and
//!   records of 200 bytes, clean and with 100 secrets in all their forms, took 0.92 to 1.07 times
//!   as long as the same calls in Rust (`benches/ffi.rs`, medians of two runs on a loaded machine).
//! - *Not done*: the library does not lock memory, forbid cores or empty the environment. That is
//!   the host's to decide. Two static libraries made of Rust do not go into one program; use the
//!   shared one.
//!
//! *Python*: `packaging/python` is a package over the shared library by ctypes. `LoggingFilter`
//! belongs on handlers (a filter on a logger does not see the records of loggers below it); it
//! masks the message with its arguments, the text of the exception and of the stack, and text in
//! `extra`, and takes arguments and exception out of the record. An object in `extra` becomes its
//! masked text if its `str()` or `repr()` shows a secret. `redact_stream` wraps one file: output
//! that bypasses it, by `os.write` or by C code, is not masked; so it has no `buffer` to write to.
//!
//! *syslog-ng*: `packaging/syslog-ng` holds a module with the template function
//! `$(hushlog --secrets PATH [--mask TEXT] TEMPLATE)`. `PATH` is a directory of files, each of them
//! a secret named after it, or one such file, read when the configuration is. If it cannot be read,
//! or holds nothing that can be masked, syslog-ng does not start. A secret that is cut into two
//! messages is not seen.
