//! Where does a needle begin that goes on beyond the text? For the last bytes of a piece, whose state has to be exact.
//!
//! Any of these bytes may begin a needle, so each has to be asked; but if four grams of every needle's beginning are in a table, one
//! of four bytes is enough. A piece of 200 bytes has some 80 such bytes: 2,000 instructions with a look at each of them, 800 so
//! (valgrind's callgrind, 100 secrets).

use super::super::needle_list::NeedleList;
use super::bits::BitSet;
use super::grams::{LOOK_LEN, load};

/// The first bytes of a needle, as far as `first_start` looks.
const HEAD_LEN: usize = 4;
/// How far apart looks are, where the needles are long enough, and the grams that they are for, in bytes.
const STRIDE: usize = 4;
const GRAM_LEN: usize = 5;
/// So many bytes share a branch.
const GROUP_LEN: usize = 4 * STRIDE;
/// What of a needle a look of these needs to see.
const WINDOW_LEN: usize = STRIDE - 1 + GRAM_LEN;

/// The bits of room for each gram.
const BITS_PER_GRAM: usize = 64;

/// See the module's documentation.
pub(super) struct EndSieve {
    heads: BitSet<2>,
    /// None, where a needle is too short for them.
    grams: Option<BitSet<2>>,
}

impl EndSieve {
    /// The sieve for needles of [`HEAD_LEN`] bytes or more.
    pub(super) fn new(needles: &NeedleList) -> EndSieve {
        let mut heads = BitSet::new(needles.len(), BITS_PER_GRAM);
        needles.iter().for_each(|needle| heads.insert(low::<HEAD_LEN>(needle)));
        let long_enough = needles.iter().all(|needle| needle.len() >= WINDOW_LEN);
        let grams = long_enough.then(|| {
            let mut grams = BitSet::new(needles.len() * STRIDE, BITS_PER_GRAM / STRIDE);
            for needle in needles.iter() {
                (0..STRIDE).for_each(|at| grams.insert(low::<GRAM_LEN>(&needle[at..])));
            }
            grams
        });
        EndSieve { heads, grams }
    }

    /// The first position from `from` on where a needle may begin, but for the last three bytes of the text. A needle that only
    /// begins there, with fewer than `held_min` bytes, may be missed.
    pub(super) fn first_start(&self, text: &[u8], from: usize, held_min: usize) -> Option<usize> {
        let (from, end) = match &self.grams {
            None => (from, text.len()),
            Some(grams) => match self.first_by_grams(grams, text, from) {
                Ok(start) => return Some(start),
                // All needles are as long as a window, so that none can lie behind this end as a whole.
                Err(from) => (from, (text.len() + HEAD_LEN).saturating_sub(held_min.clamp(HEAD_LEN, WINDOW_LEN))),
            },
        };
        let rest = text.get(from..end)?;
        let start = rest.windows(HEAD_LEN).position(|head| self.heads.contains(low::<HEAD_LEN>(head)));
        start.map(|start| from + start)
    }

    /// The same by looks of every fourth byte; where there is none, where they end.
    fn first_by_grams(&self, grams: &BitSet<2>, text: &[u8], from: usize) -> Result<usize, usize> {
        let is_gram = |look| grams.contains(keep::<GRAM_LEN>(load(text, look)));
        // A needle that begins at `at` or up to `STRIDE` - 1 bytes later has a gram at `at + STRIDE - 1`.
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

/// A word that only its first bytes decide.
#[inline(always)]
fn keep<const LEN: usize>(word: u64) -> u64 {
    word << (64 - 8 * LEN)
}
