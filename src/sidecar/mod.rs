//! The daemon: streams of a machine, each through a redactor of its own, while the secrets change.
#![allow(dead_code, reason = "what uses it is being written")]

mod buffer;
pub(crate) mod checkpoint;
pub mod config;
mod current;
mod engine;
mod fd;
mod lines;
mod metrics;
mod notice;
pub(crate) mod sink;
pub(crate) mod source;
mod stop;
mod stream;

pub use notice::{LoadError, Notice, Tell};
