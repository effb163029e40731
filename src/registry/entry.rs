//! The contents of the file, as serde reads and writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_yaml::LitString;

use super::field::{ExpiryDate, Fields, Note, Variable};
use super::file_target::FileTarget;
use super::id::RegistryId;
use super::name::{self, Name, NameError};
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
        let (changed_by, note, variable, file, file_only, expires) = (None, None, None, None, false, None);
        Entry { owner, version, install: true, changed, changed_by, note, variable, file, file_only, expires, sealed }
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
    pub(super) environments: BTreeMap<Name, Variables>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) shared: Entries,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) private: BTreeMap<Name, Entries>,
    /// A digest of the members, which detects edits by hand.
    pub(super) check: String,
}
