//! The daemon: streams of a machine, each through a redactor of its own, while the secrets change.
#![allow(dead_code, reason = "what uses it is being written")]

mod confine;
pub(crate) mod http;
pub(crate) mod metrics;
pub(crate) mod sink;
pub(crate) mod source;
