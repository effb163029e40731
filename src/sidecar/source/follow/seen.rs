//! The paths that were found, and the files that they lead to.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::super::checkpoint::Key;
use super::shared::Shared;
use crate::sys::file::FileId;

/// The file that a path leads to.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) key: Key,
    pub(super) target: Option<PathBuf>,
    pub(super) modified: i64,
    /// Its reader; none, if it was done before.
    pub(super) shared: Option<Arc<Shared>>,
    /// Since when nothing is at the path.
    pub(super) free: Option<Instant>,
}

/// A file that paths lead to.
#[derive(Default)]
struct Led {
    paths: usize,
    /// When it was written to last, as it was seen.
    modified: i64,
}

/// A file that has no name that is followed, as far as looks have found.
struct Missed {
    shared: Arc<Shared>,
    since: Instant,
    is_displaced: bool,
}

/// All of them, found by path and by file.
#[derive(Default)]
pub(super) struct Paths {
    by_path: HashMap<PathBuf, Seen>,
    files: HashMap<FileId, Led>,
    missed: HashMap<FileId, Missed>,
}

impl Paths {
    pub(super) fn get(&self, path: &Path) -> Option<&Seen> {
        self.by_path.get(path)
    }

    /// The file stays the same.
    pub(super) fn get_mut(&mut self, path: &Path) -> Option<&mut Seen> {
        self.by_path.get_mut(path)
    }

    /// Tells the readers of files that have lost their names, after a look that found these files.
    ///
    /// A directory is no snapshot: a file that was renamed meanwhile may be in it under neither
    /// name. So a file has lost its names only when a later look misses it again, so much later.
    pub(super) fn displace(&mut self, named: &HashSet<FileId>, later: Duration) {
        for seen in self.by_path.values().filter(|seen| !named.contains(&seen.key.file)) {
            miss(&mut self.missed, seen);
        }
        self.missed.retain(|file, missed| {
            if named.contains(file) {
                missed.shared.displace(false);
                return false;
            }
            if !missed.is_displaced && missed.since.elapsed() >= later {
                missed.is_displaced = true;
                missed.shared.displace(true);
            }
            missed.shared.is_read()
        });
    }

    /// Whether another look has to tell if a file has lost its names.
    pub(super) fn are_doubtful(&self) -> bool {
        self.missed.values().any(|missed| !missed.is_displaced)
    }

    /// Whether a path leads to this file.
    pub(super) fn lead_to(&self, file: FileId) -> bool {
        self.files.contains_key(&file)
    }

    /// Whether a path leads to this file, and it was seen with this time.
    pub(super) fn know(&self, file: FileId, modified: i64) -> bool {
        self.files.get(&file).is_some_and(|led| led.modified == modified)
    }

    pub(super) fn insert(&mut self, path: PathBuf, seen: Seen) {
        let led = self.files.entry(seen.key.file).or_default();
        (led.paths, led.modified) = (led.paths + 1, seen.modified);
        if let Some(before) = self.by_path.insert(path, seen) {
            leave(&mut self.files, before.key.file);
            // This look may find it at another path still, and the next one does, if it is there.
            if !self.files.contains_key(&before.key.file) {
                miss(&mut self.missed, &before);
            }
        }
    }

    /// Keeps those of which this is true.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&Path, &mut Seen) -> bool) {
        let files = &mut self.files;
        self.by_path.retain(|path, seen| {
            let is_kept = is_kept(path, seen);
            if !is_kept {
                leave(files, seen.key.file);
            }
            is_kept
        });
    }
}

fn miss(missed: &mut HashMap<FileId, Missed>, seen: &Seen) {
    let Some(shared) = seen.shared.as_ref().filter(|shared| shared.is_read()) else { return };
    let new = || Missed { shared: Arc::clone(shared), since: Instant::now(), is_displaced: false };
    missed.entry(seen.key.file).or_insert_with(new);
}

fn leave(files: &mut HashMap<FileId, Led>, file: FileId) {
    if let Some(led) = files.get_mut(&file) {
        led.paths -= 1;
        if led.paths == 0 {
            files.remove(&file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_millis(20);

    fn seen(inode: u64, shared: &Arc<Shared>) -> Seen {
        let key = Key { stream: "app".into(), file: FileId { device: 7, inode } };
        Seen { key, target: None, modified: 0, shared: Some(Arc::clone(shared)), free: None }
    }

    #[test]
    fn a28_a_file_that_one_look_misses_keeps_its_reader() {
        let (old, new): (Arc<Shared>, Arc<Shared>) = Default::default();
        let named = |inodes: &[u64]| inodes.iter().map(|inode| FileId { device: 7, inode: *inode }).collect();
        let mut paths = Paths::default();
        paths.insert("a.log".into(), seen(1, &old));
        paths.displace(&named(&[]), LATER);
        assert!(!old.is_displaced() && paths.are_doubtful());
        // It was renamed meanwhile.
        std::thread::sleep(LATER);
        paths.displace(&named(&[1]), LATER);
        assert!(!old.is_displaced() && !paths.are_doubtful());
        // Another one has its path, and no path leads to it.
        paths.insert("a.log".into(), seen(2, &new));
        assert!(!old.is_displaced() && paths.are_doubtful());
        paths.displace(&named(&[2]), LATER);
        assert!(!old.is_displaced() && paths.are_doubtful(), "too soon");
        std::thread::sleep(LATER);
        paths.displace(&named(&[2]), LATER);
        assert!(old.is_displaced() && !new.is_displaced() && !paths.are_doubtful());
        // It is back.
        paths.displace(&named(&[1, 2]), LATER);
        assert!(!old.is_displaced());
    }
}
