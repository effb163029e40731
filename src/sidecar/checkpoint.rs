//! How far files were read, kept over a crash: the place up to which all of a file has been given out by its sink.
//!
//! One file, `checkpoints.json`, in a directory of its own (0700, the file 0600), replaced in one step: at most once a second, and when the
//! sidecar ends. Killed at any moment it is the old one or the new one, and whoever goes on from the old one gives out
//! again what went out since, and loses nothing. It is on the disk before the old one is gone, and what it says is out was synced before
//! that, where it went to a file or a spool of ours: so it holds for a power cut, too.
//!
//! A file is known again by its device, its inode, and hashes of its first bytes and of the last
//! ones before the place (see [`head`]): an inode's number is given to another file soon after the
//! first one was deleted, and a file that was written anew may begin as it did.

mod head;
mod places;
mod saved;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use rustix::fs::fstat;
use tokio::sync::Notify;

use super::notice::{Notice, Tell};
use super::sink::OutputSync;
use crate::redact::text;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::{FileId, check_owner, others_can_write};
use crate::sys::private;
use crate::sys::replace::replace_in;
use places::Places;
use saved::{Saved, SavedPlace, read};

pub(crate) use head::{HEAD_LEN_MAX, Hasher, Head, TAIL_LEN_MAX, tail};

/// How often the file is written at most.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Of files that were read to their end and rotated away, so many are remembered.
const DONE_MAX: usize = 1_000;
/// How often, and how many times, the end of a step is waited for before new ones are kept from
/// beginning.
const STEP_TRY: Duration = Duration::from_millis(1);
const STEP_TRIES: usize = 2_000;
/// What holds the places.
const FILE_NAME: &str = "checkpoints.json";
/// What a sidecar locks while it has the directory.
const LOCK_NAME: &str = "lock";
/// The name of a file that was set aside, since it cannot be read.
const BAD_NAME: &str = "checkpoints.bad";
/// The names of all files in the directory but temporary ones.
pub(crate) const NAMES: [&str; 3] = [FILE_NAME, BAD_NAME, LOCK_NAME];

/// How far a file was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where it was when it was found.
    pub(crate) path: PathBuf,
    /// Where that was without links, if there were any.
    pub(crate) target: Option<PathBuf>,
    /// All before it has been given out.
    pub(crate) offset: u64,
    pub(crate) head: Head,
    /// Of the last bytes before the offset. Empty in the files of earlier versions.
    pub(crate) tail: Head,
    /// The content before the offset is gone, and may go on here: so many bytes that went out last
    /// may begin a secret, as far as that is known.
    pub(crate) before: Option<u64>,
    /// When it was written to last, in nanoseconds, and how long it was then.
    pub(crate) modified: i64,
    pub(crate) len: u64,
    /// It was read to its end, has been rotated away, and nobody writes to it.
    pub(crate) is_done: bool,
}

impl Place {
    /// Its path without links.
    pub(crate) fn target(&self) -> &Path {
        self.target.as_deref().unwrap_or(&self.path)
    }
}

/// Which file of which stream: two streams may follow the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) stream: Arc<str>,
    pub(crate) file: FileId,
}

/// A place that its reader moves on.
pub(crate) type Slot = Arc<Mutex<Place>>;

/// The facts about a file.
pub(crate) enum Found {
    Known(Slot),
    /// Another file has the number now, or it was written anew: the place that it had.
    Anew(Place),
    Unknown,
}

/// All places.
pub(crate) struct Checkpoints {
    /// None: they are not kept.
    directory: Option<PathBuf>,
    places: Mutex<Places>,
    is_changed: AtomicBool,
    changed: Notify,
    failed: AtomicBool,
    /// Read by those that change several places in one step, and written by the one that saves
    /// them.
    step: RwLock<()>,
    /// One at a time: an older state must not come over a newer one.
    saving: Mutex<()>,
    /// The output of this process, which is on the disk before the places that say so.
    outputs: Arc<OutputSync>,
    tell: Tell,
    /// Held for as long as the directory is ours.
    _lock: Option<OwnedFd>,
}

