//! The loop of Teddy in NEON, the vector instructions of 64-bit ARM.

use core::arch::aarch64::*;

use super::super::isa::neon::{VECTOR_LEN, any_of, has_any, mask};
use super::qgrams::prefetch_ahead;
use super::teddy::{BLOCK_LEN, Classes, POSITIONS};

/// Advances `at` to the first block of text with a hit of the classes, and returns its hits as
/// bits. Returns all bits once no block and vector fit before the end of the text, or no bits at
/// `end`.
///
/// Each byte is looked up once for all positions, and the results are moved to the beginnings of
/// their windows: that takes fewer instructions than to load the text again for each position.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "neon")]
pub(super) unsafe fn skip_neon(classes: &Classes, text: &[u8], at: &mut usize, end: usize) -> u64 {
    let tables: [_; POSITIONS] = classes.nibbles.each_ref().map(|halves| {
        // SAFETY: the table has the sixteen bytes that are read.
        halves.each_ref().map(|nibbles| unsafe { vld1q_u8(nibbles.as_ptr()) })
    });
    let looked_up = |at: usize| {
        // SAFETY: the vector behind the block ends before the text does: see the check below.
        let bytes = unsafe { vld1q_u8(text.as_ptr().add(at)) };
        let (low, high) = (vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8::<4>(bytes));
        tables.map(|[lows, highs]| vandq_u8(vqtbl1q_u8(lows, low), vqtbl1q_u8(highs, high)))
    };
    let mut block = *at;
    if block + BLOCK_LEN + VECTOR_LEN <= text.len() && block < end {
        let mut first = looked_up(block);
        while block < end && block + BLOCK_LEN + VECTOR_LEN <= text.len() {
            prefetch_ahead(text, block);
            let buckets = [1, 2, 3, 4].map(|vector| {
                let next = looked_up(block + vector * VECTOR_LEN);
                let buckets = windows(first, next);
                first = next;
                buckets
            });
            if has_any(any_of(buckets)) {
                *at = block;
                return mask(buckets.map(|buckets| vtstq_u8(buckets, buckets)));
            }
            block += BLOCK_LEN;
        }
    }
    *at = block;
    if block < end { u64::MAX } else { 0 }
}

/// The buckets of the windows that begin in the first of two neighbouring vectors, from those of
/// each position there.
#[inline]
#[target_feature(enable = "neon")]
fn windows(first: [uint8x16_t; POSITIONS], next: [uint8x16_t; POSITIONS]) -> uint8x16_t {
    let moved = [
        first[0],
        vextq_u8::<1>(first[1], next[1]),
        vextq_u8::<2>(first[2], next[2]),
        vextq_u8::<3>(first[3], next[3]),
        vextq_u8::<4>(first[4], next[4]),
        vextq_u8::<5>(first[5], next[5]),
    ];
    moved.into_iter().reduce(|all, buckets| vandq_u8(all, buckets)).expect("a position")
}
