//! Files that are followed: one path, or all of a pattern, each a stream of its own.
//!
//! Whoever looks for files is not the one who reads them: a file is opened as soon as it is seen, however far behind its stream is, so that
//! one that is rotated away and deleted meanwhile is still read to its end.
//!
//! - A file is one file whatever its name: renamed within the pattern it is read on where it was, and by the same reader.
//! - Another file at a path that had one begins to give when the one before has been read to its end; that one goes on beside it
//!   (see [`file`]).
//! - Files that came and went between two looks, or while no sidecar ran, are looked for beside the
//!   path by the names that rotation gives (`app.log.1`, `app-20261124.log`), or beside the file
//!   that a link leads to: the one that was read last, by its inode, and those that were written to
//!   after it, oldest first; if the clock was set back meanwhile, those of a lower number. A file
//!   that was packed or deleted before it was read is gone; if it is known that it had something to
//!   read, that is reported.
//!
//! Others can write to the directories, so that each is opened in the one before. A link is
//! followed only if root or this user put it where no other user can; a file that another user may
//! have linked there (a second name), and one of hushlog's own, is refused.

mod file;
mod paths;
mod pattern;
mod rotated;
mod watch;

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;
use tokio::sync::Notify;

use super::super::checkpoint::{Checkpoints, Key, Place, lock};
use super::super::config::ReadFrom;
use super::super::notice::{Notice, Tell};
use super::super::own::{Own, OwnFile};
use super::Listener;
use crate::redact::text;
use crate::scrub::{is_named, packed};
use crate::sys::beneath::Dir;
use crate::sys::file::{FileId, check_placed, kind};
use file::{Shared, key, modified, place};
use pattern::{Match, Pattern};
use rotated::{Name, Rotated, Spot, former, rotated};
use watch::Watch;

pub(crate) use file::Followed;
pub(crate) use paths::{FollowedPaths, targets};

/// How often it is looked for files though nobody told of a change.
const LOOK: Duration = Duration::from_secs(5);
/// The same where the kernel tells nothing, or a file could not be opened.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Changes that follow each other so soon are looked at as one.
const GATHER: Duration = Duration::from_millis(5);
/// How long after a name was freed, or was free at the start, a file there is taken for a
/// successor.
const FREE_MAX: Duration = Duration::from_secs(60);
/// How often files that got their next names while they were opened are looked for anew.
const RENAMED_MAX: usize = 10;

/// What all followed files share.
pub(crate) struct Files {
    pub(crate) checkpoints: Arc<Checkpoints>,
    own: Own,
    watch: Watch,
    /// Who reads which file.
    read: Mutex<HashMap<Key, Weak<Shared>>>,
    tell: Tell,
}

impl Files {
    /// Within a runtime.
    pub(crate) fn new(checkpoints: Arc<Checkpoints>, own: Own, tell: Tell) -> Arc<Files> {
        let (watch, error) = Watch::new();
        if let Some(error) = error {
            let text = format!("files are looked at several times a second, since the kernel tells nothing: {error}");
            tell(Notice::Warning(text));
        }
        Arc::new(Files { checkpoints, own, watch, read: Mutex::default(), tell })
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
    /// Which of its files are not followed.
    exclude: Vec<glob::Pattern>,
    from: ReadFrom,
    /// Which file each path leads to.
    paths: HashMap<PathBuf, Seen>,
    found: VecDeque<Followed>,
    changed: Arc<Notify>,
    /// Nobody tells, or something could not be opened.
    is_untold: bool,
    /// Paths that were reported already, and paths that are refused in this look.
    told: HashSet<PathBuf>,
    refused: HashSet<PathBuf>,
    /// Which files are hushlog's own, as far as it was asked in this look.
    own: Option<HashMap<FileId, OwnFile>>,
    /// Whose end the next file at a path waits for, where one was renamed just when it was opened.
    waiting: HashMap<PathBuf, Arc<Shared>>,
    has_looked: bool,
    /// When it began: for a while after that, the files that an earlier sidecar has read still
    /// count for a name that was free.
    begun: Instant,
    /// The number of first looks, since a file was renamed just then.
    looks: usize,
}

#[derive(Clone)]
struct Seen {
    key: Key,
    target: Option<PathBuf>,
    modified: i64,
    /// Its reader; none, if it was done before.
    shared: Option<Arc<Shared>>,
    /// Since when nothing is at the path.
    free: Option<Instant>,
}

impl Follow {
    /// Follows what a path or pattern leads to, for a stream of this name.
    ///
    /// # Errors
    ///
    /// When it is no pattern.
    pub(crate) fn new(
        files: Arc<Files>,
        stream: Arc<str>,
        (pattern, exclude): (&str, &[glob::Pattern]),
        from: ReadFrom,
    ) -> io::Result<Follow> {
        let pattern = Pattern::new(pattern)?;
        // Where something was followed before, what is new is read from its beginning: it came while nobody looked.
        let from = if files.checkpoints.of_stream(&stream).is_empty() { from } else { ReadFrom::Start };
        Ok(Follow {
            files,
            stream,
            pattern,
            exclude: exclude.to_vec(),
            from,
            paths: HashMap::new(),
            found: VecDeque::new(),
            changed: Arc::default(),
            is_untold: false,
            told: HashSet::new(),
            refused: HashSet::new(),
            own: None,
            waiting: HashMap::new(),
            has_looked: false,
            begun: Instant::now(),
            looks: 0,
        })
    }

