//! Merging two registries with a common ancestor, entry by entry. No value is opened: an entry is
//! taken as sealed, or not at all.

mod files;
mod groups;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Change, Document, Entry, GROUP_OF_ALL, Readers};
use super::error::Error;
use super::field::Fields;
use super::file::Registry;
use super::name::Name;
use super::scope::Scope;

pub use files::{MergeOptions, Merged, merge_files};

/// The place of an entry that is merged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    /// A member of a group.
    Member(Name, Name),
    /// A variable of an environment.
    Default(Name, Name),
    /// A shared secret.
    Shared(Name),
    /// A private secret of this owner.
    Private(Name, Name),
}

impl core::fmt::Display for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Slot::Member(group, member) => write!(f, "the member {member} of the group {group}"),
            Slot::Default(environment, variable) => write!(f, "the default {variable} of {environment}"),
            Slot::Shared(name) => write!(f, "the shared secret {name}"),
            Slot::Private(owner, name) => write!(f, "the private secret {name} of {owner}"),
        }
    }
}

/// The content of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most slots hold a secret")]
enum Content {
    Secret(Entry),
    History(Vec<Change>),
}

/// The parts of an entry that the three-way rule compares: neither the sealing of a value nor the
/// time of the save.
#[derive(Clone, PartialEq, Eq)]
enum State<'a> {
    Secret { owner: &'a Name, version: &'a str, group: Option<&'a Name>, install: bool, fields: Fields },
    History(&'a [Change]),
}

impl Content {
    fn state(&self) -> State<'_> {
        match self {
            Content::Secret(entry) => {
                let (owner, version, group) = (&entry.owner, entry.version.as_str(), entry.group());
                State::Secret { owner, version, group, install: entry.install, fields: entry.fields() }
            }
            Content::History(changes) => State::History(changes),
        }
    }

    /// Whether the content has the same value as this state, exported or not.
    fn is_of(&self, state: &State<'_>) -> bool {
        match (self, state) {
            (Content::Secret(entry), State::Secret { owner, version, group, .. }) => {
                entry.owner == **owner && entry.version == *version && entry.group() == *group
            }
            (content, state) => content.state() == *state,
        }
    }
}

type Slots = BTreeMap<Slot, Content>;

/// The reason that an entry is not merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A member joined a group on one side, and the other side gave the group a new identity, which
    /// is not sealed to the member. It is not in the group of the result.
    Joined,
    /// Both sides changed it differently.
    Changed,
    /// One side saved its value while the other changed its recipients: it is sealed to too many,
    /// or too few.
    Recipients,
    /// Another entry is exported as the same variable.
    Variable,
}

/// One side of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side that receives the merge.
    Ours,
    /// The side that is merged in.
    Theirs,
}

const SIDES: [Side; 2] = [Side::Ours, Side::Theirs];

/// An entry that is not merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    slot: Slot,
    cause: Cause,
    ours: Option<Content>,
    theirs: Option<Content>,
    /// The only side that can be taken, unless both changed the entry.
    fits: Side,
}

impl Conflict {
    /// The entry, as messages name it.
    pub fn what(&self) -> String {
        self.slot.to_string()
    }

    /// The cause of the conflict.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The side that is taken if `preferred` is preferred. Only an entry that both sides changed
    /// leaves a choice.
    pub fn taken(&self, preferred: Side) -> Side {
        if self.cause == Cause::Changed { preferred } else { self.fits }
    }

    /// Whether a side has to be chosen. A member that joined is left out in any case.
    fn is_open(&self) -> bool {
        self.cause != Cause::Joined
    }

    fn content(&self, side: Side) -> Option<&Content> {
        match side {
            Side::Ours => self.ours.as_ref(),
            Side::Theirs => self.theirs.as_ref(),
        }
    }
}

/// The result of a merge.
#[derive(Debug)]
struct Merge {
    /// All merged entries.
    registry: Registry,
    /// In file order.
    conflicts: Vec<Conflict>,
}

impl Merge {
    /// The registry with one side of each conflict.
    fn preferring(&self, side: Side) -> Registry {
        let mut registry = self.registry.clone();
        for conflict in &self.conflicts {
            if let Some(content) = conflict.content(conflict.taken(side)) {
                put(&mut registry.document, &conflict.slot, content);
            }
        }
        registry
    }
}

