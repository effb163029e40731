//! The loops of [`trigger`](super::trigger) in the vector instructions of x86-64.

use core::arch::x86_64::*;

use super::block::{BELOW_TOKENS, BLOCK_LEN, Block, Earlier, Lookup, Lookups, Wanted};
use super::skip::skip;
use super::token::TOKEN_RUN_MIN;

/// The number of bytes before a line end that decide whether it may be a trigger.
const RUN: usize = TOKEN_RUN_MIN as usize;

/// Advances `at` to the first block of text with candidates, and returns them and the text before
/// the next block; none once no block fits before the end of the text.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
pub(super) unsafe fn skip_avx512(
    lookups: &Lookups,
    text: &[u8],
    at: &mut usize,
    earlier: &mut Earlier,
    wants: Wanted,
) -> Option<(u64, Earlier)> {
    let [escapes, line_ends, doubled] =
        [&lookups.escapes, &lookups.line_ends, &lookups.doubled].map(|table| rows_avx512(table));
    let is_in = |rows: __m512i, bytes: __m512i| _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(rows, bytes), bytes);
    let high = |bytes: __m512i| {
        let above = _mm512_cmpgt_epi8_mask(bytes, _mm512_set1_epi8(BELOW_TOKENS as i8));
        above & !_mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'.' as i8))
    };
    // SAFETY: the callers' addresses have a block in the text, or one before it.
    let load = |place: *const u8| unsafe { _mm512_loadu_si512(place.cast()) };
    let block = |place: *const u8| {
        let bytes = load(place);
        Block {
            escapes: is_in(escapes, bytes),
            line_ends: is_in(line_ends, bytes),
            doubled: is_in(doubled, bytes),
            high: high(bytes),
        }
    };
    let has_doubled = wants.doubled != 0;
    let quick = |place: *const u8| {
        let bytes = load(place);
        let ends = is_in(line_ends, bytes);
        let ends = ends & !(ends << 1);
        // The bytes up to the first line end, the last one in the highest bit.
        let before = high(load(place.wrapping_add(ends.trailing_zeros() as usize & 63).wrapping_sub(BLOCK_LEN)));
        let is_wrap = (before >> (BLOCK_LEN - RUN) == u64::MAX >> (BLOCK_LEN - RUN)) & (ends != 0);
        let doubles = if has_doubled { is_in(doubled, bytes) & is_in(doubled, load(place.wrapping_sub(1))) } else { 0 };
        (is_in(escapes, bytes) | doubles | ends & ends.wrapping_sub(1) | u64::from(is_wrap)) != 0
    };
    skip!(block, quick, text, at, earlier, wants)
}

/// The bytes of each block that may begin an escape, appended to `out`; as many blocks as fit.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn escapes_avx512(escapes: &Lookup, text: &[u8], out: &mut Vec<u64>) {
    let escapes = rows_avx512(escapes);
    for block in text.chunks_exact(BLOCK_LEN) {
        // SAFETY: the block has as many bytes as are read.
        let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        out.push(_mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(escapes, bytes), bytes));
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn rows_avx512(table: &Lookup) -> __m512i {
    // SAFETY: the table has the sixteen bytes that are read.
    unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(table.as_ptr().cast())) }
}

/// Like [`skip_avx512`].
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn skip_avx2(
    lookups: &Lookups,
    text: &[u8],
    at: &mut usize,
    earlier: &mut Earlier,
    wants: Wanted,
) -> Option<(u64, Earlier)> {
    let [escapes, line_ends, doubled] =
        [&lookups.escapes, &lookups.line_ends, &lookups.doubled].map(|table| rows_avx2(table));
    let is_in = |rows: __m256i, bytes: __m256i| _mm256_cmpeq_epi8(_mm256_shuffle_epi8(rows, bytes), bytes);
    let high = |bytes: __m256i| {
        let above = _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(BELOW_TOKENS as i8));
        _mm256_andnot_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'.' as i8)), above)
    };
    // SAFETY: the callers' addresses have half a block in the text, or before it.
    let load = |place: *const u8| unsafe { _mm256_loadu_si256(place.cast()) };
    let whole = |first: __m256i, second: __m256i| half_mask(second) << 32 | half_mask(first);
    let block = |place: *const u8| {
        let (first, second) = (load(place), load(place.wrapping_add(32)));
        Block {
            escapes: whole(is_in(escapes, first), is_in(escapes, second)),
            line_ends: whole(is_in(line_ends, first), is_in(line_ends, second)),
            doubled: whole(is_in(doubled, first), is_in(doubled, second)),
            high: whole(high(first), high(second)),
        }
    };
    let has_doubled = wants.doubled != 0;
    let quick = |place: *const u8| {
        let (first, second) = (load(place), load(place.wrapping_add(32)));
        let mut any = _mm256_or_si256(is_in(escapes, first), is_in(escapes, second));
        if has_doubled {
            let doubles = |half: __m256i, place: *const u8| {
                _mm256_and_si256(is_in(doubled, half), is_in(doubled, load(place.wrapping_sub(1))))
            };
            any = _mm256_or_si256(any, doubles(first, place));
            any = _mm256_or_si256(any, doubles(second, place.wrapping_add(32)));
        }
        let ends = whole(is_in(line_ends, first), is_in(line_ends, second));
        let ends = ends & !(ends << 1);
        // The bytes up to the first line end: the first and the last 32 of them.
        let run = place.wrapping_add(ends.trailing_zeros() as usize & 63).wrapping_sub(RUN);
        let before = _mm256_and_si256(high(load(run)), high(load(run.wrapping_add(RUN - 32))));
        let is_wrap = (half_mask(before) == u64::from(u32::MAX)) & (ends != 0);
        (half_mask(any) | ends & ends.wrapping_sub(1) | u64::from(is_wrap)) != 0
    };
    skip!(block, quick, text, at, earlier, wants)
}

/// Like [`escapes_avx512`].
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn escapes_avx2(escapes: &Lookup, text: &[u8], out: &mut Vec<u64>) {
    let escapes = rows_avx2(escapes);
    let half = |half: &[u8]| {
        // SAFETY: half a block has as many bytes as are read.
        let bytes = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
        half_mask(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(escapes, bytes), bytes))
    };
    for block in text.chunks_exact(BLOCK_LEN) {
        out.push(half(&block[..32]) | half(&block[32..]) << 32);
    }
}

#[target_feature(enable = "avx2")]
fn rows_avx2(table: &Lookup) -> __m256i {
    // SAFETY: the table has the sixteen bytes that are read.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) }
}

/// The bits of a comparison. LLVM must not see that two of them are put together: it makes a vector
/// of 64 bits of them, and of that one bit at a time (rustc 1.95: a tenth of the speed).
#[target_feature(enable = "avx2")]
fn half_mask(found: __m256i) -> u64 {
    let mut mask = u64::from(_mm256_movemask_epi8(found) as u32);
    // SAFETY: the empty text changes nothing.
    unsafe { core::arch::asm!("/* {0} */", inout(reg) mask, options(pure, nomem, nostack, preserves_flags)) };
    mask
}
