//! Quotes around the mask of a bare value of JSON, against the definition, at every cut.

use std::sync::Arc;

use crate::harness::expected::{Expected, PARTIAL_MASKED};
use crate::harness::rng::Rng;
use crate::harness::{check, cuts};
use hushlog::{Mask, NeedleSet, Overlay, Redactor, Secret};

fn set(values: &[&str], readings: bool) -> Arc<NeedleSet> {
    let secret = |value: &&str| Secret::new("K", value.as_bytes().to_vec());
    let builder = NeedleSet::builder().exactly().readings(readings).mask(Mask::Template("<{name}>".to_owned()));
    let builder = values.iter().map(secret).fold(builder, hushlog::NeedleSetBuilder::secret);
    Arc::new(builder.build().expect("the mask has no byte of the needles"))
}

fn redacted(values: &[&str], text: &str) -> String {
    String::from_utf8(set(values, true).redact_cow(text.as_bytes()).into_owned()).expect("it is text")
}

#[test]
fn json_stays_json() {
    let object = r#"{"api_key":"zk-4471"}"#;
    for (text, wanted) in [
        (r#"{"pin":884422,"ok":true}"#, r#"{"pin":"<K>","ok":true}"#),
        (r#"{"pin": 884422}"#, r#"{"pin": "<K>"}"#),
        (r#"{"pin":"884422"}"#, r#"{"pin":"<K>"}"#),
        (r#"{"pins":[884422, 884422,7]}"#, r#"{"pins":["<K>", "<K>",7]}"#),
        (r#"{"data":[7, 884422]}"#, r#"{"data":[7, "<K>"]}"#),
        (r#"{"cfg":{"api_key":"zk-4471"},"n":1}"#, r#"{"cfg":"<K>","n":1}"#),
        (r#"{"log":"{\"pin\":884422}"}"#, r#"{"log":"{\"pin\":\"<K>\"}"}"#),
        (r#"{"log":"{\"cfg\":{\"api_key\":\"zk-4471\"}}"}"#, r#"{"log":"{\"cfg\":\"<K>\"}"}"#),
        ("pin: 884422 [884422]", "pin: <K> [<K>]"),
    ] {
        assert_eq!(redacted(&["884422", object], text), wanted);
        // Text that a parser takes before it takes it afterwards.
        let is_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
        assert_eq!(is_json(text), is_json(wanted), "{wanted}");
    }
}

#[test]
fn a_mask_in_place_keeps_json_and_the_length() {
    let set = set(&["884422", "[1,2]", r#"{"api_key":"zk-4471"}"#, "-7.5"], true);
    let (overlay, of_char) = (Overlay::named(&set).expect("it fits"), Overlay::of_char(&set, b'%').expect("it fits"));
    for (text, wanted) in [
        (r#"{"pin":884422,"ok":true}"#, r#"{"pin":"[K]*","ok":true}"#),
        (r#"{"pins":[884422,-7.5]}"#, r#"{"pins":["[K]*","**"]}"#),
        (r#"{"a":[1,2]}"#, r#"{"a":"[K]"}"#),
        (r#"{"log":"{\"cfg\":{\"api_key\":\"zk-4471\"}}"}"#, r#"{"log":"{\"cfg\":\"[K]******************\"}"}"#),
        ("pin: 884422", "pin: [K]***"),
    ] {
        let mut record = text.as_bytes().to_vec();
        set.redact_in_place(&mut record, &overlay);
        assert_eq!(String::from_utf8(record).expect("it is text"), wanted);
        let mut record = text.as_bytes().to_vec();
        set.redact_in_place(&mut record, &of_char);
        assert!(!record.contains(&b'*') && record.len() == text.len());
    }
}

#[test]
fn a_needle_that_a_quote_could_complete_forbids_quotes() {
    let text = r#"{"pin":884422"id": 4}"#;
    assert_eq!(redacted(&["884422", "\"id\": 4"], text), r#"{"pin":<K>}"#);
    assert_eq!(redacted(&["884422", "\"id\": 5"], text), r#"{"pin":<K>"id": 4}"#);
}

#[test]
fn a_new_stream_has_no_context_of_the_last() {
    let mut redactor = Redactor::new(set(&["884422"], true));
    assert_eq!(redactor.push(b"{\"pin\":").to_vec(), b"{\"pin\":");
    assert_eq!(redactor.finish().to_vec(), b"");
    assert_eq!(redactor.push(b"884422").to_vec(), b"<K>");
}

#[test]
fn a_swap_keeps_the_context() {
    let mut redactor = Redactor::new(set(&["884422"], true));
    assert_eq!(redactor.push(b"{\"pin\":8844").to_vec(), b"{\"pin\":");
    assert_eq!(redactor.swap(set(&["884455"], true)).to_vec(), b"");
    assert_eq!(redactor.push(b"55}").to_vec(), b"\"<K>\"}");
}

#[test]
fn random_texts_equal_the_definition() {
    const PARTS: [&str; 16] = [
        "884422",
        "8844",
        "{\"a\":7}",
        "{\\\"a\\\":7}",
        "\"pin\":",
        "\\\"pin\\\":",
        "\\\\\\\"p\\\\\\\": ",
        "[",
        "]",
        ",",
        " ",
        "\"",
        "{",
        "}",
        "422",
        "\n",
    ];
    let mut rng = Rng(20_261_130);
    for round in 0..600 {
        let set = set(&["884422", "{\"a\":7}", "22884", "[88"][..2 + round % 3], round % 2 == 0);
        let text: String = (0..4 + rng.below(8)).map(|_| PARTS[rng.below(PARTS.len())]).collect();
        let expected = Expected::naive(&set, text.as_bytes(), PARTIAL_MASKED);
        let (mut redactor, mut out) = (Redactor::new(set), Vec::new());
        let mut run = |cuts: &[usize]| {
            check::run(&mut redactor, &expected, text.as_bytes(), cuts, &mut out)
                .unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
        };
        run(&[]);
        run(&cuts::every_byte(text.len()));
        (0..text.len()).for_each(|at| run(&[at]));
    }
}
