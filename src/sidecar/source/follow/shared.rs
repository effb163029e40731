//! The state that the follower and the reader of a file share.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Notify;

use super::file::Part;
use crate::sys::mutex::lock;

/// A file in the chain of its log's files: its reader's part, and the shared state.
pub(super) struct Link {
    part: Part,
    pub(super) shared: Arc<Shared>,
}

impl Link {
    pub(super) fn new(part: Part, shared: Shared) -> Link {
        Link { part, shared: Arc::new(shared) }
    }
}

impl Deref for Link {
    type Target = Part;

    fn deref(&self) -> &Part {
        &self.part
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut Part {
        &mut self.part
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        drop(self.shared.end());
    }
}

/// The shared state of one file.
#[derive(Default)]
pub(super) struct Shared {
    /// The file has lost its names.
    is_displaced: AtomicBool,
    /// The file is read beside its successor, or is a copy: it has no successor.
    is_beside: AtomicBool,
    /// Its reader has left it for the next sidecar.
    is_left: AtomicBool,
    /// The number of texts of this file that are not written yet.
    held: AtomicUsize,
    next: Mutex<Next>,
    /// The last file of the log, shared by all of its files; none: this one.
    last: Mutex<Arc<Mutex<Weak<Shared>>>>,
    /// One more than the number of its last bytes that may begin a secret, when no reader is left;
    /// 0: unknown.
    open: AtomicU64,
    /// Wakes the reader.
    pub(super) wake: Arc<Notify>,
}

/// The successor of a file.
#[derive(Default)]
enum Next {
    /// It is not known yet.
    #[default]
    Unknown,
    /// The successor.
    Is(Box<Link>),
    /// The reader has taken it, or has ended: the file has no reader any more.
    Over,
}

impl Shared {
    /// Records that the file has lost its names, or has one again.
    pub(super) fn displace(&self, is_displaced: bool) {
        if self.is_displaced.swap(is_displaced, Relaxed) != is_displaced {
            self.wake.notify_one();
        }
    }

    pub(super) fn is_displaced(&self) -> bool {
        self.is_displaced.load(Relaxed)
    }

    /// The state of a file that is read beside its successor.
    pub(super) fn beside() -> Shared {
        Shared { is_displaced: AtomicBool::new(true), is_beside: AtomicBool::new(true), ..Shared::default() }
    }

    /// Leaves the file to the next sidecar, as this one stops.
    pub(super) fn leave(&self) {
        self.is_left.store(true, Relaxed);
    }

    pub(super) fn is_left(&self) -> bool {
        self.is_left.load(Relaxed)
    }

    /// Whether it has a reader, or some of its text is not written yet. Then its reader has it
    /// open, and no other file gets its inode.
    pub(super) fn is_in_hand(&self) -> bool {
        self.is_read() || self.held.load(Relaxed) > 0
    }

    pub(super) fn is_beside(&self) -> bool {
        self.is_beside.load(Relaxed)
    }

    /// Sets the successor.
    ///
    /// # Errors
    ///
    /// The same part, when the file has another successor, or no reader.
    pub(super) fn then(&self, part: Box<Link>) -> Result<(), Box<Link>> {
        let mut next = lock(&self.next);
        if !matches!(*next, Next::Unknown) {
            return Err(part);
        }
        {
            let last = lock(&self.last);
            *lock(&last) = Arc::downgrade(&part.shared);
            *lock(&part.shared.last) = Arc::clone(&last);
        }
        *next = Next::Is(part);
        drop(next);
        self.wake.notify_one();
        Ok(())
    }

    /// The last known file of the log. A new file follows it, even if its path had an earlier one.
    pub(super) fn last(self: &Arc<Shared>) -> Arc<Shared> {
        let last = lock(&lock(&self.last)).upgrade();
        last.unwrap_or_else(|| Arc::clone(self))
    }

    pub(super) fn has_next(&self) -> bool {
        matches!(*lock(&self.next), Next::Is(_))
    }

    /// Whether the file has a reader.
    pub(super) fn is_read(&self) -> bool {
        !matches!(*lock(&self.next), Next::Over)
    }

    /// Records that it was read to its end, and that this many last bytes may begin a secret.
    pub(super) fn leave_open(&self, open: u64) {
        self.open.store(open.saturating_add(1), Relaxed);
    }

    /// The number of last written bytes that may begin a secret, if any were written; 0: unknown.
    pub(super) fn open(&self) -> Option<u64> {
        match self.open.load(Relaxed) {
            0 => Some(0),
            1 => None,
            open => Some(open - 1),
        }
    }

    /// Ends the reader, and returns the successor.
    pub(super) fn end(&self) -> Option<Box<Link>> {
        match std::mem::replace(&mut *lock(&self.next), Next::Over) {
            Next::Is(part) => Some(part),
            Next::Unknown | Next::Over => None,
        }
    }

    /// Ends the reader if the file has no successor. Returns false if it has one.
    pub(super) fn end_if_last(&self) -> bool {
        let mut next = lock(&self.next);
        let is_last = !matches!(*next, Next::Is(_));
        if is_last {
            *next = Next::Over;
        }
        is_last
    }
}

/// Text of a file that is not written yet.
pub(super) struct Held(Arc<Shared>);

impl Held {
    pub(super) fn of(shared: &Arc<Shared>) -> Held {
        shared.held.fetch_add(1, Relaxed);
        Held(Arc::clone(shared))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Relaxed);
    }
}
