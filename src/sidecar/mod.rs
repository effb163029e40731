//! The daemon: streams of a machine, each through a redactor of its own, while the secrets change.
#![allow(dead_code, reason = "what uses it is being written")]

pub mod config;
pub(crate) mod sink;
pub(crate) mod source;
