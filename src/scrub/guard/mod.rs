//! A guard: each open and read of a file below some directories waits until the file has been
//! searched and masked.
//!
//! It uses the permission events of fanotify, and needs root. See [`Guard`] for its promises and
//! limits.

mod active;
mod calls;
mod context;
mod event_sink;
mod followed;
mod in_flight;
mod kernel;
mod locks;
mod records;
mod search;
mod stamp;
mod text;
mod tools;
mod walk;
mod watch;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::redact::overlay::Overlay;
use crate::redact::reading::spelling::Spelling;
use crate::sys::beneath::{Dir, Links};
use crate::sys::input;
use crate::sys::limits::raise_descriptor_limit;
use crate::sys::sources::Sources;
use crate::{Form, NeedleSet};

use calls::Calls;
use context::GuardContext;
use followed::Followed;
use in_flight::Counters;
use kernel::{Buffer, Group};
use tools::{Counts, Tools};
use walk::{Orders, Walked, Walker};
use watch::{OwnThreads, Watch, Ways};
use worker::{Done, EventFd, Jobs};

use crate::sys::mutex::lock;
use event_sink::EventSink;
pub use event_sink::GuardEvent;
pub use kernel::termination;
pub use locks::Locks;

/// The default time limit for the rest of a secret at the end of a file.
pub const PARTIAL_WAIT: Duration = Duration::from_secs(1);
/// The number of threads for long searches.
const WORKERS: usize = 2;

/// The reason why a guard did not begin, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The kernel does not provide the events.
    #[error("cannot watch files: {0}")]
    Events(#[source] io::Error),
    /// One of the directories cannot be guarded.
    #[error("cannot guard a directory: {error}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
    /// Threads, memory or descriptors are missing.
    #[error("cannot begin: {0}")]
    Begin(#[source] io::Error),
}

/// The results of a guard.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Guarded {
    /// The number of masked regions, for each secret's name and the form that named the region.
    pub counts: BTreeMap<(String, Form), u64>,
    /// The number of reads and writes that outlasted the time limit.
    pub lost: u64,
}

/// Guards directories.
///
/// Each open and read of a regular file below them waits until the whole file has been searched,
/// and the regions in it are masked in place; then it continues with the same file (the same
/// inode). In a changed file the appended part is searched, and the range of each read again, since
/// content may have been overwritten. If a file ends inside a secret, its readers wait for the
/// rest, [`partial_wait`](Guard::partial_wait) at most. Then the partial match is masked, from half
/// of the secret and 8 bytes of its value on. A file that cannot be searched or masked cannot be
/// read either (EPERM).
///
/// Writers are not delayed unless another process reads the same file. Where the kernel and the
/// file system announce writes (Linux 6.14; ext4, XFS, btrfs), reads and writes of one file then
/// take turns, so that no read returns a write from after its search. Elsewhere that remains
/// possible: bytes appended in the moment between the search and the read are read unmasked.
///
/// The guard cannot see these operations, so they do not wait:
///
/// - reads and writes through descriptors opened before the guard began; each such process is
///   [reported](GuardEvent::OpenBefore);
/// - reads through a mapping: the content at the time of opening has been searched, and later
///   appends are within about 50 ms;
/// - names of a file outside the directories, until the guard has seen it; the block device, and
///   anything else that root can read;
/// - a directory that was created some microseconds ago.
///
/// A file with several names is guarded under each of them, and masked like others; so the right to
/// link files into the directories matters (see
/// [`LinksUnprotected`](GuardEvent::LinksUnprotected)).
///
/// The sources of the secrets are [left](Guard::leave) unchanged, under any name, and readers see
/// them as they are. The same applies to a file that an editor has since put in a source's place.
/// The copy that the editor writes beforehand, under another name, is an ordinary file.
///
/// If the guard ends, in any way, the kernel releases all waiting processes.
///
/// Memory: 300 KiB for each of three threads, some 400 bytes for each file, and one descriptor for
/// each directory and for each active file.
pub struct Guard {
    set: Arc<NeedleSet>,
    overlay: Overlay,
    partial_wait: Duration,
    group: Group,
    locks: Arc<Locks>,
    sources: Arc<Sources>,
}

