//! Files below directories, safely: also as root, in a directory that somebody else owns and changes meanwhile.
//!
//! Every file is opened from the descriptor of its directory, by [`strict`], which follows no link
//! and crosses into no other file system; what it is is known before it is opened for reading, so
//! that no FIFO is waited for and no device touched; and what was opened is compared with what was
//! looked at.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{CWD, FileType, OFlags, Stat, fcntl_getfl, fcntl_setfl, fstat};
use rustix::io::Errno;

use super::findings::Findings;
use super::in_place::{Action, ScrubError, Scrubber};
use super::kind::{self, Near};
use super::pen::Pen;
use super::treat::Treat;
use crate::sys::beneath::Dir;
use crate::sys::file::{FileId, kind as type_of, kind_name};
use crate::sys::strict::{self, Reach, is_its_only_name, looks_deleted};

/// So often a directory is looked through once more for files that have come meanwhile: by rotation, say.
const ROUNDS_MAX: usize = 4;
/// So many files for each thread wait, opened by none.
const WAITING_PER_THREAD: usize = 8;

/// Why a file was not searched, if no round found it.
const MOVED: &str = "it was renamed or linked meanwhile";

/// What became of a file.
#[derive(Debug)]
pub enum Outcome {
    /// It was searched to its end; what was found was masked, or counted.
    Searched(Findings),
    /// The secrets were read from it, or from another file at its path: it is left as it is.
    Source,
    /// It holds no text that a secret could stand in, or is none of what was asked for.
    Skipped(&'static str),
    /// There may be secrets in it, and it was not searched; it is not clean.
    NotSearched(String),
    /// It is not text, or not as it stands there. Its bytes were searched, nothing was written to
    /// it, and it is not clean.
    Left {
        /// Its kind, in words.
        why: String,
        /// The secrets that stand in it all the same.
        findings: Findings,
    },
    /// It could not be searched, or what was found could not be masked.
    Failed(ScrubError),
}

/// Which files are scrubbed.
pub struct Tree<'a> {
    /// How each is.
    pub scrubber: &'a Scrubber,
    /// Directories below those that are named, too.
    pub recursive: bool,
    /// Files with several names, too: one of them may be anywhere, such as in a directory that nobody meant.
    pub hard_links: bool,
    /// Files are written anew, with masks of any length; compressed ones as well.
    pub rewrite: bool,
    /// Files that are not text are masked, too, in place; their checksums may be wrong then.
    pub binary: bool,
    /// How many files are scrubbed at once.
    pub threads: usize,
    /// Which files below a directory are wanted, by their path from there.
    pub wanted: &'a (dyn Fn(&Path) -> bool + Sync),
    /// Is told what became of each file, by many threads.
    pub tell: &'a (dyn Fn(&Path, Outcome) + Sync),
}

/// A file to be scrubbed, by its directory and name there.
struct Job {
    directory: Arc<Dir>,
    name: OsString,
    path: PathBuf,
    /// It was asked for by this path, and not found in a directory.
    named: bool,
}

impl Job {
    /// What was asked for by its path may be on another file system than its directory.
    fn reach(&self) -> Reach {
        if self.named { Reach::Anywhere } else { Reach::Below }
    }
}

/// What is known from one time through everything to the next.
#[derive(Default)]
struct Known {
    seen: Mutex<HashSet<FileId>>,
    /// Files that were not searched because they moved, and what they were called.
    moved: Mutex<HashMap<FileId, PathBuf>>,
    /// A name was gone when its turn came; the file may have another one.
    gone: AtomicBool,
    /// Names that were told already because of an error.
    told: Mutex<HashSet<PathBuf>>,
}

