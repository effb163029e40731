//! The prefilter: finds positions where a needle could start. It may return false positives, and
//! never false negatives.
//!
//! Every needle has a *window*: some bytes at or near its start. The window contains `stride`
//! overlapping grams, and all of them go into a table of bits. Then only each `stride`-th position
//! of the text needs a look: one of these positions lies inside the window of any occurrence, and
//! its gram is in the table. The longer the needles, the longer the stride. Wu and Manber, "A fast
//! algorithm for multi-pattern searching" (1994), step by the result of each look, so each look
//! waits for the one before; looks at fixed places wait for nothing.
//!
//! Needles of different lengths go to different *tiers*, so that a short one does not shorten the
//! stride of all the others.

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod aarch64;
mod bloom;
pub(super) mod infixes;
mod partial_match;
mod plan;
mod qgrams;
mod tail_prefilter;
mod teddy;
mod tier;
mod window;
mod window_index;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::ControlFlow;
use std::sync::OnceLock;

use super::isa::Isa;
use super::needle_list::NeedleList;
use partial_match::PartialMatches;
use plan::Plan;
use qgrams::QGrams;
use tail_prefilter::TailPrefilter;

/// The shortest needle that the prefilter can find, in bytes.
const NEEDLE_LEN_MIN: usize = 4;
/// The maximum number of tiers.
const TIERS_MAX: usize = 3;
/// The amount of text that one tier searches before the next, so that it is still in the cache, in
/// bytes.
const BLOCK_LEN: usize = 8 << 10;

/// The search code; all variants have the same output. For tests and benches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Variant {
    /// The best that this machine supports.
    #[default]
    Best,
    /// No instruction beyond AVX2; on other machines than x86-64, like `Best`.
    Avx2,
    /// Only instructions of every machine.
    Portable,
    /// No prefilter: the automaton walks every byte.
    Automaton,
}

impl Variant {
    /// All variants.
    pub const ALL: [Variant; 4] = [Variant::Best, Variant::Avx2, Variant::Portable, Variant::Automaton];

    /// The name of the instructions that it uses on this machine.
    pub fn instructions(self) -> &'static str {
        self.isa().map_or("portable", Isa::name)
    }

    pub(super) fn isa(self) -> Option<Isa> {
        match self {
            Variant::Best => Isa::detect(),
            Variant::Avx2 => Isa::detect().map(Isa::without_avx512),
            Variant::Portable | Variant::Automaton => None,
        }
    }
}

/// The tiers of a needle set.
pub(super) struct Prefilter {
    plan: Plan,
    /// Finds the needles' first bytes.
    starts: QGrams,
    tail: TailPrefilter,
    /// Built when a complete text is first searched: streams have none.
    partial_matches: OnceLock<PartialMatches>,
}

impl Prefilter {
    /// The prefilter for these needles; `None` if one is shorter than four bytes, or there are
    /// none.
    pub(super) fn new(needles: &NeedleList, variant: Variant) -> Option<Prefilter> {
        if needles.len() == 0 || needles.iter().any(|needle| needle.len() < NEEDLE_LEN_MIN) {
            return None;
        }
        let starts = QGrams::new(NEEDLE_LEN_MIN, 1, needles.iter(), variant.isa());
        let plan = plan::plan(needles, variant.isa());
        Some(Prefilter { plan, starts, tail: TailPrefilter::new(needles), partial_matches: OnceLock::new() })
    }

    /// The maximum distance from an occurrence's start to its position from
    /// [`CandidateSearch::next`], in bytes.
    pub(super) fn back(&self) -> usize {
        self.plan.back
    }

    /// The length of the tail: the bytes at the end of a text in which the prefilter may miss the
    /// start of an occurrence.
    pub(super) fn tail_len(&self) -> usize {
        self.plan.reach
    }

    /// Whether a short and complete text contains no needle, and does not end in at least
    /// `held_min` bytes of one. May return false for a clean text, like
    /// [`is_tail_clean`](Prefilter::is_tail_clean). The needles are those of the prefilter.
    #[inline]
    pub(super) fn is_clean(&self, needles: &NeedleList, text: &[u8], held_min: usize) -> bool {
        self.plan.tiers.iter().all(|tier| tier.is_absent(text))
            && self.is_tail_clean(needles, text, text.len().saturating_sub(self.plan.reach), held_min)
    }

