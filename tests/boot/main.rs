//! Boot: the session, and the installation into machines.

#[path = "../common/program/mod.rs"]
mod program;

mod faults;
mod install;
mod registry;
mod session;
mod targets;
mod tracing;
mod trusted;
