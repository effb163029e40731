//! The remains of a text when all needles of one secret are masked.

use hushlog::redact::naive;
use hushlog::{NeedleSet, Secret};

/// The needles of one secret, with all of its forms and parts.
pub(crate) fn needles(value: &[u8]) -> NeedleSet {
    NeedleSet::builder().secret(Secret::new("S", value.to_vec())).build().expect("one secret of modest size is taken")
}

/// The bytes of `text` that are part of no needle.
pub(crate) fn left(set: &NeedleSet, text: &[u8]) -> Vec<u8> {
    let needles: Vec<&[u8]> = set.expose().collect();
    let covered = match set.reads() {
        true => naive::readings::covered(&needles, text, true),
        false => naive::covered(&needles, text),
    };
    text.iter().zip(covered).filter(|(_, covered)| !covered).map(|(&byte, _)| byte).collect()
}
