use std::convert::Infallible;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use crate::io::frames::{Frames, StreamFormat};
use crate::redact::redacted::Piece;
use crate::redact::redactor::Redactor;
use crate::{Mask, NeedleSet, Secret};

fn set(needles: &[&str], mask: Mask) -> Arc<NeedleSet> {
    let secret = |needle: &&str| Secret::new("K", needle.as_bytes().to_vec());
    let builder = NeedleSet::builder().exactly().readings(true).mask(mask);
    let builder = needles.iter().map(secret).fold(builder, crate::NeedleSetBuilder::secret);
    Arc::new(builder.build().expect("no collision"))
}

fn template() -> Mask {
    Mask::Template("<{name}>".to_owned())
}

/// The output in pieces of this length.
fn output(set: &Arc<NeedleSet>, text: &str, len: usize) -> String {
    let mut frames = Frames::new(StreamFormat::JsonLines, set, false).expect("it has lines");
    let (mut redactor, mut out) = (Redactor::new(Arc::clone(set)), Vec::new());
    let mut sink = |piece: Piece<'_>| -> Result<(), Infallible> {
        assert!(!piece.is_empty());
        out.extend_from_slice(piece.bytes());
        Ok(())
    };
    for piece in text.as_bytes().chunks(len) {
        let Ok(taken) = frames.push(&mut redactor, piece, &mut sink);
        assert_eq!(taken, piece.len());
    }
    let Ok(()) = frames.finish(&mut redactor, &mut sink);
    String::from_utf8(out).expect("it is text")
}

#[test]
fn a_line_of_json_stays_json() {
    let set = set(&["nabc-key", "8844", "a\":\"b", "x, y"], template());
    for (text, wanted) in [
        (r#"{"m":"a nabc-key z"}"#, r#"{"m":"a <K> z"}"#),
        // The secret begins with the end of an escape.
        (r#"{"m":"a\nabc-key z"}"#, r#"{"m":"a<K> z"}"#),
        (r#"{"m":"a\\nabc-key z"}"#, r#"{"m":"a\\<K> z"}"#),
        (r#"{"nabc-key":1}"#, r#"{"<K>":1}"#),
        (r#"{"pin":8844,"ok":[1,8844]}"#, r#"{"pin":"<K>","ok":[1,"<K>"]}"#),
        (r#"{"pin":18844.5,"ok":true}"#, r#"{"pin":"<K>","ok":true}"#),
        ("8844", "\"<K>\""),
        // A secret across a key and its value, or across two values.
        (r#"{"o":{"a":"b"},"n":1}"#, r#"{"o":"<K>","n":1}"#),
        (r#"[["x", y"],2]"#, r#"[["x", y"],2]"#),
        // A secret across a key and its value, and one within the value.
        (r#"{"o":{"a":"b\n8844","c":"\nabc-key"},"n":8844}"#, r#"{"o":"<K>","n":"<K>"}"#),
        (r#"[["x, y", 8844],8844]"#, r#"[["<K>", "<K>"],"<K>"]"#),
        // No JSON.
        ("pin: 8844 \\nabc-key", "pin: <K> \\<K>"),
        (r#"{"pin":8844"#, r#"{"pin":"<K>""#),
        ("", ""),
    ] {
        for text in [text.to_owned(), format!("{text}\n"), format!("{{}}\n{text}\r\n\n{text}\n")] {
            let (once, end) = (wanted.to_owned(), text.trim_end().len());
            let wanted = match text.starts_with("{}\n") {
                true => format!("{{}}\n{once}\r\n\n{once}\n"),
                false => once + &text[end..],
            };
            for len in 1..=text.len().max(1) {
                assert_eq!(output(&set, &text, len), wanted, "{text} in pieces of {len}");
            }
        }
    }
}

#[test]
fn a_mask_of_a_template_is_escaped() {
    let set = set(&["secret-1", "8844"], Mask::Template("say \"no\\\"\n".to_owned()));
    let out = output(&set, "{\"a\":\"secret-1\",\"b\":8844}\n", 5);
    assert_eq!(out, "{\"a\":\"say \\\"no\\\\\\\"_\",\"b\":\"say \\\"no\\\\\\\"_\"}\n");
    assert!(serde_json::from_str::<Value>(&out).is_ok());
}

#[test]
fn a_mask_of_the_same_length_keeps_it() {
    let set = set(&["secret-1", "8844"], Mask::Char(b'*'));
    let out = output(&set, "{\"a\":\"secret-1\",\"b\":8844}\n8844\n", 5);
    assert_eq!(out, "{\"a\":\"********\",\"b\":\"**\"}\n\"**\"\n");
}

#[test]
fn a_long_line_goes_out_as_plain_text() {
    let set = set(&["8844"], template());
    let long = format!("{{\"a\":\"{}\",\"b\":18844}}\n", "x".repeat(1 << 20));
    let out = output(&set, &format!("{long}[18844]\n"), 100_000);
    assert_eq!(out, long.replace("8844", "<K>") + "[\"<K>\"]\n");
}

/// JSON with pieces of secrets anywhere.
fn value() -> impl Strategy<Value = Value> {
    let text = || "(8844|k\\\\nab|\"k|ab|\n|\\\\|x|,| |\u{e9}){0,5}";
    let number = prop_oneof![Just(8844), Just(884), Just(18844), Just(7)];
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        number.prop_map(Value::from),
        Just(Value::Null),
        Just(Value::from(true))
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: 1500, ..Default::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Each line stays JSON, has no secret, and stays as it is if it had none.
    #[test]
    fn random_lines_stay_json(
        values in proptest::collection::vec(value(), 1..4),
        len in 1_usize..40,
        is_char: bool,
        of_key in proptest::sample::select(vec!["k\\nab", "nab", "k\",\"x", "b,7", "e,t"]),
    ) {
        let set = set(&["8844", of_key], if is_char { Mask::Char(b'*') } else { template() });
        let text: String = values.iter().map(|value| format!("{value}\n")).collect();
        let out = output(&set, &text, len);
        prop_assert_eq!(&out, &output(&set, &text, text.len()));
        // A mask for a part of `\\x88` leaves another escape, `\\x`.
        let is_cut = text.contains("\\\\x8844");
        prop_assert!(is_cut || !set.is_match(out.as_bytes()), "{}", out);
        let (before, after): (Vec<&str>, Vec<&str>) = (text.lines().collect(), out.lines().collect());
        prop_assert_eq!(before.len(), after.len(), "{}", out);
        for (before, after) in before.iter().zip(after) {
            prop_assert!(serde_json::from_str::<Value>(after).is_ok(), "{} of {}", after, before);
            prop_assert!(set.is_match(before.as_bytes()) || *before == after);
            prop_assert!(!is_char || before.len() == after.len(), "{} of {}", after, before);
        }
    }
}

/// The time for many lines in one piece, and for many masks in one string, is linear.
#[test]
fn long_input_is_read_once() {
    let set = set(&["8844"], template());
    let lines = "{\"pin\":8844}\n".repeat(200_000);
    assert_eq!(output(&set, &lines, 1 << 20), lines.replace("8844", "\"<K>\""));
    let string = format!("[\"{}\"]\n", "\\n 8844".repeat(100_000));
    assert_eq!(output(&set, &string, 1 << 20), string.replace("8844", "<K>"));
}
