//! Findings in a file: names, forms, counts and offsets. Never a value or other content of the
//! file.

use std::collections::BTreeMap;

use crate::NeedleSet;
use crate::redact::encoding::Form;
use crate::redact::region::Region;

/// The maximum number of offsets kept for each name and form in a file.
pub const OFFSETS_MAX: usize = 1_000;

/// The regions of one name and form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The number of regions.
    pub count: u64,
    /// The offsets of the first [`OFFSETS_MAX`] regions; in a compressed file, in its content.
    pub offsets: Vec<u64>,
}

/// The findings in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// By the secret's name and the form that names the region.
    pub places: BTreeMap<(String, Form), Places>,
    /// The number of bytes searched.
    pub bytes: u64,
    /// The file ends in a partial match long enough to be masked. It was left unmasked because a
    /// process was writing to the file and may complete the secret. A later scrub decides.
    pub partial_left: bool,
    /// The reason for doubt that the file is text. It was searched as text.
    pub doubt: Option<&'static str>,
    /// The number of times the search restarted because the file was truncated or overwritten.
    pub restarts: u32,
}

impl Findings {
    /// The number of regions found.
    pub fn count(&self) -> u64 {
        self.places.values().map(|places| places.count).sum()
    }

    /// Adds the findings of another search of the same file.
    pub(super) fn add(&mut self, other: Findings) {
        for (key, more) in other.places {
            let places = self.places.entry(key).or_default();
            places.count += more.count;
            let room = OFFSETS_MAX.saturating_sub(places.offsets.len());
            places.offsets.extend(more.offsets.into_iter().take(room));
        }
    }

    pub(super) fn note(&mut self, set: &NeedleSet, region: &Region) {
        let (name, _) = set.name_and_form(region.needle());
        self.note_as(name, region.form(set), region.range().start);
    }

    /// Records a region by the needle that names it and its offset.
    pub(super) fn note_at(&mut self, set: &NeedleSet, needle: usize, offset: u64) {
        let (name, form) = set.name_and_form(needle);
        self.note_as(name, form, offset);
    }

    fn note_as(&mut self, name: &str, form: Form, offset: u64) {
        let places = self.places.entry((name.to_owned(), form)).or_default();
        places.count += 1;
        if places.offsets.len() < OFFSETS_MAX {
            places.offsets.push(offset);
        }
    }
}
