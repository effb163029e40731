//! The remainder of a needle at the beginning of a text that resumes a stream, of which another
//! redactor has had the beginning.

use memchr::memmem;

use super::needle::NeedleSet;
use super::reading;
use super::reading::rule::{ESCAPE_LEN_MAX, READ_PER_BYTE};

/// The beginning of a text that resumes a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// All of it lies within a longer needle: only further input can decide.
    Undecided,
    /// No remainder of a needle that would reveal too much.
    Clean,
    /// This many bytes belong to this needle, which began earlier.
    Rest(usize, u32),
}

/// The context of the text.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The number of bytes emitted right before the text, which may begin a needle.
    pub(super) before: usize,
    /// The minimum length of a piece of this needle to cover, in bytes.
    pub(super) len_min: &'a dyn Fn(usize) -> usize,
    /// No input follows.
    pub(super) is_last: bool,
    /// If no input follows, a needle cut at both ends counts, too.
    pub(super) mask_partial: bool,
}

impl Context<'_> {
    /// Whether a piece of a needle is covered. The needle's pieces are covered from `len_min` bytes
    /// on; this one begins at offset `start` of the needle, and `is_end` means that it ends the
    /// needle.
    fn covers(self, len_min: usize, start: usize, len: usize, is_end: bool) -> bool {
        let completes = start <= self.before && (is_end || start + len >= len_min);
        (is_end || self.is_last && self.mask_partial) && (len >= len_min || completes)
    }
}

/// The longest beginning of the text, in either reading, that is the end of a needle: see
/// [`beginning_of`]. In the plain reading it covers the text up to the end of the stretch of its
/// last byte.
pub(super) fn beginning(set: &NeedleSet, text: &[u8], context: Context<'_>) -> Beginning {
    let raw = beginning_of(set, text, context);
    if raw == Beginning::Undecided || !set.reads() {
        return raw;
    }
    let most = text.len().min(READ_PER_BYTE * set.needle_len_max() + ESCAPE_LEN_MAX);
    let is_whole = most == text.len();
    let Some(read) = reading::beginning(set.joints(), &text[..most], is_whole && context.is_last) else { return raw };
    match beginning_of(set, &read.bytes, Context { is_last: context.is_last || !is_whole, ..context }) {
        Beginning::Undecided => Beginning::Undecided,
        Beginning::Clean => raw,
        Beginning::Rest(len, needle) => {
            let end = read.end_of(len - 1) as usize;
            let is_longer = !matches!(raw, Beginning::Rest(len, _) if len >= end);
            if is_longer { Beginning::Rest(end, needle) } else { raw }
        }
    }
}

/// The longest beginning of the text that is the end of a needle or, if no input follows, all of a
/// text within one. A beginning shorter than `len_min` counts only if the bytes emitted before it
/// may be the rest of the needle.
///
/// Takes linear time in the needles' total length, for any text. Each needle runs through the
/// automaton of the text (Knuth, Morris and Pratt), unless it is long enough and does not contain
/// the first bytes of the text.
fn beginning_of(set: &NeedleSet, text: &[u8], context: Context<'_>) -> Beginning {
    let text = &text[..text.len().min(set.needle_len_max())];
    if text.is_empty() {
        return if context.is_last || set.is_empty() { Beginning::Clean } else { Beginning::Undecided };
    }
    let borders = borders(text);
    let len_min = |number: u32| (context.len_min)(number as usize);
    let least = (0..set.len() as u32).map(len_min).min().unwrap_or(0);
    let first = memmem::Finder::new(&text[..text.len().min(least)]);
    // Among several of the same length, one that misses exactly as many bytes as were emitted names
    // it.
    let mut longest = (0, false, 0);
    for (number, needle) in (0..).zip(set.expose()) {
        let len_min = len_min(number);
        let may_be_short = needle.len() < context.before + len_min;
        if !may_be_short && first.find(&needle[1..]).is_none() {
            continue;
        }
        let mut len = 0;
        for (end, byte) in (1..).zip(needle).skip(1) {
            len = step(text, &borders, len, *byte);
            let is_end = end == needle.len();
            if len == text.len() && !is_end && !context.is_last {
                return Beginning::Undecided;
            }
            let is_piece = len > 0 && (is_end || len == text.len());
            let fits = end - len == context.before;
            if is_piece && (len, fits) > (longest.0, longest.1) && context.covers(len_min, end - len, len, is_end) {
                longest = (len, fits, number);
            }
        }
    }
    match longest {
        (0, ..) => Beginning::Clean,
        (len, _, needle) => Beginning::Rest(len, needle),
    }
}

