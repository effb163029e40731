//! The cases: needle sets, and the texts to search.

use std::sync::Arc;

use hushlog::{Mask, NeedleSet, NeedleSetBuilder, Secret};

use super::oracle::MASK;
use super::random::Random;
use super::secrets::{keys, keys_some_short, passwords, tokens};
use super::text::{Corpus, repeated};

/// Enough generated text that the branch predictor cannot learn a case; longer cases repeat it.
const MADE_UP_LEN: usize = 4 << 20;

/// A needle set, and a text that is repeated to the requested size.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) set: Arc<NeedleSet>,
    pub(crate) text: Vec<u8>,
}

/// A case that is built only in its turn: the needle sets are large.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    make: fn(&Corpus) -> (NeedleSet, Vec<u8>),
}

impl Recipe {
    pub(crate) fn make(&self, corpus: &Corpus) -> Case {
        let (set, text) = (self.make)(corpus);
        Case { name: self.name, set: Arc::new(set), text }
    }
}

/// All cases, in the order of the table in the README.
pub(crate) const CASES: &[Recipe] = &[
    Recipe { name: "logs/1-raw", make: |corpus| (raw(passwords(1)), logs(corpus)) },
    Recipe { name: "logs/10-raw", make: |corpus| (raw(passwords(10)), logs(corpus)) },
    Recipe { name: "logs/10", make: |corpus| (all_forms(keys(10)), logs(corpus)) },
    Recipe { name: "logs/100", make: |corpus| (all_forms(keys(100)), logs(corpus)) },
    Recipe { name: "logs/1000", make: |corpus| (all_forms(keys(1_000)), logs(corpus)) },
    Recipe { name: "logs/10000", make: |corpus| (all_forms(keys(10_000)), logs(corpus)) },
    Recipe { name: "marks/1000", make: |corpus| (all_forms(passwords(1_000)), logs(corpus)) },
    Recipe { name: "short/100", make: |corpus| (all_forms(keys_some_short(100)), logs(corpus)) },
    Recipe { name: "short/1000", make: |corpus| (all_forms(keys_some_short(1_000)), logs(corpus)) },
    Recipe { name: "hits/100", make: hits },
    Recipe { name: "hostile/aaaa", make: |_| (raw(vec![[&[b'a'; 999], &b"b"[..]].concat()]), vec![b'a'; MADE_UP_LEN]) },
    Recipe { name: "hostile/near-misses", make: |_| pieced(all_forms(keys(100)), &mut near_miss) },
    Recipe { name: "hostile/tokens", make: other_tokens },
    Recipe { name: "hostile/fragments", make: |_| pieced(all_forms(keys(100)), &mut fragment) },
    Recipe { name: "hostile/beginnings", make: |_| pieced(all_forms(keys(100)), &mut beginning) },
    Recipe { name: "hostile/endings", make: |_| pieced(all_forms(keys(100)), &mut ending) },
    Recipe { name: "escapes/json", make: |corpus| (all_forms(keys(100)), json_in_json(corpus)) },
    Recipe { name: "escapes/colours", make: |_| (all_forms(keys(100)), filled_with(b"\x1b[1mab\x1b[0m ")) },
    Recipe {
        name: "escapes/wrapped",
        make: |_| (all_forms(keys(100)), filled_with(&[&[b'x'; 64][..], b"\n"].concat())),
    },
    Recipe { name: "escapes/backslashes", make: |_| (all_forms(keys(100)), filled_with(b"\\")) },
    Recipe { name: "escapes/percent", make: |_| (all_forms(keys(100)), filled_with(b"%25252525252525")) },
    Recipe { name: "escapes/entities", make: |_| (all_forms(keys(100)), filled_with(b"&amp;amp;amp;amp;")) },
    Recipe { name: "escapes/esc", make: |_| (all_forms(keys(100)), filled_with(b"\x1b")) },
];

/// The values alone.
pub(crate) fn raw(values: Vec<Vec<u8>>) -> NeedleSet {
    set(values, false)
}

/// The values in all their forms.
pub(crate) fn all_forms(values: Vec<Vec<u8>>) -> NeedleSet {
    set(values, true)
}

