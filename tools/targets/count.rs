//! Redacts a megabyte of clean logs PASSES times, for its instructions to be counted:
//!
//!     count SECRETS all|short best|avx2|portable PASSES
//!
//! `short`: every tenth secret has 4 to 7 characters. `instructions` runs it. The search is first
//! compared with the automaton alone, on the same logs with and without secrets.

#[path = "../../benches/support/random.rs"]
mod random;
#[path = "../../benches/support/secrets.rs"]
#[allow(dead_code, reason = "each program uses a part of it")]
mod secrets;
#[path = "../../benches/support/text.rs"]
#[allow(dead_code, reason = "each program uses a part of it")]
mod text;

use std::hint::black_box;
use std::sync::Arc;

use hushlog::redact::prefilter::Variant;
use hushlog::{NeedleSet, NeedleSetBuilder, Redactor, Secret};

use random::Random;

const TEXT_LEN: usize = 1 << 20;
/// The length of a filter's read.
const PIECE_LEN: usize = 64 << 10;
/// The length of the text with secrets, and the distance between two of them.
const HITS_LEN: usize = 256 << 10;
const HITS_EVERY: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, lengths, variant, passes] = &arguments[..] else { panic!("count SECRETS LENGTHS VARIANT PASSES") };
    let (count, passes): (usize, usize) =
        (count.parse().expect("a number of secrets"), passes.parse().expect("a number of passes"));
    let values = match lengths.as_str() {
        "all" => secrets::keys(count),
        "short" => secrets::keys_some_short(count),
        _ => panic!("all or short"),
    };
    let variant = match variant.as_str() {
        "best" => Variant::Best,
        "avx2" => Variant::Avx2,
        "portable" => Variant::Portable,
        _ => panic!("best, avx2 or portable"),
    };
    let text = &text::made_up(TEXT_LEN)[..TEXT_LEN];
    let set = set_by(&values, variant);
    check(&set, &set_by(&values, Variant::Automaton), text);
    let mut redactor = Redactor::new(set);
    let mut given_out = 0;
    for _ in 0..passes {
        for piece in text.chunks(PIECE_LEN) {
            given_out += redactor.push(piece).map(|segment| black_box(segment).len()).sum::<usize>();
        }
    }
    given_out += redactor.finish().map(<[u8]>::len).sum::<usize>();
    assert_eq!(given_out, passes * text.len());
    println!("{}", variant.instructions());
}

fn set_by(values: &[Vec<u8>], variant: Variant) -> Arc<NeedleSet> {
    let secrets = values.iter().map(|value| Secret::new("COUNT", value.clone()));
    let builder = NeedleSet::builder().variant(variant);
    Arc::new(secrets.fold(builder, NeedleSetBuilder::secret).build().expect("a needle set"))
}

/// Panics unless the set leaves the text as it is, and redacts it with needles in it like the
/// automaton.
fn check(set: &Arc<NeedleSet>, automaton: &Arc<NeedleSet>, text: &[u8]) {
    assert!(redacted(set, text) == text, "the logs are clean");
    let needles: Vec<&[u8]> = set.expose().collect();
    let (mut random, mut hits) = (Random::new(200), text[..HITS_LEN].to_vec());
    for stretch in hits.chunks_exact_mut(HITS_EVERY) {
        let needle = random.pick(&needles);
        let len = needle.len().min(HITS_EVERY);
        stretch[..len].copy_from_slice(&needle[..len]);
    }
    let expected = redacted(automaton, &hits);
    assert!(expected != hits && redacted(set, &hits) == expected, "the search differs from the automaton");
}

fn redacted(set: &Arc<NeedleSet>, text: &[u8]) -> Vec<u8> {
    let (mut redactor, mut out) = (Redactor::new(Arc::clone(set)), Vec::with_capacity(text.len()));
    for piece in text.chunks(PIECE_LEN) {
        redactor.push(piece).for_each(|segment| out.extend_from_slice(segment));
    }
    redactor.finish().for_each(|segment| out.extend_from_slice(segment));
    out
}
