//! Earlier files of a followed path: files that appeared and were rotated away unseen.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use rustix::fs::OFlags;

use super::file::{Part, key};
use super::pattern::Match;
use super::rotated::{Name, Original, Rotated, Spot, copy_among, former, rotated};
use super::shared::{Link, Shared};
use super::{FREE_MAX, Follow, Followed, RENAMED_MAX};
use crate::redact::text;
use crate::scrub::is_named;
use crate::sidecar::checkpoint::{Key, Position};
use crate::sidecar::event::Event;
use crate::sys::beneath::{Dir, Links};
use crate::sys::file::{FileId, birth};
use crate::sys::mutex::lock;
use crate::sys::shortage::{complete, is_shortage};

/// The order of the files of a log: by modification time, then by rotation number.
type Order = (i64, Reverse<Option<u32>>);

/// The predecessor of a file.
#[derive(Clone, Default)]
pub(super) struct Before {
    pub(super) after: Option<Arc<Shared>>,
    /// The file is lost, in whole or at its end.
    pub(super) is_lost: bool,
}

/// A file that an earlier sidecar has read.
struct Known {
    key: Key,
    position: Position,
    /// Its rotation number, and its current name.
    number: Option<u32>,
    name: OsString,
    /// It is deleted or rewritten: another file has its inode.
    is_reused: bool,
}

impl Follow {
    /// Schedules all unread earlier files of this path before this file, which has this
    /// modification time. Returns its predecessor.
    ///
    /// # Errors
    ///
    /// Descriptors ran out, so that files may be missed. The next look searches again.
    pub(super) fn catch_up(&mut self, name: &Name, of: (FileId, i64), spot: &Spot) -> io::Result<Before> {
        let waits = self.waiting.remove(&name.path);
        let found = complete(|| self.search(name, of, spot, waits.clone()));
        if let (Err(_), Some(after)) = (&found, waits) {
            self.waiting.insert(name.path.clone(), after);
        }
        found
    }

    fn search(
        &mut self,
        name: &Name,
        (file, written): (FileId, i64),
        spot: &Spot,
        waits: Option<Arc<Shared>>,
    ) -> Before {
        let mut before = Before { after: waits, is_lost: false };
        let mut last = None;
        if let Some(seen) = self.paths.get(&name.path).filter(|seen| seen.key.file != file).cloned() {
            before.after = before.after.or(seen.shared);
            last = Some((Some(seen.key.file), seen.modified, seen.target.unwrap_or_else(|| name.path.clone())));
        } else if self.begun.elapsed() < FREE_MAX {
            let mut known = self.known(name, (file, written), spot);
            last = known.last().map(|known| {
                (
                    Some(known.key.file).filter(|_| !known.is_reused),
                    known.position.modified,
                    known.position.target().to_owned(),
                )
            });
            known.retain(|known| !known.position.is_done);
            for known in known {
                match self.files.in_hand(&known.key) {
                    Some(reader) => before = Before { after: Some(reader), is_lost: false },
                    None => before = self.find_again(name, spot, &known.key, &known.position, before),
                }
            }
        }
        let Some((last, since, was)) = last else { return before };
        let former = former(name, &was);
        let list = |follow: &mut Follow| {
            let rotated = rotated([spot].into_iter().chain(&former), &mut follow.listings);
            rotated.iter().for_each(|other| follow.forget_reused(&other.dir, &other.name, other.file));
            // Files that were listed after this one was renamed may be its successors: the next
            // look finds their order.
            if name.rotated.is_none() && !spot.dir.stat(&spot.name).is_ok_and(|stat| FileId::from(&stat) == file) {
                follow.listings.clear();
                return Vec::new();
            }
            let mut between = follow.between(rotated, (last, since), (file, written), spot);
            // If the path of the log is free, younger files come after this one.
            between.retain(|other| name.rotated.is_none() || other.modified < written);
            between
        };
        self.open_all(name, list, before)
    }

