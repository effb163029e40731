//! Buffers for what is read: as many as streams are busy at once, and none for those that wait.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use zeroize::Zeroizing;

/// How much is read at once, in bytes. More than a Unix socket holds by default (208 KiB), so that no datagram is cut.
pub(crate) const BUFFER_LEN: usize = 256 << 10;
/// How many buffers a thread keeps for the next who needs one.
const KEPT_MAX: usize = 4;

thread_local! {
    static KEPT: RefCell<Vec<Zeroizing<Vec<u8>>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`BUFFER_LEN`] bytes, empty at first, which goes back to its thread when it is dropped, and is wiped when that ends.
pub(crate) struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    /// Takes one.
    pub(crate) fn take() -> Buffer {
        let kept = KEPT.with_borrow_mut(Vec::pop);
        Buffer(kept.unwrap_or_else(|| Zeroizing::new(Vec::with_capacity(BUFFER_LEN))))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        bytes.clear();
        // A thread that ends has no place for it any more.
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
