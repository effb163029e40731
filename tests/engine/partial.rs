//! Releases of partial matches for a terminal, written by hand. The random runs in
//! `tests/engine/properties.rs` compare with the model in `harness/model.rs`; this file holds its
//! examples, and the consequences for one needle.

use std::sync::Arc;

use crate::harness::engine;
use crate::harness::rng::Rng;
use hushlog::redact::naive;
use hushlog::redact::prefilter::Variant;
use hushlog::{NeedleSet, NeedleSetBuilder, Redactor, Secret};

/// A redactor, and the expected output of each step. The mask of needle `n` is `<n>`.
struct Stream(Redactor);

impl Stream {
    fn new(needles: &[&str]) -> Stream {
        Stream(Redactor::new(engine::exactly(needles, engine::named(), Variant::Best)))
    }

    /// The same, searched in both readings.
    fn read(needles: &[&str]) -> Stream {
        let builder = NeedleSet::builder().exactly().readings(true).mask(engine::named());
        let secret = |(number, needle): (usize, &&str)| Secret::new(number.to_string(), needle.as_bytes().to_vec());
        let builder = needles.iter().enumerate().map(secret).fold(builder, NeedleSetBuilder::secret);
        Stream(Redactor::new(Arc::new(builder.build().expect("the mask has no letter of the needles"))))
    }

    #[track_caller]
    fn push(&mut self, text: &str, gives: &str) {
        assert_eq!(String::from_utf8_lossy(&self.0.push(text.as_bytes()).to_vec()), gives);
    }

    #[track_caller]
    fn release(&mut self, len_max: usize, gives: &str) {
        assert_eq!(String::from_utf8_lossy(&self.0.release_partial(len_max).to_vec()), gives);
    }

    #[track_caller]
    fn finish(&mut self, gives: &str) {
        assert_eq!(String::from_utf8_lossy(&self.0.finish().to_vec()), gives);
    }
}

#[test]
fn the_rest_of_a_needle_is_masked() {
    let mut stream = Stream::new(&["hunter2-prod"]);
    stream.push("$ hunt", "$ ");
    stream.release(3, "hun");
    assert_eq!(stream.0.held(), 1);
    stream.release(3, "");
    stream.push("er2-pro", "");
    stream.release(3, "");
    stream.push("d!", "<0>!");
    stream.finish("");
}

/// Otherwise the cursor that an editor hides while it draws would stay hidden behind such a letter.
#[test]
fn control_sequences_in_a_partial_match_go_out() {
    let mut stream = Stream::read(&["hunter2-prod"]);
    stream.push("Top h\x1b[1;6H\x1b[?25h", "Top ");
    stream.release(3, "h\x1b[1;6H\x1b[?25h");
    stream.push("u\x1b[", "");
    stream.release(3, "u\x1b");
    stream.push("mnt\x1b[0m", "");
    stream.release(3, "[mn");
    stream.push("er2-prod\x1b[0m!", "<0>\x1b[0m\x1b[0m!");
    // The last letter of a sequence may itself begin one.
    stream.push("Top h\x1b[?25h", "Top ");
    stream.release(1, "h");
    stream.release(2, "\x1b[?25h");
    stream.push("unter2-prod", "<0>");
    stream.finish("");
}

/// The colours of a value that has some are a part of it.
#[test]
fn control_sequences_of_a_value_wait_with_it() {
    let mut stream = Stream::read(&["hu\x1b[31mnter2-prod"]);
    stream.push("$ hu\x1b[31mn", "$ ");
    stream.release(3, "hu\x1b");
    stream.push("ter2-prod!", "<0>!");
    stream.finish("");
}

#[test]
fn letter_by_letter_no_more_goes_out_than_at_once() {
    let mut stream = Stream::new(&["hunter2-prod"]);
    for (letter, gives) in [("h", "h"), ("u", "u"), ("n", "n"), ("t", ""), ("e", "")] {
        stream.push(letter, "");
        stream.release(3, gives);
    }
    stream.push("rs", "ters");
    stream.finish("");
}

#[test]
fn released_bytes_are_not_emitted_again() {
    let mut stream = Stream::new(&["abcabcabd"]);
    stream.push("abcabc", "");
    stream.release(3, "abc");
    // The longest partial match now begins three bytes later, after all released bytes.
    stream.push("abc", "");
    stream.release(3, "abc");
    stream.push("abd", "<0>");
    stream.finish("");
}

#[test]
fn a_needle_found_in_the_hold_back_is_not_shown() {
    let mut stream = Stream::new(&["abcd", "abcdefgh", "xabcdefg"]);
    stream.push("abcd", "");
    stream.release(3, "");
    stream.push("!", "<0>!");
    stream.push("xabcd", "");
    stream.release(3, "x");
    stream.push("!", "<0>!");
    stream.finish("");
}

#[test]
fn an_overlap_with_released_bytes_is_masked_behind_them() {
    let mut stream = Stream::new(&["abcdef", "cdefgh"]);
    stream.push("abc", "");
    stream.release(3, "abc");
    stream.push("def", "");
    stream.push("gh.", "<0>.");
    stream.finish("");
}

#[test]
fn a_partial_match_is_masked_behind_released_bytes() {
    let mut stream = Stream::new(&["hunter2-prod"]);
    stream.push("hunter2-", "");
    stream.release(3, "hun");
    stream.finish("<0>");
    stream.push("hunter", "");
    stream.release(3, "hun");
    stream.finish("ter");
}

/// Releases at any time show at most the first three bytes of an occurrence, and change no other
/// byte.
#[test]
fn of_no_occurrence_more_than_its_beginning_gets_out() {
    let mut rng = Rng(11);
    for _ in 0..2_000 {
        let word = |rng: &mut Rng, len: usize| -> Vec<u8> { (0..len).map(|_| b'a' + rng.below(2) as u8).collect() };
        let needles: Vec<Vec<u8>> = (0..3)
            .map(|_| {
                let len = 4 + rng.below(5);
                word(&mut rng, len)
            })
            .collect();
        let text = word(&mut rng, 40);
        let set: Arc<NeedleSet> = engine::exactly(&needles, engine::starred(), Variant::Best);
        let mut redactor = Redactor::new(Arc::clone(&set)).mask_partial(false);
        let mut out = Vec::new();
        for byte in &text {
            out.extend(redactor.push(&[*byte]).to_vec());
            if rng.below(2) == 0 {
                out.extend(redactor.release_partial(3).to_vec());
            }
        }
        out.extend(redactor.finish().to_vec());
        assert_eq!(out.len(), text.len());
        let needles: Vec<&[u8]> = needles.iter().map(|needle| &needle[..]).collect();
        let covered = naive::covered(&needles, &text);
        for needle in &needles {
            for start in (0..text.len()).filter(|&start| text[start..].starts_with(needle)) {
                assert!(out[start + 3..start + needle.len()].iter().all(|&byte| byte == b'*'));
            }
        }
        for at in (0..text.len()).filter(|&at| !covered[at]) {
            assert_eq!(out[at], text[at]);
        }
    }
}
