//! Files that are followed: one path, or all of a pattern, each a stream of its own.
//!
//! Whoever looks for files is not the one who reads them: a file is opened as soon as it is seen, however far behind its stream is, so that
//! one that is rotated away and deleted meanwhile is still read to its end.
//!
//! - A file is one file whatever its name: renamed within the pattern it is read on where it was, and by the same reader.
//! - Another file at a path that had one begins to give when the one before has been read to its end; that one goes on beside it
//!   (see [`file`]).
//! - Files that came and went between two looks, or while no sidecar ran, are looked for beside the path by the names that rotation gives
//!   (`app.log.1`, `app-20261124.log`): the one that was read last, by its inode, and those that were written to after it, oldest first; if the
//!   clock was set back meanwhile, those of a lower number. What was packed or deleted before it was read is gone; if it is known that there was something to read, that is told.

mod file;
mod pattern;
mod watch;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags, fstat, stat};
use rustix::io::Errno;
use tokio::sync::Notify;

use super::super::checkpoint::{Checkpoints, Identity, Key, Place, lock};
use super::super::config::ReadFrom;
use super::super::notice::{Notice, Tell};
use super::Listener;
use crate::redact::text;
use file::{Shared, key, modified, place};
use pattern::Pattern;
use watch::Watch;

pub(crate) use file::Followed;

/// How often it is looked for files though nobody told of a change.
const LOOK: Duration = Duration::from_secs(5);
/// The same where the kernel tells nothing, or a file could not be opened.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Changes that follow each other so soon are looked at as one.
const GATHER: Duration = Duration::from_millis(5);

/// What all followed files share.
pub(crate) struct Files {
    pub(crate) checkpoints: Arc<Checkpoints>,
    watch: Watch,
    /// Who reads which file.
    read: Mutex<HashMap<Key, Weak<Shared>>>,
    tell: Tell,
}

impl Files {
    /// Within a runtime.
    pub(crate) fn new(checkpoints: Arc<Checkpoints>, tell: Tell) -> Arc<Files> {
        let (watch, error) = Watch::new();
        if let Some(error) = error {
            let text = format!("files are looked at several times a second, since the kernel tells nothing: {error}");
            tell(Notice::Warning(text));
        }
        Arc::new(Files { checkpoints, watch, read: Mutex::default(), tell })
    }

    fn reader(&self, key: &Key) -> Option<Arc<Shared>> {
        lock(&self.read).get(key)?.upgrade().filter(|shared| shared.is_read())
    }
}

/// The files of a pattern, as they come.
pub(crate) struct Follow {
    files: Arc<Files>,
    stream: Arc<str>,
    pattern: Pattern,
    from: ReadFrom,
    /// Which file each path leads to.
    paths: HashMap<PathBuf, Seen>,
    found: VecDeque<Followed>,
    changed: Arc<Notify>,
    /// Nobody tells, or something could not be opened.
    is_untold: bool,
    /// What was told of already.
    refused: HashSet<PathBuf>,
    has_looked: bool,
}

struct Seen {
    key: Key,
    modified: i64,
    /// Its reader; none, if it was done before.
    shared: Option<Arc<Shared>>,
}

impl Follow {
    /// Follows what a path or pattern leads to, for a stream of this name.
    ///
    /// # Errors
    ///
    /// When it is no pattern.
    pub(crate) fn new(files: Arc<Files>, stream: Arc<str>, pattern: &str, from: ReadFrom) -> io::Result<Follow> {
        let pattern = Pattern::new(pattern)?;
        // Where something was followed before, what is new is read from its beginning: it came while nobody looked.
        let from = if files.checkpoints.of_stream(&stream).is_empty() { from } else { ReadFrom::Start };
        Ok(Follow {
            files,
            stream,
            pattern,
            from,
            paths: HashMap::new(),
            found: VecDeque::new(),
            changed: Arc::default(),
            is_untold: false,
            refused: HashSet::new(),
            has_looked: false,
        })
    }

