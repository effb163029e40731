//! The redactor: bytes in, redacted bytes out. It is the only source of redacted bytes.
//!
//! All positions are counted from the start of the stream. Held-back bytes are the beginning of a
//! needle, so the needle is their copy; only while the plain reading differs does the redactor
//! [keep](kept) them.

use core::fmt;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::bare::OutputEnd;
use super::codes::Codes;
use super::encoding::Form;
use super::needle::{NeedleSet, Replacement};
use super::node_map::NodeMap;
use super::overlay::Overlay;
use super::reading::spelling::Spelling;
use super::redacted::{Redacted, Segment, Texts};
use super::region::{self, Occurrence, Region};
use super::resume::{self, Beginning, Context};
use super::scan::{Found, PIECE_LEN_MAX};
use super::search::Search;

mod colour;
mod kept;
mod quote;
mod shown;
mod swap;
mod width;

use colour::Colours;
use kept::{HeldCopy, Kept};
use shown::shown_len;
use width::Widths;

pub use super::secret::PARTIAL_LEN_MIN;

/// The numbers of masked regions, by the secret's name and the form.
pub(crate) type RegionCounts = BTreeMap<(String, Form), u64>;

/// Whether a piece is the last of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// More input may follow.
    No,
    /// The stream ends with this piece.
    Yes,
}

/// Redacts one stream: takes it in any pieces, and returns at once all bytes that can no longer be
/// part of a needle.
///
/// Memory: some 300 bytes until the first mask, for a set of any size. Then at most 1 MiB, a few
/// bytes for each needle found, and a few for each region in the current piece and the hold-back.
/// The text is not kept. [`shrink_to_fit`](Redactor::shrink_to_fit) frees the memory that an idle
/// stream does not need. Cost: linear in any text. No method fails or panics.
///
/// ```
/// # use std::sync::Arc;
/// # use hushlog::{NeedleSet, Redactor, Secret};
/// let secret = Secret::new("API_KEY", b"sk-live-X9Q2".to_vec());
/// let mut redactor = Redactor::new(Arc::new(NeedleSet::builder().secret(secret).build()?));
/// assert_eq!(redactor.push(b"key=sk-li").to_vec(), b"key=");
/// assert_eq!(redactor.push(b"ve-X9Q2; ok").to_vec(), b"[REDACTED:API_KEY]; ok");
/// assert_eq!(redactor.finish().to_vec(), b"");
/// # Ok::<(), hushlog::BuildError>(())
/// ```
pub struct Redactor {
    set: Arc<NeedleSet>,
    mask_partial: bool,
    search: Search,
    /// The held-back bytes, if the needle is no copy of them. In a box, as most streams never have
    /// any.
    kept: Option<Box<Kept>>,
    /// The end of the returned bytes; those from here to `end` are held back.
    emitted: u64,
    /// Regions that are still open, or not yet returned as a whole; in order, none touching the
    /// next.
    regions: Vec<Region<Note>>,
    /// The number of regions that each needle named in each spelling, if any. An array over all
    /// needles came to 136 KiB a stream with 1,000 secrets.
    counts: NodeMap<u64>,
    /// The state of the colour codes behind masks. In a box, as most streams never have any.
    colours: Option<Box<Colours>>,
    /// The counts of earlier sets.
    old_counts: RegionCounts,
    /// The bytes that a swap has searched again, for its output to borrow.
    again: Option<Zeroizing<Box<[u8]>>>,
    /// Where masks keep the width of their regions. `None` until they do.
    widths: Option<Box<Widths>>,
    /// The end of the output, if the set has quotes for bare values. In a box, as few sets have.
    output_end: Option<Box<OutputEnd>>,
    /// Empty between calls; kept for its capacity.
    found: Vec<Found>,
    read: Vec<Occurrence>,
    segments: Vec<Segment>,
}

/// The redactor's notes beside a region.
#[derive(Default)]
struct Note {
    /// The needle's set, if another has replaced it.
    old_set: Option<Arc<NeedleSet>>,
    /// Whether the mask was returned, so that the region can only grow.
    begun: bool,
    /// Whether its beginning was released as a partial match, so that no name fits any more.
    cut: bool,
    /// Its colour codes so far.
    codes: Option<Box<Codes>>,
}

