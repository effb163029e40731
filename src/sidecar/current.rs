//! The set in force: one who publishes, any number who take, and none who waits for another.
//!
//! What a stream does about it, in this order: it reads bytes; then it looks whether there is a newer set, and takes it; then it pushes
//! the bytes. So what was written after a set was published is searched with that set, or a newer one. To look first and read then
//! would not do: the set could be published, acknowledged and its secret printed in between.

#[cfg(not(hushlog_loom))]
use std::sync::{
    Arc, RwLock,
    atomic::{AtomicU64, Ordering},
};

// `tests/loom` runs this file under every interleaving of threads.
#[cfg(hushlog_loom)]
use loom::sync::{
    Arc, RwLock,
    atomic::{AtomicU64, Ordering},
};

/// The newest of something, and how many there have been.
pub(crate) struct Current<T> {
    /// The version of what [`take`](Current::take) gives, or of an earlier one for a moment.
    version: AtomicU64,
    newest: RwLock<(u64, Arc<T>)>,
}

impl<T> Current<T> {
    /// The first one, which is version 1.
    pub(crate) fn new(first: Arc<T>) -> Current<T> {
        Current { version: AtomicU64::new(1), newest: RwLock::new((1, first)) }
    }

    /// Puts a newer one in its place, and returns the one before. When this returns, everybody who looks sees the newer one.
    pub(crate) fn publish(&self, next: Arc<T>) -> Arc<T> {
        let (version, before) = {
            // No thread panics with the lock in its hands: nothing is done with it but this.
            let mut newest = self.newest.write().expect("not poisoned");
            newest.0 += 1;
            (newest.0, std::mem::replace(&mut newest.1, next))
        };
        // Behind the lock: who sees the new version would wait for us, if the system had just now stopped us within it.
        self.version.fetch_max(version, Ordering::Release);
        before
    }

    /// The version in force. It costs a load, and so can be asked before every push.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The newest one with its version.
    pub(crate) fn take(&self) -> (u64, Arc<T>) {
        let newest = self.newest.read().expect("not poisoned");
        (newest.0, Arc::clone(&newest.1))
    }
}

#[cfg(all(test, not(hushlog_loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_looks_after_it_was_published_sees_it() {
        let current = Arc::new(Current::new(Arc::new(1)));
        let seen = std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let mut seen = 0;
                while seen < 1_000 {
                    let version = current.version();
                    let (taken, value) = current.take();
                    assert!(taken >= version && *value == taken && taken >= seen, "an older one was taken");
                    seen = taken;
                }
                seen
            });
            for next in 2..=1_000 {
                assert_eq!(*current.publish(Arc::new(next)), next - 1);
                assert_eq!(current.version(), next);
            }
            looking.join().expect("it does not panic")
        });
        assert_eq!(seen, 1_000);
    }
}
