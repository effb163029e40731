//! The corpora of the fuzz targets, for `cargo test`.

use std::path::Path;

/// All inputs of a target's corpus.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(directory).expect("each target has a corpus").map(|entry| entry.expect("readable"));
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("an input")).collect()
}

/// Runs a target on its corpus, and on some prefixes of each input.
pub fn replay(name: &str, target: fn(&[u8])) {
    let inputs = of(name);
    assert!(inputs.len() >= 3, "{name} has a corpus of {} inputs", inputs.len());
    for input in inputs {
        target(&input);
        (0..input.len()).step_by(input.len() / 8 + 1).for_each(|end| target(&input[..end]));
    }
}
