//! Groups: members that secrets are sealed to by way of one identity.
//!
//! A secret is sealed to the recipient of its group, once. The identity of the group is sealed to
//! each member of it, so that joining seals one identity and no secret. Each member that leaves
//! knows that identity: the group gets a new one, and its secrets are resealed to it.

use super::entry::{Entry, GROUP_OF_ALL, Group};
use super::error::Error;
use super::file::Registry;
use super::format::FORMAT_WITHOUT_ID;
use super::name::Name;
use super::open::{check_files, check_variables};
use super::reseal::Before;
use super::scope::Scope;
use super::seal::{GroupPlace, Identity, seal_identity};

/// The result of a change of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupChange {
    /// The number of members that joined or left.
    pub members: usize,
    /// The number of resealed secrets.
    pub resealed: usize,
}

impl Registry {
    /// The groups, by name. [`GROUP_OF_ALL`] is one of them if shared secrets are sealed to it.
    pub fn groups(&self) -> impl Iterator<Item = (&Name, &Group)> {
        self.document.groups.iter()
    }

    /// The secrets that are sealed to a group. Those of [`GROUP_OF_ALL`] are the shared secrets of
    /// no other group.
    pub fn secrets_of_group(&self, name: &Name) -> impl Iterator<Item = (&Name, &Entry)> {
        self.document.sealed_to(stored(name))
    }

    /// The group of this name, which secrets can be sealed to.
    ///
    /// # Errors
    ///
    /// When there is none, or it is [`GROUP_OF_ALL`].
    pub fn group(&self, name: &Name) -> Result<&Group, Error> {
        if name.as_str() == GROUP_OF_ALL {
            return Err(Error::GroupOfAll);
        }
        self.document.groups.get(name).ok_or_else(|| Error::NoGroup { name: name.to_string() })
    }

    /// Makes a group of these members. [`GROUP_OF_ALL`] has all members, and the shared secrets are
    /// resealed to it. Earlier programs refuse a registry with a group.
    ///
    /// Cost: one seal for each member.
    ///
    /// # Errors
    ///
    /// When the group exists, a name is not a member's, or shared secrets have to be resealed and
    /// the identity does not open them.
    pub fn add_group(
        &mut self,
        name: &Name,
        members: &[Name],
        identity: Option<&Identity>,
    ) -> Result<GroupChange, Error> {
        if self.document.groups.contains_key(name) {
            return Err(Error::GroupExists { name: name.to_string() });
        }
        let mut changed = self.clone();
        changed.upgrade()?;
        let members: Vec<Name> = match name.as_str() == GROUP_OF_ALL {
            true if !members.is_empty() => return Err(Error::GroupOfAll),
            true => self.document.members.keys().cloned().collect(),
            false => members.to_vec(),
        };
        let resealed = changed.renew(&Before { registry: self, identity }, name, &members)?;
        let count = changed.document.groups.get(name).map_or(0, |group| group.sealed.len());
        *self = changed;
        Ok(GroupChange { members: count, resealed })
    }

    /// Removes a group. The shared secrets of [`GROUP_OF_ALL`] are resealed to each member; another
    /// group must have no secrets.
    ///
    /// # Errors
    ///
    /// When the group does not exist or has secrets, or the identity does not open shared secrets
    /// that have to be resealed.
    pub fn remove_group(&mut self, name: &Name, identity: Option<&Identity>) -> Result<GroupChange, Error> {
        let mut changed = self.clone();
        let missing = || Error::NoGroup { name: name.to_string() };
        let group = changed.document.groups.remove(name).ok_or_else(missing)?;
        let resealed = match (stored(name), self.document.sealed_to(Some(name)).count()) {
            (None, _) => changed.reseal_shared(&Before { registry: self, identity }, None)?,
            (Some(_), 0) => 0,
            (Some(_), count) => return Err(Error::GroupInUse { name: name.to_string(), count }),
        };
        *self = changed;
        Ok(GroupChange { members: group.sealed.len(), resealed })
    }

    /// Adds members to a group: seals its identity to them. Secrets stay as they are. Members that
    /// are in it are left as they are.
    ///
    /// # Errors
    ///
    /// When the group is missing or that of all; a name is not a member's; a member would see two
    /// secrets of one variable or file; or the identity is not that of a member of the group. A
    /// group without secrets needs no identity.
    pub fn join_group(
        &mut self,
        name: &Name,
        members: &[Name],
        identity: Option<&Identity>,
    ) -> Result<GroupChange, Error> {
        let group = self.group(name)?;
        let mut new: Vec<Name> = members.iter().filter(|member| !group.has(member)).cloned().collect();
        new.sort();
        new.dedup();
        for member in members {
            self.check_member(member)?;
        }
        let mut changed = self.clone();
        if !new.is_empty() {
            changed.admit(&Before { registry: self, identity }, name, &new)?;
        }
        for member in &new {
            let seen = changed.seen_by(member);
            check_variables(&seen)?;
            check_files(&seen)?;
        }
        *self = changed;
        Ok(GroupChange { members: new.len(), resealed: 0 })
    }