    /// Forgets a file that was read to its end and is gone, if the one with this name has got its
    /// inode number: nothing of the old one is to be found, and the new one comes in its own place.
    pub(super) fn forget_reused(&mut self, dir: &Dir, name: &OsStr, file: FileId) {
        let key = key(&self.stream, file);
        let known = self.files.checkpoints.position(&key).filter(|position| position.is_done);
        let Some(then) = known.and_then(|position| position.birth) else { return };
        let Ok(opened) = dir.open_file(name, OFlags::PATH) else { return };
        let is_it = FileId::of(&opened).is_ok_and(|now| now == file);
        if is_it && birth(&opened).is_some_and(|now| now != then) && self.files.in_hand(&key).is_none() {
            self.files.checkpoints.forget(&key);
            self.paths.lose(file);
        }
    }

    /// The other files that an earlier sidecar has read at this path, in order.
    fn known(&mut self, name: &Name, (file, written): (FileId, i64), spot: &Spot) -> Vec<Known> {
        let positions = self.files.checkpoints.at(&self.stream, &name.path).into_iter();
        let known = positions.map(|(key, position)| Known {
            key,
            position,
            number: None,
            name: OsString::new(),
            is_reused: false,
        });
        let mut known: Vec<Known> = known.filter(|known| known.key.file != file).collect();
        if known.is_empty() {
            return known;
        }
        let targets: HashSet<&Path> = known.iter().map(|known| known.position.target()).collect();
        let formers: Vec<Spot> = targets.into_iter().filter_map(|target| former(name, target)).collect();
        // Their later modification times give their order.
        for other in rotated([spot].into_iter().chain(&formers), &mut self.listings) {
            for known in known.iter_mut().filter(|known| known.key.file.inode == other.file.inode) {
                (known.number, known.name) = (other.number, other.name.clone());
                if other.holds(&known.position) {
                    known.position.modified = other.modified;
                } else {
                    known.is_reused = true;
                }
            }
        }
        known.retain(|known| name.rotated.is_none() || known.position.modified < written);
        // File timestamps tick some hundred times a second: names order the files of one tick.
        known.sort_by_cached_key(|known| (known.position.modified, Reverse(known.number), known.name.clone()));
        known
    }

    /// Records a rotated file as the predecessor of the next younger file of its log, also if an
    /// earlier look found it. A file with a successor is the predecessor of no other.
    pub(super) fn note_rotated(&mut self, found: &Match) {
        let Some(log) = self.log_of(found) else { return };
        let file = FileId::from(&found.stat);
        let Some(seen) = self.paths.get(&found.path).filter(|seen| seen.key.file == file) else { return };
        // An empty file that was done before holds no text of the log.
        if seen.shared.is_none() && found.stat.st_size == 0 {
            return;
        }
        // A file that is done, or of another chain, has no successor here.
        let shared = seen.shared.clone().filter(|shared| Arc::ptr_eq(shared, &shared.last()));
        match shared {
            Some(shared) => self.rotated.insert(log, shared),
            None => self.rotated.remove(&log),
        };
    }

    /// Handles a file that was rewritten between looks: a copy may hold its old content, and later
    /// content that is gone from it.
    pub(super) fn before_anew(
        &mut self,
        name: &Name,
        key: &Key,
        (old, written): (&Position, i64),
        mut before: Before,
    ) -> Before {
        let content = (old.head, old.tail, old.offset);
        let Ok(copy) = complete(|| copy_among(&mut self.listings, &self.files, key, old, content)) else {
            return before;
        };
        let (copied, copied_at) = copy.as_ref().map_or((None, i64::MIN), |copy| {
            let modified = lock(&copy.slot).modified;
            (Some(copy.key.file), modified)
        });
        let list = |follow: &mut Follow, is_later: bool| {
            let mut others = follow.since(name, (old.modified, written), key.file).unwrap_or_default();
            others.retain(|other| Some(other.file) != copied && (other.modified > copied_at) == is_later);
            others
        };
        before = self.open_all(name, |follow| list(follow, false), before);
        if let Some(copy) = copy {
            before = Before { after: Some(self.give(copy, before)), is_lost: false };
        } else if !old.is_done {
            if old.offset < old.len {
                let rest = old.len - old.offset;
                let text = format!("{}: rewritten before its last {rest} bytes were read", text::path(&old.path));
                (self.files.emit)(Event::Warning(text));
            }
            before.is_lost |= old.head.len > 0;
        }
        self.open_all(name, |follow| list(follow, true), before)
    }

