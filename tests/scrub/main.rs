//! `hushlog scrub`, and the library below it.

#[path = "../program/mod.rs"]
mod program;
mod scrubbing;
#[path = "../support/mod.rs"]
mod support;

mod begun;
mod binary;
mod borders;
mod escapes;
mod faults;
mod files;
mod hostile;
mod library;
mod live;
mod model;
mod sources;
