//! Traverses directories safely, even as root in a directory that another user owns and changes
//! meanwhile.
//!
//! Every file is opened relative to its directory's descriptor by [`strict`], which follows no link
//! and crosses into no other file system. The file's type is known before it is opened for reading,
//! so no FIFO blocks and no device is touched. The opened file is then compared with the inspected
//! one.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use rustix::fs::{CWD, FileType, OFlags, fstat};
use rustix::io::Errno;

use super::boundary::{self, Place};
use super::claim::Claim;
use super::in_place::{Action, Scrubber};
use super::mask_writer::MaskWriter;
use super::outcome::{Outcome, ScrubError};
use super::rules::Rules;
use super::site::{Opened, Site};
use super::treat::Treat;
use crate::sys::beneath::Dir;
use crate::sys::file::{FileId, kind as type_of, kind_name};
use crate::sys::mutex::lock;
use crate::sys::strict::{self, Reach};

/// The maximum number of further passes over a directory for files that have appeared, for example
/// by rotation.
const ROUNDS_MAX: usize = 4;
/// The number of unopened files that may queue per thread.
const WAITING_PER_THREAD: usize = 8;

/// The reason for a file that no round could reach.
const MOVED: &str = "it was renamed or linked meanwhile";

/// Selects the files to scrub.
pub struct Tree<'a> {
    /// Scrubs each file.
    pub scrubber: &'a Scrubber,
    /// Include subdirectories of the named directories.
    pub recursive: bool,
    /// Include files with several names. One of the names may be anywhere, such as in a directory
    /// that the user did not mean.
    pub hard_links: bool,
    /// Rewrite files, with masks of any length; compressed ones as well.
    pub rewrite: bool,
    /// Mask files that are not text, too, in place; this may invalidate their checksums.
    pub binary: bool,
    /// The number of files scrubbed at once.
    pub threads: usize,
    /// Selects files below a directory, by their relative path.
    pub wanted: &'a (dyn Fn(&Path) -> bool + Sync),
    /// Receives the outcome for each file, from many threads.
    pub tell: &'a (dyn Fn(&Path, Outcome) + Sync),
}

/// A file to scrub, and its place among those of its log.
struct Job {
    site: Site,
    place: Option<Place>,
}

/// The state shared by all rounds.
#[derive(Default)]
struct Known {
    seen: Mutex<HashSet<FileId>>,
    /// Files that were not searched because they moved, and their former names.
    moved: Mutex<HashMap<FileId, PathBuf>>,
    /// A name disappeared before its turn; the file may have another one.
    gone: AtomicBool,
    /// Names with an error that was reported already.
    told: Mutex<HashSet<PathBuf>>,
    /// Finished files of logs.
    done: Mutex<HashSet<FileId>>,
    /// The place of the named file among those of its log.
    place: Option<Place>,
}

