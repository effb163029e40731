//! The exported environment: which variables there are, and how they are written for shells, services and containers.
//!
//! Nothing here decides what a secret is or opens a registry: candidates come in as
//! [`ExportedSecret`](crate::registry::ExportedSecret)s, and are exported all or not at all.

pub(crate) mod base64;
pub mod environment;
mod format;

pub(crate) use format::Counted;

pub use environment::{Environment, EnvironmentError};
pub use format::{Format, Inexpressible};
