//! The loops of [`trigger`](super::trigger) in the vector instructions of x86-64.

use core::arch::x86_64::*;

use super::block::{BELOW_TOKENS, BLOCK_LEN, Block, Lookup, Lookups, behind_line_ends};
use super::dump::ZEROS;
use super::token::TOKEN_RUN_MIN;

/// The number of bytes before a line end that decide whether it may be a trigger.
const RUN: usize = TOKEN_RUN_MIN as usize;

/// Whether a dump may begin behind the first line ends of the block at `place`, or behind it if it
/// has none.
///
/// # Safety
///
/// The [`ZEROS`] bytes behind the block can be read.
#[inline(always)]
unsafe fn begins_dump(line_ends: u64, place: *const u8) -> bool {
    let start = place.wrapping_add(behind_line_ends(line_ends));
    // SAFETY: that is behind a byte of the block, or behind all of them.
    unsafe { start.cast::<[u8; ZEROS]>().read() == [b'0'; ZEROS] }
}

/// Stands for the bytes before a line end where there is none.
static NO_RUN: [u8; BLOCK_LEN] = [0; BLOCK_LEN];

/// The classes of a block.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn classify_avx512(lookups: &Lookups, block: &[u8; BLOCK_LEN]) -> Block {
    // SAFETY: the block has as many bytes as are read.
    let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    let above = _mm512_cmpgt_epi8_mask(bytes, _mm512_set1_epi8(BELOW_TOKENS as i8));
    Block {
        escapes: is_in_avx512(rows_avx512(&lookups.escapes), bytes),
        line_ends: is_in_avx512(rows_avx512(&lookups.line_ends), bytes),
        doubled: is_in_avx512(rows_avx512(&lookups.doubled), bytes),
        zeros: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'0' as i8)),
        high: _mm512_mask_cmpneq_epi8_mask(above, bytes, _mm512_set1_epi8(b'.' as i8)),
    }
}

/// The offset of the first two blocks from `at` on that may have candidates, or where none fit
/// before the end of the text. At least a block stands before `at`.
///
/// # Safety
///
/// The machine has the features that the function is compiled for. At least a block stands
/// before `at`: the bytes before a line end are read.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
pub(super) unsafe fn skip_avx512(lookups: &Lookups, text: &[u8], mut at: usize, has_doubled: bool) -> usize {
    let [marks, doubled] = [&lookups.marks, &lookups.doubled].map(|table| rows_avx512(table));
    // SAFETY: the callers' addresses have a block in the text, or one before it.
    let load = |place: *const u8| unsafe { _mm512_loadu_si512(place.cast()) };
    let above =
        |mask: u64, bytes: __m512i, least: u8| _mm512_mask_cmpgt_epi8_mask(mask, bytes, _mm512_set1_epi8(least as i8));
    // The bytes up to the first line end, the last one in the highest bit. One comparison: the dot
    // is seen at a closer look.
    let run = |ends: u64, place: *const u8| {
        let end = place.wrapping_add(ends.trailing_zeros() as usize).wrapping_sub(BLOCK_LEN);
        above(u64::MAX, load(if ends == 0 { NO_RUN.as_ptr() } else { end }), BELOW_TOKENS)
    };
    // SAFETY: at least as many bytes as are read stand behind the last block.
    let begins_dump = |ends: u64, place: *const u8| unsafe { begins_dump(ends, place) };
    // Of CR and LF, and of empty lines, the first line end decides.
    let firsts = |ends: u64| ends & !(ends << 1);
    let is_run = |run: u64| _kortestc_mask64_u8(run, u64::MAX >> RUN) != 0;
    let doubles = |bytes: __m512i, place: *const u8| match has_doubled {
        true => is_in_avx512(doubled, bytes) & is_in_avx512(doubled, load(place.wrapping_sub(1))),
        false => 0,
    };
    while at + 2 * BLOCK_LEN + ZEROS <= text.len() {
        let place = text.as_ptr().wrapping_add(at);
        let behind = place.wrapping_add(BLOCK_LEN);
        let (bytes, bytes_behind) = (load(place), load(behind));
        let (ends, ends_behind) = (is_in_avx512(marks, bytes), is_in_avx512(marks, bytes_behind));
        // Line ends are below all first bytes of escapes.
        let others = above(ends, bytes, b'\r') | above(ends_behind, bytes_behind, b'\r');
        let others = others | doubles(bytes, place) | doubles(bytes_behind, behind);
        let all = (ends, ends_behind);
        let (ends, ends_behind) = (firsts(ends), firsts(ends_behind));
        let several = ends & ends.wrapping_sub(1) | ends_behind & ends_behind.wrapping_sub(1);
        // Branches, each of which is rarely taken: as one condition they take a fifth more. A loop
        // over the line ends takes twice as long, since their number is never predicted.
        if others != 0
            || is_run(run(ends, place))
            || is_run(run(ends_behind, behind))
            || several != 0
            || begins_dump(all.0, place)
            || begins_dump(all.1, behind)
        {
            break;
        }
        at += 2 * BLOCK_LEN;
    }
    at
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

#[target_feature(enable = "avx512f,avx512bw")]
fn is_in_avx512(rows: __m512i, bytes: __m512i) -> u64 {
    _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(rows, bytes), bytes)
}

