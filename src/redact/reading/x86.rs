//! The loops of [`trigger`](super::trigger) in the vector instructions of x86-64.

use core::arch::x86_64::*;

use super::block::{BLOCK_LEN, Block, DOUBLED, ESCAPE, Earlier, LINE_END, TOKEN, Wanted};

/// Advances `at` to the first block of text with candidates, and returns both; none once no block
/// fits before the end of the text.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) unsafe fn skip_avx512(
    classes: &[u8; 128],
    text: &[u8],
    at: &mut usize,
    earlier: &mut Earlier,
    wants: Wanted,
) -> Option<(u64, Block)> {
    let half = |half: usize| {
        // SAFETY: both halves of a table of 128 bytes are in it.
        unsafe { _mm512_loadu_si512(classes.as_ptr().add(half * 64).cast()) }
    };
    let (low, high) = (half(0), half(1));
    let [escape, line_end, token, doubled] =
        [ESCAPE, LINE_END, TOKEN, DOUBLED].map(|class| _mm512_set1_epi8(class as i8));
    let (mut place, mut before) = (*at, *earlier);
    let mut found = None;
    while place + BLOCK_LEN <= text.len() {
        // SAFETY: the block ends before the text does.
        let bytes = unsafe { _mm512_loadu_si512(text.as_ptr().add(place).cast()) };
        // The table has no bytes from 0x80 on, which are looked up as those without that bit.
        let classes = _mm512_maskz_permutex2var_epi8(!_mm512_movepi8_mask(bytes), low, bytes, high);
        let block = Block {
            escape: _mm512_test_epi8_mask(classes, escape),
            line_end: _mm512_test_epi8_mask(classes, line_end),
            token: _mm512_test_epi8_mask(classes, token),
            doubled: _mm512_test_epi8_mask(classes, doubled),
        };
        let candidates = block.candidates(before, wants);
        if candidates != 0 {
            found = Some((candidates, block));
            break;
        }
        before = block.of_next();
        place += BLOCK_LEN;
    }
    (*at, *earlier) = (place, before);
    found
}

/// The rows of bytes by their high half, each with the low halves that are in it, and its classes.
const MARKS: [(u8, u16); 8] = [
    (0x1, 1 << 0xb),
    (0x2, 1 << 0x3 | 1 << 0x6),
    (0x2, 1 << 0x5),
    (0x5, 1 << 0xc | 1 << 0xe),
    (0x6, 1),
    (0x0, 1 << 0xa | 1 << 0xd),
    (0x2, 1 << 0x2 | 1 << 0x4 | 1 << 0x7),
    (0x7, 1 << 0xb | 1 << 0xd),
];
const ESCAPES: u8 = 0b1_1111;
const LINE_ENDS: u8 = 1 << 5;
const DOUBLES: u8 = 1 << 2 | 1 << 6 | 1 << 7;
/// The token characters.
const TOKENS: [(u8, u16); 8] = [
    (0x2, 1 << 0xb | 1 << 0xd | 1 << 0xf),
    (0x3, 0x3ff | 1 << 0xd),
    (0x4, 0xfffe),
    (0x5, 0x7ff | 1 << 0xf),
    (0x6, 0xfffe),
    (0x7, 0x7ff),
    (0xf, 0),
    (0xf, 0),
];

/// The tables of both halves for these rows, a bit a row.
const fn tables(rows: [(u8, u16); 8]) -> [[u8; 16]; 2] {
    let (mut tables, mut row) = ([[0; 16]; 2], 0);
    while row < 8 {
        let (high, low) = rows[row];
        tables[1][high as usize] |= 1 << row;
        let mut half = 0;
        while half < 16 {
            tables[0][half] |= ((low >> half & 1) as u8) << row;
            half += 1;
        }
        row += 1;
    }
    tables
}

static TABLES: [[[u8; 16]; 2]; 2] = [tables(MARKS), tables(TOKENS)];

/// Like [`skip_avx512`], for all doubled characters.
///
/// # Safety
///
/// The machine has the features that the function is compiled for.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn skip_avx2(
    text: &[u8],
    at: &mut usize,
    earlier: &mut Earlier,
    wants: Wanted,
) -> Option<(u64, Block)> {
    let table = |kind: usize, half: usize| {
        // SAFETY: the table has the sixteen bytes that are read.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(TABLES[kind][half].as_ptr().cast())) }
    };
    let tables = [(table(0, 0), table(0, 1)), (table(1, 0), table(1, 1))];
    let low_half = _mm256_set1_epi8(15);
    let mask = |rows: __m256i, bits: u8| {
        let found = _mm256_and_si256(rows, _mm256_set1_epi8(bits as i8));
        !_mm256_movemask_epi8(_mm256_cmpeq_epi8(found, _mm256_setzero_si256())) as u32
    };
    let half = |place: usize| {
        // SAFETY: the half of the block ends before the text does: see the check below.
        let bytes = unsafe { _mm256_loadu_si256(text.as_ptr().add(place).cast()) };
        let (low, high) =
            (_mm256_and_si256(bytes, low_half), _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low_half));
        // A byte from 0x80 on has bit 7, for which the lookup of its low half would be zero; the
        // high half decides.
        let [marks, tokens] = tables
            .map(|(lows, highs)| _mm256_and_si256(_mm256_shuffle_epi8(lows, low), _mm256_shuffle_epi8(highs, high)));
        [mask(marks, ESCAPES), mask(marks, LINE_ENDS), mask(tokens, 0xff), mask(marks, DOUBLES)]
    };
    let (mut place, mut before) = (*at, *earlier);
    let mut found = None;
    while place + BLOCK_LEN <= text.len() {
        let (first, second) = (half(place), half(place + 32));
        let [escape, line_end, token, doubled] =
            std::array::from_fn(|class| u64::from(second[class]) << 32 | u64::from(first[class]));
        let block = Block { escape, line_end, token, doubled };
        let candidates = block.candidates(before, wants);
        if candidates != 0 {
            found = Some((candidates, block));
            break;
        }
        before = block.of_next();
        place += BLOCK_LEN;
    }
    (*at, *earlier) = (place, before);
    found
}
