//! An output stream: the text of one of a program's two outputs, joined from records, with its
//! matches and masks.

use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::record::RecordFormat;
use super::text::write_mask;
use crate::redact::finder::Finder;
use crate::redact::needle::NeedleSet;
use crate::redact::reading::spelling::Spelling;
use crate::redact::redactor::{Last, RegionCounts, rest};
use crate::redact::region::Region;
use crate::redact::release::split_lines;
use crate::redact::wiped::append;

/// One output.
pub(super) struct OutputStream {
    finder: Finder,
    /// Complete regions that reach beyond the rendered text.
    found: Vec<Found>,
    /// Regions found since the resume points were judged.
    pub(super) fresh: Vec<Range<u64>>,
    /// Text before this was released as a possible beginning of a secret, and masked for that.
    masked_until: u64,
    /// With line release, its last newline.
    lines: Option<LineEnd>,
    /// Present until it is known whether its first text is the rest of a secret.
    first: Option<First>,
    /// The numbers of regions.
    pub(super) counts: RegionCounts,
}

/// The first text of an output.
struct First {
    text: Zeroizing<Vec<u8>>,
    /// The number of bytes of a secret that may have been written before.
    before: usize,
    /// The length at which it is examined.
    look_at_len: usize,
}

/// The last newline of a output.
#[derive(Clone, Copy, Default)]
struct LineEnd {
    /// The position after the newline.
    at: u64,
    /// All bytes before this were settled then.
    settled: u64,
}

/// A region, and the set that its needle belongs to.
#[derive(Clone)]
struct Found {
    range: Range<u64>,
    needle: usize,
    spelling: Spelling,
    set: Arc<NeedleSet>,
}

impl Found {
    fn new(region: &Region, set: &Arc<NeedleSet>) -> Found {
        let (needle, spelling) = region.named();
        Found { range: region.range(), needle, spelling, set: Arc::clone(set) }
    }
}

impl OutputStream {
    pub(super) fn new(set: &Arc<NeedleSet>) -> OutputStream {
        let finder = Finder::new(Arc::clone(set));
        OutputStream {
            finder,
            found: Vec::new(),
            fresh: Vec::new(),
            masked_until: 0,
            lines: None,
            first: None,
            counts: RegionCounts::new(),
        }
    }

    pub(super) fn set(&self) -> &Arc<NeedleSet> {
        self.finder.set()
    }

    /// The length of its text.
    pub(super) fn end(&self) -> u64 {
        self.finder.end()
    }

    /// The masking of all bytes before this is decided.
    pub(super) fn settled(&self) -> u64 {
        self.known().max(self.masked_until.min(self.end()))
    }

    fn known(&self) -> u64 {
        self.finder.end() - self.finder.held() as u64
    }

    /// The position from which another reader would find all that this one will.
    pub(super) fn resume(&self) -> u64 {
        if self.first.is_some() {
            return 0;
        }
        let known = self.known();
        let reaching = self.finder.open(false).into_iter().find(|region| region.range().end > known);
        reaching.map_or(known, |region| region.range().start.min(known))
    }

    /// Whether the text so far is independent of all later text.
    pub(super) fn is_quiet(&self) -> bool {
        self.resume() == self.end()
    }

    /// The number of bytes at its end that may restart a secret.
    pub(super) fn held(&self) -> usize {
        self.finder.held()
    }

    /// Its first text may be the rest of a secret, with this many bytes written before.
    pub(super) fn resume_after(&mut self, before: usize) {
        self.first = Some(First { text: Zeroizing::default(), before, look_at_len: 0 });
    }