impl Redactor {
    /// Creates a redactor at the beginning of a stream.
    pub fn new(set: Arc<NeedleSet>) -> Redactor {
        Redactor {
            set,
            mask_partial: true,
            search: Search::at(0),
            kept: None,
            emitted: 0,
            regions: Vec::new(),
            counts: NodeMap::default(),
            colours: None,
            old_counts: BTreeMap::new(),
            again: None,
            widths: None,
            output_end: None,
            found: Vec::new(),
            read: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// Sets whether to mask the partial match in which a stream ends. Default: yes.
    ///
    /// It is masked if and only if it is at least half of its needle, and encodes
    /// [`PARTIAL_LEN_MIN`] bytes of the value or more (24 bytes in hex with colons). The mask
    /// confirms the match: with a lower limit, an attacker with the power to end streams could
    /// recover a secret byte by byte.
    #[must_use]
    pub fn mask_partial(mut self, yes: bool) -> Redactor {
        self.mask_partial = yes;
        self
    }

    /// Takes the next piece of the stream, and returns all bytes that can no longer be part of a
    /// needle. It holds back only the longest suffix of the stream so far that is a proper prefix
    /// of a needle.
    pub fn push<'a>(&'a mut self, input: &'a [u8]) -> Redacted<'a> {
        self.again = None;
        let (start, copy) = (self.end(), self.held_copy());
        self.search(input);
        self.keep(copy, input, start);
        self.release(self.held_start(), copy, input, Last::No);
        self.output(copy, input, Last::No)
    }

    /// Takes the first piece of a stream that continues where another redactor, now lost, stopped.
    /// It replaces the first [`push`](Redactor::push), and with [`Last::Yes`] also `finish`. If the
    /// piece begins with the end of a needle, at least as long as [a masked partial
    /// match](Redactor::mask_partial), that end is masked: the earlier input may have been the
    /// needle's beginning. Whole needles in the piece are masked as usual.
    ///
    /// `before` is the number of bytes at the end of the other redactor's output that may have
    /// begun a needle (those that it [held](Redactor::held) before it finished), or 0. The end of a
    /// needle is masked at any length if at most this many bytes of the needle precede it.
    ///
    /// Returns `None` if the whole piece lies within a needle, so that the next bytes decide. It
    /// then took nothing in: the caller must pass the piece again, with more bytes after it.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use hushlog::{Last, NeedleSet, Redactor, Secret};
    /// let secret = Secret::new("API_KEY", b"sk-live-X9Q2".to_vec());
    /// let mut redactor = Redactor::new(Arc::new(NeedleSet::builder().secret(secret).build()?));
    /// assert!(redactor.resume(b"live", 0, Last::No).is_none());
    /// assert_eq!(redactor.resume(b"live-X9Q2 ok", 0, Last::No).expect("it is known").to_vec(), b"[REDACTED:API_KEY] ok");
    /// # Ok::<(), hushlog::BuildError>(())
    /// ```
    pub fn resume<'a>(&'a mut self, input: &'a [u8], before: usize, last: Last) -> Option<Redacted<'a>> {
        let is_last = last == Last::Yes;
        let set = &*self.set;
        let context = Context {
            before,
            len_min: &|needle| set.partial_len_min(needle),
            is_last,
            mask_partial: self.mask_partial,
        };
        let beginning = resume::beginning(set, input, context);
        if beginning == Beginning::Undecided {
            return None;
        }
        self.again = None;
        let start = self.end();
        self.search(input);
        if let Beginning::Rest(len, needle) = beginning {
            self.regions.push(Region::partial(start..start + len as u64, needle as usize));
            self.regions = region::join(std::mem::take(&mut self.regions));
        }
        if is_last {
            self.end_search();
            self.release(self.end(), HeldCopy::default(), input, Last::Yes);
            self.begin_anew();
        } else {
            self.keep(HeldCopy::default(), input, start);
            self.release(self.held_start(), HeldCopy::default(), input, Last::No);
        }
        Some(self.output(HeldCopy::default(), input, last))
    }

    /// Searches the next piece.
    fn search(&mut self, input: &[u8]) {
        for piece in input.chunks(PIECE_LEN_MAX) {
            let start = self.end();
            self.search.push(&self.set, piece, &mut self.found, &mut self.read);
            for (at, needle) in self.found.drain(..) {
                region::add(&mut self.regions, Region::found(&self.set, start + u64::from(at), needle));
            }
            self.add_read();
        }
    }

    /// Adds the occurrences in the plain reading.
    fn add_read(&mut self) {
        let set = &self.set;
        colour::note(&mut self.colours, &self.read);
        region::add_any(&mut self.regions, self.read.drain(..).map(|occurrence| Region::read(set, &occurrence)));
    }

    /// Returns the beginning of a partial match: up to `len_max` bytes in all, over any number of
    /// calls, and none from a needle found in it onwards. All bytes of a needle after its first
    /// `len_max` are still masked.
    ///
    /// Only for a terminal, where a user waits for the echo of keys: it reveals the beginning of a
    /// secret. Control sequences that the plain reading drops are no part of one, and are returned,
    /// too: otherwise the cursor would stay hidden behind a letter that begins a secret.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use hushlog::{NeedleSet, Redactor, Secret};
    /// # let secret = Secret::new("API_KEY", b"sk-live-X9Q2".to_vec());
    /// # let mut redactor = Redactor::new(Arc::new(NeedleSet::builder().secret(secret).build()?));
    /// assert_eq!(redactor.push(b"$ sk-li").to_vec(), b"$ ");
    /// assert_eq!(redactor.release_partial(3).to_vec(), b"sk-");
    /// assert_eq!(redactor.release_partial(3).to_vec(), b"");
    /// assert_eq!(redactor.push(b"ve-X9Q2").to_vec(), b"[REDACTED:API_KEY]");
    /// # Ok::<(), hushlog::BuildError>(())
    /// ```
    pub fn release_partial(&mut self, len_max: usize) -> Redacted<'_> {
        self.again = None;
        let copy = self.held_copy();
        let of_text = self.set.scanner().held_len(self.search.state());
        let until = self.held_start() + shown_len(self.held_bytes(copy), of_text, len_max) as u64;
        // A region has no raw bytes to show, and another needle may still name it.
        let found = self.regions.iter().find(|region| region.range.end > self.emitted);
        let until = found.map_or(until, |region| until.min(region.range.start));
        self.release(until, copy, &[], Last::No);
        self.output(copy, &[], Last::No)
    }

    /// Ends the stream, and returns the held-back bytes, masked if they are a partial match that
    /// reveals too much. The redactor then begins a new stream.
    pub fn finish(&mut self) -> Redacted<'_> {
        self.again = None;
        let copy = self.held_copy();
        self.end_search();
        self.release(self.end(), copy, &[], Last::Yes);
        self.begin_anew();
        self.output(copy, &[], Last::Yes)
    }

