//! The registry, and the injection of what is in it.

#[path = "../common/program/mod.rs"]
mod program;
#[path = "../common/registry/mod.rs"]
mod registry;

mod commands;
mod consumers;
mod export;
mod faults;
mod file;
mod hostile;
mod inject;
mod keys;
mod merges;
mod names;
mod prompt;
mod readers;
mod shared;
mod versions;
