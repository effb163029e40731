//! The finder: bytes in, regions out. It searches like the [redactor](super::redactor), and
//! rewrites nothing.

use core::fmt;
use std::sync::Arc;
use std::vec::Drain;

use super::needle::NeedleSet;
use super::region::{self, Occurrence, Region};
use super::scan::PIECE_LEN_MAX;
use super::search::Search;

/// Finds the regions of one text. Accepts it in pieces of any size, and reports a region as soon as
/// no later byte can belong to it.
///
/// Memory: 56 bytes, and 32 for each region that may still grow. It keeps none of the text, so many
/// files can have a finder each. Cost: linear in the text, for any text. It neither fails nor
/// panics.
///
/// A text can be searched in parts, sequentially or in parallel: see [`join`].
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
    search: Search,
    /// Regions that may still grow; in order, none touching the next.
    open: Vec<Region>,
}

impl Finder {
    /// A finder at the beginning of a text.
    pub fn new(set: Arc<NeedleSet>) -> Finder {
        Finder::at(set, 0)
    }

    /// A finder in the middle of a text: it misses occurrences that begin before `offset`.
    pub fn at(set: Arc<NeedleSet>, offset: u64) -> Finder {
        Finder { set, search: Search::at(offset), open: Vec::new() }
    }

    /// A finder that continues at `offset` after a search in parts. Every occurrence that begins
    /// before `offset` has been found. Of their regions, those in `open` may still grow; they are
    /// in order, and none touches the next.
    pub fn resume(set: Arc<NeedleSet>, offset: u64, mut open: Vec<Region>) -> Finder {
        // An occurrence that begins from here on is found again; it must not already be there when
        // an earlier one is added.
        open.retain(|region| region.range.start < offset);
        Finder { set, search: Search::at(offset), open }
    }

    /// Accepts the next piece of the text, and returns the regions that are now complete, in order.
    pub fn push(&mut self, text: &[u8]) -> Drain<'_, Region> {
        // Not kept across calls, so an idle finder is small: without findings it allocates nothing.
        let (mut found, mut read) = (Vec::new(), Vec::new());
        for piece in text.chunks(PIECE_LEN_MAX) {
            let start = self.end();
            self.search.push(&self.set, piece, &mut found, &mut read);
            for (at, needle) in found.drain(..) {
                region::add(&mut self.open, Region::found(&self.set, start + u64::from(at), needle));
            }
            region::add_any(&mut self.open, read.drain(..).map(|occurrence| Region::read(&self.set, &occurrence)));
        }
        // Later occurrences begin here at the earliest, and join the regions that they touch.
        let settled = self.search.held_start(&self.set);
        let complete = self.open.partition_point(|region| region.range.end < settled);
        self.open.drain(..complete)
    }

    /// The regions that may still grow, in their current state. With `with_partial`, a partial
    /// match at the end is included if it is long enough to be masked at the end of a text: see
    /// [`Redactor::mask_partial`](super::redactor::Redactor::mask_partial).
    pub fn open(&self, with_partial: bool) -> Vec<Region> {
        let (mut search, mut open) = (self.search.clone(), self.open.clone());
        let (mut read, mut partial) = (Vec::new(), Vec::new());
        search.finish(&self.set, &mut read, &mut partial);
        region::add_any(&mut open, read.iter().map(|occurrence| Region::read(&self.set, occurrence)));
        partial.retain(|_| with_partial);
        let region = |partial: Occurrence| Region::partial(partial.start..partial.end, partial.needle as usize);
        region::add_any(&mut open, partial.into_iter().map(region));
        open
    }

    /// Ends the text, and returns the [open](Finder::open) regions. A later push begins a new text,
    /// with offsets that continue from the end of this one.
    pub fn finish(&mut self, with_partial: bool) -> std::vec::IntoIter<Region> {
        let open = self.open(with_partial);
        self.open = Vec::new();
        self.search = Search::at(self.end());
        open.into_iter()
    }

    /// Whether the text, if it ended now, would end in a partial match long enough to be masked.
    pub fn is_at_partial_match(&self) -> bool {
        let mut partial = Vec::new();
        self.search.clone().finish(&self.set, &mut Vec::new(), &mut partial);
        !partial.is_empty()
    }

    /// The number of bytes at the end of the text that may begin a needle.
    pub fn held(&self) -> usize {
        (self.end() - self.search.held_start(&self.set)) as usize
    }

    /// The end of the last line so far, where the text ends in a line end: before the first of
    /// those that read as nothing, if it ends in one.
    #[allow(dead_code, reason = "only records ask, which a library may be without")]
    pub(crate) fn line_end(&self) -> u64 {
        self.end() - self.search.wrapped()
    }

    /// The end of the text so far.
    pub fn end(&self) -> u64 {
        self.search.end()
    }

    /// The needle set.
    pub fn set(&self) -> &Arc<NeedleSet> {
        &self.set
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finder").field("set", &self.set).field("end", &self.end()).finish_non_exhaustive()
    }
}

/// Joins the regions of overlapping parts of a text to the regions of the whole.
///
/// The result equals that of one finder if and only if each occurrence lies completely within one
/// of the parts. So search each part [`NeedleSet::needle_len_max`] - 1 bytes beyond the beginning
/// of the next, or to the end of the text, and finish those that reach its end with the same
/// `with_partial`.
pub fn join(regions: Vec<Region>) -> Vec<Region> {
    region::join(regions)
}
