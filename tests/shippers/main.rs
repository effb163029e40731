//! The filter and the sidecar between real programs that move logs.

#[path = "../common/program/mod.rs"]
mod program;
#[path = "../common/shippers/mod.rs"]
mod shippers;

mod filter;
mod sidecar;
