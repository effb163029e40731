//! One followed file: read as it grows, and from its beginning after truncation.
//!
//! A file is *truncated* if it is shorter than the part that was read, or if bytes differ at its
//! beginning or directly before the read offset. This detects a file that was rewritten and is
//! longer than before. Every piece is checked so before it is passed on.
//!
//! Memory: some 700 bytes and a file descriptor; no buffer. Another thread reads uncached data into
//! the page cache.

use std::io::{self, ErrorKind, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::fs::{Stat, fstat};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};
use zeroize::{Zeroize, Zeroizing};

use crate::scrub::compression_of_head;
use crate::scrub::lease::Lease;
use crate::sidecar::checkpoint::{
    Fingerprint, FingerprintHasher, HEAD_LEN_MAX, Key, Position, Slot, TAIL_LEN_MAX, tail,
};
use crate::sys::file::{FileId, birth};
use crate::sys::mutex::lock;

/// The number of bytes read into the page cache at once.
const WARM_LEN: usize = 256 << 10;

/// A file and its read position.
pub(super) struct Part {
    pub(super) file: Arc<OwnedFd>,
    pub(super) key: Key,
    pub(super) slot: Slot,
    /// The file may continue a lost predecessor: see [`Position::before`].
    pub(super) before: Option<u64>,
    /// It is the copy of a file that was truncated: it has no writers.
    pub(super) is_copy: bool,
    /// The offset of the next read.
    pub(super) offset: u64,
    head: FingerprintHasher,
    /// The last bytes before the offset, as they were read.
    recent: Zeroizing<Vec<u8>>,
    /// The length and modification time at the last look.
    pub(super) len: u64,
    modified: i64,
    /// The modification time at the last successful check of the content.
    pub(super) checked: i64,
    /// When a write was last seen.
    written: Instant,
    /// Whether the file system reports the contents of the page cache.
    is_askable: bool,
}

/// The next step with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Bytes to read.
    Behind,
    /// The part that was read has changed.
    Truncated,
    AtEnd,
}

/// Whether a file may still have writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writers {
    None,
    Some,
    /// The file system has no leases.
    Unknown,
}

/// The outcome of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Bytes,
    Truncated,
}

impl Part {
    /// Creates a reader of a file, from the offset of its position.
    pub(super) fn new(file: OwnedFd, key: Key, slot: Slot) -> io::Result<Part> {
        let (offset, before) = {
            let position = lock(&slot);
            (position.offset, position.before)
        };
        Ok(Part {
            head: FingerprintHasher::of(&file, usize::try_from(offset).unwrap_or(usize::MAX))?,
            recent: tail(&file, offset)?,
            file: Arc::new(file),
            key,
            slot,
            before,
            is_copy: false,
            offset,
            len: offset,
            modified: i64::MIN,
            checked: i64::MIN,
            written: Instant::now(),
            is_askable: true,
        })
    }

    pub(super) fn look(&mut self) -> io::Result<Standing> {
        let stat = fstat(&*self.file)?;
        let (len, time) = (stat.st_size as u64, modified(&stat));
        (self.len, self.modified) = (len, time);
        if len > self.offset {
            return Ok(Standing::Behind);
        }
        if len < self.offset || self.checked != time && !self.is_same()? {
            return Ok(if self.is_copy { Standing::AtEnd } else { Standing::Truncated });
        }
        if self.checked != time {
            (self.checked, self.written) = (time, Instant::now());
        }
        Ok(Standing::AtEnd)
    }

    /// Whether the part that was read is unchanged, as far as it is checked.
    fn is_same(&self) -> io::Result<bool> {
        Ok(self.head.fingerprint().is_of(&*self.file)? && *tail(&*self.file, self.offset)? == *self.recent)
    }

    /// Whether a process has the file open for writing. Without writers, its last bytes are unread
    /// only if the [offset](Part::is_at_end) says so.
    pub(super) fn writers(&self) -> Writers {
        match Lease::take(self.file.as_fd()) {
            Ok(Some(_)) => Writers::None,
            Ok(None) => Writers::Unknown,
            Err(_) => Writers::Some,
        }
    }

    /// Whether the whole content has been read.
    pub(super) fn is_at_end(&self) -> io::Result<bool> {
        Ok(fstat(&*self.file)?.st_size as u64 == self.offset)
    }

    /// Whether the next bytes continue a line.
    pub(super) fn is_within_line(&self) -> bool {
        self.recent.last().is_some_and(|&last| last != b'\n')
    }

