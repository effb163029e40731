//! The command line: one file for each subcommand, and one for each shared concern. Only this ring
//! knows clap, the environment and the standard streams.

pub(crate) mod args;
pub(crate) mod boot;
mod canary;
pub(crate) mod check;
pub(crate) mod env;
mod environment;
pub(crate) mod exit;
pub(crate) mod export;
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
mod scrub_report;
pub(crate) mod secret;
mod service;
pub(crate) mod sidecar;
mod sidecar_client;
mod sidecar_log;
mod source;
pub(crate) mod stdio;
mod usage;
mod value;
