//! Design.
//!
//! Secrets become *needles*: the value, every way in which it is usually written, and every part that tells. All needles are compiled into
//! one [`NeedleSet`](crate::NeedleSet), which is immutable and shared by any number of streams. A [`Redactor`](crate::Redactor)
//! is one stream's state: it takes bytes in and gives bytes out, cannot fail, and is the only maker of
//! [`Redacted`](crate::Redacted), the type that the sinks of this crate take.
//!
//! Inside stand an automaton, which is the truth, and a *sieve* in front of it, which skips text in which provably no needle begins. All of
//! it equals the few lines of [`naive`](crate::redact::naive), the definition of correct.
//!
//! What is held back after a push is the automaton's depth: the longest end of the text that may begin a needle. It is
//! given out as soon as it cannot any more, and never because of a timer, but for the echo on a terminal ([`run`](super::run)).
//!
//! Which tests hold the [promises](crate#what-it-promises):
//!
//! | promise | tests |
//! | --- | --- |
//! | 1 to 4 | `tests/small_worlds.rs`, `tests/properties.rs`, `tests/long_texts.rs`, `tests/corpus.rs`, `tests/records.rs`, `tests/finder.rs`; behind tokio and loggers `tests/async_io.rs`, `tests/loggers.rs`; over the C ABI `tests/ffi.rs`; under `run` `tests/partial.rs`, `tests/run_streams.rs`, `tests/run_terminal.rs`; by a guard `tests/guard.rs`, `tests/guard_live.rs` |
//! | 5 | `tests/memory.rs`, `tests/long_texts.rs`, `tests/sidecar_sockets.rs` |
//! | 6 | `tests/io.rs`, `tests/cli.rs`, `tests/diagnostics.rs`; in the hands of shippers `tests/shippers.rs`, `tests/sidecar_shippers.rs`; confined `tests/sidecar_confined.rs` |
//! | 7 | `tests/scrub.rs`, `tests/scrub_files.rs`, `tests/scrub_live.rs`, `tests/scrub_faults.rs`, `tests/scrub_hostile.rs` |
//! | 8, of the registry | `tests/registry.rs`, `tests/registry_hostile.rs`, `tests/registry_program.rs` |
//! | 9 | `tests/boot_session.rs`, `tests/swap.rs`, `tests/sidecar_reload.rs`, `tests/loom`; on whole machines `tests/boot/run` |