    /// Looks for files that came, went or changed their names.
    fn look(&mut self) {
        let walk = self.pattern.walk();
        let told = walk.directories.iter().map(|directory| self.files.watch.directory(directory, &self.changed));
        let (mut is_untold, mut is_new) = (false, false);
        told.for_each(|told| (is_untold, is_new) = (is_untold | told.is_none(), is_new | told.unwrap_or_default()));
        self.is_untold = is_untold;
        if is_new {
            // For files that came after it was listed and before it was watched.
            self.changed.notify_one();
        }
        self.own = None;
        walk.refused.iter().for_each(|(path, error)| self.refuse(path, error));
        let mut seen: Vec<Match> = Vec::new();
        for found in walk.matches {
            match kind(&found.stat) {
                _ if is_named(&self.exclude, &found.path) => {}
                _ if self.pattern.leaves(&found.name) => {
                    self.leave(&found.path, "packed files are left out by their names");
                }
                FileType::RegularFile => seen.push(found),
                _ => self.refuse(&found.path, &no_file()),
            }
        }
        // The oldest first: of one log, what was rotated away before what followed it.
        seen.sort_by_key(|found| modified(&found.stat));
        let named: HashSet<FileId> = seen.iter().map(|found| FileId::from(&found.stat)).collect();
        for other in self.paths.values().filter_map(|other| Some((&other.key, other.shared.as_ref()?))) {
            other.1.displace(!named.contains(&other.0.file));
        }
        let paths: HashSet<PathBuf> = seen.iter().map(|found| found.path.clone()).collect();
        let mut is_whole = true;
        for found in seen {
            is_whole &= self.see(&found, &named);
        }
        // A name is free between a rename and the new file: its successors are still looked for
        // then.
        self.paths.retain(|path, seen| {
            seen.free = if paths.contains(path) { None } else { seen.free.or_else(|| Some(Instant::now())) };
            seen.free.is_none_or(|since| since.elapsed() < FREE_MAX)
        });
        self.waiting.retain(|_, after| after.is_read());
        self.told = std::mem::take(&mut self.refused);
        lock(&self.files.read).retain(|_, reader| reader.strong_count() > 0);
        self.looks += 1;
        if is_whole || self.looks >= RENAMED_MAX {
            self.from = ReadFrom::Start;
            self.has_looked = true;
        }
    }

    /// A path leads to this file. False: not any more.
    fn see(&mut self, found: &Match, named: &HashSet<FileId>) -> bool {
        let (file, modified) = (FileId::from(&found.stat), modified(&found.stat));
        if let Some(seen) = self.paths.get_mut(&found.path)
            && seen.key.file == file
        {
            seen.modified = modified;
            seen.target.clone_from(&found.target);
            if seen.shared.as_ref().is_some_and(|shared| shared.is_read()) {
                return true;
            }
        }
        let (key, target) = (key(&self.stream, file), found.target.clone());
        if let Some(shared) = self.files.reader(&key) {
            // It had another name.
            shared.displace(false);
            self.paths.insert(found.path.clone(), Seen { key, target, modified, shared: Some(shared), free: None });
            return true;
        }
        match self.read(found, named) {
            Ok(Some((key, shared))) => {
                _ = self.paths.insert(found.path.clone(), Seen { key, target, modified, shared, free: None })
            }
            // The next look finds out.
            Ok(None) => {
                self.changed.notify_one();
                return false;
            }
            Err(error) => self.refuse(&found.path, &error),
        }
        true
    }

