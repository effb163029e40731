//! From secrets to the environment of a machine and of its programs: which variables there are, how they are written down for shells, services and
//! containers, and the session, which is what a boot has exported and what every redactor on the machine must know.
//!
//! Nothing here decides what a secret is or opens a registry: candidates come in as [`Variable`]s, and are exported all or not at all.

mod base64;
#[cfg(target_os = "linux")]
pub mod child;
pub mod environment;
pub mod export;
pub mod install;
pub mod session;
pub mod variable;

pub use environment::{Environment, EnvironmentError};
pub use export::{Format, Inexpressible};
pub use session::Session;
pub use variable::{Rank, Variable};
