//! How far files were read, kept over a crash: the place up to which all of a file has been given out by its sink.
//!
//! One file, `checkpoints.json`, in a directory of its own (0700, the file 0600), replaced in one step: at most once a second, and when the
//! sidecar ends. Killed at any moment it is the old one or the new one, and whoever goes on from the old one gives out
//! again what went out since, and loses nothing. It is on the disk before the old one is gone, and what it says is out was synced before
//! that, where it went to a file or a spool of ours: so it holds for a power cut, too.
//!
//! A file is known again by its device, its inode, and a hash of its first bytes, up to [`HEAD_LEN_MAX`]: an inode's number is given to another
//! file soon after the first one was deleted. The hash is no secret's: but of a file whose first bytes are known but for a
//! short one it can be guessed by, as the file itself can be read by whoever may read this.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use rustix::fs::fstat;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::notice::{Notice, Tell};
use super::sink::file::sync_all;
use crate::redact::text;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::{FileId, check_owner, others_can_write};
use crate::sys::private;
use crate::sys::replace::replace_in;

/// So many of a file's first bytes are hashed at most.
pub(crate) const HEAD_LEN_MAX: usize = 1024;
/// How often the file is written at most.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Of files that were read to their end and rotated away, so many are remembered.
const DONE_MAX: usize = 1_000;
/// What holds the places.
const FILE_NAME: &str = "checkpoints.json";
/// What a sidecar locks while it has the directory.
const LOCK_NAME: &str = "lock";
/// What is set aside, since it cannot be read.
const BAD_NAME: &str = "checkpoints.bad";
/// The names of all files in the directory but temporary ones.
pub(crate) const NAMES: [&str; 3] = [FILE_NAME, BAD_NAME, LOCK_NAME];
/// What of a path stands there as `%xx`.
const ESCAPED: AsciiSet = CONTROLS.add(b'%').add(b'"').add(b'\\');

/// A hash of a file's first bytes, and of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) len: usize,
    pub(crate) hash: [u8; 16],
}

impl Head {
    /// Whether the file begins so.
    pub(crate) fn is_of(&self, file: impl AsFd) -> io::Result<bool> {
        Ok(Hasher::of(file, self.len)?.head() == *self)
    }
}

/// Hashes the first bytes of a file as they come.
#[derive(Clone, Default)]
pub(crate) struct Hasher {
    state: Sha256,
    len: usize,
}

impl Hasher {
    /// What a file begins with now, so many bytes of it if it is that long.
    pub(crate) fn of(file: impl AsFd, len: usize) -> io::Result<Hasher> {
        let mut bytes = Zeroizing::new([0; HEAD_LEN_MAX]);
        let (mut hasher, len) = (Hasher::default(), len.min(HEAD_LEN_MAX));
        while hasher.len < len {
            match rustix::io::pread(&file, &mut bytes[..len - hasher.len], hasher.len as u64) {
                Ok(0) => break,
                Ok(read) => _ = hasher.add(&bytes[..read]),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(hasher)
    }

    /// More of the file. What is behind the first bytes changes nothing. Returns whether anything was added.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> bool {
        let added = bytes.len().min(HEAD_LEN_MAX - self.len);
        self.state.update(&bytes[..added]);
        self.len += added;
        added > 0
    }

    /// The hash so far.
    pub(crate) fn head(&self) -> Head {
        let mut hash = [0; 16];
        hash.copy_from_slice(&self.state.clone().finalize()[..16]);
        Head { len: self.len, hash }
    }
}

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
    /// When it was written to last, in nanoseconds, and how long it was then.
    pub(crate) modified: i64,
    pub(crate) len: u64,
    /// It was read to its end, has been rotated away, and nobody writes to it.
    pub(crate) is_done: bool,
}

/// Which file of which stream: two streams may follow the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) stream: Arc<str>,
    pub(crate) file: FileId,
}

/// A place that its reader moves on.
pub(crate) type Slot = Arc<Mutex<Place>>;

