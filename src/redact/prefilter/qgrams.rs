//! One tier of q-grams, with a look every `stride` bytes.

use super::super::isa::Isa;
use super::bloom::{BloomFilter, is_crowded};

/// The number of looks that share a branch; eight gained nothing more.
const LOOKS: usize = 4;
/// The number of bytes read for each look.
pub(super) const LOOK_LEN: usize = 8;

/// The number of bits per gram, if the cache has room. With 64, the table of 100 secrets leaves the
/// text no room in a second-level cache of 1 MiB: 2 to 13% slower.
const BITS_PER_GRAM: usize = 32;

/// The tier; see the module's documentation.
pub(super) struct QGrams {
    gram_len: usize,
    stride: usize,
    grams: Grams,
    isa: Option<Isa>,
}

enum Grams {
    Roomy(BloomFilter<2>),
    Crowded(BloomFilter<3>),
}

impl QGrams {
    /// A tier for these windows, each of at least `stride - 1 + gram_len` bytes.
    pub(super) fn new<'a>(
        gram_len: usize,
        stride: usize,
        windows: impl ExactSizeIterator<Item = &'a [u8]>,
        isa: Option<Isa>,
    ) -> QGrams {
        let grams = if is_crowded(windows.len() * stride, BITS_PER_GRAM) {
            Grams::Crowded(set_of(gram_len, stride, windows))
        } else {
            Grams::Roomy(set_of(gram_len, stride, windows))
        };
        QGrams { gram_len, stride, grams, isa }
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The first position with a gram that a window may have, among `from`, `from + stride`, and so
    /// on, below `end`. On failure, the first of these positions that is not below `end`, or where
    /// the text is too short to look.
    pub(super) fn find(&self, text: &[u8], from: usize, end: usize) -> Result<usize, usize> {
        match self.isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: each instruction set of this architecture includes BMI2.
            Some(_) => unsafe { self.find_bmi2(text, from, end) },
            _ => self.find_any(text, from, end),
        }
    }

    /// The same, compiled for shifts by any register: a twentieth faster with 100 secrets.
    ///
    /// # Safety
    ///
    /// The machine has the features that the function is compiled for.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2")]
    unsafe fn find_bmi2(&self, text: &[u8], from: usize, end: usize) -> Result<usize, usize> {
        self.find_any(text, from, end)
    }

    #[inline(always)]
    fn find_any(&self, text: &[u8], from: usize, end: usize) -> Result<usize, usize> {
        match &self.grams {
            Grams::Roomy(grams) => self.find_in(grams, text, from, end),
            Grams::Crowded(grams) => self.find_in(grams, text, from, end),
        }
    }

    /// Whether [`find`](QGrams::find) finds nothing in a short text. No prefetching, no groups,
    /// and one branch for all looks: a record of 200 bytes has seven of them.
    #[inline]
    pub(super) fn is_absent(&self, text: &[u8]) -> bool {
        match &self.grams {
            Grams::Roomy(grams) => self.is_absent_in(grams, text),
            Grams::Crowded(grams) => self.is_absent_in(grams, text),
        }
    }

    #[inline]
    fn is_absent_in<const BITS: u32>(&self, grams: &BloomFilter<BITS>, text: &[u8]) -> bool {
        let (shift, mut any, mut rest) = (64 - 8 * self.gram_len, false, text);
        while let Some(word) = rest.first_chunk() {
            any |= grams.contains(u64::from_le_bytes(*word) << shift);
            rest = rest.get(self.stride..).unwrap_or_default();
        }
        !any
    }

    #[inline(always)]
    fn find_in<const BITS: u32>(
        &self,
        grams: &BloomFilter<BITS>,
        text: &[u8],
        from: usize,
        end: usize,
    ) -> Result<usize, usize> {
        match self.gram_len {
            4 => self.find_grams::<4, BITS>(grams, text, from, end),
            5 => self.find_grams::<5, BITS>(grams, text, from, end),
            _ => self.find_grams::<8, BITS>(grams, text, from, end),
        }
    }

    #[inline(always)]
    fn find_grams<const GRAM_LEN: usize, const BITS: u32>(
        &self,
        grams: &BloomFilter<BITS>,
        text: &[u8],
        from: usize,
        end: usize,
    ) -> Result<usize, usize> {
        let end = end.min((text.len() + 1).saturating_sub(LOOK_LEN));
        let mut at = from;
        loop {
            at = self.skip::<GRAM_LEN, BITS>(grams, text, at, end);
            let group = (at..end).step_by(self.stride).take(LOOKS);
            let looks = group.len();
            for at in group {
                if grams.contains(load(text, at) << (64 - 8 * GRAM_LEN)) {
                    return Ok(at);
                }
            }
            at += looks * self.stride;
            if at >= end {
                return Err(at);
            }
        }
    }

    /// Skips groups of looks without a gram in the table.
    #[inline(always)]
    fn skip<const GRAM_LEN: usize, const BITS: u32>(
        &self,
        grams: &BloomFilter<BITS>,
        text: &[u8],
        mut at: usize,
        end: usize,
    ) -> usize {
        while at + (LOOKS - 1) * self.stride < end {
            prefetch_ahead(text, at);
            if self.stride > 16 {
                prefetch_ahead(text, at + 64);
            }
            let mut any = false;
            for look in 0..LOOKS {
                // SAFETY: the last look of the group is below `end`, and a look at any position
                // below `end` fits into the text.
                let word = unsafe { load_unchecked(text, at + look * self.stride) };
                any |= grams.contains(word << (64 - 8 * GRAM_LEN));
            }
            if any {
                break;
            }
            at += LOOKS * self.stride;
        }
        at
    }
}

