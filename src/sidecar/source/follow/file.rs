//! One file that is followed: read as it grows, begun anew when it was truncated, and over when it has been rotated away and nobody
//! writes to it any more.
//!
//! - *Truncated* is a file that is shorter than what was read of it, or that begins with other bytes than it did: so one that was written
//!   anew, and longer than before, is noticed as well. Every piece that is read is checked so before it is given. What is not noticed: new
//!   content as long or longer that agrees with the old one in its first [`HEAD_LEN_MAX`](super::super::super::checkpoint::HEAD_LEN_MAX) bytes.
//! - *Rotated away* is one that has left all its names in the pattern. It is read on beside its successor, which begins to give when
//!   this one has been read to its end once. It is over as soon as nobody has it open for writing, which a read lease tells; where
//!   there are no leases, and for a writer that keeps it open, after [`LINGER`] in which nothing was written.
//!
//! Memory: some 500 bytes, and a descriptor; no buffer. A file that is not in the page cache is brought there by another thread.

use std::io::{self, ErrorKind, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::fs::{Stat, fstat};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::super::super::checkpoint::{Hasher, Key, Place, Slot, lock};
use super::super::{Given, Source};
use super::Files;
use crate::scrub::lease::Lease;
use crate::scrub::packed_head;
use crate::sys::file::FileId;

/// A file that was rotated away is over when nothing was written to it for so long, whoever has it open.
const LINGER: Duration = Duration::from_secs(60);
/// How often it is looked whether its writers have gone.
const LEAVING_LOOK: Duration = Duration::from_millis(250);
/// How often a file is looked at though nobody told of a change: it may be written to by another machine.
const LOOK: Duration = Duration::from_secs(5);
/// The same where the kernel tells nothing.
const LOOK_UNTOLD: Duration = Duration::from_millis(250);
/// How much is brought into the page cache at once, in bytes.
const WARM_LEN: usize = 256 << 10;

/// What the one who looks for files and the reader of one know of each other.
#[derive(Default)]
pub(super) struct Shared {
    /// It has lost its names.
    is_displaced: AtomicBool,
    /// Its successor waits for its end.
    is_asked: AtomicBool,
    /// It was met since, or nobody reads it any more.
    is_at_end: AtomicBool,
    /// Nobody reads it any more.
    is_over: AtomicBool,
    end: Notify,
    /// Wakes the reader.
    pub(super) wake: Arc<Notify>,
}

impl Shared {
    /// The file has lost its names, or has one again.
    pub(super) fn displace(&self, is_displaced: bool) {
        if self.is_displaced.swap(is_displaced, Relaxed) != is_displaced {
            self.wake.notify_one();
        }
    }

    /// Asks to be told of its end.
    pub(super) fn ask(&self) {
        self.is_asked.store(true, Relaxed);
        self.wake.notify_one();
    }

    fn meet_end(&self) {
        if self.is_asked.load(Relaxed) && !self.is_at_end.swap(true, Relaxed) {
            self.end.notify_waiters();
        }
    }

    /// Whether somebody reads it.
    pub(super) fn is_read(&self) -> bool {
        !self.is_over.load(Relaxed)
    }

    fn over(&self) {
        self.is_over.store(true, Relaxed);
        self.is_at_end.store(true, Relaxed);
        self.end.notify_waiters();
    }

    async fn wait_for_end(&self) {
        loop {
            let end = self.end.notified();
            tokio::pin!(end);
            // Before it is looked, or the end could be met in between.
            end.as_mut().enable();
            if self.is_at_end.load(Relaxed) {
                return;
            }
            end.await;
        }
    }
}

/// See the front of this module.
pub(crate) struct Followed {
    files: Arc<Files>,
    file: Arc<OwnedFd>,
    pub(super) shared: Arc<Shared>,
    slot: Slot,
    /// It is read to its end first.
    after: Option<Arc<Shared>>,
    /// Where the next byte is read.
    offset: u64,
    /// How many bytes were given, over all contents.
    given: u64,
    /// Where the content at hand began: its place among what was given, and in the file.
    begun: (u64, u64),
    head: Hasher,
    /// How long the file was when it was looked at.
    len: u64,
    /// The file's time when it was last seen to begin as it did.
    checked: i64,
    /// When it was last seen to be written to.
    written: Instant,
    /// Whether it can be asked what is in the page cache.
    is_askable: bool,
    /// All was given, and nothing will come.
    is_over: bool,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Bytes to read.
    Behind,
    /// What was read is not there any more.
    Truncated,
    Over,
    Nothing,
}

impl Followed {
    /// A file that is read from this offset on.
    pub(super) fn new(
        files: &Arc<Files>,
        file: OwnedFd,
        slot: Slot,
        offset: u64,
        after: Option<Arc<Shared>>,
    ) -> io::Result<Followed> {
        let head = Hasher::of(&file, usize::try_from(offset).unwrap_or(usize::MAX))?;
        Ok(Followed {
            files: Arc::clone(files),
            file: Arc::new(file),
            shared: Arc::default(),
            slot,
            after,
            offset,
            given: 0,
            begun: (0, offset),
            head,
            len: offset,
            checked: i64::MIN,
            written: Instant::now(),
            is_askable: true,
            is_over: false,
        })
    }

    fn look(&mut self) -> io::Result<Standing> {
        let stat = fstat(&*self.file)?;
        let (len, time) = (stat.st_size as u64, modified(&stat));
        self.len = len;
        if len > self.offset {
            return Ok(Standing::Behind);
        }
        if len < self.offset || self.checked != time && !self.head.head().is_of(&*self.file)? {
            return Ok(Standing::Truncated);
        }
        if self.checked != time {
            (self.checked, self.written) = (time, Instant::now());
        }
        self.shared.meet_end();
        Ok(if self.shared.is_displaced.load(Relaxed) && self.is_left()? { Standing::Over } else { Standing::Nothing })
    }

    /// Whether nobody will write to it any more, and all that was written has been read.
    fn is_left(&self) -> io::Result<bool> {
        let is_left = match Lease::take(self.file.as_fd()) {
            Ok(Some(_)) => true,
            Ok(None) | Err(_) => self.written.elapsed() >= LINGER,
        };
        // The last writer may have written just before he went.
        Ok(is_left && fstat(&*self.file)?.st_size as u64 == self.offset)
    }

    /// Whether the next bytes are in the page cache: reading others would keep a thread of the runtime waiting for the disk.
    fn is_warm(&mut self) -> io::Result<bool> {
        if !self.is_askable {
            return Ok(true);
        }
        let mut byte = Zeroizing::new([0]);
        match preadv2(&*self.file, &mut [IoSliceMut::new(&mut byte[..])], self.offset, ReadWriteFlags::NOWAIT) {
            Err(Errno::AGAIN) => Ok(false),
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                self.is_askable = false;
                Ok(true)
            }
            // Whatever else is wrong shows when it is read.
            _ => Ok(true),
        }
    }

    async fn warm(&mut self) -> io::Result<()> {
        if self.is_warm()? {
            return Ok(());
        }
        let (file, offset) = (Arc::clone(&self.file), self.offset);
        let read = tokio::task::spawn_blocking(move || {
            let mut buffer = Zeroizing::new(vec![0; WARM_LEN]);
            pread(&*file, &mut buffer[..], offset).map(|_| ())
        });
        read.await.map_err(io::Error::other)??;
        // Memory is so short that it is gone again, or the file system never says yes.
        self.is_askable = self.is_warm()?;
        Ok(())
    }

    /// Reads a piece, and makes sure that it belongs to what was read before.
    fn read_piece(&mut self, buffer: &mut Vec<u8>) -> io::Result<Given> {
        let start = buffer.len();
        let read = loop {
            match pread(&*self.file, spare_capacity(buffer), self.offset) {
                Err(Errno::INTR) => {}
                read => break read?,
            }
        };
        if read == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.offset == 0 && packed_head(&buffer[start..]).is_some() {
            buffer.truncate(start);
            // The next look finds it packed, and says so.
            return Err(ErrorKind::InvalidData.into());
        }
        let is_same = self.head.head().is_of(&*self.file)?;
        // It was truncated just now. If it has not reached this place again, what was read is from before that, and its writer's last
        // words; else it may begin in the middle of a secret of the new content, and goes.
        if !is_same && fstat(&*self.file)?.st_size as u64 > self.offset {
            zeroize::Zeroize::zeroize(&mut buffer[start..]);
            buffer.truncate(start);
            return Ok(self.begin_anew());
        }
        let is_longer = self.head.add(&buffer[start..]);
        self.offset += read as u64;
        self.given += read as u64;
        if is_longer {
            lock(&self.slot).head = self.head.head();
        }
        self.written = Instant::now();
        Ok(Given::Bytes)
    }

    fn begin_anew(&mut self) -> Given {
        self.offset = 0;
        self.begun = (self.given, 0);
        self.head = Hasher::default();
        let mut place = lock(&self.slot);
        (place.offset, place.head) = (0, self.head.head());
        drop(place);
        self.files.checkpoints.touch();
        Given::End
    }
}

