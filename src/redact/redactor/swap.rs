//! A change of the needle set in mid-stream.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::super::needle::NeedleSet;
use super::super::node_map::NodeMap;
use super::super::overlay::Overlay;
use super::super::redacted::Redacted;
use super::super::region::{self, Region};
use super::super::scan::PIECE_LEN_MAX;
use super::super::search::Search;
use super::colour;
use super::kept::HeldCopy;
use super::{Last, Note, Redactor, RegionCounts};

impl Redactor {
    /// Switches to another needle set. Held-back bytes are searched again, and returned if they
    /// begin none of the new needles; regions found with the old set stay masked. No byte is lost,
    /// doubled or reordered.
    pub fn swap(&mut self, set: Arc<NeedleSet>) -> Redacted<'_> {
        self.swap_behind(set, &[])
    }

    /// Swaps the set like [`swap`](Redactor::swap), and also searches `behind`: the last returned
    /// bytes, if the caller has not written them yet and none is of a mask. It takes them back, and
    /// returns them again.
    pub(crate) fn swap_behind(&mut self, set: Arc<NeedleSet>, behind: &[u8]) -> Redacted<'_> {
        self.fold_counts();
        let copy = self.held_copy();
        let held = Zeroizing::new(self.held_bytes(copy).to_vec());
        let old_set = std::mem::replace(&mut self.set, set);
        for region in &mut self.regions {
            region.more.old_set.get_or_insert_with(|| Arc::clone(&old_set));
        }
        if let Some(widths) = &mut self.widths {
            widths.overlay = Overlay::named(&self.set).ok();
        }
        // A released partial match is the end of `behind`.
        let released = if behind.is_empty() { 0 } else { copy.len - self.held() };
        self.emitted -= behind.len() as u64;
        let again = Zeroizing::new([behind, &held[released..]].concat().into_boxed_slice());
        let end = self.search.end();
        let start = end - again.len() as u64;
        (self.search, self.kept) = (Search::at(start), None);
        let mut regions = std::mem::take(&mut self.regions);
        for piece in again.chunks(PIECE_LEN_MAX) {
            let start = self.search.end();
            self.search.push(&self.set, piece, &mut self.found, &mut self.read);
            let found =
                self.found.drain(..).map(|(at, needle)| Region::found(&self.set, start + u64::from(at), needle));
            colour::note(&mut self.colours, &self.read);
            let read = self.read.drain(..).map(|occurrence| Region::read(&self.set, &occurrence));
            // A released partial match cannot be taken back.
            regions.extend(found.chain(read).filter(|region: &Region<Note>| region.range.end > self.emitted));
        }
        self.regions = region::join(regions);
        self.keep(HeldCopy::default(), &again, start);
        self.again = Some(again);
        self.release(self.held_start(), HeldCopy::of_swap((end - start) as usize), &[], Last::No);
        if let Some(end) = &mut self.output_end {
            end.take_back(behind.len());
        }
        self.output(HeldCopy::of_swap((end - start) as usize), &[], Last::No)
    }

    /// Creates a redactor for a whole text that begins at this position of its stream.
    pub(crate) fn aside(set: &Arc<NeedleSet>, start: u64) -> Redactor {
        Redactor { search: Search::at(start), emitted: start, ..Redactor::new(Arc::clone(set)).mask_partial(false) }
    }

    /// Creates a redactor for another text of the same stream, which begins at this position.
    #[allow(dead_code, reason = "only streams with frames ask, which a library may be without")]
    pub(crate) fn beside(&self) -> Redactor {
        Redactor { mask_partial: self.mask_partial, ..Redactor::aside(&self.set, self.end()) }
    }

    /// The counts, which begin anew.
    #[allow(dead_code, reason = "only streams with frames ask, which a library may be without")]
    pub(crate) fn take_counts(&mut self) -> RegionCounts {
        self.fold_counts();
        std::mem::take(&mut self.old_counts)
    }

    /// Adds the counts of another redactor of this stream.
    pub(crate) fn count_with(&mut self, counts: RegionCounts) {
        counts.into_iter().for_each(|(key, count)| *self.old_counts.entry(key).or_default() += count);
    }

    fn fold_counts(&mut self) {
        self.old_counts = self.counts();
        self.counts = NodeMap::default();
    }
}
