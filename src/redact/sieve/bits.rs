//! A set of 64-bit words that may say yes too often: a Bloom filter with both bits in one machine word.
//!
//! Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters" (2007): one memory access a look-up. With one
//! bit instead of two it said yes five times as often at the same size; three bits were not worth their instructions.

/// 2^64 divided by the golden ratio (Knuth, TAOCP 6.4).
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// See the module's documentation.
pub(crate) struct BitSet {
    words: Vec<u64>,
    shift: u32,
}

impl BitSet {
    /// An empty set for so many entries: about `bits_per_entry` bits for each, but no more than `bytes_max` in all.
    pub(crate) fn new(entries: usize, bits_per_entry: usize, bytes_max: usize) -> BitSet {
        let words = (entries * bits_per_entry / 64).next_power_of_two().clamp(2, bytes_max / 8);
        BitSet { words: vec![0; words], shift: 64 - words.trailing_zeros() }
    }

    pub(crate) fn insert(&mut self, word: u64) {
        let (at, bits) = self.place(word);
        self.words[at] |= bits;
    }

    /// Whether the word was inserted, or looks as if.
    #[inline(always)]
    pub(crate) fn contains(&self, word: u64) -> bool {
        let (at, bits) = self.place(word);
        // SAFETY: `at` is a 64-bit number shifted down to as many bits as the number of words, a power of two, has.
        unsafe { self.words.get_unchecked(at) & bits == bits }
    }

    #[inline(always)]
    fn place(&self, word: u64) -> (usize, u64) {
        let hash = word.wrapping_mul(MULTIPLIER);
        ((hash >> self.shift) as usize, 1 << (hash >> 32 & 63) | 1 << (hash >> 38 & 63))
    }
}
