//! What was found in a file: names, forms, counts and offsets. Never a value, nor anything of the file.

use std::collections::BTreeMap;

use crate::NeedleSet;
use crate::redact::encoding::Form;
use crate::redact::region::Region;

/// So many offsets are kept for each name and form in a file.
pub const OFFSETS_MAX: usize = 1_000;

/// The regions of one name and form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// How many there are.
    pub count: u64,
    /// Where the first [`OFFSETS_MAX`] of them begin; in a compressed file, in its content.
    pub offsets: Vec<u64>,
}

/// What was found in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// By the secret's name and the form that names the region.
    pub places: BTreeMap<(String, Form), Places>,
    /// How many bytes were searched.
    pub bytes: u64,
    /// The file ends in the beginning of a secret that is long enough to be masked; it was left,
    /// because a process was writing to it, and the rest may come. A later scrub finds out.
    pub stump_left: bool,
    /// Why it is in doubt whether the file is text. It was searched as text.
    pub doubt: Option<&'static str>,
    /// How often the search began anew, because the file was truncated or written over meanwhile.
    pub restarts: u32,
}

impl Findings {
    /// How many regions were found.
    pub fn count(&self) -> u64 {
        self.places.values().map(|places| places.count).sum()
    }

    /// Adds the places of another search of the same file.
    pub(super) fn add(&mut self, other: Findings) {
        for (key, more) in other.places {
            let places = self.places.entry(key).or_default();
            places.count += more.count;
            let room = OFFSETS_MAX.saturating_sub(places.offsets.len());
            places.offsets.extend(more.offsets.into_iter().take(room));
        }
    }

    pub(super) fn note(&mut self, set: &NeedleSet, region: &Region) {
        self.note_at(set, region.needle(), region.range().start);
    }

    /// Notes a region by the needle that names it, and its beginning.
    pub(super) fn note_at(&mut self, set: &NeedleSet, needle: usize, offset: u64) {
        let (name, form) = set.name_and_form(needle);
        let places = self.places.entry((name.to_owned(), form)).or_default();
        places.count += 1;
        if places.offsets.len() < OFFSETS_MAX {
            places.offsets.push(offset);
        }
    }
}
