//! Followed files: one path, or all files of a pattern, each a stream of its own.
//!
//! The follower finds files, and readers read them. The follower opens a file as soon as it sees
//! it, however far behind its stream is, so that a file is still read to its end after rotation and
//! deletion.
//!
//! - A file keeps its identity across names: after a rename within the pattern, the same reader
//!   continues at the same offset.
//! - Another file at the path of an earlier one continues that one (see [`log`]).
//! - Files that were rotated away between two looks, or while no sidecar ran, are found beside the
//!   path by the names that rotation gives (`app.log.1`, `app-20261124.log`), or beside the target
//!   of a link. The follower takes the file that was read last, by its inode, and the files
//!   modified after it, oldest first; if the clock was set back, those with a lower number. A file
//!   that was compressed or deleted before it was read is lost. The follower reports the loss if
//!   the file is known to have had unread data.
//!
//! Other users may be able to write to the directories, so each is opened within its parent. A link
//! is followed only if root or this user created it where no other user can. A file that another
//! user may have linked there (a second name) is refused, and so is one of hushlog's own.

mod catch_up;
mod file;
mod limit;
mod listen;
mod listing;
mod log;
mod paths;
mod pattern;
mod rotated;
mod seen;
mod shared;
mod watch;

use std::cmp::Reverse;
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

use super::own::{Own, OwnFile, OwnFiles};
use crate::redact::text;
use crate::scrub::{compression_of, is_named};
use crate::sidecar::checkpoint::{Checkpoints, Found, Key};
use crate::sidecar::config::ReadFrom;
use crate::sidecar::event::{Event, EventSink};
use crate::sys::beneath::Dir;
use crate::sys::file::{FileId, check_placed, kind};
use crate::sys::mutex::lock;
use crate::sys::rotation;
use crate::sys::shortage::{complete, is_shortage};
use catch_up::Before;
use file::{Part, key, modified, position};
use limit::LeftOut;
use listen::GATHER;
use listing::Listings;
use log::{Back, Followed};
use pattern::{Match, Pattern, Walk};
use rotated::{Name, Spot};
use seen::{Paths, Seen};
use shared::{Link, Shared};
use watch::Watch;

pub(crate) use listen::Following;
pub(crate) use paths::{FollowedPaths, targets};

/// The time after a name became free, or after a start with a free name, in which a new file there
/// counts as a successor.
const FREE_MAX: Duration = Duration::from_secs(60);
/// The number of retries for files that were renamed while they were opened.
const RENAMED_MAX: usize = 10;

/// The state that all followed files share.
pub(crate) struct Files {
    pub(crate) checkpoints: Arc<Checkpoints>,
    own: Own,
    watch: Watch,
    /// The reader of each file.
    read: Mutex<HashMap<Key, Weak<Shared>>>,
    emit: EventSink,
}

impl Files {
    /// Must be called within a runtime.
    pub(crate) fn new(checkpoints: Arc<Checkpoints>, own: Own, emit: EventSink) -> Arc<Files> {
        let (watch, error) = Watch::new();
        if let Some(error) = error {
            let text = format!("cannot watch the files: they are polled several times a second: {error}");
            emit(Event::Warning(text));
        }
        Arc::new(Files { checkpoints, own, watch, read: Mutex::default(), emit })
    }

    /// The reader of a file, or of its successor, if some of its text is not written yet.
    fn in_hand(&self, key: &Key) -> Option<Arc<Shared>> {
        lock(&self.read).get(key)?.upgrade().filter(|shared| shared.is_in_hand())
    }

    fn register(&self, part: &Link) {
        lock(&self.read).insert(part.key.clone(), Arc::downgrade(&part.shared));
    }
}

/// The files of a pattern, as they appear: see [`Following`].
struct Follow {
    files: Arc<Files>,
    stream: Arc<str>,
    pattern: Pattern,
    /// Patterns of files that are not followed.
    exclude: Vec<glob::Pattern>,
    from: ReadFrom,
    /// The file of each path.
    paths: Paths,
    listings: Listings,
    found: VecDeque<Followed>,
    back: Arc<Back>,
    changed: Arc<Notify>,
    /// The kernel reports no changes, or a file could not be opened.
    is_untold: bool,
    /// The limit on followed files, and the files above it.
    files_max: usize,
    above_limit: LeftOut,
    /// Files for which no file descriptor was left.
    unopened: LeftOut,
    /// Paths that were already reported, and paths that are refused in this look.
    told: HashSet<PathBuf>,
    refused: HashSet<PathBuf>,
    /// hushlog's own files, as far as this look has needed them.
    own: Option<OwnFiles>,
    /// Readers whose end the next file at a path waits for, after a rename during an open.
    waiting: HashMap<PathBuf, Arc<Shared>>,
    /// The paths found in this look, with their files unless they are links, and the rotated file
    /// of each log that was found last.
    matched: HashMap<PathBuf, Option<FileId>>,
    rotated: HashMap<PathBuf, Arc<Shared>>,
    has_looked: bool,
    /// A file was missed, and the next look must search for it.
    is_doubtful: bool,
    /// The start of the follower. For a while after it, the files that an earlier sidecar has read
    /// still count for a name that was free.
    begun: Instant,
    /// The number of first looks, which repeat after a concurrent rename.
    looks: usize,
}