    /// The time since the last write.
    pub(super) fn silence(&self) -> Duration {
        self.written.elapsed()
    }

    /// Whether the next bytes are in the page cache. Reading uncached bytes would block a runtime
    /// thread on the disk.
    pub(super) fn is_warm(&mut self) -> io::Result<bool> {
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
            // Any other fault shows in the read.
            _ => Ok(true),
        }
    }

    pub(super) async fn warm(&mut self) -> io::Result<()> {
        if self.is_warm()? {
            return Ok(());
        }
        let (file, offset) = (Arc::clone(&self.file), self.offset);
        let read = tokio::task::spawn_blocking(move || {
            let mut buffer = Zeroizing::new(vec![0; WARM_LEN]);
            pread(&*file, &mut buffer[..], offset).map(|_| ())
        });
        read.await.map_err(io::Error::other)??;
        // Memory pressure has evicted it again, or the file system never confirms.
        self.is_askable = self.is_warm()?;
        Ok(())
    }

    /// Reads a piece, and checks that it belongs to the part that was read before.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Read> {
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
        if self.offset == 0 && compression_of_head(&buffer[start..]).is_some() {
            buffer.truncate(start);
            // The next look finds it compressed, and reports it.
            return Err(ErrorKind::InvalidData.into());
        }
        // The file was truncated just now. If it has not reached this offset again, the data is
        // from before that, and the last of its writer. Otherwise it may begin in the middle of a
        // secret of the new content, and is dropped.
        if !self.is_same()? && fstat(&*self.file)?.st_size as u64 > self.offset {
            buffer[start..].zeroize();
            buffer.truncate(start);
            return Ok(Read::Truncated);
        }
        let is_longer = self.head.add(&buffer[start..]);
        self.offset += read as u64;
        self.remember(&buffer[start..]);
        {
            let mut position = lock(&self.slot);
            (position.modified, position.len) = (self.modified, self.len);
            if is_longer {
                position.head = self.head.fingerprint();
            }
        }
        self.written = Instant::now();
        Ok(Read::Bytes)
    }

    fn remember(&mut self, piece: &[u8]) {
        let piece = &piece[piece.len().saturating_sub(TAIL_LEN_MAX)..];
        let kept = (TAIL_LEN_MAX - piece.len()).min(self.recent.len());
        let mut recent = Zeroizing::new(Vec::with_capacity(kept + piece.len()));
        recent.extend_from_slice(&self.recent[self.recent.len() - kept..]);
        recent.extend_from_slice(piece);
        self.recent = recent;
    }

    /// The hash of the last bytes that were read.
    pub(super) fn tail(&self) -> Fingerprint {
        Fingerprint::new(&self.recent)
    }

    /// The hashes that identify its content.
    pub(super) fn marks(&self) -> (Fingerprint, Fingerprint) {
        (self.head.fingerprint(), self.tail())
    }

    /// Continues the original, of which this file is a copy, from the original's offset.
    pub(super) fn go_on_as(&mut self, original: &Part) {
        self.is_copy = true;
        (self.offset, self.len) = (original.offset, self.len.max(original.offset));
        (self.head, self.recent) = (original.head.clone(), original.recent.clone());
    }

    /// Starts a rewritten file at its beginning.
    pub(super) fn begin_anew(&mut self) {
        (self.offset, self.len) = (0, 0);
        self.before = None;
        self.head = FingerprintHasher::default();
        self.recent = Zeroizing::default();
        self.checked = i64::MIN;
    }
}

/// The modification time of a file, in nanoseconds.
pub(super) fn modified(stat: &Stat) -> i64 {
    stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64)
}

/// The position of a file that was not followed before.
pub(super) fn position(name: &super::rotated::Name, file: &OwnedFd, offset: u64) -> io::Result<Position> {
    let stat = fstat(file)?;
    let head =
        FingerprintHasher::of(file, usize::try_from(offset).unwrap_or(usize::MAX).min(HEAD_LEN_MAX))?.fingerprint();
    Ok(Position {
        path: name.path.clone(),
        target: name.target.clone(),
        offset,
        head,
        tail: Fingerprint::new(&tail(file, offset)?),
        modified: modified(&stat),
        len: stat.st_size as u64,
        birth: birth(file),
        ..Position::default()
    })
}

/// The key of a file of a stream.
pub(super) fn key(stream: &Arc<str>, file: FileId) -> Key {
    Key { stream: Arc::clone(stream), file }
}