impl Tree<'_> {
    /// Scrubs a file, or the files in a directory. Nothing but what is told is returned.
    ///
    /// Files that come while it runs (a log was rotated) are scrubbed as well, in as many as three more rounds.
    pub fn scrub(&self, path: &Path) {
        let known = Known::default();
        for number in 0..if self.scrubber.does(Action::Mask) { ROUNDS_MAX } else { 1 } {
            let before = lock(&known.seen).len();
            self.round(path, &known, number == 0);
            if lock(&known.seen).len() == before && lock(&known.moved).is_empty() && !known.gone.swap(false, Relaxed) {
                break;
            }
        }
        for path in lock(&known.moved).values() {
            (self.tell)(path, Outcome::NotSearched(MOVED.to_owned()));
        }
    }

    /// Once through everything; files that were seen before are left out.
    fn round(&self, path: &Path, known: &Known, first: bool) {
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(self.threads * WAITING_PER_THREAD);
            let receiver = Arc::new(Mutex::new(receiver));
            for _ in 0..self.threads {
                let receiver = Arc::clone(&receiver);
                scope.spawn(move || self.work(&receiver, known));
            }
            // Without it, a sender would wait for ever for workers that are no more.
            drop(receiver);
            self.walk(path, &sender, known, first);
        });
    }

    /// Tells that a name could not be followed; once, and not if it was there in an earlier round only.
    fn fail(&self, known: &Known, first: bool, path: &Path, error: Errno) {
        if (first || error != Errno::NOENT) && lock(&known.told).insert(path.to_owned()) {
            (self.tell)(path, refusal(error));
        }
    }

    fn work(&self, jobs: &Mutex<Receiver<Job>>, known: &Known) {
        let mut pen = None;
        loop {
            let job = lock(jobs).recv();
            let Ok(job) = job else { return };
            if let Some(outcome) = self.open_and_scrub(&job, known, &mut pen) {
                (self.tell)(&job.path, outcome);
            }
        }
    }

    /// Hands the file, or all files of a directory, to the workers.
    fn walk(&self, path: &Path, jobs: &SyncSender<Job>, known: &Known, first: bool) {
        let fail = |path: &Path, error| self.fail(known, first, path, error);
        let (around, name) = (directory(path), path.file_name());
        let found = strict::open(CWD, around, OFlags::DIRECTORY | OFlags::RDONLY, Reach::Anywhere);
        let parent = match found {
            Ok(parent) => parent,
            Err(error) => return fail(path, error),
        };
        let name = name.unwrap_or(OsStr::new("."));
        match strict::open(&parent, name, OFlags::PATH, Reach::Anywhere).and_then(fstat) {
            Err(error) => fail(path, error),
            Ok(stat) if type_of(&stat) != FileType::Directory => {
                let directory = Arc::new(Dir::from_open(parent, around.to_owned()));
                let _ = jobs.send(Job { directory, name: name.to_owned(), path: path.to_owned(), named: true });
            }
            Ok(_) => match strict::open(&parent, name, OFlags::DIRECTORY | OFlags::RDONLY, Reach::Anywhere) {
                Ok(root) => self.walk_below(path, &root, jobs, known, first),
                Err(error) => fail(path, error),
            },
        }
    }

    /// Goes through a directory, and those below it, one after the other: deep trees take no stack and no descriptors.
    fn walk_below(&self, path: &Path, root: &OwnedFd, jobs: &SyncSender<Job>, known: &Known, first: bool) {
        let mut left = vec![PathBuf::new()];
        while let Some(below) = left.pop() {
            if let Err(error) = self.list(path, root, &below, &mut left, jobs, first) {
                self.fail(known, first, &path.join(&below), error);
            }
        }
    }

    fn list(
        &self,
        path: &Path,
        root: &OwnedFd,
        below: &Path,
        left: &mut Vec<PathBuf>,
        jobs: &SyncSender<Job>,
        first: bool,
    ) -> Result<(), Errno> {
        let directory = Arc::new(Dir::from_open(strict::open_below(root, below)?, path.join(below)));
        for entry in rustix::fs::Dir::read_from(&*directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let name = OsStr::from_bytes(name.to_bytes());
            let below = below.join(name);
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    strict::stat(&*directory, name, Reach::Below).map_or(FileType::Unknown, |stat| type_of(&stat))
                }
                kind => kind,
            };
            if kind != FileType::Directory {
                if (self.wanted)(&below) {
                    let (directory, path) = (Arc::clone(&directory), path.join(&below));
                    let _ = jobs.send(Job { directory, name: name.to_owned(), path, named: false });
                }
            } else if self.recursive {
                left.push(below);
            } else if first {
                (self.tell)(&path.join(&below), Outcome::Skipped("a directory, without --recursive"));
            }
        }
        Ok(())
    }

    /// What became of the file; `None`, if it was seen before, or is left for another round.
    fn open_and_scrub(&self, job: &Job, known: &Known, pen: &mut Option<Pen>) -> Option<Outcome> {
        let looked_at = match strict::stat(&*job.directory, &job.name, job.reach()) {
            Ok(stat) => stat,
            // It was renamed or deleted since the directory was read. If it has another name now, the next round finds that.
            Err(Errno::NOENT) if !job.named => {
                known.gone.store(true, Relaxed);
                return None;
            }
            Err(Errno::NOENT) => return Some(Outcome::NotSearched(MOVED.to_owned())),
            Err(error) => return lock(&known.told).insert(job.path.clone()).then(|| refusal(error)),
        };
        let id = FileId::from(&looked_at);
        if !lock(&known.seen).insert(id) {
            return None;
        }
        lock(&known.moved).remove(&id);
        if type_of(&looked_at) != FileType::RegularFile {
            let what = kind_name(type_of(&looked_at));
            return Some(if job.named {
                Outcome::NotSearched(format!("it is {what}"))
            } else {
                Outcome::Skipped(what)
            });
        }
        if self.is_source(job) {
            return Some(Outcome::Source);
        }
        if !self.may_have(&looked_at) {
            return Some(Outcome::NotSearched("it has several names (hard links)".to_owned()));
        }
        let outcome = self.scrub_file(job, id, known, pen).unwrap_or_else(|error| Some(Outcome::Failed(error)));
        if outcome.is_none() {
            lock(&known.seen).remove(&id);
            lock(&known.moved).insert(id, job.path.clone());
        }
        outcome
    }

    /// Whether secrets were read from the file. It is not opened: that could copy it up, into
    /// another layer, where it is another file.
    fn is_source(&self, job: &Job) -> bool {
        let sources = self.scrubber.sources();
        !sources.is_empty()
            && strict::open(&*job.directory, &job.name, OFlags::PATH, job.reach())
                .is_ok_and(|file| sources.holds(&file).unwrap_or(false))
    }

    /// Whether a file may have as many names as it has.
    fn may_have(&self, names: &Stat) -> bool {
        names.st_nlink <= 1 || self.hard_links && !self.rewrite
    }

    /// `None`, if the name leads to something else by now.
    fn scrub_file(
        &self,
        job: &Job,
        id: FileId,
        known: &Known,
        pen: &mut Option<Pen>,
    ) -> Result<Option<Outcome>, ScrubError> {
        let in_place = self.scrubber.does(Action::Mask) && !self.rewrite;
        let access = if in_place { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = strict::open(&*job.directory, &job.name, flags, job.reach())?;
        let opened = fstat(&file)?;
        if FileId::from(&opened) != id || type_of(&opened) != FileType::RegularFile {
            return Ok(None);
        }
        // It may have been exchanged, and back, while it was looked at.
        if self.scrubber.sources().holds(&file).map_err(ScrubError::Io)? {
            return Ok(Some(Outcome::Source));
        }
        // A search is no access. Only the owner may ask for that; for others the time of access is
        // set.
        let _ = fcntl_getfl(&file).and_then(|flags| fcntl_setfl(&file, flags | OFlags::NOATIME));
        if !self.hard_links {
            let untold = |why: &str| {
                let text = format!("whether it has several names cannot be told: {why} (--hard-links would do it)");
                Ok(Some(Outcome::NotSearched(text)))
            };
            match is_its_only_name(&file) {
                Ok(true) => {}
                Ok(false) if looks_deleted(&job.name) => {
                    return untold("it is called as deleted files are");
                }
                Ok(false) => return Ok(None),
                Err(Errno::NAMETOOLONG) => return untold("its path is too long"),
                Err(error) => return untold(&format!("/proc does not say it: {}", io::Error::from(error))),
            }
        }
        let beside = |name: &OsStr| strict::stat(&*job.directory, name, job.reach()).is_ok();
        let kind = kind::of(file.as_fd(), &Near { path: &job.path, beside: &beside })?;
        let file = File::from(file);
        let treat = Treat { scrubber: self.scrubber, rewrite: self.rewrite, binary: self.binary };
        let outcome = treat.file(&job.directory, &job.name, &file, kind, pen);
        if self.rewrite && self.scrubber.does(Action::Mask) {
            // A new file is not to be looked at again.
            let new = strict::stat(&*job.directory, &job.name, job.reach());
            lock(&known.seen).extend(new.map(|stat| FileId::from(&stat)));
        }
        outcome.map(Some)
    }
}

/// Why a file was not opened.
fn refusal(error: Errno) -> Outcome {
    match error {
        Errno::XDEV => Outcome::NotSearched("it is on another file system".to_owned()),
        Errno::LOOP => Outcome::NotSearched("there is a symbolic link in its path".to_owned()),
        error => Outcome::Failed(error.into()),
    }
}

fn directory(path: &Path) -> &Path {
    // `..` and `/` have no name of their own, and are opened as they are.
    if path.file_name().is_none() {
        return path;
    }
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What a thread that panicked left is in order: nothing in here stops halfway.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
