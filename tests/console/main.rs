//! `hushlog console`.

#[path = "../common/console/mod.rs"]
mod console;
#[path = "../common/program/mod.rs"]
mod program;
#[path = "../common/registry/mod.rs"]
mod registry;
#[path = "../common/tty/mod.rs"]
mod tty;

mod attacks;
mod browser;
mod import;
mod pages;
mod proxy;
mod readers;
mod renewal;
mod story;
mod traces;
mod writers;
