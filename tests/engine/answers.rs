//! The small calls: lengths, names, notices, and the `Debug` output, which never shows a value.

use std::sync::Arc;

use crate::harness::engine;
use hushlog::{
    BuildError, Finder, Form, Mask, NeedleSet, NoticeKind, Overlay, Piece, PieceKind, Redacted, Redactor, Secret,
};

const VALUE: &[u8] = b"sk-live-X9Q2";

fn set() -> Arc<NeedleSet> {
    engine::exactly(&[VALUE, b"hunter2-prod-key"], engine::named(), Default::default())
}

#[test]
fn debug_shows_numbers_and_names_only() {
    let set = set();
    let mut redactor = Redactor::new(Arc::clone(&set));
    let given = format!("{:?}", redactor.push(b"a sk-live-X9Q2 b sk-"));
    assert_eq!(given, "Redacted { slices: 3, .. }");
    assert_eq!(format!("{set:?}"), "NeedleSet { secrets: 2, needles: 2, .. }");
    assert_eq!(format!("{redactor:?}"), "Redactor { set: NeedleSet { secrets: 2, needles: 2, .. }, held: 3, .. }");
    let mut finder = Finder::new(Arc::clone(&set));
    assert_eq!(finder.push(b"a sk-").count(), 0);
    assert_eq!(format!("{finder:?}"), "Finder { set: NeedleSet { secrets: 2, needles: 2, .. }, end: 5, .. }");
    let secret = Secret::new("KEY", VALUE.to_vec());
    assert_eq!(format!("{secret:?}"), "Secret { name: \"KEY\", value: [REDACTED] }");
    let builder = NeedleSet::builder().secret(secret);
    assert_eq!(format!("{builder:?}"), "NeedleSetBuilder { secrets: 1, .. }");
}

#[test]
fn sets_tell_how_large_they_are() {
    let set = set();
    assert_eq!((set.len(), set.is_empty(), set.needle_len_max()), (2, false, 16));
    assert_eq!(set.expose().collect::<Vec<_>>(), [&b"hunter2-prod-key"[..], VALUE]);
    assert_eq!(set.name_and_form(1), ("0", Form::Value));
    let empty = NeedleSet::builder().build().unwrap();
    assert_eq!((empty.len(), empty.is_empty(), empty.needle_len_max()), (0, true, 0));
    assert_eq!(*empty.redact_cow(b"sk-live-X9Q2"), *b"sk-live-X9Q2");
    assert!(!empty.is_match(b"") && Overlay::named(&empty).is_ok() && empty.notices().is_empty());
    let mut redactor = Redactor::new(Arc::new(empty));
    assert_eq!((redactor.push(b"any").to_vec(), redactor.held(), redactor.finish().len()), (b"any".to_vec(), 0, 0));
}

#[test]
fn the_output_knows_its_number_of_slices() {
    let mut redactor = Redactor::new(set());
    let mut given = redactor.push(b"a sk-live-X9Q2 b");
    for left in (0..=3).rev() {
        assert_eq!((given.len(), given.size_hint()), (left, (left, Some(left))));
        assert_eq!(given.next().is_some(), left > 0);
    }
    let given = redactor.push(b" hunter2");
    assert_eq!(given.clone().to_vec(), given.to_vec());
    assert_eq!(redactor.held(), 7);
}

/// Forms have their own names. Reports show these names, so they are stable.
#[test]
fn forms_have_names() {
    let value = b"pa\"s$s'w&r\xc3\xb6d\\X9Q2\nsecond-line-of-it\n".to_vec();
    let set = NeedleSet::builder().secret(Secret::new("KEY", value)).build().unwrap();
    let names: std::collections::BTreeSet<&str> =
        (0..set.len()).map(|needle| set.name_and_form(needle).1.name()).collect();
    for name in ["value", "base64", "hex", "escaped", "line", "crlf", "joined-lines"] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
}

