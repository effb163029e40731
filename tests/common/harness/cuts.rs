//! Ways to cut a text into pieces. A cutting is a sorted list of positions; equal ones make empty
//! pieces.

use super::rng::Rng;

/// The pieces of a text.
pub fn pieces<'t>(text: &'t [u8], cuts: &'t [usize]) -> impl Iterator<Item = &'t [u8]> {
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain(std::iter::once(text.len()));
    starts.zip(ends).map(|(start, end)| &text[start..end])
}

/// Cuts between every two bytes.
pub fn every_byte(len: usize) -> Vec<usize> {
    (1..len).collect()
}

/// The cutting for this bit mask: bit 0 cuts after the first byte, and so on.
pub fn of_mask(mask: usize, len: usize, cuts: &mut Vec<usize>) {
    cuts.clear();
    cuts.extend((1..len).filter(|at| mask >> (at - 1) & 1 == 1));
}

/// About one cut in `mean` bytes, empty pieces among them.
pub fn random(rng: &mut Rng, len: usize, mean: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..len / mean + 1).map(|_| rng.below(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// Uncut, byte by byte, at every single position, at every pair of positions in a short text, and
/// some at random.
pub fn of(len: usize, pairs_len_max: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
    let mut all = vec![vec![], every_byte(len)];
    all.extend((0..=len).map(|at| vec![at]));
    if len <= pairs_len_max {
        all.extend((0..len).flat_map(|first| (first + 1..len).map(move |second| vec![first, second])));
    }
    all.extend((0..16).map(|round| random(rng, len, 1 + round)));
    all
}
