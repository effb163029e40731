//! Teddy, the tier for few and short needles: byte classes for each position of a window.
//!
//! Needles are distributed over eight buckets, one bit each. For each position a table maps a byte
//! to the buckets with a needle that has this byte there; the `and` over all positions is nonzero
//! where a window may begin. All positions of a block of text are computed at once. This is
//! Hyperscan's Teddy (Wang et al., NSDI 2019). With AVX-512 VBMI it looks up whole bytes in tables
//! of 128, so only bytes from 0x80 on are confused with others; with AVX2 and NEON it looks up
//! nibbles.
//!
//! A window has eight bytes, or four followed by any others.

use zeroize::Zeroize;

use super::super::isa::Isa;
use super::qgrams::LOOK_LEN;

/// The longest window, in bytes.
pub(super) const WINDOW_LEN: usize = LOOK_LEN;
/// The number of its positions with classes. With eight, ten short secrets among a hundred made the
/// search a tenth slower than with six. A hit is checked against the whole window.
pub(super) const POSITIONS: usize = 6;
/// The window length of needles shorter than [`WINDOW_LEN`], in bytes.
pub(super) const SHORT_LEN: usize = 4;
const BUCKETS: usize = 8;
/// The number of positions computed at once.
pub(super) const BLOCK_LEN: usize = 64;
/// The maximum number of needles to try: with more, the classes would contain everything.
const WINDOWS_MAX: usize = 4096;
/// The maximum rate of false positives, as a share of the bytes of ordinary text.
const FALSE_SHARE_MAX: f64 = 0.2;

/// The buckets of each byte at each position.
pub(super) struct Classes {
    /// By the low seven bits of the byte.
    pub(super) bytes: [[u8; 128]; POSITIONS],
    /// By the low and by the high half of the byte.
    pub(super) nibbles: [[[u8; 16]; 2]; POSITIONS],
}

impl Drop for Classes {
    /// With few needles the classes spell their first bytes.
    fn drop(&mut self) {
        self.bytes.zeroize();
        self.nibbles.zeroize();
    }
}

/// The tier; see the module's documentation.
pub(super) struct Teddy {
    isa: Isa,
    classes: Box<Classes>,
}

impl Teddy {
    /// A tier for these windows, of [`SHORT_LEN`] or [`WINDOW_LEN`] bytes each; `None` if false
    /// positives would make it useless.
    ///
    /// A false hit costs about a nanosecond, so quite a few of them are cheaper than a look at each
    /// position in turn.
    pub(super) fn new(isa: Isa, windows: &[&[u8]]) -> Option<Teddy> {
        if windows.len() > WINDOWS_MAX {
            return None;
        }
        let mut classes = Classes { bytes: [[0; 128]; POSITIONS], nibbles: [[[0; 16]; 2]; POSITIONS] };
        let (mut short, mut long): (Vec<&[u8]>, Vec<&[u8]>) =
            windows.iter().partition(|window| window.len() < WINDOW_LEN);
        // Alphabetical neighbours share their first bytes, and so form the smallest classes
        // together.
        short.sort_unstable();
        long.sort_unstable();
        let short_buckets = match (short.len(), long.len()) {
            (0, _) => 0,
            (_, 0) => BUCKETS,
            (short, long) => (BUCKETS * 2 * short / (2 * short + long)).clamp(2, BUCKETS - 2),
        };
        for (i, window) in short.iter().enumerate() {
            classes.add(window, i * short_buckets / short.len());
        }
        for (i, window) in long.iter().enumerate() {
            classes.add(window, short_buckets + i * (BUCKETS - short_buckets) / long.len());
        }
        (classes.false_share(isa) <= FALSE_SHARE_MAX).then(|| Teddy { isa, classes: Box::new(classes) })
    }

    /// The first position in `from..end` where a window may begin that `check` confirms. Otherwise
    /// an error with `end`, or with the position where the remaining text is too short to look.
    pub(super) fn find(
        &self,
        text: &[u8],
        from: usize,
        end: usize,
        check: impl Fn(usize) -> bool,
    ) -> Result<usize, usize> {
        let end = end.min((text.len() + 1).saturating_sub(WINDOW_LEN));
        let mut at = from;
        while at < end {
            let hits = self.skip(text, &mut at, end);
            for hit in hits.map(|bit| at + bit).take_while(|&hit| hit < end) {
                if check(hit) {
                    return Ok(hit);
                }
            }
            at += BLOCK_LEN;
        }
        Err(end.max(from))
    }

    /// Advances `at` over blocks of text without hits. Returns the hits in the next block, in
    /// order; near the end of the text, where no block fits, all of its positions.
    fn skip(&self, text: &[u8], at: &mut usize, end: usize) -> Bits {
        match self.isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an `Isa` is chosen only if the machine supports it.
            Isa::Avx2 => Bits(unsafe { super::x86::skip_avx2(&self.classes, text, at, end) }),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx512 => Bits(unsafe { super::x86::skip_avx512(&self.classes, text, at, end) }),
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            // SAFETY: as above.
            Isa::Neon => Bits(unsafe { super::aarch64::skip_neon(&self.classes, text, at, end) }),
        }
    }
}