/// Merges two versions of one registry. An entry that one side changed, added or deleted is taken
/// from that side. Different changes by both sides conflict. If both set a default to the same
/// value, the result has the changes of both, by time. A group has the members that joined on
/// either side, unless one side gave it a new identity: then those of the other side conflict.
///
/// # Errors
///
/// When they are different registries, or both changed a member, a group or the recipients of a
/// secret in ways that exclude each other.
fn merge(base: &Registry, ours: &Registry, theirs: &Registry) -> Result<Merge, Error> {
    let (base, ours, theirs) = (&base.document, &ours.document, &theirs.document);
    let is_other = |one: &Document| one.id != ours.id || one.format != ours.format;
    // Registries started independently on both sides have no ancestor.
    if is_other(theirs) || (*base != Document { format: base.format, ..Document::default() } && is_other(base)) {
        return Err(Error::MergeOther);
    }
    // Later than both sides.
    let revision = ours.revision.max(theirs.revision).map(|last| last.saturating_add(1));
    let mut document = Document { format: ours.format, id: ours.id.clone(), revision, ..Document::default() };
    for name in base.members.keys().chain(ours.members.keys()).chain(theirs.members.keys()) {
        let of = |one: &Document| one.members.get(name).cloned();
        let member = taken(of(base), of(ours), of(theirs))
            .ok_or_else(|| Error::MergeMembers { what: format!("the member {name}") })?;
        document.members.extend(member.map(|member| (name.clone(), member)));
    }
    let (groups, mut conflicts) = groups::merge(base, ours, theirs, &document)?;
    document.groups = groups;
    let sides = Sides { ours, theirs, members: document.clone() };
    let (old, own, other) = (slots(base), slots(ours), slots(theirs));
    for slot in old.keys().chain(own.keys()).chain(other.keys()).collect::<BTreeSet<_>>() {
        match sides.merge(slot, old.get(slot), own.get(slot), other.get(slot))? {
            Ok(Some(content)) => put(&mut document, slot, &content),
            Ok(None) => {}
            Err(conflict) => conflicts.push(conflict),
        }
    }
    part(&sides, &mut document, &own, &other, &mut conflicts);
    conflicts.sort_by(|one, other| one.slot.cmp(&other.slot));
    let registry = Registry { document, signed_by: None };
    groups::check(&registry, [ours, theirs])?;
    Ok(Merge { registry, conflicts })
}

/// The three-way rule: the change of one side, or of both if equal; `None` if they differ.
fn taken<T: PartialEq>(old: T, own: T, other: T) -> Option<T> {
    if own == other || other == old {
        Some(own)
    } else if own == old {
        Some(other)
    } else {
        None
    }
}

/// Both sides of a merge, and the resulting members.
struct Sides<'a> {
    ours: &'a Document,
    theirs: &'a Document,
    members: Document,
}

