//! Kernel interfaces that no library offers: fanotify with permission and pre-content events, and
//! file handles.
//!
//! A permission event blocks a thread until it is answered. The kernel opened the event's
//! descriptor for the guard. Operations on it cause no events, so they never wait for the guard
//! itself.

use std::ffi::CStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags, fstat, open};
use rustix::io::Errno;

/// Linux 6.14: an event before a range of a file is read or written. libc does not define it yet.
const FAN_PRE_ACCESS: u64 = 0x0010_0000;
/// Linux 6.14: the record of an event that holds its range.
const FAN_EVENT_INFO_TYPE_RANGE: u8 = 6;
/// The size of the event buffer, in words for their alignment. Each event has a descriptor.
const BUFFER_LEN: usize = 1024;
/// The longest file handle, in bytes (`MAX_HANDLE_SZ`).
const HANDLE_LEN_MAX: usize = 128;

/// An operation on a file, done or about to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// A thread opens the file, for any purpose, and waits for an answer.
    Opens,
    /// A thread reads, and waits for an answer.
    Reads,
    /// A thread reads, writes, maps or truncates, and waits for an answer. A read is announced a
    /// second time, as `Reads`.
    Touches,
    /// The file was written to, or a writer closed it. No thread waits.
    Changed,
    /// Events were lost. No thread waits, and there is no file.
    Lost,
}

/// An event for a file.
pub(super) struct Event {
    pub(super) happening: Happening,
    /// The thread that caused it, or 0 if it is in none of the guard's namespaces.
    pub(super) thread: i32,
    /// The file, open for reading. An event without one is already answered.
    pub(super) file: Option<OwnedFd>,
    /// The touched range, in whole pages, if the kernel reports it.
    pub(super) range: Option<Range<u64>>,
}

/// The events that a file's own mark requests. Opens and reads are always included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// `Changed`.
    pub(super) changes: bool,
    /// `Touches`.
    pub(super) touches: bool,
}

impl Wanted {
    fn mask(self) -> u64 {
        let changes = if self.changes { libc::FAN_MODIFY } else { 0 };
        changes | if self.touches { FAN_PRE_ACCESS } else { 0 }
    }
}

/// A fanotify group. A thread waits for an answer at most until the group is closed, which allows
/// its call.
pub(super) struct Group(OwnedFd);

/// Room for a batch of events.
pub(super) struct Buffer(Box<[u64; BUFFER_LEN]>);

impl Buffer {
    pub(super) fn new() -> Buffer {
        Buffer(Box::new([0; BUFFER_LEN]))
    }
}

