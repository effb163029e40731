//! The redactor: bytes in, redacted bytes out; the only maker of redacted bytes.

use std::sync::Arc;

use super::naive;
use super::needle::NeedleSet;

/// A stump of a needle at the end of a stream is masked from this length on, in bytes.
pub const STUMP_LEN_MIN: usize = 8;

/// A stream's redactor.
pub struct Redactor {
    set: Arc<NeedleSet>,
    text: Vec<u8>,
    given: usize,
    out: Vec<u8>,
    stump: bool,
}

impl Redactor {
    /// A redactor at the beginning of a stream.
    pub fn new(set: Arc<NeedleSet>) -> Redactor {
        Redactor { set, text: Vec::new(), given: 0, out: Vec::new(), stump: true }
    }

    /// Whether a stream that ends inside a needle has that stump masked, from [`STUMP_LEN_MIN`] bytes on. Default: yes.
    pub fn mask_stump(mut self, yes: bool) -> Redactor {
        self.stump = yes;
        self
    }

    /// Takes the next piece of the stream in, and gives out all that cannot be part of a needle any more.
    pub fn push<'a>(&'a mut self, input: &'a [u8]) -> Redacted<'a> {
        self.text.extend_from_slice(input);
        let set = Arc::clone(&self.set);
        let needles: Vec<&[u8]> = set.expose().collect();
        self.out = naive::pushed(&needles, &self.text, &mut |needle, first, out| set.write_mask(needle, first, out));
        self.release()
    }

    /// Ends the stream, and gives out what was held back. The redactor is at the beginning of a new stream then.
    pub fn finish(&mut self) -> Redacted<'_> {
        let set = Arc::clone(&self.set);
        let needles: Vec<&[u8]> = set.expose().collect();
        let stump_len_min = if self.stump { STUMP_LEN_MIN } else { usize::MAX };
        let mask = &mut |needle, first, out: &mut Vec<u8>| set.write_mask(needle, first, out);
        self.out = naive::finished(&needles, &self.text, stump_len_min, mask);
        let from = std::mem::take(&mut self.given);
        self.text.clear();
        Redacted { segments: vec![&self.out[from..]].into_iter() }
    }

    /// Searches with another needle set from here on. What is held back is matched again with the new set, and given out if
    /// it begins none of its needles; what was found with the old set stays masked.
    pub fn swap(&mut self, set: Arc<NeedleSet>) -> Redacted<'_> {
        self.set = set;
        self.release()
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        let needles: Vec<&[u8]> = self.set.expose().collect();
        naive::held(&needles, &self.text)
    }

    /// How many regions were masked so far, by the needle that named them: (needle index, count).
    pub fn counts(&self) -> impl Iterator<Item = (usize, u64)> {
        std::iter::empty()
    }

    fn release(&mut self) -> Redacted<'_> {
        let from = std::mem::replace(&mut self.given, self.out.len());
        Redacted { segments: vec![&self.out[from..]].into_iter() }
    }
}

/// Bytes that may be given out, in order, in slices of the input, of needles released from the hold-back, and of masks.
///
/// Only a [`Redactor`] makes these, so that a sink that takes nothing else cannot leak.
#[must_use = "what is not given out is lost"]
pub struct Redacted<'a> {
    segments: std::vec::IntoIter<&'a [u8]>,
}

impl Redacted<'_> {
    /// All slices in one buffer.
    pub fn to_vec(self) -> Vec<u8> {
        self.collect::<Vec<_>>().concat()
    }
}

impl<'a> Iterator for Redacted<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.segments.next()
    }
}
