//! Read buffers: one for each stream that is busy, and none for those that wait.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use zeroize::Zeroizing;

/// The size of a read, in bytes. It exceeds the default of a Unix socket (208 KiB), so that no
/// datagram is cut.
pub(crate) const BUFFER_LEN: usize = 256 << 10;
/// The number of free buffers that a thread keeps.
const KEPT_MAX: usize = 4;

thread_local! {
    static KEPT: RefCell<Vec<Zeroizing<Vec<u8>>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`BUFFER_LEN`] bytes, empty at first. A drop returns it to its thread; the thread's
/// end wipes it.
pub(crate) struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    /// Takes a buffer.
    pub(crate) fn take() -> Buffer {
        let kept = KEPT.with_borrow_mut(Vec::pop);
        Buffer(kept.unwrap_or_else(|| Zeroizing::new(Vec::with_capacity(BUFFER_LEN))))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        bytes.clear();
        // A thread that is ending cannot keep it.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < KEPT_MAX {
                kept.push(bytes);
            }
        });
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}
