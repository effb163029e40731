//! Compares the outline of a text with a JSON Schema. The parts in use: `type`, `properties`,
//! `required`, `items`, `additionalProperties`, `enum`, `maximum`; `title` describes the values
//! where a type does not.

use std::collections::HashSet;

use serde_json::Value;

use super::outline::{Edge, Kind, Node, Outline};
use super::{Fault, Form, Place};
use crate::registry::nearest::nearest;

/// The length from which the first sentence of a description says enough, in bytes.
const MEANING_LEN: usize = 20;

/// The first fault. A missing key comes after all others: it may be there, misspelt.
pub(super) fn fault(outline: &Outline<'_>, form: &Form<'_>) -> Option<Fault> {
    let schemas = schemas(outline, form);
    if outline.nodes.is_empty() {
        return Some(Fault::new(Place::START, String::new(), "the file is empty"));
    }
    let mut seen: HashSet<(usize, String)> = HashSet::new();
    for (at, node) in outline.nodes.iter().enumerate() {
        let above = if at == 0 { None } else { schemas[node.parent] };
        if let Edge::Key(key) = &node.edge {
            if above.is_some_and(|above| is_unknown(key, above, form)) {
                return Some(unknown(outline, at, key, above, form));
            }
            if !seen.insert((node.parent, form.now(key))) {
                return Some(Fault::new(node.key_at, keys(outline, at, form), "this key occurs twice in the section"));
            }
        }
        if let Some(schema) = schemas[at]
            && let Some(found) = mismatch(outline, at, schema, above)
        {
            let problem = format!("must be {}, but it is {found}", expected(schema));
            let fault = Fault::new(outline.place(at), keys(outline, at, form), problem);
            return Some(Fault { hint: above.and_then(|_| meaning(schema)), ..fault });
        }
    }
    (0..outline.nodes.len()).find_map(|at| missing(outline, at, schemas[at]?, form, &seen))
}

/// The schema of each node, as far as it has one.
fn schemas<'s>(outline: &Outline<'_>, form: &Form<'s>) -> Vec<Option<&'s Value>> {
    let mut schemas: Vec<Option<&Value>> = Vec::with_capacity(outline.nodes.len());
    for (at, node) in outline.nodes.iter().enumerate() {
        let above = if at == 0 { None } else { schemas[node.parent] };
        schemas.push(
            match &node.edge {
                Edge::Root => Some(form.schema),
                Edge::Key(key) => above.and_then(|above| {
                    above["properties"].get(form.now(key)).or_else(|| above.get("additionalProperties"))
                }),
                Edge::Item(_) => above.and_then(|above| above.get("items")),
            }
            .filter(|schema| schema.is_object()),
        );
    }
    schemas
}

/// The schema of one node.
pub(super) fn schema<'s>(outline: &Outline<'_>, node: usize, form: &Form<'s>) -> Option<&'s Value> {
    schemas(outline, form)[node]
}

