//! The word to stop, for all who wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::sync::Notify;

/// Said once, and heard by everybody.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<(AtomicBool, Notify)>);

impl Stop {
    /// Says it.
    pub(crate) fn set(&self) {
        self.0.0.store(true, SeqCst);
        self.0.1.notify_waiters();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.0.load(SeqCst)
    }

    /// Waits for it.
    pub(crate) async fn wait(&self) {
        let notified = self.0.1.notified();
        tokio::pin!(notified);
        // From here on it is heard; it may have been said before.
        notified.as_mut().enable();
        if !self.is_set() {
            notified.await;
        }
    }
}
