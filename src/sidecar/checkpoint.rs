//! Checkpoints: the read positions of files, kept across crashes. The sink has written all bytes
//! before a position.
//!
//! They are one file, `checkpoints.json`, in a directory of its own (0700, the file 0600). It is
//! replaced atomically, at most once a second and when the sidecar ends. After a kill at any moment
//! it is the old or the new one; a sidecar that continues from the old one repeats output, and
//! loses nothing. The new file is synced before it replaces the old one, and output to our own
//! files and spools is synced before that: so it survives a power cut, too.
//!
//! A file is recognized by its device, its inode, and hashes of its first bytes and of the last
//! bytes before the position (see [`head`]): an inode number is soon reused after a deletion, and a
//! file that was rewritten may begin as it did.

mod fingerprint;
mod positions;
mod saved;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use rustix::fs::fstat;
use tokio::sync::Notify;

use super::event::{Event, EventSink};
use super::sink::OutputSync;
use crate::redact::text;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::{Birth, FileId, check_owner, others_can_write};
use crate::sys::mutex::lock;
use crate::sys::private;
use crate::sys::replace::replace_in;
use positions::Positions;
use saved::{Saved, SavedPosition, read};

pub(crate) use fingerprint::{Fingerprint, FingerprintHasher, HEAD_LEN_MAX, TAIL_LEN_MAX, tail};

/// The minimum interval between saves.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// The number of completely read and rotated files that are remembered.
const DONE_MAX: usize = 1_000;
/// The interval and number of tries for the lock of a step, before a save blocks new steps.
const STEP_TRY: Duration = Duration::from_millis(1);
const STEP_TRIES: usize = 2_000;
/// The file of the positions.
const FILE_NAME: &str = "checkpoints.json";
/// The file that a sidecar locks while it owns the directory.
const LOCK_NAME: &str = "lock";
/// The name of an unreadable file that was set aside.
const BAD_NAME: &str = "checkpoints.bad";
/// The names of all files in the directory but temporary ones.
pub(crate) const NAMES: [&str; 3] = [FILE_NAME, BAD_NAME, LOCK_NAME];

/// The read position of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The path at which it was found.
    pub(crate) path: PathBuf,
    /// That path with links resolved, if there were any.
    pub(crate) target: Option<PathBuf>,
    /// All bytes before it have been written.
    pub(crate) offset: u64,
    pub(crate) head: Fingerprint,
    /// The hash of the last bytes before the offset. Empty in the files of earlier versions.
    pub(crate) tail: Fingerprint,
    /// The content before the offset is gone, and may continue here: this many of the last written
    /// bytes may begin a secret, as far as it is known.
    pub(crate) before: Option<u64>,
    /// Its last modification time, in nanoseconds, and its length then.
    pub(crate) modified: i64,
    pub(crate) len: u64,
    /// The time of birth of the file.
    pub(crate) birth: Birth,
    /// It was read to its end, has been rotated away, and has no writers.
    pub(crate) is_done: bool,
}

impl Position {
    /// Its path with links resolved.
    pub(crate) fn target(&self) -> &Path {
        self.target.as_deref().unwrap_or(&self.path)
    }
}

/// A file of a stream: two streams may follow the same file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) stream: Arc<str>,
    pub(crate) file: FileId,
}

/// A position that its reader advances.
pub(crate) type Slot = Arc<Mutex<Position>>;

/// The result of a search for a file.
pub(crate) enum Found {
    Known(Slot),
    /// Another file has the inode, or the file was rewritten: its former position.
    Anew(Position),
    Unknown,
}

/// All positions.
pub(crate) struct Checkpoints {
    /// The directory; none: positions are not saved.
    directory: Option<PathBuf>,
    positions: Mutex<Positions>,
    is_changed: AtomicBool,
    changed: Notify,
    failed: AtomicBool,
    /// A step that changes several positions takes a read lock; a save takes the write lock.
    step: RwLock<()>,
    /// Serializes saves: an older state must not replace a newer one.
    saving: Mutex<()>,
    /// The output of this process, which is synced before the positions that confirm it.
    outputs: Arc<OutputSync>,
    emit: EventSink,
    /// Held as long as this sidecar owns the directory.
    _lock: Option<OwnedFd>,
}