impl Form<'_> {
    /// The present name of a key.
    pub(crate) fn now(&self, key: &str) -> String {
        let now = self.earlier.iter().find(|(earlier, _)| *earlier == key);
        now.map_or(key, |(_, now)| *now).to_owned()
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// The path of keys to a node. A key that is no key of the schema is shown as `*`.
pub(super) fn keys(outline: &Outline<'_>, node: usize, form: &Form<'_>) -> String {
    let Some(mut at) = outline.nodes.get(node) else { return String::new() };
    let mut path: Vec<&Node<'_>> = Vec::new();
    while !matches!(at.edge, Edge::Root) {
        path.push(at);
        at = &outline.nodes[at.parent];
    }
    let (mut text, mut schema) = (String::new(), Some(form.schema));
    for node in path.iter().rev() {
        match &node.edge {
            Edge::Root => {}
            Edge::Key(key) => {
                let now = form.now(key);
                let known = schema.and_then(|schema| schema["properties"].get(&now));
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(if known.is_some() { &now } else { "*" });
                schema = known.or_else(|| schema.and_then(|schema| schema.get("additionalProperties")));
            }
            Edge::Item(index) => {
                text.push_str(&format!("[{index}]"));
                schema = schema.and_then(|schema| schema.get("items"));
            }
        }
    }
    text
}

fn is_unknown(key: &str, above: &Value, form: &Form<'_>) -> bool {
    above.get("properties").is_some()
        && above["properties"].get(form.now(key)).is_none()
        && !above["additionalProperties"].is_object()
}

/// The fault of an unknown key. It is not repeated: it may be a secret.
fn unknown(outline: &Outline<'_>, at: usize, key: &str, above: Option<&Value>, form: &Form<'_>) -> Fault {
    let node = &outline.nodes[at];
    let fault = Fault::new(node.key_at, keys(outline, node.parent, form), "unknown key");
    let valid: Vec<&str> = above.into_iter().flat_map(properties).map(|(name, _)| name.as_str()).collect();
    let valid_keys = format!("valid keys: {}", valid.join(", "));
    let word = key.split([' ', '{', '[']).next().unwrap_or_default();
    if let Some(name) = valid.iter().find(|name| **name == word) {
        return fault.hint(format!("a colon is missing after {name}; {valid_keys}"));
    }
    match nearest(key, valid.iter().copied()) {
        Some(name) => fault.hint(format!("did you mean {name}? {valid_keys}")),
        None => match section_of(key, form.schema, "") {
            Some(section) => fault.hint(format!("{key} is a key of {section}; {valid_keys}")),
            None => fault.hint(valid_keys),
        },
    }
}

/// The section that has this key.
fn section_of(key: &str, schema: &Value, path: &str) -> Option<String> {
    properties(schema).find_map(|(name, inner)| {
        let is_list = inner.get("items").is_some();
        let section = if is_list { &inner["items"] } else { inner };
        let path = format!("{path}{}{name}{}", if path.is_empty() { "" } else { "." }, if is_list { "[]" } else { "" });
        let is_here = section["properties"].get(key).is_some();
        if is_here { Some(path) } else { section_of(key, section, &path) }
    })
}

/// The kind of a node that its schema does not allow, in words.
fn mismatch(outline: &Outline<'_>, at: usize, schema: &Value, above: Option<&Value>) -> Option<&'static str> {
    let node = &outline.nodes[at];
    let wanted = match schema["type"].as_str() {
        Some("object") => Kind::Section,
        Some("array") => Kind::List,
        _ => Kind::Scalar,
    };
    match node.kind {
        Kind::Alias => None,
        kind if kind == wanted => None,
        Kind::List => Some("a list"),
        Kind::Section => Some("a section"),
        Kind::Scalar => Some("a single value"),
        // An optional key without a value counts as left out.
        Kind::Empty => {
            let is_needed = match &node.edge {
                Edge::Root => false,
                Edge::Item(_) => true,
                Edge::Key(key) => above.is_some_and(|above| required(above).any(|name| name == &**key)),
            };
            is_needed.then_some("empty")
        }
    }
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn missing(
    outline: &Outline<'_>,
    at: usize,
    schema: &Value,
    form: &Form<'_>,
    seen: &HashSet<(usize, String)>,
) -> Option<Fault> {
    if outline.nodes[at].kind != Kind::Section {
        return None;
    }
    let name = required(schema).find(|name| !seen.contains(&(at, (*name).to_owned())))?;
    let fault = Fault::new(outline.place(at), keys(outline, at, form), format!("the key {name} is missing"));
    Some(Fault { hint: meaning(&schema["properties"][name]).map(|text| format!("{name}: {text}")), ..fault })
}

/// The values that a schema allows, in words.
pub(super) fn expected(schema: &Value) -> String {
    let words = |list: &Value| -> Vec<String> {
        let words = list.as_array().into_iter().flatten();
        words.filter_map(|word| word.get("const").unwrap_or(word).as_str()).map(str::to_owned).collect()
    };
    match (schema["type"].as_str(), schema["title"].as_str()) {
        (Some("object"), _) => "a section of keys, such as { key: value }".to_owned(),
        (Some("array"), _) => "a list, such as [one, two]".to_owned(),
        (_, Some(title)) => title.to_owned(),
        (Some("boolean"), _) => "true or false".to_owned(),
        (Some("integer"), _) => match &schema["maximum"] {
            Value::Null => "a whole number, 0 or more".to_owned(),
            max => format!("a whole number from 0 to {max}"),
        },
        _ => match [words(&schema["enum"]), words(&schema["oneOf"])].concat().as_slice() {
            [] => "one string".to_owned(),
            words => format!("one of {}", words.join(", ")),
        },
    }
}

/// The description of a key, up to the first sentence that makes it long enough, as a hint.
pub(super) fn meaning(schema: &Value) -> Option<String> {
    let text = schema["description"].as_str()?;
    let ends = text.match_indices(". ").map(|(at, _)| at).find(|at| *at >= MEANING_LEN);
    let text = ends.map_or(text, |end| &text[..end]).trim_end_matches('.');
    let mut chars = text.chars();
    let initial = chars.next()?.to_lowercase();
    Some(initial.chain(chars).collect())
}
