//! The registry, and the environment and session that its secrets are exported to.

#[path = "../common/program/mod.rs"]
mod program;
#[path = "../common/registry/mod.rs"]
mod registry;

mod commands;
mod consumers;
mod dialects;
mod environment;
mod export;
mod faults;
mod fields;
mod file;
mod group_merges;
mod groups;
mod hostile;
mod imports;
mod keys;
mod merges;
mod names;
mod prompt;
mod readers;
mod shared;
mod versions;
