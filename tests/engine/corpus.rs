//! Replays the fuzz corpora and some prefixes of each input, so that no fuzzer is needed to keep a
//! finding fixed. Targets that need a feature are in `tests/engine/corpus_formats.rs`,
//! `tests/engine/corpus_protocols.rs` and `tests/engine/corpus_abi.rs`.

use std::path::Path;

use crate::harness::corpus;
use crate::harness::target::{self, TARGETS};

/// Upper limit for all corpora together, in bytes: small enough to clone and read.
const CORPORA_LEN_MAX: u64 = 240 << 10;

#[test]
fn nothing_is_found_in_the_corpora() {
    TARGETS.iter().for_each(|&(name, target)| corpus::replay(name, target));
}

/// The corpus catches a redactor that forgets its held-back bytes at a cut.
#[test]
fn corpus_catches_the_canary() {
    let inputs = corpus::of("redact");
    let caught = inputs.iter().filter(|input| std::panic::catch_unwind(|| target::canary(input)).is_err()).count();
    assert!(caught > 0, "none of {} inputs catches the canary", inputs.len());
}

#[test]
fn corpora_are_small() {
    let corpora = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")).expect("the corpora");
    let files = corpora.flat_map(|corpus| std::fs::read_dir(corpus.expect("readable").path()).expect("a corpus"));
    let len: u64 = files.map(|file| file.expect("readable").metadata().expect("a file").len()).sum();
    assert!((1..=CORPORA_LEN_MAX).contains(&len), "{len} bytes of corpora");
}
