//! `hushlog guard`.

#[path = "../guarding/mod.rs"]
mod guarding;
#[path = "../program/mod.rs"]
mod program;

mod files;
mod live;
mod sources;
mod writes;