impl Checkpoints {
    /// Opens the directory of an earlier sidecar, or creates it. Without a directory, positions
    /// live as long as the process.
    ///
    /// An unreadable file is reported and set aside; then all files are read from their beginning:
    /// duplicates rather than losses.
    ///
    /// # Errors
    ///
    /// When the directory cannot be created or written to, other users may write to it, or another
    /// sidecar owns it.
    pub(crate) fn open(
        directory: Option<&Path>,
        outputs: &Arc<OutputSync>,
        emit: EventSink,
    ) -> io::Result<Checkpoints> {
        let mut opened = Checkpoints {
            directory: directory.map(Path::to_owned),
            positions: Mutex::default(),
            is_changed: AtomicBool::new(false),
            changed: Notify::new(),
            failed: AtomicBool::new(false),
            step: RwLock::new(()),
            saving: Mutex::new(()),
            outputs: Arc::clone(outputs),
            emit,
            _lock: None,
        };
        let Some(directory) = directory else { return Ok(opened) };
        let dir = Dir::open_or_make(directory, Links::Trusted, 0o700)?;
        check(&dir)?;
        opened._lock = Some(lock_directory(&dir)?);
        remove_temporary(&dir)?;
        let Some(file) = private::read_in(&dir, FILE_NAME)? else { return Ok(opened) };
        let mut saved = Vec::new();
        File::from(file).read_to_end(&mut saved)?;
        match read(&saved) {
            Some(positions) => {
                let mut all = lock(&opened.positions);
                positions.into_iter().for_each(|(key, position)| _ = all.add(key, position));
            }
            None => {
                dir.rename(FILE_NAME, BAD_NAME)?;
                let path = directory.join(FILE_NAME);
                let text = format!("cannot read {}; all files are read from their beginning", text::path(&path));
                (opened.emit)(Event::Warning(text));
            }
        }
        Ok(opened)
    }

    /// Whether a later sidecar will read the positions.
    pub(crate) fn are_kept(&self) -> bool {
        self.directory.is_some()
    }

    /// The position of a file, if it is known. A reboot may have changed the device number.
    pub(crate) fn find(&self, key: &Key, path: &Path, file: impl AsFd) -> io::Result<Found> {
        let mut positions = lock(&self.positions);
        let Some(slot) = positions.take(key, path) else { return Ok(Found::Unknown) };
        let position = lock(&slot).clone();
        let is_long = fstat(&file)?.st_size as u64 >= position.offset;
        if is_long && position.head.is_of(&file)? && position.tail.is_before(&file, position.offset)? {
            positions.put(key.clone(), Arc::clone(&slot));
            return Ok(Found::Known(slot));
        }
        Ok(Found::Anew(position))
    }

    /// Adds a position for a file.
    pub(crate) fn add(&self, key: Key, position: Position) -> Slot {
        let slot = lock(&self.positions).add(key, position);
        self.touch();
        slot
    }

    /// Whether a stream has any position.
    pub(crate) fn knows(&self, stream: &str) -> bool {
        lock(&self.positions).knows(stream)
    }

    /// The positions of a stream's files that were found at this path.
    pub(crate) fn at(&self, stream: &str, path: &Path) -> Vec<(Key, Position)> {
        lock(&self.positions).at(stream, path)
    }

    /// The current position of a file.
    pub(crate) fn position(&self, key: &Key) -> Option<Position> {
        lock(&self.positions).get(key).map(|position| position.clone())
    }

    /// Whether a file was read to its end, and is not another file with its inode number.
    pub(crate) fn is_done(&self, key: &Key, file: impl AsFd) -> io::Result<bool> {
        let Some(position) = self.position(key).filter(|position| position.is_done) else { return Ok(false) };
        let len = fstat(&file)?.st_size as u64;
        Ok(len == position.offset && position.head.is_of(&file)? && position.tail.is_before(&file, position.offset)?)
    }

