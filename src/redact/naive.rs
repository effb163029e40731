//! The definition of correct, slow and short. Every fast implementation must equal it.
//!
//! Used by tests, fuzz targets and benches; the cost is the product of the lengths of the text and
//! the needles.

pub mod readings;

/// The bytes of `text` that belong to an occurrence of a needle.
///
/// These four lines define hushlog; all the rest is speed.
pub fn covered(needles: &[&[u8]], text: &[u8]) -> Vec<bool> {
    let mut covered = vec![false; text.len()];
    for needle in needles {
        for start in (0..text.len()).filter(|&start| text[start..].starts_with(needle)) {
            covered[start..start + needle.len()].fill(true);
        }
    }
    covered
}

/// The length of the longest suffix of `text` that is a proper prefix of a needle: the bytes to
/// hold back.
pub fn held(needles: &[&[u8]], text: &[u8]) -> usize {
    let begins = |rest: &[u8]| needles.iter().any(|needle| needle.len() > rest.len() && needle.starts_with(rest));
    (0..text.len()).find(|&start| begins(&text[start..])).map_or(0, |start| text.len() - start)
}

/// Whether all of `text` may lie within a needle that began before it and continues after it.
pub fn may_go_on(needles: &[&[u8]], text: &[u8]) -> bool {
    needles
        .iter()
        .any(|needle| (1..needle.len()).any(|at| needle.len() - at > text.len() && needle[at..].starts_with(text)))
}

/// The number of bytes at the beginning of `text`, in the middle of a stream, that are a piece of a
/// needle that began earlier: the needle's end or, with `mask_partial`, all of a text within it. A
/// piece of at least `len_min` bytes of its needle counts. A shorter piece counts if the `before`
/// bytes emitted right before the text may hold the needle's missing beginning, and the piece is
/// the needle's end or both together have `len_min` bytes.
pub fn rest_len(
    needles: &[&[u8]],
    text: &[u8],
    before: usize,
    len_min: &dyn Fn(usize) -> usize,
    mask_partial: bool,
) -> usize {
    let counts = |number: usize, at: usize, len: usize| {
        let (needle, len_min) = (needles[number], len_min(number));
        let (is_piece, is_end) = (needle[at..].starts_with(&text[..len]), at + len == needle.len());
        let completes = at <= before && (is_end || at + len >= len_min);
        is_piece && (is_end || mask_partial && len == text.len()) && (len >= len_min || completes)
    };
    let is_rest = |len: &usize| (0..needles.len()).any(|n| (1..needles[n].len()).any(|at| counts(n, at, *len)));
    (1..=text.len()).rev().find(is_rest).unwrap_or(0)
}

/// The partial match at the end of the text, masked where a text ends: the first needle and the
/// length. It is the longest suffix of the text that is a proper prefix of a needle, with at least
/// `partial_len_min` bytes for that needle.
pub fn partial_match(
    needles: &[&[u8]],
    text: &[u8],
    partial_len_min: &dyn Fn(usize) -> usize,
) -> Option<(usize, usize)> {
    let begins = |n: &usize, rest: &[u8]| needles[*n].len() > rest.len() && needles[*n].starts_with(rest);
    (0..text.len()).find_map(|start| {
        let rest = &text[start..];
        let needle = (0..needles.len()).find(|n| begins(n, rest) && rest.len() >= partial_len_min(*n));
        needle.map(|needle| (needle, rest.len()))
    })
}

/// The needle that names the region beginning at `start`: the longest that occurs there, the first
/// of equals; otherwise that of the partial match.
fn naming(needles: &[&[u8]], text: &[u8], start: usize, partial: Option<usize>) -> usize {
    let whole = (0..needles.len()).rev().filter(|&n| text[start..].starts_with(needles[n]));
    let partial = || partial;
    whole.max_by_key(|&n| needles[n].len()).or_else(partial).expect("a region begins with a needle")
}

/// The output of a redactor for the input `text`, in any pieces, up to `end`.
///
/// `mask` writes the replacement for a region. It is called once for each covered byte, with the
/// index of the needle that names the region, and with whether the byte is the region's first.
fn emitted(
    needles: &[&[u8]],
    text: &[u8],
    covered: &[bool],
    partial: Option<usize>,
    end: usize,
    mask: &mut dyn FnMut(usize, bool, &mut Vec<u8>),
) -> Vec<u8> {
    let (mut out, mut name) = (Vec::new(), None);
    for at in 0..end {
        if covered[at] {
            let first = name.is_none();
            let needle = *name.get_or_insert_with(|| naming(needles, text, at, partial));
            mask(needle, first, &mut out);
        } else {
            name = None;
            out.push(text[at]);
        }
    }
    out
}

/// The output after `text`, with more input to follow.
pub fn pushed(needles: &[&[u8]], text: &[u8], mask: &mut dyn FnMut(usize, bool, &mut Vec<u8>)) -> Vec<u8> {
    emitted(needles, text, &covered(needles, text), None, text.len() - held(needles, text), mask)
}

/// The output for `text` as a whole stream, with its [`partial_match`] masked, too.
pub fn finished(
    needles: &[&[u8]],
    text: &[u8],
    partial_len_min: &dyn Fn(usize) -> usize,
    mask: &mut dyn FnMut(usize, bool, &mut Vec<u8>),
) -> Vec<u8> {
    let (mut covered, partial) = (covered(needles, text), partial_match(needles, text, partial_len_min));
    if let Some((_, len)) = partial {
        covered[text.len() - len..].fill(true);
    }
    emitted(needles, text, &covered, partial.map(|(needle, _)| needle), text.len(), mask)
}
