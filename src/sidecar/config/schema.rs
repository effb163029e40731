//! The schema of the configuration, as JSON Schema, derived from the sections.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use super::section::Config;

/// Earlier names of keys, which are still read, each with the present one.
pub(super) const EARLIER: &[(&str, &str)] = &[("keep_stump", "keep_partial"), ("stump_wait_ms", "partial_wait_ms")];

/// The schema of the whole file. Editors show it best in one piece, so that it has no references.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let settings = settings.with_transform(RecursiveTransform(as_written));
    settings.into_generator().into_root_schema_for::<Config>().to_value()
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