/// For each prefix of the text, the length of its longest proper suffix that is a prefix, too.
fn borders(text: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; text.len() + 1];
    for at in 1..text.len() {
        borders[at + 1] = step(text, &borders, borders[at], text[at]);
    }
    borders
}

/// The number of matching bytes after one more byte, given the number before.
fn step(text: &[u8], borders: &[usize], mut len: usize, byte: u8) -> usize {
    loop {
        match text.get(len) {
            Some(next) if *next == byte => return len + 1,
            _ if len == 0 => return 0,
            _ => len = borders[len],
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::redact::mask::Mask;
    use crate::redact::naive;
    use crate::redact::needle::NeedleSet;
    use crate::redact::resume::{Beginning, Context, beginning};
    use crate::redact::secret::Secret;

    /// All texts of two letters up to a length, the empty one first.
    fn texts(len_max: u32) -> Vec<Vec<u8>> {
        let of = |len: u32| (0..1_u32 << len).map(move |bits| (0..len).map(move |bit| b'a' + (bits >> bit & 1) as u8));
        (0..=len_max).flat_map(|len| of(len).map(Iterator::collect)).collect()
    }

    #[test]
    fn it_matches_its_definition_in_small_worlds() {
        let (texts, mut found) = (texts(6), [0_u32; 3]);
        let needles: Vec<&Vec<u8>> = texts.iter().filter(|text| (4..=6).contains(&text.len())).step_by(3).collect();
        for (number, one) in needles.iter().enumerate() {
            let other = needles[(number * 7 + 3) % needles.len()];
            let secrets = [one, &other].map(|value| Secret::new("NAME", value.to_vec()));
            let set = NeedleSet::exactly(secrets.into(), Mask::default()).expect("two needles");
            let of_set: Vec<&[u8]> = set.expose().collect();
            for text in &texts {
                for bits in 0..32 {
                    let before = [0, 1, 2, 5][bits & 3];
                    let len_mins = [[3, 3], [4, 3]][bits >> 2 & 1];
                    let (is_last, mask_partial) = (bits & 8 != 0, bits & 16 != 0);
                    let context = Context { before, len_min: &|number| len_mins[number], is_last, mask_partial };
                    let answer = beginning(&set, text, context);
                    let open = !is_last && naive::may_go_on(&of_set, text);
                    let len =
                        naive::rest_len(&of_set, text, before, &|needle| len_mins[needle], is_last && mask_partial);
                    match answer {
                        Beginning::Undecided => assert!(open, "{text:?} {before} {len_mins:?}"),
                        Beginning::Clean => assert_eq!((open, len), (false, 0), "{of_set:?} {text:?}"),
                        Beginning::Rest(rest_len, needle) => {
                            assert_eq!(
                                (open, len),
                                (false, rest_len),
                                "{of_set:?} {text:?} {before} {len_mins:?} {is_last}"
                            );
                            let (needle, len_min) = (of_set[needle as usize], len_mins[needle as usize]);
                            let of_needle =
                                naive::rest_len(&[needle], text, before, &|_| len_min, is_last && mask_partial);
                            assert_eq!(of_needle, rest_len, "another needle's name");
                        }
                    }
                    found[match answer {
                        Beginning::Undecided => 0,
                        Beginning::Clean => 1,
                        Beginning::Rest(..) => 2,
                    }] += 1;
                }
            }
        }
        assert!(found.iter().all(|count| *count > 1_000), "{found:?}");
    }
}
