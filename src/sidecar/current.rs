//! The set in force: one who publishes, any number who take, and none who waits for another.
//!
//! What a stream does about it, in this order: it reads bytes; then it looks whether there is a newer set, and takes it; then it pushes
//! the bytes. So what was written after a set was published is searched with that set, or a newer one. To look first and read then
//! would not do: the set could be published, acknowledged and its secret printed in between.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

/// The newest of something, and how many there have been.
pub(crate) struct Current<T> {
    version: AtomicU64,
    newest: RwLock<Arc<T>>,
}

impl<T> Current<T> {
    /// The first one, which is version 1.
    pub(crate) fn new(first: Arc<T>) -> Current<T> {
        Current { version: AtomicU64::new(1), newest: RwLock::new(first) }
    }

    /// Puts a newer one in its place, and returns the one before. When this returns, everybody who looks sees the newer one.
    pub(crate) fn publish(&self, next: Arc<T>) -> Arc<T> {
        // No thread panics with the lock in its hands: nothing is done with it but this.
        let mut newest = self.newest.write().expect("not poisoned");
        let before = std::mem::replace(&mut *newest, next);
        // Within the lock, so that a version is never taken with a set that is not its own.
        self.version.fetch_add(1, Ordering::Release);
        before
    }

    /// How many there have been. It costs a load, and so can be asked before every push.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The newest one with its version.
    pub(crate) fn take(&self) -> (u64, Arc<T>) {
        let newest = self.newest.read().expect("not poisoned");
        (self.version.load(Ordering::Acquire), Arc::clone(&newest))
    }
}
