//! `hushlog run`.

#[path = "../program/mod.rs"]
mod program;
mod terminal;
mod wrapped;

mod ahead;
mod at_terminal;
mod beginning;
mod ending;
mod leading;
mod status;
mod streams;
