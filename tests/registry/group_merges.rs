//! Merges of registries with groups: never does a member that left on one side open a value of the
//! result, and no value is lost without a word.

use std::collections::{BTreeMap, BTreeSet};

use hushlog::registry::{By, Cause, Draft, Edit, Error, Identity, Name, Registry, Scope, Side, Value};

use crate::groups::{identities_of_groups, sealed_values};
use crate::merges::{Merging, Rng, name, text, values};

/// A registry of alice, bob, carol and dan. Alice and bob are in the group ops.
struct Team {
    registry: Registry,
    identities: BTreeMap<&'static str, Identity>,
}

const MEMBERS: [&str; 4] = ["alice", "bob", "carol", "dan"];

impl Team {
    fn new(has_group_of_all: bool) -> Team {
        let identities: BTreeMap<_, _> = MEMBERS.into_iter().map(|member| (member, Identity::generate())).collect();
        let mut registry = Registry::default();
        for (member, identity) in &identities {
            registry.set_member(&name(member), identity.recipient(), None, None).unwrap();
        }
        registry.add_group(&name("ops"), &["alice", "bob"].map(name), None).unwrap();
        if has_group_of_all {
            registry.add_group(&name("all"), &[], None).unwrap();
        }
        let mut team = Team { registry, identities };
        team.save("old-token", Some("ops"));
        team.save("all-token", None);
        team
    }

    fn alice(&self) -> Option<&Identity> {
        self.identities.get("alice")
    }

    /// A change of a copy.
    fn with(&self, change: impl FnOnce(&mut Registry)) -> Registry {
        let mut registry = self.registry.clone();
        change(&mut registry);
        registry
    }

    fn save(&mut self, secret: &str, group: Option<&str>) {
        save(&mut self.registry, secret, group);
    }

    fn join(&self, registry: &mut Registry, member: &str) {
        registry.join_group(&name("ops"), &[name(member)], self.alice()).unwrap();
    }

    fn leave(&self, registry: &mut Registry, member: &str) {
        registry.leave_group(&name("ops"), &[name(member)], self.alice()).unwrap();
    }

    fn merge(&self, ours: &Registry, theirs: &Registry, prefer: Option<Side>) -> Result<Merged, Error> {
        let merging = Merging::of([&text(&self.registry), &text(ours), &text(theirs)].map(String::as_str));
        let options = hushlog::registry::MergeOptions { prefer, ..Default::default() };
        merging.merge(&options).map(|(conflicts, _)| (conflicts, merging.text()))
    }

    fn values(&self, text: &str, member: &str) -> Vec<String> {
        values(text, &self.identities[member]).into_keys().collect()
    }
}

type Merged = (Vec<(String, Cause)>, String);

fn save(registry: &mut Registry, secret: &str, group: Option<&str>) {
    let draft = Draft::new(name(secret), Scope::Shared, Value::new(b"zulu-kite-4471").unwrap());
    registry.add(&Draft { group: group.map(name), ..draft }, &By::now(&name("alice"))).unwrap();
}

fn is_refused(merged: Result<Merged, Error>) -> bool {
    matches!(merged, Err(Error::MergeMembers { .. }))
}

#[test]
fn r28_members_that_join_on_both_sides_are_all_in_the_result() {
    let team = Team::new(true);
    let late = [Identity::generate(), Identity::generate()];
    let side = |joins: &str, late: &Identity, member: &str, secret: &str| {
        team.with(|registry| {
            team.join(registry, joins);
            registry.set_member(&name(member), late.recipient(), None, team.alice()).unwrap();
            save(registry, secret, Some("ops"));
        })
    };
    let ours = side("carol", &late[0], "eve", "our-token");
    let theirs = side("dan", &late[1], "frank", "their-token");
    let (conflicts, text) = team.merge(&ours, &theirs, None).unwrap();
    assert_eq!(conflicts, []);
    for member in MEMBERS {
        assert_eq!(team.values(&text, member), ["all-token", "old-token", "our-token", "their-token"], "{member}");
    }
    for identity in &late {
        assert_eq!(values(&text, identity).into_keys().collect::<Vec<_>>(), ["all-token"]);
    }
}

