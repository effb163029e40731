//! `hushlog console`.

#[path = "../common/console/mod.rs"]
mod console;
#[path = "../common/program/mod.rs"]
mod program;
#[path = "../common/registry/mod.rs"]
mod registry;

mod attacks;
mod browser;
mod import;
mod pages;
mod proxy;
mod story;
mod traces;
mod writers;
