//! `hushlog run`.

#[path = "../common/program/mod.rs"]
mod program;
#[path = "../common/run/mod.rs"]
mod run;
#[path = "../common/tty/mod.rs"]
mod tty;

mod ahead;
mod at_terminal;
mod beginning;
mod ending;
mod leading;
mod progress;
mod screen;
mod status;
mod streams;
