//! The loops of Teddy in the vector instructions of x86-64.

use core::arch::x86_64::*;

use super::qgrams::prefetch_ahead;
use super::teddy::{BLOCK_LEN, Classes, POSITIONS};

/// Advances `at` to the first block of text with a hit of the classes, and returns its hits as
/// bits. Returns all bits once no block and window fit before the end of the text, or no bits at
/// `end`.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) unsafe fn skip_avx512(classes: &Classes, text: &[u8], at: &mut usize, end: usize) -> u64 {
    let half = |position: usize, half: usize| {
        // SAFETY: both halves of a table of 128 bytes are in it.
        unsafe { _mm512_loadu_si512(classes.bytes[position].as_ptr().add(half * 64).cast()) }
    };
    let tables: [_; POSITIONS] = std::array::from_fn(|position| (half(position, 0), half(position, 1)));
    let hits = |at: usize| {
        let mut buckets = _mm512_set1_epi8(-1);
        for (position, &(low, high)) in tables.iter().enumerate() {
            // SAFETY: the last position's block ends before the text does: see the check below.
            let bytes = unsafe { _mm512_loadu_si512(text.as_ptr().add(at + position).cast()) };
            buckets = _mm512_and_si512(buckets, _mm512_permutex2var_epi8(low, bytes, high));
        }
        _mm512_test_epi8_mask(buckets, buckets)
    };
    let mut block = *at;
    while block < end && block + BLOCK_LEN + POSITIONS <= text.len() {
        prefetch_ahead(text, block);
        let hits = hits(block);
        if hits != 0 {
            *at = block;
            return hits;
        }
        block += BLOCK_LEN;
    }
    *at = block;
    if block < end { u64::MAX } else { 0 }
}

/// Like [`skip_avx512`].
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn skip_avx2(classes: &Classes, text: &[u8], at: &mut usize, end: usize) -> u64 {
    let table = |position: usize, half: usize| {
        let nibbles = &classes.nibbles[position][half];
        // SAFETY: the table has the sixteen bytes that are read.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(nibbles.as_ptr().cast())) }
    };
    let tables: [_; POSITIONS] = std::array::from_fn(|position| (table(position, 0), table(position, 1)));
    let low_half = _mm256_set1_epi8(15);
    let hits = |at: usize| {
        let mut buckets = _mm256_set1_epi8(-1);
        for (position, &(low, high)) in tables.iter().enumerate() {
            // SAFETY: the last position's half of the block ends before the text does: see the
            // check below.
            let bytes = unsafe { _mm256_loadu_si256(text.as_ptr().add(at + position).cast()) };
            let low = _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, low_half));
            let high = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low_half));
            buckets = _mm256_and_si256(buckets, _mm256_and_si256(low, high));
        }
        !_mm256_movemask_epi8(_mm256_cmpeq_epi8(buckets, _mm256_setzero_si256())) as u32
    };
    let mut block = *at;
    while block < end && block + BLOCK_LEN + POSITIONS <= text.len() {
        prefetch_ahead(text, block);
        let hits = u64::from(hits(block + 32)) << 32 | u64::from(hits(block));
        if hits != 0 {
            *at = block;
            return hits;
        }
        block += BLOCK_LEN;
    }
    *at = block;
    if block < end { u64::MAX } else { 0 }
}
