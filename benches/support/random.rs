//! The same numbers in every run: a splitmix64, so that a bench needs no seed from outside and no
//! crate.

/// A sequence of numbers that looks random and is fixed by its seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is small enough for the bias not to matter.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// `len` characters drawn from an ASCII alphabet.
    pub(crate) fn word(&mut self, alphabet: &str, len: usize) -> String {
        (0..len).map(|_| alphabet.as_bytes()[self.below(alphabet.len())] as char).collect()
    }

    pub(crate) fn hex(&mut self, len: usize) -> String {
        self.word("0123456789abcdef", len)
    }
}
