//! A set of 64-bit words with false positives: a Bloom filter with all bits of an entry in one
//! machine word.
//!
//! Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters" (2007): one memory
//! access per look-up. Three bits per entry beat two in a crowded table (a fifth faster with 1,000
//! secrets, on cold memory), but are not worth their instructions in a roomy one (a tenth slower
//! with 100).

use super::super::isa::Isa;

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

    /// Which words of a text are [contained](BloomFilter::contains), each shifted up by `shift`: a
    /// bit for each position, of which there are at most 64.
    pub(super) fn contained(&self, text: &[u8], shift: u32, isa: Option<Isa>) -> u64 {
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: each instruction set of this architecture includes BMI2.
            Some(_) => unsafe { self.contained_bmi2(text, shift) },
            _ => self.contained_any(text, shift),
        }
    }

    /// The same, compiled for shifts by any register.
    ///
    /// # Safety
    ///
    /// The machine has the features that the function is compiled for.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2")]
    unsafe fn contained_bmi2(&self, text: &[u8], shift: u32) -> u64 {
        self.contained_any(text, shift)
    }

    #[inline(always)]
    fn contained_any(&self, text: &[u8], shift: u32) -> u64 {
        let word = |word: &[u8]| u64::from_le_bytes(word.try_into().expect("eight bytes")) << shift;
        let words = text.windows(size_of::<u64>()).map(word);
        words.enumerate().fold(0, |found, (at, word)| found | self.bit(word) << at)
    }

    /// 1 if the word is contained, otherwise 0. Text of needles and their pieces is searched 5 to
    /// 10% faster by it; in place of [`contains`](BloomFilter::contains), it slows down the search
    /// of other text by 15%.
    #[inline(always)]
    fn bit(&self, word: u64) -> u64 {
        let hash = word.wrapping_mul(MULTIPLIER);
        // SAFETY: as in `contains`.
        let bits = unsafe { *self.words.get_unchecked((hash >> self.shift) as usize) };
        let third = if BITS > 2 { bits >> (hash >> 26 & 63) } else { 1 };
        bits >> (hash >> 32 & 63) & bits >> (hash >> 38 & 63) & third & 1
    }

    #[inline(always)]
    fn locate(&self, word: u64) -> (usize, u64) {
        let hash = word.wrapping_mul(MULTIPLIER);
        let third = if BITS > 2 { 1 << (hash >> 26 & 63) } else { 0 };
        let bits = third | 1 << (hash >> 32 & 63) | 1 << (hash >> 38 & 63);
        ((hash >> self.shift) as usize, bits)
    }
}
