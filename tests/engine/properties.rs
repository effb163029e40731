//! Properties of random runs: needles over few letters and over all bytes, texts of their
//! fragments, overlaps and near-misses, random cuts, streams that end and restart, and sets that
//! change in between.
//!
//! proptest generates the bytes that decide a run (see `harness/scenario.rs`), and shrinks them. A
//! failing input is committed to `tests/properties.regressions` and never removed; its finding also
//! gets a named case in `tests/cases/`. The long run, M27:
//!
//!     cargo test --release --test engine properties -- --ignored

use std::sync::Arc;

use crate::harness;
use crate::harness::engine::Engine;
use crate::harness::rng::Rng;
use crate::harness::scenario::{Limits, ONE_SET, SWAPS, Scenario, Step};
use hushlog::redact::naive;
use hushlog::redact::prefilter::Variant;
use hushlog::{NeedleSet, Redactor};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn config(cases: u32) -> ProptestConfig {
    let regressions = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(regressions)), ..ProptestConfig::default() }
}

fn scenario(limits: Limits) -> impl Strategy<Value = Scenario> {
    vec(any::<u8>(), 0..160).prop_map(move |bytes| Scenario::decode(&bytes, limits))
}

/// The complete output of a run.
fn run(scenario: &Scenario, sets: &[Arc<NeedleSet>]) -> Vec<u8> {
    drive(scenario, sets, &mut Redactor::new(Arc::clone(&sets[0])).mask_partial(scenario.mask_partial))
}

fn drive(scenario: &Scenario, sets: &[Arc<NeedleSet>], redactor: &mut Redactor) -> Vec<u8> {
    let mut out = Vec::new();
    for step in scenario.steps.iter().chain([&Step::Finish]) {
        match step {
            Step::Push(piece) => Engine::push(redactor, piece, &mut out),
            Step::Swap(set) => Engine::swap(redactor, Arc::clone(&sets[*set]), &mut out),
            Step::ReleasePartial(len_max) => Engine::release_partial(redactor, *len_max, &mut out),
            Step::Finish => Engine::finish(redactor, &mut out),
        }
    }
    out
}

proptest! {
    #![proptest_config(config(4000))]

    /// After every piece, output and held-back bytes equal the definition's: promises 1 to 4.
    #[test]
    fn redactor_is_the_definition(scenario in scenario(ONE_SET)) {
        scenario.check().map_err(TestCaseError::fail)?;
    }

    /// The same when the set changes in mid-stream: promise 9.
    #[test]
    fn redactor_with_changing_sets_is_the_model(scenario in scenario(SWAPS)) {
        scenario.check().map_err(TestCaseError::fail)?;
    }

    /// A change of the set drops, doubles and reorders nothing. With a mask as long as its region,
    /// every output byte is the input byte at that position or the mask.
    #[test]
    fn change_of_the_set_keeps_every_byte_in_its_place(scenario in scenario(SWAPS)) {
        let scenario = Scenario { starred: true, ..scenario };
        let (text, out) = (scenario.text(), run(&scenario, &scenario.compile(Variant::Best)));
        prop_assert_eq!(text.len(), out.len());
        prop_assert!(text.iter().zip(&out).all(|(&went_in, &came_out)| came_out == went_in || came_out == b'*'));
    }

    /// Changing to a set with the same needles, at any time, changes nothing.
    #[test]
    fn change_to_an_equal_set_changes_nothing(scenario in scenario(ONE_SET)) {
        let sets = scenario.compile(Variant::Best);
        let swap = |step: &Step| [step.clone(), Step::Swap(0)];
        let swapping = Scenario { steps: scenario.steps.iter().flat_map(swap).collect(), ..scenario.clone() };
        prop_assert!(run(&scenario, &sets) == run(&swapping, &sets));
    }

    /// The counts equal the masks that were emitted, across set changes and ends of streams.
    #[test]
    fn counts_are_the_masks(scenario in scenario(SWAPS)) {
        let scenario = Scenario { starred: false, ..scenario };
        let sets = scenario.compile(Variant::Best);
        let mut redactor = Redactor::new(Arc::clone(&sets[0])).mask_partial(scenario.mask_partial);
        let out = drive(&scenario, &sets, &mut redactor);
        let masks = out.iter().filter(|&&byte| byte == b'<').count();
        prop_assert_eq!(redactor.counts().values().sum::<u64>(), masks as u64);
    }

    /// M26: redacted output passes unchanged, because no needle here contains a byte of a mask.
    #[test]
    fn masking_twice_is_masking_once(scenario in scenario(ONE_SET)) {
        let scenario = Scenario { steps: vec![Step::Push(scenario.text())], ..scenario };
        let sets = scenario.compile(Variant::Best);
        let once = run(&scenario, &sets);
        let again = Scenario { steps: vec![Step::Push(once.clone())], ..scenario };
        prop_assert!(once == run(&again, &sets));
    }

    /// M25, the usual definition of correctness elsewhere: no needle occurs in the output. A
    /// redactor without any output satisfies it too, so it is only a by-product of equality.
    #[test]
    fn no_needle_stands_in_the_output(scenario in scenario(ONE_SET)) {
        let scenario = Scenario { steps: vec![Step::Push(scenario.text())], ..scenario };
        let sets = scenario.compile(Variant::Best);
        let needles: Vec<&[u8]> = sets[0].expose().collect();
        prop_assert!(!naive::covered(&needles, &run(&scenario, &sets)).contains(&true));
    }

    /// If no needle occurs, and none begins at the end, output equals input: promise 2.
    #[test]
    fn text_without_a_needle_passes_unchanged(scenario in scenario(ONE_SET), junk in vec(0x80..=0xff_u8, 0..3000)) {
        let needles: Vec<Vec<u8>> = scenario.sets[0].iter().map(|needle| needle.iter().map(|byte| b'a' + byte % 26).collect()).collect();
        let scenario = Scenario { sets: vec![needles], steps: vec![Step::Push(junk.clone())], ..scenario };
        for variant in Variant::ALL {
            prop_assert!(run(&scenario, &scenario.compile(variant)) == junk);
        }
    }

    /// M28: the same input gives the same output twice, in any pieces.
    #[test]
    fn cutting_changes_nothing(scenario in scenario(ONE_SET), seed: u64) {
        let sets = scenario.compile(Variant::Best);
        let steps: Vec<Step> = scenario.steps.iter().filter(|step| **step != Step::Finish).cloned().collect();
        let (scenario, text) = (Scenario { steps, ..scenario.clone() }, scenario.text());
        let cuts = harness::cuts::random(&mut Rng(seed), text.len(), 40);
        let steps = harness::cuts::pieces(&text, &cuts).map(|piece| Step::Push(piece.to_vec())).collect();
        let cut_anew = Scenario { steps, ..scenario.clone() };
        prop_assert!(run(&scenario, &sets) == run(&cut_anew, &sets));
    }
}

/// M27: a million random cases against the definition.
#[test]
#[ignore = "minutes with --release"]
fn million_random_cases() {
    let mut rng = Rng(27);
    for case in 0..1_000_000 {
        let limits = if case % 4 == 0 { SWAPS } else { ONE_SET };
        let scenario = Scenario::random(&mut rng, limits);
        scenario.check().unwrap_or_else(|error| panic!("case {case}: {error}\n{scenario:?}"));
    }
}
