//! Bytes that came out of a redactor, as the type that the sinks of this module take, and a buffer for them.

use zeroize::Zeroize;

use crate::redact::redactor::{Placed, Redacted};

/// A slice of what a redactor gave out.
///
/// It is made of a [`Redacted`], or of a [`GivenBuf`], which only takes these; so a sink that takes nothing else cannot
/// be handed raw input.
#[derive(Clone, Copy)]
pub(super) struct Given<'a>(&'a [u8]);

impl<'a> Given<'a> {
    /// The slices of what a push or a finish gave out, in order.
    pub(super) fn all(redacted: Redacted<'a>) -> impl Iterator<Item = Given<'a>> {
        redacted.filter(|slice| !slice.is_empty()).map(Given)
    }

    /// The slices that a push gave out, each with its origin.
    pub(super) fn placed(redacted: Redacted<'a>) -> impl Iterator<Item = (Placed, Given<'a>)> {
        redacted.placed().filter(|(_, slice)| !slice.is_empty()).map(|(placed, slice)| (placed, Given(slice)))
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn split_at(self, at: usize) -> (Given<'a>, Given<'a>) {
        let (left, right) = self.0.split_at(at);
        (Given(left), Given(right))
    }
}

/// A buffer of given bytes: of fixed capacity, so that it never leaves a copy behind by growing, and wiped on drop.
///
/// Its memory is taken when the first bytes come in.
pub(super) struct GivenBuf {
    bytes: Vec<u8>,
    start: usize,
    capacity: usize,
}

impl GivenBuf {
    pub(super) fn new(capacity: usize) -> GivenBuf {
        GivenBuf { bytes: Vec::new(), start: 0, capacity }
    }

    /// Takes a copy of the slice, or nothing if there is no room for all of it.
    #[must_use]
    pub(super) fn append(&mut self, given: Given<'_>) -> bool {
        if given.0.len() > self.capacity - self.bytes.len() {
            return false;
        }
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(self.capacity);
        }
        self.bytes.extend_from_slice(given.0);
        true
    }

    /// Takes a copy of the slice, and makes room for it if there is none. What was there is wiped when it moves.
    pub(super) fn append_growing(&mut self, given: Given<'_>) {
        if self.append(given) {
            return;
        }
        let capacity = (self.content().bytes().len() + given.0.len()).next_power_of_two().max(self.capacity);
        let mut larger = GivenBuf::new(capacity);
        let fits = larger.append(self.content()) && larger.append(given);
        debug_assert!(fits);
        *self = larger;
    }

    /// What is in it and was not consumed.
    pub(super) fn content(&self) -> Given<'_> {
        Given(&self.bytes[self.start..])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Forgets the first `len` bytes.
    pub(super) fn consume(&mut self, len: usize) {
        self.start += len;
        assert!(self.start <= self.bytes.len());
        if self.is_empty() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Forgets all, and gives the memory back if it is more than this.
    pub(super) fn clear_to(&mut self, capacity: usize) {
        if self.bytes.capacity() > capacity {
            *self = GivenBuf::new(capacity);
        }
        self.clear();
    }
}

impl Drop for GivenBuf {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
