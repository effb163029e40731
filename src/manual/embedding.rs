//! In Rust programs: which call for which kind of log.
//!
//! | what is written | what to use | feature |
//! | --- | --- | --- |
//! | a stream of bytes, in pieces of any size | [`Redactor`](crate::Redactor) | |
//! | the same, into or out of anything that writes or reads | [`RedactWriter`](crate::io::RedactWriter), [`RedactReader`](crate::io::RedactReader) | |
//! | the same, asynchronously | `AsyncRedactWriter`, `AsyncRedactReader`, `RedactEncoder`, `RedactDecoder` | `tokio` |
//! | from descriptor to descriptor | [`pump`](crate::io::pump) | |
//! | whole records in memory | [`redact_cow`](crate::NeedleSet::redact_cow), [`redact_in_place`](crate::NeedleSet::redact_in_place) | |
//! | a logger that takes a `Write` (env_logger, fern) | [`RecordWriter`](crate::io::RecordWriter) | |
//! | the crate `log`, in front of any other logger | `RedactLog` | `log` |
//! | `tracing_subscriber`'s formatter | `RedactMakeWriter` | `tracing` |
//! | where in a text the secrets are | [`Finder`](crate::Finder) | |
//!
//! *A stream or records.* A record is a whole: nothing is carried from one to the next, so a secret
//! that a program cuts into two records is not found. Where that may happen, and where a piece is
//! simply the result of one read, use a stream. A record that ends inside a secret, after half of
//! it and 8 bytes of its value or more, has that stump masked, as a stream has at its end.
//!
//! *Secrets that change.* A [`NeedleSet`](crate::NeedleSet) does not change. Build another one
//! aside, which takes some 40 ms for a thousand secrets, and hand it on: to a stream by
//! [`swap`](crate::Redactor::swap), which the adapters have too, to loggers by a
//! [`LiveSet`](crate::io::LiveSet), which they share. To mask everything that is written after a
//! secret was announced, read first, then take the newest set, then search the new input; in the
//! other order a piece that was read late is searched with an old set. Drop the old set aside as
//! well: it is wiped, which takes time.
//!
//! *Many streams.* An idle redactor has some hundred bytes, whatever the set;
//! [`shrink_to_fit`](crate::Redactor::shrink_to_fit) brings a busy one back there. The set is
//! shared.
//!
//! *Errors.* Only building a set can fail. Errors of an inner writer are passed on, and unwritten
//! output is lost or kept as its adapter documents; nothing unmasked is written instead.
//!
//! *Threads, memory, the process*: the library starts no threads, and neither locks memory nor
//! forbids cores. A program that holds secrets may want to: see
//! [`threat_model`](super::threat_model).
