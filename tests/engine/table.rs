//! One table of cases x every engine x every adapter x every cutting.
//!
//! The cases are in `tests/cases/`; `tests/cases/README.md` describes their format. For its own
//! cutting, a case lists the expected output after each piece, written by hand. For all other
//! cuttings the definition gives it, after a test has compared it with the handwritten output.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::harness::adapter::{CALM, ReadFrom, WILD, Written};
#[cfg(feature = "tokio")]
use crate::harness::async_adapter::{AsyncReadFrom, AsyncWritten, Decoded, Encoded};
use crate::harness::case::Case;
use crate::harness::engine::Engine;
use crate::harness::expected::{Expected, PARTIAL_KEPT, PARTIAL_MASKED, partial_lens};
use crate::harness::rng::Rng;
use crate::harness::scenario::{SWAPS, Scenario, Step};
use crate::harness::{case, check, cuts};
use hushlog::redact::naive;
use hushlog::redact::prefilter::Variant;
use hushlog::{BuildError, Mask, NeedleSet, Redactor, Secret};

/// Up to this length, the redactor's texts are cut at every pair of positions.
const PAIRS_LEN_MAX: usize = 64;

/// An adapter through which each case runs.
type Adapter = (&'static str, fn(Arc<NeedleSet>, bool) -> Box<dyn Engine>);

/// Every way to the engine; a new one is one line here.
const ADAPTERS: &[Adapter] = &[
    ("redactor", |set, mask_partial| Box::new(Redactor::new(set).mask_partial(mask_partial))),
    ("writer", |set, mask_partial| Box::new(Written::new(set, mask_partial, CALM))),
    ("writer to a wild sink", |set, mask_partial| Box::new(Written::new(set, mask_partial, WILD))),
    ("reader", |set, mask_partial| Box::new(ReadFrom::new(set, mask_partial, 4096, CALM))),
    ("reader by bytes from a wild source", |set, mask_partial| Box::new(ReadFrom::new(set, mask_partial, 1, WILD))),
    #[cfg(feature = "tokio")]
    ("asynchronous writer", |set, mask_partial| Box::new(AsyncWritten::new(set, mask_partial, true, CALM))),
    #[cfg(feature = "tokio")]
    ("asynchronous writer to a wild sink", |set, mask_partial| {
        Box::new(AsyncWritten::new(set, mask_partial, false, WILD))
    }),
    #[cfg(feature = "tokio")]
    ("asynchronous reader", |set, mask_partial| Box::new(AsyncReadFrom::new(set, mask_partial, 4096, CALM))),
    #[cfg(feature = "tokio")]
    ("asynchronous reader by bytes from a wild source", |set, mask_partial| {
        Box::new(AsyncReadFrom::new(set, mask_partial, 1, WILD))
    }),
    #[cfg(feature = "tokio")]
    ("encoder", |set, mask_partial| Box::new(Encoded::new(set, mask_partial))),
    #[cfg(feature = "tokio")]
    ("decoder", |set, mask_partial| Box::new(Decoded::new(set, mask_partial))),
];

/// The set of a case: its needles as given, or its secrets with all their forms.
fn set(case: &Case, variant: Variant) -> Arc<NeedleSet> {
    Arc::new(build(case, variant).expect("the set of a case is sound"))
}

fn build(case: &Case, variant: Variant) -> Result<NeedleSet, BuildError> {
    let mask = case.mask_char.map_or(Mask::Template(case.mask.clone()), Mask::Char);
    let secrets = |list: &[(String, Vec<u8>)]| -> Vec<Secret> {
        list.iter().map(|(name, value)| Secret::new(name, value.clone())).collect()
    };
    if case.secrets.is_empty() {
        NeedleSet::exactly_by(secrets(&case.needles), mask, variant)
    } else {
        let builder = NeedleSet::builder().mask(mask).variant(variant);
        secrets(&case.secrets).into_iter().fold(builder, |builder, secret| builder.secret(secret)).build()
    }
}

fn partial_len_min(case: &Case) -> usize {
    if case.mask_partial { PARTIAL_MASKED } else { PARTIAL_KEPT }
}

/// The definition's output after each piece equals the handwritten one.
#[test]
fn the_definition_matches_the_table() {
    for case in case::all() {
        let set = set(&case, Variant::Best);
        let needles: Vec<&[u8]> = set.expose().collect();
        let mask = &mut |needle, first, out: &mut Vec<u8>| set.write_mask(needle, first, out);
        for run in &case.runs {
            let (mut text, mut want) = (Vec::new(), Vec::new());
            for (index, (piece, gives)) in run.pieces.iter().enumerate() {
                text.extend_from_slice(piece);
                want.extend_from_slice(gives);
                assert!(naive::pushed(&needles, &text, mask) == want, "{}: piece {index}", case.name);
            }
            want.extend_from_slice(&run.end);
            assert!(
                naive::finished(&needles, &text, &partial_lens(&set, partial_len_min(&case)), mask) == want,
                "{}: end",
                case.name
            );
        }
    }
}

/// The output of every engine through every adapter equals the handwritten one, after each piece.
#[test]
fn the_engines_match_the_table() {
    for case in case::all() {
        for variant in Variant::ALL {
            let set = set(&case, variant);
            for (adapter, make) in ADAPTERS {
                for run in &case.runs {
                    let (mut engine, mut got, mut want) =
                        (make(Arc::clone(&set), case.mask_partial), Vec::new(), Vec::new());
                    for (index, (piece, gives)) in run.pieces.iter().enumerate() {
                        engine.push(piece, &mut got);
                        want.extend_from_slice(gives);
                        assert!(got == want, "{}: {variant:?}, {adapter}: piece {index}", case.name);
                    }
                    engine.finish(&mut got);
                    want.extend_from_slice(&run.end);
                    assert!(got == want, "{}: {variant:?}, {adapter}: end", case.name);
                }
            }
        }
    }
}

/// Cuts change nothing (promise 3), and no byte waits without need (promise 4): M01 for every case
/// of the table.
#[test]
fn every_cutting_gives_the_same() {
    let mut rng = Rng(4);
    let mut out = Vec::new();
    for case in case::all() {
        let text = case.text();
        let cuttings = [cuts::of(text.len(), PAIRS_LEN_MAX, &mut rng), cuts::of(text.len(), 0, &mut rng)];
        for variant in Variant::ALL {
            let set = set(&case, variant);
            let expected = Expected::linear(&set, &text, partial_len_min(&case));
            for (adapter, make) in ADAPTERS {
                for cuts in &cuttings[usize::from(*adapter != "redactor")] {
                    let engine = &mut *make(Arc::clone(&set), case.mask_partial);
                    let result = check::run(engine, &expected, &text, cuts, &mut out);
                    result.unwrap_or_else(|error| panic!("{}: {variant:?}, {adapter}: {error:?}", case.name));
                }
            }
        }
    }
}

/// The same when the set changes in between (promise 9), at random.
#[test]
fn every_adapter_swaps_as_the_model_does() {
    let mut rng = Rng(41);
    for _ in 0..400 {
        let mut scenario = Scenario::random(&mut rng, SWAPS);
        // No reader or writer of an adapter is on a terminal.
        scenario.steps.retain(|step| !matches!(step, Step::ReleasePartial(_)));
        let sets = scenario.compile(Variant::Best);
        for (adapter, make) in ADAPTERS {
            let result = scenario.check_engine(&mut *make(Arc::clone(&sets[0]), scenario.mask_partial), &sets);
            result.unwrap_or_else(|error| panic!("{adapter}: {error}\n{scenario:?}"));
        }
    }
}

/// The linear oracle, which judges the cuttings, is the definition on all texts of the table.
#[test]
fn linear_oracle_agrees_on_the_table() {
    for case in case::all() {
        let (set, text) = (set(&case, Variant::Best), case.text());
        if text.len() <= 400 {
            let naive = Expected::naive(&set, &text, partial_len_min(&case));
            assert!(naive == Expected::linear(&set, &text, partial_len_min(&case)), "{}", case.name);
        }
    }
}

/// A mask that could complete a secret with its neighbours is refused, and the error names the
/// secret: M07, promise 6.
#[test]
fn masks_that_could_complete_a_secret_are_refused() {
    let cases = case::refused();
    assert!(cases.len() >= 8, "only {} cases were read", cases.len());
    for case in cases {
        let name = case.refused.clone().expect("these are the refused ones");
        let error = build(&case, Variant::Best).err();
        assert!(error == Some(BuildError::MaskConflict { name }), "{}: {error:?}", case.name);
    }
}

/// A redacted stream that is redacted again stays unchanged: M26.
#[test]
fn masking_twice_is_masking_once() {
    for case in case::all().into_iter().filter(|case| case.once_is_enough) {
        let set = set(&case, Variant::Best);
        let once = |text: &[u8]| {
            let (mut redactor, mut out) = (Redactor::new(Arc::clone(&set)).mask_partial(case.mask_partial), Vec::new());
            Engine::push(&mut redactor, text, &mut out);
            Engine::finish(&mut redactor, &mut out);
            out
        };
        let masked = once(&case.text());
        assert!(once(&masked) == masked, "{}", case.name);
    }
}

/// Duplicate case names, or cuttings of different texts, would weaken the table.
#[test]
fn table_is_sound() {
    let mut names = BTreeSet::new();
    for case in case::all() {
        assert!(names.insert(case.name.clone()), "{} stands twice in the table", case.name);
        assert!(!case.why.is_empty(), "{} does not say why it is there", case.name);
        let given = |run: &case::Run| {
            [run.pieces.iter().map(|piece| &piece.1[..]).collect::<Vec<_>>().concat(), run.end.clone()].concat()
        };
        for run in &case.runs {
            assert!(run.text() == case.text(), "{} cuts different texts", case.name);
            assert!(given(run) == given(&case.runs[0]), "{} gives different outputs", case.name);
        }
    }
    assert!(names.len() >= 40, "only {} cases were read", names.len());
}
