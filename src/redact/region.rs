//! Regions: the units of masking, joined from occurrences.

use std::ops::Range;

use super::encoding::Form;
use super::needle::NeedleSet;
use super::reading::spelling::Spelling;

/// An occurrence of a needle in the plain reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occurrence {
    /// The stretch of the text from that of the needle's first byte to that of its last.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) needle: u32,
    pub(crate) spelling: Spelling,
}

/// A maximal run of bytes covered by occurrences of needles, counted from the start of the text.
///
/// `More` is the owner's additional data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region<More = ()> {
    pub(super) range: Range<u64>,
    /// The needle that names the region: the longest that begins where the region does.
    pub(super) needle: u32,
    /// That needle's length, or 0 for a partial match, which any whole needle outranks; and in the
    /// lowest bits its spelling there.
    len_and_spelling: u32,
    pub(super) more: More,
}

/// The number of bits that a spelling takes.
const SPELLING_BITS: u32 = 3;
const _: () = assert!(Spelling::ALL.len() <= 1 << SPELLING_BITS);

impl<More: Default> Region<More> {
    fn new(range: Range<u64>, needle: u32, needle_len: usize, spelling: Spelling) -> Region<More> {
        debug_assert!(needle_len < 1 << (u32::BITS - SPELLING_BITS));
        Region {
            range,
            needle,
            len_and_spelling: (needle_len as u32) << SPELLING_BITS | spelling as u32,
            more: More::default(),
        }
    }

    /// The region of one occurrence, by its end.
    pub(crate) fn found(set: &NeedleSet, end: u64, needle: u32) -> Region<More> {
        let len = set.needle(needle as usize).len();
        Region::new(end - len as u64..end, needle, len, Spelling::Own)
    }

    /// The region of an occurrence in the plain reading.
    pub(super) fn read(set: &NeedleSet, occurrence: &Occurrence) -> Region<More> {
        let Occurrence { start, end, needle, spelling } = *occurrence;
        Region::new(start..end, needle, set.needle(needle as usize).len(), spelling)
    }

    /// The region of a partial match at the end of a text.
    pub(super) fn partial(range: Range<u64>, needle: usize) -> Region<More> {
        Region::new(range, needle as u32, 0, Spelling::Own)
    }
}

impl Region {
    /// Its position in the text.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// The needle that names it: see [`NeedleSet::name_and_form`].
    pub fn needle(&self) -> usize {
        self.needle as usize
    }

    /// The form in which its secret was found: that of the needle, or the spelling of the needle in
    /// the text.
    pub fn form(&self, set: &NeedleSet) -> Form {
        set.name_and_form(self.needle()).1.spelled(self.spelling())
    }

    /// Whether it is only a partial match, at the end of a text.
    pub fn is_partial(&self) -> bool {
        self.needle_len() == 0
    }
}

impl<More> Region<More> {
    /// The needle that names it, and its spelling there.
    pub(crate) fn named(&self) -> (usize, Spelling) {
        (self.needle as usize, self.spelling())
    }

    fn needle_len(&self) -> u32 {
        self.len_and_spelling >> SPELLING_BITS
    }

    fn spelling(&self) -> Spelling {
        Spelling::ALL[self.len_and_spelling as usize & ((1 << SPELLING_BITS) - 1)]
    }

    /// Whether this region gives its name and mask to a union with the other.
    fn names(&self, other: &Region<More>) -> bool {
        let rank = |region: &Region<More>| {
            (region.range.start, u32::MAX - region.needle_len(), region.needle, region.spelling())
        };
        rank(self) <= rank(other)
    }
}

/// Adds a region that ends no earlier than all others, and joins it with those that it touches.
pub(super) fn add<More>(regions: &mut Vec<Region<More>>, mut region: Region<More>) {
    while let Some(last) = regions.pop_if(|last| last.range.end >= region.range.start) {
        let end = region.range.end.max(last.range.end);
        if last.names(&region) {
            region = last;
        }
        region.range.end = end;
    }
    regions.push(region);
}

/// Adds regions in any order, and joins them.
pub(super) fn add_any<More>(regions: &mut Vec<Region<More>>, more: impl ExactSizeIterator<Item = Region<More>>) {
    if more.len() > 0 {
        regions.extend(more);
        *regions = join(std::mem::take(regions));
    }
}

/// Joins regions in any order; they may overlap or be equal.
pub(super) fn join<More>(mut regions: Vec<Region<More>>) -> Vec<Region<More>> {
    // Stable: of two with the same end, the earlier one in the list is added first.
    regions.sort_by_key(|region| region.range.end);
    let mut joined = Vec::new();
    regions.into_iter().for_each(|region| add(&mut joined, region));
    joined
}
