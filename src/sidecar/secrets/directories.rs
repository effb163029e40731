//! Directories that are scrubbed periodically, and guarded directories: each on a thread of its
//! own.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};

use super::active::Active;
use crate::NeedleSet;
use crate::redact::overlay::Overlay;
use crate::redact::text;
use crate::scrub::guard::{Guard, GuardError, Locks, PARTIAL_WAIT};
use crate::scrub::{Outcome, Scrubber, Tree, is_wanted};
use crate::sidecar::config::{Guard as Section, ScrubPlan};
use crate::sidecar::event::Event;
use crate::sidecar::run::running::Running;
use crate::sys::mutex::lock;

/// The interval at which a waiting thread checks for cancellation.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The minimum pause between a scrub and the one that a new set triggers.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// The debounce time of a new set: each time the guard takes one over, files are unguarded for a
/// moment.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// The pause before a failed guard is restarted.
const GUARD_AGAIN: Duration = Duration::from_secs(5);

/// Scrubs a directory periodically, until the sidecar stops. A kill during a scrub loses nothing.
pub(in crate::sidecar) fn scrub(plan: ScrubPlan, running: Arc<Running>) -> io::Result<()> {
    thread::Builder::new().name("scrub".to_owned()).spawn(move || scrub_again(&plan, &running)).map(drop)
}

fn scrub_again(plan: &ScrubPlan, running: &Running) {
    let told = Mutex::default();
    while !running.stop.is_cancelled() {
        let Active { version, set } = running.reloader.active.borrow().clone();
        scrub_once(plan, set, running, &told);
        let done = Instant::now();
        let is_due = || {
            done.elapsed() >= plan.every
                || done.elapsed() >= AGAIN_AFTER && running.reloader.active.borrow().version != version
        };
        while !is_due() && !running.stop.is_cancelled() {
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Scrubs the directory once. `told`: files already reported as left alone.
fn scrub_once(plan: &ScrubPlan, set: Arc<NeedleSet>, running: &Running, told: &Mutex<HashSet<PathBuf>>) {
    let warn = |text: String| (running.emit)(Event::Warning(text));
    let scrubber = match Scrubber::new(set) {
        Ok(scrubber) => scrubber.leave(Arc::clone(&running.reloader.sources)),
        Err(error) => return warn(format!("cannot scrub {}: {error}", text::path(&plan.directory))),
    };
    let tree = Tree {
        scrubber: &scrubber,
        recursive: plan.recursive,
        hard_links: false,
        rewrite: false,
        binary: false,
        threads: 1,
        wanted: &|path| is_wanted(&plan.include, &plan.exclude, path),
        tell: &|path, outcome| match outcome {
            Outcome::Searched(findings) if findings.count() > 0 => {
                if let Some(why) = findings.doubt {
                    warn(format!("doubtful: {}: {why}; masked as text", text::path(path)));
                }
                (running.emit)(Event::Scrubbed { path: path.to_owned(), places: findings.count() });
            }
            Outcome::Searched(_) | Outcome::Skipped(_) => {}
            Outcome::Source => {
                if lock(told).insert(path.to_owned()) {
                    warn(format!("left alone: {}: it is a source of the secrets", text::path(path)));
                }
            }
            Outcome::NotSearched(why) => warn(format!("not searched: {}: {why}", text::path(path))),
            Outcome::Left { why, findings } => warn(left(path, &why, findings.count())),
            Outcome::Failed(error) => warn(format!("cannot scrub {}: {error}", text::path(path))),
        },
    };
    tree.scrub(&plan.directory);
}

/// The report about a file that is not text.
fn left(path: &Path, why: &str, places: u64) -> String {
    let found = if places == 0 { String::new() } else { format!("; it contains secrets, in {places} places") };
    format!("not searched: {}: {why}{found}", text::path(path))
}

/// Guards directories until the sidecar stops. The first guard is created here, so that an error
/// surfaces at the start.
///
/// # Errors
///
/// Without the privilege, or without fanotify in the kernel.
pub(in crate::sidecar) fn guard(section: Section, running: Arc<Running>) -> io::Result<JoinHandle<()>> {
    for directory in &section.directories {
        std::fs::read_dir(directory)?;
    }
    drop(new_guard(&section, running.reloader.set(), &running).map_err(io_error)?);
    thread::Builder::new().name("guard".to_owned()).spawn(move || {
        // Held from one guard to its successor with a newer set.
        let locks = Arc::new(Locks::default());
        while !running.stop.is_cancelled() {
            if let Err(error) = guard_once(&section, &locks, &running) {
                (running.emit)(Event::Warning(format!("cannot guard: {error}")));
                thread::sleep(GUARD_AGAIN);
            }
        }
    })
}

fn new_guard(section: &Section, set: Arc<NeedleSet>, running: &Running) -> Result<Guard, GuardError> {
    let overlay = Overlay::named(&set).map_err(|error| GuardError::Begin(io::Error::other(error)))?;
    let wait = section.partial_wait_ms.map_or(PARTIAL_WAIT, |ms| Duration::from_millis(ms.into()));
    Ok(Guard::new(set, overlay)?.partial_wait(wait).leave(Arc::clone(&running.reloader.sources)))
}

/// Guards with the active set, until a newer set has settled, or the sidecar stops.
fn guard_once(section: &Section, locks: &Arc<Locks>, running: &Arc<Running>) -> io::Result<()> {
    let Active { version, set } = running.reloader.active.borrow().clone();
    let guard = new_guard(section, set, running).map_err(io_error)?.locks(Arc::clone(locks));
    let (stop, stopper) = pipe_with(PipeFlags::CLOEXEC)?;
    let (watching, emit) = (Arc::clone(running), Arc::clone(&running.emit));
    let watch =
        thread::Builder::new().name("guard".to_owned()).spawn(move || stop_when_due(&watching, version, stopper))?;
    let guarded = guard.run(&section.directories, stop.as_fd(), move |event| emit(Event::Guarding(event)));
    // A guard that ended by itself does not wait for its watcher.
    drop(stop);
    if guarded.is_ok() {
        let _ = watch.join();
    }
    guarded.map(drop).map_err(io_error)
}

/// Closes the guard's stop pipe when it is time.
fn stop_when_due(running: &Running, mut version: u64, stopper: OwnedFd) {
    let first = version;
    loop {
        thread::sleep(LOOK_EVERY);
        if running.stop.is_cancelled() {
            break;
        }
        let now = running.reloader.active.borrow().version;
        if now == version && now != first {
            break;
        }
        if now != version {
            version = now;
            thread::sleep(SETTLED_AFTER);
        }
    }
    drop(stopper);
}

fn io_error(error: GuardError) -> io::Error {
    match error {
        GuardError::Events(error) | GuardError::Begin(error) | GuardError::Directory { error, .. } => error,
    }
}
