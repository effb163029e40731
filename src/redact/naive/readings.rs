//! The definition for sets that are searched in both [readings](super::super::reading): the text
//! itself, and the plain reading.

use super::super::colour;
use super::super::reading::dump::{self, Beside, DUMP_DEPTH, Row};
use super::super::reading::rest::{Rest, Undecided};
use super::super::reading::rule::{self, DEPTH, GAP_MAX, ReadsAs};
use super::super::reading::token::{TOKEN_RUN_MIN, doubles, is_token, offset};
use core::ops::Range;

/// A byte of a reading, and its stretch of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The byte. `None`: something that is in no needle.
    pub byte: Option<u8>,
    /// The stretch.
    pub stretch: Range<usize>,
}

/// The plain reading of a text, and the position from which on an escape waits for its end. With
/// `is_last` nothing waits, and an escape without its end stands for itself.
pub fn plain(text: &[u8], is_last: bool) -> (Vec<Read>, usize) {
    let mut reading: Vec<Read> =
        text.iter().enumerate().map(|(at, &byte)| Read { byte: Some(byte), stretch: at..at + 1 }).collect();
    let mut waits_from = text.len();
    for number in 0..DEPTH {
        let (read, waiting) = undo(text, &reading, number, is_last);
        waits_from = waiting.map_or(waits_from, |waiting| waits_from.min(waiting));
        reading = read;
    }
    let (read, waiting) = join(&reading, is_last);
    (read, waiting.map_or(waits_from, |waiting| waits_from.min(waiting)))
}

/// Undoes each escape and each row of a dump once. Returns where the first one begins that waits
/// for its end.
fn undo(text: &[u8], input: &[Read], number: usize, is_last: bool) -> (Vec<Read>, Option<usize>) {
    let (mut out, mut at, mut end, mut is_behind_row) = (Vec::new(), 0, 0, false);
    while at < input.len() {
        let Ok(row) = row(text, input, at, number, is_behind_row, is_last) else {
            let bytes: Vec<u8> = input[at..].iter().map_while(|read| read.byte).collect();
            let gap = if is_behind_row { dump::gap_len(&bytes) } else { 0 };
            return (out, input.get(at + gap).map(|read| read.stretch.start));
        };
        is_behind_row = row.is_some();
        if let Some(row) = row {
            let gap_end = input[at..at + row.gap].last().map_or(end, |read| read.stretch.end);
            if gap_end > end + GAP_MAX as usize {
                out.push(Read { byte: None, stretch: gap_end..gap_end });
            }
            end = input[at + row.end - 1].stretch.end;
            let stretch = input[at + row.start].stretch.start..end;
            out.extend(row.bytes().iter().map(|&byte| Read { byte: Some(byte), stretch: stretch.clone() }));
            at += row.end;
            continue;
        }
        if !input[at].byte.is_some_and(|byte| rule::FIRST.contains(&byte)) {
            end = if input[at].byte.is_some() { input[at].stretch.end } else { end };
            out.push(input[at].clone());
            at += 1;
            continue;
        }
        let rest: Vec<u8> = input[at..].iter().map_while(|read| read.byte).collect();
        let ends = is_last || at + rest.len() < input.len();
        let Ok(found) = rule::escape(Rest { bytes: &rest, is_last: ends }) else {
            let waits = input[at].byte != Some(rule::ESC);
            return (out, waits.then_some(input[at].stretch.start));
        };
        let Some(escape) = found else {
            end = input[at].stretch.end;
            out.push(input[at].clone());
            at += 1;
            continue;
        };
        let last = input[at + escape.len - 1].stretch.end;
        match escape.reads_as {
            ReadsAs::Bytes(bytes, len) => {
                let stretch = input[at + escape.outside].stretch.start..last;
                out.extend(bytes[..len.into()].iter().map(|&byte| Read { byte: Some(byte), stretch: stretch.clone() }));
                end = last;
            }
            ReadsAs::Nothing if last <= end + GAP_MAX as usize => {}
            ReadsAs::Nothing | ReadsAs::Break => {
                out.push(Read { byte: None, stretch: last..last });
                end = last;
            }
        }
        at += escape.len;
    }
    (out, None)
}

