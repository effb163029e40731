//! Container logs: Docker's json-file and the Kubernetes format (CRI), whose writers cut a long
//! line into records of 16 KiB.
//!
//! A secret may begin in one record and end in another. [`split_secrets`] finds such secrets in the
//! content of a file, for masks of the same length. The sidecar redacts a stream of records, and
//! writes valid records again.
//!
//! Memory: a record of at most 256 KiB, and for a stream its pending records, at most 4 MiB.
//! Nothing here panics, and each cost is linear in the input.
#![cfg(target_os = "linux")]

#[cfg(feature = "sidecar")]
mod output;
#[cfg(feature = "sidecar")]
mod placeholders;
mod record;
#[cfg(feature = "sidecar")]
pub(crate) mod redactor;
#[cfg(feature = "sidecar")]
mod resume;
mod split;
#[cfg(feature = "sidecar")]
mod text;

pub use record::RecordFormat;
pub(crate) use record::{HEAD_LEN, RECORD_LEN_MAX, Record};
pub(crate) use split::{SplitFinder, rest_len_min, split_secrets_with};
pub use split::{SplitSecret, split_secrets};