    /// Whether the [tail](Prefilter::tail_len) of a complete text contains no needle, and no
    /// beginning of one of at least `held_min` bytes. May return false for a clean text, and does
    /// so if `held_min` is too short for the table.
    #[inline]
    pub(super) fn is_tail_clean(&self, needles: &NeedleList, text: &[u8], from: usize, held_min: usize) -> bool {
        let whole = from.max(text.len().saturating_sub(self.plan.whole_reach));
        held_min >= partial_match::LEN_MIN
            && !self.partial_matches.get_or_init(|| PartialMatches::new(needles)).may_end(text, from)
            && (self.plan.whole_reach == 0 || self.tail.first_start(text, whole, held_min).is_none())
    }

    /// The first position from `from` on where a needle may begin, by its first bytes: lets the
    /// walk skip bytes. Without one before `until`, returns that, or a position near the end of the
    /// text.
    pub(super) fn next_start(&self, text: &[u8], from: usize, until: usize) -> usize {
        self.starts.find(text, from, until).unwrap_or_else(|end| end)
    }

    /// The first position from `from` on where a needle may begin, except for the last three bytes:
    /// for the last bytes of a text. May miss a needle with fewer than `held_min` bytes in the
    /// text.
    pub(super) fn first_start(&self, text: &[u8], from: usize, held_min: usize) -> Option<usize> {
        self.tail.first_start(text, from, held_min)
    }
}

/// The search of one text, tier by tier and block by block.
pub(super) struct CandidateSearch<'a> {
    prefilter: &'a Prefilter,
    text: &'a [u8],
    /// For each tier, the position of its next look, and whether that is a hit already.
    looks: [(usize, bool); TIERS_MAX],
    block_end: usize,
}

/// A position that may belong to occurrences, listed by [`CandidateSearch::candidates`].
pub(super) struct Hit {
    pub(super) at: usize,
    tier: usize,
}

impl<'a> CandidateSearch<'a> {
    /// A search for the occurrences that begin at `from` or later.
    pub(super) fn new(prefilter: &'a Prefilter, text: &'a [u8], from: usize) -> CandidateSearch<'a> {
        CandidateSearch { prefilter, text, looks: [(from, false); TIERS_MAX], block_end: from }
    }

    /// The next position that may belong to an occurrence.
    ///
    /// It is impossible for an occurrence, outside of the [tail](Prefilter::tail_len) of the text,
    /// to be missing from the candidates of every hit.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Hit> {
        loop {
            let mut first: Option<Hit> = None;
            for (tier, (at, found)) in self.prefilter.plan.tiers.iter().zip(&mut self.looks) {
                if !*found {
                    let look = tier.find(self.text, *at, self.block_end);
                    (*at, *found) = (look.unwrap_or_else(|at| at), look.is_ok());
                }
            }
            for (tier, &(at, _)) in self.looks.iter().enumerate().filter(|(_, look)| look.1) {
                if first.as_ref().is_none_or(|first| at < first.at) {
                    first = Some(Hit { at, tier });
                }
            }
            if let Some(hit) = first {
                self.looks[hit.tier] = (hit.at + self.prefilter.plan.tiers[hit.tier].stride(), false);
                return Some(hit);
            }
            if self.block_end >= self.text.len() {
                return None;
            }
            self.block_end += if self.prefilter.plan.tiers.len() > 1 { BLOCK_LEN } else { self.text.len() };
        }
    }

    /// Calls `candidate` with each needle that may have caused this hit, and its start there, until
    /// it breaks off.
    #[inline]
    pub(super) fn candidates(
        &self,
        hit: &Hit,
        candidate: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.prefilter.plan.tiers[hit.tier].candidates(self.text, hit.at, candidate)
    }

    /// Continues at `from`, since every earlier start has been found otherwise.
    pub(super) fn restart(&mut self, from: usize) {
        self.looks = self.looks.map(|(at, found)| if at < from { (from, false) } else { (at, found) });
        self.block_end = self.block_end.max(from);
    }
}
