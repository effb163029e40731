//! A model of rsyslog's handling of an answer, and of the expected result.

use std::borrow::Cow;

use hushlog::{NeedleSet, Overlay};
use serde::de::IgnoredAny;

use super::json::Json;

/// The properties that rsyslog lets a helper change, besides `msg`, `rawmsg` and `$!`.
const CHANGEABLE: [&[u8]; 7] =
    [b"syslogtag", b"hostname", b"structured-data", b"procid", b"msgid", b"fromhost", b"fromhost-ip"];
/// The depth up to which a message must be readable. No message of rsyslog is deeper.
const DEPTH_READ: usize = 60;

/// The helper's options.
#[derive(Clone, Copy)]
pub struct Kind {
    pub whole: bool,
    pub mark: bool,
}

type Members = [(Vec<u8>, Json)];

/// Asserts that the answer to a line is JSON and correct. `None` is a line that was too long.
pub fn check(kind: Kind, set: &NeedleSet, line: Option<&[u8]>, answer: &[u8]) {
    assert!(!answer.contains(&b'\n'));
    let has_words = line.is_some_and(has_words);
    assert!(has_words || is_json(answer), "no JSON");
    let Some(Json::Object(answer)) = &Json::parse(answer) else { panic!("no answer") };
    match (line, kind.whole) {
        (None, _) => left_out(kind, answer),
        (Some(line), false) => check_text(kind, set, line, answer),
        (Some(line), true) => {
            let message = Json::parse(line);
            assert!(message.is_none() || has_words || is_json(line), "read, and no JSON");
            assert!(message.is_some() || !is_sound_json(line) || depth(line) > DEPTH_READ, "not read, and JSON");
            match &message {
                Some(Json::Object(members)) => match (first(members, b"rawmsg"), first(members, b"msg")) {
                    (Some(raw), Some(text)) => check_whole(kind, set, (raw, text), members, answer),
                    _ => left_out(kind, answer),
                },
                _ => left_out(kind, answer),
            }
        }
    }
}

/// No part of the message remains, and the mark is missing.
fn left_out(kind: Kind, answer: &Members) {
    let all = [
        (&b"syslogtag"[..], "hushlog:"),
        (b"structured-data", "-"),
        (b"procid", "-"),
        (b"msgid", "-"),
        (b"msg", " [hushlog: this message was left out, because it could not be read]"),
    ];
    // If only the text is known, only the text can be changed.
    let told = all.iter().skip(if kind.whole { 0 } else { 4 });
    let expected: Vec<_> = told.map(|(name, text)| (name.to_vec(), Json::Text(text.as_bytes().to_vec()))).collect();
    assert!(expected == answer, "something of it stays");
}

/// Only the text is known: it becomes the library's output.
fn check_text(kind: Kind, set: &NeedleSet, line: &[u8], answer: &Members) {
    let mut expected = Vec::new();
    if let Cow::Owned(masked) = set.redact_cow(line) {
        expected.push((b"msg".to_vec(), Json::Text(masked)));
    }
    if kind.mark {
        expected.push((b"$!".to_vec(), Json::Object(vec![mark()])));
    }
    assert!(expected == answer, "another answer to a text");
}

/// All properties are known: no changeable one contains a part of a secret, the others are
/// unchanged, and the mark reports it.
fn check_whole(kind: Kind, set: &NeedleSet, (raw, text): (&[u8], &[u8]), message: &Members, answer: &Members) {
    let mut clean = check_raw(set, raw, text, answer);
    let mut expected = Vec::new();
    let mut variables = Vec::new();
    for (name, value) in message.iter().filter(|(name, _)| name != b"msg" && name != b"rawmsg") {
        let masked = masked(set, value);
        match (name.as_slice(), value) {
            (b"$!", Json::Object(own)) => {
                let Json::Object(masked) = &masked else { unreachable!("it stays an object") };
                for ((name, value), (_, masked)) in own.iter().zip(masked) {
                    clean &= !set.is_match(name);
                    variables.extend((masked != value).then(|| (name.clone(), copy(masked))));
                }
            }
            (name, value) if masked != *value => {
                if CHANGEABLE.contains(&name) {
                    expected.push((name.to_vec(), masked));
                } else {
                    clean = false;
                }
            }
            _ => {}
        }
    }
    variables.extend((clean && kind.mark).then(mark));
    if !variables.is_empty() {
        expected.push((b"$!".to_vec(), Json::Object(variables)));
    }
    let told = answer.iter().filter(|(name, _)| name != b"msg" && name != b"rawmsg");
    assert!(told.eq(&expected), "another answer to a message");
}

