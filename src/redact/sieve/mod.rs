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
mod grams;
mod window;

use grams::{GramSieve, LOOK_LEN};

/// The shortest needle that a sieve can find, in bytes.
const NEEDLE_LEN_MIN: usize = 4;
/// The stride gains little beyond this, where every second cache line has to be read anyway.
const STRIDE_MAX: usize = 32;
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
    /// No instruction that is not on every machine.
    Portable,
    /// No sieve: the automaton walks every byte.
    Automaton,
}

impl Variant {
    /// All of them.
    pub const ALL: [Variant; 3] = [Variant::Best, Variant::Portable, Variant::Automaton];
}

/// The tiers of a needle set.
pub(crate) struct Sieve {
    tiers: Vec<GramSieve>,
    /// An occurrence whose window holds the position looked at starts this many bytes before it, at most.
    back: usize,
    /// An occurrence that begins in the last so many bytes of a text may go unseen.
    blind: usize,
    /// Where the needles' first bytes stand.
    starts: GramSieve,
}

impl Sieve {
    /// The sieve for these needles, which are sorted. There is none for needles below four bytes, nor for no needles.
    pub(crate) fn new(needles: &[&[u8]], _variant: Variant) -> Option<Sieve> {
        if needles.is_empty() || needles.iter().any(|needle| needle.len() < NEEDLE_LEN_MIN) {
            return None;
        }
        let heads: Vec<&[u8]> = needles.iter().map(|needle| &needle[..NEEDLE_LEN_MIN]).collect();
        let starts = GramSieve::new(NEEDLE_LEN_MIN, 1, &heads);
        let mut sieve = Sieve { tiers: Vec::new(), back: 0, blind: LOOK_LEN, starts };
        let neighbours =
            |i: usize| [i.checked_sub(1), Some(i + 1)].into_iter().flatten().filter_map(|n| needles.get(n));
        let shared = |i: usize| neighbours(i).map(|other| shared_len(needles[i], other)).max().unwrap_or(0);
        for tier in plan(needles) {
            let members = (0..needles.len()).filter(|&i| tier.lengths.contains(&needles[i].len()));
            let windows: Vec<&[u8]> = members
                .map(|i| {
                    let offset = window::place(needles[i], shared(i), tier.window_len());
                    sieve.back = sieve.back.max(offset + tier.stride - 1);
                    &needles[i][offset..offset + tier.window_len()]
                })
                .collect();
            sieve.tiers.push(GramSieve::new(tier.gram_len, tier.stride, &windows));
        }
        sieve.blind += sieve.back;
        Some(sieve)
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

/// The needles of some lengths, and how they are looked for.
struct Tier {
    lengths: std::ops::RangeInclusive<usize>,
    gram_len: usize,
    stride: usize,
}

impl Tier {
    fn window_len(&self) -> usize {
        self.stride - 1 + self.gram_len
    }
}

/// Which tiers serve needles of these lengths best.
fn plan(needles: &[&[u8]]) -> Vec<Tier> {
    let shortest = |from: usize| needles.iter().map(|needle| needle.len()).filter(|&len| len >= from).min();
    let mut tiers = Vec::new();
    if shortest(0).is_some_and(|len| len < 8) {
        tiers.push(Tier { lengths: 4..=7, gram_len: 4, stride: 1 });
    }
    if shortest(8).is_some_and(|len| len < 15) {
        tiers.push(Tier { lengths: 8..=14, gram_len: 5, stride: 4 });
    }
    if let Some(len) = shortest(15) {
        tiers.push(Tier { lengths: 15..=usize::MAX, gram_len: 8, stride: (len - 7).min(STRIDE_MAX) });
    }
    tiers
}

fn shared_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
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
