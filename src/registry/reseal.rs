//! Resealing: values that are opened as they were before a change of their recipients, and sealed
//! to the new ones.

use super::entry::{GROUP_OF_ALL, Readers};
use super::error::Error;
use super::field::Fields;
use super::file::Registry;
use super::keyring::Keyring;
use super::name::Name;
use super::open::{Found, open_entry};
use super::scope::Scope;
use super::seal::{self, Identity, Place, Recipient};

/// A registry before a change, and the identity that opens it.
pub(super) struct Before<'a> {
    pub(super) registry: &'a Registry,
    pub(super) identity: Option<&'a Identity>,
}

impl<'a> Before<'a> {
    /// The identities that open these entries.
    fn keyring(&self, entries: &[Found<'_>]) -> Result<Keyring<'a>, Error> {
        let mut groups = entries.iter().filter_map(|(_, scope, entry)| self.registry.document.group_of(*scope, entry));
        let mut keyring = match (self.identity, groups.next()) {
            (Some(identity), _) => Keyring::new(self.registry, identity),
            (None, Some((name, _))) => return Err(Error::GroupIdentity { name: name.to_string() }),
            (None, None) => return Err(Error::IdentityNeeded { count: entries.len() }),
        };
        for (_, scope, entry) in entries {
            if let Some((name, _)) = self.registry.document.group_of(*scope, entry) {
                keyring.unseal(name)?;
            }
        }
        Ok(keyring)
    }

    /// A keyring with the identity of this group.
    pub(super) fn of_group(&self, name: &Name) -> Result<Keyring<'a>, Error> {
        let identity = self.identity.ok_or_else(|| Error::GroupIdentity { name: name.to_string() })?;
        let mut keyring = Keyring::new(self.registry, identity);
        keyring.unseal(name)?;
        Ok(keyring)
    }
}

impl Registry {
    /// Reseals the shared secrets of a group, or those of all members (`None`), and returns their
    /// number.
    pub(super) fn reseal_shared(&mut self, before: &Before<'_>, group: Option<&Name>) -> Result<usize, Error> {
        let entries: Vec<Found<'_>> =
            self.document.sealed_to(group).map(|(name, entry)| (name, Scope::Shared, entry)).collect();
        let resealed = self.resealed(before, &entries)?;
        let count = resealed.len();
        for (name, sealed) in resealed {
            self.document.shared.entry(name).and_modify(|entry| entry.sealed.0 = sealed);
        }
        Ok(count)
    }

    /// Reseals the private secrets of a member, and returns their number.
    pub(super) fn reseal_private(&mut self, before: &Before<'_>, owner: &Name) -> Result<usize, Error> {
        let private = self.document.private.get(owner).into_iter().flatten();
        let entries: Vec<Found<'_>> = private.map(|(name, entry)| (name, Scope::Private, entry)).collect();
        let resealed = self.resealed(before, &entries)?;
        let count = resealed.len();
        let private = self.document.private.entry(owner.clone()).or_default();
        for (name, sealed) in resealed {
            private.entry(name).and_modify(|entry| entry.sealed.0 = sealed);
        }
        self.document.private.retain(|_, entries| !entries.is_empty());
        Ok(count)
    }

    /// The values of these entries, sealed to their present recipients.
    fn resealed(&self, before: &Before<'_>, entries: &[Found<'_>]) -> Result<Vec<(Name, String)>, Error> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let keyring = before.keyring(entries)?;
        let reseal = |found: &Found<'_>| {
            let (name, scope, entry) = found;
            let readers = Readers::of(*scope, entry);
            Ok(((*name).clone(), self.reseal_entry(&keyring, *found, readers, &entry.fields())?))
        };
        entries.iter().map(reseal).collect()
    }

    /// The value of an entry, sealed to the present recipients of these readers with these fields.
    pub(super) fn resealed_with(
        &self,
        before: &Before<'_>,
        found: Found<'_>,
        to: Readers<'_>,
        fields: &Fields,
    ) -> Result<String, Error> {
        self.reseal_entry(&before.keyring(&[found])?, found, to, fields)
    }

    fn reseal_entry(
        &self,
        keyring: &Keyring<'_>,
        found: Found<'_>,
        to: Readers<'_>,
        fields: &Fields,
    ) -> Result<String, Error> {
        let (name, scope, entry) = found;
        let value = open_entry(keyring.opens(scope, entry), self.id(), name, scope, entry)?;
        let Readers { scope, group, owner } = to;
        let place = Place { registry: self.id(), name, scope, group, owner, version: &entry.version };
        seal::seal(&place, self.bound(fields).as_deref(), &value, &self.recipients(scope, group, owner)?)
    }

    /// The recipients of a value.
    pub(super) fn recipients(
        &self,
        scope: Scope,
        group: Option<&Name>,
        owner: &Name,
    ) -> Result<Vec<&Recipient>, Error> {
        Ok(match (scope, group) {
            (Scope::Private, _) => vec![&self.member(owner)?.recipient],
            (Scope::Shared, Some(name)) => {
                let group = self.group(name)?;
                if group.sealed.is_empty() {
                    return Err(Error::GroupEmpty { name: name.to_string() });
                }
                vec![&group.recipient]
            }
            (Scope::Shared, None) => match self.document.groups.get(GROUP_OF_ALL) {
                Some(group) => vec![&group.recipient],
                None => self.document.members.values().map(|member| &member.recipient).collect(),
            },
        })
    }
}