    /// Has a file read, and before it the earlier file at its path.
    fn read(&mut self, found: &Match, named: &HashSet<FileId>) -> io::Result<Option<Opened>> {
        let name = Name { path: found.path.clone(), target: found.target.clone() };
        let (dir, base) = match found.place() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            place => place?,
        };
        let spot = Spot { dir, name: base, is_former: false };
        let file = FileId::from(&found.stat);
        let after = self.catch_up(&name, (file, modified(&found.stat)), &spot, named);
        let opened = self.open(&name, (&spot.dir, &spot.name, file), after.clone(), false);
        if let (Ok(None), Some(after)) = (&opened, after) {
            self.waiting.insert(name.path, after);
        }
        opened
    }

    /// Has all be read that was at this path before this file, which was written to at this time. Returns whose end it waits for.
    fn catch_up(
        &mut self,
        name: &Name,
        (file, written): (FileId, i64),
        spot: &Spot,
        named: &HashSet<FileId>,
    ) -> Option<Arc<Shared>> {
        let (mut after, mut last) = (self.waiting.remove(&name.path), None);
        if let Some(seen) = self.paths.get(&name.path).filter(|seen| seen.key.file != file).cloned() {
            after = after.or(seen.shared);
            let before = Name { path: name.path.clone(), target: seen.target };
            last = Some((seen.key.file, seen.modified, before));
        } else if self.begun.elapsed() < FREE_MAX {
            let mut known = self.files.checkpoints.of_stream(&self.stream);
            known.retain(|(key, place)| place.path == name.path && key.file != file && !named.contains(&key.file));
            known.sort_by_key(|(_, place)| place.modified);
            last = known.last().map(|(key, place)| {
                let before = Name { path: name.path.clone(), target: place.target.clone() };
                (key.file, place.modified, before)
            });
            known.retain(|(key, place)| !place.is_done && self.files.reader(key).is_none());
            for (key, place) in known {
                after = self.find_again(name, spot, &key, &place, after);
            }
        }
        let Some((last, since, before)) = last else { return after };
        let former = former(name, &before);
        for _ in 0..RENAMED_MAX {
            let rotated = rotated([spot].into_iter().chain(&former));
            let mut is_renamed = false;
            for other in self.between(rotated, (last, since), (file, written), named) {
                let name = Name { path: other.dir.path().join(&other.name), target: None };
                let place = (&*other.dir, &*other.name, other.file);
                match self.open(&name, place, after.clone(), true) {
                    Ok(Some((_, Some(shared)))) => after = Some(shared),
                    // It has the next name by now.
                    Ok(None) => is_renamed = true,
                    Ok(Some((_, None))) | Err(_) => {}
                }
            }
            if !is_renamed {
                break;
            }
        }
        after
    }

