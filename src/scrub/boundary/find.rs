//! Finds secrets across the boundary of two files, in plain bytes and in the records of a container
//! log.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::super::content;
use super::begun::Pieces;
use super::text::Text;
use crate::NeedleSet;
use crate::container::{self, RECORD_LEN_MAX, Record, RecordFormat, SplitFinder, SplitSecret};
use crate::redact::finder::Finder;

/// The read size, in bytes.
const READ_LEN: usize = 4 << 10;
/// The search beside a remainder covers at most this many bytes of masks, and at most three
/// secrets.
const MASKS_LEN_MAX: usize = 64 << 10;
/// Enough leading bytes to recognize a container log, even behind the remainder of a record.
const HEAD_LEN: usize = 2 * container::HEAD_LEN;

/// A secret across a boundary.
pub(super) struct Found {
    /// The needle that names it.
    pub(super) needle: usize,
    /// Its parts, in order: the file's index and the range in its content.
    pub(super) parts: Vec<(usize, Range<u64>)>,
    /// The end of the first file.
    pub(super) boundary: u64,
    /// The bytes of the parts.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// The parts are in records: if only some get masked, the secret's beginning identifies it.
    pub(super) is_in_records: bool,
}

/// The files to search across: the older one and its possible successors, in order.
pub(super) struct Row<'a> {
    pub(super) set: &'a Arc<NeedleSet>,
    /// The mask byte.
    pub(super) filler: Option<u8>,
    pub(super) texts: Vec<&'a Text>,
    /// The files that may precede the first one, from the nearest, for each order of the names.
    pub(super) before: [Vec<&'a Text>; 2],
}

/// Bytes read from a row, one file after the other.
struct Joined {
    /// Their offset in the first file.
    start: u64,
    bytes: Zeroizing<Vec<u8>>,
    /// The start of each file among them; the first counts from its own beginning.
    begins: Vec<u64>,
}

impl Joined {
    /// The parts of a range, by file.
    fn parts(&self, range: &Range<u64>) -> Vec<(usize, Range<u64>)> {
        let ends = self.begins.iter().skip(1).copied().chain([u64::MAX]);
        let part = |(number, (&begin, end)): (usize, (&u64, u64))| {
            let base = if number == 0 { 0 } else { begin };
            let (from, to) = (range.start.max(begin), range.end.min(end));
            (from < to).then(|| (number, from - base..to - base))
        };
        self.begins.iter().zip(ends).enumerate().filter_map(part).collect()
    }

    fn of(&self, range: &Range<u64>) -> &[u8] {
        &self.bytes[(range.start - self.start) as usize..(range.end - self.start) as usize]
    }

    fn found(&self, needle: usize, ranges: &[Range<u64>]) -> Found {
        let parts = ranges.iter().flat_map(|range| self.parts(range)).collect();
        let len = ranges.iter().map(|range| (range.end - range.start) as usize).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(len));
        ranges.iter().for_each(|range| bytes.extend_from_slice(self.of(range)));
        Found { needle, parts, boundary: self.boundary(), bytes, is_in_records: false }
    }

    /// The end of the first file.
    fn boundary(&self) -> u64 {
        self.begins.get(1).copied().unwrap_or(self.start + self.bytes.len() as u64)
    }
}

/// The end of a file, as far as a secret may continue beyond it.
pub(super) struct End {
    start: u64,
    tail: Zeroizing<Vec<u8>>,
    /// Its last bytes may begin a needle.
    is_held: bool,
    format: Option<RecordFormat>,
}

impl End {
    /// Reads the end of a file, as many bytes as the longest needle has.
    pub(super) fn of(set: &Arc<NeedleSet>, text: &Text) -> io::Result<End> {
        let (start, tail) = text.tail(margin(set) + 1)?;
        let mut finder = Finder::new(Arc::clone(set));
        finder.push(&tail);
        let format = format(&text.beginning(HEAD_LEN)?);
        Ok(End { start, tail, is_held: finder.held() > 0, format })
    }

    /// Whether nothing can continue across the boundary.
    pub(super) fn is_closed(&self, filler: Option<u8>) -> bool {
        self.format.is_none() && !self.may_be_begun(filler) && !self.is_held
    }

    /// Whether the whole file may be masked.
    pub(super) fn may_be_all_mask(&self, filler: Option<u8>) -> bool {
        self.tail.iter().all(|&byte| Some(byte) == filler)
    }

    /// Whether a partially masked secret may cross the boundary.
    pub(super) fn may_be_begun(&self, filler: Option<u8>) -> bool {
        filler.is_some() && (self.is_held || self.tail.last().copied() == filler)
    }
}

/// The maximum number of a needle's bytes on one side of a boundary.
fn margin(set: &NeedleSet) -> u64 {
    set.needle_len_max().saturating_sub(1) as u64
}

