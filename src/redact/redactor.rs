//! The redactor: bytes in, redacted bytes out; the only maker of redacted bytes.
//!
//! All positions are counted from the start of the stream. Held-back bytes need not be kept: it is
//! the beginning of a needle, so the needle is its copy.

use core::fmt;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::automaton::{ROOT, State};
use super::encoding::Form;
use super::needle::{NeedleSet, Stand};
use super::node_map::NodeMap;
use super::redacted::{Redacted, Segment, Texts};
use super::region::{self, Region};
use super::scan::{Found, PIECE_LEN_MAX};
use super::tail::{self, Beginning, Known};

mod swap;

pub use super::secret::STUMP_LEN_MIN;

/// Whether a piece is the last of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// Something may follow.
    No,
    /// Nothing will.
    Yes,
}

/// Redacts one stream: takes it in any pieces, and returns at once all bytes that can no longer be
/// part of a needle.
///
/// Memory: some 300 bytes to begin with, for a set of any size, and as long as there is nothing to
/// mask; then at most 1 MiB, some bytes for each needle that was found, and some for each region in
/// the piece at hand and in what is held back. The text is not kept. An idle stream gives back
/// memory that only the next piece would need: [`shrink_to_fit`](Redactor::shrink_to_fit). Cost:
/// linear in any text. Nothing fails, and nothing panics.
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
    mask_stump: bool,
    state: State,
    /// All input so far ends here.
    end: u64,
    /// All before this was given out; from here to the end is held back.
    given: u64,
    /// Found and not yet given out as a whole, or open still; in order, none touching the next.
    regions: Vec<Region<Note>>,
    /// How many regions each needle of the set named, of those that named any: a number for each needle of the set came to 136 KiB a
    /// stream with 1,000 secrets.
    counts: NodeMap<u64>,
    /// The counts of sets that were swapped out.
    old_counts: BTreeMap<(String, Form), u64>,
    /// The bytes that a swap has searched again; they are returned from there.
    again: Option<Zeroizing<Box<[u8]>>>,
    /// Empty between calls; kept for its room.
    found: Vec<Found>,
    segments: Vec<Segment>,
}

/// The redactor's notes beside a region.
#[derive(Default)]
struct Note {
    /// The needle's set, if it was swapped out since.
    old_set: Option<Arc<NeedleSet>>,
    /// Whether the mask went out, so that the region can only grow.
    begun: bool,
}

