//! Where could a needle start? May say yes too often, and may never miss.
//!
//! Every needle has a *window*: some bytes at or near its start. In the window stand `stride` overlapping grams, and all of
//! them go into a table of bits. Of the text, then, only each `stride`-th position needs a look: one of the positions looked
//! at lies inside the window of any occurrence, and its gram is in the table. The longer the needles, the longer the stride.
//! Wu and Manber, "A fast algorithm for multi-pattern searching" (1994), step by what is not in the table, so that each look
//! waits for the one before; looks at fixed places wait for nothing.
//!
//! Needles of different lengths go to different *tiers*, so that a short one does not shorten the stride of all the others.

mod bits;
mod classes;
mod end;
mod grams;
mod plan;
mod stump;
mod tier;
mod window;
mod words;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::ControlFlow;

use super::needle_list::NeedleList;
use classes::Isa;
use end::EndSieve;
use grams::GramSieve;
use plan::Plan;
use stump::StumpSieve;

/// The shortest needle that a sieve can find, in bytes.
const NEEDLE_LEN_MIN: usize = 4;
/// How many tiers there are at most.
const TIERS_MAX: usize = 3;
/// Tiers look at no more than so much text before the next tier looks at it, so that it is still in the cache, in bytes.
const BLOCK_LEN: usize = 8 << 10;

/// Which code searches; all give out the same. For tests and benches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Variant {
    /// The best that this machine can do.
    #[default]
    Best,
    /// No instruction beyond AVX2.
    Avx2,
    /// No instruction that is not on every machine.
    Portable,
    /// No sieve: the automaton walks every byte.
    Automaton,
}

impl Variant {
    /// All of them.
    pub const ALL: [Variant; 4] = [Variant::Best, Variant::Avx2, Variant::Portable, Variant::Automaton];

    fn isa(self) -> Option<Isa> {
        match self {
            Variant::Best => Isa::detect(),
            Variant::Avx2 => Isa::detect().map(|_| Isa::Avx2),
            Variant::Portable | Variant::Automaton => None,
        }
    }
}

/// The tiers of a needle set.
pub(super) struct Sieve {
    plan: Plan,
    /// Where the needles' first bytes stand.
    starts: GramSieve,
    end: EndSieve,
    stumps: StumpSieve,
}

impl Sieve {
    /// The sieve for these needles. There is none for needles below four bytes, nor for no needles.
    pub(super) fn new(needles: &NeedleList, variant: Variant) -> Option<Sieve> {
        if needles.len() == 0 || needles.iter().any(|needle| needle.len() < NEEDLE_LEN_MIN) {
            return None;
        }
        let starts = GramSieve::new(NEEDLE_LEN_MIN, 1, needles.iter().map(|needle| &needle[..NEEDLE_LEN_MIN]));
        let plan = plan::plan(needles, variant.isa());
        Some(Sieve { plan, starts, end: EndSieve::new(needles), stumps: StumpSieve::new(needles) })
    }

    /// The furthest that an occurrence starts before the position that [`Hunt::next`] gives for it, in bytes.
    pub(super) fn back(&self) -> usize {
        self.plan.back
    }

    /// How many bytes at the end of a text the sieve may miss the start of an occurrence in.
    pub(super) fn blind(&self) -> usize {
        self.plan.reach
    }

    /// Whether a short text that is whole holds no needle, and does not end in the beginning of one of at least `held_min` bytes. May say
    /// no too often, as [`is_end_clean`](Sieve::is_end_clean) does.
    #[inline]
    pub(super) fn is_clean(&self, text: &[u8], held_min: usize) -> bool {
        self.plan.tiers.iter().all(|tier| tier.is_absent(text))
            && self.is_end_clean(text, text.len().saturating_sub(self.plan.reach), held_min)
    }

    /// Whether there is nothing in the [blind](Sieve::blind) end of a text that is of interest there if the text is whole: no needle, and
    /// no beginning of one of at least `held_min` bytes. May say no too often, and says so where such beginnings are too short for
    /// the question.
    #[inline]
    pub(super) fn is_end_clean(&self, text: &[u8], from: usize, held_min: usize) -> bool {
        let whole = from.max(text.len().saturating_sub(self.plan.whole_reach));
        held_min >= stump::LEN_MIN
            && !self.stumps.may_end(text, from)
            && (self.plan.whole_reach == 0 || self.end.first_start(text, whole, held_min).is_none())
    }

    /// The first position from `from` on where a needle may begin, by its first bytes: for the walk, which then need not go
    /// through each byte. If there is none before `until`, that, or a place near the end of the text.
    pub(super) fn next_start(&self, text: &[u8], from: usize, until: usize) -> usize {
        self.starts.find(text, from, until).unwrap_or_else(|end| end)
    }

    /// The first position from `from` on where a needle may begin, but for the last three bytes: for the last bytes of a text. One
    /// that only begins there, with fewer than `held_min` bytes, may be missed.
    pub(super) fn first_start(&self, text: &[u8], from: usize, held_min: usize) -> Option<usize> {
        self.end.first_start(text, from, held_min)
    }
}

/// The search of one text, tier by tier and block by block.
pub(super) struct Hunt<'a> {
    sieve: &'a Sieve,
    text: &'a [u8],
    /// For each tier where it looks next, and whether it has looked there already and found something.
    looks: [(usize, bool); TIERS_MAX],
    block_end: usize,
}

/// A position that may give occurrences away: [`Hunt::candidates`] tells which.
pub(super) struct Hit {
    pub(super) at: usize,
    tier: usize,
}

impl<'a> Hunt<'a> {
    /// A search for the occurrences that begin at `from` or later.
    pub(super) fn new(sieve: &'a Sieve, text: &'a [u8], from: usize) -> Hunt<'a> {
        Hunt { sieve, text, looks: [(from, false); TIERS_MAX], block_end: from }
    }

    /// The next position that may give an occurrence away.
    ///
    /// It is impossible that an occurrence, outside of the [blind](Sieve::blind) end of the text, is not among the candidates of
    /// any hit.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Hit> {
        loop {
            let mut first: Option<Hit> = None;
            for (tier, (at, found)) in self.sieve.plan.tiers.iter().zip(&mut self.looks) {
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
                self.looks[hit.tier] = (hit.at + self.sieve.plan.tiers[hit.tier].stride(), false);
                return Some(hit);
            }
            if self.block_end >= self.text.len() {
                return None;
            }
            self.block_end += if self.sieve.plan.tiers.len() > 1 { BLOCK_LEN } else { self.text.len() };
        }
    }

    /// Calls `candidate` with each needle that may stand where it would have given this hit, and its start there, until it
    /// breaks off.
    #[inline]
    pub(super) fn candidates(
        &self,
        hit: &Hit,
        candidate: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.sieve.plan.tiers[hit.tier].candidates(self.text, hit.at, candidate)
    }

    /// Goes on from here: all that begins before has been found otherwise.
    pub(super) fn restart(&mut self, from: usize) {
        self.looks = self.looks.map(|(at, found)| if at < from { (from, false) } else { (at, found) });
        self.block_end = self.block_end.max(from);
    }
}
