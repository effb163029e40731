//! The loops of [`trigger`](super::trigger) in NEON, the vector instructions of 64-bit ARM.

use core::arch::aarch64::*;

use super::super::isa::neon::{VECTOR_LEN, Vectors, any_of, has_any, mask};
use super::block::{BELOW_TOKENS, BLOCK_LEN, Block, Lookup, Lookups, behind_line_ends};
use super::dump::ZEROS;
use super::token::TOKEN_RUN_MIN;

/// The number of bytes before a line end that decide whether it may be a trigger.
const RUN: usize = TOKEN_RUN_MIN as usize;
// Three vectors cover them.
const _: () = assert!(VECTOR_LEN <= RUN && RUN <= 3 * VECTOR_LEN);

/// The classes of a block.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "neon")]
pub(super) unsafe fn classify_neon(lookups: &Lookups, block: &[u8; BLOCK_LEN]) -> Block {
    let bytes = vectors(block.as_ptr());
    let mask_in = |table: &Lookup| {
        let rows = rows(table);
        mask(bytes.map(|bytes| is_in(rows, bytes)))
    };
    Block {
        escapes: mask_in(&lookups.escapes),
        line_ends: mask_in(&lookups.line_ends),
        doubled: mask_in(&lookups.doubled),
        zeros: mask(bytes.map(|bytes| zeros(bytes))),
        high: mask(bytes.map(|bytes| high(bytes))),
    }
}

/// The offset of the first block from `at` on that may have candidates, or where none fits before
/// the end of the text. At least a block stands before `at`.
///
/// # Safety
///
/// The machine has the features that the function is compiled for. At least a block stands
/// before `at`: the bytes before a line end are read.
#[target_feature(enable = "neon")]
pub(super) unsafe fn skip_neon(lookups: &Lookups, text: &[u8], mut at: usize, has_doubled: bool) -> usize {
    let [marks, doubled] = [&lookups.marks, &lookups.doubled].map(|table| rows(table));
    while at + BLOCK_LEN + ZEROS <= text.len() {
        let place = text.as_ptr().wrapping_add(at);
        let bytes = vectors(place);
        let ends = bytes.map(|bytes| is_in(marks, bytes));
        // Line ends are below all first bytes of escapes.
        let escapes = [0, 1, 2, 3].map(|number| vandq_u8(ends[number], vcgtq_u8(bytes[number], vdupq_n_u8(b'\r'))));
        let mut any = any_of(escapes);
        if has_doubled {
            let [a, b, c, d] = bytes.map(|bytes| is_in(doubled, bytes));
            let first = vandq_u8(a, is_in(doubled, load(place.wrapping_sub(1))));
            let [second, third] = [vandq_u8(b, vextq_u8::<15>(a, b)), vandq_u8(c, vextq_u8::<15>(b, c))];
            any = vorrq_u8(any, any_of([first, second, third, vandq_u8(d, vextq_u8::<15>(c, d))]));
        }
        let ends = mask(ends);
        let start = place.wrapping_add(behind_line_ends(ends));
        // SAFETY: as many bytes as are read stand behind the block.
        let is_dump = unsafe { start.cast::<[u8; ZEROS]>().read() == [b'0'; ZEROS] };
        let ends = ends & !(ends << 1);
        // The bytes up to the first line end: the first 32 and the last 16 of them.
        let run = place.wrapping_add(ends.trailing_zeros() as usize & 63).wrapping_sub(RUN);
        let [a, b, c] = [0, VECTOR_LEN, RUN - VECTOR_LEN].map(|offset| high(load(run.wrapping_add(offset))));
        let is_wrap = !has_any(vmvnq_u8(vandq_u8(vandq_u8(a, b), c))) & (ends != 0);
        if has_any(any) | is_wrap | is_dump | (ends & ends.wrapping_sub(1) != 0) {
            break;
        }
        at += BLOCK_LEN;
    }
    at
}

#[target_feature(enable = "neon")]
fn zeros(bytes: uint8x16_t) -> uint8x16_t {
    vceqq_u8(bytes, vdupq_n_u8(b'0'))
}

#[target_feature(enable = "neon")]
fn load(place: *const u8) -> uint8x16_t {
    // SAFETY: the callers' addresses have a vector in the text.
    unsafe { vld1q_u8(place) }
}

#[target_feature(enable = "neon")]
fn vectors(place: *const u8) -> Vectors {
    [0, 1, 2, 3].map(|number| load(place.wrapping_add(VECTOR_LEN * number)))
}

#[target_feature(enable = "neon")]
fn high(bytes: uint8x16_t) -> uint8x16_t {
    let above = vcgtq_s8(vreinterpretq_s8_u8(bytes), vdupq_n_s8(BELOW_TOKENS as i8));
    vbicq_u8(above, vceqq_u8(bytes, vdupq_n_u8(b'.')))
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
