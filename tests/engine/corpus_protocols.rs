//! The corpus of the rsyslog target: see `tests/engine/corpus.rs`.

use crate::harness;
use crate::protocols;

#[test]
fn nothing_is_found_in_the_corpus() {
    harness::corpus::replay("mmexternal", protocols::mmexternal);
}
