//! The corpora of the file format targets: see `tests/engine/corpus.rs`.

use crate::formats;
use crate::harness;

#[test]
fn nothing_is_found_in_the_corpora() {
    formats::TARGETS.iter().for_each(|&(name, target)| harness::corpus::replay(name, target));
}
