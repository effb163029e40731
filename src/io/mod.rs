//! Ring 1: the redactor behind [`std::io::Write`] and [`std::io::Read`], behind tokio's traits and
//! as a codec (feature `tokio`), in front of loggers (features `log` and `tracing`), and as a pump
//! from descriptor to descriptor.
//!
//! Every adapter writes only redacted bytes, in order, each once, also after short writes, signals,
//! a full disk or a closed reader. After an error, the output is a prefix of the correct output.

#[cfg(feature = "sidecar")]
pub(crate) mod budget;
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

/// Exported for the program's protocols, which read and write descriptors directly.
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
