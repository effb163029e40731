//! The needles of some lengths: finds positions of their windows, and the needles with such a
//! window.

use std::ops::ControlFlow;

use memchr::memmem;
use zeroize::Zeroizing;

use super::super::isa::Isa;
use super::bloom::BloomFilter;
use super::qgrams::{LOOK_LEN, QGrams, leading_word, load};
use super::teddy::Teddy;
use super::window_index::{WindowIndex, WindowRef};

/// A needle's window.
pub(super) struct Window<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) window_ref: WindowRef,
}

/// A tier's search for windows.
pub(super) enum WindowSearch {
    QGrams(QGrams),
    Teddy(Teddy),
    /// The bytes of the only window. A `memmem::Finder` would keep an unwiped copy, so each search
    /// makes one.
    Substring(Zeroizing<Vec<u8>>),
}

/// The tier; see the module's documentation.
pub(super) struct Tier {
    search: WindowSearch,
    /// By the first eight bytes of the window, or all of a shorter one.
    index: WindowIndex,
    /// The first four bytes of each window, for a quick answer.
    heads: BloomFilter<2>,
    /// The shifts of a word for the windows that are shorter than a word, and for the others.
    shifts: Vec<u32>,
    isa: Option<Isa>,
}

impl Tier {
    pub(super) fn new(search: WindowSearch, windows: &[Window<'_>], isa: Option<Isa>) -> Tier {
        let len = |window: &Window<'_>| window.bytes.len().min(LOOK_LEN);
        let mut shifts: Vec<u32> = windows.iter().map(|window| 8 * (LOOK_LEN - len(window)) as u32).collect();
        shifts.sort_unstable();
        shifts.dedup();
        let words = windows.iter().map(|window| (leading_word(window.bytes, len(window)), window.window_ref)).collect();
        let mut heads = BloomFilter::new(windows.len(), 64);
        windows.iter().for_each(|window| heads.insert(leading_word(window.bytes, 4)));
        Tier { search, index: WindowIndex::new(words), heads, shifts, isa }
    }

    /// The distance between looks.
    pub(super) fn stride(&self) -> usize {
        match &self.search {
            WindowSearch::QGrams(grams) => grams.stride(),
            WindowSearch::Teddy(_) | WindowSearch::Substring(_) => 1,
        }
    }

    /// The first position below `end`, among `from`, `from` and a stride, and so on, that may lie
    /// in a window. On failure, the position of the next look.
    #[inline]
    pub(super) fn find(&self, text: &[u8], from: usize, end: usize) -> Result<usize, usize> {
        match &self.search {
            WindowSearch::Teddy(teddy) => teddy.find(text, from, end, |at| self.has_word(text, at)),
            WindowSearch::QGrams(grams) => grams.find(text, from, end),
            WindowSearch::Substring(bytes) => {
                let end = end.min((text.len() + 1).saturating_sub(bytes.len().max(LOOK_LEN)));
                let there = text.get(from..end + bytes.len() - 1).unwrap_or_default();
                memmem::find(there, bytes).map_or(Err(end.max(from)), |at| Ok(from + at))
            }
        }
    }

    /// Whether there is nothing to [find](Tier::find) in a short text.
    #[inline]
    pub(super) fn is_absent(&self, text: &[u8]) -> bool {
        match &self.search {
            WindowSearch::QGrams(grams) => grams.is_absent(text),
            WindowSearch::Teddy(_) | WindowSearch::Substring(_) => self.find(text, 0, text.len()).is_err(),
        }
    }

    /// Calls `candidate` with each needle that may have its window at this position, and the
    /// needle's start, until it breaks off.
    #[inline]
    pub(super) fn candidates(
        &self,
        text: &[u8],
        at: usize,
        mut candidate: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let first = (at + 1).saturating_sub(self.stride());
        for &shift in &self.shifts {
            let mut starts = self.index.may_begin(&text[first..at + LOOK_LEN], shift, self.isa);
            while starts != 0 {
                let start = first + starts.trailing_zeros() as usize;
                starts &= starts - 1;
                for window in self.index.windows(load(text, start) << shift) {
                    if let Some(start) = start.checked_sub(window.offset as usize) {
                        candidate(window.needle as usize, start)?;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    #[inline]
    fn has_word(&self, text: &[u8], at: usize) -> bool {
        let word = load(text, at);
        self.heads.contains(word << 32) && self.shifts.iter().any(|shift| self.index.may_contain(word << shift))
    }
}
