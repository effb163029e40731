//! Container logs, in which a long line is cut into records of 16 KiB: Docker's json-file and the
//! Kubernetes format (CRI).
//!
//! A secret across two records is not contiguous in the file. Between its parts are the end of one
//! record and the beginning of the next, perhaps of another stream. This module reassembles each
//! line and searches it. The search of the file itself finds secrets within one record.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::io::Errno;
use zeroize::Zeroizing;

use super::file::read_full_at;
use crate::NeedleSet;
use crate::redact::finder::Finder;
use crate::redact::region::Region;

/// The longest record, in bytes. A record of 16 KiB takes at most 96 KiB if each byte is written as
/// `\u00xx`.
pub(crate) const RECORD_LEN_MAX: usize = 256 << 10;
/// Enough leading bytes to recognize a container log.
pub(super) const HEAD_LEN: usize = 256;
/// See [`rest_len_min`].
const REST_LEN_MIN: usize = 4;
/// The longest head of a CRI record: time, stream and tag, in bytes.
const CRI_HEAD_LEN_MAX: usize = 64;

/// The format of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `{"log":"text\n","stream":"stdout","time":"2026-11-24T16:00:00.000000000Z"}`; without the
    /// `\n`, the line continues.
    Docker,
    /// `2026-11-24T16:00:00.000000000Z stdout F text`; with `P`, the line continues.
    Cri,
}

/// The shortest part of a needle that counts as evidence beside a mask, in bytes. A shorter one may
/// be there by chance.
pub(super) fn rest_len_min(needle: &[u8]) -> usize {
    REST_LEN_MIN.min(needle.len().div_ceil(2))
}

/// The format of a file, if it is a container log.
pub(super) fn of_file(file: BorrowedFd<'_>) -> Result<Option<Format>, Errno> {
    let mut head = Zeroizing::new([0; HEAD_LEN]);
    let len = read_full_at(file, &mut head[..], 0)?;
    Ok(of_head(&head[..len]))
}

/// The format of a file with this head.
pub fn of_head(head: &[u8]) -> Option<Format> {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if line.starts_with(DOCKER_HEAD) {
        return Some(Format::Docker);
    }
    cri(line).map(|_| Format::Cri)
}

const DOCKER_HEAD: &[u8] = b"{\"log\":\"";

/// A record and its fields.
pub(crate) struct Record {
    /// 0 for standard output, 1 for standard error.
    pub(crate) stream: usize,
    pub(crate) text: Range<usize>,
    pub(crate) goes_on: bool,
}

/// Parses a line without its newline; `None` if it is no record.
pub(crate) fn record(format: Format, line: &[u8]) -> Option<Record> {
    match format {
        Format::Docker => docker(line),
        Format::Cri => cri(line),
    }
}

/// The text of a record that its writer has not finished, and may never finish.
#[cfg(feature = "sidecar")]
pub(crate) fn torn(format: Format, line: &[u8]) -> Option<Range<usize>> {
    let begins = |record: Record| record.text;
    match format {
        Format::Docker if line.starts_with(DOCKER_HEAD) => {
            Some(docker(line).map_or(DOCKER_HEAD.len()..line.len(), begins))
        }
        Format::Docker => None,
        Format::Cri => cri(line).map(begins),
    }
}

fn docker(line: &[u8]) -> Option<Record> {
    let rest = line.strip_prefix(DOCKER_HEAD)?;
    let mut quotes = memchr::memchr_iter(b'"', rest);
    let len = quotes.find(|&at| rest[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0)?;
    let stream = usize::from(memchr::memmem::find(&rest[len..], b"\"stream\":\"stderr\"").is_some());
    let text = DOCKER_HEAD.len()..DOCKER_HEAD.len() + len;
    let ends = rest[..len]
        .strip_suffix(b"n")
        .is_some_and(|text| text.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1);
    Some(Record { stream, text, goes_on: !ends })
}

fn cri(line: &[u8]) -> Option<Record> {
    let head = &line[..line.len().min(CRI_HEAD_LEN_MAX)];
    let mut words = head.splitn(4, |&byte| byte == b' ');
    let (time, stream, tag, _) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_time = time.len() >= 20 && time[4] == b'-' && time[10] == b'T' && time[..4].iter().all(u8::is_ascii_digit);
    let stream = [&b"stdout"[..], b"stderr"].iter().position(|name| *name == stream).filter(|_| is_time)?;
    let goes_on = match tag.split(|&byte| byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    Some(Record { stream, text: time.len() + 1 + 6 + 1 + tag.len() + 1..line.len(), goes_on })
}

/// A secret across records: the needle that names it, and the ranges of its parts in the file, in
/// order.
#[derive(Clone, Debug)]
pub struct Split {
    /// The needle.
    pub needle: usize,
    /// Its parts: at least two, except for a partial match, and for a secret's beginning if an
    /// earlier scrub masked the other parts.
    pub parts: Vec<Range<u64>>,
}

impl Split {
    /// The beginning of its needle, if nothing else is left of it.
    pub(super) fn beginning<'a>(&self, set: &'a NeedleSet) -> Option<&'a [u8]> {
        let len: u64 = self.parts.iter().map(|part| part.end - part.start).sum();
        let needle = set.expose().nth(self.needle)?;
        needle.get(..usize::try_from(len).ok()?).filter(|beginning| beginning.len() < needle.len())
    }
}

