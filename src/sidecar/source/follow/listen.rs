//! The follower as a listener: it waits for changes, runs the look, and yields the files.
//!
//! A look at ten thousand files may block on the disk. It runs on a thread for blocking work, and
//! holds up no worker of the runtime.
//!
//! All state is in [`Following`] and not in a future, since the future is cancelled at any wait
//! whenever a stream ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::log::{Back, Followed};
use super::{Files, Follow};
use crate::sidecar::config::ReadFrom;
use crate::sidecar::source::Listener;
use crate::sys::mutex::lock;

/// The interval of looks without a change event.
const LOOK: Duration = Duration::from_secs(5);
/// The interval where the kernel reports no changes, or a file could not be opened.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The debounce interval: changes within it share one look, when there are many.
pub(super) const GATHER: Duration = Duration::from_millis(5);
/// The time that looks may take before they are debounced, and the part of each second by which it
/// grows again. A rotation is two or three changes and costs half a millisecond, or two on a loaded
/// machine, so that this is enough for a hundred in a row; names that appear and disappear all the
/// time cost a tenth of a processor at most.
const HASTE_MAX: Duration = Duration::from_millis(200);
const HASTE_SHARE: u32 = 10;

/// The listener for followed files.
pub(crate) struct Following {
    /// The idle follower.
    follow: Option<Box<Follow>>,
    /// The running look.
    look: Option<JoinHandle<Box<Follow>>>,
    back: Arc<Back>,
    changed: Arc<Notify>,
    /// The time of the next look without a change event.
    look_at: Instant,
    look_every: Duration,
    /// The time of the next look after a change that no look has seen.
    due: Option<Instant>,
    haste: Haste,
}

/// The time that looks may still take before they are debounced.
struct Haste {
    left: Duration,
    /// When it last grew.
    since: Instant,
    /// When the last look began, and its duration: the next one will take as long.
    begun: Instant,
    took: Duration,
}

impl Haste {
    fn new(now: Instant) -> Haste {
        Haste { left: HASTE_MAX, since: now, begun: now, took: Duration::ZERO }
    }

    /// Whether the next look may begin immediately.
    fn is_left(&mut self, now: Instant) -> bool {
        let more = now.duration_since(self.since) / HASTE_SHARE;
        (self.left, self.since) = (self.left.saturating_add(more).min(HASTE_MAX), now);
        self.left > self.took
    }

    /// Counts a look that ends now.
    fn spend(&mut self, now: Instant) {
        self.took = now.duration_since(self.begun);
        (self.left, self.since) = (self.left.saturating_sub(self.took), now);
    }
}

impl Following {
    /// Follows the files of a path or pattern, for a stream of this name.
    ///
    /// # Errors
    ///
    /// When the pattern is invalid.
    pub(crate) fn new(
        files: Arc<Files>,
        stream: Arc<str>,
        (pattern, exclude): (&str, &[glob::Pattern]),
        from: ReadFrom,
        files_max: usize,
    ) -> io::Result<Following> {
        let follow = Box::new(Follow::new(files, stream, (pattern, exclude), from, files_max)?);
        Ok(Following {
            back: Arc::clone(&follow.back),
            changed: Arc::clone(&follow.changed),
            follow: Some(follow),
            look: None,
            look_at: Instant::now(),
            look_every: LOOK,
            due: Some(Instant::now()),
            haste: Haste::new(Instant::now()),
        })
    }

    /// Runs the first look: it opens the files that exist now, so that they are read even if they
    /// are renamed or deleted.
    ///
    /// # Errors
    ///
    /// When the look cannot run.
    pub(crate) async fn look_first(&mut self) -> io::Result<()> {
        self.begin();
        self.rested().await.map(drop)
    }

    /// Waits for the look to end, and returns the follower.
    async fn rested(&mut self) -> io::Result<&mut Follow> {
        if let Some(look) = &mut self.look {
            let looked = look.await;
            self.look = None;
            let (follow, now) = (looked.map_err(io::Error::other)?, Instant::now());
            self.haste.spend(now);
            self.look_at = now + if follow.is_untold { LOOK_AGAIN } else { self.look_every };
            // A file was renamed during an open or a search.
            self.due = (!follow.has_looked || follow.is_doubtful).then_some(now + GATHER);
            self.follow = Some(follow);
        }
        self.follow.as_deref_mut().ok_or_else(|| io::Error::other("a look has failed"))
    }

    /// Waits until the next look is due.
    async fn due(&mut self) {
        loop {
            let (due, now) = (self.due.unwrap_or(self.look_at), Instant::now());
            // A timer would round it up to a millisecond.
            if due <= now {
                return;
            }
            if self.due.is_some() && !self.haste.is_left(now) {
                return sleep_until(due).await;
            }
            if timeout_at(due, self.changed.notified()).await.is_err() {
                return;
            }
            let now = Instant::now();
            self.due = Some(if self.haste.is_left(now) { now } else { self.due.unwrap_or(now + GATHER) });
        }
    }

    /// Starts a look on another thread. Does not wait, so that cancellation loses nothing.
    fn begin(&mut self) {
        let Some(mut follow) = self.follow.take() else { return };
        (self.due, self.haste.begun) = (None, Instant::now());
        // This look sees all changes reported so far.
        let told = std::pin::pin!(self.changed.notified());
        told.enable();
        self.look = Some(tokio::task::spawn_blocking(move || {
            follow.look();
            follow
        }));
    }

    #[cfg(test)]
    pub(super) fn files(&self) -> Option<Arc<Files>> {
        self.follow.as_ref().map(|follow| Arc::clone(&follow.files))
    }

    /// Disables periodic looks: only change events start one.
    #[cfg(test)]
    pub(super) fn only_told(mut self) -> Following {
        self.look_every = Duration::from_secs(3600);
        self
    }
}

impl Listener for Following {
    type Source = Followed;

    async fn next(&mut self) -> io::Result<Followed> {
        loop {
            let found = self.rested().await?.found.pop_front();
            if let Some(found) = found.or_else(|| lock(&self.back.beside).pop()) {
                return Ok(found);
            }
            self.due().await;
            self.begin();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_after_a_rest_are_looked_at_immediately() {
        const SHORT: Duration = Duration::from_micros(500);
        let mut now = Instant::now();
        let mut haste = Haste::new(now);
        let look = |haste: &mut Haste, now: Instant, took: Duration| {
            haste.begun = now;
            haste.spend(now + took);
            now + took
        };
        for _ in 1..HASTE_MAX.as_micros() / SHORT.as_micros() {
            assert!(haste.is_left(now), "a hundred rotations in a row are debounced");
            now = look(&mut haste, now, SHORT);
        }
        now = look(&mut haste, now, SHORT);
        assert!(!haste.is_left(now), "a busy directory is looked at as often as it changes");
        assert!(!haste.is_left(now + 9 * SHORT) && haste.is_left(now + 11 * SHORT), "a tenth of the time");
        now = look(&mut haste, now + 1_000 * HASTE_MAX, HASTE_MAX);
        assert!(!haste.is_left(now + 1_000 * HASTE_MAX), "a long look is repeated for each of many names");
        assert_eq!(haste.left, HASTE_MAX);
    }
}
