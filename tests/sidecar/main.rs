//! `hushlog sidecar`.

#[path = "../common/guard/mod.rs"]
mod guard;
#[path = "../common/program/mod.rs"]
mod program;
#[path = "../common/scrub/mod.rs"]
mod scrub;
#[path = "../common/shippers/mod.rs"]
mod shippers;
#[path = "../common/sidecar/mod.rs"]
mod sidecar;

mod commands;
mod config;
mod confined;
mod daemon;
mod descriptors;
mod directories;
mod explain;
mod follow;
mod meeting;
mod messages;
mod partial;
mod paths;
mod programs;
mod reload;
mod rotations;
mod scale;
mod soak;
mod sockets;
mod spooled;
mod stored;
