//! The expected output of a redactor after every prefix of a text, computed in two ways that share
//! no code.

use hushlog::NeedleSet;
use hushlog::redact::naive::{self, readings};

/// The number of value bytes from which a redactor masks a partial match by default, and a number
/// that no partial match reaches.
pub const PARTIAL_MASKED: usize = hushlog::redact::redactor::PARTIAL_LEN_MIN;
pub const PARTIAL_KEPT: usize = usize::MAX;

/// For each needle, the length from which a partial match counts, given the number of value bytes
/// that it must represent.
pub fn partial_lens(set: &NeedleSet, partial_len_min: usize) -> impl Fn(usize) -> usize {
    move |needle| if partial_len_min == PARTIAL_KEPT { PARTIAL_KEPT } else { set.partial_len_min(needle) }
}

/// The expected results for one text.
#[derive(PartialEq, Eq, Debug)]
pub struct Expected {
    /// The output after the whole text.
    pub pushed: Vec<u8>,
    /// The output after the end of the stream.
    pub finished: Vec<u8>,
    /// The length of the output in `pushed`, by the number of text bytes pushed.
    pub given: Vec<usize>,
    /// The number of held-back bytes, by the number of text bytes pushed.
    pub held: Vec<usize>,
}

impl Expected {
    /// By the definition itself, for every prefix. Cubic: for texts of a few dozen bytes.
    pub fn naive(set: &NeedleSet, text: &[u8], partial_len_min: usize) -> Expected {
        Expected::naive_at(set, text, partial_len_min, 0..=text.len())
    }

    /// By the definition itself, for these prefixes, in order, and the whole text.
    pub fn naive_at(
        set: &NeedleSet,
        text: &[u8],
        partial_len_min: usize,
        ends: impl IntoIterator<Item = usize>,
    ) -> Expected {
        let needles: Vec<&[u8]> = set.expose().collect();
        let mask = &mut |needle, first, out: &mut Vec<u8>| set.write_mask(needle, first, out);
        let (mut given, mut held) = (vec![0; text.len() + 1], vec![0; text.len() + 1]);
        let mut pushed = Vec::new();
        for end in ends.into_iter().chain([text.len()]) {
            let text = &text[..end];
            let (now, held_len) = match set.reads() {
                true => (readings::pushed(&needles, text, mask), readings::held(&needles, text)),
                false => (naive::pushed(&needles, text, mask), naive::held(&needles, text)),
            };
            assert!(now.starts_with(&pushed), "the definition takes back what it gave out");
            (given[end], held[end]) = (now.len(), held_len);
            pushed = now;
        }
        let lens = partial_lens(set, partial_len_min);
        let finished = match set.reads() {
            true => readings::finished(&needles, text, &lens, mask),
            false => naive::finished(&needles, text, &lens, mask),
        };
        Expected { pushed, finished, given, held }
    }

    /// By Knuth, Morris and Pratt, one needle at a time: linear in the text for each needle.
    pub fn linear(set: &NeedleSet, text: &[u8], partial_len_min: usize) -> Expected {
        let needles: Vec<&[u8]> = set.expose().collect();
        let mut held = vec![0; text.len() + 1];
        let mut longest_at = vec![None; text.len()];
        let (counts_from, mut partial_len) = (partial_lens(set, partial_len_min), 0);
        for (index, needle) in needles.iter().enumerate() {
            follow(needle, text, |end, depth, whole| {
                held[end] = held[end].max(depth);
                if end == text.len() && depth >= counts_from(index) {
                    partial_len = partial_len.max(depth);
                }
                let longest = |(_, len)| len < needle.len();
                if whole && longest_at[end - needle.len()].is_none_or(longest) {
                    longest_at[end - needle.len()] = Some((index, needle.len()));
                }
            });
        }
        let (mut whole, len_before) = render(set, text, &longest_at);
        let given: Vec<usize> = (0..=text.len()).map(|end| len_before[end - held[end]]).collect();
        let pushed = whole[..given[text.len()]].to_vec();
        if partial_len > 0 {
            let partial = text.len() - partial_len;
            let counts = |n: &usize| {
                needles[*n].len() > partial_len
                    && needles[*n].starts_with(&text[partial..])
                    && partial_len >= counts_from(*n)
            };
            let first = || (0..needles.len()).find(counts);
            let name = longest_at[partial].map(|(index, _)| index).or_else(first);
            longest_at[partial] = name.map(|index| (index, partial_len));
            whole = render(set, text, &longest_at).0;
        }
        Expected { pushed, finished: whole, given, held }
    }
}

/// The text with its masks, and its length before each byte of the text and at its end.
/// `longest_at` holds, for each byte, the longest needle that occurs there, with its length.
fn render(set: &NeedleSet, text: &[u8], longest_at: &[Option<(usize, usize)>]) -> (Vec<u8>, Vec<usize>) {
    let (mut out, mut len_before) = (Vec::new(), vec![0]);
    let (mut region_end, mut name) = (0, None);
    for (at, &byte) in text.iter().enumerate() {
        if let Some((_, len)) = longest_at[at] {
            region_end = region_end.max(at + len);
        }
        if at < region_end {
            let first = name.is_none();
            name = name.or(longest_at[at].map(|(index, _)| index));
            set.write_mask(name.expect("a region begins with a needle"), first, &mut out);
        } else {
            name = None;
            out.push(byte);
        }
        len_before.push(out.len());
    }
    (out, len_before)
}

/// Reports, for every end of a prefix of `text`, the length of the needle's longest *proper* prefix
/// that ends there, and whether the whole needle ends there.
fn follow(needle: &[u8], text: &[u8], mut tell: impl FnMut(usize, usize, bool)) {
    let border = borders(needle);
    let mut depth = 0;
    for (at, &byte) in text.iter().enumerate() {
        while depth > 0 && needle[depth] != byte {
            depth = border[depth];
        }
        depth += usize::from(needle[depth] == byte);
        let whole = depth == needle.len();
        if whole {
            depth = border[depth];
        }
        tell(at + 1, depth, whole);
    }
}

/// For each length, the length of the longest proper prefix of `needle[..length]` that is also its
/// suffix.
fn borders(needle: &[u8]) -> Vec<usize> {
    let mut border = vec![0; needle.len() + 1];
    let mut depth = 0;
    for at in 1..needle.len() {
        while depth > 0 && needle[depth] != needle[at] {
            depth = border[depth];
        }
        depth += usize::from(needle[depth] == needle[at]);
        border[at + 1] = depth;
    }
    border
}
