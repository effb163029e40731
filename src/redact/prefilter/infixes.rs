//! The four-byte infixes of all needles. Where none of those across a place is one, no needle
//! goes across it.

use super::super::needle_list::NeedleList;
use super::NEEDLE_LEN_MIN;
use super::bloom::BloomFilter;

/// The length of an infix: the shortest needle has one.
pub(in super::super) const INFIX_LEN: usize = NEEDLE_LEN_MIN;

/// The number of needle bytes for each entry that the table has room for. The forms of a secret
/// have many infixes in common: of 100 keys with 312,000 infixes, 42,000 are distinct.
const BYTES_PER_ENTRY: usize = 6;
/// In a table of 64 KiB for 100 keys, with this, one look-up in 30 finds another infix.
const BITS_PER_ENTRY: usize = 12;

/// The most needle bytes: reading all of them must not hold up a stream for long (1.6 ns a byte).
const NEEDLE_BYTES_MAX: usize = 8 << 20;

/// The table; it has false positives, and no false negatives.
pub(in super::super) struct Infixes {
    grams: BloomFilter<2>,
    /// Whether each needle has two infixes, one behind the other.
    has_pairs: bool,
}

impl Infixes {
    /// The infixes of these needles. `None`: a needle is shorter than one, or all needles together
    /// are too long.
    pub(in super::super) fn of(needles: &NeedleList) -> Option<Infixes> {
        let len: usize = needles.iter().map(<[u8]>::len).sum();
        if len > NEEDLE_BYTES_MAX || needles.iter().any(|needle| needle.len() < INFIX_LEN) {
            return None;
        }
        let mut grams = BloomFilter::new(len / BYTES_PER_ENTRY, BITS_PER_ENTRY);
        for needle in needles.iter() {
            words(needle).for_each(|word| grams.insert(word));
        }
        Some(Infixes { grams, has_pairs: needles.iter().all(|needle| needle.len() > INFIX_LEN) })
    }

    /// Whether a needle may go across a place in a text: an infix before the place, at most a byte
    /// in it, and an infix behind it. A needle that does has an infix across the place, and another
    /// beside that. Both are looked for: with one, a tenth of the places in logs was taken for
    /// crossed.
    pub(in super::super) fn may_cross(&self, text: &[u8]) -> bool {
        let has = |at: usize| words(&text[at..]).next().is_some_and(|word| self.grams.contains(word));
        (1..text.len() - INFIX_LEN).any(|at| has(at) && (!self.has_pairs || has(at - 1) || has(at + 1)))
    }
}

fn words(text: &[u8]) -> impl Iterator<Item = u64> {
    let infixes = text.windows(INFIX_LEN).filter_map(|infix| infix.first_chunk());
    infixes.map(|infix| u64::from(u32::from_le_bytes(*infix)) << 32)
}
