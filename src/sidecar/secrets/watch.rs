//! Watches the files of secrets, and requests a reload when they have changed.
//!
//! Kernel events trigger a look, and its result decides. So a missed event (a full queue, a network
//! file system) costs some seconds, and spurious events cost no reload.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::reloader::{ReloadHandle, Request};
use crate::sidecar::event::{Event, EventSink};
use crate::sys::backoff::Backoff;
use crate::sys::mutex::lock;

/// The maximum interval between looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The debounce time: files are read when unchanged for this long, and not in the middle of a
/// write.
const STILL_FOR: Duration = Duration::from_millis(50);
/// The maximum debounce delay.
const STILL_WITHIN: Duration = Duration::from_secs(2);
/// The longest delay of another attempt after a failed reload. The first is that of a look.
const RETRY_MAX: Duration = Duration::from_secs(300);
/// The maximum depth of directories, as for secrets.
const DEPTH_MAX: usize = 16;
/// The size of the event buffer. Single events are not examined.
const EVENTS_LEN: usize = 64 << 10;

/// Starts to watch.
pub(crate) fn start(paths: Vec<PathBuf>, handle: ReloadHandle, emit: EventSink) -> std::io::Result<()> {
    let seen = look(&paths);
    thread::Builder::new().name("watch".to_owned()).spawn(move || run(&paths, seen, &handle, &emit)).map(drop)
}

fn run(paths: &[PathBuf], mut seen: u64, handle: &ReloadHandle, emit: &EventSink) {
    let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
    if let Err(error) = &events {
        let error = std::io::Error::from(*error);
        emit(Event::Warning(format!("cannot watch the secrets: they are polled every {LOOK_EVERY:?}: {error}")));
    }
    let (mut backoff, mut retry) = (Backoff::new(LOOK_EVERY, RETRY_MAX), None);
    loop {
        if let Ok(events) = &events {
            // Rebuilt each time: a replaced file is another file.
            paths.iter().for_each(|path| watch(events, path, DEPTH_MAX));
        }
        let now = look(paths);
        if now != seen {
            seen = still(paths, now);
            handle.ask(Request::Reload(None));
            continue;
        }
        // A failure may pass without a change of any file, as a shortage of descriptors does.
        match (lock(&handle.status).error.is_some(), retry) {
            (false, _) => {
                backoff.reset();
                retry = None;
            }
            (true, None) => retry = Some(Instant::now() + backoff.next()),
            (true, Some(at)) if at <= Instant::now() => {
                handle.ask(Request::Reload(None));
                retry = None;
            }
            (true, Some(_)) => {}
        }
        match &events {
            Ok(events) => wait(events),
            Err(_) => thread::sleep(LOOK_EVERY),
        }
    }
}

/// Waits until the files stop changing.
fn still(paths: &[PathBuf], mut seen: u64) -> u64 {
    let start = Instant::now();
    while start.elapsed() < STILL_WITHIN {
        thread::sleep(STILL_FOR);
        let now = look(paths);
        if now == seen {
            break;
        }
        seen = now;
    }
    seen
}

/// Waits for an event, or until the next look is due.
fn wait(events: &OwnedFd) {
    let patience = Timespec { tv_sec: LOOK_EVERY.as_secs() as i64, tv_nsec: 0 };
    let polled = poll(&mut [PollFd::new(events, PollFlags::IN)], Some(&patience));
    if polled == Ok(0) || polled == Err(Errno::INTR) {
        return;
    }
    let mut buffer = [MaybeUninit::uninit(); EVENTS_LEN];
    let mut reader = Reader::new(events, &mut buffer);
    while reader.next().is_ok() {}
}

/// Watches a path, its parent directories and, if it is a directory, those below it. Unwatchable
/// paths are covered by the periodic look.
fn watch(events: &OwnedFd, path: &Path, depth: usize) {
    let changes = WatchFlags::CLOSE_WRITE
        | WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE
        | WatchFlags::MOVE_SELF
        | WatchFlags::ATTRIB;
    let add = |path: &Path| {
        let _ = inotify::add_watch(events, path, changes);
    };
    add(path);
    path.parent().into_iter().for_each(add);
    // A link that is redirected, as Kubernetes does.
    if let Ok(real) = fs::canonicalize(path)
        && real != path
    {
        add(&real);
        real.parent().into_iter().for_each(add);
    }
    if depth > 0 && path.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                watch(events, &entry.path(), depth - 1);
            }
        }
    }
}

/// A hash of the existing files and their modification times.
fn look(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    paths.iter().for_each(|path| look_at(path, DEPTH_MAX, &mut hasher));
    hasher.finish()
}

fn look_at(path: &Path, depth: usize, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    let Ok(found) = fs::metadata(path) else { return };
    (found.dev(), found.ino(), found.len(), found.mode(), found.uid()).hash(hasher);
    (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()).hash(hasher);
    if depth > 0 && found.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| look_at(entry, depth - 1, hasher));
    }
}