/// A lock that nothing panics under, and if it did, what it guards would be whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Checkpoints {
    /// Opens the directory of an earlier sidecar, or makes it. Without one, places are kept as long as the process lives.
    ///
    /// What cannot be read is told, and set aside; then all files are read from their beginning: more than once rather than never.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made or written to, others may write to it, or another sidecar has it.
    pub(crate) fn open(directory: Option<&Path>, outputs: &Arc<OutputSync>, tell: Tell) -> io::Result<Checkpoints> {
        let mut opened = Checkpoints {
            directory: directory.map(Path::to_owned),
            places: Mutex::default(),
            is_changed: AtomicBool::new(false),
            changed: Notify::new(),
            failed: AtomicBool::new(false),
            step: RwLock::new(()),
            saving: Mutex::new(()),
            outputs: Arc::clone(outputs),
            tell,
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
            Some(places) => {
                let mut all = lock(&opened.places);
                places.into_iter().for_each(|(key, place)| _ = all.add(key, place));
            }
            None => {
                dir.rename(FILE_NAME, BAD_NAME)?;
                let path = directory.join(FILE_NAME);
                let text = format!("{} cannot be read; all files are read from their beginning", text::path(&path));
                (opened.tell)(Notice::Warning(text));
            }
        }
        Ok(opened)
    }

    /// Whether there is anybody after us who is told of the places.
    pub(crate) fn are_kept(&self) -> bool {
        self.directory.is_some()
    }

    /// The place of a file, if it is known: its device may have got another number when the machine was booted.
    pub(crate) fn find(&self, key: &Key, path: &Path, file: impl AsFd) -> io::Result<Found> {
        let mut places = lock(&self.places);
        let Some(slot) = places.take(key, path) else { return Ok(Found::Unknown) };
        let place = lock(&slot).clone();
        let is_long = fstat(&file)?.st_size as u64 >= place.offset;
        if is_long && place.head.is_of(&file)? && place.tail.is_before(&file, place.offset)? {
            places.put(key.clone(), Arc::clone(&slot));
            return Ok(Found::Known(slot));
        }
        Ok(Found::Anew(place))
    }

    /// A new place for a file.
    pub(crate) fn add(&self, key: Key, place: Place) -> Slot {
        let slot = lock(&self.places).add(key, place);
        self.touch();
        slot
    }

    /// Whether anything is known of a stream.
    pub(crate) fn knows(&self, stream: &str) -> bool {
        lock(&self.places).knows(stream)
    }

    /// The places of a stream's files that were found at this path.
    pub(crate) fn at(&self, stream: &str, path: &Path) -> Vec<(Key, Place)> {
        lock(&self.places).at(stream, path)
    }

    /// The place of a file, as it is now.
    pub(crate) fn place(&self, key: &Key) -> Option<Place> {
        lock(&self.places).get(key).map(|place| place.clone())
    }

    /// Whether a file was read to its end, and is not another one with its number.
    pub(crate) fn is_done(&self, key: &Key, file: impl AsFd) -> io::Result<bool> {
        let Some(place) = self.place(key).filter(|place| place.is_done) else { return Ok(false) };
        let len = fstat(&file)?.st_size as u64;
        Ok(len == place.offset && place.head.is_of(&file)? && place.tail.is_before(&file, place.offset)?)
    }

    /// Forgets a file that is gone.
    pub(crate) fn forget(&self, key: &Key) {
        lock(&self.places).remove(key);
        self.touch();
    }

    /// As long as this is held, nothing is saved: changes of several places belong together. By one
    /// caller in a thread at a time.
    pub(crate) fn step(&self) -> RwLockReadGuard<'_, ()> {
        self.step.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something has changed, and is to be saved within a second.
    pub(crate) fn touch(&self) {
        if !self.is_changed.swap(true, Relaxed) {
            self.changed.notify_one();
        }
    }

    /// Saves what changes, for as long as it is polled.
    pub(crate) async fn run(self: Arc<Checkpoints>) {
        loop {
            self.changed.notified().await;
            let this = Arc::clone(&self);
            // It waits for the disk.
            let _ = tokio::task::spawn_blocking(move || this.save()).await;
            tokio::time::sleep(SAVE_EVERY).await;
            if self.failed.load(Relaxed) {
                self.touch();
            }
        }
    }

    /// Saves all places, if any has changed. That it fails is told once, and it is tried again.
    pub(crate) fn save(&self) {
        let Some(directory) = &self.directory else { return };
        let _saving = lock(&self.saving);
        if !self.is_changed.swap(false, Relaxed) {
            return;
        }
        let text = self.write();
        // What the places say is out has to be on the disk before them.
        let saved = self.outputs.sync_for_checkpoint().and_then(|()| {
            // Anew each time: the directory may have been replaced.
            let dir = Dir::open(directory, Links::Trusted)?;
            check(&dir)?;
            replace_in(&dir, FILE_NAME, 0o600, text.as_bytes())
        });
        let had_failed = self.failed.swap(saved.is_err(), Relaxed);
        if let Err(error) = saved
            && !had_failed
        {
            let text = format!("how far files were read cannot be saved in {}: {error}", text::path(directory));
            (self.tell)(Notice::Warning(text));
        }
    }

    /// Tried for a while first: a waiting writer keeps readers waiting, and some of these look at
    /// ten thousand files in one step.
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
        let mut places = lock(&self.places);
        let mut done: Vec<(i64, Key)> = Vec::new();
        let mut files = Vec::with_capacity(places.len());
        for (key, slot) in places.iter() {
            let place = lock(slot);
            if place.is_done {
                done.push((place.modified, key.clone()));
            }
            files.push(SavedPlace::of(key, &place));
        }
        done.sort_unstable();
        for (_, key) in done.iter().take(done.len().saturating_sub(DONE_MAX)) {
            places.remove(key);
        }
        drop(places);
        serde_json::to_string(&Saved { version: 1, files }).expect("numbers and ASCII are valid JSON")
    }
}

/// The directory is its owner's alone: root or this user. It may be read by others, since the file
/// in it may not, but not written to.
fn check(directory: &Dir) -> io::Result<()> {
    let stat = directory.stat_self()?;
    check_owner(&stat)?;
    if others_can_write(&stat) {
        let text = "others may write to it: it has to be a directory of its own, with mode 0700";
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

fn lock_directory(directory: &Dir) -> io::Result<OwnedFd> {
    let file = private::open_in(directory, LOCK_NAME)?;
    super::fd::lock(&file)?;
    Ok(file)
}

/// A sidecar that was killed while it wrote has left these.
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
