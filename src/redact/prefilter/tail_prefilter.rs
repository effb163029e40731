//! Finds where a needle may begin that continues beyond the text. For the last bytes of a piece,
//! where the state must be exact.
//!
//! Any of these bytes may begin a needle, so each needs a check. But if a table holds four grams of
//! every needle's beginning, a look at one byte in four suffices. A piece of 200 bytes has some 80
//! such bytes: 2,000 instructions with a look at each of them, 800 with this table (valgrind's
//! callgrind, 100 secrets).

use super::super::needle_list::NeedleList;
use super::bloom::BloomFilter;
use super::qgrams::{LOOK_LEN, load};

/// The number of leading bytes of a needle that `first_start` checks.
const HEAD_LEN: usize = 4;
/// The distance of looks for sufficiently long needles, and the length of their grams, in bytes.
const STRIDE: usize = 4;
const GRAM_LEN: usize = 5;
/// The number of bytes that share a branch.
const GROUP_LEN: usize = 4 * STRIDE;
/// The number of a needle's bytes that such a look needs to see.
const WINDOW_LEN: usize = STRIDE - 1 + GRAM_LEN;

/// The number of bits per gram.
const BITS_PER_GRAM: usize = 64;

/// The tail prefilter; see the module's documentation.
pub(super) struct TailPrefilter {
    heads: BloomFilter<2>,
    /// `None` if a needle is too short for them.
    grams: Option<BloomFilter<2>>,
}

impl TailPrefilter {
    /// The prefilter for needles of at least [`HEAD_LEN`] bytes.
    pub(super) fn new(needles: &NeedleList) -> TailPrefilter {
        let mut heads = BloomFilter::new(needles.len(), BITS_PER_GRAM);
        needles.iter().for_each(|needle| heads.insert(low::<HEAD_LEN>(needle)));
        let long_enough = needles.iter().all(|needle| needle.len() >= WINDOW_LEN);
        let grams = long_enough.then(|| {
            let mut grams = BloomFilter::new(needles.len() * STRIDE, BITS_PER_GRAM / STRIDE);
            for needle in needles.iter() {
                (0..STRIDE).for_each(|at| grams.insert(low::<GRAM_LEN>(&needle[at..])));
            }
            grams
        });
        TailPrefilter { heads, grams }
    }

    /// The first position from `from` on where a needle may begin, except for the last three bytes
    /// of the text. May miss a needle with fewer than `held_min` bytes in the text.
    pub(super) fn first_start(&self, text: &[u8], from: usize, held_min: usize) -> Option<usize> {
        let (from, end) = match &self.grams {
            None => (from, text.len()),
            Some(grams) => match self.first_by_grams(grams, text, from) {
                Ok(start) => return Some(start),
                // All needles are at least as long as a window, so no whole needle fits after this
                // end.
                Err(from) => (from, (text.len() + HEAD_LEN).saturating_sub(held_min.clamp(HEAD_LEN, WINDOW_LEN))),
            },
        };
        let rest = text.get(from..end)?;
        let start = rest.windows(HEAD_LEN).position(|head| self.heads.contains(low::<HEAD_LEN>(head)));
        start.map(|start| from + start)
    }

    /// Like [`first_start`](TailPrefilter::first_start), with a look at every fourth byte; on
    /// failure, the position where the looks end.
    fn first_by_grams(&self, grams: &BloomFilter<2>, text: &[u8], from: usize) -> Result<usize, usize> {
        let is_gram = |look| grams.contains(keep::<GRAM_LEN>(load(text, look)));
        // A needle that begins at `at` or up to `STRIDE` - 1 bytes later has a gram at `at + STRIDE
        // - 1`.
        let mut at = from;
        while at + STRIDE - 1 + LOOK_LEN <= text.len() {
            let group = at + GROUP_LEN - 1 + LOOK_LEN <= text.len();
            if group && !(0..GROUP_LEN).step_by(STRIDE).fold(false, |any, look| any | is_gram(at + STRIDE - 1 + look)) {
                at += GROUP_LEN;
                continue;
            }
            if is_gram(at + STRIDE - 1) {
                let mut starts = at..at + STRIDE;
                if let Some(start) = starts.find(|&start| self.heads.contains(keep::<HEAD_LEN>(load(text, start)))) {
                    return Ok(start);
                }
            }
            at += STRIDE;
        }
        Err(at)
    }
}

/// The first bytes of a slice, as a word.
fn low<const LEN: usize>(bytes: &[u8]) -> u64 {
    let mut word = [0; LOOK_LEN];
    word[..LEN].copy_from_slice(&bytes[..LEN]);
    keep::<LEN>(u64::from_le_bytes(word))
}

/// Reduces a word to its first bytes.
#[inline(always)]
fn keep<const LEN: usize>(word: u64) -> u64 {
    word << (64 - 8 * LEN)
}