fn set(values: Vec<Vec<u8>>, encodings: bool) -> NeedleSet {
    let secrets = values.into_iter().map(|value| Secret::new("BENCH", value));
    let builder = NeedleSet::builder().encodings(encodings).mask(Mask::Template(MASK.to_owned()));
    secrets.fold(builder, NeedleSetBuilder::secret).build().expect("a needle set")
}

fn logs(corpus: &Corpus) -> Vec<u8> {
    corpus.text(corpus.len())
}

/// Log text of which each word is a string of a JSON array that stands in a string of JSON: an
/// escape every ten bytes or so.
fn json_in_json(corpus: &Corpus) -> Vec<u8> {
    let mut text = Vec::with_capacity(2 * MADE_UP_LEN);
    for line in corpus.text(MADE_UP_LEN).split(|&byte| byte == b'\n') {
        text.extend_from_slice(b"{\"log\":\"[");
        for word in line.split(|&byte| byte == b' ') {
            text.extend_from_slice(b"\\\"");
            text.extend(word.iter().filter(|byte| !matches!(byte, b'"' | b'\\')));
            text.extend_from_slice(b"\\\",");
        }
        text.extend_from_slice(b"]\"}\n");
    }
    text
}

/// This text again and again.
fn filled_with(unit: &[u8]) -> Vec<u8> {
    repeated(unit, MADE_UP_LEN)
}

/// Log text in which a needle begins every 200 bytes.
fn hits(corpus: &Corpus) -> (NeedleSet, Vec<u8>) {
    const EVERY: usize = 200;
    let set = all_forms(keys(100));
    let needles: Vec<&[u8]> = set.expose().collect();
    let (mut random, mut text) = (Random::new(200), corpus.text(MADE_UP_LEN));
    for stretch in text.chunks_exact_mut(EVERY) {
        let needle = random.pick(&needles);
        let len = needle.len().min(EVERY - 1);
        // In JSON, a mask in place of a whole value would have quotes, which the oracle does not
        // know.
        stretch[0] = b'=';
        stretch[1..=len].copy_from_slice(&needle[..len]);
    }
    (set, text)
}

/// Log lines with other tokens of the secrets' issuer: they share the header and half the payload.
fn other_tokens(corpus: &Corpus) -> (NeedleSet, Vec<u8>) {
    let lines = corpus.text(MADE_UP_LEN);
    let mut text = Vec::with_capacity(2 * MADE_UP_LEN);
    for (line, token) in lines.split(|&byte| byte == b'\n').zip(tokens(1_000, 2).iter().cycle()) {
        text.extend_from_slice(line);
        text.extend_from_slice(b" authorization=\"Bearer ");
        text.extend_from_slice(token);
        text.extend_from_slice(b"\"\n");
    }
    (all_forms(tokens(100, 1)), text)
}

type Cut = dyn FnMut(&mut Random, &[u8], &mut Vec<u8>);

/// A text of parts of needles, cut by `cut`, with nothing between them.
fn pieced(set: NeedleSet, cut: &mut Cut) -> (NeedleSet, Vec<u8>) {
    let needles: Vec<&[u8]> = set.expose().collect();
    let (mut random, mut text) = (Random::new(300), Vec::with_capacity(MADE_UP_LEN));
    while text.len() < MADE_UP_LEN {
        let needle = random.pick(&needles);
        cut(&mut random, needle, &mut text);
    }
    (set, text)
}

/// The whole needle but for its last byte. A line end alone behind it would read as nothing, and
/// the next needle could go on with that byte.
fn near_miss(_: &mut Random, needle: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(&needle[..needle.len() - 1]);
    text.extend_from_slice(b".\n");
}

/// 8 to 16 bytes from anywhere in the needle.
fn fragment(random: &mut Random, needle: &[u8], text: &mut Vec<u8>) {
    let len = random.between(8, 16).min(needle.len());
    let start = random.below(needle.len() - len + 1);
    text.extend_from_slice(&needle[start..start + len]);
}

/// The needle's first 9 to 33 bytes, which pass any prefilter for beginnings.
fn beginning(random: &mut Random, needle: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(&needle[..random.between(9, 33).min(needle.len() - 1)]);
}

/// All but the needle's first byte.
fn ending(_: &mut Random, needle: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(&needle[1..]);
}
