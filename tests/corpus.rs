//! The fuzz targets' corpora, and some prefixes of each input: what fuzzing has once found stays found, without a fuzzer.

mod support;

use std::path::Path;

use support::target::{self, TARGETS};

/// The corpora together are so small that anyone can clone and read them, in bytes.
const CORPORA_LEN_MAX: usize = 200 << 10;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(directory).expect("each target has a corpus").map(|entry| entry.expect("readable"));
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("an input")).collect()
}

#[test]
fn nothing_is_found_in_the_corpora() {
    for (name, target) in TARGETS {
        for input in corpus(name) {
            target(&input);
            (0..input.len()).step_by(input.len() / 8 + 1).for_each(|end| target(&input[..end]));
        }
    }
}

/// The corpus is good enough to find a redactor that forgets at a cut what it held back.
#[test]
fn corpus_catches_the_canary() {
    let inputs = corpus("redact");
    let caught = inputs.iter().filter(|input| std::panic::catch_unwind(|| target::canary(input)).is_err()).count();
    assert!(caught > 0, "none of {} inputs catches the canary", inputs.len());
}

#[test]
fn corpora_are_small_and_not_empty() {
    let corpora: Vec<Vec<Vec<u8>>> = TARGETS.iter().map(|(name, _)| corpus(name)).collect();
    assert!(corpora.iter().all(|inputs| inputs.len() >= 10));
    assert!(corpora.iter().flatten().map(Vec::len).sum::<usize>() <= CORPORA_LEN_MAX);
}
