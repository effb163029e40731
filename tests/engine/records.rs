//! Records: a whole text redacted at once equals the definition.

use crate::harness::record::check;
use crate::harness::scenario::{Limits, ONE_SET, Scenario};
use crate::harness::{engine, rng::Rng};
use hushlog::redact::prefilter::Variant;
use hushlog::{NeedleSet, Overlay, Secret};

#[test]
fn random_records() {
    let mut rng = Rng(31);
    for variant in Variant::ALL {
        for needle_len in [6, 12, 40, 90] {
            for _ in 0..600 {
                let scenario = Scenario::random(&mut rng, Limits { needle_len, text_len: 300, ..ONE_SET });
                check(&scenario.compile(variant)[0], &scenario.text());
            }
        }
    }
}

/// Every prefix of a needle at the end of a record, for every record length around the prefilter's
/// reach.
#[test]
fn every_partial_match() {
    let mut rng = Rng(32);
    for len in [8, 9, 11, 12, 15, 16, 40, 90] {
        let needle = rng.plain(len);
        let others = [rng.plain(len + 1), rng.plain(2 * len)];
        let set = engine::exactly(&[&needle[..], &others[0], &others[1]], engine::named(), Variant::Best);
        for before in 0..60 {
            let text = [&rng.plain(before)[..], &needle].concat();
            (before..=text.len()).for_each(|end| check(&set, &text[..end]));
        }
    }
}

/// Needles whose windows are far from their beginnings, because half of all logs contain those.
/// Every prefix and the whole needle occur at each position of records of every length around the
/// window distance.
#[test]
fn every_partial_match_of_needles_known_by_their_ends() {
    let mut rng = Rng(33);
    let url = [&b"postgres://application:"[..], &rng.plain(20), b"@db-1.internal:5432/orders"].concat();
    let token = [&b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."[..], &rng.plain(60), b".", &rng.plain(43)].concat();
    let key = [&b"-----BEGIN PRIVATE KEY-----"[..], &rng.plain(70), b"-----END PRIVATE KEY-----"].concat();
    let needles = [url, token, key, b"https://user:".to_vec(), rng.plain(9)];
    for variant in Variant::ALL {
        for among in [&needles[..3], &needles[..]] {
            let set = engine::exactly(among, engine::named(), variant);
            for needle in among {
                for before in [0, 1, 7, 31, 32, 33] {
                    let text = [&rng.plain(before)[..], needle].concat();
                    (before..=text.len()).for_each(|end| check(&set, &text[..end]));
                    (0..12).for_each(|after| check(&set, &[&text[..], &rng.plain(after)].concat()));
                }
            }
        }
    }
}

/// A record that is searched in several pieces, with needles across their boundaries.
#[test]
fn a_long_record() {
    const PIECE_LEN: usize = 128 << 10;
    let set = engine::exactly(&[&b"hunter2-prod-key"[..], b"prod-key-2"], engine::named(), Variant::Best);
    let mut text = vec![b'.'; 3 * PIECE_LEN + 17];
    for at in [0, PIECE_LEN - 5, 2 * PIECE_LEN, text_end(&text)] {
        text[at..at + 16].copy_from_slice(b"hunter2-prod-key");
    }
    let dots = |len: usize| vec![b'.'; len];
    let expected = [
        b"<0>".to_vec(),
        dots(PIECE_LEN - 21),
        b"<0>".to_vec(),
        dots(PIECE_LEN - 11),
        b"<0>".to_vec(),
        dots(PIECE_LEN - 15),
        b"<0>".to_vec(),
    ];
    assert_eq!(set.redact_cow(&text), expected.concat());
    assert_eq!(set.redact_in_place(&mut text, &Overlay::named(&set).unwrap()), 4);
    assert!(text.starts_with(b"[0]*************..."));
}

/// Records of a few pieces, plus or minus some bytes, that end in a prefix of a needle.
#[test]
fn a_record_of_about_some_pieces() {
    const PIECE_LEN: usize = 128 << 10;
    let set = engine::exactly(&[b"hunter2-prod-key"], engine::named(), Variant::Best);
    for len in [1, 2, 3].into_iter().flat_map(|pieces| pieces * PIECE_LEN - 2..=pieces * PIECE_LEN + 2) {
        let dots = vec![b'.'; len - 12];
        assert!(set.redact_cow(&[&dots[..], b"hunter2-prod"].concat()) == [&dots[..], b"<0>"].concat(), "{len} bytes");
    }
}

fn text_end(text: &[u8]) -> usize {
    text.len() - 16
}

/// An unchanged record is borrowed and allocates nothing, so that a logger may call this for each
/// record.
#[test]
fn a_clean_record_is_given_back() {
    let set = NeedleSet::builder().secret(Secret::new("KEY", b"sk-live-X9Q2".to_vec())).build().unwrap();
    for record in [&b""[..], b"a", b"no key here", &[b'x'; 5_000]] {
        assert!(matches!(set.redact_cow(record), std::borrow::Cow::Borrowed(_)));
    }
}
