//! Traverses the directories: marks each, shows each file in them to the guard, and follows new
//! entries.
//!
//! Opening a file shows it: the guard gets a permission event with a descriptor.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CStr, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, ReadFlags, WatchFlags};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;

use super::event_sink::{EventSink, GuardEvent, path_of};
use super::kernel::Group;
use super::locks::Locks;
use super::worker::EventFd;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::FileId;
use crate::sys::strict::{self, Reach};

/// Room for the events of some dozen files, in bytes.
const EVENTS_LEN: usize = 16 << 10;

/// The numbers of directories and files found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walked {
    pub(super) directories: u64,
    pub(super) files: u64,
}

/// The flags and the wake-up that control the walker.
pub(super) struct Orders {
    pub(super) wake: EventFd,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) again: AtomicBool,
}

/// Traverses the directories, and follows their changes.
pub(super) struct Walker<'a> {
    group: &'a Group,
    locks: Arc<Locks>,
    sink: EventSink,
    events: OwnedFd,
    /// The directories by watch descriptor. Each is held open, so it stays reachable wherever it is
    /// renamed to.
    watched: HashMap<i32, OwnedFd>,
    walked: Walked,
}

impl<'a> Walker<'a> {
    pub(super) fn new(group: &'a Group, locks: Arc<Locks>, sink: EventSink) -> io::Result<Walker<'a>> {
        let events = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        Ok(Walker { group, locks, sink, events, watched: HashMap::new(), walked: Walked::default() })
    }

    /// Marks everything below the roots, and shows the files.
    pub(super) fn walk(&mut self, roots: &[PathBuf]) -> Result<Walked, (PathBuf, io::Error)> {
        self.walked = Walked::default();
        for root in roots {
            // The path had no link when the guard began, and none is followed now.
            let opened = Dir::open(root, Links::None).and_then(|directory| directory.readable());
            let entered = opened.and_then(|directory| self.enter(directory));
            entered.map_err(|error| (root.clone(), error))?;
        }
        self.locks.keep(self.watched.values().filter_map(|directory| FileId::of(directory).ok()));
        Ok(self.walked)
    }

    /// Follows new entries until the stop flag is set. Traverses the `roots` again when events were
    /// lost.
    pub(super) fn follow(&mut self, roots: &[PathBuf], orders: &Orders) {
        loop {
            let mut ready = [
                PollFd::new(&self.events, PollFlags::IN),
                PollFd::from_borrowed_fd(orders.wake.as_fd(), PollFlags::IN),
            ];
            let _ = poll(&mut ready, None);
            orders.wake.clear();
            if orders.stop.load(Relaxed) {
                return;
            }
            if self.take_events() || orders.again.swap(false, Relaxed) {
                self.sink.emit(GuardEvent::Overflow);
                // A deleted root holds no files.
                let _ = self.walk(roots);
            }
        }
    }

    /// Enters a directory and all below it, without recursion.
    fn enter(&mut self, root: OwnedFd) -> io::Result<()> {
        let device = fstat(&root)?.st_dev;
        let mut left = vec![root];
        let mut first = true;
        while let Some(directory) = left.pop() {
            match self.list(&directory, device, &mut left) {
                Err(error) if first => return Err(error),
                _ => first = false,
            }
        }
        Ok(())
    }

    /// Marks a directory, then shows its content, so that no entry is missed in between.
    /// Subdirectories go to `left`.
    fn list(&mut self, directory: &OwnedFd, device: u64, left: &mut Vec<OwnedFd>) -> io::Result<()> {
        let marked = self.watch(directory).and_then(|()| Ok(self.group.mark_directory(directory.as_fd())?));
        if let Err(error) = marked {
            let told = io::Error::new(error.kind(), error.to_string());
            self.sink.emit(GuardEvent::Unguarded { path: path_of(directory.as_fd()), error: told });
            return Err(error);
        }
        self.walked.directories += 1;
        for entry in rustix::fs::Dir::read_from(directory)?.flatten() {
            let name = entry.file_name();
            if name == c"." || name == c".." || !matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
                self.show(directory.as_fd(), name);
                continue;
            }
            let below = match open(directory.as_fd(), name, DIRECTORY) {
                Ok(below) => below,
                Err(Errno::NOTDIR) => {
                    self.show(directory.as_fd(), name);
                    continue;
                }
                Err(_) => continue,
            };
            if fstat(&below).is_ok_and(|stat| stat.st_dev == device) {
                left.push(below);
            } else {
                let path = path_of(below.as_fd());
                self.sink.emit(GuardEvent::Unguarded { path, error: Errno::XDEV.into() });
            }
        }
        Ok(())
    }

