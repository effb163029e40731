//! The targets and their oracle: the same code that `cargo test` runs the corpora through.

#[path = "../../tests/common/abi/mod.rs"]
pub mod abi;
#[path = "../../tests/common/formats/mod.rs"]
pub mod formats;
#[path = "../../tests/common/protocols/mod.rs"]
pub mod protocols;
#[path = "../../tests/common/harness/mod.rs"]
mod harness;

pub use harness::target;
