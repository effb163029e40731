//! `hushlog sidecar`.

#[path = "../guarding/mod.rs"]
mod guarding;
#[path = "../program/mod.rs"]
mod program;
#[path = "../scrub/scrubbing/mod.rs"]
mod scrubbing;
#[path = "../shipping/mod.rs"]
mod shipping;
mod sidecaring;

mod config;
mod confined;
mod daemon;
mod directories;
mod follow;
mod meeting;
mod messages;
mod partial;
mod paths;
mod programs;
mod reload;
mod rotations;
mod soak;
mod sockets;
mod spooled;
mod stored;
