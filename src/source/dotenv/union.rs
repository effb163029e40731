//! The union of all dialects' readings: which values a line has, by which dialects, and which of
//! them need needles.

use std::ops::Range;

use memchr::{memchr, memmem};
use zeroize::Zeroize;

use super::scanner::lines;
use super::{Dialect, Dialects, Entry, Reading};
use crate::redact::secret::VALUE_LEN_MIN;

/// The entries of a file: each distinct value of each name, in order.
pub(super) fn merged(file: &[u8], mut readings: Vec<(Dialect, Reading<'_>)>) -> Vec<Entry> {
    // Stable: the dialects keep their order.
    readings.sort_by_key(|(_, reading)| reading.name.at);
    let spans = quoted_over_lines(file, &readings);
    let mut entries: Vec<Entry> = Vec::new();
    let mut group = 0;
    for (dialect, reading) in readings {
        if entries.last().is_none_or(|last| last.at != reading.name.at) {
            mark(&mut entries[group..]);
            group = entries.len();
        }
        add(&mut entries, group, dialect, reading);
    }
    mark(&mut entries[group..]);
    // In a quoted text of several lines, what stands before a final `=` is rather base64.
    let is_blank = |entry: &Entry| entry.value.as_ref().is_some_and(|value| matches!(value.trim_ascii(), b"" | b"="));
    for entry in entries.iter_mut().filter(|entry| is_blank(entry)) {
        entry.is_masked &= !is_within(&spans, entry.at);
    }
    entries
}

fn add(entries: &mut Vec<Entry>, group: usize, dialect: Dialect, reading: Reading<'_>) {
    let value = reading.value;
    let bytes = value.as_ref().map(|value| &*value.bytes);
    if let Some(same) = entries[group..].iter_mut().find(|entry| entry.value.as_deref() == bytes) {
        same.dialects.add(dialect);
        if let Some(mut value) = value {
            same.refers |= value.refers;
            same.is_masked |= !value.swallows;
            if let std::borrow::Cow::Owned(copy) = &mut value.bytes {
                copy.zeroize();
            }
        }
        return;
    }
    let mut dialects = Dialects::default();
    dialects.add(dialect);
    entries.push(Entry {
        name: reading.name.text.to_owned(),
        refers: value.as_ref().is_some_and(|value| value.refers),
        is_masked: value.as_ref().is_none_or(|value| !value.swallows),
        value: value.map(|value| value.bytes.into_owned()),
        dialects,
        at: reading.name.at,
    });
}

/// Unmarks the readings of one line that need no needles of their own.
fn mark(group: &mut [Entry]) {
    if group.len() < 2 {
        return;
    }
    let len = |entry: &Entry| entry.value.as_ref().map_or(0, |value| core(value).len());
    let longest = group.iter().filter(|entry| entry.is_masked).map(len).max().unwrap_or_default();
    let mut has_longest = false;
    for n in 0..group.len() {
        let len = len(&group[n]);
        let is_short = len < VALUE_LEN_MIN && (longest >= VALUE_LEN_MIN || has_longest || len < longest);
        has_longest |= len == longest;
        let is_covered = (0..group.len()).any(|other| {
            // Of two that cover each other, the first stays.
            let first = group[n].value.is_some() && n != other && (group[other].is_masked || other > n);
            first && covers(&group[other], &group[n]) && !(other > n && covers(&group[n], &group[other]))
        });
        group[n].is_masked &= !is_short && !is_covered;
    }
}

/// Whether the needles of one value cover the other: it is the same with quotes or blanks around,
/// or its beginning of one line, whose lines are needles anyway.
fn covers(by: &Entry, other: &Entry) -> bool {
    let (Some(by), Some(other)) = (&by.value, &other.value) else { return false };
    if by.len() < VALUE_LEN_MIN {
        return false;
    }
    let is_around = memmem::find(other, by).is_some() && core(by) == core(other);
    let first_line = memchr(b'\n', by).map(|len| &by[..len]);
    is_around || first_line.is_some_and(|line| core(line) == core(other))
}

/// A value without quotes and white space at its ends.
fn core(value: &[u8]) -> &[u8] {
    let is_inner = |b: &u8| !b.is_ascii_whitespace() && !b"'\"`".contains(b);
    match (value.iter().position(is_inner), value.iter().rposition(is_inner)) {
        (Some(first), Some(last)) => &value[first..=last],
        _ => &[],
    }
}

/// The readings that go over several lines from a quote at their beginning, in order.
fn quoted_over_lines(file: &[u8], readings: &[(Dialect, Reading<'_>)]) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (_, reading) in readings {
        let Some(value) = reading.value.as_ref().filter(|value| !value.swallows) else { continue };
        let span = reading.name.at..reading.end;
        let is_new = spans.last().is_none_or(|last| last.end < span.end);
        if is_new
            && !value.bytes.is_empty()
            && begins_quoted(&file[reading.name.at + reading.name.text.len()..reading.end])
        {
            spans.push(span);
        }
    }
    spans
}

/// Whether the text behind a name is a quoted value of several lines.
fn begins_quoted(text: &[u8]) -> bool {
    let is_between = |b: &u8| b"=: \t".contains(b);
    let first = text.iter().find(|b| !is_between(b));
    first.is_some_and(|b| b"'\"`".contains(b)) && memchr(b'\n', text).is_some()
}

/// Whether a position stands within one of the spans, behind its beginning.
fn is_within(spans: &[Range<usize>], at: usize) -> bool {
    let before = spans.partition_point(|span| span.start < at);
    spans[..before].last().is_some_and(|span| at < span.end)
}

/// The numbers of the lines without a reading that are neither blank nor comments.
pub(super) fn lines_without_entry<'a>(file: &[u8], readings: impl Iterator<Item = &'a Reading<'a>>) -> Vec<usize> {
    let spans = readings.filter(|reading| reading.value.as_ref().is_none_or(|value| !value.swallows));
    let mut spans: Vec<Range<usize>> =
        spans.map(|reading| reading.name.at..reading.end.max(reading.name.at + 1)).collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let mut spans = spans.into_iter().peekable();
    let mut covered = 0;
    let mut unread = Vec::new();
    for (n, (start, line)) in lines(file).enumerate() {
        let end = start + line.len();
        while let Some(span) = spans.next_if(|span| span.start < end) {
            covered = covered.max(span.end);
        }
        let is_text = !matches!(line.trim_ascii(), [] | [b'#' | b';', ..]);
        if is_text && covered <= start {
            unread.push(n + 1);
        }
    }
    unread
}
