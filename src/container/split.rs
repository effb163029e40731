//! Secrets across the records of a container log, at their positions in the file.
//!
//! Such a secret is not contiguous in the file. Between its parts are the end of one record and the
//! beginning of the next, perhaps of another stream. This module reassembles each line and searches
//! it. The text is searched as it stands in the file, JSON escapes included: JSON is one of the
//! forms of a secret. The search of the file itself finds secrets within one record.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::record::{RECORD_LEN_MAX, Record, RecordFormat};
use crate::NeedleSet;
use crate::redact::finder::Finder;
use crate::redact::region::Region;

/// See [`rest_len_min`].
const REST_LEN_MIN: usize = 4;
/// The shortest part of a needle that counts as evidence beside a mask, in bytes. A shorter one may
/// be there by chance.
pub(crate) fn rest_len_min(needle: &[u8]) -> usize {
    REST_LEN_MIN.min(needle.len().div_ceil(2))
}

/// A secret across records: the needle that names it, and the ranges of its parts in the file, in
/// order.
#[derive(Clone, Debug)]
pub struct SplitSecret {
    /// The needle.
    pub needle: usize,
    /// Its parts: at least two, except for a partial match, and for a secret's beginning if an
    /// earlier scrub masked the other parts.
    pub parts: Vec<Range<u64>>,
}

impl SplitSecret {
    /// The beginning of its needle, if nothing else is left of it.
    pub(crate) fn beginning<'a>(&self, set: &'a NeedleSet) -> Option<&'a [u8]> {
        let len: u64 = self.parts.iter().map(|part| part.end - part.start).sum();
        let needle = set.expose().nth(self.needle)?;
        needle.get(..usize::try_from(len).ok()?).filter(|beginning| beginning.len() < needle.len())
    }
}

/// Reports all secrets across records in the content of a container log.
///
/// Memory: 256 KiB for reading, as much for an unfinished record, and what two [`Finder`]s take.
/// Cost: linear in any content.
///
/// # Errors
///
/// Those of `content` and of `report`, which end the search.
///
/// ```
/// use std::sync::Arc;
/// use hushlog::container::{RecordFormat, split_secrets};
/// use hushlog::{NeedleSet, Secret};
///
/// let secret = Secret::new("TOKEN", b"hunter2-prod-key".to_vec());
/// let set = Arc::new(NeedleSet::builder().secret(secret).build()?);
/// let log = b"2026-11-24T16:00:00.0Z stdout P token=hunter2-\n\
///     2026-11-24T16:00:00.0Z stdout F prod-key\n";
/// let mut parts = Vec::new();
/// split_secrets(&mut &log[..], RecordFormat::Cri, &set, &mut |split| {
///     parts.extend(split.parts);
///     std::io::Result::Ok(())
/// })?;
/// assert_eq!(parts, [38..46, 79..87]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn split_secrets<E: From<io::Error>>(
    content: &mut dyn Read,
    format: RecordFormat,
    set: &Arc<NeedleSet>,
    report: &mut dyn FnMut(SplitSecret) -> Result<(), E>,
) -> Result<(), E> {
    split_secrets_with(content, SplitFinder::new(format, set), report)
}

