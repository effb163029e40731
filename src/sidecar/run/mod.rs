//! A run of the sidecar: its checks, its start, its streams, its end.

pub(super) mod absent;
pub(super) mod meet;
pub(super) mod running;
pub(super) mod serve;
pub(super) mod start;
