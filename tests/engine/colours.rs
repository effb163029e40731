//! Colour codes within regions: they come out behind the mask, and form no needle there.

use std::sync::Arc;

use hushlog::{Mask, NeedleSet, Overlay, Redactor, Secret};

use crate::harness::rng::Rng;
use crate::readings::{check_text, set};

fn redacted(secrets: &[&str], mask: Mask, text: &str) -> String {
    let secret = |(number, value): (usize, &&str)| Secret::new(format!("K{number}"), value.as_bytes().to_vec());
    let builder = NeedleSet::builder().exactly().readings(true).mask(mask);
    let set = secrets.iter().enumerate().map(secret).fold(builder, hushlog::NeedleSetBuilder::secret);
    let set = Arc::new(set.build().expect("the mask fits"));
    let mut redactor = Redactor::new(Arc::clone(&set));
    let mut out = redactor.push(text.as_bytes()).to_vec();
    out.extend(redactor.finish().to_vec());
    for cut in 0..=text.len() {
        let mut pieces = redactor.push(&text.as_bytes()[..cut]).to_vec();
        pieces.extend(redactor.push(&text.as_bytes()[cut..]).to_vec());
        pieces.extend(redactor.finish().to_vec());
        assert_eq!(pieces, out, "{} at {cut}", text.escape_debug());
    }
    assert_eq!(*set.redact_cow(text.as_bytes()), out, "as a record: {}", text.escape_debug());
    String::from_utf8(out).expect("it is text")
}

#[test]
fn codes_come_out_behind_the_mask() {
    let named = || Mask::Template("<{name}>".to_owned());
    for (text, wanted) in [
        ("a zk-\x1b[31m4471-moon b", "a <K0>\x1b[31m b"),
        ("\x1b[1;31mzk-4471\x1b[0m-moon b", "\x1b[1;31m<K0>\x1b[0m b"),
        ("zk\x1b[01;31m\x1b[K-44\x1b[m\x1b[K71-moon", "<K0>\x1b[01;31m\x1b[m"),
        ("zk-4471\x1b[38;2;1;2;3m-moon\x1b[0m.", "<K0>\x1b[38;2;1;2;3m\x1b[0m."),
        ("zk-4471\x1b[4:3m-moonzk\x1b[m-4471-moon", "<K0>\x1b[4:3m\x1b[m"),
        // Others move the cursor, are links, or are written as text.
        ("zk-\x1b[2J4471\x1b]8;;a\x1b\\-moon b", "<K0> b"),
        ("zk-\\x1b[31m4471-moon b", "<K0> b"),
        ("zk-4471-moo\x1b[31m", "<K0>\x1b[31m"),
    ] {
        assert_eq!(redacted(&["zk-4471-moon"], named(), text), wanted, "{}", text.escape_debug());
    }
    let text = "a zk-\x1b[31m4471-moon b";
    assert_eq!(redacted(&["zk-4471-moon"], Mask::Char(b'*'), text), "a *****************\x1b[31m b");
}

#[test]
fn a_code_forms_no_needle_with_the_text_behind_it() {
    let text = "zk-\x1b[31m4471-moonysecret zk-4471\x1b[31m-moon";
    for (other, wanted) in [
        ("1mysecret", "<K0>\x1b[31m\x1b\\ysecret <K0>\x1b[31m\x1b\\"),
        ("2xysecret", "<K0>\x1b[31mysecret <K0>\x1b[31m"),
        ("[mysecret", "<K0>\x1b[31m\x1b\\ysecret <K0>\x1b[31m\x1b\\"),
        // With a control sequence in a needle no code comes out.
        ("k\x1b[7mx", "<K0>ysecret <K0>"),
    ] {
        let mask = Mask::Template("<{name}>".to_owned());
        assert_eq!(redacted(&["zk-4471-moon", other], mask, text), wanted, "{}", other.escape_debug());
    }
    // Nor with a needle that begins as the separator ends.
    let both = redacted(&["zk-4471-moon", "mysecret", "\\back"], Mask::Template("<{name}>".to_owned()), text);
    assert_eq!(both, "<K0>ysecret <K0>");
}

