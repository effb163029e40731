//! The fuzz targets' corpora, and some prefixes of each input: what fuzzing has once found stays found, without a fuzzer.
//! Those of targets that need a feature are in `tests/engine/corpus_formats.rs`, `tests/engine/corpus_protocols.rs` and `tests/engine/corpus_abi.rs`.

use std::path::Path;

use crate::harness::corpus;
use crate::harness::target::{self, TARGETS};

/// The corpora together are so small that anyone can clone and read them, in bytes.
const CORPORA_LEN_MAX: u64 = 240 << 10;

#[test]
fn nothing_is_found_in_the_corpora() {
    TARGETS.iter().for_each(|&(name, target)| corpus::replay(name, target));
}

/// The corpus is good enough to find a redactor that forgets at a cut what it held back.
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