/// The row of a dump at this place: the first one, or one right behind another. The head of the
/// first one has to stand so in the text, where no escape goes on with it.
fn row(
    text: &[u8],
    input: &[Read],
    at: usize,
    number: usize,
    is_behind_row: bool,
    is_last: bool,
) -> Result<Option<Row>, Undecided> {
    let bytes: Vec<u8> = input[at..].iter().map_while(|read| read.byte).collect();
    let rest = Rest { bytes: &bytes, is_last: is_last || at + bytes.len() < input.len() };
    if is_behind_row {
        return dump::next_row(rest, Beside::level(number));
    }
    let before = at.checked_sub(1).and_then(|before| input[before].byte);
    if number >= DUMP_DEPTH || !dump::may_follow(before) {
        return Ok(None);
    }
    let start = input[at].stretch.start;
    let Ok(head) = dump::head(rest) else {
        let end = input[input.len() - 1].stretch.end;
        let is_cut = text.get(end).is_some_and(|next| rule::FIRST.contains(next));
        return if start + bytes.len() == end && !is_cut { Err(Undecided) } else { Ok(None) };
    };
    match head.filter(|&head| start + head == input[at + head - 1].stretch.end) {
        Some(head) => dump::row(rest, head, Beside::level(number)),
        None => Ok(None),
    }
}

/// Reads doubled characters as one, and a line end with the blanks and the dump's offset behind it
/// as nothing if at least [`TOKEN_RUN_MIN`] token characters stand before it. Returns where an
/// offset begins that waits for its end.
fn join(input: &[Read], is_last: bool) -> (Vec<Read>, Option<usize>) {
    let mut out: Vec<Read> = Vec::new();
    let (mut run, mut is_in_wrap, mut dropped_from, mut offset_end) = (0, false, None, 0);
    for (at, read) in input.iter().enumerate() {
        if is_in_wrap && at >= offset_end {
            let bytes: Vec<u8> = input[at..].iter().map_while(|read| read.byte).collect();
            let is_last = is_last || at + bytes.len() < input.len();
            let Ok(len) = offset(Rest { bytes: &bytes, is_last }) else { return (out, Some(read.stretch.start)) };
            offset_end = at + len;
        }
        let before = out.last().and_then(|last| last.byte);
        let is_double = matches!((before, read.byte), (Some(before), Some(byte)) if doubles(before, byte));
        let is_wrap = match read.byte {
            Some(b'\r' | b'\n') => is_in_wrap || run >= TOKEN_RUN_MIN,
            Some(b' ' | b'\t') => is_in_wrap,
            _ => is_in_wrap && at < offset_end,
        };
        if is_double || is_wrap {
            if let Some(last) = out.last_mut().filter(|_| is_double) {
                last.stretch.start = read.stretch.start;
            }
            is_in_wrap = is_wrap;
            let from = *dropped_from.get_or_insert(read.stretch.start);
            if read.stretch.end <= from + GAP_MAX as usize {
                continue;
            }
        } else {
            out.push(read.clone());
            (is_in_wrap, dropped_from) = (false, None);
            if let Some(byte) = read.byte {
                run = if is_token(byte) { TOKEN_RUN_MIN.min(run + 1) } else { 0 };
                continue;
            }
        }
        if read.byte.is_some() {
            out.push(Read { byte: None, stretch: read.stretch.end..read.stretch.end });
        }
        (run, is_in_wrap, dropped_from) = (0, false, None);
    }
    (out, None)
}

/// All occurrences of needles in either reading: the stretch of the text, and the needle.
pub fn occurrences(needles: &[&[u8]], text: &[u8], is_last: bool) -> Vec<(Range<usize>, usize)> {
    let (plain, mut found) = (plain(text, is_last).0, Vec::new());
    for (number, needle) in needles.iter().enumerate() {
        let raw = (0..text.len()).filter(|&at| text[at..].starts_with(needle)).map(|at| at..at + needle.len());
        found.extend(raw.map(|range| (range, number)));
        let is_there = |window: &&[Read]| window.iter().map(|read| read.byte).eq(needle.iter().copied().map(Some));
        let read = plain.windows(needle.len()).filter(is_there);
        let stretch = |window: &[Read]| window[0].stretch.start..window[window.len() - 1].stretch.end;
        found.extend(read.map(|window| (stretch(window), number)));
    }
    found
}

/// The bytes of `text` that belong to an occurrence, if the text ends here or, without `is_last`,
/// so far.
pub fn covered(needles: &[&[u8]], text: &[u8], is_last: bool) -> Vec<bool> {
    let mut covered = vec![false; text.len()];
    occurrences(needles, text, is_last).into_iter().for_each(|(stretch, _)| covered[stretch].fill(true));
    covered
}

/// The number of bytes at the end of the text to hold back: from the beginning of the longest
/// suffix of a reading on that is a proper prefix of a needle, and from an escape on that waits for
/// its end.
pub fn held(needles: &[&[u8]], text: &[u8]) -> usize {
    let (plain, waits_from) = plain(text, false);
    let begins = |rest: &&[Read]| {
        let begins = |needle: &&[u8]| {
            needle.len() > rest.len() && rest.iter().zip(*needle).all(|(read, byte)| read.byte == Some(*byte))
        };
        !rest.is_empty() && needles.iter().any(begins)
    };
    let suffix = (0..plain.len()).map(|at| &plain[at..]).find(begins);
    let from = suffix.map_or(waits_from, |rest| waits_from.min(rest[0].stretch.start));
    super::held(needles, text).max(text.len() - from)
}