#[test]
fn r28_an_earlier_identity_of_a_group_lets_no_member_in() {
    let team = Team::new(false);
    let left = team.with(|registry| team.leave(registry, "bob"));
    let joined = team.with(|registry| team.join(registry, "carol"));
    let other = team.with(|registry| {
        team.join(registry, "carol");
        team.leave(registry, "carol");
    });
    let removed = team.with(|registry| {
        registry.remove_member(&name("bob"), team.alice()).unwrap();
    });
    for (ours, theirs) in [(&left, &other), (&removed, &left)] {
        assert!(is_refused(team.merge(ours, theirs, None)) && is_refused(team.merge(theirs, ours, None)));
    }
    // A new key of a member, which an earlier identity of a group is not sealed to.
    let key = Identity::generate();
    let rekeyed = team.with(|registry| {
        registry.set_member(&name("carol"), key.recipient(), None, team.alice()).unwrap();
    });
    assert!(is_refused(team.merge(&rekeyed, &joined, None)) && is_refused(team.merge(&joined, &rekeyed, None)));
}

#[test]
fn r28_a_member_that_joined_an_earlier_identity_is_left_out() {
    let mut team = Team::new(false);
    team.registry.add_group(&name("dev"), &["alice", "bob"].map(name), None).unwrap();
    team.save("dev-token", Some("dev"));
    let left = team.with(|registry| team.leave(registry, "bob"));
    let removed = team.with(|registry| {
        registry.remove_member(&name("bob"), team.alice()).unwrap();
    });
    let joined = team.with(|registry| {
        team.join(registry, "carol");
        team.join(registry, "dan");
        registry.remove_member(&name("dan"), team.alice()).unwrap();
        team.join(registry, "carol");
        save(registry, "our-token", None);
    });
    let both_new = [(&left, &joined), (&joined, &left)];
    assert!(both_new.iter().all(|(ours, theirs)| is_refused(team.merge(ours, theirs, None))), "dan left: two new keys");

    let joined = team.with(|registry| {
        team.join(registry, "carol");
        registry.join_group(&name("dev"), &[name("dan")], team.alice()).unwrap();
        save(registry, "our-token", None);
    });
    let conflict = ("the member carol of the group ops".to_owned(), Cause::Joined);
    for prefer in [None, Some(Side::Ours), Some(Side::Theirs)] {
        for (ours, theirs) in [(&left, &joined), (&joined, &left)] {
            let (conflicts, text) = team.merge(ours, theirs, prefer).unwrap();
            assert_eq!(conflicts, std::slice::from_ref(&conflict));
            assert_eq!(team.values(&text, "alice"), ["all-token", "dev-token", "old-token", "our-token"]);
            assert_eq!(team.values(&text, "bob"), ["all-token", "dev-token", "our-token"]);
            assert_eq!(team.values(&text, "carol"), ["all-token", "our-token"]);
            assert_eq!(team.values(&text, "dan"), ["all-token", "dev-token", "our-token"]);
        }
    }
    // The identity of each group is new without bob, so dan is out of dev as well.
    let (conflicts, text) = team.merge(&removed, &joined, Some(Side::Theirs)).unwrap();
    let dan = ("the member dan of the group dev".to_owned(), Cause::Joined);
    assert!(conflicts.contains(&dan) && conflicts.contains(&conflict), "{conflicts:?}");
    assert!(!team.values(&text, "dan").contains(&"dev-token".to_owned()));
    // It joins again.
    let mut registry = Registry::parse(text.as_bytes()).unwrap();
    team.join(&mut registry, "carol");
    assert!(team.values(&self::text(&registry), "carol").contains(&"old-token".to_owned()));
    // A value that is a conflict as well keeps its marks.
    let saved = team.with(|registry| {
        team.join(registry, "carol");
        save(registry, "ops-token", Some("ops"));
    });
    let (conflicts, text) = team.merge(&left, &saved, None).unwrap();
    assert_eq!(conflicts, [conflict, ("the shared secret ops-token".to_owned(), Cause::Recipients)]);
    assert!(text.contains("<<<<<<< ours\n") && Registry::parse(text.as_bytes()).is_err());
}

#[test]
fn r28_a_value_for_an_earlier_identity_is_no_outcome() {
    let team = Team::new(false);
    let left = team.with(|registry| team.leave(registry, "bob"));
    let added = team.with(|registry| save(registry, "new-token", Some("ops")));
    let what = "the shared secret new-token".to_owned();
    for prefer in [None, Some(Side::Ours), Some(Side::Theirs)] {
        for (ours, theirs) in [(&left, &added), (&added, &left)] {
            let (conflicts, text) = team.merge(ours, theirs, prefer).unwrap();
            assert_eq!(conflicts, [(what.clone(), Cause::Recipients)]);
            if prefer.is_some() {
                assert_eq!(team.values(&text, "alice"), ["all-token", "old-token"]);
                assert_eq!(team.values(&text, "bob"), ["all-token"]);
            }
        }
    }
    // A change beside the value is merged with the resealed value.
    let edited = team.with(|registry| {
        let edit = Edit { install: Some(false), ..Edit::default() };
        registry.edit(&name("old-token"), None, &edit, &By::now(&name("alice"))).unwrap();
    });
    let (conflicts, text) = team.merge(&edited, &left, None).unwrap();
    assert_eq!((conflicts, team.values(&text, "bob")), (vec![], vec!["all-token".to_owned()]));
    assert!(text.contains("install: false"));
}

