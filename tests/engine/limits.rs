//! The secrets that a set refuses, drops, or reports: too many, too short, too ordinary.

use std::sync::Arc;

use crate::harness::engine;
use crate::harness::rng::Rng;
use hushlog::redact::build::{NEEDLE_BYTES_MAX, NeedleSetBuilder};
use hushlog::redact::prefilter::Variant;
use hushlog::{BuildError, NeedleSet, NoticeKind, Secret};

fn set(values: &[&[u8]]) -> NeedleSet {
    let secrets = values.iter().enumerate().map(|(i, value)| Secret::new(format!("S{i}"), value.to_vec()));
    secrets.fold(NeedleSet::builder(), |builder, secret| builder.secret(secret)).build().expect("a small set")
}

/// M08, M09, M10: a value that is not masked, or that would shred logs, is reported by name and
/// with its own kind of notice.
#[test]
fn m08_m09_m10_blank_short_and_ordinary_values() {
    let cases: [(&[u8], Option<NoticeKind>); 9] = [
        (b"", Some(NoticeKind::Blank)),
        (b" \t\r\n", Some(NoticeKind::Blank)),
        (b"x", Some(NoticeKind::TooShort)),
        (b"abc", Some(NoticeKind::TooShort)),
        (b"1234", Some(NoticeKind::OrdinaryWord)),
        (b"x9Kq27v", Some(NoticeKind::Short)),
        (b"test", Some(NoticeKind::OrdinaryWord)),
        (b"Production", Some(NoticeKind::OrdinaryWord)),
        (b"x9Kq27vL", None),
    ];
    for (value, kind) in cases {
        let set = set(&[value]);
        assert_eq!(set.notices().first().map(|notice| notice.kind), kind, "{value:?}");
        assert!(set.notices().iter().all(|notice| notice.name == "S0"));
        let left_out = matches!(kind, Some(NoticeKind::Blank | NoticeKind::TooShort));
        let text = [b"<", value, b">"].concat();
        assert_eq!(engine::whole(&Arc::new(set), &text) == text, left_out, "{value:?}");
    }
}

/// M16: ten thousand secrets are found, and a set that is too large is refused before any text is
/// read.
#[test]
fn m16_many_secrets_and_too_many() {
    let mut rng = Rng(16);
    let key = |rng: &mut Rng| -> Vec<u8> { (0..40).map(|_| b"abcdefgh01234567"[rng.below(16)]).collect() };
    let keys: Vec<Vec<u8>> = (0..10_000).map(|_| key(&mut rng)).collect();
    let builder = keys
        .iter()
        .fold(NeedleSet::builder().encodings(false), |builder, key| builder.secret(Secret::new("K", key.clone())));
    let text: Vec<u8> = keys.iter().flat_map(|key| [&key[..39], b".", key, b"\n"].concat()).collect();
    let expected: Vec<u8> = keys.iter().flat_map(|key| [&key[..39], b".[REDACTED:K]\n"].concat()).collect();
    let set = Arc::new(builder.build().expect("it fits"));
    assert!(engine::whole(&set, &text) == expected);

    let half = rng.bytes(NEEDLE_BYTES_MAX / 2);
    for (more, fits) in [(0, true), (1, false)] {
        let values = [half.clone(), [&half[1..], &b"xx"[..=more]].concat()];
        let secrets = values.map(|value| Secret::new("LARGE", value));
        let builder = secrets.into_iter().fold(NeedleSet::builder().encodings(false), NeedleSetBuilder::secret);
        match builder.build() {
            Ok(set) => assert!(fits && set.len() == 2, "{more} bytes more than fit"),
            Err(error) => assert!(!fits && error == BuildError::TooLarge, "{error}"),
        }
    }
}

/// An empty needle would match everywhere.
#[test]
fn an_empty_needle_is_none() {
    let set = engine::exactly(&[&b""[..]], engine::nameless(), Variant::Best);
    assert!(set.is_empty());
    assert_eq!(engine::whole(&set, b"text"), b"text");
}
