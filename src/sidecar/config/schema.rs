//! The schema of the configuration, as JSON Schema, from the sections themselves.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::section::{Config, Sink, Source};

/// What the schema can tell of.
pub trait Described {
    /// Whether it may be left out.
    const IS_OPTIONAL: bool = false;

    /// Its schema.
    fn schema() -> Value;
}

impl<T: Described> Described for Option<T> {
    const IS_OPTIONAL: bool = true;

    fn schema() -> Value {
        T::schema()
    }
}

impl<T: Described> Described for Vec<T> {
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

impl Described for String {
    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl Described for PathBuf {
    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

impl Described for bool {
    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

impl Described for u64 {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }
}

impl Described for u32 {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}

/// The schema of a section, of its fields' names, documentation and schemas, and whether they may be left out.
pub(super) fn object(about: &str, fields: &[(&str, &str, Value, bool)]) -> Value {
    let mut properties = Map::new();
    for (name, about, schema, _) in fields {
        let mut schema = schema.clone();
        schema["description"] = json!(about.trim());
        properties.insert((*name).to_owned(), schema);
    }
    let required: Vec<&str> = fields.iter().filter(|field| !field.3).map(|field| field.0).collect();
    let mut object = json!({
        "type": "object",
        "description": about.trim(),
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// The schema of the whole file.
pub fn schema() -> Value {
    let mut schema = Config::schema();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("hushlog sidecar");
    let stream = &mut schema["properties"]["streams"]["items"]["properties"];
    stream["source"]["oneOf"] = one_of(Source::KINDS);
    stream["sink"]["oneOf"] = one_of(Sink::KINDS);
    schema
}

/// Exactly one of these keys is there.
fn one_of(kinds: &[&str]) -> Value {
    kinds.iter().map(|kind| json!({ "required": [kind] })).collect()
}
