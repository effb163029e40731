//! Sets that change in mid-stream (promise 9), written by hand. The random runs in
//! `tests/engine/properties.rs` compare with the model in `harness/model.rs`; this file holds its
//! examples.

use std::sync::Arc;

use crate::harness::engine::Engine;
use crate::harness::expected::PARTIAL_MASKED;
use crate::harness::model::Model;
use crate::harness::rng::Rng;
use crate::harness::{cuts, engine};
use hushlog::redact::prefilter::Variant;
use hushlog::{Mask, NeedleSet, Redactor, Secret};

/// A set of these needles, each named after itself in upper case up to its first `-`.
fn set(needles: &[&str]) -> Arc<NeedleSet> {
    let name = |needle: &str| needle.split('-').next().unwrap_or_default().to_uppercase();
    let secrets = needles.iter().map(|needle| Secret::new(name(needle), needle.as_bytes().to_vec())).collect();
    Arc::new(NeedleSet::exactly(secrets, engine::named()).expect("the mask fits"))
}

/// A redactor, and the expected output of each step.
struct Stream(Redactor);

impl Stream {
    fn new(needles: &[&str]) -> Stream {
        Stream(Redactor::new(set(needles)))
    }

    #[track_caller]
    fn push(&mut self, text: &str, gives: &str) {
        assert_eq!(String::from_utf8_lossy(&self.0.push(text.as_bytes()).to_vec()), gives);
    }

    #[track_caller]
    fn swap(&mut self, needles: &[&str], gives: &str) {
        assert_eq!(String::from_utf8_lossy(&self.0.swap(set(needles)).to_vec()), gives);
    }

    #[track_caller]
    fn finish(&mut self, gives: &str) {
        assert_eq!(String::from_utf8_lossy(&self.0.finish().to_vec()), gives);
    }
}

#[test]
fn d02_held_back_bytes_are_matched_again() {
    let mut stream = Stream::new(&["alpha-bravo"]);
    stream.push("is alpha-", "is ");
    stream.swap(&["alpha-charlie"], "");
    stream.push("charlie", "<ALPHA>");
    stream.finish("");
}

#[test]
fn bytes_that_begin_no_new_needle_are_emitted_at_once() {
    let mut stream = Stream::new(&["alpha-bravo"]);
    stream.push("is alpha-", "is ");
    stream.swap(&["delta-echo"], "alpha-");
    stream.push("bravo delta-echo", "bravo <DELTA>");
    stream.finish("");
}

#[test]
fn a_needle_within_the_hold_back_is_found() {
    let mut stream = Stream::new(&["alpha-bravo-charlie"]);
    stream.push("alpha-bravo-", "");
    stream.swap(&["bravo-", "x-y"], "alpha-<BRAVO>");
    stream.push("bravo-.", ".");
    stream.finish("");
}

#[test]
fn a_region_of_the_old_set_stays_masked() {
    let mut stream = Stream::new(&["alpha-1", "alpha-1-and-more"]);
    stream.push("alpha-1-and", "");
    stream.swap(&["zulu-9"], "<ALPHA>-and");
    stream.push(" alpha-1", " alpha-1");
    stream.finish("");
}

#[test]
fn a_region_of_the_old_set_stays_masked_in_the_new_hold_back() {
    let mut stream = Stream::new(&["alpha-1", "alpha-1-and-more"]);
    stream.push("alpha-1-and", "");
    stream.swap(&["alpha-1-and-less"], "");
    stream.push("!", "<ALPHA>-and!");
    stream.finish("");
}

#[test]
fn a_region_goes_on_over_the_change() {
    let mut stream = Stream::new(&["alpha-1"]);
    stream.push("alpha-1", "<ALPHA>");
    stream.swap(&["bravo-2"], "");
    stream.push("bravo-2", "");
    stream.push("!", "!");
    stream.finish("");
}

#[test]
fn bytes_emitted_before_the_change_are_gone() {
    let mut stream = Stream::new(&["alpha-1"]);
    stream.push("delta-", "delta-");
    stream.swap(&["alpha-1", "delta-echo"], "");
    stream.push("echo delta-echo", "echo <DELTA>");
    stream.finish("");
}

