//! The service manager: sockets and connections that it passes and keeps.

pub(super) mod fd_store;
pub(super) mod socket_activation;