/// The numbers of the set bits, in ascending order.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0.wrapping_sub(1);
        (bit < BLOCK_LEN).then_some(bit)
    }
}

impl Classes {
    fn add(&mut self, window: &[u8], bucket: usize) {
        let bit = 1 << bucket;
        for position in 0..POSITIONS {
            let (bytes, [low, high]) = (&mut self.bytes[position], &mut self.nibbles[position]);
            match window.get(position) {
                Some(&byte) => {
                    bytes[usize::from(byte & 127)] |= bit;
                    low[usize::from(byte & 15)] |= bit;
                    high[usize::from(byte >> 4)] |= bit;
                }
                None => bytes.iter_mut().chain(low).chain(high).for_each(|buckets| *buckets |= bit),
            }
        }
    }

    /// The rate of false positives in text with the byte frequencies of logs and independent
    /// neighbours.
    fn false_share(&self, isa: Isa) -> f64 {
        let buckets = |position: usize, byte: u8| {
            let [low, high] = &self.nibbles[position];
            if isa.has_byte_tables() {
                self.bytes[position][usize::from(byte & 127)]
            } else {
                low[usize::from(byte & 15)] & high[usize::from(byte >> 4)]
            }
        };
        let share = |position: usize, bucket: usize| -> f64 {
            let bytes = (0..128).filter(|&byte| buckets(position, byte) & 1 << bucket != 0);
            bytes.map(frequency).sum::<f64>().min(1.0)
        };
        (0..BUCKETS).map(|bucket| (0..POSITIONS).map(|position| share(position, bucket)).product::<f64>()).sum()
    }
}

/// The approximate frequency of a byte in logs, as a share of all; measured on eight kinds of
/// system and application logs.
fn frequency(byte: u8) -> f64 {
    match byte {
        b' ' => 0.11,
        b'0'..=b'9' => 0.022,
        b'e' | b'a' | b'o' | b'i' | b'n' | b'r' | b's' | b't' => 0.04,
        b'a'..=b'z' => 0.013,
        b'A'..=b'Z' => 0.004,
        b'.' | b':' | b'-' | b'/' | b'_' | b',' | b'=' | b'\n' => 0.015,
        b'!'..=b'~' => 0.002,
        _ => 0.0005,
    }
}

#[cfg(test)]
mod tests {
    use std::mem::ManuallyDrop;

    use super::{BUCKETS, Classes, POSITIONS};

    fn empty() -> Classes {
        Classes { bytes: [[0; 128]; POSITIONS], nibbles: [[[0; 16]; 2]; POSITIONS] }
    }

    /// A byte is in a bucket if one of its windows has the byte there, or ends earlier: by its low
    /// seven bits, and by its two halves. Checks both tables; a machine uses the one for its
    /// instructions.
    #[test]
    fn a_byte_is_in_the_buckets_of_its_windows() {
        let windows: [&[u8]; 5] = [b"abcd", b"Zx9-\xe4~  ", b"abd0ef12", b"\0\x7f\x80\xff", b"aacd5678"];
        let mut classes = empty();
        windows.iter().enumerate().for_each(|(number, window)| classes.add(window, number % 3));
        for position in 0..POSITIONS {
            let has = |bucket, is: &dyn Fn(u8) -> bool| {
                let in_bucket = (0..).zip(windows).filter(|(number, _)| number % 3 == bucket);
                in_bucket.map(|(_, window)| window.get(position)).any(|byte| byte.is_none_or(|byte| is(*byte)))
            };
            for bucket in 0..BUCKETS {
                let is_in = |buckets: u8| buckets >> bucket & 1 == 1;
                for seven in 0..128_u8 {
                    assert_eq!(
                        is_in(classes.bytes[position][usize::from(seven)]),
                        has(bucket, &|byte| byte & 127 == seven)
                    );
                }
                for half in 0..16_u8 {
                    let [low, high] = &classes.nibbles[position];
                    assert_eq!(is_in(low[usize::from(half)]), has(bucket, &|byte| byte & 15 == half));
                    assert_eq!(is_in(high[usize::from(half)]), has(bucket, &|byte| byte >> 4 == half));
                }
            }
        }
    }

    #[test]
    fn classes_are_wiped() {
        let mut classes = ManuallyDrop::new(empty());
        classes.add(b"abcdefgh", 0);
        // SAFETY: dropped only once. The numbers inspected afterwards remain valid.
        unsafe { ManuallyDrop::drop(&mut classes) };
        assert!(classes.bytes.iter().flatten().all(|buckets| *buckets == 0));
        assert!(classes.nibbles.iter().flatten().flatten().all(|buckets| *buckets == 0));
    }
}
