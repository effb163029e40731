//! Tests whether a text ends in a partial match. For records, which are complete: nothing else
//! matters at their end.
//!
//! The last eight bytes of such a text are a gram of the needle, at one of its first places. So
//! with the grams of the first places in a table, one look at the end of the text covers all
//! partial matches of up to [`SPAN`] + 7 bytes, and a look `SPAN` bytes before it the next. A clean
//! record of 200 bytes takes three such looks; checking each place where a needle may begin
//! ([`tail_prefilter`](super::tail_prefilter)) took twenty, and two thirds of the time.

use super::super::needle_list::NeedleList;
use super::bloom::BloomFilter;
use super::qgrams::{LOOK_LEN, load};

/// The number of grams of each needle in the table.
const SPAN: usize = 32;
/// The number of bits per gram. With half as many, one look in 60 is a false positive, which costs
/// a search of the end.
const BITS_PER_GRAM: usize = 32;

/// The minimum length of a partial match that this table can find, in bytes.
pub(super) const LEN_MIN: usize = LOOK_LEN;

/// The partial-match prefilter; see the module's documentation.
pub(super) struct PartialMatches {
    grams: BloomFilter<2>,
}

impl PartialMatches {
    pub(super) fn new(needles: &NeedleList) -> PartialMatches {
        // A partial match is not the whole needle: the needle's last gram is never at the end of
        // the text.
        let spans = || needles.iter().map(|needle| needle.len().saturating_sub(LOOK_LEN).min(SPAN));
        let mut grams = BloomFilter::new(spans().sum(), BITS_PER_GRAM);
        for (needle, span) in needles.iter().zip(spans()) {
            (0..span).for_each(|at| grams.insert(load(needle, at)));
        }
        PartialMatches { grams }
    }

    /// Whether a needle may begin at `from` or later and continue beyond the text, with at least
    /// [`LEN_MIN`] bytes in the text.
    #[inline]
    pub(super) fn may_end(&self, text: &[u8], from: usize) -> bool {
        let Some(last) = text.len().checked_sub(LOOK_LEN) else { return false };
        let (mut look, mut any) = (last, false);
        loop {
            any |= self.grams.contains(load(text, look));
            // The look covers all needles that begin here or up to `SPAN` - 1 bytes earlier.
            if look < from + SPAN {
                return any;
            }
            look -= SPAN;
        }
    }
}
