//! One record at a time, against the definition.

use hushlog::redact::naive;
use hushlog::{NeedleSet, Overlay};

use super::expected::{PARTIAL_MASKED, partial_lens};
use super::regions;

/// Fails unless a record of this text equals the definition, through every interface.
pub fn check(set: &NeedleSet, text: &[u8]) {
    let needles: Vec<&[u8]> = set.expose().collect();
    let mut mask = |needle, first, out: &mut Vec<u8>| set.write_mask(needle, first, out);
    let expected = naive::finished(&needles, text, &partial_lens(set, PARTIAL_MASKED), &mut mask);
    assert_eq!(*set.redact_cow(text), *expected, "{needles:?} in {text:?}");
    let regions = regions::naive(set, text, PARTIAL_MASKED);
    assert_eq!(set.is_match(text), !regions.is_empty(), "{needles:?} in {text:?}");
    if let Ok(overlay) = Overlay::of_char(set, b'%') {
        let mut record = text.to_vec();
        assert_eq!(set.redact_in_place(&mut record, &overlay), regions.len(), "{needles:?} in {text:?}");
        let mut masked = text.to_vec();
        regions.iter().for_each(|&(start, end, _)| masked[start as usize..end as usize].fill(b'%'));
        assert_eq!(record, masked, "{needles:?} in {text:?}");
    }
    if let Ok(overlay) = Overlay::named(set) {
        let mut record = text.to_vec();
        assert_eq!(set.redact_in_place(&mut record, &overlay), regions.len(), "{needles:?} in {text:?}");
        check_named(set, text, &regions, &record);
    }
}

/// A mask without the quotes of a bare value of JSON.
fn unquoted(mask: &[u8]) -> &[u8] {
    let inner = mask
        .strip_suffix(b"\"")
        .map(|mask| &mask[..mask.iter().rposition(|&byte| byte != b'\\').map_or(0, |at| at + 1)]);
    inner.and_then(|mask| Some(&mask[mask.iter().position(|&byte| byte == b'"')? + 1..])).unwrap_or(mask)
}

/// Every region is one filler, after a label that fits and may be shown; all other bytes are
/// unchanged.
fn check_named(set: &NeedleSet, text: &[u8], regions: &[regions::Seen], record: &[u8]) {
    let (mut raw, mut fillers) = (record.to_vec(), Vec::new());
    for &(start, end, needle) in regions {
        let region = start as usize..end as usize;
        let label = format!("[{}]", set.name_and_form(needle).0);
        let mask = unquoted(&record[region.clone()]);
        fillers.extend_from_slice(mask.strip_prefix(label.as_bytes()).unwrap_or(mask));
        raw[region.clone()].copy_from_slice(&text[region]);
    }
    assert_eq!(raw, text, "what is no region has changed");
    fillers.dedup();
    assert!(fillers.len() <= 1, "{fillers:?} in {record:?}");
    let needles: Vec<&[u8]> = set.expose().collect();
    assert!(!naive::covered(&needles, record).contains(&true), "{needles:?} in {record:?}");
}
