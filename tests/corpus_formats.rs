//! The corpora of the targets that read files: see `tests/corpus.rs`.

mod formats;
mod support;

#[test]
fn nothing_is_found_in_the_corpora() {
    formats::TARGETS.iter().for_each(|&(name, target)| support::corpus::replay(name, target));
}
