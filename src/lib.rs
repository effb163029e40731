//! Keeps secrets out of logs, at the speed of the pipe.
//!
//! A [`Redactor`] masks a set of secrets in any stream of bytes: the values, their usual encodings
//! (base64, hex, percent, JSON, shells and others), and identifying parts, such as the password in
//! a database URL.
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
//! Around any writer or reader, with [`RedactWriter`](io::RedactWriter) and
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
//! - Async code: the feature `tokio` adds the same adapters and a codec.
//! - Loggers: [`RecordWriter`](io::RecordWriter), and a `MakeWriter` and a `Log` with the features
//!   `tracing` and `log`.
//! - One text in memory: [`NeedleSet::redact_cow`] and
//!   [`redact_in_place`](NeedleSet::redact_in_place).
//! - Sources of secrets: with the feature `registry`, `source::SourceSpec` reads the environment,
//!   files, a registry and the session of the machine.
//!
//! Without features (`default-features = false`) the library brings in 14 crates, and adds 526 KiB
//! to a stripped release build (`benches/size/run`).
//!
//! A *needle* is a byte string that reveals a secret: its value, or one form or part of it. A
//! *region* is a maximal run of bytes that occurrences of needles cover; it is masked as one.
//!
//! # What it promises
//!
//! 1. **Nothing gets out.** For every input and every way to cut it into pieces, no byte of any
//!    occurrence of any needle is written. All overlapping occurrences count: with `abcd` and
//!    `cdef`, all of `abcdef` is masked.
//! 2. **Nothing else changes.** Every byte outside the regions is written once, unchanged and in
//!    order. Without a secret in the input, output equals input. One exception, which
//!    [`Redactor::mask_partial`] switches off: if a stream ends inside a secret, after at least
//!    half of the needle and 8 bytes of the value, that partial match is masked.
//! 3. **Cutting changes nothing.** The output depends on the bytes, never on where the pieces begin
//!    and end.
//! 4. **Nothing waits without need.** After each push the hold-back is the longest suffix of the
//!    input that is a proper prefix of a needle, and not a byte more. With
//!    [line release](io::Release::Line) output waits for the end of its line instead, and until a
//!    whole needle is complete, the output and its times do not depend on it. A caller, such as
//!    `run` on a terminal, may request a limited number of held-back bytes early
//!    ([`Redactor::release_partial`]). Promise 1 then holds for all bytes of a needle after these.
//! 5. **Linear and bounded.** Time is linear in the text, even in a hostile one; memory is bounded
//!    by the needle set, never by the input.
//! 6. **Fails closed.** Only building a set can fail; [`push`](Redactor::push) and
//!    [`finish`](Redactor::finish) cannot. On any error around them nothing unmasked is written. A
//!    mask is never empty, and never forms a needle with the bytes beside it.
//! 7. **In place means in place.** A [scrub] of a file writes only the bytes of regions: its size,
//!    inode, owner, mode and every other byte stay, even while a writer appends. If it is killed at
//!    any moment, nothing is lost, and a second run completes it.
//! 8. **Saved values cannot be read back.** (With the feature `registry`.) Saving a value needs no
//!    key that opens it, and no error, `Debug` or report ever shows a value. Opening is all or
//!    nothing.
//! 9. **What was exported stays masked.** A [swap](Redactor::swap) of the set never drops, doubles
//!    or reorders a byte, and regions found with the earlier set stay masked. A session (feature
//!    `registry`) keeps each exported value until it ends.
//!
//! The [manual] names the tests of each promise.
//!
//! # What it does not promise
//!
//! - Finding secrets that it was not given. It has no patterns, and does not guess.
//! - Finding forms that are not [listed](manual::forms): encrypted, compressed or hashed, in other
//!   letters or another character set, base64 or hex of an encoded value, backwards. Escapes may be
//!   mixed, and three deep.
//! - Finding a value with something in its middle that is no escape, such as a line break by the
//!   terminal's width.
//! - Masking values under 4 bytes. They are refused, with a [`Notice`] by name.
//! - An output that allows no conclusions: a mask shows that there was a secret, and which. With
//!   exact release, an attacker with write access to the stream and a live view of it can test
//!   guesses: the held-back length shows how much of a guess matches; see [`io::Release`].
//! - Reaching old content that a file system keeps: a rewrite leaves the old blocks, and snapshots
//!   and data journals have copies.
//! - Atomicity across power loss during a scrub: a region that crosses the boundary of two blocks
//!   may be masked in only one of them.
//! - Detecting a registry's rollback to an older state; nor, unless the registry is signed, knowing
//!   its author.
//! - Wiping copies of a secret that the rest of the program made. It wipes its own.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "registry", target_os = "linux"))]
pub mod child;
#[cfg(all(feature = "console", target_os = "linux"))]
pub mod console;
pub mod container;
#[cfg(feature = "registry")]
pub mod export;
#[cfg(feature = "ffi")]
pub mod ffi;
#[cfg(feature = "registry")]
pub mod install;
pub mod io;
pub mod manual;
pub mod redact;
#[cfg(feature = "registry")]
pub mod registry;
pub mod scrub;
#[cfg(feature = "registry")]
pub mod session;
#[cfg(all(feature = "sidecar", target_os = "linux"))]
pub mod sidecar;
#[cfg(feature = "registry")]
pub mod source;
pub mod sys;

pub use redact::build::{BuildError, NeedleSetBuilder};
pub use redact::encoding::Form;
pub use redact::finder::Finder;
pub use redact::mask::Mask;
pub use redact::needle::{NeedleSet, Notice, NoticeKind};
pub use redact::overlay::Overlay;
pub use redact::redacted::{Piece, PieceKind, Redacted};
pub use redact::redactor::{Last, Redactor};
pub use redact::region::Region;
pub use redact::secret::Secret;