impl Guard {
    /// A guard without directories.
    ///
    /// # Errors
    ///
    /// [`GuardError::Events`] without permission (CAP_SYS_ADMIN), or without fanotify in the
    /// kernel.
    pub fn new(set: Arc<NeedleSet>, overlay: Overlay) -> Result<Guard, GuardError> {
        let group = Group::new().map_err(GuardError::Events)?;
        let (locks, sources) = (Arc::default(), Arc::default());
        Ok(Guard { set, overlay, partial_wait: PARTIAL_WAIT, group, locks, sources })
    }

    /// Sets the time limit for the rest of a secret at the end of a file. Default:
    /// [`PARTIAL_WAIT`].
    pub fn partial_wait(mut self, wait: Duration) -> Guard {
        self.partial_wait = wait;
        self
    }

    /// Sets the locks of an earlier guard of this process that this one follows: no other guard
    /// takes its directories in between. Default: none.
    pub fn locks(mut self, locks: Arc<Locks>) -> Guard {
        self.locks = locks;
        self
    }

    /// Sets the sources of the secrets: they are left unchanged, and read unmasked. Default: none.
    pub fn leave(mut self, sources: Arc<Sources>) -> Guard {
        self.sources = sources;
        self
    }

    /// Guards until `stop` is readable. A separate thread calls `emit`, and never waits for the
    /// guard.
    ///
    /// # Errors
    ///
    /// See [`GuardError`].
    pub fn run(
        self,
        directories: &[PathBuf],
        stop: BorrowedFd<'_>,
        emit: impl FnMut(GuardEvent) + Send,
    ) -> Result<Guarded, GuardError> {
        let directories = canonical(directories)?;
        // Each waiting process takes a descriptor.
        raise_descriptor_limit();
        let (send, events) = mpsc::channel();
        let sink = EventSink(send);
        let threads = Threads {
            guard: &self,
            own: OwnThreads::default(),
            wake: EventFd::new().map_err(GuardError::Begin)?,
            orders: Orders {
                wake: EventFd::new().map_err(GuardError::Begin)?,
                stop: Arc::default(),
                again: AtomicBool::new(false),
            },
            failed: Mutex::new(None),
            open_directories: directories
                .iter()
                .filter_map(|path| Dir::open(path, Links::None).and_then(|directory| directory.readable()).ok())
                .collect(),
        };
        threads.run(&directories, stop, sink, events, emit)
    }
}

/// Resolves a directory that may be a link, or relative, to a fixed name. A link from another user
/// could lead to any of root's directories.
fn canonical(directories: &[PathBuf]) -> Result<Vec<PathBuf>, GuardError> {
    let one = |path: &PathBuf| {
        let found = Dir::open(path, Links::Trusted).map(|directory| directory.path().to_owned());
        found.map_err(|error| GuardError::Directory { path: path.clone(), error: input::told(path, error) })
    };
    directories.iter().map(one).collect()
}

/// The threads of a guard, and their shared state.
struct Threads<'a> {
    guard: &'a Guard,
    own: OwnThreads,
    wake: EventFd,
    orders: Orders,
    failed: Mutex<Option<GuardError>>,
    /// The directories for reopening files for writing, independent of the mount of the first open.
    open_directories: Vec<OwnedFd>,
}

