//! Blocks of text in NEON, the vector instructions of 64-bit ARM.

use core::arch::aarch64::*;

/// The number of bytes in a vector.
pub(in crate::redact) const VECTOR_LEN: usize = 16;

/// The vectors of a block of 64 bytes.
pub(in crate::redact) type Vectors = [uint8x16_t; 4];

/// Those bits that are set in any of the vectors.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::redact) fn any_of([a, b, c, d]: Vectors) -> uint8x16_t {
    vorrq_u8(vorrq_u8(a, b), vorrq_u8(c, d))
}

/// Whether a bit is set.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::redact) fn has_any(bytes: uint8x16_t) -> bool {
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpmaxq_u8(bytes, bytes))) != 0
}

/// One bit for each byte, of which all bits are set or none. NEON has no instruction for it: each
/// byte keeps the bit of its place, and three rounds of sums of neighbours collect them (Langdale
/// and Lemire, "Parsing gigabytes of JSON per second").
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::redact) fn mask(found: Vectors) -> u64 {
    let places = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
    let [a, b, c, d] = found.map(|found| vandq_u8(found, places));
    let sums = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
}

#[cfg(test)]
mod tests {
    use super::{VECTOR_LEN, has_any, mask};

    #[test]
    fn a_mask_has_the_bit_of_each_byte() {
        for first in 0..64 {
            for second in first..64 {
                let mut bytes = [0_u8; 64];
                (bytes[first], bytes[second]) = (0xff, 0xff);
                // SAFETY: the block has as many bytes as are read, and the machine has NEON.
                let (bits, any) = unsafe {
                    let vectors = [0, 1, 2, 3].map(|i| super::vld1q_u8(bytes.as_ptr().add(VECTOR_LEN * i)));
                    (mask(vectors), vectors.map(|vector| has_any(vector)))
                };
                assert_eq!(bits, 1 << first | 1 << second);
                assert_eq!(any, [0, 1, 2, 3].map(|i| first / VECTOR_LEN == i || second / VECTOR_LEN == i));
            }
        }
    }
}