    /// Looks for files that came, went or changed their names.
    fn look(&mut self) {
        let walk = self.pattern.walk();
        // Watched first: what comes after this look is told.
        let told = walk.directories.iter().map(|directory| self.files.watch.directory(directory, &self.changed));
        self.is_untold = !told.fold(true, |all, told| all & told);
        let mut seen: Vec<(PathBuf, Identity, i64)> = Vec::new();
        for path in walk.paths {
            match stat(&path) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                    let file = Identity { device: stat.st_dev, inode: stat.st_ino };
                    seen.push((path, file, modified(&stat)));
                }
                Ok(_) => self.refuse(&path, "it is no regular file"),
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(error) => self.refuse(&path, &io::Error::from(error).to_string()),
            }
        }
        // The oldest first: of one log, what was rotated away before what followed it.
        seen.sort_by_key(|(_, _, modified)| *modified);
        let named: HashSet<Identity> = seen.iter().map(|(_, file, _)| *file).collect();
        for other in self.paths.values().filter_map(|other| Some((&other.key, other.shared.as_ref()?))) {
            other.1.displace(!named.contains(&other.0.file));
        }
        let paths: HashSet<PathBuf> = seen.iter().map(|(path, ..)| path.clone()).collect();
        for (path, file, modified) in seen {
            self.see(path, file, modified, &named);
        }
        self.paths.retain(|path, _| paths.contains(path));
        self.refused.retain(|path| paths.contains(path) || path.exists());
        lock(&self.files.read).retain(|_, reader| reader.strong_count() > 0);
        self.from = ReadFrom::Start;
        self.has_looked = true;
    }

    /// A path leads to this file.
    fn see(&mut self, path: PathBuf, file: Identity, modified: i64, named: &HashSet<Identity>) {
        if let Some(seen) = self.paths.get_mut(&path)
            && seen.key.file == file
        {
            seen.modified = modified;
            if seen.shared.as_ref().is_some_and(|shared| shared.is_read()) {
                return;
            }
        }
        let key = key(&self.stream, file);
        if let Some(shared) = self.files.reader(&key) {
            // It had another name.
            shared.displace(false);
            self.paths.insert(path, Seen { key, modified, shared: Some(shared) });
            return;
        }
        let before = self.paths.get(&path).filter(|seen| seen.key.file != file);
        let before = before.map(|seen| (seen.key.clone(), seen.modified, seen.shared.clone()));
        let after = self.catch_up(&path, (file, modified), before, named);
        match self.open(&path, after, false) {
            Ok(Some((key, shared))) => {
                self.refused.remove(&path);
                self.paths.insert(path, Seen { key, modified, shared });
            }
            // It has gone, or is another one already: the next look tells.
            Ok(None) => self.changed.notify_one(),
            Err(error) => self.refuse(&path, &error.to_string()),
        }
    }

    /// Has all be read that was at this path before this file, which was written to at this time. Returns whose end it waits for.
    fn catch_up(
        &mut self,
        path: &Path,
        (file, written): (Identity, i64),
        before: Option<(Key, i64, Option<Arc<Shared>>)>,
        named: &HashSet<Identity>,
    ) -> Option<Arc<Shared>> {
        let (mut after, mut last) = (None, None);
        if let Some((key, modified, shared)) = before {
            (after, last) = (shared, Some((key.file, modified)));
        } else if !self.has_looked {
            let mut known = self.files.checkpoints.of_stream(&self.stream);
            known.retain(|(key, place)| place.path == path && key.file != file && !named.contains(&key.file));
            known.sort_by_key(|(_, place)| place.modified);
            last = known.last().map(|(key, place)| (key.file, place.modified));
            for (key, place) in known.into_iter().filter(|(_, place)| !place.is_done) {
                after = self.find_again(path, &key, &place, after);
            }
        }
        let Some((last, since)) = last else { return after };
        let rotated: Vec<(PathBuf, Identity, i64)> = pattern::rotated(path)
            .into_iter()
            .filter_map(|other| {
                let stat = stat(&other).ok()?;
                let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
                is_file.then(|| (other, Identity { device: stat.st_dev, inode: stat.st_ino }, modified(&stat)))
            })
            .collect();
        // Where what came later looks older, the clock was set back, and the numbers of rotation tell.
        let number_of_last = (written < since)
            .then(|| rotated.iter().find(|(_, identity, _)| *identity == last))
            .flatten()
            .and_then(|(other, ..)| pattern::number(path, other));
        let mut between: Vec<(i64, PathBuf)> = Vec::new();
        for (other, identity, modified) in rotated {
            let number = pattern::number(path, &other).filter(|number| Some(*number) < number_of_last);
            let is_known = identity == file
                || named.contains(&identity)
                || self.files.reader(&key(&self.stream, identity)).is_some();
            if !is_known && (modified >= since || number.is_some()) {
                between.push((number.map_or(modified, |number| -i64::from(number)), other));
            }
        }
        between.sort();
        for (_, other) in between {
            if let Ok(Some((_, Some(shared)))) = self.open(&other, after.clone(), true) {
                after = Some(shared);
            }
        }
        after
    }

    /// A file that was followed by an earlier sidecar, and has another name by now.
    fn find_again(&mut self, path: &Path, key: &Key, place: &Place, after: Option<Arc<Shared>>) -> Option<Arc<Shared>> {
        let is_it = |other: &PathBuf| stat(other).is_ok_and(|stat| stat.st_ino == key.file.inode);
        if let Some(other) = pattern::rotated(path).into_iter().find(is_it)
            && let Ok(Some((_, shared))) = self.open(&other, after.clone(), true)
        {
            return shared.or(after);
        }
        self.files.checkpoints.forget(key);
        if place.offset < place.len {
            let rest = place.len - place.offset;
            let text = format!("{}: rotated away and deleted before its last {rest} bytes were read", text::path(path));
            (self.files.tell)(Notice::Warning(text));
        }
        after
    }

    /// Opens a file, and has it read from where it was read before, or its beginning. No reader: it was done before. None: it has gone.
    #[allow(clippy::type_complexity, reason = "a pair that one caller takes apart")]
    fn open(
        &mut self,
        path: &Path,
        after: Option<Arc<Shared>>,
        is_displaced: bool,
    ) -> io::Result<Option<(Key, Option<Arc<Shared>>)>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file: OwnedFd = match rustix::fs::open(path, flags, Mode::empty()) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            opened => opened?,
        };
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
        }
        let key = key(&self.stream, Identity::of(&file)?);
        if let Some(shared) = self.files.reader(&key) {
            return Ok(Some((key, Some(shared))));
        }
        let checkpoints = &self.files.checkpoints;
        let slot = match checkpoints.find(&key, path, &file)? {
            Some(slot) => slot,
            None => {
                let from_end = self.from == ReadFrom::End && !is_displaced;
                let offset = if from_end { fstat(&file)?.st_size as u64 } else { 0 };
                checkpoints.add(key.clone(), place(path, &file, offset)?)
            }
        };
        let offset = {
            let mut place = lock(&slot);
            if place.is_done && place.offset == fstat(&file)?.st_size as u64 {
                return Ok(Some((key, None)));
            }
            place.is_done = false;
            place.offset
        };
        if let Some(after) = &after {
            after.ask();
        }
        let followed = Followed::new(&self.files, file, slot, offset, after)?;
        followed.shared.displace(is_displaced);
        let shared = Arc::clone(&followed.shared);
        lock(&self.files.read).insert(key.clone(), Arc::downgrade(&shared));
        self.found.push_back(followed);
        Ok(Some((key, Some(shared))))
    }

    /// Told once for each path.
    fn refuse(&mut self, path: &Path, why: &str) {
        self.is_untold = true;
        if self.refused.insert(path.to_owned()) {
            (self.files.tell)(Notice::Warning(format!("{} is not followed: {why}", text::path(path))));
        }
    }
}

impl Listener for Follow {
    type Source = Followed;

    async fn next(&mut self) -> io::Result<Followed> {
        loop {
            if let Some(found) = self.found.pop_front() {
                return Ok(found);
            }
            if self.has_looked {
                let look = if self.is_untold { LOOK_AGAIN } else { LOOK };
                if tokio::time::timeout(look, self.changed.notified()).await.is_ok() {
                    tokio::time::sleep(GATHER).await;
                }
            }
            self.look();
        }
    }
}

#[cfg(test)]
mod tests;
