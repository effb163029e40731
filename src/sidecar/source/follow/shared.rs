//! The state that the follower and the reader of a file share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Notify;

use super::super::super::checkpoint::lock;
use super::file::Part;

/// See the front of this module.
#[derive(Default)]
pub(super) struct Shared {
    /// It has lost its names.
    is_displaced: AtomicBool,
    /// It is read on beside the file after it, or is a copy: nothing comes after it.
    is_beside: AtomicBool,
    /// Its reader has left it for the next sidecar.
    is_left: AtomicBool,
    /// How many stretches of its text are not out yet.
    held: AtomicUsize,
    next: Mutex<Next>,
    /// The last file of the log, which all of its files share; none: this one.
    last: Mutex<Arc<Mutex<Weak<Shared>>>>,
    /// One more than the number of its last bytes that may begin a secret, when nobody reads it any
    /// more; 0: it is not known.
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
    /// This one.
    Is(Box<Part>),
    /// The reader has taken it, or has ended: nobody reads the file any more.
    Over,
}

impl Shared {
    /// The file has lost its names, or has one again.
    pub(super) fn displace(&self, is_displaced: bool) {
        if self.is_displaced.swap(is_displaced, Relaxed) != is_displaced {
            self.wake.notify_one();
        }
    }

    pub(super) fn is_displaced(&self) -> bool {
        self.is_displaced.load(Relaxed)
    }

    /// One that is read on beside the file after it.
    pub(super) fn beside() -> Shared {
        Shared { is_displaced: AtomicBool::new(true), is_beside: AtomicBool::new(true), ..Shared::default() }
    }

    /// The sidecar stops, and the next one reads on.
    pub(super) fn leave(&self) {
        self.is_left.store(true, Relaxed);
    }

    pub(super) fn is_left(&self) -> bool {
        self.is_left.load(Relaxed)
    }

    /// Whether it is read, or some of its text is not out yet. Then its reader has it open, and no
    /// other file gets its inode.
    pub(super) fn is_in_hand(&self) -> bool {
        self.is_read() || self.held.load(Relaxed) > 0
    }

    pub(super) fn is_beside(&self) -> bool {
        self.is_beside.load(Relaxed)
    }

    /// This one comes next.
    ///
    /// # Errors
    ///
    /// The same, when another one does, or nobody reads the file any more.
    pub(super) fn then(&self, part: Box<Part>) -> Result<(), Box<Part>> {
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

    /// The last file of the log, as far as it is known: the one that a new file comes after, though
    /// its path had an earlier one.
    pub(super) fn last(self: &Arc<Shared>) -> Arc<Shared> {
        let last = lock(&lock(&self.last)).upgrade();
        last.unwrap_or_else(|| Arc::clone(self))
    }

    pub(super) fn has_next(&self) -> bool {
        matches!(*lock(&self.next), Next::Is(_))
    }

    /// Whether somebody reads it.
    pub(super) fn is_read(&self) -> bool {
        !matches!(*lock(&self.next), Next::Over)
    }

    /// It was read to its end, and so many bytes went out last that may begin a secret.
    pub(super) fn leave_open(&self, open: u64) {
        self.open.store(open.saturating_add(1), Relaxed);
    }

    /// How many bytes went out last that may begin a secret, if any did; 0: that is not known.
    pub(super) fn open(&self) -> Option<u64> {
        match self.open.load(Relaxed) {
            0 => Some(0),
            1 => None,
            open => Some(open - 1),
        }
    }

    /// It is read no more; its successor is.
    pub(super) fn end(&self) -> Option<Box<Part>> {
        match std::mem::replace(&mut *lock(&self.next), Next::Over) {
            Next::Is(part) => Some(part),
            Next::Unknown | Next::Over => None,
        }
    }

    /// It is read no more, if nothing comes next. False: something does.
    pub(super) fn end_if_last(&self) -> bool {
        let mut next = lock(&self.next);
        let is_last = !matches!(*next, Next::Is(_));
        if is_last {
            *next = Next::Over;
        }
        is_last
    }
}

/// Text of a file that is not out yet.
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