impl Follow {
    /// Follows the files of a path or pattern, for a stream of this name.
    ///
    /// # Errors
    ///
    /// When the pattern is invalid.
    fn new(
        files: Arc<Files>,
        stream: Arc<str>,
        (pattern, exclude): (&str, &[glob::Pattern]),
        from: ReadFrom,
        files_max: usize,
    ) -> io::Result<Follow> {
        let pattern = Pattern::new(pattern)?;
        // If the stream followed files before, new files are read from the beginning: they appeared
        // while no sidecar ran.
        let from = if files.checkpoints.knows(&stream) { ReadFrom::Start } else { from };
        let back: Arc<Back> = Arc::default();
        Ok(Follow {
            files,
            stream,
            pattern,
            exclude: exclude.to_vec(),
            from,
            paths: Paths::default(),
            listings: Listings::default(),
            found: VecDeque::new(),
            changed: Arc::clone(&back.changed),
            back,
            is_untold: false,
            files_max,
            above_limit: LeftOut::default(),
            unopened: LeftOut::default(),
            told: HashSet::new(),
            refused: HashSet::new(),
            own: None,
            waiting: HashMap::new(),
            matched: HashMap::new(),
            rotated: HashMap::new(),
            has_looked: false,
            is_doubtful: false,
            begun: Instant::now(),
            looks: 0,
        })
    }

    /// Looks for files that appeared, vanished or changed their names.
    fn look(&mut self) {
        let walk = self.pattern.walk();
        self.look_at(walk);
    }

    fn look_at(&mut self, walk: Walk) {
        let told = walk.directories.iter().map(|directory| self.files.watch.directory(directory, &self.changed));
        let (mut is_untold, mut is_new) = (false, false);
        told.for_each(|told| (is_untold, is_new) = (is_untold | told.is_none(), is_new | told.unwrap_or_default()));
        self.is_untold = is_untold;
        if is_new {
            // For files that appeared between the listing of a directory and its watch.
            self.changed.notify_one();
        }
        self.own = None;
        for (path, error) in &walk.refused {
            if is_shortage(error) { self.postpone(path) } else { self.refuse(path, error) }
        }
        let mut seen: Vec<Match> = Vec::new();
        for found in walk.matches {
            match kind(&found.stat) {
                _ if is_named(&self.exclude, &found.path) => {}
                _ if self.pattern.leaves(&found.name) => {
                    self.leave(&found.path, "compressed files are skipped by their names");
                }
                FileType::RegularFile => seen.push(found),
                _ => self.refuse(&found.path, &no_file()),
            }
        }
        self.limit(&mut seen);
        // Oldest first: a rotated file comes before its successors. But paths that led to other
        // files before come first: their names lead the search for files in between.
        let file_of = |found: &Match| Some(FileId::from(&found.stat)).filter(|_| found.target.is_none());
        self.matched = seen.iter().map(|found| (found.path.clone(), file_of(found))).collect();
        self.rotated.clear();
        seen.sort_by_cached_key(|found| {
            let log = self.log_of(found);
            let number = log.as_ref().and_then(|log| rotation::number(log.file_name()?, &found.name));
            // The log itself is the newest of the files that the clock does not distinguish.
            (!self.is_replaced(found), modified(&found.stat), log.is_none(), Reverse(number), found.path.clone())
        });
        let stay = seen.iter().filter(|found| !self.is_retired(found));
        let mut named: HashSet<FileId> = stay.map(|found| FileId::from(&found.stat)).collect();
        self.keep_unseen(&walk.unseen, &mut named);
        self.paths.displace(&named, GATHER);
        let files = Arc::clone(&self.files);
        let step = files.checkpoints.step();
        let mut is_whole = true;
        for found in seen {
            let is_seen = self.see(&found);
            is_whole &= is_seen;
            if is_seen {
                self.note_rotated(&found);
            }
        }
        drop(step);
        // A name is free between a rename and the new file: its successors are still searched for.
        self.paths.retain(|path, seen| {
            seen.free = if self.matched.contains_key(path) { None } else { seen.free.or_else(|| Some(Instant::now())) };
            seen.free.is_none_or(|since| since.elapsed() < FREE_MAX)
        });
        self.waiting.retain(|_, after| after.last().is_read());
        self.is_doubtful = self.paths.are_doubtful();
        self.listings.clear();
        self.report_left_out();
        self.told = std::mem::take(&mut self.refused);
        lock(&self.files.read).retain(|_, reader| reader.strong_count() > 0);
        self.looks += 1;
        if is_whole || self.looks >= RENAMED_MAX {
            self.from = ReadFrom::Start;
            self.has_looked = true;
        }
    }