#[test]
fn r28_a_group_that_one_side_removed_does_not_come_back() {
    let mut team = Team::new(false);
    team.registry.add_group(&name("dev"), &["carol"].map(name), None).unwrap();
    let removed = team.with(|registry| {
        registry.remove_group(&name("dev"), None).unwrap();
    });
    let other = team.with(|registry| save(registry, "new-token", Some("ops")));
    let (conflicts, text) = team.merge(&removed, &other, None).unwrap();
    assert!(conflicts.is_empty() && !text.contains("  dev:"));
    let used = team.with(|registry| save(registry, "dev-token", Some("dev")));
    let joined = team.with(|registry| {
        registry.join_group(&name("dev"), &[name("dan")], team.identities.get("carol")).unwrap();
    });
    for theirs in [&used, &joined] {
        assert!(is_refused(team.merge(&removed, theirs, None)) && is_refused(team.merge(theirs, &removed, None)));
    }
    // One side moved the shared secrets to the group of all.
    let all = team.with(|registry| {
        registry.add_group(&name("all"), &[], team.alice()).unwrap();
    });
    let shared = team.with(|registry| save(registry, "new-token", None));
    let (conflicts, _) = team.merge(&all, &shared, None).unwrap();
    assert_eq!(conflicts, [("the shared secret new-token".to_owned(), Cause::Recipients)]);
    let late = Identity::generate();
    let member = team.with(|registry| {
        registry.set_member(&name("eve"), late.recipient(), None, team.alice()).unwrap();
    });
    assert!(is_refused(team.merge(&all, &member, None)));
}

#[test]
fn r28_a_variable_that_a_member_would_see_twice_is_no_outcome() {
    let team = Team::new(false);
    let joined = team.with(|registry| team.join(registry, "carol"));
    let own = team.with(|registry| {
        let draft = Draft::new(name("old_token"), Scope::Private, Value::new(b"zulu-kite-4471").unwrap());
        registry.add(&draft, &By::now(&name("carol"))).unwrap();
    });
    assert!(is_refused(team.merge(&joined, &own, None)) && is_refused(team.merge(&own, &joined, None)));
    // Two new secrets of one variable, which no member sees both of, are no conflict.
    let (ours, theirs) = (
        team.with(|registry| save(registry, "db-url", Some("ops"))),
        team.with(|registry| {
            let draft = Draft::new(name("db_url"), Scope::Private, Value::new(b"zulu-kite-4471").unwrap());
            registry.add(&draft, &By::now(&name("carol"))).unwrap();
        }),
    );
    let (conflicts, text) = team.merge(&ours, &theirs, None).unwrap();
    assert_eq!(conflicts, []);
    assert_eq!(team.values(&text, "carol"), ["all-token", "db_url"]);
}

/// A random change of one side.
fn change(team: &Team, registry: &mut Registry, rng: &mut Rng, keys: &mut Vec<(String, Identity)>, side: usize) {
    let others = ["bob", "carol", "dan"];
    let member = others[rng.below(others.len())];
    let is_in = registry.group(&name("ops")).unwrap().has(&name(member));
    let by = name("alice");
    let is_member = registry.members().any(|(name, _)| name.as_str() == member);
    match rng.below(7) {
        0 | 1 if is_member && is_in => team.leave(registry, member),
        0 | 1 if is_member => team.join(registry, member),
        2 => {
            let secret = format!("token-{side}-{}", rng.below(100));
            if registry.secret(&name(&secret), None, &by).is_none() {
                save(registry, &secret, [Some("ops"), None][rng.below(2)]);
            }
        }
        3 => {
            let edit = Edit { value: Some(Value::new(b"zulu-kite-4472").unwrap()), ..Edit::default() };
            registry.edit(&name(["old-token", "all-token"][rng.below(2)]), None, &edit, &By::now(&by)).unwrap();
        }
        4 => {
            let (new, key) = (format!("new-{side}-{}", keys.len()), Identity::generate());
            registry.set_member(&name(&new), key.recipient(), None, team.alice()).unwrap();
            keys.push((new, key));
        }
        5 if is_member => {
            registry.remove_member(&name(member), team.alice()).unwrap();
        }
        6 if is_member => {
            let key = Identity::generate();
            registry.set_member(&name(member), key.recipient(), None, team.alice()).unwrap();
            keys.push((member.to_owned(), key));
        }
        _ => {}
    }
}