    /// Removes members from a group, which gets a new identity. Its secrets are resealed to the
    /// remaining members. Copies opened earlier are out of reach.
    ///
    /// # Errors
    ///
    /// When the group is missing or that of all; a member is not in it; or it has secrets, and the
    /// identity is not that of a member of it, or no member would remain.
    pub fn leave_group(
        &mut self,
        name: &Name,
        members: &[Name],
        identity: Option<&Identity>,
    ) -> Result<GroupChange, Error> {
        let group = self.group(name)?;
        if let Some(other) = members.iter().find(|member| !group.has(member)) {
            return Err(Error::NotInGroup { name: other.to_string(), group: name.to_string() });
        }
        let left: Vec<Name> = group.members().filter(|member| !members.contains(member)).cloned().collect();
        let count = group.sealed.len() - left.len();
        let mut changed = self.clone();
        let resealed = changed.renew(&Before { registry: self, identity }, name, &left)?;
        *self = changed;
        Ok(GroupChange { members: count, resealed })
    }

    /// Seals the identity of a group to more members. A group without secrets gets a new one if the
    /// present one cannot be opened.
    pub(super) fn admit(&mut self, before: &Before<'_>, name: &Name, new: &[Name]) -> Result<(), Error> {
        let missing = || Error::NoGroup { name: name.to_string() };
        let group = self.document.groups.get(name).ok_or_else(missing)?;
        let keyring = match before.of_group(name) {
            Err(Error::GroupIdentity { .. }) if self.document.sealed_to(stored(name)).next().is_none() => {
                let all: Vec<Name> = group.members().chain(new).cloned().collect();
                return self.renew(before, name, &all).map(drop);
            }
            keyring => keyring?,
        };
        let identity = keyring.group(name).ok_or_else(missing)?;
        let mut group = group.clone();
        for member in new {
            let place = GroupPlace { registry: self.id(), group: name, recipient: &group.recipient };
            let sealed = seal_identity(&place, identity, &self.member(member)?.recipient)?;
            group.sealed.insert(member.clone(), sealed);
        }
        self.document.groups.insert(name.clone(), group);
        Ok(())
    }

    /// Makes a new identity for a group, which may be new, seals it to these members, and reseals
    /// the group's secrets. Returns the number of secrets.
    pub(super) fn renew(&mut self, before: &Before<'_>, name: &Name, members: &[Name]) -> Result<usize, Error> {
        if members.is_empty() && self.document.sealed_to(stored(name)).next().is_some() {
            return Err(Error::LastOfGroup { name: name.to_string() });
        }
        let identity = Identity::generate();
        let recipient = identity.recipient();
        let place = GroupPlace { registry: self.id(), group: name, recipient: &recipient };
        let seal = |member: &Name| -> Result<(Name, String), Error> {
            let sealed = seal_identity(&place, &identity, &self.member(member)?.recipient)?;
            Ok((member.clone(), sealed))
        };
        let sealed = members.iter().map(seal).collect::<Result<_, _>>()?;
        self.document.groups.insert(name.clone(), Group { recipient, sealed });
        self.reseal_shared(before, stored(name))
    }

    /// Checks that groups consist of members, and that the group of each secret exists.
    pub(super) fn check_groups(&self) -> Result<(), Error> {
        let document = &self.document;
        let wrong = |what: String| Error::Inconsistent { what };
        if document.format == FORMAT_WITHOUT_ID && !document.groups.is_empty() {
            return Err(wrong("a group".to_owned()));
        }
        for (name, group) in &document.groups {
            if let Some(other) = group.members().find(|member| !document.members.contains_key(*member)) {
                return Err(Error::NotAMember { name: other.to_string() });
            }
            if stored(name).is_none() && group.sealed.len() != document.members.len() {
                return Err(wrong(format!("the group {name}")));
            }
        }
        for (name, scope, entry) in self.secrets() {
            let Some(group) = &entry.group else { continue };
            let is_known = scope == Scope::Shared && self.group(group).is_ok_and(|group| !group.sealed.is_empty());
            if !is_known {
                return Err(wrong(format!("the group of the secret {name}")));
            }
        }
        Ok(())
    }
}

