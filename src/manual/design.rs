//! Design.
//!
//! Secrets become *needles*: the value, every way in which it is usually written, and every part
//! that tells. All needles are compiled into one [`NeedleSet`](crate::NeedleSet), which is
//! immutable and shared by any number of streams. A [`Redactor`](crate::Redactor) is one stream's
//! state: it takes bytes in and gives bytes out, cannot fail, and is the only maker of
//! [`Redacted`](crate::Redacted), the type that the sinks of this crate take.
//!
//! Inside stand an automaton, which is the truth, and a *sieve* in front of it, which skips text in
//! which provably no needle begins. All of it equals the few lines of
//! [`naive`](crate::redact::naive), the definition of correct.
//!
//! The hold-back after a push is the automaton's depth: the longest end of the text that could
//! begin a needle. It is given out as soon as it cannot any more, and never because of a timer, but
//! for the echo on a terminal ([`run`](super::run)).
//!
//! Which tests hold the [promises](crate#what-it-promises):
//!
//! | promise | tests |
//! | --- | --- |
//! | 1 to 4 | `tests/engine`; behind tokio and loggers `tests/adapters`; over the C ABI `tests/ffi`; under `run` `tests/engine/partial.rs`, `tests/run/streams.rs`, `tests/run/at_terminal.rs`; by a guard `tests/guard` |
//! | 5 | `tests/memory.rs`, `tests/engine/long_texts.rs`, `tests/sidecar/sockets.rs` |
//! | 6 | `tests/adapters/io.rs`, `tests/cli/filter.rs`, `tests/cli/diagnostics.rs`; in the hands of shippers `tests/shippers`; confined `tests/sidecar/confined.rs` |
//! | 7 | `tests/scrub` |
//! | 8, of the registry | `tests/registry` |
//! | 9 | `tests/boot/session.rs`, `tests/engine/swap.rs`, `tests/sidecar/reload.rs`; on whole machines `tests/boot/run` |
