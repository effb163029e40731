//! The schema of the configuration, as JSON Schema, derived from the sections.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use super::section::Config;

/// The schema of the whole file. Editors show it best in one piece, so that it has no references.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let settings = settings.with_transform(RecursiveTransform(as_written));
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

/// The name of a key, if it is a key of any section.
pub(super) fn known_key(word: &str) -> Option<&'static str> {
    static KEYS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let mut keys = BTreeSet::new();
        add_keys(&schema(), &mut keys);
        keys
    });
    KEYS.get(word).map(String::as_str)
}

fn add_keys(schema: &Value, keys: &mut BTreeSet<String>) {
    for (key, field) in schema["properties"].as_object().into_iter().flatten() {
        keys.insert(key.clone());
        add_keys(field, keys);
        add_keys(&field["items"], keys);
    }
}

/// An optional key is left out: schemars allows `null` as well. And a description is a text
/// without the line breaks of its comment.
fn as_written(schema: &mut Schema) {
    if let Some(Value::Array(kinds)) = schema.remove("anyOf") {
        let some = kinds.into_iter().find(|kind| kind["type"] != "null");
        for (key, value) in some.as_ref().and_then(Value::as_object).into_iter().flatten() {
            if schema.get(key).is_none() {
                schema.insert(key.clone(), value.clone());
            }
        }
    }
    if let Some(Value::Array(types)) = schema.get("type")
        && let Some(only) = types.iter().find(|name| *name != "null").cloned()
    {
        schema.insert("type".to_owned(), only);
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}
