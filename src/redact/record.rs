//! Redaction of one record at a time: a complete text, such as a logger has in memory.
//!
//! A record is a stream of one piece, so no state is carried over, and its end only matters for a
//! partial match.

use std::borrow::Cow;

use super::automaton::ROOT;
use super::codes;
use super::needle::{NeedleSet, Replacement};
use super::overlay::Overlay;
use super::region::{self, Occurrence, Region};
use super::scan::PIECE_LEN_MAX;
use super::search::{self, Search};
use super::secret::PARTIAL_LEN_MIN;

impl NeedleSet {
    /// The record with every region masked, as a [`Redactor`](super::redactor::Redactor) emits it;
    /// the record itself if there is none.
    ///
    /// Memory: none for a record without a region. Cost: linear; it neither fails nor panics.
    ///
    /// ```
    /// # use hushlog::{NeedleSet, Secret};
    /// let secret = Secret::new("API_KEY", b"sk-live-X9Q2".to_vec());
    /// let set = NeedleSet::builder().secret(secret).build()?;
    /// assert_eq!(*set.redact_cow(b"key=sk-live-X9Q2"), *b"key=[REDACTED:API_KEY]");
    /// assert!(matches!(set.redact_cow(b"no key"), std::borrow::Cow::Borrowed(_)));
    /// # Ok::<(), hushlog::BuildError>(())
    /// ```
    #[must_use = "the record itself is not changed"]
    pub fn redact_cow<'a>(&self, record: &'a [u8]) -> Cow<'a, [u8]> {
        let regions = self.regions(record);
        if regions.is_empty() {
            return Cow::Borrowed(record);
        }
        let (mut out, mut at) = (Vec::with_capacity(record.len()), 0);
        for region in &regions {
            let range = region.range();
            out.extend_from_slice(&record[at..range.start as usize]);
            at = range.end as usize;
            let bytes = &record[range.start as usize..at];
            match self.replacement(region.needle) {
                Replacement::Region(_) => self.write_mask(region.needle(), true, &mut out),
                Replacement::Byte(batch) => out.resize(out.len() + bytes.len(), batch[0]),
            }
            out.extend(codes::of(self, bytes, at == record.len()));
        }
        out.extend_from_slice(&record[at..]);
        Cow::Owned(out)
    }

    /// Masks every region of the record in place, so that its length and all other bytes stay;
    /// returns the number of regions.
    ///
    /// Memory: none for a record without a region. Cost: linear; it neither fails nor panics.
    ///
    /// ```
    /// # use hushlog::{Overlay, NeedleSet, Secret};
    /// let secret = Secret::new("KEY", b"sk-live-X9Q2".to_vec());
    /// let set = NeedleSet::builder().secret(secret).build()?;
    /// let overlay = Overlay::named(&set)?;
    /// let mut record = *b"key=sk-live-X9Q2;";
    /// assert_eq!(set.redact_in_place(&mut record, &overlay), 1);
    /// assert_eq!(record, *b"key=[KEY]*******;");
    /// # Ok::<(), hushlog::BuildError>(())
    /// ```
    pub fn redact_in_place(&self, record: &mut [u8], overlay: &Overlay) -> usize {
        let regions = self.regions(record);
        for region in &regions {
            let range = region.range();
            let (before, rest) = record.split_at_mut(range.start as usize);
            let out = &mut rest[..(range.end - range.start) as usize];
            let codes = codes::of(self, out, true);
            overlay.write_behind(before, self, region, &codes, out);
        }
        regions.len()
    }

    /// Whether there is anything to mask in the record.
    #[must_use]
    pub fn is_match(&self, record: &[u8]) -> bool {
        !self.regions(record).is_empty()
    }

    /// All regions of a record, including a partial match at its end. Allocates only if there are
    /// any, or the plain reading differs.
    #[inline]
    fn regions(&self, record: &[u8]) -> Vec<Region> {
        let is_clean = self.scanner().is_clean(record, PARTIAL_LEN_MIN) && !search::reads_otherwise(self, record);
        if is_clean { Vec::new() } else { self.found_regions(record) }
    }

    #[inline(never)]
    fn found_regions(&self, record: &[u8]) -> Vec<Region> {
        if search::reads_otherwise(self, record) {
            return self.read_regions(record);
        }
        let (mut regions, mut found, mut start) = (Vec::new(), Vec::new(), 0);
        let (last, state) = if record.len() <= PIECE_LEN_MAX {
            (record, ROOT)
        } else {
            let (pieces, last) = record.split_at((record.len() - 1) / PIECE_LEN_MAX * PIECE_LEN_MAX);
            let mut state = ROOT;
            for piece in pieces.chunks(PIECE_LEN_MAX) {
                state = self.scanner().scan(piece, state, &mut found);
                found.drain(..).for_each(|(at, needle)| {
                    region::add(&mut regions, Region::found(self, start + u64::from(at), needle));
                });
                start += piece.len() as u64;
            }
            (last, state)
        };
        let state = self.scanner().scan_last(last, state, PARTIAL_LEN_MIN, &mut found);
        for (at, needle) in found {
            region::add(&mut regions, Region::found(self, start + u64::from(at), needle));
        }
        if let Some((needle, len)) = self.partial_match(state) {
            let end = record.len() as u64;
            region::add(&mut regions, Region::partial(end - len as u64..end, needle));
        }
        regions
    }

    /// The regions of a record in which the plain reading differs.
    fn read_regions(&self, record: &[u8]) -> Vec<Region> {
        let (mut search, mut found, mut read) = (Search::at(0), Vec::new(), Vec::new());
        let (mut regions, mut partial) = (Vec::new(), Vec::new());
        for piece in record.chunks(PIECE_LEN_MAX) {
            let start = search.end();
            search.push(self, piece, &mut found, &mut read);
            for (at, needle) in found.drain(..) {
                region::add(&mut regions, Region::found(self, start + u64::from(at), needle));
            }
        }
        search.finish(self, &mut read, &mut partial);
        region::add_any(&mut regions, read.iter().map(|occurrence| Region::read(self, occurrence)));
        let region = |partial: Occurrence| Region::partial(partial.start..partial.end, partial.needle as usize);
        region::add_any(&mut regions, partial.into_iter().map(region));
        regions
    }
}
