//! `hushlog scrub`, and the library below it.

#[path = "../common/harness/mod.rs"]
mod harness;
#[path = "../common/program/mod.rs"]
mod program;
#[path = "../common/scrub/mod.rs"]
mod scrub;

mod begun;
mod binary;
mod boundaries;
mod escapes;
mod faults;
mod files;
mod hostile;
mod library;
mod live;
mod messages;
mod model;
mod sources;
mod stopped;
