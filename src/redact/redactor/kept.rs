//! The copy of the held-back bytes.

use zeroize::Zeroizing;

use super::Redactor;

/// Held-back bytes that are not the beginning of a needle, since only the plain reading makes them
/// one.
#[derive(Default)]
pub(super) struct Kept {
    bytes: Zeroizing<Vec<u8>>,
    /// The offset of the first byte that the current call finds held back.
    from: usize,
    /// The same for the next call.
    next: usize,
}

/// The place of a copy of the bytes that a call finds held back.
#[derive(Clone, Copy, Default)]
pub(super) struct HeldCopy {
    /// The needle that they begin. `None`: they are kept.
    needle: Option<usize>,
    /// Their number.
    pub(super) len: usize,
}

impl HeldCopy {
    /// All bytes that a swap has searched again.
    pub(super) fn of_swap(len: usize) -> HeldCopy {
        HeldCopy { needle: None, len }
    }
}

impl Kept {
    /// Drops the bytes that the last call has returned. Moves bytes only if as many were dropped,
    /// so that many short pieces cost no more than a long one.
    fn settle(&mut self) {
        self.from = self.next;
        if 2 * self.from > self.bytes.len() {
            let len = self.bytes.len() - self.from;
            self.bytes.copy_within(self.from.., 0);
            self.bytes[len..].fill(0);
            self.bytes.truncate(len);
            (self.from, self.next) = (0, 0);
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        let len = self.bytes.len() + bytes.len();
        if self.bytes.capacity() < len {
            // A vector that grows by itself leaves a copy behind.
            let mut larger = Zeroizing::new(Vec::with_capacity(len.next_power_of_two()));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(bytes);
    }
}

impl Redactor {
    /// The copy of the bytes from where the search holds back to the end of the stream so far.
    pub(super) fn held_copy(&mut self) -> HeldCopy {
        if self.search.is_reading() {
            let kept = self.kept.get_or_insert_default();
            kept.settle();
            return HeldCopy { needle: None, len: kept.bytes.len() - kept.from };
        }
        self.kept = None;
        let (needle, len) = self.set.scanner().held(self.search.state());
        HeldCopy { needle: Some(needle), len }
    }

    /// The bytes of this call's copy; all those searched again after a swap.
    pub(super) fn held_bytes(&self, copy: HeldCopy) -> &[u8] {
        match copy.needle {
            None if self.again.is_some() => self.again.as_deref().map_or(&[], |again| &again[..]),
            None => self.kept.as_ref().map_or(&[], |kept| &kept.bytes[kept.from..kept.from + copy.len]),
            Some(_) if copy.len == 0 => &[],
            Some(needle) => &self.set.needle(needle)[..copy.len],
        }
    }

    /// Keeps the bytes held back after the search of `input`, which begins at `start`, unless the
    /// needle is a copy of it.
    pub(super) fn keep(&mut self, copy: HeldCopy, input: &[u8], start: u64) {
        if !self.search.is_reading() {
            return;
        }
        let held_start = self.held_start();
        let kept = self.kept.get_or_insert_default();
        let copy_start = start - copy.len as u64;
        if let Some(needle) = copy.needle.filter(|_| held_start < start) {
            kept.append(&self.set.needle(needle)[(held_start - copy_start) as usize..copy.len]);
        } else if copy.needle.is_none() {
            let returned = (held_start.min(start) - copy_start) as usize;
            kept.next = kept.from + returned;
        }
        kept.append(&input[(held_start.max(start) - start) as usize..]);
    }
}
