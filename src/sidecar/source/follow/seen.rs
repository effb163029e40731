//! The known paths, and their files.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::sidecar::checkpoint::Key;
use crate::sys::file::FileId;

/// The file of a path.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) key: Key,
    pub(super) target: Option<PathBuf>,
    pub(super) modified: i64,
    /// Its reader; none, if it was done before.
    pub(super) shared: Option<Arc<Shared>>,
    /// Since when the path is free.
    pub(super) free: Option<Instant>,
}

/// A file with at least one known path.
#[derive(Default)]
struct Led {
    paths: usize,
    /// Its modification time when it was seen.
    modified: i64,
}

/// A file for which looks have found no followed name.
struct Missed {
    shared: Arc<Shared>,
    since: Instant,
    is_displaced: bool,
}

/// All known paths, indexed by path and by file.
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

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Path, &Seen)> {
        self.by_path.iter().map(|(path, seen)| (path.as_path(), seen))
    }

    /// The caller must not change the file.
    pub(super) fn get_mut(&mut self, path: &Path) -> Option<&mut Seen> {
        self.by_path.get_mut(path)
    }

    /// Notifies the readers of files that have lost their names, after a look that found these
    /// files.
    ///
    /// A directory listing is no snapshot: a file that was renamed meanwhile may be in it under
    /// neither name. So a file has lost its names only when a look at least this much later misses
    /// it again.
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

    /// Whether another look must decide if a file has lost its names.
    pub(super) fn are_doubtful(&self) -> bool {
        self.missed.values().any(|missed| !missed.is_displaced)
    }

    /// Records that this file is gone, and that another one has its inode number.
    pub(super) fn lose(&mut self, file: FileId) {
        // No file has the number 0.
        let none = FileId { inode: 0, ..file };
        for seen in self.by_path.values_mut().filter(|seen| seen.key.file == file) {
            seen.key.file = none;
            leave(&mut self.files, file);
            self.files.entry(none).or_default().paths += 1;
        }
    }

    /// Whether a path leads to this file.
    pub(super) fn lead_to(&self, file: FileId) -> bool {
        self.files.contains_key(&file)
    }

    /// Whether a path leads to this file, seen with this modification time.
    pub(super) fn know(&self, file: FileId, modified: i64) -> bool {
        self.files.get(&file).is_some_and(|led| led.modified == modified)
    }

    pub(super) fn insert(&mut self, path: PathBuf, seen: Seen) {
        let led = self.files.entry(seen.key.file).or_default();
        (led.paths, led.modified) = (led.paths + 1, seen.modified);
        if let Some(before) = self.by_path.insert(path, seen) {
            leave(&mut self.files, before.key.file);
            // This look may still find it at another path; otherwise the next one does, if it
            // exists.
            if !self.files.contains_key(&before.key.file) {
                miss(&mut self.missed, &before);
            }
        }
    }

    /// Keeps the paths that satisfy the predicate.
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
        // Another file has its path, and no path leads to it.
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
