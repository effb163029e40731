//! Scrubbing of existing log files, in place or by rewriting them.
#![cfg(target_os = "linux")]

mod boundary;
mod claim;
#[cfg(feature = "compress")]
mod compression;
mod content;
mod escape;
mod file;
mod findings;
#[cfg(feature = "guard")]
pub mod guard;
mod holes;
mod in_place;
mod kind;
pub(crate) mod lease;
mod live;
mod mask_writer;
mod outcome;
mod rewrite;
mod rules;
mod search;
mod site;
mod torn;
mod treat;
mod tree;
#[cfg(any(feature = "cli", feature = "sidecar"))]
mod wanted;

pub use findings::{Findings, OFFSETS_MAX, Places};
pub use in_place::{Action, Scrubber};
#[cfg(feature = "sidecar")]
pub(crate) use kind::{compression_of, compression_of_head};
pub use mask_writer::{MaskError, MaskTarget, MaskWriter};
pub use outcome::{Outcome, ScrubError};
pub use tree::Tree;
#[cfg(any(feature = "cli", feature = "sidecar"))]
pub use wanted::{is_named, is_wanted};
