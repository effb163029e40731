//! The loops of [`trigger`](super::trigger) in the vector instructions of x86-64.

use core::arch::x86_64::*;

use super::block::{BELOW_TOKENS, BLOCK_LEN, Block, Earlier, Lookup, Wanted};

/// The loop of the functions below.
macro_rules! skip {
    ($block:ident, $text:ident, $at:ident, $earlier:ident, $wants:ident) => {{
        let (mut place, mut before) = (*$at, *$earlier);
        let mut found = None;
        while place + BLOCK_LEN <= $text.len() {
            // SAFETY: the block ends before the text does.
            let block = unsafe { $block($text.as_ptr().add(place)) };
            let (candidates, next) = block.candidates(before, $wants);
            if candidates != 0 {
                found = Some((candidates, next));
                break;
            }
            before = next;
            place += BLOCK_LEN;
        }
        (*$at, *$earlier) = (place, before);
        found
    }};
}

/// Advances `at` to the first block of text with candidates, and returns them and the text before
/// the next block; none once no block fits before the end of the text.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
pub(super) unsafe fn skip_avx512(
    tables: (&Lookup, &Lookup),
    text: &[u8],
    at: &mut usize,
    earlier: &mut Earlier,
    wants: Wanted,
) -> Option<(u64, Earlier)> {
    let (marks, doubled) = (rows_avx512(tables.0), rows_avx512(tables.1));
    let block = |place: *const u8| {
        // SAFETY: the caller's block is in the text.
        let bytes = unsafe { _mm512_loadu_si512(place.cast()) };
        Block {
            marks: _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(marks, bytes), bytes),
            doubled: _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(doubled, bytes), bytes),
            low: _mm512_cmple_epu8_mask(bytes, _mm512_set1_epi8(b'\r' as i8)),
            high: _mm512_cmpgt_epi8_mask(bytes, _mm512_set1_epi8(BELOW_TOKENS as i8)),
        }
    };
    skip!(block, text, at, earlier, wants)
}

/// The bytes of each block that may begin an escape, appended to `out`; as many blocks as fit.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
pub(super) unsafe fn escapes_avx512(marks: &Lookup, text: &[u8], out: &mut Vec<u64>) {
    let marks = rows_avx512(marks);
    for block in text.chunks_exact(BLOCK_LEN) {
        // SAFETY: the block has as many bytes as are read.
        let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        let low = _mm512_cmple_epu8_mask(bytes, _mm512_set1_epi8(b'\r' as i8));
        out.push(_mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(marks, bytes), bytes) & !low);
    }
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
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
    tables: (&Lookup, &Lookup),
    text: &[u8],
    at: &mut usize,
    earlier: &mut Earlier,
    wants: Wanted,
) -> Option<(u64, Earlier)> {
    let (marks, doubled) = (rows_avx2(tables.0), rows_avx2(tables.1));
    let half = |place: *const u8| {
        // SAFETY: the caller's block is in the text.
        let bytes = unsafe { _mm256_loadu_si256(place.cast()) };
        let low = _mm256_min_epu8(bytes, _mm256_set1_epi8(b'\r' as i8));
        [
            half_mask(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(marks, bytes), bytes)),
            half_mask(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(doubled, bytes), bytes)),
            half_mask(_mm256_cmpeq_epi8(low, bytes)),
            half_mask(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(BELOW_TOKENS as i8))),
        ]
    };
    let block = |place: *const u8| {
        // SAFETY: both halves are in the caller's block.
        let (first, second) = (half(place), half(unsafe { place.add(32) }));
        let [marks, doubled, low, high] = std::array::from_fn(|class| second[class] << 32 | first[class]);
        Block { marks, doubled, low, high }
    };
    skip!(block, text, at, earlier, wants)
}

/// Like [`escapes_avx512`].
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn escapes_avx2(marks: &Lookup, text: &[u8], out: &mut Vec<u64>) {
    let marks = rows_avx2(marks);
    let half = |half: &[u8]| {
        // SAFETY: half a block has as many bytes as are read.
        let bytes = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
        let found = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(marks, bytes), bytes);
        let above = _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(b'\r' as i8));
        half_mask(_mm256_and_si256(found, above))
    };
    for block in text.chunks_exact(BLOCK_LEN) {
        out.push(half(&block[..32]) | half(&block[32..]) << 32);
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn rows_avx2(table: &Lookup) -> __m256i {
    // SAFETY: the table has the sixteen bytes that are read.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) }
}

/// The bits of a comparison. LLVM must not see that two of them are put together: it makes a vector
/// of 64 bits of them, and of that one bit at a time (rustc 1.95: a tenth of the speed).
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn half_mask(found: __m256i) -> u64 {
    let mut mask = u64::from(_mm256_movemask_epi8(found) as u32);
    // SAFETY: the empty text changes nothing.
    unsafe { core::arch::asm!("/* {0} */", inout(reg) mask, options(pure, nomem, nostack, preserves_flags)) };
    mask
}