    /// The files of this log that were last modified in this interval and come before this file:
    /// oldest first.
    fn since(&mut self, name: &Name, (since, written): (i64, i64), file: FileId) -> io::Result<Vec<Rotated>> {
        let (dir, base) = Dir::parent_of(name.target(), Links::Trusted)?;
        let spot = Spot { dir: Rc::new(dir), name: base, is_former: false };
        let mut rotated = rotated([&spot].into_iter(), &mut self.listings);
        // Names order the files of one clock tick.
        let rank = |other: &Rotated| (Reverse(other.number), other.name.clone());
        let own = rotated.iter().find(|other| other.file == file).map(rank);
        let is_before = |other: &Rotated| own.as_ref().is_none_or(|own| rank(other) < *own);
        // The log itself comes after all files that were listed while it had its name, also after
        // those that their writer continued.
        let is_log = name.rotated.is_none() && spot.dir.stat(&spot.name).is_ok_and(|stat| FileId::from(&stat) == file);
        rotated.retain(|other| is_log || other.modified < written || other.modified == written && is_before(other));
        Ok(self.between(rotated, (None, since), (file, written), &spot))
    }

    /// Schedules these files, each after the one before it.
    fn open_all(&mut self, name: &Name, list: impl Fn(&mut Follow) -> Vec<Rotated>, mut before: Before) -> Before {
        for round in 1..=RENAMED_MAX {
            let mut is_renamed = false;
            for other in list(self) {
                if let Some(reader) = self.files.in_hand(&key(&self.stream, other.file)) {
                    before = Before { after: Some(reader), is_lost: false };
                    continue;
                }
                let name = name.of_rotated(&other);
                match self.open(&name, (&other.dir, &other.name, other.file), before.clone(), true) {
                    Ok(Some((_, Some(shared)))) => before = Before { after: Some(shared), is_lost: false },
                    // It has its next name already, and the files after it wait for it.
                    Ok(None) if round < RENAMED_MAX => {
                        is_renamed = true;
                        break;
                    }
                    // Those after it would lose their order.
                    Err(error) if is_shortage(&error) => return before,
                    Ok(_) | Err(_) => {}
                }
            }
            if !is_renamed {
                break;
            }
            self.listings.clear();
            self.listings.clear();
        }
        before
    }