/// The format of a file with this head. Its first line may be the remainder of a record.
fn format(head: &[u8]) -> Option<RecordFormat> {
    let second = || head.get(memchr::memchr(b'\n', head)? + 1..);
    RecordFormat::of_head(head).or_else(|| RecordFormat::of_head(second()?))
}

impl Row<'_> {
    /// All secrets across the boundary of the first file.
    pub(super) fn search(&self, end: &End, is_growing: bool) -> io::Result<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        if end.is_held {
            found.extend(self.in_bytes(end)?);
        }
        if let Some(format) = end.format {
            found.extend(self.in_records(format, is_growing)?);
        }
        Ok(found)
    }

    /// A secret whose bytes continue from one file to the next.
    fn in_bytes(&self, end: &End) -> io::Result<Option<Found>> {
        let (mut most, mut start, mut tail) = (margin(self.set), end.start, end.tail.clone());
        loop {
            let mut finder = Finder::at(Arc::clone(self.set), start);
            finder.push(&tail);
            let mut joined = Joined { start, begins: vec![start], bytes: tail };
            let Some((needle, range)) = self.follow(&mut finder, &mut joined)? else { return Ok(None) };
            // Text before these bytes may belong to it, too.
            if start > 0 && range.start < start + margin(self.set) {
                most = most.saturating_mul(4).max(READ_LEN as u64);
                (start, tail) = self.texts[0].tail(most)?;
                continue;
            }
            return Ok((!self.is_found_by_parts(&joined, &range)).then(|| joined.found(needle, &[range])));
        }
    }

    /// Reads the next files as long as a secret may cross the boundary.
    fn follow(&self, finder: &mut Finder, joined: &mut Joined) -> io::Result<Option<(usize, Range<u64>)>> {
        let boundary = finder.end();
        let is_over = |range: &Range<u64>| range.start < boundary && range.end > boundary;
        let mut buffer = Zeroizing::new(vec![0; READ_LEN]);
        for text in &self.texts[1..] {
            joined.begins.push(finder.end());
            let mut content = text.head()?;
            loop {
                let len = content::read(&mut *content, &mut buffer)?;
                if len == 0 {
                    break;
                }
                extend(&mut joined.bytes, &buffer[..len]);
                let mut told = finder.push(&buffer[..len]).map(|region| (region.needle(), region.range()));
                if let Some(found) = told.find(|(_, range)| is_over(range)) {
                    return Ok(Some(found));
                }
                drop(told);
                let is_open = finder.end() - (finder.held() as u64) < boundary
                    || finder.open(false).iter().any(|region| region.range().start < boundary);
                if !is_open {
                    return Ok(None);
                }
            }
        }
        let mut told = finder.finish(false).map(|region| (region.needle(), region.range()));
        Ok(told.find(|(_, range)| is_over(range)))
    }

    /// Whether separate searches of the files find the whole range: the secrets only touch there.
    fn is_found_by_parts(&self, joined: &Joined, range: &Range<u64>) -> bool {
        let mut at = range.start;
        joined.parts(range).iter().all(|(_, part)| {
            let len = part.end - part.start;
            let mut finder = Finder::new(Arc::clone(self.set));
            let mut told: Vec<Range<u64>> =
                finder.push(joined.of(&(at..at + len))).map(|region| region.range()).collect();
            told.extend(finder.finish(false).map(|region| region.range()));
            at += len;
            matches!(&told[..], [one] if *one == (0..len))
        })
    }

    /// Secrets with parts in the last records of one file and the first of the next.
    fn in_records(&self, format: RecordFormat, is_growing: bool) -> io::Result<Vec<Found>> {
        let mut most = 2 * RECORD_LEN_MAX as u64 + 8 * margin(self.set);
        loop {
            let (start, tail) = self.texts[0].tail(most)?;
            let mut finder = SplitFinder::new(format, self.set).beside_masks(self.filler, is_growing);
            if start > 0 {
                finder.skip_to(start);
            }
            let mut over: Vec<(usize, Vec<Range<u64>>)> = Vec::new();
            let boundary = start + tail.len() as u64;
            let is_over = |split: &SplitSecret| match &split.parts[..] {
                [first, .., last] => first.start < boundary && last.end > boundary,
                _ => false,
            };
            finder.push(&tail, &mut |split| {
                over.extend(is_over(&split).then_some((split.needle, split.parts)));
                Ok::<(), io::Error>(())
            })?;
            let mut tell = |split: SplitSecret| {
                // The mask of its last part is in the file at hand.
                let is_begun = split.beginning(self.set).is_some() && split.parts[0].start < boundary;
                over.extend((is_begun || is_over(&split)).then_some((split.needle, split.parts)));
                Ok::<(), io::Error>(())
            };
            let mut joined = Joined { start, begins: vec![start], bytes: tail };
            self.follow_records(finder, &mut joined, boundary, &mut tell)?;
            if start > 0 && over.iter().any(|(_, parts)| parts[0].start < start + most / 2) {
                most = most.saturating_mul(4);
                continue;
            }
            let found = |(needle, parts): &(usize, Vec<Range<u64>>)| Found {
                is_in_records: true,
                ..joined.found(*needle, parts)
            };
            return Ok(over.iter().map(found).collect());
        }
    }

    fn follow_records(
        &self,
        mut finder: SplitFinder,
        joined: &mut Joined,
        boundary: u64,
        tell: &mut dyn FnMut(SplitSecret) -> io::Result<()>,
    ) -> io::Result<()> {
        // One stream may end here while the other continues for gigabytes.
        let until = boundary + 4 * RECORD_LEN_MAX as u64 + 8 * margin(self.set);
        let mut buffer = Zeroizing::new(vec![0; RECORD_LEN_MAX / 8]);
        let mut end = boundary;
        for text in &self.texts[1..] {
            joined.begins.push(end);
            let mut content = text.head()?;
            while finder.is_open_before(boundary) && end < until {
                let len = content::read(&mut *content, &mut buffer)?;
                if len == 0 {
                    break;
                }
                extend(&mut joined.bytes, &buffer[..len]);
                finder.push(&buffer[..len], tell)?;
                end += len as u64;
            }
            if !finder.is_open_before(boundary) || end >= until {
                return Ok(());
            }
        }
        finder.finish(tell)
    }

    /// The remainder of a secret that an earlier scrub masked in part. The first file may be
    /// growing.
    pub(super) fn search_begun(&self, end: &End, is_growing: bool) -> io::Result<Option<Found>> {
        let Some(filler) = self.filler.filter(|_| end.may_be_begun(self.filler)) else { return Ok(None) };
        let most = self.masks_len_max();
        let (start, tail) = self.texts[0].tail(most as u64)?;
        let is_all_mask = start == 0 && tail.iter().all(|&byte| byte == filler);
        let before = if is_all_mask { self.masked_before(filler)? } else { Vec::new() };
        let (tail_len, mut bytes, mut begins) = (tail.len(), tail, vec![0]);
        for text in &self.texts[1..] {
            let left = (tail_len + most).saturating_sub(bytes.len());
            if left == 0 {
                break;
            }
            begins.push(bytes.len());
            extend(&mut bytes, &text.beginning(left)?);
        }
        let Some(rest) = Pieces::new(&bytes, &begins, &before, filler).rest(self.set, is_growing) else {
            return Ok(None);
        };
        let at = |place: usize| start + place as u64;
        let ranges: Vec<_> = rest.ranges.iter().map(|range| at(range.start)..at(range.end)).collect();
        let joined = Joined { start, bytes, begins: begins.into_iter().map(at).collect() };
        Ok(Some(joined.found(rest.needle, &ranges)))
    }

    /// Enough bytes to see the full extent of the masks of adjacent secrets.
    fn masks_len_max(&self) -> usize {
        let needle_len_max = margin(self.set) as usize + 1;
        needle_len_max + MASKS_LEN_MAX.min(3 * needle_len_max)
    }

    /// The lengths of the masks that end right before the first file, if that is all mask.
    fn masked_before(&self, filler: u8) -> io::Result<Vec<usize>> {
        let (mut lens, most) = (Vec::new(), self.masks_len_max());
        for texts in &self.before {
            let mut len = 0;
            for text in texts {
                let (start, tail) = text.tail(most as u64)?;
                let masked = tail.iter().rev().take_while(|&&byte| byte == filler).count();
                len += masked;
                if start > 0 || masked < tail.len() || len >= most {
                    break;
                }
            }
            lens.extend((len > 0).then_some(len));
        }
        Ok(lens)
    }
}

