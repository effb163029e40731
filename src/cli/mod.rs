//! The command line: one file for each subcommand, and one for each shared concern. Only this ring
//! knows clap, the environment and the standard streams.

pub(crate) mod args;
pub(crate) mod boot;
mod canary;
pub(crate) mod check;
pub(crate) mod env;
pub(crate) mod exit;
pub(crate) mod export;
mod exported;
pub(crate) mod filter;
pub(crate) mod guard;
pub(crate) mod guide;
pub(crate) mod harden;
mod install;
pub(crate) mod keygen;
mod masking;
pub(crate) mod member;
pub(crate) mod merge;
pub(crate) mod message;
mod output;
mod progress;
mod prompt;
mod protocol;
mod registry;
mod report;
pub(crate) mod run;
pub(crate) mod scrub;
mod scrubbed;
pub(crate) mod secret;
mod service;
pub(crate) mod sidecar;
mod sidecar_client;
mod sidecar_tell;
mod source;
pub(crate) mod stdio;
mod usage;
mod value;
