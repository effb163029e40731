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
pub(in super::super) struct Infixes(BloomFilter<2>);

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
        Some(Infixes(grams))
    }

    /// Whether a needle may have an infix of this text.
    pub(in super::super) fn any_in(&self, text: &[u8]) -> bool {
        words(text).any(|word| self.0.contains(word))
    }
}

fn words(text: &[u8]) -> impl Iterator<Item = u64> {
    let infixes = text.windows(INFIX_LEN).filter_map(|infix| infix.first_chunk());
    infixes.map(|infix| u64::from(u32::from_le_bytes(*infix)) << 32)
}
