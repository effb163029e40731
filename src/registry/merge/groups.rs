//! Merging the groups of two registries. No identity is opened: each sealed one is taken as it is,
//! or left out.
//!
//! A group gets a new recipient with each departure. So two sides with one recipient differ by
//! members that joined, and the result has all of them. A side with an earlier recipient holds
//! identities that do not open the group any more: the result has the group of the other side, and
//! each member that joined is a conflict. If both sides have a new recipient, a member that left on
//! one side knows the identity of the other: the merge is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cause, Conflict, Side, Slot, taken};
use crate::registry::entry::{Document, GROUP_OF_ALL, Group};
use crate::registry::error::Error;
use crate::registry::file::Registry;
use crate::registry::name::Name;
use crate::registry::open::{check_files, check_variables};

/// The groups of a merge whose members are in `result` already, and the members that cannot join.
///
/// # Errors
///
/// When both sides changed a group in ways that exclude each other.
pub(super) fn merge(
    base: &Document,
    ours: &Document,
    theirs: &Document,
    result: &Document,
) -> Result<(BTreeMap<Name, Group>, Vec<Conflict>), Error> {
    let (mut groups, mut conflicts) = (BTreeMap::new(), Vec::new());
    for name in base.groups.keys().chain(ours.groups.keys()).chain(theirs.groups.keys()).collect::<BTreeSet<_>>() {
        let recipient = |one: &Document| one.groups.get(name).map(|group| group.recipient.clone());
        let refused = || Error::MergeMembers { what: format!("the group {name}") };
        let new = taken(recipient(base), recipient(ours), recipient(theirs)).ok_or_else(refused)?;
        let mut sealed = BTreeMap::new();
        for (side, fits) in [(theirs, Side::Ours), (ours, Side::Theirs)] {
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
                None => {
                    let joined = joined(name, base, side).filter(|_| new.is_some()).ok_or_else(refused)?;
                    let joined = joined.into_iter().filter(|member| result.members.contains_key(*member));
                    let slots = joined.map(|member| Slot::Member(name.clone(), member.clone()));
                    let conflict = |slot| Conflict { slot, cause: Cause::Joined, ours: None, theirs: None, fits };
                    conflicts.extend(slots.map(conflict));
                }
            }
        }
        if let Some(recipient) = new {
            groups.insert(name.clone(), Group { recipient, sealed });
        }
    }
    Ok((groups, conflicts))
}

/// The members that joined a group on a side. `None` if the group changed in another way, or is
/// that of all, which no member may be missing from.
fn joined<'a>(name: &Name, base: &Document, side: &'a Document) -> Option<Vec<&'a Name>> {
    let (old, new) = (base.groups.get(name)?, side.groups.get(name)?);
    let has_all = old.recipient == new.recipient && old.members().all(|member| new.has(member));
    let joined = || new.members().filter(|member| !old.has(member)).collect();
    (has_all && name.as_str() != GROUP_OF_ALL).then(joined)
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