impl Tree<'_> {
    fn rules(&self) -> Rules<'_> {
        let Tree { scrubber, hard_links, rewrite, binary, .. } = *self;
        Rules { scrubber, hard_links, rewrite, binary }
    }

    /// Scrubs a file, or the files in a directory. Reports every result through `tell`.
    ///
    /// Files that appear during the run, for example by log rotation, are scrubbed as well, in at
    /// most three more rounds.
    pub fn scrub(&self, path: &Path) {
        self.scrub_with(path, None);
    }

    /// Scrubs several paths. A secret across the boundary of two of them, cut by a rotation, is
    /// found as in a directory.
    pub fn scrub_all(&self, paths: &[PathBuf]) {
        let mut left: HashMap<&Path, Vec<&Path>> = HashMap::new();
        paths.iter().for_each(|path| left.entry(directory(path)).or_default().push(path));
        let mut found: HashMap<&Path, HashMap<PathBuf, Place>> = HashMap::new();
        for path in paths {
            let around = directory(path);
            // Each directory is open only from its first file to its last.
            let places = found.entry(around).or_insert_with(|| named_together(around, &left[around]));
            self.scrub_with(path, places.get(path).cloned());
            let left = left.entry(around).or_default();
            left.pop();
            if left.is_empty() {
                found.remove(around);
            }
        }
    }

    fn scrub_with(&self, path: &Path, place: Option<Place>) {
        let known = Known { place, ..Known::default() };
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

    /// One pass over everything, without files from earlier rounds.
    fn round(&self, path: &Path, known: &Known, first: bool) {
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(self.threads * WAITING_PER_THREAD);
            let receiver = Arc::new(Mutex::new(receiver));
            for _ in 0..self.threads {
                let receiver = Arc::clone(&receiver);
                scope.spawn(move || self.work(&receiver, known));
            }
            // Otherwise a sender would wait forever for workers that have ended.
            drop(receiver);
            self.walk(path, &sender, known, first);
        });
    }

    /// Reports an unreachable name once, and not if only an earlier round listed it.
    fn fail(&self, known: &Known, first: bool, path: &Path, error: Errno) {
        if (first || error != Errno::NOENT) && lock(&known.told).insert(path.to_owned()) {
            (self.tell)(path, refusal(error));
        }
    }

    fn work(&self, jobs: &Mutex<Receiver<Job>>, known: &Known) {
        let mut writer = None;
        loop {
            let job = lock(jobs).recv();
            let Ok(job) = job else { return };
            if let Some(outcome) = self.open_and_scrub(&job, known, &mut writer) {
                (self.tell)(&job.site.path, outcome);
            }
        }
    }

    /// Passes the file, or all files of a directory, to the workers.
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
                let site = Site { directory, name: name.to_owned(), path: path.to_owned(), named: true };
                let _ = jobs.send(Job { site, place: known.place.clone() });
            }
            Ok(_) => match strict::open(&parent, name, OFlags::DIRECTORY | OFlags::RDONLY, Reach::Anywhere) {
                Ok(root) => self.walk_below(path, &root, jobs, known, first),
                Err(error) => fail(path, error),
            },
        }
    }

    /// Iterates over a directory and those below it: deep trees use neither stack nor descriptors.
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
        let mut sites = Vec::new();
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
                    sites.push(Site { directory, name: name.to_owned(), path, named: false });
                }
            } else if self.recursive {
                left.push(below);
            } else if first {
                (self.tell)(&path.join(&below), Outcome::Skipped("a directory, without --recursive"));
            }
        }
        let places = boundary::of(&sites);
        for (site, place) in sites.into_iter().zip(places) {
            let _ = jobs.send(Job { site, place });
        }
        Ok(())
    }

    /// The outcome for the file; `None` if it was seen before, or is left for another round.
    fn open_and_scrub(&self, job: &Job, known: &Known, writer: &mut Option<MaskWriter>) -> Option<Outcome> {
        let site = &job.site;
        let looked_at = match site.stat() {
            Ok(stat) => stat,
            // The file was renamed or deleted since the listing. The next round finds it under its
            // new name.
            Err(Errno::NOENT) if !site.named => {
                known.gone.store(true, Relaxed);
                return None;
            }
            Err(Errno::NOENT) => return Some(Outcome::NotSearched(MOVED.to_owned())),
            Err(error) => return lock(&known.told).insert(site.path.clone()).then(|| refusal(error)),
        };
        let id = FileId::from(&looked_at);
        if !lock(&known.seen).insert(id) {
            return None;
        }
        lock(&known.moved).remove(&id);
        if type_of(&looked_at) != FileType::RegularFile {
            let what = kind_name(type_of(&looked_at));
            return Some(if site.named {
                Outcome::NotSearched(format!("it is {what}"))
            } else {
                Outcome::Skipped(what)
            });
        }
        if site.is_source(self.rules()) {
            return Some(Outcome::Source);
        }
        if !self.rules().may_have(&looked_at) {
            return Some(Outcome::NotSearched("it has several names (hard links)".to_owned()));
        }
        let is_done = |id| lock(&known.done).contains(&id);
        let claim = job.place.as_ref().map(|place| place.claim(self.rules(), id, &is_done, writer)).unwrap_or_default();
        let outcome =
            self.scrub_file(site, id, (known, claim), writer).unwrap_or_else(|error| Some(Outcome::Failed(error)));
        if outcome.is_none() {
            lock(&known.seen).remove(&id);
            lock(&known.moved).insert(id, site.path.clone());
        }
        if job.place.is_some() && outcome.is_some() {
            lock(&known.done).insert(id);
        }
        outcome
    }

    /// Returns `None` if the name now refers to another file.
    fn scrub_file(
        &self,
        site: &Site,
        id: FileId,
        (known, claim): (&Known, Claim),
        writer: &mut Option<MaskWriter>,
    ) -> Result<Option<Outcome>, ScrubError> {
        let in_place = self.scrubber.does(Action::Mask) && !self.rewrite;
        let file = match site.open(self.rules(), id, if in_place { OFlags::RDWR } else { OFlags::RDONLY })? {
            Opened::File(file) => file,
            Opened::No(outcome) => return Ok(Some(outcome)),
            Opened::Moved => return Ok(None),
        };
        let (kind, claim) = (site.kind(&file)?, claim.on(&file));
        let treat = Treat { rules: self.rules(), claim: &claim };
        let outcome = treat.file(&site.directory, &site.name, &file, kind, writer);
        if self.rewrite && self.scrubber.does(Action::Mask) {
            // The new file needs no second visit.
            lock(&known.seen).extend(site.stat().map(|stat| FileId::from(&stat)));
        }
        let mut outcome = outcome?;
        if let Outcome::Searched(findings) | Outcome::Left { findings, .. } = &mut outcome {
            findings.add(claim.findings);
        }
        claim.failed.map_or(Ok(Some(outcome)), Err)
    }
}

/// The places of files named by their paths in one directory.
fn named_together(around: &Path, paths: &[&Path]) -> HashMap<PathBuf, Place> {
    let opened = strict::open(CWD, around, OFlags::DIRECTORY | OFlags::RDONLY, Reach::Anywhere);
    // If it cannot be opened, each of the files reports that.
    let Some(parent) = opened.ok().filter(|_| paths.len() > 1) else { return HashMap::new() };
    let directory = Arc::new(Dir::from_open(parent, around.to_owned()));
    let site = |path: &&Path| {
        let (directory, name) = (Arc::clone(&directory), path.file_name()?.to_owned());
        Some(Site { directory, name, path: path.to_path_buf(), named: true })
    };
    let is_file = |site: &Site| site.stat().is_ok_and(|stat| type_of(&stat) == FileType::RegularFile);
    let sites: Vec<Site> = paths.iter().filter_map(site).filter(is_file).collect();
    let places = boundary::of(&sites);
    sites.into_iter().zip(places).filter_map(|(site, place)| Some((site.path, place?))).collect()
}

/// The outcome for a file that was not opened.
fn refusal(error: Errno) -> Outcome {
    match error {
        Errno::XDEV => Outcome::NotSearched("it is on another file system".to_owned()),
        Errno::LOOP => Outcome::NotSearched("its path contains a symbolic link".to_owned()),
        error => Outcome::Failed(error.into()),
    }
}

fn directory(path: &Path) -> &Path {
    // `..` and `/` have no file name, and are opened directly.
    if path.file_name().is_none() {
        return path;
    }
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
