//! Colour codes behind the masks of regions that have them: see [`colour`](super::super::colour).

use std::ops::Range;

use super::super::redacted::Segment;
use super::super::region::{Occurrence, Region};
use super::kept::HeldCopy;
use super::{Note, Redactor};

/// The state of the colour codes of a stream.
#[derive(Default)]
pub(super) struct Colours {
    /// The end of the occurrences in the plain reading: only regions before it have codes.
    pub(super) read_until: u64,
    /// The codes in the current output.
    pub(super) out: Vec<u8>,
}

/// Notes occurrences in the plain reading.
pub(super) fn note(colours: &mut Option<Box<Colours>>, read: &[Occurrence]) {
    if let Some(end) = read.iter().map(|occurrence| occurrence.end).max() {
        let colours = colours.get_or_insert_default();
        colours.read_until = colours.read_until.max(end);
    }
}

impl Redactor {
    /// Takes the codes out of the bytes before `until` that no call has returned yet. A region of
    /// an earlier set has none: a code may form a needle of this one.
    pub(super) fn take_codes(&mut self, until: u64, copy: HeldCopy, input: &[u8]) {
        // Only the first region may have returned bytes.
        let has_codes = self.regions.first().is_some_and(|region| region.more.codes.is_some());
        let read_until = self.colours.as_ref().map_or(0, |colours| colours.read_until);
        if !has_codes && self.emitted >= read_until || self.set.code_separator().is_none() {
            return;
        }
        let mut regions = std::mem::take(&mut self.regions);
        let (held, start) = (self.held_bytes(copy), self.end() - input.len() as u64);
        for region in regions.iter_mut().take_while(|region| region.range.start < until) {
            let range = region.range.start.max(self.emitted)..region.range.end.min(until);
            let may_have = region.more.codes.is_some() || range.start < read_until;
            if may_have && range.start < range.end && region.more.old_set.is_none() {
                let codes = region.more.codes.get_or_insert_default();
                codes.take(&self.set, part(held, start - held.len() as u64, &range));
                codes.take(&self.set, part(input, start, &range));
            }
        }
        self.regions = regions;
    }
}

/// The bytes of a range, of those that begin at this position.
fn part<'a>(bytes: &'a [u8], start: u64, range: &Range<u64>) -> &'a [u8] {
    let at = |position: u64| position.saturating_sub(start).min(bytes.len() as u64) as usize;
    &bytes[at(range.start)..at(range.end)]
}

/// Adds the codes of a region behind all of its mask. `is_last`: the text ends with the region.
pub(super) fn push_codes(
    region: &mut Region<Note>,
    separator: Option<&[u8]>,
    is_last: bool,
    colours: &mut Option<Box<Colours>>,
    segments: &mut Vec<Segment>,
) {
    let Some(codes) = region.more.codes.take() else { return };
    let (codes, out) = (codes.finish(is_last), &mut colours.get_or_insert_default().out);
    if !codes.is_empty() {
        let start = out.len() as u32;
        out.extend([&codes[..], separator.unwrap_or_default()].concat());
        segments.push(Segment::Codes { range: start..out.len() as u32, start: region.range.start });
    }
}