    /// Ends the search, and masks the partial match at the end of the stream if it reveals too
    /// much.
    fn end_search(&mut self) {
        let mut partial = Vec::new();
        self.search.finish(&self.set, &mut self.read, &mut partial);
        self.add_read();
        partial.retain(|_| self.mask_partial);
        colour::note(&mut self.colours, &partial);
        let region = |partial: Occurrence| Region::partial(partial.start..partial.end, partial.needle as usize);
        region::add_any(&mut self.regions, partial.into_iter().map(region));
    }

    /// The output of a call, as planned.
    fn output<'a>(&'a mut self, copy: HeldCopy, input: &'a [u8], last: Last) -> Redacted<'a> {
        if self.set.quotes() {
            self.quote(copy, input);
        }
        self.output_end.take_if(|_| last == Last::Yes || !self.set.quotes());
        Redacted::new(&self.segments, self.texts(copy, input))
    }

    fn texts<'a>(&'a self, copy: HeldCopy, input: &'a [u8]) -> Texts<'a> {
        let start = self.end() - input.len() as u64;
        let (held, starts) = (self.held_bytes(copy), (start - copy.len as u64, start));
        let (overlay, wrapped) = (self.overlay(), self.search.wrapped());
        let codes = self.colours.as_ref().map_or(&[][..], |colours| &colours.out);
        Texts { set: &self.set, overlay, codes, held, input, starts, wrapped }
    }