fn set_of<'a, const BITS: u32>(
    gram_len: usize,
    stride: usize,
    windows: impl ExactSizeIterator<Item = &'a [u8]>,
) -> BloomFilter<BITS> {
    let mut grams = BloomFilter::new(windows.len() * stride, BITS_PER_GRAM);
    for window in windows {
        (0..stride).for_each(|at| grams.insert(leading_word(&window[at..], gram_len)));
    }
    grams
}

/// The first `len` bytes of a slice, at most eight, at the high end of a word.
#[inline]
pub(super) fn leading_word(bytes: &[u8], len: usize) -> u64 {
    match bytes.first_chunk() {
        Some(word) => u64::from_le_bytes(*word) << (64 - 8 * len),
        None => high_word(&bytes[..len]),
    }
}

/// Up to eight bytes at the high end of a word, where a shift puts them after [`load`].
pub(super) fn high_word(bytes: &[u8]) -> u64 {
    let mut word = [0; LOOK_LEN];
    word[LOOK_LEN - bytes.len()..].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

#[inline(always)]
pub(super) fn load(text: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(text[at..at + LOOK_LEN].try_into().expect("eight bytes"))
}

/// Like [`load`], unchecked, for the loop that all text goes through.
///
/// # Safety
///
/// `at + LOOK_LEN` is at most the length of the text.
#[inline(always)]
unsafe fn load_unchecked(text: &[u8], at: usize) -> u64 {
    debug_assert!(at + LOOK_LEN <= text.len());
    // SAFETY: the caller guarantees the length; eight bytes may be read at any address.
    u64::from_le(unsafe { text.as_ptr().add(at).cast::<u64>().read_unaligned() })
}

/// Prefetches the cache line that will be needed soon after the one at `at`; on x86-64 only, since
/// nobody has timed it on other machines.
#[inline(always)]
pub(super) fn prefetch_ahead(text: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        /// The distance ahead of the look, in bytes: in a trial, up to a third faster on cold
        /// memory than without.
        const PREFETCH_DISTANCE: usize = 2048;
        // SAFETY: a prefetch of any address is allowed, and `wrapping_add` makes one of any number.
        unsafe { _mm_prefetch(text.as_ptr().wrapping_add(at + PREFETCH_DISTANCE).cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (text, at);
}