/// Like [`classify_avx512`].
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn classify_avx2(lookups: &Lookups, block: &[u8; BLOCK_LEN]) -> Block {
    // SAFETY: half a block has as many bytes as are read.
    let load = |half: &[u8]| unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
    let (first, second) = (load(&block[..32]), load(&block[32..]));
    let mask_in = |table: &Lookup| {
        let rows = rows_avx2(table);
        mask_of(is_in_avx2(rows, first), is_in_avx2(rows, second))
    };
    Block {
        escapes: mask_in(&lookups.escapes),
        line_ends: mask_in(&lookups.line_ends),
        doubled: mask_in(&lookups.doubled),
        zeros: mask_of(zeros_avx2(first), zeros_avx2(second)),
        high: mask_of(high_avx2(first), high_avx2(second)),
    }
}

/// Like [`skip_avx512`].
///
/// # Safety
///
/// The machine has the features that the function is compiled for. At least a block stands
/// before `at`: the bytes before a line end are read.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn skip_avx2(lookups: &Lookups, text: &[u8], mut at: usize, has_doubled: bool) -> usize {
    let [marks, doubled] = [&lookups.marks, &lookups.doubled].map(|table| rows_avx2(table));
    // SAFETY: the callers' addresses have half a block in the text, or before it.
    let load = |place: *const u8| unsafe { _mm256_loadu_si256(place.cast()) };
    let above = |bytes: __m256i, least: u8| _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(least as i8));
    // The line ends of a block and its escapes, and what may be a trigger otherwise.
    let look = |place: *const u8| {
        let halves = [0, 32].map(|half| {
            let place = place.wrapping_add(half);
            let bytes = load(place);
            let ends = is_in_avx2(marks, bytes);
            // Line ends are below all first bytes of escapes.
            let mut others = _mm256_and_si256(ends, above(bytes, b'\r'));
            if has_doubled {
                let doubles =
                    _mm256_and_si256(is_in_avx2(doubled, bytes), is_in_avx2(doubled, load(place.wrapping_sub(1))));
                others = _mm256_or_si256(others, doubles);
            }
            (ends, others)
        });
        (mask_of(halves[0].0, halves[1].0), _mm256_or_si256(halves[0].1, halves[1].1))
    };
    let firsts = |ends: u64| ends & !(ends << 1);
    let is_run = |ends: u64, place: *const u8| {
        // The bytes up to the first line end: the first and the last 32 of them.
        let run = place.wrapping_add(ends.trailing_zeros() as usize).wrapping_sub(RUN);
        let run = if ends == 0 { NO_RUN.as_ptr() } else { run };
        let [first, last] = [run, run.wrapping_add(RUN - 32)].map(|half| above(load(half), BELOW_TOKENS));
        _mm256_movemask_epi8(_mm256_and_si256(first, last)) == -1
    };
    // SAFETY: at least as many bytes as are read stand behind the last block.
    let begins_dump = |ends: u64, place: *const u8| unsafe { begins_dump(ends, place) };
    while at + 2 * BLOCK_LEN + ZEROS <= text.len() {
        let place = text.as_ptr().wrapping_add(at);
        let behind = place.wrapping_add(BLOCK_LEN);
        let ((ends, others), (ends_behind, others_behind)) = (look(place), look(behind));
        let others = _mm256_or_si256(others, others_behind);
        let all = (ends, ends_behind);
        let (ends, ends_behind) = (firsts(ends), firsts(ends_behind));
        let several = ends & ends.wrapping_sub(1) | ends_behind & ends_behind.wrapping_sub(1);
        if _mm256_testz_si256(others, others) == 0
            || is_run(ends, place)
            || is_run(ends_behind, behind)
            || several != 0
            || begins_dump(all.0, place)
            || begins_dump(all.1, behind)
        {
            break;
        }
        at += 2 * BLOCK_LEN;
    }
    at
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

#[target_feature(enable = "avx2")]
fn is_in_avx2(rows: __m256i, bytes: __m256i) -> __m256i {
    _mm256_cmpeq_epi8(_mm256_shuffle_epi8(rows, bytes), bytes)
}

#[target_feature(enable = "avx2")]
fn zeros_avx2(bytes: __m256i) -> __m256i {
    _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'0' as i8))
}

#[target_feature(enable = "avx2")]
fn high_avx2(bytes: __m256i) -> __m256i {
    let above = _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(BELOW_TOKENS as i8));
    _mm256_andnot_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'.' as i8)), above)
}

#[target_feature(enable = "avx2")]
fn mask_of(first: __m256i, second: __m256i) -> u64 {
    half_mask(second) << 32 | half_mask(first)
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
