//! The limit on the number of files that a stream follows, and the files above it.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Follow;
use super::file::{key, modified};
use super::pattern::Match;
use crate::redact::text;
use crate::sidecar::event::{Event, EventSink};
use crate::sys::file::FileId;

/// The number of unfollowed files that a message names.
const NAMED_MAX: usize = 3;

/// Files that are not followed for one reason.
#[derive(Default)]
pub(super) struct LeftOut {
    now: Vec<PathBuf>,
    told: HashSet<PathBuf>,
}

impl LeftOut {
    pub(super) fn add(&mut self, path: &Path) {
        self.now.push(path.to_owned());
    }

    /// Whether this look has left a file out.
    pub(super) fn has_any(&self) -> bool {
        !self.now.is_empty()
    }

    /// Reports the files of this look: once for each path while the reason lasts, and in one
    /// message, since there may be a hundred thousand.
    pub(super) fn report(&mut self, emit: &EventSink, why: &str) {
        let mut now = std::mem::take(&mut self.now);
        now.sort_unstable();
        let new: Vec<&PathBuf> = now.iter().filter(|path| !self.told.contains(*path)).collect();
        if !new.is_empty() {
            let named: Vec<String> = new.iter().take(NAMED_MAX).map(|path| text::path(path).to_string()).collect();
            let more = match new.len() - named.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let verb = if new.len() == 1 { "is" } else { "are" };
            emit(Event::Warning(format!("{}{more} {verb} not followed: {why}", named.join(", "))));
        }
        self.told = now.into_iter().collect();
    }
}

impl Follow {
    /// Removes the files above the limit. Paths that were followed before stay, so that a log
    /// continues after its rotation. Files that an earlier sidecar has read come next, then the
    /// most recently modified. A removed file is followed from its beginning when there is room.
    pub(super) fn limit(&mut self, seen: &mut Vec<Match>) {
        if seen.len() <= self.files_max {
            return;
        }
        let mut ranked: Vec<_> = seen.iter().map(|found| self.rank(found)).zip(0..).collect();
        ranked.sort_unstable();
        let out: HashSet<usize> = ranked.drain(self.files_max..).map(|(_, place)| place).collect();
        let mut places = 0..;
        seen.retain(|found| {
            let is_in = places.next().is_none_or(|place| !out.contains(&place));
            if !is_in {
                self.above_limit.add(&found.path);
            }
            is_in
        });
    }

    fn rank(&self, found: &Match) -> (u8, Reverse<i64>) {
        let key = key(&self.stream, FileId::from(&found.stat));
        let is_known_at = || !self.has_looked && !self.files.checkpoints.at(&self.stream, &found.path).is_empty();
        let class = if self.paths.get(&found.path).is_some() || is_known_at() {
            0
        } else if self.files.checkpoints.position(&key).is_some_and(|position| !position.is_done) {
            1
        } else {
            2
        };
        (class, Reverse(modified(&found.stat)))
    }

    /// Adds the known files at or below these paths, which this look could not open, to those that
    /// it has found: they may still have their names.
    pub(super) fn keep_unseen(&mut self, unseen: &[PathBuf], named: &mut HashSet<FileId>) {
        if unseen.is_empty() {
            return;
        }
        for (path, seen) in self.paths.iter() {
            if unseen.iter().any(|above| path.starts_with(above)) {
                named.insert(seen.key.file);
                self.matched.insert(path.to_owned(), Some(seen.key.file).filter(|_| seen.target.is_none()));
            }
        }
    }

    /// Whether all names of a file are, as far as this one shows, those of a rotated file, and
    /// there is no next file: it will not grow.
    pub(super) fn is_retired(&self, found: &Match) -> bool {
        self.log_of(found).is_some_and(|log| !self.matched.contains_key(&log))
    }

    /// Leaves out a path that cannot be opened for now. A later look finds it.
    pub(super) fn postpone(&mut self, path: &Path) {
        self.is_untold = true;
        self.unopened.add(path);
    }

    /// Reports the files above the limit.
    pub(super) fn report_left_out(&mut self) {
        let why = format!("files_max of the stream {} is {}", self.stream, self.files_max);
        self.above_limit.report(&self.files.emit, &why);
        self.unopened.report(&self.files.emit, "the limit of open files is reached (ulimit -n)");
    }
}