impl Redactor {
    /// A redactor at the beginning of a stream.
    pub fn new(set: Arc<NeedleSet>) -> Redactor {
        Redactor {
            set,
            mask_stump: true,
            state: ROOT,
            end: 0,
            given: 0,
            regions: Vec::new(),
            counts: NodeMap::default(),
            old_counts: BTreeMap::new(),
            again: None,
            found: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// Whether a stream that ends inside a needle has that stump masked. Default: yes.
    ///
    /// A stump counts if and only if it is at least half of its needle, and stands for
    /// [`STUMP_LEN_MIN`] bytes of the value or more (in hex with colons these are 24). The mask
    /// shows that the stump was right; with less of a needle, an attacker with the power to end
    /// streams would find a secret byte by byte.
    #[must_use]
    pub fn mask_stump(mut self, yes: bool) -> Redactor {
        self.mask_stump = yes;
        self
    }

    /// Takes the next piece of the stream, and returns all bytes that cannot be part of a needle
    /// any more: only the longest suffix of the stream so far that is a proper prefix of a needle
    /// is held back.
    pub fn push<'a>(&'a mut self, input: &'a [u8]) -> Redacted<'a> {
        self.again = None;
        let (held, held_len) = self.set.scanner().held(self.state);
        let start = self.end;
        self.search(input);
        self.release(self.partial_start(), start, held_len);
        let (held, starts) = (held_bytes(&self.set, held), (start - held_len as u64, start));
        Redacted::new(&self.segments, Texts { set: &self.set, held, input, starts })
    }

    /// Takes in the first piece of a stream that goes on where another redactor, of which no more
    /// is known, has left off: in the place of the first [`push`](Redactor::push), and with
    /// [`Last::Yes`] in that of `finish` too. If the piece begins with the end of a needle, of as
    /// many bytes as [a stump](Redactor::mask_stump) must have, this end is masked: the input
    /// before it may have been the needle's beginning. Needles that lie in the piece as a whole are
    /// masked as ever.
    ///
    /// `before` is the number of bytes at the end of the other one's output that may have begun a
    /// needle (those that it [held](Redactor::held) before it finished), or 0: the end of a needle
    /// that has no more than these before it is masked however short.
    ///
    /// `None`: all of the piece lies within a needle, and the next bytes decide. Nothing was taken
    /// in, and the piece is to be given again with more behind it.
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
        let known = Known { before, len_min: &|needle| set.stump_len_min(needle), is_last, stump: self.mask_stump };
        let beginning = tail::beginning(set, input, known);
        if beginning == Beginning::Open {
            return None;
        }
        self.again = None;
        let start = self.end;
        self.search(input);
        if let Beginning::Rest(len, needle) = beginning {
            self.regions.push(Region::stump(start..start + len as u64, needle as usize));
            self.regions = region::join(std::mem::take(&mut self.regions));
        }
        if is_last {
            self.end_at_stump();
            self.release(self.end, start, 0);
            self.begin_anew();
        } else {
            self.release(self.partial_start(), start, 0);
        }
        Some(Redacted::new(&self.segments, Texts { set: &self.set, held: &[], input, starts: (start, start) }))
    }

    /// Searches the next piece.
    fn search(&mut self, input: &[u8]) {
        for piece in input.chunks(PIECE_LEN_MAX) {
            self.state = self.set.scanner().scan(piece, self.state, &mut self.found);
            for (at, needle) in self.found.drain(..) {
                region::add(&mut self.regions, Region::found(&self.set, self.end + u64::from(at), needle));
            }
            self.end += piece.len() as u64;
        }
    }

    /// Gives out some of the hold-back that may still begin a needle: its beginning, up to
    /// `len_max` bytes of it in all, however often this is called, and none from a needle on that
    /// was found in it. In any case every byte of a needle from its `len_max + 1`th on is masked as
    /// it would have been.
    ///
    /// Only for a terminal, where a user waits for the echo of keys: it gives away a secret's
    /// beginning.
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
        let (needle, len) = self.set.scanner().held(self.state);
        let until = self.end.min(self.partial_start() + len_max as u64);
        // Within a region there is nothing to show, and which needle names it may not be settled yet.
        let found = self.regions.iter().find(|region| region.range.end > self.given);
        let until = found.map_or(until, |region| until.min(region.range.start));
        self.release(until, self.end, len);
        self.without_input(held_bytes(&self.set, needle), len)
    }

