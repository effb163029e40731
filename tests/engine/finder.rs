//! The finder returns the definition's regions, for every cut and for parts searched in parallel.

use std::sync::Arc;

use crate::harness::scenario::{Limits, ONE_SET, Scenario};
use crate::harness::{cuts, engine, regions, rng::Rng};
use hushlog::redact::prefilter::Variant;
use hushlog::{BuildError, Finder, NeedleSet, Overlay, Region, Secret};

/// All words over two letters with lengths in this range, shortest first.
fn words(lengths: std::ops::RangeInclusive<usize>) -> Vec<Vec<u8>> {
    let word = |len: usize, bits: usize| (0..len).map(|at| b'a' + (bits >> at & 1) as u8).collect();
    lengths.flat_map(|len| (0..1 << len).map(move |bits| word(len, bits))).collect()
}

/// Every pair of needles of 1 to 4 letters, every text up to 7, every way to cut it.
#[test]
fn small_worlds() {
    let (needles, texts) = (words(1..=4), words(0..=7));
    let (mut runs, mut cutting) = (0, Vec::new());
    for (index, first) in needles.iter().enumerate() {
        for second in &needles[index..] {
            let set = engine::exactly(&[first, second], engine::named(), Variant::Best);
            // All cuttings of all texts would be millions of runs, so each pair gets a different
            // share.
            for (number, text) in texts.iter().enumerate().skip(index % 5).step_by(5) {
                let ways = 1 << text.len().saturating_sub(1);
                for way in [0, ways - 1, (number * 7 + index) % ways, (number * 31 + runs) % ways] {
                    cuts::of_mask(way, text.len(), &mut cutting);
                    runs += 1;
                    let checked = regions::check(&set, text, &cutting);
                    let checked = checked.and_then(|()| regions::check_parts(&set, text, &cutting));
                    checked.unwrap_or_else(|error| panic!("{first:?} {second:?} in {text:?}: {error}"));
                }
            }
        }
    }
    assert!(runs > 50_000, "{runs}");
}

/// Random needles, texts of their fragments, and cuts.
#[test]
fn random_runs() {
    let mut rng = Rng(21);
    for _ in 0..4_000 {
        let scenario = Scenario::random(&mut rng, Limits { needle_len: 40, text_len: 300, ..ONE_SET });
        let (text, cuts) = (scenario.text(), scenario.cuts());
        let set = &scenario.compile(Variant::Best)[0];
        let checked = regions::check(set, &text, &cuts).and_then(|()| regions::check_parts(set, &text, &cuts));
        checked.unwrap_or_else(|error| panic!("{error}\n{scenario:?}"));
    }
}

/// Parts of a text that is long enough for the prefilter, cut at every position near a needle.
#[test]
fn parts_join_wherever_they_are_cut() {
    let mut rng = Rng(22);
    let long = rng.plain(90);
    let needles = [long.clone(), long[60..].to_vec(), [&long[80..], &rng.plain(20)[..]].concat(), long[..12].to_vec()];
    let set = engine::exactly(&needles, engine::named(), Variant::Best);
    let mut text = rng.plain(700);
    for needle in [&needles[0], &needles[2], &needles[3], &needles[1]] {
        text.extend_from_slice(needle);
    }
    text.extend_from_slice(&needles[2][10..]);
    text.extend(rng.plain(600));
    text.extend_from_slice(&long[..70]);
    for cut in (600..1_000).chain(text.len() - 80..text.len()) {
        regions::check_parts(&set, &text, &[cut]).unwrap();
        regions::check_parts(&set, &text, &[cut - 5, cut, cut]).unwrap();
        regions::check_resumed(&set, &text, cut).unwrap();
    }
}

/// The finder has its documented size, so that one can be kept for each of many files.
#[test]
fn an_idle_finder_is_small() {
    assert!(size_of::<Finder>() <= 56, "{} bytes", size_of::<Finder>());
    assert_eq!(size_of::<Region>(), 24);
}

fn ends(region: &Region) -> (u64, u64) {
    (region.range().start, region.range().end)
}

/// A secret at the end of the available text can still grow: `open` reports it, and so does each
/// later result.
#[test]
fn an_open_region_grows() {
    let set = engine::exactly(&["hunter2", "hunter2-prod-key"], engine::named(), Variant::Best);
    let mut finder = Finder::new(Arc::clone(&set));
    assert_eq!(finder.push(b"x hunter2").count(), 0);
    assert_eq!(finder.open(false).iter().map(ends).collect::<Vec<_>>(), [(2, 9)]);
    assert_eq!(finder.push(b"-prod-").count(), 0);
    assert_eq!(finder.open(false).iter().map(ends).collect::<Vec<_>>(), [(2, 9)]);
    let partial = finder.open(true);
    assert_eq!(partial.iter().map(ends).collect::<Vec<_>>(), [(2, 15)]);
    assert!(!partial[0].is_partial(), "a whole needle names it");
    let mut alone = Finder::new(engine::exactly(&["swordfish-9"], engine::named(), Variant::Best));
    assert_eq!(alone.push(b"x swordfish").count(), 0);
    assert!(alone.open(true)[0].is_partial() && alone.open(false).is_empty());
    let mut clone = finder.clone();
    assert_eq!(finder.push(b"key.").map(|region| ends(&region)).collect::<Vec<_>>(), [(2, 18)]);
    assert_eq!(clone.push(b"kex.").map(|region| ends(&region)).collect::<Vec<_>>(), [(2, 9)]);
}