/// All places.
pub(crate) struct Checkpoints {
    /// None: they are not kept.
    directory: Option<PathBuf>,
    slots: Mutex<HashMap<Key, Slot>>,
    is_changed: AtomicBool,
    changed: Notify,
    failed: AtomicBool,
    /// One at a time: an older state must not come over a newer one.
    saving: Mutex<()>,
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
    pub(crate) fn open(directory: Option<&Path>, tell: Tell) -> io::Result<Checkpoints> {
        let mut opened = Checkpoints {
            directory: directory.map(Path::to_owned),
            slots: Mutex::default(),
            is_changed: AtomicBool::new(false),
            changed: Notify::new(),
            failed: AtomicBool::new(false),
            saving: Mutex::new(()),
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
            Some(slots) => *lock(&opened.slots) = slots,
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
    pub(crate) fn find(&self, key: &Key, path: &Path, file: impl AsFd) -> io::Result<Option<Slot>> {
        let mut slots = lock(&self.slots);
        let moved = |(other, slot): (&Key, &Slot)| {
            let place = lock(slot);
            let is_it = other.stream == key.stream && other.file.inode == key.file.inode && place.path == path;
            (is_it && place.head.len > 0).then(|| other.clone())
        };
        let found = if slots.contains_key(key) { Some(key.clone()) } else { slots.iter().find_map(moved) };
        let Some(found) = found else { return Ok(None) };
        let Some(slot) = slots.remove(&found) else { return Ok(None) };
        let place = lock(&slot).clone();
        if fstat(&file)?.st_size as u64 >= place.offset && place.head.is_of(&file)? {
            slots.insert(key.clone(), Arc::clone(&slot));
            return Ok(Some(slot));
        }
        // Another file has the number now, or it was written anew.
        if !place.is_done && place.offset < place.len {
            let rest = place.len - place.offset;
            let text = format!("{}: written anew before its last {rest} bytes were read", text::path(&place.path));
            (self.tell)(Notice::Warning(text));
        }
        Ok(None)
    }

    /// A new place for a file.
    pub(crate) fn add(&self, key: Key, place: Place) -> Slot {
        let slot = Arc::new(Mutex::new(place));
        lock(&self.slots).insert(key, Arc::clone(&slot));
        self.touch();
        slot
    }

    /// The places of a stream's files that are not done.
    pub(crate) fn of_stream(&self, stream: &str) -> Vec<(Key, Place)> {
        let slots = lock(&self.slots);
        let own = slots.iter().filter(|(key, _)| &*key.stream == stream);
        own.map(|(key, slot)| (key.clone(), lock(slot).clone())).collect()
    }

    /// Forgets a file that is gone.
    pub(crate) fn forget(&self, key: &Key) {
        lock(&self.slots).remove(key);
        self.touch();
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
        let saved = sync_all().and_then(|()| {
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

    fn write(&self) -> String {
        let mut slots = lock(&self.slots);
        let mut done: Vec<(i64, Key)> = Vec::new();
        let mut files = Vec::with_capacity(slots.len());
        for (key, slot) in slots.iter() {
            let place = lock(slot);
            if place.is_done {
                done.push((place.modified, key.clone()));
            }
            files.push(SavedPlace::of(key, &place));
        }
        done.sort_unstable();
        for (_, key) in done.iter().take(done.len().saturating_sub(DONE_MAX)) {
            slots.remove(key);
        }
        drop(slots);
        serde_json::to_string(&Saved { version: 1, files }).expect("numbers and ASCII are valid JSON")
    }
}

/// What stands in the file.
#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    files: Vec<SavedPlace>,
}

#[derive(Serialize, Deserialize)]
struct SavedPlace {
    stream: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    device: u64,
    inode: u64,
    offset: u64,
    head_len: usize,
    head: String,
    modified: i64,
    len: u64,
    done: bool,
}

impl SavedPlace {
    fn of(key: &Key, place: &Place) -> SavedPlace {
        SavedPlace {
            stream: key.stream.to_string(),
            path: escape(&place.path),
            target: place.target.as_deref().map(escape),
            device: key.file.device,
            inode: key.file.inode,
            offset: place.offset,
            head_len: place.head.len,
            head: data_encoding::HEXLOWER.encode(&place.head.hash),
            modified: place.modified,
            len: place.len,
            done: place.is_done,
        }
    }

    fn take(self) -> Option<(Key, Slot)> {
        let hash = data_encoding::HEXLOWER.decode(self.head.as_bytes()).ok()?.try_into().ok()?;
        let place = Place {
            path: unescape(&self.path),
            target: self.target.as_deref().map(unescape),
            offset: self.offset,
            head: Head { len: self.head_len, hash },
            modified: self.modified,
            len: self.len,
            is_done: self.done,
        };
        let file = FileId { device: self.device, inode: self.inode };
        Some((Key { stream: self.stream.into(), file }, Arc::new(Mutex::new(place))))
    }
}

fn escape(path: &Path) -> String {
    percent_encode(path.as_os_str().as_bytes(), &ESCAPED).to_string()
}

fn unescape(text: &str) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(percent_decode_str(text).collect()))
}

/// What an earlier sidecar has saved. None: that is not it.
fn read(text: &[u8]) -> Option<HashMap<Key, Slot>> {
    let saved: Saved = serde_json::from_slice(text).ok().filter(|saved: &Saved| saved.version == 1)?;
    saved.files.into_iter().map(SavedPlace::take).collect()
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