/// Bytes shown on a terminal are gone: a needle of the new set within them gets no mask.
#[test]
fn bytes_released_before_the_change_are_no_region() {
    let mut stream = Stream::new(&["alpha-bravo"]);
    stream.push("alpha-br", "");
    assert_eq!(stream.0.release_partial(5).to_vec(), b"alpha");
    stream.swap(&["alpha"], "-br");
    stream.push("avo alpha", "avo <ALPHA>");
    stream.finish("");
}

/// The hold-back may be longer than the length searched at once.
#[test]
fn a_long_hold_back_is_matched_again() {
    const KIB: usize = 1 << 10;
    let mut rng = Rng(9);
    let long: Vec<u8> = (0..300 * KIB).map(|_| b'a' + rng.below(26) as u8).collect();
    let found = 280 * KIB..280 * KIB + 24;
    let set = |needle: &[u8]| engine::exactly(&[needle], engine::named(), Variant::Best);
    let mut redactor = Redactor::new(set(&long));
    assert_eq!(redactor.push(&long[..290 * KIB]).len(), 0);
    let mut out = redactor.swap(set(&long[found.clone()])).to_vec();
    out.extend(redactor.finish().to_vec());
    assert!(out == [&long[..found.start], b"<0>", &long[found.end..290 * KIB]].concat());
}

#[test]
fn from_no_needle_to_some_and_back() {
    let mut stream = Stream::new(&[]);
    stream.push("alpha-1 alph", "alpha-1 alph");
    stream.swap(&["alpha-1"], "");
    stream.push("a-1 alpha-1 alph", "a-1 <ALPHA> ");
    stream.swap(&[], "alph");
    stream.push("a-1", "a-1");
    stream.finish("");
}

#[test]
fn the_partial_match_at_the_end_is_the_new_set_s() {
    let mut stream = Stream::new(&["alpha-bravo-charlie"]);
    stream.push("alpha-bravo", "");
    stream.swap(&["alpha-bravo-delta"], "");
    stream.finish("<ALPHA>");
    let mut stream = Stream::new(&["alpha-bravo-charlie"]);
    stream.push("alpha-bravo", "");
    stream.swap(&["bravo-delta"], "alpha-");
    stream.finish("bravo");
}

#[test]
fn many_changes_in_a_row() {
    let mut stream = Stream::new(&["alpha-bravo"]);
    stream.push("alpha-br", "");
    stream.swap(&["alpha-bravo", "br-x"], "");
    stream.swap(&["lpha-brown"], "a");
    stream.swap(&["lpha-brown", "pha-brick"], "");
    stream.swap(&["pha-brick"], "l");
    stream.push("ick", "<PHA>");
    stream.finish("");
}

/// Every cutting of a text, and every position of the change: equal to the model after every step.
#[test]
fn changes_at_every_place() {
    let sets = [["aab", "abba"], ["ab", "bbb"], ["aabba", "b"]];
    let sets = sets.map(|needles| engine::exactly(&needles, engine::nameless(), Variant::Best));
    let mut cutting = Vec::new();
    for word in 0..1_usize << 7 {
        let text: Vec<u8> = (0..7).map(|at| b'a' + (word >> at & 1) as u8).collect();
        for (mask, change) in (0..1 << 6).flat_map(|mask| (0..7).map(move |change| (mask, change))) {
            cuts::of_mask(mask, text.len(), &mut cutting);
            let first = word % 3;
            let mut redactor = Redactor::new(Arc::clone(&sets[first]));
            let mut model = Model::new(Arc::clone(&sets[first]), Mask::Template("<>".to_owned()), PARTIAL_MASKED);
            let (mut got, mut want) = (Vec::new(), Vec::new());
            for (index, piece) in cuts::pieces(&text, &cutting).enumerate() {
                if index == change || index == change + 2 {
                    let next = &sets[(first + index + 1) % 3];
                    Engine::swap(&mut redactor, Arc::clone(next), &mut got);
                    model.swap(Arc::clone(next), &mut want);
                    assert!(got == want, "text {word:b}, cuts {mask:b}, change before piece {index}");
                }
                Engine::push(&mut redactor, piece, &mut got);
                model.push(piece, &mut want);
                assert!(got == want, "text {word:b}, cuts {mask:b}, change {change}, after piece {index}");
            }
            Engine::finish(&mut redactor, &mut got);
            model.finish(&mut want);
            assert!(got == want, "text {word:b}, cuts {mask:b}, change {change}, at the end");
        }
    }
}