fn overlay_of(secrets: &[(&str, &str)]) -> (Arc<NeedleSet>, Result<Overlay, BuildError>) {
    let add = |builder: hushlog::NeedleSetBuilder, (name, value): &(&str, &str)| {
        builder.secret(Secret::new(*name, value.as_bytes().to_vec()))
    };
    let set = secrets.iter().fold(NeedleSet::builder().exactly(), add).build().unwrap();
    let overlay = Overlay::named(&set);
    (Arc::new(set), overlay)
}

/// The text after each region was overwritten with its mask.
fn covered(set: &Arc<NeedleSet>, overlay: &Overlay, text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut finder = Finder::new(Arc::clone(set));
    let mut regions: Vec<Region> = finder.push(text.as_bytes()).collect();
    regions.extend(finder.finish(true));
    for region in regions {
        let range = region.range().start as usize..region.range().end as usize;
        let mut parts = vec![0; range.len()];
        overlay.write(set, &region, 0, &mut out[range.clone()]);
        // Writing the mask byte by byte gives the same mask.
        (0..range.len()).for_each(|at| overlay.write(set, &region, at as u64, &mut parts[at..=at]));
        assert_eq!(out[range], parts);
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn masks_in_place_have_the_length_of_the_secret() {
    let (set, overlay) = overlay_of(&[("KEY", "sk-live-4f9Q"), ("LONG_NAME", "hunter2"), ("odd \"name", "swordfish")]);
    let overlay = overlay.unwrap();
    assert_eq!(covered(&set, &overlay, "a sk-live-4f9Q b"), "a [KEY]******* b");
    assert_eq!(covered(&set, &overlay, "hunter2"), "*******");
    assert_eq!(covered(&set, &overlay, "{\"a\":\"swordfish\"}"), "{\"a\":\"*********\"}");
    assert_eq!(covered(&set, &overlay, "sk-live-4"), "[KEY]****");
    // Whether a label fits does not depend on the region's position. A label with a quote is never
    // shown, even if it fits.
    assert_eq!(covered(&set, &overlay, "from here on hunter2"), "from here on *******");
    let (set, overlay) = overlay_of(&[("a\"b", "correct-horse")]);
    assert_eq!(covered(&set, &overlay.unwrap(), "correct-horse"), "*************");
}

/// A label that begins with the last byte of one or more secrets is not shown.
#[test]
fn labels_do_not_go_on_where_secrets_end() {
    let secrets = [("A", "x9Kq27vLm"), ("B", "head-of-b["), ("C", "head-of-c[")];
    for secrets in [&secrets[..2], &secrets[..]] {
        let (set, overlay) = overlay_of(secrets);
        assert_eq!(covered(&set, &overlay.unwrap(), "x9Kq27vLm"), "*********");
    }
}

/// M25 in place: no mask forms a needle with its neighbours, for any secrets.
#[test]
fn masks_in_place_never_make_a_needle() {
    let (set, overlay) = overlay_of(&[("A", "ab**cdef"), ("B", "*x*"), ("C", "]tail-of-c"), ("D", "head-of-d[")]);
    let overlay = overlay.unwrap();
    // `*` begins a needle, and so does the last byte of a label.
    assert_eq!(covered(&set, &overlay, "head-of-d["), "##########");
    assert_eq!(overlay.part_filler(), Some(b'#'));
    for text in ["ab**cdef]tail-of-c", "*x**x**x*", "head-of-d[head-of-d[ab**cdef", "[A]tail-of-c"] {
        let once = covered(&set, &overlay, text);
        assert_eq!(once.len(), text.len());
        assert_eq!(covered(&set, &overlay, &once), once);
        assert!(!once.contains("tail-of") && !once.contains("ead-of"), "{once}");
    }
    let all: Vec<String> = (' '..='\u{7f}').chain(['\u{1a}']).map(|c| format!("{c}-secret-{c}")).collect();
    let secrets: Vec<(&str, &str)> = all.iter().map(|one| ("S", one.as_str())).collect();
    assert!(matches!(overlay_of(&secrets).1, Err(BuildError::MaskConflict { .. })));
}

#[test]
fn a_chosen_mask_character_must_fit() {
    let (set, _) = overlay_of(&[("A", "ab*cdefgh"), ("B", "+tail-of-b"), ("C", "head-of-c%")]);
    assert_eq!(Overlay::of_char(&set, b'x').unwrap().part_filler(), Some(b'x'));
    assert_eq!(Overlay::of_char(&set, b'*').unwrap().part_filler(), None);
    assert_eq!(Overlay::of_char(&set, b'+').unwrap_err(), BuildError::MaskConflict { name: "B".to_owned() });
    assert_eq!(Overlay::of_char(&set, b'%').unwrap_err(), BuildError::MaskConflict { name: "C".to_owned() });
    assert_eq!(Overlay::of_char(&set, b'\n').unwrap_err(), BuildError::MaskChar);
}
