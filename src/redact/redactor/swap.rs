//! A change of the needle set in mid-stream.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::super::automaton::ROOT;
use super::super::needle::NeedleSet;
use super::super::node_map::NodeMap;
use super::super::overlay::Overlay;
use super::super::redacted::{Redacted, Texts};
use super::super::region::{self, Region};
use super::super::scan::PIECE_LEN_MAX;
use super::{Note, Redactor, RegionCounts, held_bytes};

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
        let old_set = std::mem::replace(&mut self.set, set);
        for region in &mut self.regions {
            region.more.old_set.get_or_insert_with(|| Arc::clone(&old_set));
        }
        if let Some(widths) = &mut self.widths {
            widths.overlay = Overlay::named(&self.set).ok();
        }
        let (needle, held_len) = old_set.scanner().held(self.state);
        let held = &held_bytes(&old_set, needle)[..held_len];
        // A released partial match is the end of `behind`.
        let released = if behind.is_empty() { 0 } else { held_len - self.held() };
        self.emitted -= behind.len() as u64;
        let again = self.again.insert(Zeroizing::new([behind, &held[released..]].concat().into_boxed_slice()));
        let (start, mut found) = (self.end - again.len() as u64, Vec::new());
        let mut end = start;
        self.state = ROOT;
        for piece in again.chunks(PIECE_LEN_MAX) {
            self.state = self.set.scanner().scan(piece, self.state, &mut self.found);
            let regions =
                self.found.drain(..).map(|(at, needle)| Region::found(&self.set, end + u64::from(at), needle));
            // A released partial match cannot be taken back.
            found.extend(regions.filter(|region: &Region<Note>| region.range.end > self.emitted));
            end += piece.len() as u64;
        }
        found.splice(..0, self.regions.drain(..));
        self.regions = region::join(found);
        self.release(self.partial_start(), self.end, (end - start) as usize);
        let held = self.again.as_deref().map_or(&[][..], |again| &again[..]);
        Redacted::new(
            &self.segments,
            Texts { set: &self.set, overlay: self.overlay(), held, input: &[], starts: (start, self.end) },
        )
    }

    /// Creates a redactor for a whole text that begins at this position of its stream.
    pub(crate) fn aside(set: &Arc<NeedleSet>, start: u64) -> Redactor {
        Redactor { end: start, emitted: start, ..Redactor::new(Arc::clone(set)).mask_partial(false) }
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
