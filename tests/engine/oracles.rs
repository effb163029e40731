//! The oracles agree with each other, and catch every deliberately broken redactor.

use std::sync::Arc;

use crate::harness::canary::{Broken, FAULTS, Fault};
use crate::harness::engine::{self, Engine};
use crate::harness::expected::{Expected, PARTIAL_KEPT, PARTIAL_MASKED};
use crate::harness::lines;
use crate::harness::model::Model;
use crate::harness::rng::Rng;
use crate::harness::scenario::{ONE_SET, SWAPS, Scenario, Step};
use hushlog::redact::prefilter::Variant;

/// The linear oracle, which judges long texts, equals the definition on short ones.
#[test]
fn linear_oracle_is_the_definition() {
    let mut rng = Rng(1);
    for _ in 0..3000 {
        let scenario = Scenario::random(&mut rng, ONE_SET);
        let set = &scenario.compile(Variant::Best)[0];
        let text = scenario.text();
        let text = &text[..text.len().min(60)];
        for partial_len_min in [PARTIAL_MASKED, PARTIAL_KEPT] {
            let naive = Expected::naive(set, text, partial_len_min);
            assert!(naive == Expected::linear(set, text, partial_len_min), "{scenario:?}");
        }
    }
}

/// The model of changing sets equals the definition as long as no set changes.
#[test]
fn model_without_a_change_is_the_definition() {
    let mut rng = Rng(2);
    for _ in 0..1000 {
        let scenario = Scenario { starred: true, ..Scenario::random(&mut rng, ONE_SET) };
        let set = &scenario.compile(Variant::Best)[0];
        let text = scenario.text();
        let text = &text[..text.len().min(40)];
        let naive = Expected::naive(set, text, PARTIAL_MASKED);
        let mut model = Model::new(Arc::clone(set), engine::starred(), PARTIAL_MASKED);
        let mut out = Vec::new();
        for end in 1..=text.len() {
            model.push(&text[end - 1..end], &mut out);
            assert!(out == naive.pushed[..naive.given[end]], "{scenario:?}");
        }
        model.finish(&mut out);
        assert!(out == naive.finished, "{scenario:?}");
    }
}

/// A fault that no test catches means that a test is missing.
#[test]
fn every_broken_redactor_is_caught() {
    for fault in FAULTS {
        let limits = if matches!(fault, Fault::IgnoresSwap | Fault::ForgetsReleased) { SWAPS } else { ONE_SET };
        let mut rng = Rng(3);
        let caught = (0..500).filter(|_| is_caught(fault, &Scenario::random(&mut rng, limits))).count();
        assert!(caught >= 50, "{fault:?} was caught in {caught} runs of 500");
    }
}

fn is_caught(fault: Fault, scenario: &Scenario) -> bool {
    let sets = scenario.compile(Variant::Best);
    let mut broken = Broken::new(fault, Arc::clone(&sets[0]), scenario.mask_partial);
    scenario.check_engine(&mut broken, &sets).is_err()
}

/// The oracle catches the fault, not its wrapper: without a cut, a redactor that forgets at cuts is
/// correct.
#[test]
fn an_engine_that_forgets_at_cuts_is_right_without_cuts() {
    let set = engine::exactly(&["abcabd", "abc"], engine::named(), Variant::Best);
    let expected = Expected::naive(&set, b"abcabcabd", PARTIAL_MASKED);
    let mut broken = Broken::new(Fault::ForgetsAtCuts, Arc::clone(&set), true);
    let mut out = Vec::new();
    broken.push(b"abcabcabd", &mut out);
    assert!(out == expected.finished);
    let mut broken = Broken::new(Fault::ForgetsAtCuts, set, true);
    let mut cut = Vec::new();
    broken.push(b"abcabcab", &mut cut);
    broken.push(b"d", &mut cut);
    broken.finish(&mut cut);
    assert!(cut != expected.finished);
}

/// A whole line of a needle of several lines may visibly wait if it is too long to be guessed at
/// once. The line oracle's twin set does not wait there, and that is no fault. Found by fuzzing.
#[test]
fn the_line_oracle_detects_a_revealing_line() {
    let needle = b"ostgres://user:pw@host/bostgres://user:pw@host/bostgres://us".to_vec();
    let steps = [&b""[..], b"", b"pstgres://user:pw@host/bostgres://user:pw@host/bostgres://us"];
    let steps = steps.map(|piece| Step::Push(piece.to_vec())).to_vec();
    let scenario = Scenario { sets: vec![vec![needle]], starred: false, mask_partial: true, steps };
    lines::check(&scenario).expect("no fault");
}

/// A needle's line that is short enough to be guessed waits with any set.
#[test]
fn line_oracle_does_not_take_a_line_that_could_be_guessed() {
    let steps = ["", "", "xyzbuvwbst"].map(|piece| Step::Push(piece.as_bytes().to_vec())).to_vec();
    let scenario = Scenario { sets: vec![vec![b"xyzbuvwbstr".to_vec()]], starred: false, mask_partial: true, steps };
    lines::check(&scenario).expect("no fault");
}
