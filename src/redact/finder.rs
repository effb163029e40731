//! The finder: bytes in, regions out. It searches as the [redactor](super::redactor) does, and rewrites nothing.

use core::fmt;
use std::sync::Arc;
use std::vec::Drain;

use super::automaton::{ROOT, State};
use super::needle::NeedleSet;
use super::region::{self, Region};
use super::scan::PIECE_LEN_MAX;

/// Finds the regions of one text: takes it in in any pieces, and tells a region as soon as nothing that follows can belong to it.
///
/// Memory: 56 bytes, and 32 for each region that may still grow; of the text nothing is kept, so there can be one for each of many
/// files. Cost: linear in the text, whatever the text. Nothing fails, and nothing panics.
///
/// A text can be searched in parts, one after the other or side by side: see [`join`].
///
/// ```
/// # use std::sync::Arc;
/// # use hushlog::{Finder, NeedleSet, Secret};
/// let secret = Secret::new("API_KEY", b"sk-live-X9Q2".to_vec());
/// let mut finder = Finder::new(Arc::new(NeedleSet::builder().secret(secret).build()?));
/// assert_eq!(finder.push(b"key=sk-li").count(), 0);
/// assert_eq!(finder.held(), 5);
/// assert_eq!(finder.push(b"ve-X9Q2; ok").next().unwrap().range(), 4..16);
/// # Ok::<(), hushlog::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Finder {
    set: Arc<NeedleSet>,
    /// All text so far ends here.
    end: u64,
    /// Found, and not told because they may grow; in order, none touching the next.
    open: Vec<Region>,
    state: State,
}

impl Finder {
    /// A finder at the beginning of a text.
    pub fn new(set: Arc<NeedleSet>) -> Finder {
        Finder::at(set, 0)
    }

    /// A finder in the middle of a text: occurrences that begin before `offset` are not found.
    pub fn at(set: Arc<NeedleSet>, offset: u64) -> Finder {
        Finder { set, end: offset, open: Vec::new(), state: ROOT }
    }

    /// A finder that goes on at `offset` after a search in parts: every occurrence that begins before it has been found, and these
    /// regions of them may still grow; they are in order, and none touches the next.
    pub fn resume(set: Arc<NeedleSet>, offset: u64, mut open: Vec<Region>) -> Finder {
        // What begins from here on is found again, and must not be there already when what lies before it is.
        open.retain(|region| region.range.start < offset);
        Finder { set, end: offset, open, state: ROOT }
    }

    /// Takes the next piece of the text in, and tells the regions that are complete now, in order.
    pub fn push(&mut self, text: &[u8]) -> Drain<'_, Region> {
        // Not kept, so that an idle finder is small: no memory is taken for it where nothing is found.
        let mut found = Vec::new();
        for piece in text.chunks(PIECE_LEN_MAX) {
            self.state = self.set.scanner().scan(piece, self.state, &mut found);
            for (at, needle) in found.drain(..) {
                region::add(&mut self.open, Region::found(&self.set, self.end + u64::from(at), needle));
            }
            self.end += piece.len() as u64;
        }
        // What follows begins here at the earliest, and what it touches it joins.
        let settled = self.end - self.held() as u64;
        let complete = self.open.partition_point(|region| region.range.end < settled);
        self.open.drain(..complete)
    }

    /// The find that may still grow, as it is now. With `stump`, the beginning of a
    /// needle at the end belongs to it, if it is long enough to be masked where a text ends: see
    /// [`Redactor::mask_stump`](super::redactor::Redactor::mask_stump).
    pub fn open(&self, stump: bool) -> Vec<Region> {
        let mut open = self.open.clone();
        if let Some((needle, len)) = self.set.stump(self.state).filter(|_| stump) {
            region::add(&mut open, Region::stump(self.end - len as u64..self.end, needle));
        }
        open
    }

    /// Ends the text, and tells the regions that were [open](Finder::open). What is pushed after that is a text of its own, which
    /// begins where this one ended.
    pub fn finish(&mut self, stump: bool) -> std::vec::IntoIter<Region> {
        let open = self.open(stump);
        self.open = Vec::new();
        self.state = ROOT;
        open.into_iter()
    }

    /// Whether the text would end in the beginning of a needle that is long enough to be masked
    /// there, if it ended now.
    pub fn is_at_stump(&self) -> bool {
        self.set.stump(self.state).is_some()
    }

    /// How many bytes of the text's end may be the beginning of a needle.
    pub fn held(&self) -> usize {
        self.set.scanner().held(self.state).1
    }

    /// Where the text so far ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// What is searched for.
    pub fn set(&self) -> &Arc<NeedleSet> {
        &self.set
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finder").field("set", &self.set).field("end", &self.end).finish_non_exhaustive()
    }
}

/// Joins the regions of overlapping parts of a text to those of the text.
///
/// The answer is that of one finder if and only if each occurrence lies within one of the parts as a whole. So each
/// part is searched [`NeedleSet::needle_len_max`] - 1 bytes beyond the beginning of the next, or to the end of the text, and
/// those that reach its end are finished with the same `stump`.
pub fn join(regions: Vec<Region>) -> Vec<Region> {
    region::join(regions)
}
