//! What the file holds, as it stands there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_yaml::LitString;

use super::id::RegistryId;
use super::name::Name;
use super::seal::Recipient;
use super::sign::PublicKey;

/// Who may open a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All members.
    Shared,
    /// Its owner.
    Private,
}

impl Scope {
    /// The word for it in files and listings.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Shared => "shared",
            Scope::Private => "private",
        }
    }
}

/// Somebody, or some machine, that secrets are sealed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Values are sealed to this.
    pub recipient: Recipient,
    /// Signatures are checked with this. A registry with a member that has it must be signed by such a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<PublicKey>,
}

/// A saved secret: everything about it that may be shown, and its sealed value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Who saved it; of a private one, who may open it.
    pub owner: Name,
    /// New and opaque with every saved value.
    pub version: String,
    /// Whether it is exported.
    pub install: bool,
    /// When it was saved last, in UTC.
    pub changed: String,
    /// An age file, in armour.
    pub(super) sealed: LitString,
}

/// One change of a plain default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// When, in UTC.
    pub at: String,
    /// By whom.
    pub by: Name,
    /// The new value; without one, it was unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

pub(super) type Entries = BTreeMap<Name, Entry>;
/// The changes of each variable, oldest first.
pub(super) type Variables = BTreeMap<Name, Vec<Change>>;

/// The file without its signature. The order of the fields is the order in the file; [`check`](Document::check) is last, so that
/// a file that was cut off is noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) format: u32,
    /// None in format 1, and in a new registry before its first change.
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
    /// A digest of the members, which changes when they are edited by hand.
    pub(super) check: String,
}
