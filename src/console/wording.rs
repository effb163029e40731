//! Errors and dates as pages show them.

use crate::registry::name::NameError;
use crate::registry::{Error, Registry, Scope};
use crate::source::{Interface, SourceError};

/// When a machine has a new value.
pub(super) const NEXT_BOOT: &str = "available at the next VM boot";
/// What running sessions do with an old value.
pub(super) const RUNNING: &str = "running sessions keep the value, and keep it masked";

/// A text as a sentence: a capital first, a full stop last.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    first + chars.as_str() + end
}

/// An error with its cause and its hint.
pub(super) fn whole(error: &SourceError) -> String {
    let text = sentence(&error.text(Interface::CommandLine));
    match error.hint(Interface::CommandLine) {
        Some(hint) => format!("{text} {}", sentence(&hint)),
        None => text,
    }
}

/// The field of a form that an error is about, or an empty name, and the error in words.
pub(super) fn of_field(error: Error) -> (&'static str, String) {
    let field = match &error {
        Error::Name(_) | Error::SecretExists { .. } | Error::Collision { .. } => "name",
        Error::ValueNeeded | Error::ValueEmpty | Error::ValueTooShort | Error::ValueTooLong | Error::ValueNul => {
            "value"
        }
        Error::NoGroup { .. } | Error::GroupEmpty { .. } | Error::GroupOfAll => "group",
        Error::NoEnvironment { .. } => "environment",
        Error::NoVariable { .. } => "variable",
        Error::LooksLikeCredential { .. } | Error::DefaultValue { .. } => "setting",
        Error::Note | Error::NoteLooksLikeCredential => "note",
        Error::Variable(_) => "variable",
        Error::ExpiryDate => "expires",
        Error::FileTargetPath | Error::FileTargetReserved { .. } | Error::FileCollision { .. } => "file-path",
        Error::FileTargetMode | Error::NoFileTarget => "file-mode",
        _ => "",
    };
    let hint = match &error {
        Error::SecretExists { .. } => Some("Edit it in the list to save a new value."),
        Error::Name(NameError::Character | NameError::Digit | NameError::First) => {
            Some("For example openai-api-key, which is exported as OPENAI_API_KEY.")
        }
        Error::LooksLikeCredential { .. } => Some("Save it as a secret."),
        Error::ValueTooLong => Some("Keep it in its own file, encrypted with age."),
        Error::ValueNeeded => Some("Type it again."),
        _ if field == "value" => Some("Type another one."),
        _ => None,
    };
    match hint {
        Some(hint) => (field, format!("{} {hint}", sentence(&error.to_string()))),
        None => (field, whole(&error.into())),
    }
}

/// What differs between two states of a registry, one line a difference.
pub(super) fn differences(old: &Registry, new: &Registry) -> Vec<String> {
    let mut lines = Vec::new();
    let find = |registry: &'_ Registry, name: &str, scope: Scope, owner: &str| {
        let mut found = registry.secrets();
        let is_it = |found: &(&crate::registry::Name, Scope, &crate::registry::Entry)| {
            found.0.as_str() == name && found.1 == scope && (scope == Scope::Shared || found.2.owner.as_str() == owner)
        };
        found.find(is_it).map(|(_, _, entry)| entry.clone())
    };
    for (name, scope, entry) in new.secrets() {
        let kind = scope.word();
        let change = match find(old, name.as_str(), scope, entry.owner.as_str()) {
            None => "was added",
            Some(before) if before.version != entry.version => "has a new value",
            Some(before) if before != *entry => "was changed",
            Some(_) => continue,
        };
        lines.push(format!("{name} ({kind}) {change}, {} by {}", entry.changed, entry.changed_by()));
    }
    for (name, scope, entry) in old.secrets() {
        if find(new, name.as_str(), scope, entry.owner.as_str()).is_none() {
            lines.push(format!("{name} ({}) was deleted", scope.word()));
        }
    }
    if !old.members().eq(new.members()) {
        lines.push("the members were changed".to_owned());
    }
    if !old.groups().eq(new.groups()) {
        lines.push("the groups were changed".to_owned());
    }
    for (name, variables) in new.environments() {
        if old.environment(name).ok() != Some(variables) {
            lines.push(format!("defaults of {name} were changed"));
        }
    }
    // An upgrade changes no entry.
    if lines.is_empty() {
        lines.push("the format or the revision of the file was changed".to_owned());
    }
    lines
}
