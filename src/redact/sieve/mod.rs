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
mod grams;
mod plan;
mod window;
#[cfg(target_arch = "x86_64")]
mod x86;

use classes::{ClassSieve, Isa};
use grams::{GramSieve, LOOK_LEN};

/// The shortest needle that a sieve can find, in bytes.
const NEEDLE_LEN_MIN: usize = 4;
/// How many tiers there are at most.
const TIERS_MAX: usize = 3;
/// Tiers look at no more than so much text before the next tier looks at it, so that it is still in the cache, in bytes.
const BLOCK_LEN: usize = 32 << 10;

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
pub(crate) struct Sieve {
    tiers: Vec<Tier>,
    /// An occurrence whose window holds the position looked at starts this many bytes before it, at most.
    back: usize,
    /// An occurrence that begins in the last so many bytes of a text may go unseen.
    blind: usize,
    /// Where the needles' first bytes stand.
    starts: GramSieve,
}

/// One tier: the needles of some lengths.
enum Tier {
    Grams(GramSieve),
    Classes(ClassSieve),
}

impl Tier {
    /// The first position at or after `from` that may lie in a window (or for classes, at its start), before `end`. Where there
    /// is none, where to look next.
    #[inline]
    fn find(&self, text: &[u8], from: usize, end: usize) -> Result<usize, usize> {
        match self {
            Tier::Grams(tier) => tier.find(text, from, end),
            Tier::Classes(tier) => tier.find(text, from, end),
        }
    }
}

impl Sieve {
    /// The sieve for these needles, which are sorted. There is none for needles below four bytes, nor for no needles.
    pub(crate) fn new(needles: &[&[u8]], variant: Variant) -> Option<Sieve> {
        if needles.is_empty() || needles.iter().any(|needle| needle.len() < NEEDLE_LEN_MIN) {
            return None;
        }
        let heads: Vec<&[u8]> = needles.iter().map(|needle| &needle[..NEEDLE_LEN_MIN]).collect();
        let starts = GramSieve::new(NEEDLE_LEN_MIN, 1, &heads);
        let (tiers, back) = plan::tiers(needles, variant.isa());
        Some(Sieve { tiers, back, blind: back + LOOK_LEN, starts })
    }

    /// How many bytes before the position that [`Hunt::next`] gives an occurrence may begin, at most.
    pub(crate) fn back(&self) -> usize {
        self.back
    }

    /// How many bytes at the end of a text the sieve may miss the start of an occurrence in.
    pub(crate) fn blind(&self) -> usize {
        self.blind
    }

    /// The first position from `from` on where a needle may begin, by its first bytes: for the walk, which then need not go
    /// through each byte. If there is none before `until`, that, or a place near the end of the text.
    pub(crate) fn next_start(&self, text: &[u8], from: usize, until: usize) -> usize {
        self.starts.find(text, from, until).unwrap_or_else(|end| end)
    }
}

/// The search of one text, tier by tier and block by block.
pub(crate) struct Hunt<'a> {
    sieve: &'a Sieve,
    text: &'a [u8],
    /// For each tier where it looks next, and whether it has looked there already and found something.
    looks: [(usize, bool); TIERS_MAX],
    block_end: usize,
}

impl<'a> Hunt<'a> {
    pub(crate) fn new(sieve: &'a Sieve, text: &'a [u8]) -> Hunt<'a> {
        Hunt { sieve, text, looks: [(0, false); TIERS_MAX], block_end: 0 }
    }

    /// A position in a window of an occurrence that begins at `from` or later, if there is such an occurrence outside of the
    /// [blind](Sieve::blind) end of the text: the first such position of all tiers. `from` never goes back.
    ///
    /// It is impossible that an occurrence begins at `from` or later, but more than [`back`](Sieve::back) bytes before the
    /// position.
    pub(crate) fn next(&mut self, from: usize) -> Option<usize> {
        loop {
            for (tier, (at, found)) in self.sieve.tiers.iter().zip(&mut self.looks) {
                if *at < from {
                    (*at, *found) = (from, false);
                }
                if !*found {
                    let look = tier.find(self.text, *at, self.block_end);
                    (*at, *found) = (look.unwrap_or_else(|at| at), look.is_ok());
                }
            }
            let found = self.looks.iter().filter(|look| look.1).map(|look| look.0).min();
            if found.is_some() || self.block_end >= self.text.len() {
                return found;
            }
            self.block_end = self.block_end.max(from) + BLOCK_LEN;
        }
    }
}
