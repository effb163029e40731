//! The targets and their oracle: the code that `cargo test` runs on the corpora too.

#[path = "../../tests/common/abi/mod.rs"]
pub mod abi;
#[path = "../../tests/common/formats/mod.rs"]
pub mod formats;
#[path = "../../tests/common/protocols/mod.rs"]
pub mod protocols;
#[path = "../../tests/common/harness/mod.rs"]
mod harness;

pub use harness::target;
