//! The files that secrets are read from, which no scrub and no guard may change.
//!
//! A file is known by the descriptor that it was read by, so that its other names (hard links, bind
//! mounts, other spellings of its path) lead to the same entry. A file system gives the number of a
//! deleted file to a new one: where it stores the time of birth, that tells the two apart.
//!
//! An editor replaces a file by renaming another over it. So the file that stands at the path of a
//! source by now counts too, before anything has read it. Before that rename the new file is one
//! like any other.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, Stat, StatxFlags, fstat, statx};

use super::file::{FileId, kind};
use super::input::Input;

/// The paths of sources are looked at again after so many times the time that this took.
const REST_FACTOR: u32 = 50;

/// A file's time of birth, in seconds and nanoseconds; none where the file system has none.
type Birth = Option<(i64, u32)>;

/// A file that was read: its identity, its time of birth, and the path that led to it.
struct Read(FileId, Birth, Option<PathBuf>);

thread_local! {
    /// The files that this thread has read since a recording began.
    static RECORDING: RefCell<Option<Vec<Read>>> = const { RefCell::new(None) };
}

/// See the front of this module.
#[derive(Debug, Default)]
pub struct Sources {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    read: HashMap<FileId, Vec<Birth>>,
    paths: HashSet<PathBuf>,
    /// The files at these paths, as of the last look.
    there: HashSet<FileId>,
    looked: Option<Instant>,
    cost: Duration,
}

impl Sources {
    /// No source yet.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Adds all files that this thread reads during a call: by [`Input`], or of a session. Nothing
    /// is ever taken away, since the file of before is a copy of secrets still.
    pub fn record<T>(&self, read: impl FnOnce() -> T) -> T {
        let outer = RECORDING.replace(Some(Vec::new()));
        let result = read();
        let found = RECORDING.replace(outer).unwrap_or_default();
        let mut state = self.state();
        for Read(id, birth, path) in found {
            let births = state.read.entry(id).or_default();
            if !births.contains(&birth) {
                births.push(birth);
            }
            state.paths.extend(path);
        }
        state.looked = None;
        result
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.state().read.is_empty()
    }

    /// Whether an open file is one of them, or stands at the path of one. `O_PATH` will do.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub fn holds(&self, file: impl AsFd) -> io::Result<bool> {
        let mut state = self.state();
        if state.read.is_empty() {
            return Ok(false);
        }
        let id = FileId::of(&file)?;
        if let Some(births) = state.read.get(&id) {
            let birth = birth(&file);
            if birth.is_none() || births.iter().any(|known| known.is_none() || *known == birth) {
                return Ok(true);
            }
        }
        state.look();
        Ok(state.there.contains(&id))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here stops halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Finds out which files the paths lead to now.
    fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < self.cost * REST_FACTOR) {
            return;
        }
        let begun = Instant::now();
        self.there = self.paths.iter().filter_map(|path| Input::find(path).ok()?.file_id()).collect();
        (self.cost, self.looked) = (begun.elapsed(), Some(Instant::now()));
    }
}

/// Notes a file that is about to be read, if somebody records that.
pub(crate) fn note(file: impl AsFd, path: Option<&Path>) {
    note_with(path, || {
        let stat = fstat(&file).ok()?;
        Some((stat, birth(&file)))
    });
}

/// As [`note`], for a file that is not open.
#[cfg(any(feature = "registry", test))]
pub(crate) fn note_stat(stat: &Stat) {
    note_with(None, || Some((*stat, None)));
}

fn note_with(path: Option<&Path>, found: impl FnOnce() -> Option<(Stat, Birth)>) {
    RECORDING.with_borrow_mut(|recording| {
        let Some(recording) = recording else { return };
        if let Some((stat, birth)) = found()
            && kind(&stat) == FileType::RegularFile
        {
            let path = path.and_then(|path| std::path::absolute(path).ok());
            recording.push(Read(FileId::from(&stat), birth, path));
        }
    });
}

fn birth(file: impl AsFd) -> Birth {
    let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    let is_told = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    is_told.then_some((found.stx_btime.tv_sec, found.stx_btime.tv_nsec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    fn read(path: &Path) {
        Input::find(path).unwrap().open().unwrap();
    }

    #[test]
    fn a20_a_source_is_known_by_any_name_and_after_it_was_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let sources = Sources::new();
        let holds = |name: &str| sources.holds(File::open(at(name)).unwrap()).unwrap();
        for name in ["source", "other", "new"] {
            fs::write(at(name), "A=1").unwrap();
        }
        read(&at("other"));
        assert!(sources.is_empty() && !holds("source"));
        sources.record(|| read(&at("source")));
        fs::hard_link(at("source"), at("link")).unwrap();
        assert!(holds("source") && holds("link") && !holds("other") && !holds("new"));
        // As an editor saves, with a copy of before.
        fs::rename(at("source"), at("source~")).unwrap();
        assert!(holds("source~") && !holds("new"));
        fs::rename(at("new"), at("source")).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(holds("source") && holds("source~") && holds("link") && !holds("other"));
        // A file that is read in a recording within another is the inner one's.
        let inner = Sources::new();
        sources.record(|| inner.record(|| read(&at("other"))));
        assert!(!holds("other") && inner.holds(File::open(at("other")).unwrap()).unwrap());
    }

    #[test]
    fn a20_a_new_file_with_the_number_of_a_source_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("source");
        fs::write(&path, "A=1").unwrap();
        let sources = Sources::new();
        sources.record(|| read(&path));
        let file = File::open(&path).unwrap();
        let id = FileId::of(&file).unwrap();
        let Some((seconds, nanoseconds)) = birth(&file) else { return };
        sources.state().paths.clear();
        sources.state().read.insert(id, vec![Some((seconds - 1, nanoseconds))]);
        assert!(!sources.holds(&file).unwrap());
        // One that was only looked at is known by its number.
        sources.record(|| note_stat(&fstat(&file).unwrap()));
        assert!(sources.holds(&file).unwrap());
    }
}
