//! The loops of [`trigger`](super::trigger) in NEON, the vector instructions of 64-bit ARM.

use core::arch::aarch64::*;

use super::super::isa::neon::{VECTOR_LEN, Vectors, any_of, has_any, mask};
use super::block::{BELOW_TOKENS, BLOCK_LEN, Block, Earlier, Lookup, Lookups, Wanted};
use super::skip::skip;
use super::token::TOKEN_RUN_MIN;

/// The number of bytes before a line end that decide whether it may be a trigger.
const RUN: usize = TOKEN_RUN_MIN as usize;
// Three vectors cover them.
const _: () = assert!(VECTOR_LEN <= RUN && RUN <= 3 * VECTOR_LEN);

/// Advances `at` to the first block of text with candidates, and returns them and the text before
/// the next block; none once no block fits before the end of the text.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "neon")]
pub(super) unsafe fn skip_neon(
    lookups: &Lookups,
    text: &[u8],
    at: &mut usize,
    earlier: &mut Earlier,
    wants: Wanted,
) -> Option<(u64, Earlier)> {
    let [escapes, line_ends, doubled] =
        [&lookups.escapes, &lookups.line_ends, &lookups.doubled].map(|table| rows(table));
    let high = |bytes: uint8x16_t| {
        let above = vcgtq_s8(vreinterpretq_s8_u8(bytes), vdupq_n_s8(BELOW_TOKENS as i8));
        vbicq_u8(above, vceqq_u8(bytes, vdupq_n_u8(b'.')))
    };
    // SAFETY: the callers' addresses have a vector in the text, or before it.
    let load = |place: *const u8| unsafe { vld1q_u8(place) };
    let vectors = |place: *const u8| -> Vectors { [0, 1, 2, 3].map(|i| load(place.wrapping_add(VECTOR_LEN * i))) };
    let block = |place: *const u8| {
        let bytes = vectors(place);
        let mask_in = |rows: uint8x16_t| mask(bytes.map(|bytes| is_in(rows, bytes)));
        Block {
            escapes: mask_in(escapes),
            line_ends: mask_in(line_ends),
            doubled: mask_in(doubled),
            high: mask(bytes.map(high)),
        }
    };
    let has_doubled = wants.doubled != 0;
    let quick = |place: *const u8| {
        let bytes = vectors(place);
        let mut any = any_of(bytes.map(|bytes| is_in(escapes, bytes)));
        if has_doubled {
            let [a, b, c, d] = bytes.map(|bytes| is_in(doubled, bytes));
            let first = vandq_u8(a, is_in(doubled, load(place.wrapping_sub(1))));
            let [second, third] = [vandq_u8(b, vextq_u8::<15>(a, b)), vandq_u8(c, vextq_u8::<15>(b, c))];
            any = vorrq_u8(any, any_of([first, second, third, vandq_u8(d, vextq_u8::<15>(c, d))]));
        }
        let ends = mask(bytes.map(|bytes| is_in(line_ends, bytes)));
        let ends = ends & !(ends << 1);
        // The bytes up to the first line end: the first 32 and the last 16 of them.
        let run = place.wrapping_add(ends.trailing_zeros() as usize & 63).wrapping_sub(RUN);
        let [a, b, c] = [0, VECTOR_LEN, RUN - VECTOR_LEN].map(|offset| high(load(run.wrapping_add(offset))));
        let is_wrap = !has_any(vmvnq_u8(vandq_u8(vandq_u8(a, b), c))) & (ends != 0);
        has_any(any) | is_wrap | (ends & ends.wrapping_sub(1) != 0)
    };
    skip!(block, quick, text, at, earlier, wants)
}

/// The bytes of each block that may begin an escape, appended to `out`; as many blocks as fit.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "neon")]
pub(super) unsafe fn escapes_neon(escapes: &Lookup, text: &[u8], out: &mut Vec<u64>) {
    let escapes = rows(escapes);
    for block in text.chunks_exact(BLOCK_LEN) {
        out.push(mask([0, 1, 2, 3].map(|i| {
            // SAFETY: the block has as many bytes as are read.
            let bytes = unsafe { vld1q_u8(block.as_ptr().add(VECTOR_LEN * i)) };
            is_in(escapes, bytes)
        })));
    }
}

#[target_feature(enable = "neon")]
fn rows(table: &Lookup) -> uint8x16_t {
    // SAFETY: the table has the sixteen bytes that are read.
    unsafe { vld1q_u8(table.as_ptr()) }
}

/// All bits of the bytes that are in the set.
#[target_feature(enable = "neon")]
fn is_in(rows: uint8x16_t, bytes: uint8x16_t) -> uint8x16_t {
    // With the highest bit, a byte that is not ASCII is no index, and its row is zero.
    vceqq_u8(vqtbl1q_u8(rows, vandq_u8(bytes, vdupq_n_u8(0x8f))), bytes)
}