    /// Whether the path of a file led to another file before, as far as it is known.
    fn is_replaced(&self, found: &Match) -> bool {
        // A rotated file is one of the log's earlier files, whichever file had its name before.
        if self.log_of(found).is_some() {
            return false;
        }
        let file = FileId::from(&found.stat);
        match self.paths.get(&found.path) {
            Some(seen) => seen.key.file != file,
            None if self.has_looked => false,
            None => {
                let known = self.files.checkpoints.at(&self.stream, &found.path);
                known.iter().any(|(key, _)| key.file != file)
            }
        }
    }

    /// Records that a path leads to this file. Returns false if it no longer does.
    fn see(&mut self, found: &Match) -> bool {
        let (file, modified) = (FileId::from(&found.stat), modified(&found.stat));
        if let Some(seen) = self.paths.get_mut(&found.path)
            && seen.key.file == file
            && seen.shared.as_ref().is_some_and(|shared| shared.is_read())
        {
            // Without a reader, it may be another file with the same inode number.
            seen.modified = modified;
            seen.target.clone_from(&found.target);
            return true;
        }
        let (key, target) = (key(&self.stream, file), found.target.clone());
        if let Some(shared) = self.files.in_hand(&key) {
            // It had another name.
            shared.displace(shared.is_displaced() && self.is_retired(found));
            self.paths.insert(found.path.clone(), Seen { key, target, modified, shared: Some(shared), free: None });
            return true;
        }
        if self.paths.know(file, modified) && self.is_done(&key, found.stat.st_size as u64) {
            self.paths.insert(found.path.clone(), Seen { key, target, modified, shared: None, free: None });
            return true;
        }
        if self.unopened.has_any() {
            // It may follow one of them.
            self.postpone(&found.path);
            return true;
        }
        match self.read(found) {
            Ok(Some((key, shared))) => {
                self.paths.insert(found.path.clone(), Seen { key, target, modified, shared, free: None });
            }
            // The next look finds out.
            Ok(None) => {
                self.changed.notify_one();
                return false;
            }
            Err(error) if is_shortage(&error) => self.postpone(&found.path),
            Err(error) => self.refuse(&found.path, &error),
        }
        true
    }

    /// Whether a file of this length was read to its end.
    fn is_done(&self, key: &Key, len: u64) -> bool {
        self.files.checkpoints.position(key).is_some_and(|position| position.is_done && position.offset == len)
    }