    /// Decides whether its first text is the rest of a secret, as soon as that can be known.
    fn settle_first(&mut self, more: &[u8], last: Last) {
        let Some(first) = &mut self.first else { return };
        append(&mut first.text, more);
        if last == Last::No && first.text.len() < first.look_at_len && !more.ends_with(b"\n") {
            return;
        }
        first.look_at_len = 2 * first.text.len();
        let Some(rest) = rest(self.finder.set(), &first.text, first.before, last) else { return };
        self.first = None;
        if let Some((len, needle)) = rest {
            let set = Arc::clone(self.finder.set());
            let found = Found { range: 0..len as u64, needle, spelling: Spelling::Own, set };
            self.fresh.push(found.range.clone());
            self.found.push(found);
        }
    }

    /// Makes its records wait until they reveal nothing of a partial match.
    pub(super) fn wait_for_lines(&mut self) {
        self.lines = Some(LineEnd::default());
    }

    /// All text before this may be released.
    pub(super) fn releasable(&self) -> u64 {
        if self.first.is_some() {
            return self.masked_until.min(self.end());
        }
        let Some(line) = self.lines else { return self.settled() };
        let reach = self.set().reach();
        let lines = line.settled.min(line.at.saturating_sub(reach.lag as u64));
        // No secret reaches from before the second position to beyond the end.
        lines.max(self.end().saturating_sub(reach.tail as u64)).max(self.masked_until).min(self.end())
    }

    /// Appends text, and returns its range in the output.
    pub(super) fn push(&mut self, more: &[u8]) -> Range<u64> {
        let start = self.end();
        let (lines, rest) = if self.lines.is_some() { split_lines(more) } else { (&[][..], more) };
        if !lines.is_empty() {
            self.search(lines);
            self.lines = Some(LineEnd { at: self.finder.line_end(), settled: self.known() });
        }
        self.search(rest);
        start..self.end()
    }

    fn search(&mut self, more: &[u8]) {
        self.settle_first(more, Last::No);
        let (set, known) = (Arc::clone(self.set()), self.found.len());
        self.found.extend(self.finder.push(more).map(|region| Found::new(&region, &set)));
        self.fresh.extend(self.found[known..].iter().map(|found| found.range.clone()));
    }

    /// Ends the output.
    pub(super) fn finish(&mut self, with_partial: bool) {
        self.settle_first(&[], Last::Yes);
        let set = Arc::clone(self.set());
        self.found.extend(self.finder.finish(with_partial).map(|region| Found::new(&region, &set)));
        self.lines = self.lines.map(|_| LineEnd { at: u64::MAX, settled: u64::MAX });
    }

    /// Begins a new text.
    pub(super) fn restart(&mut self) {
        let counts = std::mem::take(&mut self.counts);
        let lines = self.lines.map(|_| LineEnd::default());
        *self = OutputStream { counts, lines, ..OutputStream::new(&Arc::clone(self.set())) };
    }

    /// Searches with another set from this position, with the text since then.
    pub(super) fn swap(&mut self, set: &Arc<NeedleSet>, from: u64, text: &[u8]) {
        let old = Arc::clone(self.set());
        self.found.extend(self.finder.open(false).iter().map(|region| Found::new(region, &old)));
        self.finder = Finder::at(Arc::clone(set), from);
        if let Some(first) = &mut self.first {
            // All of the text is pending, and is appended again.
            (first.text, first.look_at_len) = (Zeroizing::default(), 0);
        }
        self.push(text);
    }

    /// Releases the pending text before this, masked. The name of the mask does not matter if the
    /// pending text begins several needles and is too short for a partial match: it is none of
    /// them, as far as is known.
    pub(super) fn mask_pending(&mut self, until: u64) {
        let range = self.releasable()..until;
        // Nor may the name reveal a partial match, with line release.
        let partial = self.finder.open(true).pop().filter(|_| self.lines.is_none());
        let needle = partial.filter(|partial| partial.range().end == self.end()).map_or(0, |partial| partial.needle());
        self.found.push(Found { range, needle, spelling: Spelling::Own, set: Arc::clone(self.set()) });
        self.masked_until = until;
    }

    /// Whether no byte in this range is masked, or may be.
    pub(super) fn is_plain(&self, range: &Range<u64>) -> bool {
        self.found.is_empty() && self.releasable() >= range.end && self.finder.open(false).is_empty()
    }

