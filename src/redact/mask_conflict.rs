//! Mask conflicts: a mask that, by itself or beside any text, could read as a needle or as the
//! beginning or end of one.
//!
//! If no mask overlaps a needle in any way, then the output can only contain needles within raw
//! bytes, and there are none: a mask separates any two raw bytes that were not adjacent. So
//! redaction is idempotent.

use std::collections::HashSet;

use super::automaton::ROOT;
use super::mask::Mask;
use super::needle::NeedleSet;
use super::prefilter::Variant;
use super::scan::Scanner;

/// A needle that overlaps one of the masks of its set.
pub(super) fn find(set: &NeedleSet) -> Option<usize> {
    match set.mask() {
        Mask::Template(_) => template_conflict(set),
        &Mask::Char(c) => char_conflict(set, c),
    }
}

/// A needle that overlaps a mask: one contains the other, or one ends as the other begins.
fn template_conflict(set: &NeedleSet) -> Option<usize> {
    let mut masks: Vec<&[u8]> = set.masks().iter().map(|mask| &mask[..]).collect();
    masks.sort_unstable();
    masks.dedup();
    let in_masks = masks.iter().find_map(|mask| overlap(set.scanner(), mask));
    in_masks.or_else(|| {
        let mut begins = [false; 256];
        masks.iter().filter_map(|mask| mask.first()).for_each(|first| begins[usize::from(*first)] = true);
        let masks = Scanner::new(masks.into_iter().collect(), Variant::Best);
        // A needle that has no mask's first byte neither contains one nor ends as one begins.
        let may_overlap = |needle: &&[u8]| needle.iter().any(|byte| begins[usize::from(*byte)]);
        set.expose().position(|needle| may_overlap(&needle) && overlap(&masks, needle).is_some())
    })
}

/// A needle of the scanner that occurs in the text, or begins where the text ends.
fn overlap(scanner: &Scanner, text: &[u8]) -> Option<usize> {
    let mut found = Vec::new();
    let (needle, held) = scanner.held(scanner.scan(text, ROOT, &mut found));
    found.first().map(|found| found.1 as usize).or((held > 0).then_some(needle))
}

/// Removes the labels that overlap a needle: one contains the other, or one ends as the other
/// begins. A label is empty, or begins with `[` and has no other. So no label ends in another, and
/// a text can end in a label's beginning in one way only.
pub(super) fn drop_conflicting_labels(set: &NeedleSet, labels: &mut [Box<[u8]>]) {
    let mut found = Vec::new();
    labels.iter_mut().filter(|label| overlap(set.scanner(), label).is_some()).for_each(|label| *label = Box::default());
    let mut all: Vec<&[u8]> = labels.iter().map(|label| &label[..]).filter(|label| !label.is_empty()).collect();
    all.sort_unstable();
    all.dedup();
    let scanner = Scanner::new(all.iter().copied().collect(), Variant::Best);
    let mut conflicting = vec![false; all.len()];
    // Many needles end alike: each beginning is looked up once.
    let mut beginnings = HashSet::new();
    for needle in 0..set.len() {
        let (beginning, held) = scanner.held(scanner.scan(set.needle(needle), ROOT, &mut found));
        found.drain(..).for_each(|(_, label)| conflicting[label as usize] = true);
        if held > 0 {
            let beginning = &all[beginning][..held];
            if beginnings.insert(beginning) {
                let from = all.partition_point(|label| *label < beginning);
                let labels = all[from..].iter().zip(&mut conflicting[from..]);
                labels
                    .take_while(|(label, _)| label.starts_with(beginning))
                    .for_each(|(_, conflicting)| *conflicting = true);
            }
        }
    }
    let conflicting: HashSet<Box<[u8]>> =
        all.into_iter().zip(conflicting).filter(|label| label.1).map(|label| label.0.into()).collect();
    labels.iter_mut().filter(|label| conflicting.contains(&**label)).for_each(|label| *label = Box::default());
}

/// Whether any needle contains this byte.
pub(super) fn has_byte(set: &NeedleSet, byte: u8) -> bool {
    (0..set.len()).any(|needle| set.needle(needle).contains(&byte))
}

/// A needle that begins or ends with the mask character, or repeats it as often as a mask may.
pub(super) fn char_conflict(set: &NeedleSet, c: u8) -> Option<usize> {
    let shortest = (0..set.len()).map(|needle| set.needle(needle).len()).min()?;
    let longest_run = |needle: &[u8]| needle.split(|&byte| byte != c).map(<[u8]>::len).max();
    (0..set.len()).find(|&needle| {
        let needle = set.needle(needle);
        needle.first() == Some(&c) || needle.last() == Some(&c) || longest_run(needle) >= Some(shortest)
    })
}
