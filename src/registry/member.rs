//! Changing the members of a registry in memory, which reseals secrets.

use super::entry::{GROUP_OF_ALL, Group, Member};
use super::error::Error;
use super::file::Registry;
use super::name::Name;
use super::reseal::Before;
use super::seal::{Identity, Recipient};
use super::sign::PublicKey;

/// The result of a change of members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberChange {
    /// The number of resealed secrets.
    pub resealed: usize,
    /// The number of secrets removed with the member, to which they were private.
    pub gone: usize,
}

impl Registry {
    /// Adds a member, or replaces a member's recipient or signer.
    ///
    /// Shared secrets are sealed to a new member too, or the identity of the [group of
    /// all](GROUP_OF_ALL), if the registry has it. A replaced recipient gives each group of the
    /// member a new identity, and the secrets that the member opens are resealed. All of it needs
    /// an identity that opens them.
    ///
    /// # Errors
    ///
    /// When secrets must be resealed, and the identity is missing or does not open one of them.
    pub fn set_member(
        &mut self,
        name: &Name,
        recipient: Recipient,
        signer: Option<PublicKey>,
        identity: Option<&Identity>,
    ) -> Result<MemberChange, Error> {
        let old = self.document.members.get(name);
        let same = old.is_some_and(|old| old.recipient == recipient);
        let signer = signer.or_else(|| old.and_then(|old| old.signer.clone()));
        let mut changed = self.clone();
        changed.begin()?;
        changed.document.members.insert(name.clone(), Member { recipient, signer });
        let mut resealed = 0;
        if !same {
            let before = Before { registry: self, identity };
            resealed += changed.reseal_members(&before)?;
            if let (None, Some((all, _))) = (old, self.document.groups.get_key_value(GROUP_OF_ALL)) {
                changed.admit(&before, all, std::slice::from_ref(name))?;
            }
            for (group, members) in self.groups_with(name) {
                resealed += changed.renew(&before, group, &members)?;
            }
            resealed += changed.reseal_private(&before, name)?;
        }
        *self = changed;
        Ok(MemberChange { resealed, gone: 0 })
    }

    /// Removes a member and its private secrets. The groups of the member get new identities, and
    /// the secrets that it opens are resealed to the other members. Copies opened earlier are out
    /// of reach.
    ///
    /// # Errors
    ///
    /// As [`set_member`](Registry::set_member), and when secrets exist and no other member, or no
    /// other member of a group, is left to seal them to.
    pub fn remove_member(&mut self, name: &Name, identity: Option<&Identity>) -> Result<MemberChange, Error> {
        self.member(name)?;
        let mut changed = self.clone();
        changed.document.members.remove(name);
        let gone = changed.document.private.remove(name).map_or(0, |entries| entries.len());
        if changed.document.members.is_empty() && !(gone == 0 && changed.document.shared.is_empty()) {
            return Err(Error::LastMember);
        }
        let before = Before { registry: self, identity };
        let mut resealed = changed.reseal_members(&before)?;
        for (group, mut members) in self.groups_with(name) {
            members.retain(|member| member != name);
            resealed += changed.renew(&before, group, &members)?;
        }
        *self = changed;
        Ok(MemberChange { resealed, gone })
    }

    /// Reseals the shared secrets that are sealed to each member, without a group.
    fn reseal_members(&mut self, before: &Before<'_>) -> Result<usize, Error> {
        if self.document.groups.contains_key(GROUP_OF_ALL) { Ok(0) } else { self.reseal_shared(before, None) }
    }

    /// The groups with this member, and their members.
    fn groups_with(&self, name: &Name) -> Vec<(&Name, Vec<Name>)> {
        let groups = self.document.groups.iter().filter(|(_, group)| group.has(name));
        groups.map(|(group, found)| (group, Group::members(found).cloned().collect())).collect()
    }
}
