//! A set of 64-bit words with false positives: a Bloom filter with all bits of an entry in one
//! machine word.
//!
//! Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters" (2007): one memory
//! access per look-up. Three bits per entry beat two in a crowded table (a fifth faster with 1,000
//! secrets, on cold memory), but are not worth their instructions in a roomy one (a tenth slower
//! with 100).

/// 2^64 divided by the golden ratio (Knuth, TAOCP 6.4).
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// The second-level cache of a current machine, in bytes.
const CACHED_BYTES: usize = 1 << 20;
/// With fewer bits per entry than this, each entry sets a third bit.
const CROWDED_BITS_PER_ENTRY: usize = 24;
/// With fewer bits per entry than this, false positives leave little to skip, cache or not.
const BITS_PER_ENTRY_MIN: usize = 12;

/// The number of 64-bit words in a table.
fn words_for(entries: usize, bits_per_entry: usize) -> usize {
    let roomy = (entries * bits_per_entry / 64).next_power_of_two();
    let tight = (entries * BITS_PER_ENTRY_MIN / 64).next_power_of_two();
    roomy.min(CACHED_BYTES / 8).max(tight).max(2)
}

/// Whether a table for this many entries is so full that a third bit pays.
pub(super) fn is_crowded(entries: usize, bits_per_entry: usize) -> bool {
    words_for(entries, bits_per_entry) * 64 < entries * CROWDED_BITS_PER_ENTRY
}

/// A Bloom filter; see the module's documentation. Each entry sets `BITS` bits: two or three.
pub(super) struct BloomFilter<const BITS: u32> {
    words: Vec<u64>,
    shift: u32,
}

impl<const BITS: u32> BloomFilter<BITS> {
    /// An empty set for this many entries, with about `bits_per_entry` bits each. With fewer, if
    /// that exceeds the second-level cache, down to a minimum below which false positives cost more
    /// than cache misses.
    pub(super) fn new(entries: usize, bits_per_entry: usize) -> BloomFilter<BITS> {
        let words = words_for(entries, bits_per_entry);
        BloomFilter { words: vec![0; words], shift: 64 - words.trailing_zeros() }
    }

    pub(super) fn insert(&mut self, word: u64) {
        let (at, bits) = self.locate(word);
        self.words[at] |= bits;
    }

    /// Whether the word was inserted, or collides with inserted ones.
    #[inline(always)]
    pub(super) fn contains(&self, word: u64) -> bool {
        let (at, bits) = self.locate(word);
        // SAFETY: `at` is a 64-bit number shifted down to the number of bits that index the words,
        // and their number is a power of two.
        unsafe { self.words.get_unchecked(at) & bits == bits }
    }

    #[inline(always)]
    fn locate(&self, word: u64) -> (usize, u64) {
        let hash = word.wrapping_mul(MULTIPLIER);
        let third = if BITS > 2 { 1 << (hash >> 26 & 63) } else { 0 };
        let bits = third | 1 << (hash >> 32 & 63) | 1 << (hash >> 38 & 63);
        ((hash >> self.shift) as usize, bits)
    }
}