impl Sides<'_> {
    fn merge(
        &self,
        slot: &Slot,
        old: Option<&Content>,
        own: Option<&Content>,
        other: Option<&Content>,
    ) -> Result<Result<Option<Content>, Conflict>, Error> {
        let state = taken(old.map(Content::state), own.map(Content::state), other.map(Content::state));
        match (state, own, other) {
            (Some(None), ..) => Ok(Ok(None)),
            (Some(Some(State::History(changes))), ..) => Ok(Ok(Some(Content::History(changes.to_vec())))),
            (Some(Some(state)), ..) => match self.sealed(slot, state, own, other) {
                Some(entry) => Ok(Ok(Some(Content::Secret(entry)))),
                None => self.conflict(slot, own, other).map(Err),
            },
            (None, Some(Content::History(own_history)), Some(Content::History(other_history))) => {
                let old = if let Some(Content::History(old)) = old { old.as_slice() } else { &[] };
                match both_set(old, own_history, other_history) {
                    Some(changes) => Ok(Ok(Some(Content::History(changes)))),
                    None => self.conflict(slot, own, other).map(Err),
                }
            }
            (None, ..) => self.conflict(slot, own, other).map(Err),
        }
    }

    /// Whether values are sealed with some of their fields.
    fn has_bound_fields(&self) -> bool {
        self.members.revision.is_some()
    }

    /// The entry of this state that is sealed to the resulting recipients.
    fn sealed(&self, slot: &Slot, state: State<'_>, own: Option<&Content>, other: Option<&Content>) -> Option<Entry> {
        let State::Secret { install, fields, .. } = &state else { return None };
        let found = SIDES.into_iter().zip([own, other]).filter_map(|(side, content)| match content? {
            content @ Content::Secret(entry) => {
                let is_bound = !self.has_bound_fields() || entry.fields().bound() == fields.bound();
                (content.is_of(&state) && is_bound).then_some((side, entry))
            }
            Content::History(_) => None,
        });
        let found: Vec<(Side, &Entry)> = found.collect();
        let (changed, changed_by) = found.iter().map(|(_, entry)| (&entry.changed, &entry.changed_by)).max()?;
        let (changed, changed_by) = (changed.clone(), changed_by.clone());
        let (_, entry) = found.into_iter().find(|(side, _)| self.is_sealed_right(slot, *side))?;
        Some(Entry { install: *install, changed, changed_by, ..entry.clone() }.with(fields.clone()))
    }

    /// The first secret with the fields of ours. With other fields that are sealed with the value,
    /// it is ours as a whole, or none if ours is sealed to other recipients.
    fn with_our_fields(&self, slot: &Slot, content: &Content, ours: &Content) -> Option<Content> {
        let (Content::Secret(entry), Content::Secret(old)) = (content, ours) else { return None };
        let fields = old.fields();
        if !self.has_bound_fields() || entry.fields().bound() == fields.bound() {
            return Some(Content::Secret(entry.clone().with(fields)));
        }
        self.is_sealed_right(slot, Side::Ours).then(|| ours.clone())
    }

    fn is_sealed_right(&self, slot: &Slot, side: Side) -> bool {
        let document = if side == Side::Ours { self.ours } else { self.theirs };
        recipients(document, document, slot) == recipients(&self.members, document, slot)
    }

    fn conflict(&self, slot: &Slot, own: Option<&Content>, other: Option<&Content>) -> Result<Conflict, Error> {
        let fits = |side, content: Option<&Content>| content.is_none() || self.is_sealed_right(slot, side);
        let (cause, fits) = match (fits(Side::Ours, own), fits(Side::Theirs, other)) {
            (true, true) => (Cause::Changed, Side::Ours),
            (true, false) => (Cause::Recipients, Side::Ours),
            (false, true) => (Cause::Recipients, Side::Theirs),
            (false, false) => return Err(Error::MergeMembers { what: format!("the recipients of {slot}") }),
        };
        Ok(Conflict { slot: slot.clone(), cause, ours: own.cloned(), theirs: other.cloned(), fits })
    }
}

/// The recipients that a slot's value in `side` has with the members and groups of a document.
fn recipients(document: &Document, side: &Document, slot: &Slot) -> BTreeSet<String> {
    let text = |member: &super::Member| member.recipient.to_string();
    match slot {
        Slot::Member(..) | Slot::Default(..) => BTreeSet::new(),
        Slot::Shared(name) => {
            let group = side.shared.get(name).and_then(|entry| entry.group.as_ref());
            match document.groups.get(group.map_or(GROUP_OF_ALL, Name::as_str)) {
                Some(group) => BTreeSet::from([group.recipient.to_string()]),
                None if group.is_some() => BTreeSet::new(),
                None => document.members.values().map(text).collect(),
            }
        }
        Slot::Private(owner, _) => document.members.get(owner).map(text).into_iter().collect(),
    }
}

/// The changes of both sides by time, if they end in the same value.
fn both_set(old: &[Change], own: &[Change], other: &[Change]) -> Option<Vec<Change>> {
    if own.last()?.value != other.last()?.value {
        return None;
    }
    let (mut own, mut other) = (own.strip_prefix(old)?, other.strip_prefix(old)?);
    let mut changes = old.to_vec();
    while let (Some(first), Some(second)) = (own.first(), other.first()) {
        if first == second {
            other = &other[1..];
        } else if first.at <= second.at {
            changes.push(first.clone());
            own = &own[1..];
        } else {
            changes.push(second.clone());
            other = &other[1..];
        }
    }
    changes.extend_from_slice(own);
    changes.extend_from_slice(other);
    Some(changes)
}