/// Whether a file with this head may begin with the remainder of a secret, in its bytes or in its
/// first records.
pub(super) fn begins_with_a_rest(set: &NeedleSet, filler: Option<u8>, head: &[u8]) -> bool {
    let is_rest = |text: &[u8]| {
        let is_of = |needle: &[u8]| (1..needle.len()).any(|from| begins_alike(&needle[from..], text));
        !text.is_empty() && (text.first().copied() == filler || set.expose().any(is_of))
    };
    if is_rest(head) {
        return true;
    }
    let Some(format) = format(head) else { return false };
    let mut seen = [false; 2];
    head.split(|&byte| byte == b'\n').any(|line| {
        let record = Record::parse(format, line).filter(|record| !std::mem::replace(&mut seen[record.stream], true));
        record.is_some_and(|record| is_rest(&line[record.text]))
    })
}

/// Whether one is a prefix of the other.
fn begins_alike(a: &[u8], b: &[u8]) -> bool {
    let len = a.len().min(b.len());
    a[..len] == b[..len]
}

/// Appends to a wiped buffer; an outgrown allocation is wiped, too.
fn extend(bytes: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    if bytes.capacity() - bytes.len() < more.len() {
        let mut moved = Zeroizing::new(Vec::with_capacity(2 * (bytes.len() + more.len())));
        moved.extend_from_slice(bytes);
        *bytes = moved;
    }
    bytes.extend_from_slice(more);
}