    fn begin_anew(&mut self) {
        self.search = Search::at(self.end());
        self.regions.clear();
    }

    /// The position where the stream so far ends, in bytes of input, finished streams included.
    pub fn end(&self) -> u64 {
        self.search.end()
    }

    /// The current needle set.
    pub(crate) fn set(&self) -> &Arc<NeedleSet> {
        &self.set
    }

    /// The number of held-back bytes.
    pub fn held(&self) -> usize {
        (self.end() - self.emitted) as usize
    }

    /// The distance, in bytes, from the end of the stream so far back to the position where another
    /// redactor must begin to mask all later regions that this one would. It spans the held-back
    /// bytes, and all of a region that reaches into them or is still open. Everything before that
    /// position has been returned, and no occurrence crosses it.
    ///
    /// Resume there after a crash: the bytes [held](Redactor::held) are too few. With `abcdef` and
    /// `efgh`, `ef` is held back after `abcdef`; a redactor that begins at `ef` sees no secret in
    /// it, and returns it. From this position, at worst the mask goes out twice.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use hushlog::{Mask, NeedleSet, Redactor, Secret};
    /// let secrets = [("ONE", "abcdef"), ("TWO", "efgh")].map(|(name, value)| Secret::new(name, value.into()));
    /// let mut redactor = Redactor::new(Arc::new(NeedleSet::exactly(secrets.into(), Mask::default())?));
    /// assert_eq!(redactor.push(b"...abcdef").to_vec(), b"...[REDACTED:ONE]");
    /// assert_eq!((redactor.held(), redactor.unsettled()), (2, 6));
    /// # Ok::<(), hushlog::BuildError>(())
    /// ```
    pub fn unsettled(&self) -> u64 {
        let reaching = self.regions.iter().find(|region| region.range.end > self.emitted);
        self.end() - reaching.map_or(self.emitted, |region| region.range.start.min(self.emitted))
    }

    /// The position from which on the stream is held back: the longest suffix that may begin an
    /// occurrence. After a [`release_partial`](Redactor::release_partial) not all of it is.
    fn held_start(&self) -> u64 {
        self.search.held_start(&self.set)
    }

    /// The total of [`counts`](Redactor::counts). Takes time linear in the needles found so far.
    pub fn masked(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum::<u64>() + self.old_counts.values().sum::<u64>()
    }

    /// The number of masked regions, by the secret's name and the form that named the region.
    /// Overlapping regions count as one, under the longest needle that begins first.
    pub fn counts(&self) -> BTreeMap<(String, Form), u64> {
        let mut counts = self.old_counts.clone();
        for (needle, count) in self.counts.iter() {
            let (name, form) = self.set.name_and_form((needle / SPELLINGS) as usize);
            let form = form.spelled(Spelling::ALL[(needle % SPELLINGS) as usize]);
            *counts.entry((name.to_owned(), form)).or_default() += count;
        }
        counts
    }

    /// Frees memory that only the next masking piece needs again: up to some hundred KiB after a
    /// piece with many masks. For idle streams, since there may be thousands.
    pub fn shrink_to_fit(&mut self) {
        self.kept.take_if(|_| !self.search.is_reading());
        (self.found, self.read, self.segments) = (Vec::new(), Vec::new(), Vec::new());
        self.colours.take_if(|colours| colours.read_until <= self.emitted);
        self.regions.shrink_to_fit();
        self.search.shrink_to_fit();
        self.again = None;
    }