impl Source for Followed {
    async fn ready(&mut self) -> io::Result<()> {
        if let Some(before) = &self.after {
            before.wait_for_end().await;
            self.after = None;
        }
        loop {
            match self.look()? {
                Standing::Behind => return self.warm().await,
                Standing::Truncated | Standing::Over => return Ok(()),
                Standing::Nothing => {}
            }
            let wake = Arc::clone(&self.shared.wake);
            let is_told = self.files.watch.file(self.file.as_fd(), &wake);
            // It may have changed before the kernel knew that we want to be told.
            if self.look()? != Standing::Nothing {
                continue;
            }
            let look = match (self.shared.is_displaced.load(Relaxed), is_told) {
                (true, _) => LEAVING_LOOK,
                (false, true) => LOOK,
                (false, false) => LOOK_UNTOLD,
            };
            let _ = tokio::time::timeout(look, wake.notified()).await;
        }
    }

    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Given> {
        match self.look()? {
            Standing::Behind if self.is_warm()? => self.read_piece(buffer),
            Standing::Behind | Standing::Nothing => Err(ErrorKind::WouldBlock.into()),
            Standing::Truncated => Ok(self.begin_anew()),
            Standing::Over => {
                self.is_over = true;
                Ok(Given::Over)
            }
        }
    }

