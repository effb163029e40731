//! Redaction of JSON values, for reports, status and lists. (With the feature `registry`.)
//!
//! A reader of the text may decode its strings, so both the strings and their JSON encoding are
//! searched.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::redact::message::{self, Reading, json_escape};
use crate::redact::needle::NeedleSet;
use crate::redact::text::is_hidden;

/// Masks all needles of the set in strings and keys, also if only their JSON encoding would make
/// them a needle. Numbers stay.
pub fn redact(set: &Arc<NeedleSet>, value: &mut Value) {
    map_strings(value, &|text| message::redact(set, text, Reading::Json).into_owned());
}

/// Maps all strings, and the keys of objects. Two keys that become equal stay two.
pub fn map_strings(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| map_strings(value, change)),
        Value::Object(map) => {
            let mut changed = Map::new();
            for (key, mut value) in std::mem::take(map) {
                map_strings(&mut value, change);
                let key = change(&key);
                let numbered = (2..).map(|number| format!("{key} ({number})"));
                let key = std::iter::once(key.clone()).chain(numbered).find(|key| !changed.contains_key(key));
                changed.extend(key.map(|key| (key, value)));
            }
            *map = changed;
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Formats the value over several lines, with hidden characters escaped, for display on a terminal.
#[must_use]
pub fn pretty(value: &Value) -> String {
    escape(&format!("{value:#}"))
}

/// Formats the value in one line, in the same way.
#[must_use]
pub fn compact(value: &Value) -> String {
    escape(&value.to_string())
}

/// Escapes hidden characters. Outside its strings, JSON has no hidden characters but newlines, and
/// in them it has no newlines.
fn escape(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if c != '\n' && is_hidden(c) => text.push_str(&json_escape(c).unwrap_or_default()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::redact::secret::Secret;

    #[test]
    fn a37_reports_stay_valid_and_show_no_secret() {
        let values = ["hunter2-prod-key", "a\"b\\c-hunter2", "471147"];
        let secrets = values.iter().map(|value| Secret::new(format!("K-{value}"), value.as_bytes().to_vec()));
        let set = secrets.fold(NeedleSet::builder(), |builder, secret| builder.secret(secret)).build();
        let set = Arc::new(set.unwrap());
        let mut value = json!({
            "path": "./hunter2-prod-key.log",
            "hunter2-prod-key": [1, true, null, "x a\"b\\c-hunter2"],
            "hunter2-prod-key ": "pin 471147",
            "a\\\"b": "\u{202e}",
        });
        redact(&set, &mut value);
        for text in [pretty(&value), compact(&value)] {
            assert!(values.iter().all(|value| !text.contains(value)), "{text}");
            assert!(!text.contains("a\\\"b\\\\c-hunter2") && text.contains("\\u202e") && !text.contains('\u{202e}'));
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