    /// Those of the rotated files that came after the last one that was read, and before this file:
    /// the oldest first.
    fn between(
        &self,
        rotated: Vec<Rotated>,
        (last, since): (FileId, i64),
        (file, written): (FileId, i64),
        named: &HashSet<FileId>,
    ) -> Vec<Rotated> {
        // Where what came later looks older, the clock was set back, and the numbers of rotation tell.
        let number_of_last = (written < since)
            .then(|| rotated.iter().find(|other| other.file == last))
            .flatten()
            .and_then(|other| other.number);
        let mut between: Vec<(i64, Rotated)> = Vec::new();
        for other in rotated {
            let number = other.number.filter(|number| Some(*number) < number_of_last);
            let is_known = other.file == file
                || named.contains(&other.file)
                || self.files.reader(&key(&self.stream, other.file)).is_some();
            let is_excluded = is_named(&self.exclude, &other.dir.path().join(&other.name));
            if !is_known && !is_excluded && (other.modified >= since || number.is_some()) {
                between.push((number.map_or(other.modified, |number| -i64::from(number)), other));
            }
        }
        between.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.name.cmp(&other.1.name)));
        between.into_iter().map(|(_, other)| other).collect()
    }

    /// A file that was followed by an earlier sidecar, and has another name by now.
    fn find_again(
        &mut self,
        name: &Name,
        spot: &Spot,
        key: &Key,
        place: &Place,
        after: Option<Arc<Shared>>,
    ) -> Option<Arc<Shared>> {
        let former = former(name, &Name { path: name.path.clone(), target: place.target.clone() });
        let found =
            rotated([spot].into_iter().chain(&former)).into_iter().find(|other| other.file.inode == key.file.inode);
        if let Some(other) = found {
            let name = Name { path: other.dir.path().join(&other.name), target: None };
            if let Ok(Some((_, shared))) = self.open(&name, (&other.dir, &other.name, other.file), after.clone(), true)
            {
                return shared.or(after);
            }
        }
        self.files.checkpoints.forget(key);
        if place.offset < place.len {
            let rest = place.len - place.offset;
            let path = text::path(&name.path);
            let text = format!("{path}: rotated away and deleted before its last {rest} bytes were read");
            (self.files.tell)(Notice::Warning(text));
        }
        after
    }

    /// Opens a file, and has it read from where it was read before, or its beginning. None: it has
    /// gone, or another one has its name by now.
    fn open(
        &mut self,
        name: &Name,
        (dir, base, wanted): (&Dir, &OsStr, FileId),
        after: Option<Arc<Shared>>,
        is_displaced: bool,
    ) -> io::Result<Option<Opened>> {
        let file = match dir.open_file(base, OFlags::RDONLY) {
            Err(error) if is_gone(&error) => return Ok(None),
            opened => opened?,
        };
        let stat = fstat(&file)?;
        if kind(&stat) != FileType::RegularFile {
            return Err(no_file());
        }
        if FileId::from(&stat) != wanted {
            return Ok(None);
        }
        let key = key(&self.stream, wanted);
        if let Some(shared) = self.files.reader(&key) {
            return Ok(Some((key, Some(shared))));
        }
        check_placed(&stat, &dir.stat_self()?)?;
        match self.own.get_or_insert_with(|| self.files.own.ids()).get(&key.file) {
            Some(OwnFile::OfSink) => {
                self.leave(&name.path, "hushlog writes it");
                return Ok(Some((key, None)));
            }
            Some(OwnFile::Other) => {
                return Err(io::Error::new(ErrorKind::PermissionDenied, "it is a file of hushlog's own"));
            }
            None => {}
        }
        if let Some(what) = packed(file.as_fd())? {
            self.leave(&name.path, &format!("it is packed ({what}), and no text"));
            return Ok(Some((key, None)));
        }
        let checkpoints = &self.files.checkpoints;
        let slot = match checkpoints.find(&key, &name.path, &file)? {
            Some(slot) => slot,
            None => {
                let from_end = self.from == ReadFrom::End && !is_displaced;
                let offset = if from_end { fstat(&file)?.st_size as u64 } else { 0 };
                checkpoints.add(key.clone(), place(name, &file, offset)?)
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

    /// Told once for each path, as long as it is so, and nothing to warn of.
    fn leave(&mut self, path: &Path, why: &str) {
        if self.refused.insert(path.to_owned()) && !self.told.contains(path) {
            (self.files.tell)(Notice::Note(format!("{} is not followed: {why}", text::path(path))));
        }
    }

    /// Told once for each path, as long as it is so.
    fn refuse(&mut self, path: &Path, error: &io::Error) {
        self.is_untold = true;
        if self.refused.insert(path.to_owned()) && !self.told.contains(path) {
            let path = text::path(path);
            let told = match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::LOOP) => format!("{path} is not followed: others may have put a symbolic link there"),
                _ => format!("{path} is not followed: {error}"),
            };
            (self.files.tell)(Notice::Warning(told));
        }
    }
}

/// A file, and its reader; none, if it was done before.
type Opened = (Key, Option<Arc<Shared>>);

fn no_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is no regular file")
}

/// Whether the file has gone, or a link took its place: the next look resolves it.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
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
            } else if self.looks > 0 {
                tokio::time::sleep(GATHER).await;
            }
            self.look();
        }
    }
}

#[cfg(test)]
mod tests;