    /// Plans the output of everything before `until`.
    fn release(&mut self, until: u64, copy: HeldCopy, bytes: &[u8], last: Last) {
        let (emitted, input) = (self.emitted, self.end() - bytes.len() as u64);
        let held = input - copy.len as u64;
        self.segments.clear();
        if let Some(colours) = &mut self.colours {
            colours.out.clear();
        }
        let is_last = last == Last::Yes;
        if until < emitted || until == emitted && !is_last {
            return; // The bytes from there on were released as a partial match.
        }
        self.take_codes(until, copy, bytes);
        let separator = self.set.code_separator();
        let mut at = emitted;
        for region in self.regions.iter_mut().take_while(|region| region.range.start < until) {
            if region.range.end <= emitted && !region.more.begun {
                continue;
            }
            push_raw(&mut self.segments, at..region.range.start, held, input);
            let covered = region.range.start.max(at)..region.range.end.min(until);
            at = at.max(covered.end);
            region.more.cut |= !region.more.begun && covered.start > region.range.start;
            let overlay = self.widths.as_ref().and_then(|widths| widths.at(region.range.start));
            push_mask(&mut self.segments, region, covered, &self.set, overlay);
            if !std::mem::replace(&mut region.more.begun, true) {
                let (needle, spelling) = region.named();
                match &region.more.old_set {
                    None => *self.counts.entry(needle as u64 * SPELLINGS + spelling as u64) += 1,
                    Some(set) => {
                        let (name, form) = set.name_and_form(needle);
                        *self.old_counts.entry((name.to_owned(), form.spelled(spelling))).or_default() += 1
                    }
                }
            }
            if region.range.end < until || is_last {
                let is_last = region.range.end == until;
                colour::push_codes(region, separator, is_last, &mut self.colours, &mut self.segments);
            }
        }
        push_raw(&mut self.segments, at..until, held, input);
        self.regions.retain(|region| region.range.end >= until);
        self.emitted = until;
    }
}

/// The end of a needle with which a resumed text begins, by the rule of [`Redactor::resume`]: its
/// length and the needle, or none. The outer `None`: the next bytes decide.
#[allow(dead_code, reason = "only the sidecar asks, which a library may be without")]
pub(crate) fn rest(set: &NeedleSet, text: &[u8], before: usize, last: Last) -> Option<Option<(usize, usize)>> {
    let is_last = last == Last::Yes;
    let context = Context { before, len_min: &|needle| set.partial_len_min(needle), is_last, mask_partial: true };
    match resume::beginning(set, text, context) {
        Beginning::Undecided => None,
        Beginning::Clean => Some(None),
        Beginning::Rest(len, needle) => Some(Some((len, needle as usize))),
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("set", &self.set).field("held", &self.held()).finish_non_exhaustive()
    }
}

fn push_raw(segments: &mut Vec<Segment>, range: Range<u64>, held_start: u64, input: u64) {
    let held = range.start..range.end.min(input);
    let fresh = range.start.max(input)..range.end;
    let bytes = |range: Range<u64>, base: u64| (range.start - base) as usize..(range.end - base) as usize;
    if held.start < held.end {
        segments.push(Segment::Held(bytes(held, held_start)));
    }
    if fresh.start < fresh.end {
        segments.push(Segment::Input(bytes(fresh, input)));
    }
}

/// Adds the mask for the next bytes of a region.
fn push_mask(
    segments: &mut Vec<Segment>,
    region: &Region<Note>,
    covered: Range<u64>,
    set: &NeedleSet,
    overlay: Option<&Overlay>,
) {
    let (needle, start) = (region.needle, region.range.start);
    let mut len = covered.end.saturating_sub(covered.start) as usize;
    if let Some(overlay) = overlay.filter(|_| region.more.old_set.is_none()) {
        let from = (covered.start - start) as usize;
        let shown_max = if region.more.cut { 0 } else { set.needle(needle as usize).len() };
        let part = |part| segments.push(Segment::Overlay { needle, part, start });
        return overlay.plan(set, needle, shown_max, from..from + len, part);
    }
    let mut push = |len| segments.push(Segment::Mask { needle, old_set: region.more.old_set.clone(), len, start });
    match region.more.old_set.as_deref().unwrap_or(set).replacement(region.needle) {
        Replacement::Region(_) if region.more.begun => {}
        Replacement::Region(mask) => push(mask.len()),
        Replacement::Byte(batch) => {
            while len > 0 {
                push(len.min(batch.len()));
                len -= len.min(batch.len());
            }
        }
    }
}

/// The number of spellings.
const SPELLINGS: u64 = Spelling::ALL.len() as u64;
