//! Directory listings, read once a look: otherwise ten thousand logs that rotate at once would list
//! their directory ten thousand times.
//!
//! A listing goes stale while it is used. A file that was renamed since leaves its old name behind,
//! and the look that misses it lists the directory again. A further rotation has moved the log
//! itself, whose open by name then fails, and the search starts again.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::RENAMED_MAX;
use super::file::modified;
use crate::sys::beneath::Dir;
use crate::sys::file::FileId;
use crate::sys::rotation::is_rotated;

/// Characters that rotation puts between a name and its suffix.
const SEPARATORS: [u8; 4] = [b'.', b'-', b'_', b'@'];
/// Two changes within this time may have the same timestamp: the kernel's clock for files ticks at
/// least a hundred times a second.
const TICK: Duration = Duration::from_millis(20);

/// The listings of one look.
#[derive(Default)]
pub(super) struct Listings {
    by_directory: HashMap<FileId, Arc<Listing>>,
    #[cfg(test)]
    counts: Arc<Counts>,
}

/// The number of names listed and compared.
#[cfg(test)]
#[derive(Default)]
struct Counts {
    listed: AtomicUsize,
    compared: AtomicUsize,
}

/// The names in a directory.
#[derive(Default)]
pub(super) struct Listing {
    /// Sorted.
    names: Vec<OsString>,
    /// The indices of the names with this extension, sorted.
    by_end: HashMap<OsString, Vec<usize>>,
    /// When the directory was modified, and when it was listed, in nanoseconds.
    changed: i64,
    listed: i64,
    #[cfg(test)]
    counts: Arc<Counts>,
}

impl Listings {
    /// The names in a directory, at some time of this look.
    pub(super) fn of(&mut self, directory: &Dir) -> Arc<Listing> {
        let Ok(stat) = directory.stat_self() else { return Arc::default() };
        let id = FileId::from(&stat);
        if let Some(listing) = self.by_directory.get(&id) {
            return Arc::clone(listing);
        }
        #[cfg_attr(not(test), expect(unused_mut, reason = "only tests count"))]
        let mut listing = Listing::new(directory, modified(&stat));
        #[cfg(test)]
        {
            self.counts.listed.fetch_add(listing.names.len(), Relaxed);
            listing.counts = Arc::clone(&self.counts);
        }
        let listing = Arc::new(listing);
        self.by_directory.insert(id, Arc::clone(&listing));
        listing
    }

    /// Whether no name can have appeared in a directory since it was listed.
    pub(super) fn is_current(&self, directory: &Dir) -> bool {
        let Ok(stat) = directory.stat_self() else { return false };
        self.by_directory.get(&FileId::from(&stat)).is_some_and(|listing| {
            let changed = modified(&stat);
            listing.changed == changed && listing.listed.saturating_sub(changed) > TICK.as_nanos() as i64
        })
    }

    /// Whether a directory was listed before.
    pub(super) fn have(&self, directory: &Dir) -> bool {
        directory.stat_self().is_ok_and(|stat| self.by_directory.contains_key(&FileId::from(&stat)))
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.counts.listed.load(Relaxed), self.counts.compared.load(Relaxed))
    }

    /// Clears the listings, so that the next use lists again.
    pub(super) fn clear(&mut self) {
        self.by_directory.clear();
    }
}

impl Listing {
    fn new(directory: &Dir, mut changed: i64) -> Listing {
        let mut listed = now();
        let mut names = names(directory);
        // A listing made during renames may miss a file under both names: it counts when nothing
        // has changed, or the next listing is the same.
        for _ in 0..RENAMED_MAX {
            let now_changed = directory.stat_self().map_or(changed, |stat| modified(&stat));
            if now_changed == changed && listed.saturating_sub(changed) > TICK.as_nanos() as i64 {
                break;
            }
            (changed, listed) = (now_changed, now());
            let before = std::mem::replace(&mut names, self::names(directory));
            if before == names {
                break;
            }
        }
        let mut by_end: HashMap<OsString, Vec<usize>> = HashMap::new();
        for (place, name) in names.iter().enumerate() {
            if let Some((_, end)) = parts(name) {
                by_end.entry(OsStr::from_bytes(end).to_owned()).or_default().push(place);
            }
        }
        Listing {
            names,
            by_end,
            changed,
            listed,
            #[cfg(test)]
            counts: Arc::default(),
        }
    }

