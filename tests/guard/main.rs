//! `hushlog guard`.

#[path = "../common/guard/mod.rs"]
mod guard;
#[path = "../common/program/mod.rs"]
mod program;

mod files;
mod live;
mod records;
mod sources;
mod writes;