#[test]
fn a_mask_in_place_has_the_codes_at_its_end() {
    let set = NeedleSet::builder().secret(Secret::new("KEY", b"zk-4471-moon".to_vec())).build().expect("a set");
    let overlay = Overlay::named(&set).expect("masks");
    for (text, wanted) in [
        ("a \x1b[31mzk-44\x1b[0m71-moon b", "a \x1b[31m[KEY]*******\x1b[0m b"),
        ("zk-4471\x1b[31m\x1b[K-moon", "[KEY]**********\x1b[31m"),
        ("zk-4471-moon\x1b[31m", "[KEY]*******\x1b[31m"),
    ] {
        let mut record = text.as_bytes().to_vec();
        assert_eq!(set.redact_in_place(&mut record, &overlay), 1);
        assert_eq!(String::from_utf8_lossy(&record), wanted, "{}", text.escape_debug());
    }
}

/// The last codes decide the colour, so of more than 1 KiB these come out.
#[test]
fn of_many_codes_the_last_come_out() {
    let secret = "abcdefghijklmnopqrstuvwxyz".repeat(20);
    let coloured: String = secret.chars().enumerate().map(|(at, c)| format!("{c}\x1b[38;5;{at}m")).collect();
    let out = redacted(&[&secret], Mask::Template("<{name}>".to_owned()), &format!("{coloured}."));
    let codes = out.strip_prefix("<K0>").expect("a mask").strip_suffix('.').expect("the rest");
    // Behind the secret's last letter a code is no part of the region.
    assert!((1_000..1_040).contains(&codes.len()) && codes.ends_with("\x1b[38;5;518m\x1b[38;5;519m"), "{codes:?}");
}

const LETTERS: &[u8] = b"am1[;\\a";

/// Needles and texts of the letters that codes consist of, with codes in and beside the needles.
fn run_random(seed: u64, rounds: usize, len: usize) {
    let mut rng = Rng(seed);
    let mut codes_seen = 0;
    for _ in 0..rounds {
        let word = |rng: &mut Rng, len: usize| (0..len).map(|_| LETTERS[rng.below(LETTERS.len())]).collect::<Vec<u8>>();
        let needles: Vec<Vec<u8>> = (0..1 + rng.below(3))
            .map(|_| {
                let len = 2 + rng.below(5);
                word(&mut rng, len)
            })
            .collect();
        let mut text = Vec::new();
        while text.len() < len {
            match rng.below(6) {
                0 => {
                    let len = rng.below(3);
                    text.extend(word(&mut rng, len));
                }
                1 => text.extend([&b"\x1b[1m"[..], b"\x1b[m", b"\x1b[", b"\x1b", b"\x1b[1;K", b"."][rng.below(6)]),
                _ => {
                    for &byte in &needles[rng.below(needles.len())] {
                        text.push(byte);
                        let code = [&b"\x1b[1;1m"[..], b"\x1b[m", b"\x1b[1m", b"\x1b[1"][rng.below(4)];
                        text.extend_from_slice(if rng.below(4) == 0 { code } else { b"" });
                    }
                    text.truncate(text.len() - if rng.below(4) == 0 { rng.below(3).min(text.len()) } else { 0 });
                }
            }
        }
        check_text(&mut rng, &needles, &text);
        let set = set(&needles);
        let out = set.redact_cow(&text);
        codes_seen += usize::from(out.windows(3).any(|window| window == b">\x1b["));
        let is_there = |needle: &Vec<u8>| out.windows(needle.len()).any(|window| window == needle);
        assert!(!needles.iter().any(is_there), "{:?} in {}", needles, text.escape_ascii());
    }
    assert!(codes_seen > rounds / 50, "{codes_seen} of {rounds} texts have codes");
}

#[test]
fn codes_equal_the_definition_at_every_cut() {
    run_random(3, 600, 30);
}

#[test]
#[ignore = "takes minutes; tools/slow runs it"]
fn codes_equal_the_definition_for_longer() {
    (10..40).for_each(|seed| run_random(seed, 3_000, 45));
}