    /// Ends the stream, and returns the held-back bytes; masked, if it is a stump that tells too
    /// much. The redactor is at the beginning of a new stream then.
    pub fn finish(&mut self) -> Redacted<'_> {
        self.again = None;
        let (needle, len) = self.end_at_stump();
        self.release(self.end, self.end, len);
        self.begin_anew();
        self.without_input(held_bytes(&self.set, needle), len)
    }

    /// Masks the stump that the stream ends with, if it reveals too much. Returns the hold-back: of
    /// which needle, and how much.
    fn end_at_stump(&mut self) -> (usize, usize) {
        if let Some((needle, len)) = self.set.stump(self.state).filter(|_| self.mask_stump) {
            let stump = Region::stump(self.end - len as u64..self.end, needle);
            region::add(&mut self.regions, stump);
        }
        self.set.scanner().held(self.state)
    }

    /// The output of `held_len` bytes that were held back, with this copy of them, and of no other
    /// bytes.
    fn without_input<'a>(&'a self, held: &'a [u8], held_len: usize) -> Redacted<'a> {
        let starts = (self.end - held_len as u64, self.end);
        Redacted::new(&self.segments, Texts { set: &self.set, held, input: &[], starts })
    }

    fn begin_anew(&mut self) {
        self.state = ROOT;
        self.regions.clear();
    }

    /// Where the stream so far ends, in bytes of the input, over all streams that were finished.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The set that is searched for.
    pub(crate) fn set(&self) -> &Arc<NeedleSet> {
        &self.set
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        (self.end - self.given) as usize
    }

    /// How many bytes another redactor has to begin before the end of the stream so far to mask all
    /// later regions that this one would: the held-back bytes, and of a region that reaches into
    /// them, or is still open, all from its beginning. Everything before has been returned, and no
    /// occurrence reaches from there beyond.
    ///
    /// That is where to go on after a crash: the bytes [held](Redactor::held) are too few. With
    /// `abcdef` and `efgh`, `ef` is held back after `abcdef`; a redactor that begins anew there
    /// sees no secret in `ef`, and returns it. From here the mask goes out twice at worst.
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
        let reaching = self.regions.iter().find(|region| region.range.end > self.given);
        self.end - reaching.map_or(self.given, |region| region.range.start.min(self.given))
    }

    /// Where the longest suffix of the stream begins that may be the beginning of a needle. Nothing before it is held back, nor,
    /// after a [`release_partial`](Redactor::release_partial), some of it.
    fn partial_start(&self) -> u64 {
        self.end - self.set.scanner().held_len(self.state) as u64
    }

    /// How many regions have been masked: for each secret's name and the form that named the region. Regions that overlap count
    /// as one, under the longest needle that begins first.
    pub fn counts(&self) -> BTreeMap<(String, Form), u64> {
        let mut counts = self.old_counts.clone();
        for (needle, count) in self.counts.iter() {
            *counts.entry(owned(self.set.name_and_form(needle as usize))).or_default() += count;
        }
        counts
    }

    /// Gives back the memory that the next piece with something to mask would need again: up to some hundred KiB after one with much of
    /// it. For streams that rest, of which there may be thousands.
    pub fn shrink_to_fit(&mut self) {
        (self.found, self.segments) = (Vec::new(), Vec::new());
        self.regions.shrink_to_fit();
        self.again = None;
    }

    /// Plans to give out everything before `until`. The input at hand begins at `input`; of the `held_len` bytes before it there
    /// is a copy.
    fn release(&mut self, until: u64, input: u64, held_len: usize) {
        let (given, held) = (self.given, input - held_len as u64);
        self.segments.clear();
        if until <= given {
            return; // What goes on was released as a partial match.
        }
        let mut at = given;
        for region in self.regions.iter_mut().take_while(|region| region.range.start < until) {
            push_raw(&mut self.segments, at..region.range.start, held, input);
            let covered = region.range.start.max(at)..region.range.end.min(until);
            at = at.max(covered.end);
            let len = covered.end.saturating_sub(covered.start) as usize;
            push_mask(&mut self.segments, region, len, &self.set);
            if !std::mem::replace(&mut region.more.begun, true) {
                match &region.more.old_set {
                    None => *self.counts.entry(u64::from(region.needle)) += 1,
                    Some(set) => {
                        *self.old_counts.entry(owned(set.name_and_form(region.needle as usize))).or_default() += 1
                    }
                }
            }
        }
        push_raw(&mut self.segments, at..until, held, input);
        self.regions.retain(|region| region.range.end >= until);
        self.given = until;
    }
}

/// How a text begins that goes on where another one was left, as [`Redactor::resume`] has it: so
/// many bytes are the end of this needle, or none. The outer `None`: the next bytes decide.
#[allow(dead_code, reason = "only the sidecar asks, which a library may be without")]
pub(crate) fn rest(set: &NeedleSet, text: &[u8], before: usize, last: Last) -> Option<Option<(usize, usize)>> {
    let is_last = last == Last::Yes;
    let known = Known { before, len_min: &|needle| set.stump_len_min(needle), is_last, stump: true };
    match tail::beginning(set, text, known) {
        Beginning::Open => None,
        Beginning::Free => Some(None),
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

/// Stands a mask for the next `len` bytes of a region.
fn push_mask(segments: &mut Vec<Segment>, region: &Region<Note>, mut len: usize, set: &NeedleSet) {
    let (needle, start) = (region.needle, region.range.start);
    let mut push = |len| segments.push(Segment::Mask { needle, old_set: region.more.old_set.clone(), len, start });
    match region.more.old_set.as_deref().unwrap_or(set).stand(region.needle) {
        Stand::Region(_) if region.more.begun => {}
        Stand::Region(mask) => push(mask.len()),
        Stand::Byte(batch) => {
            while len > 0 {
                push(len.min(batch.len()));
                len -= len.min(batch.len());
            }
        }
    }
}

/// The needle that the held-back bytes begin, as the copy of them.
fn held_bytes(set: &NeedleSet, needle: usize) -> &[u8] {
    if set.is_empty() { &[] } else { set.needle(needle) }
}

fn owned((name, form): (&str, Form)) -> (String, Form) {
    (name.to_owned(), form)
}