#[test]
fn errors_tell_names_and_limits() {
    let build = |value: &[u8], mask| NeedleSet::builder().secret(Secret::new("KEY", value.to_vec())).mask(mask).build();
    let error = |value: &[u8], mask| build(value, mask).unwrap_err().to_string();
    let template = |mask: &str| Mask::Template(mask.to_owned());
    assert_eq!(error(VALUE, template("")), "the mask is empty");
    assert_eq!(error(VALUE, template("-X9Q2")), "the mask shares its beginning or end with the secret KEY");
    for c in [b' ', b'\n', 0x7f, 0x80, 0xff] {
        assert_eq!(error(VALUE, Mask::Char(c)), "the mask character is not a printable ASCII character");
        let set = set();
        assert_eq!(Overlay::of_char(&set, c).unwrap_err(), BuildError::MaskChar);
    }
    for c in [b'!', b'~', b'%'] {
        assert!(build(VALUE, Mask::Char(c)).is_ok() && Overlay::of_char(&set(), c).is_ok());
    }
    assert_eq!(BuildError::TooLarge.to_string(), "the secrets and their encoded forms are larger than 64 MiB");
}

/// The lengths at which a value is masked, and at which it causes a notice.
#[test]
fn notices_begin_and_end_where_they_should() {
    let notice = |value: &[u8], min| {
        let set = NeedleSet::builder().secret(Secret::new("KEY", value.to_vec())).min_length(min).build().unwrap();
        (set.notices().first().map(|notice| notice.kind), set.is_empty())
    };
    for (value, min, kind, empty) in [
        (&b""[..], 0, Some(NoticeKind::Blank), true),
        (b" \t\r\n ", 0, Some(NoticeKind::Blank), true),
        (b"x9K", 0, Some(NoticeKind::TooShort), true),
        (b"  x9K  ", 0, Some(NoticeKind::TooShort), true),
        (b"x9Kq", 0, Some(NoticeKind::Short), false),
        (b"x9Kq2vL", 0, Some(NoticeKind::Short), false),
        (b"x9Kq2vLm", 0, None, false),
        (b"x9Kq2vLm", 8, None, false),
        (b"x9Kq2vLm", 9, Some(NoticeKind::TooShort), true),
        (b"production", 0, Some(NoticeKind::OrdinaryWord), false),
    ] {
        assert_eq!(notice(value, min), (kind, empty), "{}, at least {min}", value.escape_ascii());
    }
}

/// Checks the pieces of one output, and counts the masks. Every other piece is the text from where
/// the last one ended; the input of the call is the range `input` of it.
fn masks(redacted: Redacted<'_>, text: &[u8], input: std::ops::Range<usize>, at: &mut Option<usize>) -> usize {
    assert!(redacted.clone().eq(redacted.clone().pieces().map(Piece::bytes)));
    let mut masks = 0;
    for piece in redacted.pieces() {
        match (piece.kind(), piece.input()) {
            (PieceKind::Mask, None) => {
                assert!([b"<0>", b"<1>"].iter().any(|mask| piece.bytes() == *mask));
                // The mask is not as long as its region.
                (masks, *at) = (masks + 1, None);
            }
            (PieceKind::Input, Some(range)) => {
                let range = range.start as usize..range.end as usize;
                assert!(input.start <= range.start && range.end <= input.end);
                assert!(at.is_none_or(|at| at == range.start));
                assert_eq!(piece.bytes(), &text[range.clone()]);
                *at = Some(range.end);
            }
            (PieceKind::Held, None) => {
                assert!(text[..input.start].windows(piece.bytes().len()).any(|held| held == piece.bytes()));
                *at = at.map(|at| at + piece.bytes().len());
            }
            other => panic!("{other:?}"),
        }
    }
    masks
}

#[test]
fn a_piece_knows_the_origin_of_its_bytes_for_every_cut() {
    let set = engine::exactly(&[b"abcdef".as_slice(), b"efgh"], engine::named(), Default::default());
    let text = b"abc abcdefgh, abcde; efgh abcdef efg";
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let mut redactor = Redactor::new(Arc::clone(&set)).mask_partial(false);
            let (mut found, mut at) = (0, Some(0));
            for range in [0..first, first..second, second..text.len()] {
                found += masks(redactor.push(&text[range.clone()]), text, range, &mut at);
            }
            found += masks(redactor.finish(), text, text.len()..text.len(), &mut at);
            assert_eq!((found, at), (3, Some(text.len())), "cut at {first} and {second}");
        }
    }
}
