//! The targets and their oracle: the same code that `cargo test` runs the corpora through.

#[path = "../../tests/abi/mod.rs"]
pub mod abi;
#[path = "../../tests/formats/mod.rs"]
pub mod formats;
#[path = "../../tests/protocols/mod.rs"]
pub mod protocols;
#[path = "../../tests/support/mod.rs"]
mod support;

pub use support::target;
