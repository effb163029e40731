//! The needles within needles, such as a password within its URL.
//!
//! The automaton marks where they end, and would find them with its failure links. The prefilter
//! finds them in a hundredth of that time: the needles are a text like another.

use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::needle_list::NeedleList;
use super::prefilter::{CandidateSearch, Prefilter};

/// The costs of a hit and of a candidate, in bytes of the needles, and the number of bytes compared
/// for one more. Each needle is a hit where it stands itself.
const HIT_COST: usize = 4;
const CANDIDATE_COST: usize = 1;
const BYTES_PER_COST: usize = 64;
/// The cost that a search may have beyond two for each byte.
const CREDIT: usize = 1 << 10;

/// The end of a needle within another, behind its first byte.
pub(super) struct Nested {
    /// The needle around it.
    pub(super) outer: u32,
    /// The number of bytes of `outer` up to the end.
    pub(super) end: u32,
    pub(super) needle: u32,
}

/// All needles within needles, other than at their beginnings; `None` if that takes too long, as it
/// does among many needles that repeat each other.
pub(super) fn find(needles: &NeedleList, prefilter: &Prefilter) -> Option<Vec<Nested>> {
    let bytes = needles.bytes();
    let mut search = Search { needles, found: Vec::new(), credit: CREDIT + 2 * bytes.len() };
    search.find(prefilter, bytes, 0)?;
    // The prefilter does not find all in the tail of a text: the needles there have another behind.
    let from = needles.start(needles.index_at(bytes.len().saturating_sub(prefilter.tail_len()).min(bytes.len() - 1)));
    let tail_len = bytes.len() - from + prefilter.tail_len();
    let mut tail = Zeroizing::new(Vec::with_capacity(tail_len));
    tail.extend_from_slice(&bytes[from..]);
    tail.resize(tail_len, 0);
    search.credit += tail.len();
    search.find(prefilter, &tail, from)?;
    Some(search.found)
}

struct Search<'a> {
    needles: &'a NeedleList,
    found: Vec<Nested>,
    credit: usize,
}

impl Search<'_> {
    /// Searches a text that begins at this position of the list. `None` without credit left.
    fn find(&mut self, prefilter: &Prefilter, text: &[u8], from: usize) -> Option<()> {
        let mut search = CandidateSearch::new(prefilter, text, 0);
        while let Some(hit) = search.next() {
            self.credit = self.credit.checked_sub(HIT_COST)?;
            let spent = search.candidates(&hit, |needle, start| match self.compare(needle, from + start) {
                Some(()) => ControlFlow::Continue(()),
                None => ControlFlow::Break(()),
            });
            if spent.is_break() {
                return None;
            }
        }
        Some(())
    }

    /// Compares a needle with the bytes at this position of the list. `None` without credit left.
    fn compare(&mut self, needle: usize, start: usize) -> Option<()> {
        self.credit = self.credit.checked_sub(CANDIDATE_COST)?;
        if self.needles.start(needle) == start || start >= self.needles.bytes().len() {
            return Some(());
        }
        let outer = self.needles.index_at(start);
        let (bytes, outer_start) = (self.needles.get(needle), self.needles.start(outer));
        let rest = &self.needles.bytes()[start..self.needles.end(outer)];
        if start > outer_start && bytes.len() <= rest.len() {
            self.credit = self.credit.checked_sub(bytes.len() / BYTES_PER_COST)?;
            if rest.starts_with(bytes) {
                let end = (start + bytes.len() - outer_start) as u32;
                self.found.push(Nested { outer: outer as u32, end, needle: needle as u32 });
            }
        }
        Some(())
    }
}
