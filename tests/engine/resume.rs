//! The position at which another redactor may resume after this one was lost:
//! [`Redactor::unsettled`]. Checkpoints of followed files depend on it.
//!
//! With a mask as long as its region, the settled output plus the next redactor's output equal the
//! definition's masked text. This holds wherever the first redactor was lost: the text is complete,
//! and no byte of an occurrence is emitted.

use crate::harness::engine::{exactly, named, starred};
use crate::harness::rng::Rng;
use hushlog::redact::naive;
use hushlog::redact::prefilter::Variant;
use hushlog::{NeedleSet, Redactor};
use std::sync::Arc;

/// The text with every covered byte masked.
fn masked(needles: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let needles: Vec<&[u8]> = needles.iter().map(Vec::as_slice).collect();
    let covered = naive::covered(&needles, text);
    text.iter().zip(covered).map(|(&byte, covered)| if covered { b'*' } else { byte }).collect()
}

/// Pushes up to `pushed` into a redactor that began at `start`, and drops it. Returns its output,
/// and the position at which the next one resumes.
fn settled(set: &Arc<NeedleSet>, text: &[u8], start: usize, pushed: usize) -> (Vec<u8>, usize) {
    let mut redactor = Redactor::new(Arc::clone(set)).mask_partial(false);
    let given = redactor.push(&text[start..pushed]).to_vec();
    let unsettled = usize::try_from(redactor.unsettled()).unwrap();
    assert!(unsettled >= redactor.held() && unsettled <= pushed - start);
    (given, pushed - unsettled)
}

/// The complete output of a redactor for this text.
fn whole(set: &Arc<NeedleSet>, text: &[u8]) -> Vec<u8> {
    let mut redactor = Redactor::new(Arc::clone(set)).mask_partial(false);
    let mut out = redactor.push(text).to_vec();
    out.extend(redactor.finish().to_vec());
    out
}

/// Loses a redactor after every prefix of the text.
fn check(needles: &[Vec<u8>], text: &[u8]) {
    let set = exactly(needles, starred(), Variant::Best);
    let want = masked(needles, text);
    for pushed in 0..=text.len() {
        let (given, at) = settled(&set, text, 0, pushed);
        let mut out = given[..at].to_vec();
        out.extend(whole(&set, &text[at..]));
        assert_eq!(out, want, "{needles:?} in {text:?} after {pushed}, from {at}");
    }
}

/// All words over these letters up to this length.
fn words(letters: &[u8], len_max: usize) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = vec![Vec::new()];
    let mut start = 0;
    for _ in 0..len_max {
        let longer: Vec<Vec<u8>> =
            all[start..].iter().flat_map(|word| letters.iter().map(|&letter| [word, &[letter][..]].concat())).collect();
        start = all.len();
        all.extend(longer);
    }
    all.split_off(1)
}

#[test]
fn the_hold_back_alone_is_too_little() {
    let needles = [b"abcdef".to_vec(), b"efgh".to_vec()];
    let set = exactly(&needles, starred(), Variant::Best);
    let mut redactor = Redactor::new(Arc::clone(&set));
    let _ = redactor.push(b"..abcdef");
    assert_eq!((redactor.held(), redactor.unsettled()), (2, 6));
    assert_eq!(whole(&set, b"ef.."), b"ef..", "from the hold-back on, the end of the secret comes out");
    check(&needles, b"..abcdef..abcdefgh..efgh");
    // After a whole secret without any held-back bytes, there is nothing to go back to.
    let _ = redactor.push(b"gh");
    assert_eq!((redactor.held(), redactor.unsettled()), (0, 0));
}

#[test]
fn small_worlds_go_on_after_every_prefix() {
    let needles = words(b"ab", 4);
    let texts: Vec<Vec<u8>> = words(b"ab", 6).into_iter().filter(|text| text.len() == 6).collect();
    for (n, first) in needles.iter().enumerate() {
        for second in &needles[n..] {
            // One text that combines all of them would be as good, but harder to read in a failure.
            let mut needles = vec![first.clone(), second.clone()];
            needles.dedup();
            let set = exactly(&needles, starred(), Variant::Best);
            for text in &texts {
                let want = masked(&needles, text);
                for pushed in 0..=text.len() {
                    let (given, at) = settled(&set, text, 0, pushed);
                    let out = [&given[..at], &whole(&set, &text[at..])].concat();
                    assert_eq!(out, want, "{needles:?} in {text:?} after {pushed}, from {at}");
                }
            }
        }
    }
}

/// A redactor that is lost repeatedly, after a few bytes each.
#[test]
fn many_losses_add_up_to_the_whole_text() {
    let mut rng = Rng(6);
    for _ in 0..400 {
        let needles: Vec<Vec<u8>> =
            (0..1 + rng.below(4)).map(|_| (0..1 + rng.below(7)).map(|_| b"abc"[rng.below(3)]).collect()).collect();
        let text: Vec<u8> = (0..120).map(|_| b"abcabcabc."[rng.below(10)]).collect();
        let set = exactly(&needles, starred(), Variant::Best);
        let (mut out, mut start) = (Vec::new(), 0);
        let mut losses = 0;
        while start < text.len() {
            let pushed = (start + 1 + rng.below(24) + losses / 4).min(text.len());
            let (given, at) = settled(&set, &text, start, pushed);
            out.extend_from_slice(&given[..at - start]);
            losses = if at == start { losses + 1 } else { 0 };
            if pushed == text.len() {
                out.extend(whole(&set, &text[at..]));
                break;
            }
            start = at;
        }
        assert_eq!(out, masked(&needles, &text), "{needles:?} in {text:?}");
        check(&needles, &text);
    }
}

/// With one mask for each region, at worst that mask is emitted twice, and nothing else is.
#[test]
fn a_mask_goes_out_twice_at_worst() {
    let needles = [b"abcdef".to_vec(), b"efgh".to_vec(), b"hhhh".to_vec()];
    let set = exactly(&needles, named(), Variant::Best);
    let text = b"-abcdef-abcdefgh-efghhhhhhh-";
    let want = whole(&set, text);
    for pushed in 0..=text.len() {
        let (given, at) = settled(&set, text, 0, pushed);
        let next = whole(&set, &text[at..]);
        let doubled = given.len() + next.len() - want.len();
        assert!(want.starts_with(&given) && want.ends_with(&next), "after {pushed}");
        assert!(doubled == 0 || doubled == 3 && given[given.len() - 3..] == next[..3], "after {pushed}");
    }
}

/// Also when the set changes while a region is open, and the new set lacks its needle.
#[test]
fn a_region_of_an_old_set_is_gone_back_to() {
    let old = exactly(&[b"abcdef".to_vec(), b"efgh".to_vec()], starred(), Variant::Best);
    let new = exactly(&[b"efgh".to_vec()], starred(), Variant::Best);
    let mut redactor = Redactor::new(old);
    assert_eq!(redactor.push(b"abcdef").to_vec(), b"****");
    assert!(redactor.swap(new).to_vec().is_empty());
    assert_eq!((redactor.held(), redactor.unsettled()), (2, 6));
    assert_eq!(redactor.push(b".").to_vec(), b"**.");
    assert_eq!(redactor.unsettled(), 0);
}
