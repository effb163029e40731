//! A redactor that resumes in the middle of a stream without its earlier bytes:
//! [`Redactor::resume`]. Connections that outlive their sidecar depend on it.
//!
//! With a mask as long as its region, the output is the text with every covered byte masked: whole
//! needles, the rest of one at the beginning, a partial match at the end.

use crate::harness::engine::{exactly, named, starred};
use crate::harness::rng::Rng;
use hushlog::redact::naive;
use hushlog::redact::prefilter::Variant;
use hushlog::{Last, NeedleSet, Redactor};
use std::sync::Arc;

/// The expected output when a redactor resumes at this text.
fn wanted(set: &NeedleSet, text: &[u8], before: usize) -> Vec<u8> {
    let needles: &[&[u8]] = &set.expose().collect::<Vec<_>>();
    let (mut covered, len_min) = (naive::covered(needles, text), |needle| set.partial_len_min(needle));
    covered[..naive::rest_len(needles, text, before, &len_min, true)].fill(true);
    if let Some((_, len)) = naive::partial_match(needles, text, &len_min) {
        covered[text.len() - len..].fill(true);
    }
    text.iter().zip(covered).map(|(&byte, covered)| if covered { b'*' } else { byte }).collect()
}

/// The output if the text comes in pieces of the given lengths.
fn resumed(set: &Arc<NeedleSet>, text: &[u8], before: usize, mut cut: impl FnMut() -> usize) -> Vec<u8> {
    let mut redactor = Redactor::new(Arc::clone(set));
    let (mut out, mut at) = (Vec::new(), 0);
    let mut is_settled = false;
    while at < text.len() {
        let end = (at + 1 + cut()).min(text.len());
        if is_settled {
            out.extend(redactor.push(&text[at..end]).to_vec());
            at = end;
        } else {
            match redactor.resume(&text[..end], before, Last::No) {
                Some(given) => {
                    out.extend(given.to_vec());
                    (is_settled, at) = (true, end);
                }
                None => at = end,
            }
        }
    }
    match is_settled {
        true => out.extend(redactor.finish().to_vec()),
        false => out.extend(redactor.resume(text, before, Last::Yes).expect("nothing follows").to_vec()),
    }
    assert_eq!((redactor.held(), redactor.unsettled()), (0, 0));
    out
}

fn world(rng: &mut Rng) -> (Vec<Vec<u8>>, Vec<u8>) {
    let letters = 2 + rng.below(2);
    let mut word = |len: usize| -> Vec<u8> { (0..len).map(|_| b'a' + rng.below(letters) as u8).collect() };
    let mut needles: Vec<Vec<u8>> = (0..3).map(|n| word(9 + 5 * n)).collect();
    // A needle that begins with the end of another one, so that both overlap.
    needles.push([&needles[0][4..], &word(6)[..]].concat());
    let mut text = Vec::new();
    for n in [0, 3, 1, 2, 0] {
        text.extend(word(3));
        text.extend_from_slice(&needles[n]);
        text.extend_from_slice(if n == 3 { b"" } else { b". " });
    }
    (needles, text)
}

#[test]
fn a_resumed_text_is_masked_as_defined_for_every_cut() {
    let mut rng = Rng(11);
    for _ in 0..60 {
        let (needles, text) = world(&mut rng);
        let set = exactly(&needles, starred(), Variant::Best);
        for start in 0..text.len() {
            for before in [0, 3, 9] {
                // Up to various ends nearby, so that some are within the secret that was cut.
                let end = (start + 1 + rng.below(60)).min(text.len());
                let (text, most) = (&text[start..end], 1 + rng.below(12));
                let out = resumed(&set, text, before, || rng.below(most));
                let shown = String::from_utf8_lossy(text);
                assert_eq!(out, wanted(&set, text, before), "{shown:?} after {before}");
            }
        }
    }
}

#[test]
fn a_cut_secret_shows_less_than_a_partial_match() {
    let mut rng = Rng(12);
    for _ in 0..60 {
        let (needles, text) = world(&mut rng);
        let set = exactly(&needles, starred(), Variant::Best);
        let needles: Vec<&[u8]> = needles.iter().map(Vec::as_slice).collect();
        let covered = naive::covered(&needles, &text);
        let most = (0..needles.len()).map(|needle| set.partial_len_min(needle)).max().expect("there are needles");
        for cut in 0..=text.len() {
            let mut first = Redactor::new(Arc::clone(&set));
            let mut out = first.push(&text[..cut]).to_vec();
            let before = first.held();
            out.extend(first.finish().to_vec());
            out.extend(resumed(&set, &text[cut..], before, || 4));
            let shown: Vec<usize> = (0..text.len()).filter(|&at| covered[at] && out[at] != b'*').collect();
            let is_beginning = |at: &usize| (cut.saturating_sub(most - 1)..cut).contains(at);
            assert!(
                shown.iter().all(is_beginning),
                "cut at {cut}: {shown:?} show of {:?}",
                String::from_utf8_lossy(&text)
            );
        }
    }
}

#[test]
fn a_secret_cut_twice_shows_no_more() {
    let needles = [b"0123456789abcdefghijklmnopq".to_vec()];
    let set = exactly(&needles, starred(), Variant::Best);
    for first in 0..needles[0].len() {
        for second in first..needles[0].len() {
            let [one, two, three] = [&needles[0][..first], &needles[0][first..second], &needles[0][second..]];
            let mut redactor = Redactor::new(Arc::clone(&set));
            let mut out = redactor.push(one).to_vec();
            out.extend(redactor.finish().to_vec());
            // The second one ends before its beginning is resolved.
            assert!(
                two.is_empty() || first == 0 || Redactor::new(Arc::clone(&set)).resume(two, first, Last::No).is_none()
            );
            out.extend(resumed(&set, two, first, || 0));
            out.extend(resumed(&set, three, second, || 0));
            let shown = out.iter().filter(|byte| **byte != b'*').count();
            assert!(shown < set.partial_len_min(0), "{first} {second}: {}", String::from_utf8_lossy(&out));
        }
    }
}

#[test]
fn whatever_is_no_rest_of_a_secret_comes_out_at_once() {
    let set = exactly(&[b"sk-live-4f9QzXabc".to_vec()], starred(), Variant::Best);
    for text in [&b"a line\n"[..], b"4f9QzXabd", b"9QzXabc \n", b"abc\n", b"sk-live\n"] {
        let given = Redactor::new(Arc::clone(&set)).resume(text, 0, Last::No).map(|given| given.to_vec());
        assert_eq!(given.as_deref(), Some(text), "{:?}", String::from_utf8_lossy(text));
    }
    let mut empty = Redactor::new(exactly::<&[u8]>(&[], starred(), Variant::Best));
    assert_eq!(empty.resume(b"anything", 7, Last::No).expect("there is nothing to wait for").to_vec(), b"anything");
}

#[test]
fn the_secret_whose_beginning_was_emitted_names_the_rest() {
    let needles = [b"123456789xy".to_vec(), b"sk-live-4f9QzXxy".to_vec(), b"another--xy".to_vec()];
    let set = exactly(&needles, named(), Variant::Best);
    let rest = |before| Redactor::new(Arc::clone(&set)).resume(b"xy.", before, Last::No).expect("it is known").to_vec();
    assert_eq!([rest(14), rest(9), rest(8)], [&b"<1>."[..], b"<0>.", b"xy."]);
}
