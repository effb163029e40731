//! The command line: one file a concern. Only this ring knows clap, the environment and the standard streams.

pub(crate) mod args;
mod dotenv;
pub(crate) mod exit;
pub(crate) mod filter;
pub(crate) mod guide;
pub(crate) mod harden;
pub(crate) mod message;
mod report;
mod source;
pub(crate) mod stdio;
mod usage;
mod wellknown;