    /// The masked regions within this range, all of which is settled.
    pub(super) fn cover(&mut self, part: Range<u64>) -> RecordMasks<'_> {
        let set = Arc::clone(self.finder.set());
        let open = self.finder.open(false);
        let all = self.found.iter().cloned().chain(open.iter().map(|region| Found::new(region, &set)));
        let mut regions: Vec<Found> =
            all.filter(|found| found.range.start < part.end && found.range.end > part.start).collect();
        regions.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
        regions.dedup_by(|next, before| {
            let touches = next.range.start <= before.range.end;
            if touches {
                before.range.end = before.range.end.max(next.range.end);
            }
            touches
        });
        RecordMasks { regions, next: 0, counts: &mut self.counts }
    }

    /// Records that all text before this has been rendered.
    pub(super) fn rendered(&mut self, until: u64) {
        self.found.retain(|found| found.range.end > until);
    }

    /// Matches that may continue.
    pub(super) fn open(&self) -> impl Iterator<Item = Range<u64>> {
        self.finder.open(false).into_iter().map(|region| region.range())
    }
}

/// The masked regions within a record.
pub(super) struct RecordMasks<'a> {
    /// In order, none touching the next.
    regions: Vec<Found>,
    /// Regions before this index end before all later requests: a record may hold a hundred
    /// thousand.
    next: usize,
    counts: &'a mut RegionCounts,
}

impl RecordMasks<'_> {
    /// Writes bytes of this range, with covered ones masked. Ranges come in order.
    pub(super) fn write(&mut self, format: RecordFormat, range: Range<u64>, bytes: &[u8], out: &mut Vec<u8>) {
        let mut at = range.start;
        let raw = |range: Range<u64>, start: u64| (range.start - start) as usize..(range.end - start) as usize;
        while let Some((next, covered)) = self.covered(at..range.end) {
            append(out, &bytes[raw(at..covered.start, range.start)]);
            at = covered.end;
            self.mask(format, next, covered, out);
        }
        append(out, &bytes[raw(at..range.end, range.start)]);
    }

    /// If any byte of this range is covered, writes its mask, and returns true.
    pub(super) fn write_if_touched(&mut self, format: RecordFormat, range: &Range<u64>, out: &mut Vec<u8>) -> bool {
        let (mut at, mut is_touched) = (range.start, false);
        while let Some((next, covered)) = self.covered(at..range.end) {
            (at, is_touched) = (covered.end, true);
            self.mask(format, next, covered, out);
        }
        is_touched
    }

    /// The first region within this range, and how much of the range it covers.
    fn covered(&mut self, range: Range<u64>) -> Option<(usize, Range<u64>)> {
        while self.regions.get(self.next).is_some_and(|found| found.range.end <= range.start) {
            self.next += 1;
        }
        let found = &self.regions.get(self.next)?.range;
        let covered = found.start.max(range.start)..found.end.min(range.end);
        (covered.start < covered.end).then_some((self.next, covered))
    }

    /// Writes the mask for some bytes of a region.
    fn mask(&mut self, format: RecordFormat, number: usize, covered: Range<u64>, out: &mut Vec<u8>) {
        let Found { range, needle, spelling, set } = &self.regions[number];
        let (mut mask, quote) = (Vec::new(), set.quote(*needle, out).filter(|_| covered.start == range.start));
        for at in covered {
            let is_first = at == range.start;
            set.write_mask(*needle, is_first, &mut mask);
            if is_first {
                let (name, form) = set.name_and_form(*needle);
                *self.counts.entry((name.to_owned(), form.spelled(*spelling))).or_default() += 1;
            }
        }
        // As in the record: behind a key whose quotes are escaped, these are escaped alike.
        out.extend_from_slice(quote.unwrap_or_default());
        write_mask(format, &mask, out);
        out.extend_from_slice(quote.unwrap_or_default());
    }
}