    /// The rotated files between the last file that was read and this file: oldest first.
    fn between(
        &self,
        rotated: Vec<Rotated>,
        (last, since): (Option<FileId>, i64),
        (file, written): (FileId, i64),
        spot: &Spot,
    ) -> Vec<Rotated> {
        // Where a later file looks older, the clock was set back, and rotation numbers decide.
        let number_of_last = (written < since)
            .then(|| rotated.iter().find(|other| Some(other.file) == last))
            .flatten()
            .and_then(|other| other.number);
        let mut between: Vec<(Order, Rotated)> = Vec::new();
        let of_last = rotated.iter().find(|other| Some(other.file) == last).map(|other| (&*other.dir, &*other.name));
        let originals = [(last, of_last), (Some(file), Some((&*spot.dir, &*spot.name)))];
        // A file that is younger than the lost content of another comes after it: see
        // `before_anew`.
        let originals = originals.map(|(file, at)| {
            let position = file.and_then(|file| self.files.checkpoints.position(&key(&self.stream, file)));
            Original::new(position.unwrap_or_default(), at)
        });
        let anew = originals[1].gone_at().unwrap_or(i64::MAX);
        let copies: HashSet<FileId> = originals.iter().flat_map(|original| original.copies(&rotated)).collect();
        for other in rotated {
            let number = other.number.filter(|number| Some(*number) < number_of_last);
            let reader = self.files.in_hand(&key(&self.stream, other.file));
            let is_known = match Some(other.file) == last {
                // It may have grown since it was done.
                true => reader.is_some(),
                false => self.paths.lead_to(other.file) || reader.is_some_and(|reader| reader.is_beside()),
            };
            let is_excluded = is_named(&self.exclude, &other.dir.path().join(&other.name));
            let is_younger = other.modified >= since && other.modified <= anew || number.is_some();
            if other.file != file && !is_known && !is_excluded && is_younger && !copies.contains(&other.file) {
                let time = number.map_or(other.modified, |number| -i64::from(number));
                between.push(((time, Reverse(other.number)), other));
            }
        }
        between.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.name.cmp(&other.1.name)));
        between.into_iter().map(|(_, other)| other).collect()
    }

    /// Finds a file that an earlier sidecar followed, and that has been renamed.
    fn find_again(&mut self, name: &Name, spot: &Spot, key: &Key, position: &Position, before: Before) -> Before {
        match complete(|| self.reopen(name, spot, key, position, &before)) {
            Ok(Some(before)) => return before,
            Ok(None) => {}
            // It may be there: the caller searches again.
            Err(_) => return before,
        }
        self.files.checkpoints.forget(key);
        if position.offset < position.len {
            let rest = position.len - position.offset;
            let path = text::path(&name.path);
            let text = format!("{path}: rotated away and deleted before its last {rest} bytes were read");
            (self.files.emit)(Event::Warning(text));
        }
        Before { is_lost: true, ..before }
    }

    /// Opens a file with a known position. None: it is gone.
    fn reopen(&mut self, name: &Name, spot: &Spot, key: &Key, position: &Position, before: &Before) -> Option<Before> {
        let former = former(name, position.target());
        for _ in 0..RENAMED_MAX {
            let mut all = rotated([spot].into_iter().chain(&former), &mut self.listings).into_iter();
            let found = all.find(|other| other.file.inode == key.file.inode);
            match found {
                Some(other) => {
                    let name = name.of_rotated(&other);
                    match self.open(&name, (&other.dir, &other.name, other.file), before.clone(), true) {
                        Ok(Some((_, Some(shared)))) => return Some(Before { after: Some(shared), is_lost: false }),
                        Ok(Some((_, None))) => return Some(before.clone()),
                        // It has its next name already.
                        Ok(None) => {}
                        Err(_) => break,
                    }
                }
                None if [spot].into_iter().chain(&former).all(|spot| self.listings.is_current(&spot.dir)) => break,
                // Its name may have appeared since the directory was listed for another log.
                None => {}
            }
            self.listings.clear();
        }
        None
    }

    /// Schedules a file after its predecessor, or by itself.
    pub(super) fn give(&mut self, mut part: Link, before: Before) -> Arc<Shared> {
        let shared = Arc::clone(&part.shared);
        self.files.register(&part);
        if before.is_lost && part.offset == 0 {
            note_before(&mut part, 0);
        }
        let mut part = Box::new(part);
        if let Some(after) = before.after.map(|after| after.last()) {
            // The next sidecar reads both.
            if after.is_left() {
                shared.leave();
                return shared;
            }
            // The text before it continues.
            let noted = if before.is_lost { part.before } else { part.before.take() };
            part = match after.then(part) {
                Ok(()) => return shared,
                Err(part) => part,
            };
            part.before = noted;
            if let Some(open) = after.open().filter(|_| part.offset == 0 && !after.is_read()) {
                note_before(&mut part, open);
            }
        }
        self.found.push_back(Followed::new(&self.files, &self.back, *part));
        shared
    }
}

/// Notes that a file may continue a secret with an unread beginning.
fn note_before(part: &mut Part, open: u64) {
    part.before = Some(part.before.unwrap_or(0).max(open));
    lock(&part.slot).before = part.before;
}
