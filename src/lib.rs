//! Keeps secrets out of logs, at the speed of the pipe.
//!
//! Give it the secrets, and it gives back any stream of bytes with each of them masked: the values, the usual ways to write them
//! (base64, hex, percent, JSON, shells and others), and parts that tell, such as the password in a database URL.
//!
//! ```
//! use std::sync::Arc;
//! use hushlog::{NeedleSet, Redactor, Secret};
//!
//! let set = NeedleSet::builder().secret(Secret::new("API_TOKEN", b"sk-live-4f9QzX".to_vec())).build()?;
//! let mut redactor = Redactor::new(Arc::new(set));
//!
//! // However the stream is cut, what may begin a secret waits, and nothing else does.
//! assert_eq!(redactor.push(b"token: sk-li").to_vec(), b"token: ");
//! assert_eq!(redactor.push(b"ve-4f9QzX ok").to_vec(), b"[REDACTED:API_TOKEN] ok");
//! assert_eq!(redactor.finish().to_vec(), b"");
//! # Ok::<(), hushlog::BuildError>(())
//! ```
//!
//! Around anything that writes, and around anything that reads, with [`RedactWriter`](io::RedactWriter) and
//! [`RedactReader`](io::RedactReader):
//!
//! ```
//! use std::io::Write;
//! use std::sync::Arc;
//! use hushlog::{NeedleSet, Redactor, Secret, io::RedactWriter};
//!
//! let set = NeedleSet::builder().secret(Secret::new("DB_URL", b"postgres://app:pa%24s-4f9@db/app".to_vec())).build()?;
//! let mut log = RedactWriter::new(Vec::new(), Redactor::new(Arc::new(set)));
//! writeln!(log, "connecting to db as app, password pa$s-4f9")?;
//! assert_eq!(log.finish()?, b"connecting to db as app, password [REDACTED:DB_URL]\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! From descriptor to descriptor, as the program `hushlog` does, with [`pump`](io::pump):
//!
//! ```no_run
//! use std::os::fd::AsFd;
//! use std::sync::Arc;
//! use hushlog::{NeedleSet, Redactor, Secret, io::{PumpOptions, pump}};
//!
//! let secret = Secret::new("key", std::fs::read("/run/secrets/key")?);
//! let mut redactor = Redactor::new(Arc::new(NeedleSet::builder().secret(secret).build()?));
//! pump(std::io::stdin().as_fd(), std::io::stdout().as_fd(), &mut redactor, &PumpOptions::default())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! For async code there are the same with the feature `tokio`, and a codec; for loggers [`RecordWriter`](io::RecordWriter), and with the features
//! `tracing` and `log` a `MakeWriter` and a `Log`; for one text in memory [`NeedleSet::redact_cow`] and
//! [`redact_in_place`](NeedleSet::redact_in_place). Without features (`default-features = false`) the library brings 15 crates with it, and adds
//! 584 KiB to a stripped release build (`benches/size/run`).
//!
//! A *needle* is a byte string that gives a secret away: its value, or one form or part of it. A *region* is a longest run of bytes
//! that occurrences of needles cover; it is masked as one.
//!
//! # What it promises
//!
//! 1. **Nothing gets out.** For every input and every way to cut it into pieces, no byte of any occurrence of any needle is given
//!    out. Overlapping occurrences count, all of them: with `abcd` and `cdef`, all of `abcdef` goes.
//! 2. **Nothing else changes.** Every byte outside the regions is given out once, unchanged and in order, whatever the bytes are.
//!    With no secret in it, output equals input. One exception, which [`Redactor::mask_stump`] switches off: a stream that ends inside
//!    a secret, after half of the needle and 8 bytes of the value or more, has that stump masked.
//! 3. **Cutting changes nothing.** The output depends on the bytes, never on where the pieces begin and end.
//! 4. **Nothing waits without need.** After each push the hold-back is the longest end of the input
//!    that is a proper beginning of a needle, and not a byte more. With
//!    [line release](io::Release::Line) output waits for the end of its line instead, and until a
//!    whole needle is complete, the output and its times do not depend on it. A caller, such as
//!    `run` on a terminal, may ask for up to so many bytes of it earlier
//!    ([`Redactor::release_partial`]); then promise 1 holds for all bytes of a needle but these
//!    first ones.
//! 5. **Linear and bounded.** Time is linear in the text, whatever the text, which may be hostile; memory is bounded by the needle
//!    set, never by the input.
//! 6. **Fails closed.** Only building a set can fail; [`push`](Redactor::push) and [`finish`](Redactor::finish) cannot. On any error
//!    around them nothing raw is written. A mask is never empty, and never completes a needle with its neighbours.
//! 7. **In place means in place.** A [scrub] of a file writes only the bytes of regions: its size, inode, owner, mode and every other
//!    byte stay, also with a writer appending meanwhile. Killed at any moment, it has lost nothing, and a second run completes it.
//! 8. **Saved values cannot be read back.** (With the feature `registry`.) Saving a value needs no key that opens it, and no error,
//!    `Debug` or report ever shows one. Opening is all or nothing.
//! 9. **What was exported stays masked.** A set that was [swapped](Redactor::swap) in never drops, doubles or reorders a byte, and what was found
//!    with the one before stays masked; a session (feature `registry`) keeps each value that it has exported until it ends.
//!
//! The [manual] names the tests that hold each of them.
//!
//! # What it does not promise
//!
//! - To find secrets that it was not given. There are no patterns, and there is no guessing.
//! - To find forms that are not [listed](manual::forms): encrypted, compressed or hashed, in other letters or another
//!   character set, encoded twice (but JSON in JSON is listed), backwards.
//! - To find a value with something in its middle, such as colour codes, or a line break by the terminal's width.
//! - To mask values under 4 bytes. They are refused, with a [`Notice`] by name.
//! - That nothing can be concluded from the output: a mask shows that there was a secret, and which. With an exact hold-back,
//!   someone who both writes into the stream and watches it live sees how far a guess matches; see [`io::Release`].
//! - To reach what a file system keeps of a file's old content: a rewrite leaves the old blocks, a snapshot and a journal of data theirs.
//! - To leave a region whole or masked when the power fails in the middle of a scrub: what lies across the border of two blocks may
//!   be masked in one of them only.
//! - To notice a registry that was put back to an older state, nor, unless it is signed, who wrote it.
//! - To wipe the copies of a secret that the rest of the program made. It wipes its own.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "ffi")]
pub mod ffi;
#[cfg(feature = "registry")]
pub mod inject;
pub mod io;
pub mod manual;
pub mod redact;
#[cfg(feature = "registry")]
pub mod registry;
pub mod scrub;
#[cfg(all(feature = "sidecar", target_os = "linux"))]
pub mod sidecar;
pub mod sys;

pub use redact::build::{BuildError, NeedleSetBuilder};
pub use redact::cover::Cover;
pub use redact::encoding::Form;
pub use redact::finder::Finder;
pub use redact::mask::Mask;
pub use redact::needle::{NeedleSet, Notice, NoticeKind};
pub use redact::redactor::{Last, Redacted, Redactor};
pub use redact::region::Region;
pub use redact::secret::Secret;