/// Like rsyslog, takes the text from its offset in the raw message. Returns whether all of it is
/// clean.
fn check_raw(set: &NeedleSet, raw: &[u8], text: &[u8], answer: &Members) -> bool {
    let (new_raw, new_text) = (first(answer, b"rawmsg"), first(answer, b"msg"));
    let mut raw_now = new_raw.unwrap_or(raw).to_vec();
    assert_eq!(raw_now.len(), raw.len(), "the text moves");
    let text_now = new_text.unwrap_or(text);
    let is_within = raw.ends_with(text);
    if new_raw.is_none() || !is_within {
        assert!(text_now == &*set.redact_cow(text), "another text");
    }
    if is_within {
        raw_now.truncate(raw.len() - text.len());
        raw_now.extend_from_slice(text_now);
    }
    assert!(!set.is_match(text_now), "a secret in the text");
    let can_overlay = Overlay::named(set).is_ok();
    assert!(new_raw.is_none() || can_overlay && set.is_match(raw), "changed without need");
    assert!(!can_overlay || !set.is_match(&raw_now), "a secret in the raw message");
    // The mark is withheld if a secret cannot be masked in place, even if only the text had one.
    can_overlay || !set.is_match(raw)
}

/// The value, with each name and text in it redacted by the library.
fn masked(set: &NeedleSet, value: &Json) -> Json {
    match value {
        Json::Text(text) => Json::Text(set.redact_cow(text).into_owned()),
        Json::Plain(text) => match set.redact_cow(text) {
            Cow::Owned(masked) => Json::Text(masked),
            Cow::Borrowed(text) => Json::Plain(text.to_vec()),
        },
        Json::Array(values) => Json::Array(values.iter().map(|value| masked(set, value)).collect()),
        Json::Object(members) => {
            let members = members.iter();
            Json::Object(members.map(|(name, value)| (set.redact_cow(name).into_owned(), masked(set, value))).collect())
        }
    }
}

/// A copy, which only tests make.
fn copy(value: &Json) -> Json {
    match value {
        Json::Text(text) => Json::Text(text.clone()),
        Json::Plain(text) => Json::Plain(text.clone()),
        Json::Array(values) => Json::Array(values.iter().map(copy).collect()),
        Json::Object(members) => {
            Json::Object(members.iter().map(|(name, value)| (name.clone(), copy(value))).collect())
        }
    }
}

fn mark() -> (Vec<u8>, Json) {
    (b"hushlog".to_vec(), Json::Text(b"clean".to_vec()))
}

/// The first text of this name.
fn first<'a>(members: &'a Members, name: &[u8]) -> Option<&'a [u8]> {
    members.iter().find_map(|(own, value)| match value {
        Json::Text(text) if own == name => Some(text.as_slice()),
        _ => None,
    })
}

/// Whether another parser accepts it as JSON, except for bytes that are not UTF-8.
fn is_json(text: &[u8]) -> bool {
    serde_json::from_str::<IgnoredAny>(&String::from_utf8_lossy(text)).is_ok()
}

/// The same, and each escape is a character, and each number is in range.
fn is_sound_json(text: &[u8]) -> bool {
    serde_json::from_str::<serde_json::Value>(&String::from_utf8_lossy(text)).is_ok()
}

/// Whether it may contain a word for a number that rsyslog writes and JSON lacks.
fn has_words(line: &[u8]) -> bool {
    [&b"nan"[..], b"NaN", b"Infinity"].iter().any(|word| line.windows(word.len()).any(|there| there == *word))
}

/// An upper limit of its depth.
fn depth(text: &[u8]) -> usize {
    text.iter().filter(|byte| b"[{".contains(byte)).count()
}
