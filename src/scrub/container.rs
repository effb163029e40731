//! Logs of containers, in which a long line is cut into records of 16 KiB: Docker's json-file, and the format of Kubernetes (CRI).
//!
//! A secret across two records does not stand in the file as it is: between its parts stand the end of a record and the
//! beginning of the next one, maybe of another stream. Here the parts of each line are put together again and searched; what
//! lies in one record only is left to the search of the file itself.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::NeedleSet;
use crate::redact::finder::Finder;
use crate::redact::region::Region;

/// A record of 16 KiB takes 96 KiB at most if each byte is written as `\u00xx`. A longer one is none, in bytes.
pub(crate) const RECORD_LEN_MAX: usize = 256 << 10;
/// How long the head of a CRI record is at most: time, stream and tag, in bytes.
const CRI_HEAD_LEN_MAX: usize = 64;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `{"log":"text\n","stream":"stdout","time":"2026-11-24T16:00:00.000000000Z"}`; without the `\n`, the line goes on.
    Docker,
    /// `2026-11-24T16:00:00.000000000Z stdout F text`; with `P`, the line goes on.
    Cri,
}

/// The format of a file that begins so.
pub fn of_head(head: &[u8]) -> Option<Format> {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if line.starts_with(DOCKER_HEAD) {
        return Some(Format::Docker);
    }
    cri(line).map(|_| Format::Cri)
}

const DOCKER_HEAD: &[u8] = b"{\"log\":\"";

/// A record: what it holds of its line.
pub(crate) struct Record {
    /// Standard output is 0, and standard error 1.
    pub(crate) stream: usize,
    pub(crate) text: Range<usize>,
    pub(crate) goes_on: bool,
}

/// The record that a line is, without its newline; none, if it is something else.
pub(crate) fn record(format: Format, line: &[u8]) -> Option<Record> {
    match format {
        Format::Docker => docker(line),
        Format::Cri => cri(line),
    }
}

/// The text of a record that a writer has not finished, and may never.
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

/// A secret across records: the needle that names it, and where its parts lie in the file, in order.
pub struct Split {
    /// The needle.
    pub needle: usize,
    /// Its parts; two or more.
    pub parts: Vec<Range<u64>>,
}

/// Tells all secrets across records. Linear in the file, whatever is in it.
pub fn splits<E: From<io::Error>>(
    content: &mut dyn Read,
    format: Format,
    set: &Arc<NeedleSet>,
    tell: &mut dyn FnMut(Split) -> Result<(), E>,
) -> Result<(), E> {
    let mut lines = [Line::new(set), Line::new(set)];
    let mut buffer = Zeroizing::new(vec![0; RECORD_LEN_MAX]);
    // What is in the buffer, and where that begins in the file.
    let (mut len, mut at) = (0, 0);
    loop {
        let read = match content.read(&mut buffer[len..]) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        len += read;
        let mut done = 0;
        while let Some(end) = memchr::memchr(b'\n', &buffer[done..len]) {
            take(format, &buffer[done..done + end], at + done as u64, &mut lines, tell)?;
            done += end + 1;
        }
        if read == 0 {
            // The file may end within a line, and within a record: what is complete there is a secret as any other.
            take(format, &buffer[done..len], at + done as u64, &mut lines, tell)?;
            return lines.iter().try_for_each(|line| line.tell_open(tell));
        }
        if done == 0 && len == buffer.len() {
            // Too long for a record: no line goes on over it.
            done = len;
            lines.iter_mut().for_each(Line::forget);
        }
        buffer.copy_within(done..len, 0);
        (len, at) = (len - done, at + done as u64);
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
    // What lies in one record is found otherwise.
    if found.goes_on || line.goes_on {
        line.add(&record[found.text.clone()], at + found.text.start as u64, found.goes_on, tell)?;
    }
    Ok(())
}

/// A line of one stream that is put together from records.
struct Line {
    finder: Finder,
    goes_on: bool,
    /// Where the records' texts that may still matter begin in the line, and in the file.
    records: Vec<(u64, u64)>,
}

impl Line {
    fn new(set: &Arc<NeedleSet>) -> Line {
        Line { finder: Finder::new(Arc::clone(set)), goes_on: false, records: Vec::new() }
    }

    fn forget(&mut self) {
        *self = Line::new(self.finder.set());
    }

    fn add<E>(
        &mut self,
        text: &[u8],
        at: u64,
        goes_on: bool,
        tell: &mut dyn FnMut(Split) -> Result<(), E>,
    ) -> Result<(), E> {
        self.records.push((self.finder.end(), at));
        self.goes_on = goes_on;
        let found: Vec<Region> = self.finder.push(text).collect();
        let rest = if goes_on { Vec::new() } else { self.finder.finish(false).collect() };
        found.iter().chain(&rest).filter_map(|region| self.split(region)).try_for_each(tell)?;
        if goes_on {
            let open = self.finder.open(false).first().map_or(u64::MAX, |region| region.range().start);
            let needed = open.min(self.finder.end() - self.finder.held() as u64);
            let first = self.records.partition_point(|record| record.0 <= needed).saturating_sub(1);
            self.records.drain(..first);
        } else {
            self.records.clear();
        }
        Ok(())
    }

    /// Tells what has been found and could grow, if more followed.
    fn tell_open<E>(&self, tell: &mut dyn FnMut(Split) -> Result<(), E>) -> Result<(), E> {
        self.finder.open(false).iter().filter_map(|region| self.split(region)).try_for_each(tell)
    }

    /// The parts of a region, if it has several.
    fn split(&self, region: &Region) -> Option<Split> {
        let ends = self.records.iter().skip(1).map(|record| record.0).chain([self.finder.end()]);
        let part = |((start, at), end): ((u64, u64), u64)| {
            let (from, to) = (region.range().start.max(start), region.range().end.min(end));
            (from < to).then(|| at + (from - start)..at + (to - start))
        };
        let parts: Vec<Range<u64>> = self.records.iter().copied().zip(ends).filter_map(part).collect();
        (parts.len() > 1).then(|| Split { needle: region.needle(), parts })
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