    /// The names that rotation may have made of this one: see [`is_rotated`]. The time does not
    /// depend on the number of other names.
    pub(super) fn rotated(&self, name: &OsStr) -> Vec<&OsStr> {
        let mut all = Vec::new();
        let take = |other: &OsStr, all: &mut Vec<usize>, place: usize| {
            #[cfg(test)]
            self.counts.compared.fetch_add(1, Relaxed);
            if is_rotated(other, name) {
                all.push(place);
            }
        };
        let bytes = name.as_bytes();
        for separator in SEPARATORS {
            let begin = [bytes, &[separator]].concat();
            let first = self.names.partition_point(|other| other.as_bytes() < &begin[..]);
            let those = self.names[first..].iter().take_while(|other| other.as_bytes().starts_with(&begin));
            those.enumerate().for_each(|(at, other)| take(other, &mut all, first + at));
        }
        if let Some((stem, end)) = parts(name)
            && let Some(places) = self.by_end.get(OsStr::from_bytes(end))
        {
            for separator in SEPARATORS {
                let begin = [stem, &[separator]].concat();
                let first = places.partition_point(|place| self.names[*place].as_bytes() < &begin[..]);
                let those =
                    places[first..].iter().take_while(|place| self.names[**place].as_bytes().starts_with(&begin));
                those.for_each(|place| take(&self.names[*place], &mut all, *place));
            }
        }
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(|place| &*self.names[place]).collect()
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}

/// The names in a directory, sorted.
fn names(directory: &Dir) -> Vec<OsString> {
    let mut names: Vec<OsString> = directory.names().unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}

/// Splits a name at its last dot.
fn parts(name: &OsStr) -> Option<(&[u8], &[u8])> {
    let bytes = name.as_bytes();
    let dot = memchr::memrchr(b'.', bytes).filter(|dot| *dot > 0)?;
    Some((&bytes[..dot], &bytes[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::beneath::Links;

    #[test]
    fn a28_a_listing_finds_the_same_as_a_stat_of_each_name() {
        let dir = tempfile::tempdir().unwrap();
        // All names of up to five of these parts.
        let parts = ["a", "b", ".", "-", "1"];
        let mut names = vec![String::new()];
        for _ in 0..5 {
            let longer = names.iter().flat_map(|name| parts.map(|part| format!("{name}{part}"))).collect::<Vec<_>>();
            names.extend(longer);
            names.sort();
            names.dedup();
        }
        names.retain(|name| !["", ".", "..", "..."].contains(&&**name) && name.len() != 3);
        names.iter().for_each(|name| std::fs::write(dir.path().join(name), "").unwrap());
        let opened = Dir::open(dir.path(), Links::Trusted).unwrap();
        let listing = Listings::default().of(&opened);
        for name in names.iter().step_by(7).map(OsStr::new) {
            let found = listing.rotated(name);
            let wanted: Vec<&OsStr> = names.iter().map(OsStr::new).filter(|other| is_rotated(other, name)).collect();
            assert_eq!(found, wanted, "{}", name.display());
        }
    }

    #[test]
    fn a28_a_listing_is_current_until_a_name_comes() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "").unwrap();
        let opened = Dir::open(dir.path(), Links::Trusted).unwrap();
        let mut listings = Listings::default();
        std::thread::sleep(2 * TICK);
        listings.of(&opened);
        assert!(listings.is_current(&opened));
        std::fs::write(dir.path().join("a.1"), "").unwrap();
        assert!(!listings.is_current(&opened));
        assert!(listings.of(&opened).rotated(OsStr::new("a")).is_empty());
        listings.clear();
        assert_eq!(listings.of(&opened).rotated(OsStr::new("a")), ["a.1"]);
        assert!(!listings.is_current(&opened), "another name may have come within the same tick");
    }
}
