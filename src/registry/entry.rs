//! The contents of the file, as serde reads and writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_yaml::LitString;

use super::field::{ExpiryDate, Fields, Note, Variable};
use super::file_target::FileTarget;
use super::id::RegistryId;
use super::name::{self, Name, NameError};
use super::scope::Scope;
use super::seal::Recipient;
use super::sign::PublicKey;

/// A person or machine that secrets are sealed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The key that values are sealed to.
    pub recipient: Recipient,
    /// The key that checks the member's signatures. If any member has one, such a member must sign
    /// the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<PublicKey>,
}

/// A group of members. Secrets are sealed to its recipient, and its identity to each member of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The key that the group's secrets are sealed to. It is new after each departure.
    pub recipient: Recipient,
    /// The group's identity, sealed to each member: an age file in base64, by member.
    #[serde(default, rename = "members", skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) sealed: BTreeMap<Name, String>,
}

impl Group {
    /// Its members, by name.
    pub fn members(&self) -> impl Iterator<Item = &Name> {
        self.sealed.keys()
    }

    /// Whether this member is in it.
    pub fn has(&self, member: &Name) -> bool {
        self.sealed.contains_key(member)
    }
}

/// A saved secret: its public fields, and its sealed value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The member that saved it. Only the owner opens a private secret.
    pub owner: Name,
    /// Opaque, and new with every saved value.
    pub version: String,
    /// Whether it is exported.
    pub install: bool,
    /// The time of the last change, in UTC.
    pub changed: String,
    /// The group that a shared secret is sealed to. `None`: all members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<Name>,
    /// The member that made the last change, if it is not the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) changed_by: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<Note>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) variable: Option<Variable>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<FileTarget>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(super) file_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<ExpiryDate>,
    /// An age file, in armour.
    pub(super) sealed: LitString,
}

impl Entry {
    /// An installed entry without optional fields.
    pub(super) fn new(owner: Name, version: String, changed: String, sealed: LitString) -> Entry {
        let (group, changed_by, note, variable, file, expires) = (None, None, None, None, None, None);
        let file_only = false;
        Entry {
            owner,
            version,
            install: true,
            changed,
            group,
            changed_by,
            note,
            variable,
            file,
            file_only,
            expires,
            sealed,
        }
    }

    /// The group that a shared secret is sealed to; `None` if all members open it.
    pub fn group(&self) -> Option<&Name> {
        self.group.as_ref()
    }

    /// The member that made the last change.
    pub fn changed_by(&self) -> &Name {
        self.changed_by.as_ref().unwrap_or(&self.owner)
    }

    /// The optional fields.
    pub fn fields(&self) -> Fields {
        Fields {
            note: self.note.clone(),
            variable: self.variable.clone(),
            file: self.file.clone(),
            file_only: self.file_only,
            expires: self.expires.clone(),
        }
    }

    /// The variable that a secret of this name is exported as: the explicit one, or else the one
    /// that the name spells. `None` if it is written to files only.
    ///
    /// # Errors
    ///
    /// When the variable is reserved for the system.
    pub fn variable_of(&self, name: &Name) -> Result<Option<String>, NameError> {
        self.fields().variable_of(name)
    }

    /// As [`variable_of`](Entry::variable_of), whether or not the variable may be set.
    pub(super) fn exported_as(&self, name: &Name) -> Option<String> {
        (!self.file_only).then(|| self.spelled(name))
    }

    /// The variable that names the secret: it is exported as this one, if at all.
    pub(super) fn spelled(&self, name: &Name) -> String {
        self.variable.as_ref().map_or_else(|| name::spelled(name), Variable::to_string)
    }

    /// The entry with these fields.
    pub(super) fn with(self, fields: Fields) -> Entry {
        let Fields { note, variable, file, file_only, expires } = fields;
        Entry { note, variable, file, file_only, expires, ..self }
    }
}

/// One change of a plain default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The time, in UTC.
    pub at: String,
    /// The member that made the change.
    pub by: Name,
    /// The new value; `None` unsets the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

pub(super) type Entries = BTreeMap<Name, Entry>;
/// The changes of each variable, oldest first.
pub(super) type Variables = BTreeMap<Name, Vec<Change>>;

/// The file without its signature, its fields in file order. [`check`](Document::check) is last, so
/// that a truncated file is detected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) format: u32,
    /// `None` in format 1, and in a new registry before its first change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<RegistryId>,
    /// Grows with every change that is written. `None` in files of earlier programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<u64>,
    #[serde(default)]
    pub(super) members: BTreeMap<Name, Member>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) groups: BTreeMap<Name, Group>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) environments: BTreeMap<Name, Variables>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) shared: Entries,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) private: BTreeMap<Name, Entries>,
    /// A digest of members and groups, which detects edits by hand.
    pub(super) check: String,
}

/// The members that open a secret: those of a group or all of them if it is shared, or its owner.
#[derive(Clone, Copy)]
pub(super) struct Readers<'a> {
    pub(super) scope: Scope,
    pub(super) group: Option<&'a Name>,
    pub(super) owner: &'a Name,
}

impl<'a> Readers<'a> {
    pub(super) fn of(scope: Scope, entry: &'a Entry) -> Readers<'a> {
        Readers { scope, group: entry.group.as_ref(), owner: &entry.owner }
    }
}

/// The group of all members. A registry that has it seals shared secrets to it, and one that does
/// not, to each member.
pub const GROUP_OF_ALL: &str = "all";

impl Document {
    /// The group whose identity opens an entry. `None`: the identities of its members do.
    pub(super) fn group_of(&self, scope: Scope, entry: &Entry) -> Option<(&Name, &Group)> {
        match scope {
            Scope::Shared => self.groups.get_key_value(entry.group.as_ref().map_or(GROUP_OF_ALL, Name::as_str)),
            Scope::Private => None,
        }
    }

    /// Whether a member opens an entry.
    pub(super) fn sees(&self, member: &Name, scope: Scope, entry: &Entry) -> bool {
        self.meet(Readers { scope: Scope::Private, group: None, owner: member }, Readers::of(scope, entry))
    }

    /// Whether two secrets have a reader in common.
    pub(super) fn meet(&self, one: Readers<'_>, other: Readers<'_>) -> bool {
        let group = |name| self.groups.get(name);
        match (one.scope, other.scope) {
            (Scope::Private, Scope::Private) => one.owner == other.owner,
            (Scope::Private, Scope::Shared) => {
                other.group.is_none_or(|name| group(name).is_some_and(|group| group.has(one.owner)))
            }
            (Scope::Shared, Scope::Private) => self.meet(other, one),
            (Scope::Shared, Scope::Shared) => match (one.group, other.group) {
                (Some(one), Some(other)) if one != other => {
                    let other = group(other);
                    let mut members = group(one).into_iter().flat_map(Group::members);
                    members.any(|member| other.is_some_and(|other| other.has(member)))
                }
                _ => true,
            },
        }
    }

    /// The shared secrets that are sealed to a group. `None`: to all members.
    pub(super) fn sealed_to(&self, group: Option<&Name>) -> impl Iterator<Item = (&Name, &Entry)> {
        self.shared.iter().filter(move |(_, entry)| entry.group.as_ref() == group)
    }
}