impl Group {
    /// A group without marks. Needs root (CAP_SYS_ADMIN).
    pub(super) fn new() -> io::Result<Group> {
        // A limited queue would allow calls unanswered when it is full.
        let flags = libc::FAN_CLASS_PRE_CONTENT
            | libc::FAN_CLOEXEC
            | libc::FAN_NONBLOCK
            | libc::FAN_UNLIMITED_QUEUE
            | libc::FAN_UNLIMITED_MARKS
            | libc::FAN_REPORT_TID;
        // Read-only: a reader may use a read-only mount, and would be denied otherwise.
        let files = libc::O_RDONLY | libc::O_LARGEFILE | libc::O_CLOEXEC | libc::O_NOATIME | libc::O_NONBLOCK;
        // SAFETY: the call takes integers only.
        let fd = unsafe { libc::fanotify_init(flags, files as libc::c_uint) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
        Ok(Group(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes opens and reads of all files in a directory wait for the guard.
    pub(super) fn mark_directory(&self, directory: BorrowedFd<'_>) -> Result<(), Errno> {
        let mask = libc::FAN_OPEN_PERM | libc::FAN_ACCESS_PERM | libc::FAN_EVENT_ON_CHILD;
        self.mark(libc::FAN_MARK_ADD | libc::FAN_MARK_ONLYDIR, mask, directory, Some(c"."))
    }

    /// Requests a file's events, under any of its names. The kernel may drop this mark with the
    /// inode once no process has the file open; the directory's mark stays.
    pub(super) fn mark_file(&self, file: BorrowedFd<'_>, wanted: Wanted) -> Result<(), Errno> {
        let mask = libc::FAN_OPEN_PERM | libc::FAN_ACCESS_PERM | libc::FAN_CLOSE_WRITE | wanted.mask();
        self.mark(libc::FAN_MARK_ADD | libc::FAN_MARK_EVICTABLE, mask, file, None)
    }

    /// Cancels these events of a file.
    pub(super) fn unmark_file(&self, file: BorrowedFd<'_>, unwanted: Wanted) -> Result<(), Errno> {
        self.mark(libc::FAN_MARK_REMOVE, unwanted.mask(), file, None)
    }

    /// Cancels all events.
    pub(super) fn unmark_all(&self) {
        // SAFETY: the call takes integers, and a null pointer that it ignores.
        unsafe { libc::fanotify_mark(self.0.as_raw_fd(), libc::FAN_MARK_FLUSH, 0, libc::AT_FDCWD, std::ptr::null()) };
    }

    fn mark(&self, flags: libc::c_uint, mask: u64, at: BorrowedFd<'_>, path: Option<&CStr>) -> Result<(), Errno> {
        let path = path.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: the path is null, which means the descriptor itself, or a C string that outlives
        // the call.
        let result = unsafe { libc::fanotify_mark(self.0.as_raw_fd(), flags, mask, at.as_raw_fd(), path) };
        if result == 0 { Ok(()) } else { Err(last_error()) }
    }

    /// Reads the queued events, if any.
    ///
    /// # Errors
    ///
    /// For example, when no descriptor is left for a file. The kernel has then denied the waiting
    /// thread's call.
    pub(super) fn read(&self, buffer: &mut Buffer, events: &mut Vec<Event>) -> Result<(), Errno> {
        let room = size_of_val(&buffer.0[..]);
        // SAFETY: the buffer has the given length, and any bytes are valid words.
        let len = unsafe { libc::read(self.0.as_raw_fd(), buffer.0.as_mut_ptr().cast(), room) };
        let Ok(len) = usize::try_from(len) else {
            return match last_error() {
                Errno::AGAIN | Errno::INTR => Ok(()),
                error => Err(error),
            };
        };
        let mut at = 0;
        let header = size_of::<libc::fanotify_event_metadata>();
        while at + header <= len {
            // SAFETY: the kernel wrote these bytes, the header is within them, and it consists of
            // plain integers.
            let event: libc::fanotify_event_metadata =
                unsafe { buffer.0.as_ptr().byte_add(at).cast::<libc::fanotify_event_metadata>().read_unaligned() };
            let len = (event.event_len as usize).max(header);
            let records = at + usize::from(event.metadata_len)..at + len;
            events.push(Event { range: range_in(&buffer.0[..], records), ..Event::of(&event) });
            at += len;
        }
        Ok(())
    }

    /// Allows the call that waits for this event's answer.
    pub(super) fn allow(&self, event: BorrowedFd<'_>) {
        self.answer(event, libc::FAN_ALLOW);
    }

    /// Makes the call that waits for this event's answer fail with EPERM.
    pub(super) fn deny(&self, event: BorrowedFd<'_>) {
        self.answer(event, libc::FAN_DENY);
    }

    fn answer(&self, event: BorrowedFd<'_>, response: u32) {
        let answer = libc::fanotify_response { fd: event.as_raw_fd(), response };
        // Fails if the waiting thread was killed meanwhile; then no answer is needed.
        // SAFETY: the pointer is to an answer of this length.
        let _ = unsafe { libc::write(self.0.as_raw_fd(), (&raw const answer).cast(), size_of_val(&answer)) };
    }
}

impl From<OwnedFd> for Group {
    fn from(fd: OwnedFd) -> Group {
        Group(fd)
    }
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Event {
    fn of(event: &libc::fanotify_event_metadata) -> Event {
        // SAFETY: the kernel opened the descriptor for this event, and nothing else owns it.
        let file = (event.fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(event.fd) });
        let has = |bit: u64| event.mask & bit != 0;
        let happening = if has(libc::FAN_OPEN_PERM) {
            Happening::Opens
        } else if has(libc::FAN_ACCESS_PERM) {
            Happening::Reads
        } else if has(FAN_PRE_ACCESS) {
            Happening::Touches
        } else if has(libc::FAN_Q_OVERFLOW) {
            Happening::Lost
        } else {
            Happening::Changed
        };
        Event { happening, thread: event.pid, file, range: None }
    }
}

/// The range in the records of an event, which are within these bytes. Each begins at a whole word.
fn range_in(words: &[u64], bytes: Range<usize>) -> Option<Range<u64>> {
    let mut at = bytes.start;
    while at + 24 <= bytes.end {
        let record = words.get(at / 8..at / 8 + 3)?;
        let [kind, _, len @ ..] = record[0].to_ne_bytes();
        let len = usize::from(u16::from_ne_bytes([len[0], len[1]]));
        if kind == FAN_EVENT_INFO_TYPE_RANGE {
            return Some(record[1]..record[1].saturating_add(record[2]));
        }
        at += len.max(8).next_multiple_of(8);
    }
    None
}

/// The identity of a file for its lifetime. The file system reuses inode numbers after a deletion;
/// the generation distinguishes such files where available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    device: u64,
    number: u64,
    generation: u64,
}

impl Identity {
    /// The number of its file system.
    pub(super) fn device(&self) -> u64 {
        self.device
    }

    /// The identity of this open file.
    pub(super) fn of(file: BorrowedFd<'_>) -> Result<Identity, Errno> {
        let stat = fstat(file)?;
        Ok(Identity { device: stat.st_dev, number: stat.st_ino, generation: handle(file).unwrap_or_default() })
    }
}

/// A file's handle, laid out as the kernel's `struct file_handle`.
#[repr(C)]
struct Handle {
    len: libc::c_uint,
    kind: libc::c_int,
    bytes: [u8; HANDLE_LEN_MAX],
}

/// Reopens a file, also for writing. Operations on the new descriptor cause events, so the thread
/// that answers must not perform them. If the file was opened through a read-only mount, this uses
/// one of the `directories` on its file system.
pub(super) fn writable(file: BorrowedFd<'_>, directories: &[OwnedFd]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOATIME;
    match open(format!("/proc/self/fd/{}", file.as_raw_fd()), flags, Mode::empty()) {
        Err(Errno::ROFS) => {}
        other => return other,
    }
    let device = fstat(file)?.st_dev;
    let same = |directory: &&OwnedFd| fstat(directory).is_ok_and(|stat| stat.st_dev == device);
    let directory = directories.iter().find(same).ok_or(Errno::ROFS)?;
    let mut handle = handle_of(file).ok_or(Errno::ROFS)?;
    // SAFETY: the handle has the kernel's layout, and the kernel filled it.
    let fd = unsafe {
        let handle = (&raw mut handle).cast::<libc::file_handle>();
        libc::open_by_handle_at(directory.as_raw_fd(), handle, flags.bits() as libc::c_int)
    };
    if fd < 0 {
        return Err(last_error());
    }
    // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A hash of the file's handle, which on most file systems holds the inode number and a generation.
fn handle(file: BorrowedFd<'_>) -> Option<u64> {
    let handle = handle_of(file)?;
    let mut hasher = DefaultHasher::new();
    (handle.kind, &handle.bytes[..handle.len.min(HANDLE_LEN_MAX as libc::c_uint) as usize]).hash(&mut hasher);
    Some(hasher.finish())
}

fn handle_of(file: BorrowedFd<'_>) -> Option<Handle> {
    let mut handle = Handle { len: HANDLE_LEN_MAX as libc::c_uint, kind: 0, bytes: [0; HANDLE_LEN_MAX] };
    let mut mount = 0;
    // SAFETY: the path is an empty C string, which means the descriptor itself. The handle has room
    // for as many bytes as it says, and has the layout of the kernel's `struct file_handle`.
    let result = unsafe {
        let room = (&raw mut handle).cast::<libc::file_handle>();
        libc::name_to_handle_at(file.as_raw_fd(), c"".as_ptr(), room, &raw mut mount, libc::AT_EMPTY_PATH)
    };
    (result == 0).then_some(handle)
}

fn last_error() -> Errno {
    io::Error::last_os_error().raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

/// Blocks SIGTERM and SIGINT in this thread and those that it starts, and returns a descriptor to
/// read them from.
///
/// # Errors
///
/// When no descriptor is left.
pub fn termination() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialized before use, and all pointers are to it, or null where that is
    // allowed.
    let fd = unsafe {
        let mut signals = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        libc::sigaddset(&raw mut signals, libc::SIGTERM);
        libc::sigaddset(&raw mut signals, libc::SIGINT);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut());
        libc::signalfd(-1, &raw const signals, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