impl Threads<'_> {
    fn run(
        &self,
        directories: &[PathBuf],
        stop: BorrowedFd<'_>,
        sink: EventSink,
        events: Receiver<GuardEvent>,
        mut emit: impl FnMut(GuardEvent) + Send,
    ) -> Result<Guarded, GuardError> {
        let jobs = Jobs::default();
        let (unsynced, to_sync) = mpsc::channel();
        let (send_done, done) = mpsc::channel::<Done>();
        let (send_walked, walked) = mpsc::channel();
        let all = |error| GuardError::Begin(error);
        let own_tools = self.tools(false).map_err(all)?;
        let worker_tools = (0..WORKERS).map(|_| self.tools(true)).collect::<io::Result<Vec<Tools>>>().map_err(all)?;
        let walker = Walker::new(&self.guard.group, Arc::clone(&self.guard.locks), sink.clone()).map_err(all)?;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                self.own.enlist();
                events.into_iter().for_each(&mut emit);
            });
            let workers: Vec<_> = worker_tools
                .into_iter()
                .map(|mut tools| {
                    let (jobs, done) = (&jobs, send_done.clone());
                    scope.spawn(move || {
                        self.own.enlist();
                        worker::work(jobs, &done, &self.wake, &mut tools, &self.open_directories);
                        tools.counts
                    })
                })
                .collect();
            let syncer = scope.spawn(move || {
                self.own.enlist();
                worker::sync(&to_sync, &send_done, &self.wake);
            });
            let walking = sink.clone();
            let walker = scope.spawn(move || self.walk(walker, directories, &send_walked, &walking));
            let context = self.context(own_tools);
            let ways = Ways {
                jobs: &jobs,
                unsynced,
                done,
                walked,
                wake: self.wake.clone(),
                orders: &self.orders,
                sink,
                own: self.own.clone(),
            };
            let (context, files) = Watch::new(Arc::clone(&self.guard.set), context, ways).run(stop);
            self.orders.stop.store(true, Relaxed);
            self.orders.wake.signal();
            self.let_all_go(|| {
                let others = [&walker, &syncer];
                others.iter().all(|one| one.is_finished()) && workers.iter().all(|worker| worker.is_finished())
            });
            let counted: Vec<Counts> = workers.into_iter().filter_map(|worker| worker.join().ok()).collect();
            Ok(self.sum_up(&context, &files, &counted))
        })
        .and_then(|guarded| match self.failed.lock().ok().and_then(|mut failed| failed.take()) {
            Some(error) => Err(error),
            None => Ok(guarded),
        })
    }

    fn tools(&self, writes: bool) -> io::Result<Tools> {
        let Guard { set, overlay, partial_wait, sources, .. } = self.guard;
        let stop = Arc::clone(&self.orders.stop);
        Tools::new(set, Arc::new(overlay.clone()), *partial_wait, stop, Arc::clone(sources), writes)
    }

    fn context(&self, tools: Tools) -> GuardContext<'_> {
        let (counters, calls) = (Counters::default(), Calls::default());
        GuardContext { group: &self.guard.group, tools, counters, calls, lost: 0 }
    }

    /// Allows all calls until the guard's own threads have ended: they, too, wait for answers.
    fn let_all_go(&self, ended: impl Fn() -> bool) {
        let (mut buffer, mut events) = (Buffer::new(), Vec::new());
        self.guard.group.unmark_all();
        while !ended() {
            let _ = self.guard.group.read(&mut buffer, &mut events);
            events.drain(..).for_each(|event| active::allow(&self.guard.group, &event));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn walk(&self, mut walker: Walker<'_>, roots: &[PathBuf], walked: &Sender<Walked>, sink: &EventSink) {
        self.own.enlist();
        walk::report_unprotected_links(sink);
        walk::report_earlier_openers(roots, sink);
        match walker.walk(roots) {
            Ok(found) => {
                let _ = walked.send(found);
                self.wake.signal();
                walker.follow(roots, &self.orders);
            }
            Err((path, error)) => {
                let failure = GuardError::Directory { path, error };
                *lock(&self.failed) = Some(failure);
                self.orders.stop.store(true, Relaxed);
                self.wake.signal();
            }
        }
    }

    fn sum_up(&self, context: &GuardContext<'_>, files: &[Followed], counted: &[Counts]) -> Guarded {
        let mut guarded = Guarded { lost: context.lost, ..Guarded::default() };
        let set = &self.guard.set;
        let mut add = |(needle, spelling): (usize, Spelling), count: u64| {
            let (name, form) = set.name_and_form(needle);
            *guarded.counts.entry((name.to_owned(), form.spelled(spelling))).or_default() += count;
        };
        for counts in counted.iter().chain([&context.tools.counts]) {
            counts.iter().for_each(|(named, count)| add(*named, *count));
        }
        for search in files.iter().filter_map(|followed| followed.search.as_ref()) {
            search.open().iter().for_each(|region| add(region.named(), 1));
        }
        guarded
    }
}
