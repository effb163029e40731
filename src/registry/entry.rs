//! The contents of the file, as serde reads and writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_yaml::LitString;

use super::id::RegistryId;
use super::name::Name;
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
    /// The time of the last save, in UTC.
    pub changed: String,
    /// An age file, in armour.
    pub(super) sealed: LitString,
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
