//! The control socket, the metrics page, and the canary that shows that streams are masked.

pub(super) mod canary;
pub(super) mod control;
pub(super) mod http;
pub(crate) mod server;
