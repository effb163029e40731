//! The targets and their oracle: the same code that `cargo test` runs the corpora through.

#[path = "../../tests/support/mod.rs"]
mod support;

pub use support::target;
