//! The finder against the definition: the same regions, under the same names, for every cutting.

use std::sync::Arc;

use hushlog::redact::{finder, naive};
use hushlog::{Finder, NeedleSet, Region};

use super::expected::{PARTIAL_MASKED, partial_lens};

/// A region in comparable form: its beginning, its end, and the needle that names it.
pub type Seen = (u64, u64, usize);

pub fn seen(region: &Region) -> Seen {
    (region.range().start, region.range().end, region.needle())
}

/// The regions of a text, by the definition. A partial match counts from `partial_len_min` bytes of
/// the value.
pub fn naive(set: &NeedleSet, text: &[u8], partial_len_min: usize) -> Vec<Seen> {
    let needles: Vec<&[u8]> = set.expose().collect();
    let mut regions: Vec<Seen> = Vec::new();
    // Each byte becomes one byte, so that the output's length gives the position.
    let mask = &mut |needle, first, out: &mut Vec<u8>| {
        let at = out.len() as u64;
        if first {
            regions.push((at, at, needle));
        }
        regions.last_mut().expect("a region has a first byte").1 = at + 1;
        out.push(b'.');
    };
    naive::finished(&needles, text, &partial_lens(set, partial_len_min), mask);
    regions
}

/// Pushes a text with these cuts, and compares the reported and open regions after each piece.
pub fn check(set: &Arc<NeedleSet>, text: &[u8], cuts: &[usize]) -> Result<(), String> {
    let needles: Vec<&[u8]> = set.expose().collect();
    let mut finder = Finder::new(Arc::clone(set));
    let (mut told, mut start) = (Vec::new(), 0);
    for end in cuts.iter().copied().chain([text.len()]) {
        told.extend(finder.push(&text[start..end]).map(|region| seen(&region)));
        start = end;
        let held = naive::held(&needles, &text[..end]);
        if finder.held() != held || finder.end() != end as u64 {
            return Err(format!("after {end} bytes, cut at {cuts:?}: {} bytes held, not {held}", finder.held()));
        }
        let known = naive(set, &text[..end], usize::MAX);
        let settled = known.iter().take_while(|region| region.1 < (end - held) as u64).count();
        let open: Vec<Seen> = finder.open(false).iter().map(seen).collect();
        if told != known[..settled] || open != known[settled..] {
            return Err(format!("after {end} bytes, cut at {cuts:?}: told {told:?}, open {open:?}, not {known:?}"));
        }
    }
    told.extend(finder.finish(true).map(|region| seen(&region)));
    let whole = naive(set, text, PARTIAL_MASKED);
    if told != whole {
        return Err(format!("in the end, cut at {cuts:?}: {told:?}, not {whole:?}"));
    }
    Ok(())
}

/// Searches the parts between these cuts separately, each a little beyond its end, and joins the
/// regions.
pub fn check_parts(set: &Arc<NeedleSet>, text: &[u8], cuts: &[usize]) -> Result<(), String> {
    let overlap = set.needle_len_max().saturating_sub(1);
    let mut starts = vec![0];
    starts.extend(cuts);
    let mut regions = Vec::new();
    for (index, &start) in starts.iter().enumerate().rev() {
        let end = starts.get(index + 1).map_or(text.len(), |next| (next + overlap).min(text.len()));
        let mut finder = Finder::at(Arc::clone(set), start as u64);
        regions.extend(finder.push(&text[start..end]));
        regions.extend(finder.finish(end == text.len()));
    }
    let joined: Vec<Seen> = finder::join(regions).iter().map(seen).collect();
    let whole = naive(set, text, PARTIAL_MASKED);
    if joined == whole { Ok(()) } else { Err(format!("parts from {starts:?}: {joined:?}, not {whole:?}")) }
}

/// Searches the text up to an offset, and far enough beyond it to find each occurrence that begins
/// before it; then resumes at the offset.
pub fn check_resumed(set: &Arc<NeedleSet>, text: &[u8], offset: usize) -> Result<(), String> {
    let beyond = (offset + set.needle_len_max().saturating_sub(1)).min(text.len());
    let mut finder = Finder::new(Arc::clone(set));
    let mut regions: Vec<Region> = finder.push(&text[..beyond]).collect();
    regions.extend(finder.finish(beyond == text.len()));
    let open = regions.split_off(regions.partition_point(|region| region.range().end < offset as u64));
    let mut finder = Finder::resume(Arc::clone(set), offset as u64, open);
    regions.extend(finder.push(&text[offset..]));
    regions.extend(finder.finish(true));
    let (found, whole) = (regions.iter().map(seen).collect::<Vec<_>>(), naive(set, text, PARTIAL_MASKED));
    if found == whole { Ok(()) } else { Err(format!("resumed at {offset}: {found:?}, not {whole:?}")) }
}
