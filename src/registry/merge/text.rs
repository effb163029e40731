//! A merge with conflicts as text: the file, with both sides of each conflict between conflict
//! marks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Conflict, Content, Merge, Side, Slot, put};
use crate::registry::canonical::write;
use crate::registry::entry::Document;
use crate::registry::error::Error;
use crate::registry::file::{HEAD, digest};
use crate::registry::id::RegistryId;
use crate::registry::name::Name;

/// A part of the text.
enum Part {
    /// Merged text.
    Same(String),
    /// A conflict. A side without the entry is empty.
    Conflict(String, String),
}

/// The beginning of a file.
#[derive(Serialize)]
struct Head<'a> {
    format: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RegistryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    members: &'a BTreeMap<Name, crate::registry::Member>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    groups: &'a BTreeMap<Name, crate::registry::Group>,
}

/// The end of a file.
#[derive(Serialize)]
struct End {
    check: String,
}

/// The text of a merge with conflicts, which no reader accepts as a registry. With each conflict
/// resolved in any way, it is one, without a signature.
pub(super) fn with_marks(merge: &Merge, marker_len: usize) -> Result<String, Error> {
    let document = &merge.registry.document;
    let mut text = HEAD.to_owned();
    let (format, revision) = (document.format, document.revision);
    let (id, members, groups) = (document.id.as_ref(), &document.members, &document.groups);
    write(&mut text, &Head { format, id, revision, members, groups })?;
    let conflicts: BTreeMap<&Slot, &Conflict> =
        merge.conflicts.iter().map(|conflict| (&conflict.slot, conflict)).collect();
    // All slots, so that each conflict keeps its place in the file.
    let mut all = document.clone();
    for conflict in &merge.conflicts {
        if let Some(content) = conflict.ours.as_ref().or(conflict.theirs.as_ref()) {
            put(&mut all, &conflict.slot, content);
        }
    }
    for part in sections(&all, &conflicts)? {
        push(&mut text, &part, marker_len);
    }
    write(&mut text, &End { check: digest(document)? })?;
    Ok(text)
}

fn sections(all: &Document, conflicts: &BTreeMap<&Slot, &Conflict>) -> Result<Vec<Part>, Error> {
    let mut environments = Vec::new();
    for (environment, variables) in &all.environments {
        let mut parts = Vec::new();
        for (name, changes) in variables {
            let slot = Slot::Default(environment.clone(), name.clone());
            parts.push(entry(conflicts.get(&slot), name, changes, 2)?);
        }
        environments.extend(group(&format!("  {environment}:\n"), parts));
    }
    let mut shared = Vec::new();
    for (name, found) in &all.shared {
        shared.push(entry(conflicts.get(&Slot::Shared(name.clone())), name, found, 1)?);
    }
    let mut private = Vec::new();
    for (owner, entries) in &all.private {
        let mut parts = Vec::new();
        for (name, found) in entries {
            parts.push(entry(conflicts.get(&Slot::Private(owner.clone(), name.clone())), name, found, 2)?);
        }
        private.extend(group(&format!("  {owner}:\n"), parts));
    }
    let sections = [("environments:\n", environments), ("shared:\n", shared), ("private:\n", private)];
    Ok(sections.into_iter().flat_map(|(head, parts)| group(head, parts)).collect())
}

/// Parts under a heading. If a side may have none of them, it has no heading either.
fn group(head: &str, parts: Vec<Part>) -> Vec<Part> {
    if parts.is_empty() {
        return parts;
    }
    if parts.iter().any(|part| matches!(part, Part::Same(_))) {
        return std::iter::once(Part::Same(head.to_owned())).chain(parts).collect();
    }
    let (mut ours, mut theirs) = (String::new(), String::new());
    for part in &parts {
        if let Part::Conflict(own, other) = part {
            ours.push_str(own);
            theirs.push_str(other);
        }
    }
    let under = |text: String| if text.is_empty() { text } else { format!("{head}{text}") };
    vec![Part::Conflict(under(ours), under(theirs))]
}

fn entry<T: Serialize>(conflict: Option<&&Conflict>, name: &Name, value: &T, depth: usize) -> Result<Part, Error> {
    let Some(conflict) = conflict else { return Ok(Part::Same(indented(name, value, depth)?)) };
    let side = |content: Option<&Content>| match content {
        None => Ok(String::new()),
        Some(Content::Secret(entry)) => indented(name, entry, depth),
        Some(Content::History(changes)) => indented(name, changes, depth),
    };
    Ok(Part::Conflict(side(conflict.content(Side::Ours))?, side(conflict.content(Side::Theirs))?))
}

/// An entry as a file shows it, indented by its depth.
fn indented<T: Serialize>(name: &Name, value: &T, depth: usize) -> Result<String, Error> {
    let mut text = String::new();
    write(&mut text, &BTreeMap::from([(name, value)]))?;
    let indent = "  ".repeat(depth);
    Ok(text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{indent}{line}\n") }).collect())
}

fn push(text: &mut String, part: &Part, marker_len: usize) {
    match part {
        Part::Same(part) => text.push_str(part),
        Part::Conflict(ours, theirs) => *text += &conflict(ours, theirs, marker_len),
    }
}

/// Two texts between the marks of a conflict.
pub(super) fn conflict(ours: &str, theirs: &str, marker_len: usize) -> String {
    let mark = |with: &str| with.repeat(marker_len);
    format!("{} ours\n{ours}{}\n{theirs}{} theirs\n", mark("<"), mark("="), mark(">"))
}
