//! The shape of a registry's file as JSON Schema, for errors: see [`yaml`](super::yaml). Names of
//! members, secrets, variables and environments are no keys of it.

use serde_json::{Value, json};

/// The document without its signature.
pub(super) fn document() -> Value {
    let text = || json!({ "type": "string" });
    let by_name = |inner: Value| json!({ "type": "object", "additionalProperties": inner });
    let member = section(json!({ "recipient": recipient(), "signer": signer() }), &["recipient"]);
    let group = section(json!({ "recipient": recipient(), "members": by_name(text()) }), &["recipient"]);
    let entry = section(
        json!({
            "owner": name(),
            "version": text(),
            "install": { "type": "boolean" },
            "changed": text(),
            "group": name(),
            "changed_by": name(),
            "note": { "type": "string", "title": "one line of text" },
            "variable": { "type": "string", "title": "a variable, such as OPENAI_API_KEY" },
            "file": file_target(),
            "file_only": { "type": "boolean" },
            "expires": { "type": "string", "title": "a date, such as 2027-01-31" },
            "sealed": text(),
        }),
        &["owner", "version", "install", "changed", "sealed"],
    );
    let change = section(json!({ "at": text(), "by": name(), "value": text() }), &["at", "by"]);
    let variables = by_name(json!({ "type": "array", "items": change }));
    section(
        json!({
            "format": { "type": "integer" },
            "id": { "type": "string", "title": "the id of a registry, hlr-..." },
            "revision": { "type": "integer" },
            "members": by_name(member),
            "groups": by_name(group),
            "environments": by_name(variables),
            "shared": by_name(entry.clone()),
            "private": by_name(by_name(entry)),
            "check": text(),
        }),
        &["format", "check"],
    )
}

/// The end of the file.
pub(super) fn tail() -> Value {
    let signature = section(json!({ "by": name(), "ed25519": { "type": "string" } }), &["by", "ed25519"]);
    section(json!({ "signature": signature }), &["signature"])
}

fn section(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn file_target() -> Value {
    let path = json!({ "type": "string", "title": "an absolute path, or ~/ and a path" });
    let mode = json!({ "type": "string", "title": "a mode in quotes, such as '0600'" });
    section(json!({ "path": path, "mode": mode }), &["path", "mode"])
}

fn name() -> Value {
    json!({ "type": "string", "title": "a name, such as openai-api-key" })
}

fn recipient() -> Value {
    json!({ "type": "string", "title": "a recipient, age1..." })
}

fn signer() -> Value {
    json!({ "type": "string", "title": "a public key, MCow..." })
}
