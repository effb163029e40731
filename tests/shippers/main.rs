//! The filter and the sidecar between real programs that move logs.

#[path = "../program/mod.rs"]
mod program;
#[path = "../shipping/mod.rs"]
mod shipping;

mod filter;
mod sidecar;