/// Like [`split_secrets`], with a finder that may recognize an earlier scrub's masks.
pub(crate) fn split_secrets_with<E: From<io::Error>>(
    content: &mut dyn Read,
    mut finder: SplitFinder,
    report: &mut dyn FnMut(SplitSecret) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = Zeroizing::new(vec![0; RECORD_LEN_MAX]);
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return finder.finish(report),
            Ok(read) => finder.push(&buffer[..read], report)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Finds secrets across records in a file that is read in pieces and may grow.
pub(crate) struct SplitFinder {
    format: RecordFormat,
    lines: [Line; 2],
    /// The beginning of an incomplete record.
    rest: Zeroizing<Vec<u8>>,
    /// The offset of the next piece in the file.
    end: u64,
    /// The current line is too long for a record.
    is_overlong: bool,
}

impl SplitFinder {
    pub(crate) fn new(format: RecordFormat, set: &Arc<NeedleSet>) -> SplitFinder {
        let rest = Zeroizing::new(Vec::with_capacity(RECORD_LEN_MAX));
        SplitFinder { format, lines: [Line::new(set), Line::new(set)], rest, end: 0, is_overlong: false }
    }

    /// Also reports a secret's beginning if an earlier scrub masked its other parts with this byte:
    /// a scrub masks the last part first. With `is_exact`, the mask must be as long as the missing
    /// parts.
    pub(crate) fn beside_masks(mut self, filler: Option<u8>, is_exact: bool) -> SplitFinder {
        self.lines.iter_mut().for_each(|line| line.begun = filler.map(|filler| PartlyMasked::new(filler, is_exact)));
        self
    }

    #[cfg(feature = "guard")]
    pub(crate) fn format(&self) -> RecordFormat {
        self.format
    }

    /// Consumes the next piece and reports the secrets that are complete in its records.
    pub(crate) fn push<E>(
        &mut self,
        mut piece: &[u8],
        report: &mut dyn FnMut(SplitSecret) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(newline) = memchr::memchr(b'\n', piece) {
            let (line, after) = piece.split_at(newline + 1);
            let start = self.end - self.rest.len() as u64;
            self.end += line.len() as u64;
            let record = &line[..newline];
            if std::mem::take(&mut self.is_overlong) || self.rest.len() + record.len() > RECORD_LEN_MAX {
                self.forget();
            } else if self.rest.is_empty() {
                take(self.format, record, start, &mut self.lines, report)?;
            } else {
                self.rest.extend_from_slice(record);
                take(self.format, &self.rest, start, &mut self.lines, report)?;
                self.rest.clear();
            }
            piece = after;
        }
        self.end += piece.len() as u64;
        if self.is_overlong || self.rest.len() + piece.len() > RECORD_LEN_MAX {
            self.is_overlong = true;
            self.forget();
        } else {
            self.rest.extend_from_slice(piece);
        }
        Ok(())
    }

    /// Skips NULs, or bytes that are not searched, up to `end`.
    pub(crate) fn skip_to(&mut self, end: u64) {
        self.forget();
        (self.end, self.is_overlong) = (end, true);
    }

    /// Reports the secrets that are complete at the end. The file may end within a line and within
    /// a record.
    pub(crate) fn finish<E>(mut self, report: &mut dyn FnMut(SplitSecret) -> Result<(), E>) -> Result<(), E> {
        let start = self.end - self.rest.len() as u64;
        take(self.format, &self.rest, start, &mut self.lines, report)?;
        self.lines.iter().try_for_each(|line| line.report_open(report))
    }

    /// The secrets that more input could extend. With `with_partial`, also a partial match at the
    /// end of an unfinished line, if it is long enough to be masked.
    #[cfg(feature = "guard")]
    pub(crate) fn open(&self, with_partial: bool) -> Vec<SplitSecret> {
        let going = self.lines.iter().filter(|line| line.goes_on);
        let split = |line: &Line| -> Vec<SplitSecret> {
            let regions = line.finder.open(with_partial);
            let found =
                regions.iter().map(|region| (region.needle(), line.parts(&region.range()), region.is_partial()));
            let reportable = found.filter(|(_, parts, is_partial)| parts.len() > 1 || *is_partial);
            reportable.map(|(needle, parts, _)| SplitSecret { needle, parts }).collect()
        };
        going.flat_map(split).collect()
    }

    /// Whether an unfinished line ends in a possible beginning of a secret.
    #[cfg(feature = "guard")]
    pub(crate) fn is_waiting(&self) -> bool {
        self.lines.iter().any(|line| line.goes_on && line.finder.held() > 0)
    }

    /// Whether a record or a possible secret that begins before this offset is still open.
    pub(crate) fn is_open_before(&self, place: u64) -> bool {
        let is_open = |line: &Line| {
            let is_begun = line.begun.as_ref().is_some_and(|begun| !begun.open.is_empty());
            let is_held = is_begun || line.finder.held() > 0 || !line.finder.open(false).is_empty();
            line.goes_on && is_held && line.records.first().is_some_and(|record| record.1 < place)
        };
        self.is_overlong || self.end - (self.rest.len() as u64) < place || self.lines.iter().any(is_open)
    }

    /// A line that is no record ends the lines of both streams.
    fn forget(&mut self) {
        self.rest.clear();
        self.lines.iter_mut().for_each(Line::forget);
    }
}

fn take<E>(
    format: RecordFormat,
    record: &[u8],
    at: u64,
    lines: &mut [Line; 2],
    report: &mut dyn FnMut(SplitSecret) -> Result<(), E>,
) -> Result<(), E> {
    let Some(found) = Record::parse(format, record) else { return Ok(()) };
    let line = &mut lines[found.stream];
    // The search of the file finds secrets within one record.
    if found.goes_on || line.goes_on {
        line.add(&record[found.text.clone()], at + found.text.start as u64, found.goes_on, report)?;
    }
    Ok(())
}

/// A line of one stream, reassembled from records.
struct Line {
    finder: Finder,
    goes_on: bool,
    /// The start of each relevant record's text, in the line and in the file.
    records: Vec<(u64, u64)>,
    /// Set if partially masked secrets are reported, too.
    begun: Option<PartlyMasked>,
}

impl Line {
    fn new(set: &Arc<NeedleSet>) -> Line {
        Line { finder: Finder::new(Arc::clone(set)), goes_on: false, records: Vec::new(), begun: None }
    }

    fn forget(&mut self) {
        let begun = self.begun.take().map(|begun| PartlyMasked::new(begun.filler, begun.is_exact));
        *self = Line { begun, ..Line::new(self.finder.set()) };
    }

    fn add<E>(
        &mut self,
        text: &[u8],
        at: u64,
        goes_on: bool,
        report: &mut dyn FnMut(SplitSecret) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some((needle, range)) = self.begun(text, goes_on) {
            report(SplitSecret { needle, parts: self.parts(&range) })?;
        }
        self.records.push((self.finder.end(), at));
        self.goes_on = goes_on;
        let found: Vec<Region> = self.finder.push(text).collect();
        let rest = if goes_on { Vec::new() } else { self.finder.finish(false).collect() };
        found.iter().chain(&rest).filter_map(|region| self.split(region)).try_for_each(report)?;
        if goes_on {
            let open = self.finder.open(false).first().map_or(u64::MAX, |region| region.range().start);
            let begun = self.begun.as_ref().and_then(PartlyMasked::start).unwrap_or(u64::MAX);
            let needed = open.min(begun).min(self.finder.end() - self.finder.held() as u64);
            let first = self.records.partition_point(|record| record.0 <= needed).saturating_sub(1);
            self.records.drain(..first);
        } else {
            self.records.clear();
        }
        let (held, end) = (self.finder.held(), self.finder.end());
        if let Some(begun) = &mut self.begun {
            begun.hold(text, if goes_on { held } else { 0 }, end);
        }
        Ok(())
    }

    /// The beginning of a secret, if the last mask over its other parts begins this text.
    fn begun(&mut self, text: &[u8], goes_on: bool) -> Option<(usize, Range<u64>)> {
        let begun = self.begun.as_mut()?;
        begun.next(self.finder.set(), text, goes_on)
    }

    /// Reports the findings that more input could extend.
    fn report_open<E>(&self, report: &mut dyn FnMut(SplitSecret) -> Result<(), E>) -> Result<(), E> {
        self.finder.open(false).iter().filter_map(|region| self.split(region)).try_for_each(report)
    }

    /// The parts of a region, if it has several.
    fn split(&self, region: &Region) -> Option<SplitSecret> {
        let parts = self.parts(&region.range());
        (parts.len() > 1).then(|| SplitSecret { needle: region.needle(), parts })
    }

    /// The ranges in the file of a range in the line.
    fn parts(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let ends = self.records.iter().skip(1).map(|record| record.0).chain([self.finder.end()]);
        let part = |((start, at), end): ((u64, u64), u64)| {
            let (from, to) = (range.start.max(start), range.end.min(end));
            (from < to).then(|| at + (from - start)..at + (to - start))
        };
        self.records.iter().copied().zip(ends).filter_map(part).collect()
    }
}

/// Secrets that an earlier scrub left partially masked when it was killed: it masks the last parts
/// first.
struct PartlyMasked {
    filler: u8,
    /// A mask longer than the missing parts covers another secret.
    is_exact: bool,
    /// The end of the last record of an unfinished line, as far as it may begin a needle.
    held: Zeroizing<Vec<u8>>,
    /// The end of those bytes in the line.
    end: u64,
    /// Needles that begin at the end of a record: the needle, the number of its bytes there, and
    /// the number of mask bytes that must follow.
    open: Vec<(usize, usize, usize)>,
}

impl PartlyMasked {
    fn new(filler: u8, is_exact: bool) -> PartlyMasked {
        PartlyMasked { filler, is_exact, held: Zeroizing::default(), end: 0, open: Vec::new() }
    }

    /// The start of the first open needle in the line.
    fn start(&self) -> Option<u64> {
        self.open.iter().map(|(_, len, _)| self.end - *len as u64).min()
    }

    /// Stores the last `len` bytes of a record, which may begin a needle.
    fn hold(&mut self, text: &[u8], len: usize, end: u64) {
        let (known, new) = (len.saturating_sub(text.len()), len.min(text.len()));
        let mut held = Zeroizing::new(Vec::with_capacity(len));
        held.extend_from_slice(&self.held[self.held.len().saturating_sub(known)..]);
        held.extend_from_slice(&text[text.len() - new..]);
        // After a record that is all mask, the record before it stays current.
        if self.open.is_empty() {
            (self.held, self.end) = (held, end);
        }
    }

    /// Consumes the beginning of the next record. Returns the longest beginning of a needle with
    /// all other parts masked, and its range in the line.
    fn next(&mut self, set: &NeedleSet, text: &[u8], goes_on: bool) -> Option<(usize, Range<u64>)> {
        let masked = text.iter().take_while(|&&byte| byte == self.filler).count();
        if masked == 0 {
            self.open.clear();
            return None;
        }
        if self.open.is_empty() && !self.held.is_empty() {
            let begins = |(number, needle): (usize, &[u8])| {
                let least = rest_len_min(needle);
                let most = self.held.len().min(needle.len().saturating_sub(1));
                let len = (least..=most).rev().find(|&len| self.held.ends_with(&needle[..len]))?;
                Some((number, len, needle.len() - len))
            };
            self.open = set.expose().enumerate().filter_map(begins).collect();
        }
        let end = self.end;
        let is_masked = |rest: usize| rest == masked || rest < masked && !self.is_exact;
        let found = self.open.iter().filter(|(.., rest)| is_masked(*rest)).max_by_key(|(_, len, _)| *len).copied();
        let is_all = masked == text.len() && goes_on;
        self.open.retain_mut(|(.., rest)| {
            let is_open = is_all && *rest > masked;
            *rest = rest.saturating_sub(masked);
            is_open
        });
        found.map(|(needle, len, _)| (needle, end - len as u64..end))
    }
}
