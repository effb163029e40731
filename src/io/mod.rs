//! Ring 1: the redactor behind [`std::io::Write`] and [`std::io::Read`], with the feature `tokio`
//! behind tokio's and as a codec, and in front of loggers (with the features `log` and `tracing`);
//! and the pump from descriptor to descriptor.
//!
//! Whatever happens at the other end (short writes, signals, a full disk, a closed reader), only
//! redacted bytes are written, in order, and each once. After an error, the output is a prefix of
//! the correct output.

mod line;
mod owed;
mod read;
mod record;
mod write;

#[cfg(feature = "log")]
mod log;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "tokio")]
mod async_read;
#[cfg(feature = "tokio")]
mod async_write;
#[cfg(feature = "tokio")]
mod codec;

#[cfg(feature = "registry")]
mod json;

#[cfg(unix)]
#[cfg(target_os = "linux")]
mod fd;
#[cfg(target_os = "linux")]
mod gift;
#[cfg(target_os = "linux")]
mod pump;
#[cfg(target_os = "linux")]
mod source;

/// For the program, which reads and writes descriptors directly where it speaks a protocol.
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub use fd::recover;

#[cfg(feature = "tokio")]
pub use async_read::AsyncRedactReader;
#[cfg(feature = "tokio")]
pub use async_write::AsyncRedactWriter;
#[cfg(feature = "tokio")]
pub use codec::{EndOfStream, RedactDecoder, RedactEncoder};
#[cfg(feature = "registry")]
#[doc(hidden)]
pub use json::{json_line, json_text, map_strings, redact_json};
pub use line::{LINE_HELD_BYTES_MAX, Release};
#[cfg(feature = "log")]
pub use log::RedactLog;
#[cfg(target_os = "linux")]
pub use pump::{Echo, PumpError, PumpOptions, PumpSummary, Relay, Rest, pump};
pub use read::RedactReader;
pub use record::{LiveSet, RecordWriter};
#[cfg(feature = "tracing")]
pub use tracing::RedactMakeWriter;
pub use write::RedactWriter;