    fn lag(&self) -> u64 {
        self.len.saturating_sub(self.offset)
    }

    fn resumes(&self) -> bool {
        self.files.checkpoints.are_kept()
    }

    fn confirm(&mut self, position: u64) {
        // Of a content that is gone there is nothing to remember.
        let Some(out) = position.checked_sub(self.begun.0) else { return };
        let offset = self.begun.1 + out;
        let mut place = lock(&self.slot);
        let is_done = self.is_over && offset == self.offset;
        if place.offset != offset || place.is_done != is_done {
            place.is_done = is_done;
            (place.offset, place.len) = (offset, self.len);
            if self.checked != i64::MIN {
                place.modified = self.checked;
            }
            drop(place);
            self.files.checkpoints.touch();
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.shared.over();
    }
}

/// When a file was written to last, in nanoseconds.
pub(super) fn modified(stat: &Stat) -> i64 {
    stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64)
}

/// The place of a file that was not followed before.
pub(super) fn place(name: &super::rotated::Name, file: &OwnedFd, offset: u64) -> io::Result<Place> {
    let stat = fstat(file)?;
    let head = Hasher::of(file, usize::try_from(offset).unwrap_or(usize::MAX))?.head();
    let (modified, len) = (modified(&stat), stat.st_size as u64);
    let (path, target) = (name.path.clone(), name.target.clone());
    Ok(Place { path, target, offset, head, modified, len, is_done: false })
}

/// Which file of a stream.
pub(super) fn key(stream: &Arc<str>, file: FileId) -> Key {
    Key { stream: Arc::clone(stream), file }
}
