//! `hushlog run`.

#[path = "../program/mod.rs"]
mod program;
mod terminal;
mod wrapped;

mod at_terminal;
mod beginning;
mod leading;
mod status;
mod streams;