/// The group as entries name it: shared secrets of [`GROUP_OF_ALL`] name none.
fn stored(name: &Name) -> Option<&Name> {
    Some(name).filter(|name| name.as_str() != GROUP_OF_ALL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::seal::{self, Place};
    use crate::registry::{By, Draft, Value};

    fn of(name: &str) -> Name {
        name.parse().expect("a name")
    }

    /// Alice and bob; she is in the groups ops and dev, with a secret each.
    fn team() -> (Registry, Identity) {
        let (alice, mut registry) = (Identity::generate(), Registry::default());
        registry.set_member(&of("alice"), alice.recipient(), None, None).expect("a member");
        registry.set_member(&of("bob"), Identity::generate().recipient(), None, None).expect("a member");
        for group in ["ops", "dev"] {
            registry.add_group(&of(group), &[of("alice")], None).expect("a group");
            let value = Value::new(b"some value").expect("a value");
            let draft = Draft::new(of(&format!("{group}-token")), Scope::Shared, value);
            let draft = Draft { group: Some(of(group)), ..draft };
            registry.add(&draft, &By::now(&of("alice"))).expect("it is new");
        }
        (registry, alice)
    }

    fn group<'a>(registry: &'a mut Registry, name: &str) -> &'a mut Group {
        registry.document.groups.get_mut(name).expect("a group")
    }

    #[test]
    fn r26_an_identity_opens_in_its_own_group_and_registry_only() {
        let (registry, alice) = team();
        assert_eq!(registry.open(&alice, None, None).expect("it opens").keys.len(), 4, "two keys, in two cases each");
        let dev = registry.document.groups["dev"].clone();
        let mut moved = registry.clone();
        *group(&mut moved, "ops") = dev.clone();
        assert!(matches!(moved.open(&alice, None, None), Err(Error::WrongBinding { .. })), "of another group");
        let mut other_key = registry.clone();
        group(&mut other_key, "ops").recipient = dev.recipient;
        assert!(matches!(other_key.open(&alice, None, None), Err(Error::WrongBinding { .. })), "of another recipient");
        let mut other = registry.clone();
        other.document.id = Some(crate::registry::RegistryId::generate().expect("random bytes"));
        assert!(matches!(other.open(&alice, None, None), Err(Error::WrongBinding { .. })), "of another registry");
        let mut damaged = registry.clone();
        let sealed = group(&mut damaged, "ops").sealed.get_mut("alice").expect("a member");
        sealed.replace_range(40..44, "AAAA");
        assert!(damaged.open(&alice, None, None).is_err_and(|error| !format!("{error:?}").contains("AGE-SECRET")));
    }

    #[test]
    fn r26_a_value_opens_in_its_own_group_only() {
        let (mut registry, alice) = team();
        let entry = registry.document.shared.get_mut("ops-token").expect("it was saved");
        entry.group = None;
        let opened = registry.open(&alice, None, None);
        assert!(matches!(opened, Err(Error::NotForUs { .. })), "all members have another key");
        // Where the keys are the same, the head of the value tells.
        let (id, name, owner) = (registry.id(), of("token"), of("alice"));
        let place =
            |group| Place { registry: id, name: &name, scope: Scope::Shared, group, owner: &owner, version: "1" };
        let (ops, dev) = (of("ops"), of("dev"));
        let sealed = seal::seal(&place(Some(&ops)), None, b"some value", &[&alice.recipient()]).expect("it is sealed");
        assert!(seal::open(&alice, &place(Some(&ops)), "", &sealed).is_ok());
        for other in [None, Some(&dev)] {
            assert!(matches!(seal::open(&alice, &place(other), "", &sealed), Err(seal::Unopened::WrongBinding)));
        }
    }

    #[test]
    fn r27_a_registry_with_a_broken_group_is_none() {
        let (registry, _) = team();
        let parsed = |change: fn(&mut Registry)| {
            let mut changed = registry.clone();
            change(&mut changed);
            Registry::parse(changed.to_text(None).expect("a text").as_bytes())
        };
        assert!(parsed(|_| {}).is_ok());
        let broken: [fn(&mut Registry); 5] = [
            |registry| drop(registry.document.groups.remove("ops")),
            |registry| group(registry, "ops").sealed.clear(),
            |registry| {
                registry.document.members.remove("alice");
            },
            |registry| registry.document.shared.get_mut("ops-token").expect("it").group = Some(of("all")),
            |registry| {
                let ops = registry.document.groups["ops"].clone();
                registry.document.groups.insert(of("all"), ops);
            },
        ];
        for (number, change) in broken.into_iter().enumerate() {
            assert!(parsed(change).is_err(), "{number}");
        }
    }
}
