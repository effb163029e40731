//! The exported environment: selects the variables, and writes them for shells, services and
//! containers.
//!
//! These modules do not decide which values are secret, and open no registry. Candidates come in as
//! [`ExportedSecret`](crate::registry::ExportedSecret)s, and either all or none are exported.

pub(crate) mod base64;
pub mod environment;
mod format;

pub(crate) use format::Counted;

pub use environment::{Environment, EnvironmentError};
pub use format::{Format, Inexpressible};