/// Moves a secret that theirs added, or gave another variable, to the conflicts if ours has a new
/// secret or variable that is exported as the same variable.
fn part(sides: &Sides<'_>, document: &mut Document, own: &Slots, other: &Slots, conflicts: &mut Vec<Conflict>) {
    let is_new = |slot: &Slot, content: &Content, other: &Slots| {
        let Some((name, _)) = secret(slot) else { return false };
        other.get(slot).is_none_or(|old| variable(old, name) != variable(content, name))
    };
    let new = |one: &Slots, other: &Slots| -> Vec<Slot> {
        one.iter().filter(|(slot, content)| is_new(slot, content, other)).map(|(slot, _)| slot.clone()).collect()
    };
    let ours = new(own, other);
    for slot in new(other, own) {
        let (Some(content), Some((name, owner))) = (get(document, &slot), secret(&slot)) else { continue };
        let variable = variable(&content, name);
        let readers = readers(&content, owner.is_some());
        let is_same = |ours: &Slot| {
            get(document, ours).zip(secret(ours)).is_some_and(|(other, (other_name, other_owner))| {
                let is_seen = readers
                    .zip(self::readers(&other, other_owner.is_some()))
                    .is_some_and(|(one, other)| document.meet(one, other));
                is_seen && name != other_name && variable == self::variable(&other, other_name)
            })
        };
        if ours.iter().any(is_same) {
            remove(document, &slot);
            let ours = own.get(&slot).and_then(|own| sides.with_our_fields(&slot, &content, own));
            let theirs = Some(content);
            conflicts.push(Conflict { slot, cause: Cause::Variable, ours, theirs, fits: Side::Ours });
        }
    }
}

/// The members that open a secret.
fn readers(content: &Content, is_private: bool) -> Option<Readers<'_>> {
    let scope = if is_private { Scope::Private } else { Scope::Shared };
    match content {
        Content::Secret(entry) => Some(Readers::of(scope, entry)),
        Content::History(_) => None,
    }
}

/// The variable that a secret is exported as, if any.
fn variable(content: &Content, name: &Name) -> Option<String> {
    match content {
        Content::Secret(entry) => entry.exported_as(name),
        Content::History(_) => None,
    }
}

/// The name of a secret, and the owner if it is private.
fn secret(slot: &Slot) -> Option<(&Name, Option<&Name>)> {
    match slot {
        Slot::Member(..) | Slot::Default(..) => None,
        Slot::Shared(name) => Some((name, None)),
        Slot::Private(owner, name) => Some((name, Some(owner))),
    }
}

fn slots(document: &Document) -> Slots {
    let mut slots = Slots::new();
    for (environment, variables) in &document.environments {
        let slot = |name: &Name| Slot::Default(environment.clone(), name.clone());
        slots.extend(variables.iter().map(|(name, changes)| (slot(name), Content::History(changes.clone()))));
    }
    let secret = |entry: &Entry| Content::Secret(entry.clone());
    slots.extend(document.shared.iter().map(|(name, entry)| (Slot::Shared(name.clone()), secret(entry))));
    for (owner, entries) in &document.private {
        let slot = |name: &Name| Slot::Private(owner.clone(), name.clone());
        slots.extend(entries.iter().map(|(name, entry)| (slot(name), secret(entry))));
    }
    slots
}

fn get(document: &Document, slot: &Slot) -> Option<Content> {
    let entry = match slot {
        Slot::Member(..) => return None,
        Slot::Default(environment, name) => {
            return Some(Content::History(document.environments.get(environment)?.get(name)?.clone()));
        }
        Slot::Shared(name) => document.shared.get(name)?,
        Slot::Private(owner, name) => document.private.get(owner)?.get(name)?,
    };
    Some(Content::Secret(entry.clone()))
}

fn put(document: &mut Document, slot: &Slot, content: &Content) {
    match (slot, content.clone()) {
        (Slot::Default(environment, name), Content::History(changes)) => {
            document.environments.entry(environment.clone()).or_default().insert(name.clone(), changes);
        }
        (Slot::Shared(name), Content::Secret(entry)) => {
            document.shared.insert(name.clone(), entry);
        }
        (Slot::Private(owner, name), Content::Secret(entry)) => {
            document.private.entry(owner.clone()).or_default().insert(name.clone(), entry);
        }
        _ => {}
    }
}

fn remove(document: &mut Document, slot: &Slot) {
    match slot {
        Slot::Member(..) => {}
        Slot::Default(environment, name) => {
            document.environments.get_mut(environment).map(|variables| variables.remove(name));
            document.environments.retain(|_, variables| !variables.is_empty());
        }
        Slot::Shared(name) => drop(document.shared.remove(name)),
        Slot::Private(owner, name) => {
            document.private.get_mut(owner).map(|entries| entries.remove(name));
            document.private.retain(|_, entries| !entries.is_empty());
        }
    }
}
