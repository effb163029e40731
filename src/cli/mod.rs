//! The command line: one file a subcommand, and one a concern that they share. Only this ring knows clap, the environment and the standard streams.

pub(crate) mod args;
pub(crate) mod exit;
pub(crate) mod filter;
pub(crate) mod guide;
pub(crate) mod harden;
mod masking;
pub(crate) mod message;
mod progress;
mod report;
pub(crate) mod run;
pub(crate) mod scrub;
mod scrubbed;
mod source;
pub(crate) mod stdio;
mod usage;
