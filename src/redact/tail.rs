//! The rest of a needle at the beginning of a text, where the text goes on within a stream whose beginning somebody else has taken in.

use memchr::memmem;

use super::needle::NeedleSet;

/// How a text begins that goes on within a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// All of it lies within a needle that has more: only what follows can tell.
    Open,
    /// No rest of a needle that would tell too much.
    Free,
    /// So many bytes are of this needle, which began before.
    Rest(usize, u32),
}

/// What is known beside the text.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// So many bytes that lie right before the text were given out, and may be the beginning of a needle.
    pub(super) before: usize,
    /// From this length on a piece of this needle is covered, in bytes.
    pub(super) len_min: &'a dyn Fn(usize) -> usize,
    /// Nothing follows.
    pub(super) is_last: bool,
    /// A needle that is cut at both ends counts too, where nothing follows.
    pub(super) stump: bool,
}

impl Known<'_> {
    /// Whether a piece of a needle, which is covered from `len_min` bytes on, is covered if it
    /// begins at `start` of it; `is_end`: and is its end.
    fn covers(self, len_min: usize, start: usize, len: usize, is_end: bool) -> bool {
        let completes = start <= self.before && (is_end || start + len >= len_min);
        (is_end || self.is_last && self.stump) && (len >= len_min || completes)
    }
}

/// The longest beginning of the text that is the end of a needle, or with nothing following all of a text that lies within one. One
/// that is shorter than `len_min` counts only if what was given out before it may be all that the needle has besides.
///
/// Time is linear in the needles' total length, whatever the text: each is run through by the automaton of the text (Knuth, Morris and
/// Pratt), unless it is long enough and the first bytes of the text are nowhere in it.
pub(super) fn beginning(set: &NeedleSet, text: &[u8], known: Known<'_>) -> Beginning {
    let text = &text[..text.len().min(set.needle_len_max())];
    if text.is_empty() {
        return if known.is_last || set.is_empty() { Beginning::Free } else { Beginning::Open };
    }
    let borders = borders(text);
    let len_min = |number: u32| (known.len_min)(number as usize);
    let least = (0..set.len() as u32).map(len_min).min().unwrap_or(0);
    let first = memmem::Finder::new(&text[..text.len().min(least)]);
    // Of several that are as long, one of which just as much is missing as was given out names it.
    let mut longest = (0, false, 0);
    for (number, needle) in (0..).zip(set.expose()) {
        let len_min = len_min(number);
        let may_be_short = needle.len() < known.before + len_min;
        if !may_be_short && first.find(&needle[1..]).is_none() {
            continue;
        }
        let mut len = 0;
        for (end, byte) in (1..).zip(needle).skip(1) {
            len = step(text, &borders, len, *byte);
            let is_end = end == needle.len();
            if len == text.len() && !is_end && !known.is_last {
                return Beginning::Open;
            }
            let is_piece = len > 0 && (is_end || len == text.len());
            let fits = end - len == known.before;
            if is_piece && (len, fits) > (longest.0, longest.1) && known.covers(len_min, end - len, len, is_end) {
                longest = (len, fits, number);
            }
        }
    }
    match longest {
        (0, ..) => Beginning::Free,
        (len, _, needle) => Beginning::Rest(len, needle),
    }
}

/// For each length of a beginning of the text: the length of its longest proper suffix that is a beginning too.
fn borders(text: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; text.len() + 1];
    for at in 1..text.len() {
        borders[at + 1] = step(text, &borders, borders[at], text[at]);
    }
    borders
}

/// So many bytes of the text matched: how many do with this one behind them.
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
    use crate::redact::secret::Secret;
    use crate::redact::tail::{Beginning, Known, beginning};

    /// All texts of two letters up to a length, the empty one first.
    fn texts(len_max: u32) -> Vec<Vec<u8>> {
        let of = |len: u32| (0..1_u32 << len).map(move |bits| (0..len).map(move |bit| b'a' + (bits >> bit & 1) as u8));
        (0..=len_max).flat_map(|len| of(len).map(Iterator::collect)).collect()
    }

    #[test]
    fn it_is_what_its_definition_says_in_small_worlds() {
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
                    let (is_last, stump) = (bits & 8 != 0, bits & 16 != 0);
                    let known = Known { before, len_min: &|number| len_mins[number], is_last, stump };
                    let told = beginning(&set, text, known);
                    let open = !is_last && naive::may_go_on(&of_set, text);
                    let len = naive::rest_len(&of_set, text, before, &|needle| len_mins[needle], is_last && stump);
                    match told {
                        Beginning::Open => assert!(open, "{text:?} {before} {len_mins:?}"),
                        Beginning::Free => assert_eq!((open, len), (false, 0), "{of_set:?} {text:?}"),
                        Beginning::Rest(told, needle) => {
                            assert_eq!(
                                (open, len),
                                (false, told),
                                "{of_set:?} {text:?} {before} {len_mins:?} {is_last}"
                            );
                            let (needle, len_min) = (of_set[needle as usize], len_mins[needle as usize]);
                            let of_needle = naive::rest_len(&[needle], text, before, &|_| len_min, is_last && stump);
                            assert_eq!(of_needle, told, "another needle's name");
                        }
                    }
                    found[match told {
                        Beginning::Open => 0,
                        Beginning::Free => 1,
                        Beginning::Rest(..) => 2,
                    }] += 1;
                }
            }
        }
        assert!(found.iter().all(|count| *count > 1_000), "{found:?}");
    }
}
