//! The files that secrets are read from, which no scrub and no guard may change.
//!
//! A file is identified by the descriptor that it was read through, so its other names (hard links,
//! bind mounts, other spellings of its path) lead to the same entry. A file system reuses a deleted
//! file's inode number; where it stores the time of birth, that distinguishes the two.
//!
//! An editor replaces a file by renaming another over it. So the current file at a source's path
//! counts as well, even before anything has read it. Before that rename the new file is an ordinary
//! file.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::file::{Birth, FileId, birth};
use super::input::Input;
use super::recording::{self, ReadFile};
use crate::sys::mutex::lock;

/// The interval between inspections of the sources' paths, in multiples of the time that one takes.
const REST_FACTOR: u32 = 50;

/// The set of sources; see the module's documentation.
#[derive(Debug, Default)]
pub struct Sources {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    read: HashMap<FileId, Vec<Birth>>,
    paths: HashSet<PathBuf>,
    /// The files at these paths, as of the last inspection.
    there: HashSet<FileId>,
    looked: Option<Instant>,
    cost: Duration,
}

impl Sources {
    /// An empty set.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Adds all files that this thread reads during a call, by [`Input`] or from a session. Entries
    /// are never removed, since an earlier file is still a copy of secrets.
    pub fn record<T>(&self, read: impl FnOnce() -> T) -> T {
        let (result, found) = recording::record(read);
        let mut state = self.state();
        for ReadFile { id, birth, path } in found {
            let births = state.read.entry(id).or_default();
            if !births.contains(&birth) {
                births.push(birth);
            }
            state.paths.extend(path);
        }
        state.looked = None;
        result
    }

    /// Whether there is no source.
    pub fn is_empty(&self) -> bool {
        self.state().read.is_empty()
    }

    /// Whether an open file is a source, or is at the path of one. An `O_PATH` descriptor suffices.
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
        lock(&self.state)
    }
}

impl State {
    /// Looks up the current files at the paths.
    fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < self.cost * REST_FACTOR) {
            return;
        }
        let begun = Instant::now();
        self.there = self.paths.iter().filter_map(|path| Input::find(path).ok()?.file_id()).collect();
        (self.cost, self.looked) = (begun.elapsed(), Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::recording::note_stat;
    use super::*;
    use std::fs::{self, File};
    use std::path::Path;

    use rustix::fs::fstat;

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
        // Saved the way an editor does, with a copy of the old file.
        fs::rename(at("source"), at("source~")).unwrap();
        assert!(holds("source~") && !holds("new"));
        fs::rename(at("new"), at("source")).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(holds("source") && holds("source~") && holds("link") && !holds("other"));
        // A file read in a nested recording belongs to the inner one.
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
        // A file known only by its status is identified by its inode number.
        sources.record(|| note_stat(&fstat(&file).unwrap()));
        assert!(sources.holds(&file).unwrap());
    }
}
