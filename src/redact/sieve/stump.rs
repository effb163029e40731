//! Does a text end in the beginning of a needle? For records, which are whole: there nothing else is of interest at the end.
//!
//! The last eight bytes of such a text are a gram of the needle, at one of its first places. So with the grams of the first
//! places in a table one look at the end of the text asks for all beginnings that are up to [`SPAN`] + 7 bytes long, and a look `SPAN`
//! bytes before it for the next. A clean record of 200 bytes takes three such looks; asking for each place where a needle may begin
//! ([`end`](super::end)) took twenty, and two thirds of the time.

use super::super::needle_list::NeedleList;
use super::bits::BitSet;
use super::grams::{LOOK_LEN, high_word, load};

/// How many grams of each needle are in the table.
const SPAN: usize = 32;
/// The bits of room for each of them. With half as many, one look in 60 says yes for nothing, which costs a search of the end.
const BITS_PER_GRAM: usize = 32;

/// The beginnings of needles that a text may end in, in bytes, are as long as this or longer.
pub(super) const LEN_MIN: usize = LOOK_LEN;

/// See the module's documentation.
pub(super) struct StumpSieve {
    grams: BitSet<2>,
}

impl StumpSieve {
    pub(super) fn new(needles: &NeedleList) -> StumpSieve {
        // What a text ends in is not the whole needle: its last gram is never at the end of the text.
        let spans = || needles.iter().map(|needle| needle.len().saturating_sub(LOOK_LEN).min(SPAN));
        let mut grams = BitSet::new(spans().sum(), BITS_PER_GRAM);
        for (needle, span) in needles.iter().zip(spans()) {
            (0..span).for_each(|at| grams.insert(high_word(&needle[at..at + LOOK_LEN])));
        }
        StumpSieve { grams }
    }

    /// Whether a needle may begin at `from` or later and go on beyond the text, with [`LEN_MIN`] bytes or more of it in the text.
    #[inline]
    pub(super) fn may_end(&self, text: &[u8], from: usize) -> bool {
        let Some(last) = text.len().checked_sub(LOOK_LEN) else { return false };
        let (mut look, mut any) = (last, false);
        loop {
            any |= self.grams.contains(load(text, look));
            // The look asks for all needles that begin here or up to `SPAN` - 1 bytes before.
            if look < from + SPAN {
                return any;
            }
            look -= SPAN;
        }
    }
}
