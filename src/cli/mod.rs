//! The command line: one file a subcommand, and one a concern that they share. Only this ring knows clap, the environment and the standard streams.

pub(crate) mod args;
pub(crate) mod boot;
pub(crate) mod check;
pub(crate) mod exit;
pub(crate) mod export;
mod exported;
pub(crate) mod filter;
pub(crate) mod guide;
pub(crate) mod harden;
mod install;
mod masking;
pub(crate) mod message;
mod report;
mod source;
pub(crate) mod stdio;
mod usage;
