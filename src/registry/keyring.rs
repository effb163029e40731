//! The identities that open the secrets of a member: its own, and those of its groups.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::error::Error;
use super::file::Registry;
use super::name::Name;
use super::scope::Scope;
use super::seal::{GroupPlace, Identity, Unopened, open_identity};

/// An identity, and those of the groups that it opens, each unsealed once. They are wiped when this
/// is dropped.
pub(super) struct Keyring<'a> {
    registry: &'a Registry,
    own: &'a Identity,
    /// The members with this identity.
    members: Vec<&'a Name>,
    groups: BTreeMap<Name, Identity>,
}

impl<'a> Keyring<'a> {
    /// Without groups.
    pub(super) fn new(registry: &'a Registry, own: &'a Identity) -> Keyring<'a> {
        let recipients = own.recipients();
        let members = registry.members().filter(|(_, member)| recipients.contains(&member.recipient));
        Keyring { registry, own, members: members.map(|(name, _)| name).collect(), groups: BTreeMap::new() }
    }

    /// Unseals the identity of a group, unless that was done before.
    pub(super) fn unseal(&mut self, name: &Name) -> Result<(), Error> {
        if self.groups.contains_key(name) {
            return Ok(());
        }
        let needed = || Error::GroupIdentity { name: name.to_string() };
        let group = self.registry.document.groups.get(name).ok_or_else(needed)?;
        let sealed = self.members.iter().find_map(|member| group.sealed.get(*member)).ok_or_else(needed)?;
        let place = GroupPlace { registry: self.registry.id(), group: name, recipient: &group.recipient };
        let identity = open_identity(self.own, &place, sealed);
        let identity = identity.map_err(|problem| problem.of(format!("the identity of the group {name}")))?;
        self.groups.insert(name.clone(), identity);
        Ok(())
    }

    /// The unsealed identity of a group.
    pub(super) fn group(&self, name: &Name) -> Option<&Identity> {
        self.groups.get(name)
    }

    /// The unsealed identities of groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Identity> {
        self.groups.values()
    }

    /// The identity that opens an entry. The entry does not open unless that of its group was
    /// unsealed.
    pub(super) fn opens(&self, scope: Scope, entry: &Entry) -> &Identity {
        let group = self.registry.document.group_of(scope, entry);
        group.and_then(|(name, _)| self.groups.get(name)).unwrap_or(self.own)
    }
}

impl Unopened {
    /// The error for this entry.
    pub(super) fn of(self, entry: String) -> Error {
        match self {
            Unopened::NotForUs => Error::NotForUs { entry },
            Unopened::Broken => Error::Damaged { entry },
            Unopened::WrongBinding => Error::WrongBinding { entry },
            Unopened::WrongFields => Error::WrongFields { entry },
        }
    }
}