/// Reports all secrets across records. Takes linear time for any content.
pub fn splits<E: From<io::Error>>(
    content: &mut dyn Read,
    format: Format,
    set: &Arc<NeedleSet>,
    tell: &mut dyn FnMut(Split) -> Result<(), E>,
) -> Result<(), E> {
    splits_beside(content, Splitter::new(format, set), tell)
}

/// Like [`splits`], with a splitter that may recognize an earlier scrub's masks.
pub(super) fn splits_beside<E: From<io::Error>>(
    content: &mut dyn Read,
    mut splitter: Splitter,
    tell: &mut dyn FnMut(Split) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = Zeroizing::new(vec![0; RECORD_LEN_MAX]);
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return splitter.finish(tell),
            Ok(read) => splitter.push(&buffer[..read], tell)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Finds secrets across records in a file that is read in pieces and may grow.
pub(crate) struct Splitter {
    format: Format,
    lines: [Line; 2],
    /// The beginning of an incomplete record.
    rest: Zeroizing<Vec<u8>>,
    /// The offset of the next piece in the file.
    end: u64,
    /// The current line is too long for a record.
    is_overlong: bool,
}

impl Splitter {
    pub(crate) fn new(format: Format, set: &Arc<NeedleSet>) -> Splitter {
        let rest = Zeroizing::new(Vec::with_capacity(RECORD_LEN_MAX));
        Splitter { format, lines: [Line::new(set), Line::new(set)], rest, end: 0, is_overlong: false }
    }

    /// Also reports a secret's beginning if an earlier scrub masked its other parts with this byte:
    /// a scrub masks the last part first. With `is_exact`, the mask must be as long as the missing
    /// parts.
    pub(super) fn beside(mut self, filler: Option<u8>, is_exact: bool) -> Splitter {
        self.lines.iter_mut().for_each(|line| line.begun = filler.map(|filler| Begun::new(filler, is_exact)));
        self
    }

    #[cfg(feature = "guard")]
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Consumes the next piece and reports the secrets that are complete in its records.
    pub(crate) fn push<E>(&mut self, mut piece: &[u8], tell: &mut dyn FnMut(Split) -> Result<(), E>) -> Result<(), E> {
        while let Some(newline) = memchr::memchr(b'\n', piece) {
            let (line, after) = piece.split_at(newline + 1);
            let start = self.end - self.rest.len() as u64;
            self.end += line.len() as u64;
            let record = &line[..newline];
            if std::mem::take(&mut self.is_overlong) || self.rest.len() + record.len() > RECORD_LEN_MAX {
                self.forget();
            } else if self.rest.is_empty() {
                take(self.format, record, start, &mut self.lines, tell)?;
            } else {
                self.rest.extend_from_slice(record);
                take(self.format, &self.rest, start, &mut self.lines, tell)?;
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
    pub(super) fn finish<E>(mut self, tell: &mut dyn FnMut(Split) -> Result<(), E>) -> Result<(), E> {
        let start = self.end - self.rest.len() as u64;
        take(self.format, &self.rest, start, &mut self.lines, tell)?;
        self.lines.iter().try_for_each(|line| line.tell_open(tell))
    }

    /// The secrets that more input could extend. With `stump`, also a partial match at the end of
    /// an unfinished line, if it is long enough to be masked.
    #[cfg(feature = "guard")]
    pub(crate) fn open(&self, stump: bool) -> Vec<Split> {
        let going = self.lines.iter().filter(|line| line.goes_on);
        let split = |line: &Line| -> Vec<Split> {
            let regions = line.finder.open(stump);
            let found = regions.iter().map(|region| (region.needle(), line.parts(&region.range()), region.is_stump()));
            let telling = found.filter(|(_, parts, is_stump)| parts.len() > 1 || *is_stump);
            telling.map(|(needle, parts, _)| Split { needle, parts }).collect()
        };
        going.flat_map(split).collect()
    }

    /// Whether an unfinished line ends in a possible beginning of a secret.
    #[cfg(feature = "guard")]
    pub(crate) fn is_waiting(&self) -> bool {
        self.lines.iter().any(|line| line.goes_on && line.finder.held() > 0)
    }

    /// Whether a record or a possible secret that begins before this offset is still open.
    pub(super) fn is_open_before(&self, place: u64) -> bool {
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
    format: Format,
    record: &[u8],
    at: u64,
    lines: &mut [Line; 2],
    tell: &mut dyn FnMut(Split) -> Result<(), E>,
) -> Result<(), E> {
    let Some(found) = self::record(format, record) else { return Ok(()) };
    let line = &mut lines[found.stream];
    // The search of the file finds secrets within one record.
    if found.goes_on || line.goes_on {
        line.add(&record[found.text.clone()], at + found.text.start as u64, found.goes_on, tell)?;
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
    begun: Option<Begun>,
}

impl Line {
    fn new(set: &Arc<NeedleSet>) -> Line {
        Line { finder: Finder::new(Arc::clone(set)), goes_on: false, records: Vec::new(), begun: None }
    }

    fn forget(&mut self) {
        let begun = self.begun.take().map(|begun| Begun::new(begun.filler, begun.is_exact));
        *self = Line { begun, ..Line::new(self.finder.set()) };
    }

    fn add<E>(
        &mut self,
        text: &[u8],
        at: u64,
        goes_on: bool,
        tell: &mut dyn FnMut(Split) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some((needle, range)) = self.begun(text, goes_on) {
            tell(Split { needle, parts: self.parts(&range) })?;
        }
        self.records.push((self.finder.end(), at));
        self.goes_on = goes_on;
        let found: Vec<Region> = self.finder.push(text).collect();
        let rest = if goes_on { Vec::new() } else { self.finder.finish(false).collect() };
        found.iter().chain(&rest).filter_map(|region| self.split(region)).try_for_each(tell)?;
        if goes_on {
            let open = self.finder.open(false).first().map_or(u64::MAX, |region| region.range().start);
            let begun = self.begun.as_ref().and_then(Begun::start).unwrap_or(u64::MAX);
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
    fn tell_open<E>(&self, tell: &mut dyn FnMut(Split) -> Result<(), E>) -> Result<(), E> {
        self.finder.open(false).iter().filter_map(|region| self.split(region)).try_for_each(tell)
    }

    /// The parts of a region, if it has several.
    fn split(&self, region: &Region) -> Option<Split> {
        let parts = self.parts(&region.range());
        (parts.len() > 1).then(|| Split { needle: region.needle(), parts })
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
struct Begun {
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

impl Begun {
    fn new(filler: u8, is_exact: bool) -> Begun {
        Begun { filler, is_exact, held: Zeroizing::default(), end: 0, open: Vec::new() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_understood() {
        let docker = |line: &str| {
            let record = docker(line.as_bytes()).expect("a record");
            (line[record.text].to_owned(), record.stream, record.goes_on)
        };
        assert_eq!(
            docker(r#"{"log":"a \"b\" \\","stream":"stderr","time":"2026"}"#),
            (r#"a \"b\" \\"#.into(), 1, true)
        );
        assert_eq!(docker(r#"{"log":"end\n","stream":"stdout"}"#), (r"end\n".into(), 0, false));
        assert_eq!(docker(r#"{"log":"end\\n","stream":"stdout"}"#), (r"end\\n".into(), 0, true));
        let cri = |line: &str| {
            cri(line.as_bytes()).map(|record| (line[record.text].to_owned(), record.stream, record.goes_on))
        };
        assert_eq!(cri("2026-11-24T16:00:00.123456789Z stdout P a b"), Some(("a b".into(), 0, true)));
        assert_eq!(cri("2026-11-24T16:00:00.123456789+02:00 stderr F:x "), Some((String::new(), 1, false)));
        assert_eq!(cri("2026-11-24T16:00:00.123Z INFO F x"), None);
        assert_eq!(of_head(b"2026-11-24T16:00:00.123456789Z stdout F a\n..."), Some(Format::Cri));
        assert_eq!(of_head(b"{\"log\":\"a"), Some(Format::Docker));
        assert_eq!(of_head(b"plain text\n"), None);
    }
}