    fn watch(&mut self, directory: &OwnedFd) -> io::Result<()> {
        let flags = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
        let number = inotify::add_watch(&self.events, path_of_descriptor(directory.as_fd()), flags)?;
        if let Entry::Vacant(place) = self.watched.entry(number) {
            self.locks.take(directory.as_fd())?;
            place.insert(directory.try_clone()?);
        }
        Ok(())
    }

    /// Shows a regular file to the guard.
    fn show(&mut self, directory: BorrowedFd<'_>, name: &CStr) {
        let Ok(path) = open(directory, name, OFlags::PATH) else { return };
        if !fstat(&path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile) {
            return;
        }
        // The name may refer to a pipe by now; NONBLOCK avoids waiting for it.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOATIME | OFlags::NOCTTY;
        self.walked.files += u64::from(open(directory, name, flags).is_ok());
    }

    /// Follows new entries. Returns whether events were lost.
    fn take_events(&mut self) -> bool {
        let mut room = [MaybeUninit::uninit(); EVENTS_LEN];
        let mut created = Vec::new();
        let mut lost = false;
        let mut reader = inotify::Reader::new(&self.events, &mut room);
        while let Ok(event) = reader.next() {
            lost |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            if event.events().contains(ReadFlags::IGNORED) {
                if let Some(directory) = self.watched.remove(&event.wd()) {
                    self.locks.give_back(directory.as_fd());
                }
            } else if let Some(name) = event.file_name() {
                created.push((event.wd(), name.to_owned(), event.events().contains(ReadFlags::ISDIR)));
            }
        }
        for (number, name, is_directory) in created {
            let Some(directory) = self.watched.get(&number).and_then(|directory| directory.try_clone().ok()) else {
                continue;
            };
            if !is_directory {
                self.show(directory.as_fd(), &name);
            } else if let Ok(below) = open(directory.as_fd(), &name, DIRECTORY) {
                let _ = self.enter(below);
            }
        }
        lost
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Opens a name in a directory, without following a link.
fn open(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    strict::open(directory, OsStr::from_bytes(name.to_bytes()), flags, Reach::Anywhere)
}

fn path_of_descriptor(file: BorrowedFd<'_>) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Reports if users other than the owner can link files from elsewhere into the directories. The
/// guard includes files with several names, unlike a scrub: otherwise readers would see unsearched
/// content by the guarded name.
pub(super) fn report_unprotected_links(sink: &EventSink) {
    if std::fs::read("/proc/sys/fs/protected_hardlinks").is_ok_and(|text| text.trim_ascii() == b"0") {
        sink.emit(GuardEvent::LinksUnprotected);
    }
}

/// Reports processes that already have files below the roots open: their descriptors cause no
/// events, so their calls do not wait.
pub(super) fn report_earlier_openers(roots: &[PathBuf], sink: &EventSink) {
    let own = std::process::id().to_string();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = process.file_name();
        let Some(number) = name.to_str().filter(|name| *name != own).and_then(|name| name.parse().ok()) else {
            continue;
        };
        let descriptors = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        let mut paths = descriptors.filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok());
        let is_below = |path: &Path| {
            roots
                .iter()
                .any(|root| path.as_os_str().as_bytes() != root.as_os_str().as_bytes() && path.starts_with(root))
        };
        if let Some(path) = paths.find(|path| is_below(path) && path.is_file()) {
            let program = std::fs::read(process.path().join("comm")).unwrap_or_default();
            sink.emit(GuardEvent::OpenBefore { process: number, program: program.trim_ascii().to_owned(), path });
        }
    }
}