    /// Schedules a file, and before it the earlier file at its path.
    fn read(&mut self, found: &Match) -> io::Result<Option<Opened>> {
        let (dir, base) = match found.place() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            place => place?,
        };
        let file = FileId::from(&found.stat);
        self.forget_reused(&dir, &base, file);
        let log = self.log_of(found);
        let is_rotated = log.is_some();
        let path = log.unwrap_or_else(|| found.path.clone());
        let spot_name = if is_rotated { path.file_name().unwrap_or_default().to_owned() } else { base.clone() };
        let spot = Spot { dir, name: spot_name, is_former: false };
        let rotated = Some(found.path.clone()).filter(|_| is_rotated);
        let name = Name { path, target: found.target.clone(), rotated };
        // The log was renamed while the directory was read: files between the two may be missing.
        let is_stale = |file: &FileId| !spot.dir.stat(&spot.name).is_ok_and(|stat| FileId::from(&stat) == *file);
        if is_rotated && self.matched.get(&name.path).is_some_and(|file| file.as_ref().is_some_and(is_stale)) {
            return Ok(None);
        }
        // A rotated file comes before the one that has the log's path.
        let mut before = if is_rotated && self.matched.contains_key(&name.path) {
            Before::default()
        } else {
            self.catch_up(&name, (file, modified(&found.stat)), &spot)?
        };
        // Not a rotated file that has only this successor: each look finds those anew.
        let waits = before.after.clone();
        before.after = before.after.or_else(|| self.rotated.get(&name.path).cloned());
        let opened = self.open(&name, (&spot.dir, &base, file), before, false);
        // A file that was done before is not read.
        if let (Ok(None | Some((_, None))), Some(after)) = (&opened, waits) {
            self.waiting.insert(name.path, after);
        }
        opened
    }

    /// The path of the log that this file was rotated from, if that is another path that is or was
    /// followed.
    fn log_of(&self, found: &Match) -> Option<PathBuf> {
        if found.target.is_some() {
            return None;
        }
        let logs = rotation::logs_of(&found.name).into_iter().map(|name| found.path.with_file_name(name));
        let is_log = |path: &PathBuf| {
            self.pattern.matches(path)
                && (self.matched.contains_key(path)
                    || self.paths.get(path).is_some()
                    || !self.files.checkpoints.at(&self.stream, path).is_empty())
        };
        logs.into_iter().find(is_log)
    }

    /// Opens a file, and schedules it from its last offset, or its beginning. None: it is gone, or
    /// another file has its name.
    fn open(
        &mut self,
        name: &Name,
        (dir, base, wanted): (&Dir, &OsStr, FileId),
        mut before: Before,
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
        if let Some(shared) = self.files.in_hand(&key) {
            return Ok(Some((key, Some(shared))));
        }
        let directory = dir.stat_self()?;
        check_placed(&stat, &directory)?;
        let own = self.own.get_or_insert_with(|| self.files.own.files());
        let why = match own.role(key.file, FileId::from(&directory), base) {
            Some(OwnFile::OfSink) => "hushlog writes to it",
            Some(OwnFile::RotatedOfSink) => "its name is that of a rotated file of a sink",
            Some(OwnFile::Other) => {
                return Err(io::Error::new(ErrorKind::PermissionDenied, "it is one of hushlog's own files"));
            }
            None => "",
        };
        if !why.is_empty() {
            self.leave(name.file(), why);
            return Ok(Some((key, None)));
        }
        if let Some(what) = compression_of(file.as_fd())? {
            self.leave(name.file(), &format!("it is compressed ({what})"));
            return Ok(Some((key, None)));
        }
        let slot = match self.files.checkpoints.find(&key, &name.path, &file)? {
            Found::Known(slot) => slot,
            Found::Unknown => {
                let from_end = self.from == ReadFrom::End && !is_displaced;
                let offset = if from_end { fstat(&file)?.st_size as u64 } else { 0 };
                self.files.checkpoints.add(key.clone(), position(name, &file, offset)?)
            }
            Found::Anew(old) => {
                let found = complete(|| self.before_anew(name, &key, (&old, modified(&stat)), before));
                before = found.inspect_err(|_| drop(self.files.checkpoints.add(key.clone(), old)))?;
                // Its predecessors reached it.
                if let Some(shared) = self.files.in_hand(&key) {
                    return Ok(Some((key, Some(shared))));
                }
                self.files.checkpoints.add(key.clone(), position(name, &file, 0)?)
            }
        };
        {
            let mut position = lock(&slot);
            if position.is_done && position.offset == fstat(&file)?.st_size as u64 {
                return Ok(Some((key, None)));
            }
            position.is_done = false;
        }
        let part = Link::new(Part::new(file, key.clone(), slot)?, Shared::default());
        part.shared.displace(is_displaced);
        Ok(Some((key, Some(self.give(part, before)))))
    }

    /// Skips a path, and reports it once while the reason lasts. It is no warning.
    fn leave(&mut self, path: &Path, why: &str) {
        if self.refused.insert(path.to_owned()) && !self.told.contains(path) {
            (self.files.emit)(Event::Note(format!("{} is not followed: {why}", text::path(path))));
        }
    }

    /// Refuses a path, and reports it once while the error lasts.
    fn refuse(&mut self, path: &Path, error: &io::Error) {
        self.is_untold = true;
        if self.refused.insert(path.to_owned()) && !self.told.contains(path) {
            let path = text::path(path);
            let told = match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::LOOP) => {
                    format!("{path} is not followed: another user may have placed a symbolic link there")
                }
                _ => format!("{path} is not followed: {error}"),
            };
            (self.files.emit)(Event::Warning(told));
        }
    }
}

/// A file and its reader; none, if the file was done before.
type Opened = (Key, Option<Arc<Shared>>);

fn no_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")
}

/// Whether the file is gone, or a link replaced it: the next look resolves it.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

#[cfg(test)]
mod tests;
