//! Container logs made of lines cut into records: the positions of secrets across records are known
//! beforehand.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;

use hushlog::NeedleSet;
use hushlog::container::{RecordFormat, SplitSecret, split_secrets};

use super::expected::PARTIAL_KEPT;
use super::regions;
use super::scenario::{Scenario, Step};

/// A needle, and the positions of its parts in the file.
type Parts = (usize, Vec<Range<u64>>);

/// Writes the pieces of a run as records, each end of a stream as a line end, and compares the
/// reported parts.
pub fn check(scenario: &Scenario, set: &Arc<NeedleSet>, format: RecordFormat, whims: &[u8]) {
    let mut log = Log { format, file: Vec::new(), lines: Default::default(), expected: Vec::new(), set };
    for (step, next) in scenario.steps.iter().zip(scenario.steps.iter().skip(1).chain([&Step::Finish])) {
        if let Step::Push(piece) = step {
            // The input selects the stream by the lengths of records.
            log.record(piece.len() % 3 / 2, piece, *next != Step::Finish, piece.len() % 5 == 0);
        }
    }
    for stream in 0..2 {
        log.line_ends(stream);
    }
    if whims[0] & 1 == 1 {
        log.file.pop();
    }
    log.expected.sort_by(order);
    assert_eq!(told(&log.file, format, set, whims), log.expected, "{format:?} {:?}\n{scenario:?}", text(&log.file));
}

/// Any bytes, read as such a log: the parts are within the file, in order, and contain the needle.
pub fn check_raw(file: &[u8], set: &Arc<NeedleSet>, whims: &[u8]) {
    let Some(format) = RecordFormat::of_head(file) else { return };
    for (needle, parts) in told(file, format, set, whims) {
        let held: Vec<u8> =
            parts.iter().flat_map(|part| &file[part.start as usize..part.end as usize]).copied().collect();
        let needle = set.expose().nth(needle).expect("a needle of the set");
        assert!(held.starts_with(needle) && parts.len() > 1 && parts.iter().all(|part| part.start < part.end));
        assert!(parts.is_sorted_by(|one, next| one.end < next.start), "{parts:?}");
    }
}

fn told(file: &[u8], format: RecordFormat, set: &Arc<NeedleSet>, whims: &[u8]) -> Vec<Parts> {
    let mut told = Vec::new();
    let mut tell = |SplitSecret { needle, parts }| {
        told.push((needle, parts));
        Ok::<(), io::Error>(())
    };
    let mut content = Whimsical { file, whims: whims.iter().cycle() };
    split_secrets(&mut content, format, set, &mut tell).expect("reading from memory does not fail");
    told.sort_by(order);
    told
}

fn order(one: &Parts, other: &Parts) -> std::cmp::Ordering {
    let start = |parts: &Parts| parts.1.first().map(|part| part.start);
    start(one).cmp(&start(other))
}

fn text(file: &[u8]) -> String {
    file.escape_ascii().to_string()
}

/// The text of an unfinished line, and the beginnings of its records in the line and in the file.
type Line = (Vec<u8>, Vec<(usize, u64)>);

/// A log as it is written, and its contents.
struct Log<'a> {
    format: RecordFormat,
    file: Vec<u8>,
    /// One for each stream.
    lines: [Line; 2],
    expected: Vec<Parts>,
    set: &'a Arc<NeedleSet>,
}

impl Log<'_> {
    fn record(&mut self, stream: usize, piece: &[u8], goes_on: bool, noise: bool) {
        if noise {
            self.file.extend_from_slice(b"what is no record\n");
        }
        let name = ["stdout", "stderr"][stream];
        let mut content: Vec<u8> = piece.iter().map(|&byte| self.plain(byte)).collect();
        let head = match self.format {
            RecordFormat::Docker => "{\"log\":\"".to_owned(),
            RecordFormat::Cri => format!("2026-11-24T16:00:00.0Z {name} {} ", if goes_on { "P" } else { "F" }),
        };
        self.file.extend_from_slice(head.as_bytes());
        if self.format == RecordFormat::Docker && !goes_on {
            content.extend_from_slice(b"\\n");
        }
        let (line, records) = &mut self.lines[stream];
        records.push((line.len(), self.file.len() as u64));
        line.extend_from_slice(&content);
        self.file.extend_from_slice(&content);
        if self.format == RecordFormat::Docker {
            self.file.extend_from_slice(format!("\",\"stream\":\"{name}\",\"time\":\"2026\"}}").as_bytes());
        }
        self.file.push(b'\n');
        if !goes_on {
            self.line_ends(stream);
        }
    }

    /// The byte, or another one if it would end the record.
    fn plain(&self, byte: u8) -> u8 {
        let ends = match self.format {
            RecordFormat::Docker => b"\n\"\\".contains(&byte),
            RecordFormat::Cri => byte == b'\n',
        };
        if ends { byte | 0x80 } else { byte }
    }

    fn line_ends(&mut self, stream: usize) {
        let (line, records) = std::mem::take(&mut self.lines[stream]);
        let ends = records.iter().skip(1).map(|record| record.0).chain([line.len()]);
        let records: Vec<(Range<u64>, u64)> =
            records.iter().zip(ends).map(|(&(start, at), end)| (start as u64..end as u64, at)).collect();
        for (start, end, needle) in regions::naive(self.set, &line, PARTIAL_KEPT) {
            let part = |(record, at): &(Range<u64>, u64)| {
                let (from, to) = (start.max(record.start), end.min(record.end));
                (from < to).then(|| at + (from - record.start)..at + (to - record.start))
            };
            let parts: Vec<Range<u64>> = records.iter().filter_map(part).collect();
            if parts.len() > 1 {
                self.expected.push((needle, parts));
            }
        }
    }
}

/// A file with short and interrupted reads, as its whims say.
struct Whimsical<'a, W> {
    file: &'a [u8],
    whims: W,
}

impl<'a, W: Iterator<Item = &'a u8>> Read for Whimsical<'a, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = match self.whims.next() {
            Some(0) => return Err(ErrorKind::Interrupted.into()),
            Some(&whim) => usize::from(whim),
            None => self.file.len(),
        };
        self.file.read(&mut buffer[..len.min(self.file.len())])
    }
}
