//! `hushlog guard`.

#[path = "../guarding/mod.rs"]
mod guarding;
#[path = "../program/mod.rs"]
mod program;

mod files;
mod live;
mod records;
mod sources;
mod writes;