    /// Forgets a file that is gone.
    pub(crate) fn forget(&self, key: &Key) {
        lock(&self.positions).remove(key);
        self.touch();
    }

    /// Blocks saves while the guard lives: the changes of several positions belong together. At
    /// most one guard a thread.
    pub(crate) fn step(&self) -> RwLockReadGuard<'_, ()> {
        self.step.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks a change, to be saved within a second.
    pub(crate) fn touch(&self) {
        if !self.is_changed.swap(true, Relaxed) {
            self.changed.notify_one();
        }
    }

    /// Saves changes as long as it is polled.
    pub(crate) async fn run(self: Arc<Checkpoints>) {
        loop {
            self.changed.notified().await;
            let this = Arc::clone(&self);
            // The save blocks on the disk.
            let _ = tokio::task::spawn_blocking(move || this.save()).await;
            tokio::time::sleep(SAVE_EVERY).await;
            if self.failed.load(Relaxed) {
                self.touch();
            }
        }
    }

    /// Saves all positions, if any has changed. A failure is reported once and retried.
    pub(crate) fn save(&self) {
        let Some(directory) = &self.directory else { return };
        let _saving = lock(&self.saving);
        if !self.is_changed.swap(false, Relaxed) {
            return;
        }
        let text = self.write();
        // Output that the positions confirm has to be on the disk before them.
        let saved = self.outputs.sync_for_checkpoint().and_then(|()| {
            // Reopened each time: the directory may have been replaced.
            let dir = Dir::open(directory, Links::Trusted)?;
            check(&dir)?;
            replace_in(&dir, FILE_NAME, 0o600, text.as_bytes())
        });
        let had_failed = self.failed.swap(saved.is_err(), Relaxed);
        if let Err(error) = saved
            && !had_failed
        {
            let text = format!("cannot save read positions in {}: {error}", text::path(directory));
            (self.emit)(Event::Warning(text));
        }
    }

    /// Takes the lock between steps. It tries for a while first: a waiting writer blocks readers,
    /// and some of these look at ten thousand files in one step.
    fn between_steps(&self) -> RwLockWriteGuard<'_, ()> {
        for _ in 0..STEP_TRIES {
            match self.step.try_write() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(error)) => return error.into_inner(),
                Err(TryLockError::WouldBlock) => std::thread::sleep(STEP_TRY),
            }
        }
        self.step.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> String {
        let _step = self.between_steps();
        let mut positions = lock(&self.positions);
        let mut done: Vec<(i64, Key)> = Vec::new();
        let mut files = Vec::with_capacity(positions.len());
        for (key, slot) in positions.iter() {
            let position = lock(slot);
            if position.is_done {
                done.push((position.modified, key.clone()));
            }
            files.push(SavedPosition::of(key, &position));
        }
        done.sort_unstable();
        for (_, key) in done.iter().take(done.len().saturating_sub(DONE_MAX)) {
            positions.remove(key);
        }
        drop(positions);
        serde_json::to_string(&Saved { version: 1, files }).expect("numbers and ASCII are valid JSON")
    }
}

/// Checks that root or this user owns the directory and no other user can write to it. Others may
/// read it, since they cannot read the file in it.
fn check(directory: &Dir) -> io::Result<()> {
    let stat = directory.stat_self()?;
    check_owner(&stat)?;
    if others_can_write(&stat) {
        let text = "other users can write to it: use a directory with mode 0700";
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

fn lock_directory(directory: &Dir) -> io::Result<OwnedFd> {
    let file = private::open_in(directory, LOCK_NAME)?;
    super::fd::lock(&file)?;
    Ok(file)
}

/// Removes the temporary files of a sidecar that was killed while it saved.
fn remove_temporary(directory: &Dir) -> io::Result<()> {
    for (name, _) in directory.names()? {
        let is_temporary = name.as_bytes().starts_with(b".checkpoints") && name.as_bytes().ends_with(b".tmp");
        if is_temporary {
            directory.unlink(&name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
