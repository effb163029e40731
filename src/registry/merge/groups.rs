//! Merging the groups of two registries. No identity is opened: each sealed one is taken as it is,
//! or the merge is refused.
//!
//! A group gets a new recipient with each departure. So two sides with one recipient differ by
//! members that joined, and the result has all of them. A side with an earlier recipient holds
//! identities that do not open the group any more: it must have changed nothing in the group.

use std::collections::{BTreeMap, BTreeSet};

use super::taken;
use crate::registry::entry::{Document, Group};
use crate::registry::error::Error;
use crate::registry::file::Registry;
use crate::registry::name::Name;
use crate::registry::open::{check_files, check_variables};

/// The groups of a merge whose members are in `result` already.
///
/// # Errors
///
/// When both sides changed a group in ways that exclude each other.
pub(super) fn merge(
    base: &Document,
    ours: &Document,
    theirs: &Document,
    result: &Document,
) -> Result<BTreeMap<Name, Group>, Error> {
    let mut groups = BTreeMap::new();
    for name in base.groups.keys().chain(ours.groups.keys()).chain(theirs.groups.keys()).collect::<BTreeSet<_>>() {
        let recipient = |one: &Document| one.groups.get(name).map(|group| group.recipient.clone());
        let refused = || Error::MergeMembers { what: format!("the group {name}") };
        let new = taken(recipient(base), recipient(ours), recipient(theirs)).ok_or_else(refused)?;
        let mut sealed = BTreeMap::new();
        for side in [theirs, ours] {
            let group = side.groups.get(name);
            match group.filter(|group| Some(&group.recipient) == new.as_ref()) {
                Some(group) => {
                    let is_right = |member: &Name| {
                        let recipient = |one: &Document| one.members.get(member).map(|member| member.recipient.clone());
                        recipient(side) == recipient(result)
                    };
                    if !group.members().all(is_right) {
                        return Err(refused());
                    }
                    sealed.extend(group.sealed.clone());
                }
                None if is_unchanged(name, new.is_none(), base, side) => {}
                None => return Err(refused()),
            }
        }
        if let Some(recipient) = new {
            groups.insert(name.clone(), Group { recipient, sealed });
        }
    }
    Ok(groups)
}

/// Whether a side did not change the members of a group, nor, if the other side removed it, its
/// secrets.
fn is_unchanged(name: &Name, is_removed: bool, base: &Document, side: &Document) -> bool {
    let Some(group) = side.groups.get(name) else { return true };
    let has_same_members = base.groups.get(name).is_some_and(|old| old.members().eq(group.members()));
    let has_same_secrets = side.sealed_to(Some(name)).all(|(name, entry)| base.shared.get(name) == Some(entry));
    has_same_members && (!is_removed || has_same_secrets)
}

/// Checks that the groups are complete, and that no member sees two secrets of one variable or file
/// because of a group that it joined on one side.
pub(super) fn check(registry: &Registry, sides: [&Document; 2]) -> Result<(), Error> {
    registry.check_groups().map_err(|_| Error::MergeMembers { what: "the members of the groups".to_owned() })?;
    let of = |document: &Document, member: &Name| -> Vec<Name> {
        let groups = document.groups.iter().filter(|(_, group)| group.has(member));
        groups.map(|(name, _)| name.clone()).collect()
    };
    for (member, _) in registry.members() {
        let own = of(&registry.document, member);
        if sides.iter().any(|side| of(side, member) != own) {
            let seen = registry.seen_by(member);
            let checked = check_variables(&seen).and_then(|()| check_files(&seen));
            checked.map_err(|_| Error::MergeMembers { what: format!("the secrets that {member} sees") })?;
        }
    }
    Ok(())
}
