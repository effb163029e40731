//! Ring 1: the redactor behind [`std::io::Write`] and [`std::io::Read`], behind tokio's traits and
//! as a codec (feature `tokio`), in front of loggers (features `log` and `tracing`), and as a pump
//! from descriptor to descriptor.
//!
//! Every adapter writes only redacted bytes, in order, each once, also after short writes, signals,
//! a full disk or a closed reader. After an error, the output is a prefix of the correct output.

#[cfg(feature = "sidecar")]
pub(crate) mod budget;
pub(crate) mod frames;
mod line_buffer;
mod pending;
mod read;
mod record;
pub(crate) mod stream_head;
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
pub mod json;

#[cfg(target_os = "linux")]
mod fd_writer;
#[cfg(target_os = "linux")]
mod pump;
#[cfg(target_os = "linux")]
mod pump_input;
#[cfg(target_os = "linux")]
mod screen;
#[cfg(target_os = "linux")]
mod vmsplice;

#[cfg(feature = "tokio")]
pub use async_read::AsyncRedactReader;
#[cfg(feature = "tokio")]
pub use async_write::AsyncRedactWriter;
#[cfg(feature = "tokio")]
pub use codec::{EndOfStream, RedactDecoder, RedactEncoder};
pub use frames::StreamFormat;
pub use line_buffer::{LINE_HELD_BYTES_MAX, Release};
#[cfg(feature = "log")]
pub use log::RedactLog;
#[cfg(target_os = "linux")]
pub use pump::{Echo, PumpError, PumpOptions, PumpProgress, PumpSummary, Relay, RelayStatus, pump};
pub use read::RedactReader;
pub use record::{LiveSet, RecordWriter};
pub use stream_head::StreamNotice;
#[cfg(feature = "tracing")]
pub use tracing::RedactMakeWriter;
pub use write::RedactWriter;
