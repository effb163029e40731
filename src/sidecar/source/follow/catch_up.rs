//! Earlier files at the path of the file that is there now: files that came and went unseen.

use std::sync::Arc;

use super::super::super::checkpoint::{Key, Place};
use super::super::super::notice::Notice;
use super::file::key;
use super::listing::Listings;
use super::rotated::{Name, Rotated, Spot, former, is_copy, rotated};
use super::shared::Shared;
use super::{FREE_MAX, Follow, RENAMED_MAX};
use crate::redact::text;
use crate::scrub::is_named;
use crate::sys::file::FileId;

/// The predecessor of a file.
#[derive(Clone, Default)]
pub(super) struct Before {
    pub(super) after: Option<Arc<Shared>>,
    /// It is gone, all of it or its end.
    pub(super) is_lost: bool,
}

impl Follow {
    /// Has all be read that was at this path before this file, which was written to at this time.
    /// Returns its predecessor.
    pub(super) fn catch_up(&mut self, name: &Name, (file, written): (FileId, i64), spot: &Spot) -> Before {
        let mut before = Before { after: self.waiting.remove(&name.path), is_lost: false };
        let mut last = None;
        if let Some(seen) = self.paths.get(&name.path).filter(|seen| seen.key.file != file).cloned() {
            before.after = before.after.or(seen.shared);
            let was = Name { path: name.path.clone(), target: seen.target };
            last = Some((seen.key.file, seen.modified, was));
        } else if self.begun.elapsed() < FREE_MAX {
            let mut known = self.files.checkpoints.at(&self.stream, &name.path);
            known.retain(|(key, _)| key.file != file);
            if known.len() > 1 {
                // Their later times of writing give their order.
                for other in rotated([spot].into_iter(), &mut self.listings) {
                    let of = known.iter_mut().filter(|(key, _)| key.file.inode == other.file.inode);
                    of.for_each(|(_, place)| place.modified = other.modified);
                }
            }
            known.sort_by_key(|(_, place)| place.modified);
            last = known.last().map(|(key, place)| {
                let was = Name { path: name.path.clone(), target: place.target.clone() };
                (key.file, place.modified, was)
            });
            known.retain(|(_, place)| !place.is_done);
            for (key, place) in known {
                match self.files.reader(&key) {
                    Some(reader) => before = Before { after: Some(reader), is_lost: false },
                    None => before = self.find_again(name, spot, &key, &place, before),
                }
            }
        }
        let Some((last, since, was)) = last else { return before };
        let former = former(name, &was);
        // Rotation has gone on since the directory was listed for another log.
        if !spot.dir.stat(&spot.name).is_ok_and(|stat| FileId::from(&stat) == file) {
            self.listings.clear();
        }
        for attempt in 1..=RENAMED_MAX {
            let rotated = rotated([spot].into_iter().chain(&former), &mut self.listings);
            let mut is_renamed = false;
            for other in self.between(rotated, (last, since), (file, written)) {
                let name = Name { path: other.dir.path().join(&other.name), target: None };
                let place = (&*other.dir, &*other.name, other.file);
                if let Some(reader) = self.files.reader(&key(&self.stream, other.file)) {
                    before = Before { after: Some(reader), is_lost: false };
                    continue;
                }
                match self.open(&name, place, before.clone(), true) {
                    Ok(Some((_, Some(shared)))) => before = Before { after: Some(shared), is_lost: false },
                    // It has the next name by now, and comes before those that are younger.
                    Ok(None) => {
                        is_renamed = true;
                        if attempt < RENAMED_MAX {
                            break;
                        }
                    }
                    Ok(Some((_, None))) | Err(_) => {}
                }
            }
            if !is_renamed {
                break;
            }
            self.listings.clear();
        }
        before
    }

    /// Those of the rotated files that came after the last one that was read, and before this file:
    /// the oldest first.
    fn between(
        &self,
        rotated: Vec<Rotated>,
        (last, since): (FileId, i64),
        (file, written): (FileId, i64),
    ) -> Vec<Rotated> {
        // Where a later file looks older, the clock was set back, and the numbers of rotation
        // tell.
        let number_of_last = (written < since)
            .then(|| rotated.iter().find(|other| other.file == last))
            .flatten()
            .and_then(|other| other.number);
        let mut between: Vec<(i64, Rotated)> = Vec::new();
        let place = self.files.checkpoints.place(&key(&self.stream, last)).unwrap_or_default();
        for other in rotated {
            let number = other.number.filter(|number| Some(*number) < number_of_last);
            let is_known = other.file == file
                || other.file == last
                || self.paths.lead_to(other.file)
                || self.files.reader(&key(&self.stream, other.file)).is_some_and(|reader| reader.is_beside());
            let is_excluded = is_named(&self.exclude, &other.dir.path().join(&other.name));
            let is_younger = other.modified >= since || number.is_some();
            if !is_known && !is_excluded && is_younger && !is_copy(&place, &other) {
                between.push((number.map_or(other.modified, |number| -i64::from(number)), other));
            }
        }
        between.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.name.cmp(&other.1.name)));
        between.into_iter().map(|(_, other)| other).collect()
    }

    /// A file that was followed by an earlier sidecar, and has another name by now.
    fn find_again(&mut self, name: &Name, spot: &Spot, key: &Key, place: &Place, before: Before) -> Before {
        let former = former(name, &Name { path: name.path.clone(), target: place.target.clone() });
        let find = |listings: &mut Listings| {
            let rotated = rotated([spot].into_iter().chain(&former), listings);
            rotated.into_iter().find(|other| other.file.inode == key.file.inode)
        };
        let mut found = find(&mut self.listings);
        // Its name may have come since the directory was listed for another log.
        if found.is_none() && ![spot].into_iter().chain(&former).all(|spot| self.listings.is_current(&spot.dir)) {
            self.listings.clear();
            found = find(&mut self.listings);
        }
        if let Some(other) = found {
            let name = Name { path: other.dir.path().join(&other.name), target: None };
            let opened = self.open(&name, (&other.dir, &other.name, other.file), before.clone(), true);
            if let Ok(Some((_, shared))) = opened {
                return shared.map_or(before, |shared| Before { after: Some(shared), is_lost: false });
            }
        }
        self.files.checkpoints.forget(key);
        if place.offset < place.len {
            let rest = place.len - place.offset;
            let path = text::path(&name.path);
            let text = format!("{path}: rotated away and deleted before its last {rest} bytes were read");
            (self.files.tell)(Notice::Warning(text));
        }
        Before { is_lost: true, ..before }
    }
}