/// The partial matches that are masked where a text ends: the stretch and the needle of each. In
/// the plain reading it may lack an escape's end, which it then includes.
pub fn partial_matches(
    needles: &[&[u8]],
    text: &[u8],
    partial_len_min: &dyn Fn(usize) -> usize,
) -> Vec<(Range<usize>, usize)> {
    let raw = super::partial_match(needles, text, partial_len_min);
    let mut found: Vec<_> = raw.map(|(needle, len)| (text.len() - len..text.len(), needle)).into_iter().collect();
    for is_last in [false, true] {
        let (plain, waits_from) = plain(text, is_last);
        let from = plain.iter().rposition(|read| read.byte.is_none()).map_or(0, |at| at + 1);
        let bytes: Vec<u8> = plain[from..].iter().filter_map(|read| read.byte).collect();
        if let Some((needle, len)) = super::partial_match(needles, &bytes, partial_len_min) {
            let rest = &plain[plain.len() - len..];
            let end = if waits_from < text.len() { text.len() } else { rest[len - 1].stretch.end };
            found.push((rest[0].stretch.start..end, needle));
        }
    }
    found
}

/// The colour codes within a region, which come out behind its mask: those that no occurrence in
/// the text itself touches, and of these the last.
fn codes(needles: &[&[u8]], text: &[u8], region: Range<usize>, is_last: bool) -> Vec<u8> {
    let Some(separator) = colour::separator(needles.iter().copied()) else { return Vec::new() };
    let mut touched = super::covered(needles, text);
    if is_last && region.end == text.len() {
        touched[text.len() - super::held(needles, text)..].fill(true);
    }
    let code = |at: usize| {
        Some(&text[at..at + colour::code_len(&text[at..region.end])?])
            .filter(|code| !touched[at..at + code.len()].contains(&true))
    };
    let codes: Vec<&[u8]> = region.clone().filter_map(code).collect();
    let fits = |&from: &usize| codes[from..].iter().map(|code| code.len()).sum::<usize>() <= colour::CODES_LEN_MAX;
    let from = (0..codes.len()).find(fits).unwrap_or(codes.len());
    if codes.is_empty() { Vec::new() } else { [&codes[from..].concat(), separator].concat() }
}

/// The output up to `end`, given the occurrences and partial matches. A region is named by the
/// longest needle of those that begin where it does, the first of equals; else by a partial match.
fn emitted(
    needles: &[&[u8]],
    text: &[u8],
    found: &[(Range<usize>, usize)],
    partial: &[(Range<usize>, usize)],
    (end, is_last): (usize, bool),
    mask: &mut dyn FnMut(usize, bool, &mut Vec<u8>),
) -> Vec<u8> {
    let (mut covered, mut out, mut name, mut start) = (vec![false; text.len()], Vec::new(), None, 0);
    found.iter().chain(partial).for_each(|(stretch, _)| covered[stretch.clone()].fill(true));
    let at = |list: &[(Range<usize>, usize)], at| -> Vec<usize> {
        list.iter().filter(|(stretch, _)| stretch.start == at).map(|(_, needle)| *needle).collect()
    };
    for position in 0..end {
        if covered[position] {
            let first = name.is_none();
            start = if first { position } else { start };
            let naming = || {
                let whole =
                    at(found, position).into_iter().min_by_key(|&needle| (usize::MAX - needles[needle].len(), needle));
                whole.or_else(|| at(partial, position).into_iter().min()).expect("a region begins with a needle")
            };
            let needle = *name.get_or_insert_with(naming);
            mask(needle, first, &mut out);
        } else {
            if name.take().is_some() {
                out.extend(codes(needles, text, start..position, is_last));
            }
            out.push(text[position]);
        }
    }
    if is_last && name.is_some() {
        out.extend(codes(needles, text, start..end, is_last));
    }
    out
}

/// The output after `text`, with more input to follow.
pub fn pushed(needles: &[&[u8]], text: &[u8], mask: &mut dyn FnMut(usize, bool, &mut Vec<u8>)) -> Vec<u8> {
    let end = text.len() - held(needles, text);
    emitted(needles, text, &occurrences(needles, text, false), &[], (end, false), mask)
}

/// The output for `text` as a whole stream, with its partial matches masked, too.
pub fn finished(
    needles: &[&[u8]],
    text: &[u8],
    partial_len_min: &dyn Fn(usize) -> usize,
    mask: &mut dyn FnMut(usize, bool, &mut Vec<u8>),
) -> Vec<u8> {
    let partial = partial_matches(needles, text, partial_len_min);
    emitted(needles, text, &occurrences(needles, text, true), &partial, (text.len(), true), mask)
}
