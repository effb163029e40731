//! The corpus of the target that answers rsyslog: see `tests/engine/corpus.rs`.

use crate::protocols;
use crate::support;

#[test]
fn nothing_is_found_in_the_corpus() {
    support::corpus::replay("mmexternal", protocols::mmexternal);
}