/// All that a key opens in the result, by itself or by way of an identity that it opens in one of
/// the files.
fn reach(own: &Identity, files: &[&str], result: &str) -> BTreeSet<String> {
    let groups: Vec<Identity> = files.iter().flat_map(|file| identities_of_groups(file, own)).collect();
    let opens = |sealed: &str| groups.iter().chain([own]).any(|key| key.decrypt(sealed.as_bytes()).is_some());
    sealed_values(result).into_iter().filter(|(_, sealed)| opens(sealed)).map(|(name, _)| name).collect()
}

#[test]
fn r28_a_merge_lets_in_only_members_and_loses_no_value_silently() {
    let mut rng = Rng(18);
    let (mut clean, mut conflicting, mut refused) = (0, 0, 0);
    for round in 0..60 {
        let team = Team::new(round % 2 == 0);
        let mut keys: Vec<(String, Identity)> = Vec::new();
        let mut side = |number: usize, rng: &mut Rng| {
            let mut registry = team.registry.clone();
            for _ in 0..1 + rng.below(2) {
                change(&team, &mut registry, rng, &mut keys, number);
            }
            registry
        };
        let (ours, theirs) = (side(1, &mut rng), side(2, &mut rng));
        let prefer = [Side::Ours, Side::Theirs][rng.below(2)];
        let Ok((conflicts, result)) = team.merge(&ours, &theirs, Some(prefer)) else {
            refused += 1;
            continue;
        };
        *(if conflicts.is_empty() { &mut clean } else { &mut conflicting }) += 1;
        let merged = Registry::parse(result.as_bytes()).unwrap();
        let files = [text(&team.registry), text(&ours), text(&theirs), result.clone()];
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let ops = merged.group(&name("ops")).unwrap();
        for side in [&ours, &theirs] {
            for (member, _) in
                team.registry.members().filter(|(member, _)| team.registry.group(&name("ops")).unwrap().has(member))
            {
                assert!(side.group(&name("ops")).unwrap().has(member) || !ops.has(member), "{member} left on one side");
            }
        }
        for (member, _) in merged.members().filter(|(member, _)| !ops.has(member)) {
            let old = team.registry.group(&name("ops")).unwrap();
            let joined = [&ours, &theirs].iter().any(|side| side.group(&name("ops")).unwrap().has(member));
            let what = format!("the member {member} of the group ops");
            let is_told = conflicts.iter().any(|(told, _)| *told == what);
            assert!(!joined || old.has(member) || is_told, "{what} is missing");
        }
        let all_keys = keys.iter().map(|(member, key)| (member.as_str(), key));
        for (member, key) in team.identities.iter().map(|(member, key)| (*member, key)).chain(all_keys) {
            let is_of = |(name, found): &(&Name, &hushlog::registry::Member)| {
                name.as_str() == member && found.recipient == key.recipient()
            };
            let wanted: BTreeSet<String> = match merged.members().find(is_of) {
                None => BTreeSet::new(),
                Some((own, _)) => {
                    let sees = |group: Option<&Name>| group.is_none_or(|group| merged.group(group).unwrap().has(own));
                    let seen = merged.secrets().filter(|(_, _, entry)| sees(entry.group()));
                    let seen: BTreeSet<String> = seen.map(|(name, ..)| name.to_string()).collect();
                    assert_eq!(
                        values(&result, key).into_keys().collect::<BTreeSet<_>>(),
                        seen,
                        "{member} opens its own"
                    );
                    seen
                }
            };
            assert_eq!(reach(key, &files, &result), wanted, "{member}");
        }
        // A secret that is missing was deleted, or reported.
        for (secret, ..) in ours.secrets().chain(theirs.secrets()) {
            let is_there = merged.secrets().any(|(name, ..)| name == secret);
            let is_told = conflicts.iter().any(|(what, _)| *what == format!("the shared secret {secret}"));
            assert!(is_there || is_told, "{secret}");
        }
    }
    assert!(clean > 8 && conflicting > 2 && refused > 5, "{clean} {conflicting} {refused}");
}
