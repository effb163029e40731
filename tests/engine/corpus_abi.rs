//! The corpus of the C ABI target: see `tests/engine/corpus.rs`.

use crate::abi;
use crate::harness;

#[test]
fn nothing_is_found_in_the_corpus() {
    harness::corpus::replay("abi", abi::abi);
}
