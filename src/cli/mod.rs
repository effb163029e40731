//! The command line: one file a subcommand, and one a concern that they share. Only this ring knows clap, the environment and the standard streams.

pub(crate) mod args;
pub(crate) mod boot;
pub(crate) mod check;
pub(crate) mod env;
pub(crate) mod exit;
pub(crate) mod export;
mod exported;
pub(crate) mod filter;
pub(crate) mod guide;
pub(crate) mod harden;
mod install;
pub(crate) mod keygen;
mod masking;
pub(crate) mod member;
pub(crate) mod message;
mod registry;
mod report;
pub(crate) mod secret;
mod source;
pub(crate) mod stdio;
mod usage;
mod value;
