//! Merges of registries, as a library: kind AZ of `docs/faults.md`.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hushlog::registry::{
    By, Cause, Draft, Error, Identity, MergeOptions, Name, Registry, Scope, Side, SigningKey, Value, merge_files,
};

pub(crate) fn name(name: &str) -> Name {
    name.parse().unwrap()
}

pub(crate) fn save(registry: &mut Registry, secret: &str, value: &str) {
    let draft = Draft::new(name(secret), Scope::Shared, Value::new(value.as_bytes()).unwrap());
    registry.add(&draft, &By::now(&name("alice"))).unwrap();
}

/// The conflicts of a merge, and the reason for which it is not signed.
pub(crate) type Merged = (Vec<(String, Cause)>, Option<Error>);

/// Three files of a merge, from the changes of the registry on each side.
pub(crate) struct Merging {
    dir: tempfile::TempDir,
}

impl Merging {
    pub(crate) fn of(texts: [&str; 3]) -> Merging {
        let merging = Merging { dir: tempfile::tempdir().unwrap() };
        for (file, text) in ["base", "ours", "theirs"].into_iter().zip(texts) {
            fs::write(merging.dir.path().join(file), text).unwrap();
        }
        merging
    }

    pub(crate) fn merge(&self, options: &MergeOptions<'_>) -> Result<Merged, Error> {
        let [base, ours, theirs] = ["base", "ours", "theirs"].map(|file| self.dir.path().join(file));
        let merged = merge_files(&base, &ours, &theirs, options)?;
        let conflicts = merged.conflicts.iter().map(|conflict| (conflict.what(), conflict.cause()));
        Ok((conflicts.collect(), merged.unsigned))
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.dir.path().join("ours")).unwrap()
    }
}

pub(crate) fn text(registry: &Registry) -> String {
    registry.to_text(None).unwrap()
}

pub(crate) fn alone() -> (Registry, Identity) {
    let alice = Identity::generate();
    let mut registry = Registry::default();
    registry.set_member(&name("alice"), alice.recipient(), None, None).unwrap();
    (registry, alice)
}

/// The conflicts of a merge of three registries, and the resulting text.
pub(crate) fn merged(sides: [&Registry; 3], prefer: Option<Side>) -> (Vec<(String, Cause)>, String) {
    let [base, ours, theirs] = sides.map(text);
    let merging = Merging::of([&base, &ours, &theirs]);
    let (conflicts, _) = merging.merge(&MergeOptions { prefer, ..MergeOptions::default() }).unwrap();
    (conflicts, merging.text())
}

/// Names and values of all opened entries.
pub(crate) fn values(text: &str, identity: &Identity) -> BTreeMap<String, String> {
    let opened = Registry::parse(text.as_bytes()).unwrap().open(identity, None, None).unwrap();
    let value = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    opened.secrets.iter().map(|one| (one.secret.name().to_owned(), value(one.secret.expose()))).collect()
}

/// The text without its revision: a merge is later than both sides.
fn without_revision(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with("revision: ")).collect()
}

/// The text with one side of each conflict.
pub(crate) fn resolved(text: &str, side: Side) -> String {
    let mut part = None;
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        match line.trim_end() {
            "<<<<<<< ours" => part = Some(Side::Ours),
            "=======" => part = Some(Side::Theirs),
            ">>>>>>> theirs" => part = None,
            _ if part.is_none_or(|part| part == side) => kept.push_str(line),
            _ => {}
        }
    }
    kept
}

#[test]
fn az_a_side_that_strangers_signed_is_not_signed_for_them() {
    let (mut base, alice) = alone();
    let (key, stranger) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    base.set_member(&name("alice"), alice.recipient(), Some(key.public()), None).unwrap();
    let signed = base.to_text(Some(&key)).unwrap();
    let (mut ours, mut theirs) = (base.clone(), base.clone());
    save(&mut ours, "mail-token", "zulu-kite-4471");
    // The whole file replaced, its signer too.
    theirs.set_member(&name("alice"), alice.recipient(), Some(stranger.public()), None).unwrap();
    save(&mut theirs, "pay-token", "hawk-sun-9931");
    let texts = [&signed, &ours.to_text(Some(&key)).unwrap(), &theirs.to_text(Some(&stranger)).unwrap()];
    let merging = Merging::of(texts.map(String::as_str));
    let options = MergeOptions { key: Some(&key), ..MergeOptions::default() };
    assert!(matches!(merging.merge(&options), Err(Error::Untrusted)));
    assert!(matches!(Registry::parse(merging.text().as_bytes()), Err(Error::MergeConflict { .. })));
    for side in [Side::Ours, Side::Theirs] {
        assert_eq!(resolved(&merging.text(), side), *texts[if side == Side::Ours { 1 } else { 2 }]);
    }
    // If both are trusted by other means, both are accepted; but the other signer's key may not
    // sign this registry.
    let keys = [key.public(), stranger.public()];
    let merging = Merging::of(texts.map(String::as_str));
    let options = MergeOptions { key: Some(&stranger), keys: &keys, ..MergeOptions::default() };
    assert!(matches!(merging.merge(&options).unwrap().1, Some(Error::NotASigner)));
    assert!(matches!(Registry::parse(merging.text().as_bytes()), Err(Error::Unsigned)));
}

#[test]
fn az_a_value_that_other_members_would_miss_is_no_outcome() {
    let (mut base, alice) = alone();
    save(&mut base, "old-token", "zulu-base-4471");
    let bob = Identity::generate();
    let (mut ours, mut theirs) = (base.clone(), base.clone());
    save(&mut ours, "new-token", "zulu-kite-4471");
    theirs.set_member(&name("bob"), bob.recipient(), None, Some(&alice)).unwrap();
    save(&mut theirs, "all-token", "hawk-sun-9931");
    let [base, ours, theirs] = [&base, &ours, &theirs].map(text);
    for prefer in [None, Some(Side::Ours), Some(Side::Theirs)] {
        for (one, other) in [(&ours, &theirs), (&theirs, &ours)] {
            let merging = Merging::of([&base, one, other]);
            let (conflicts, _) = merging.merge(&MergeOptions { prefer, ..MergeOptions::default() }).unwrap();
            assert_eq!(conflicts, [("the shared secret new-token".to_owned(), Cause::Recipients)]);
            if prefer.is_some() {
                let found = values(&merging.text(), &bob);
                assert_eq!(found.keys().collect::<Vec<_>>(), ["all-token", "old-token"]);
                assert_eq!(values(&merging.text(), &alice), found);
            }
        }
    }
    // Both changed the members: nobody can open all of it.
    let carol = Identity::generate();
    let mut third = Registry::parse(base.as_bytes()).unwrap();
    third.set_member(&name("carol"), carol.recipient(), None, Some(&alice)).unwrap();
    let merging = Merging::of([&base, &text(&third), &theirs]);
    assert!(matches!(merging.merge(&MergeOptions::default()), Err(Error::MergeMembers { .. })));
    assert!(matches!(Registry::parse(merging.text().as_bytes()), Err(Error::MergeConflict { .. })));
}

#[test]
fn az_different_registries_are_not_merged() {
    let ((mut ours, _), (theirs, _)) = (alone(), alone());
    save(&mut ours, "mail-token", "zulu-kite-4471");
    let (ours, theirs) = (text(&ours), text(&theirs));
    for (base, ours, theirs) in [(ours.as_str(), ours.as_str(), theirs.as_str()), ("", &ours, &theirs)] {
        let merging = Merging::of([base, ours, theirs]);
        assert!(matches!(merging.merge(&MergeOptions::default()), Err(Error::MergeOther)));
        assert!(merging.text().contains(ours) && merging.text().contains(theirs));
    }
    let broken = "format: 2\nmembers: [\n";
    let merging = Merging::of([&ours, &ours, broken]);
    assert!(merging.merge(&MergeOptions::default()).is_err());
    assert_eq!(resolved(&merging.text(), Side::Theirs), broken);
    // An unreadable file changes nothing.
    fs::remove_file(merging.dir.path().join("theirs")).unwrap();
    fs::write(merging.dir.path().join("ours"), &ours).unwrap();
    assert!(matches!(merging.merge(&MergeOptions::default()), Err(Error::Missing)));
    assert_eq!(merging.text(), ours);
}

#[test]
fn az_two_names_of_one_variable_do_not_meet() {
    let (base, alice) = alone();
    let (mut ours, mut theirs) = (base.clone(), base.clone());
    save(&mut ours, "db-url", "zulu-kite-4471");
    save(&mut theirs, "db_url", "hawk-sun-9931");
    let [base, ours, theirs] = [&base, &ours, &theirs].map(text);
    let merging = Merging::of([&base, &ours, &theirs]);
    let options = MergeOptions { prefer: Some(Side::Theirs), ..MergeOptions::default() };
    assert_eq!(merging.merge(&options).unwrap().0, [("the shared secret db_url".to_owned(), Cause::Variable)]);
    assert_eq!(values(&merging.text(), &alice).into_keys().collect::<Vec<_>>(), ["db-url"]);
}

/// SplitMix64: the same numbers on every machine.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

/// The states of an entry in the property: its value, and whether it is installed.
type State = Option<(usize, bool)>;

/// The right outcome of a merge, for one entry.
fn naive(base: State, ours: State, theirs: State) -> Result<State, ()> {
    match (ours == base, theirs == base) {
        _ if ours == theirs => Ok(ours),
        (true, _) => Ok(theirs),
        (_, true) => Ok(ours),
        _ => Err(()),
    }
}

#[test]
fn az_a_merge_is_the_rule_of_three_for_each_entry() {
    const NAMES: [&str; 5] = ["a-token", "b-token", "c-token", "d-token", "e-token"];
    let (empty, _) = alone();
    // Each value of each entry is sealed once: an unchanged side has the same bytes.
    let mut versions: BTreeMap<(usize, usize), Registry> = BTreeMap::new();
    for (entry, name) in NAMES.iter().enumerate() {
        for value in 0..3 {
            let mut one = empty.clone();
            save(&mut one, name, &format!("value-{value}-of-{entry}"));
            versions.insert((entry, value), one);
        }
    }
    let build = |states: &[State]| {
        let mut text = text(&empty);
        let at = text.find("check: ").unwrap();
        let mut shared = String::new();
        for (entry, state) in states.iter().enumerate() {
            if let Some((value, install)) = state {
                let one = self::text(&versions[&(entry, *value)]);
                let own = &one[one.find("shared:\n").unwrap() + "shared:\n".len()..one.find("check: ").unwrap()];
                shared += &own.replace("install: true", &format!("install: {install}"));
            }
        }
        if !shared.is_empty() {
            text.insert_str(at, &format!("shared:\n{shared}"));
        }
        text
    };
    let mut rng = Rng(13);
    let (mut clean, mut conflicting) = (0, 0);
    for _ in 0..300 {
        let mut states = || -> Vec<State> {
            (0..NAMES.len()).map(|_| (rng.below(3) > 0).then(|| (rng.below(3), rng.below(2) > 0))).collect()
        };
        let base = states();
        let (mut ours, mut theirs) = (states(), states());
        for entry in 0..NAMES.len() {
            // Often one side, or both, leave it alone.
            match rng.below(5) {
                0 => ours[entry] = base[entry],
                1 => theirs[entry] = base[entry],
                2 => (ours[entry], theirs[entry]) = (base[entry], base[entry]),
                3 => ours[entry] = theirs[entry],
                _ => {}
            }
        }
        let merging = Merging::of([&build(&base), &build(&ours), &build(&theirs)].map(|text| text.as_str()));
        let (conflicts, _) = merging.merge(&MergeOptions::default()).unwrap();
        let wanted: Vec<Result<State, ()>> =
            (0..NAMES.len()).map(|entry| naive(base[entry], ours[entry], theirs[entry])).collect();
        let expected: Vec<String> = (0..NAMES.len())
            .filter(|entry| wanted[*entry].is_err())
            .map(|entry| format!("the shared secret {}", NAMES[entry]))
            .collect();
        assert_eq!(conflicts.iter().map(|(what, _)| what.clone()).collect::<Vec<_>>(), expected);
        *(if conflicts.is_empty() { &mut clean } else { &mut conflicting }) += 1;
        for (side, own) in [(Side::Ours, &ours), (Side::Theirs, &theirs)] {
            let states: Vec<State> = wanted.iter().zip(own).map(|(wanted, own)| wanted.unwrap_or(*own)).collect();
            let by_hand = Registry::parse(resolved(&merging.text(), side).as_bytes()).unwrap();
            assert_eq!(without_revision(&text(&by_hand)), without_revision(&build(&states)), "kept by hand");
            let again = Merging::of([&build(&base), &build(&ours), &build(&theirs)].map(|text| text.as_str()));
            again.merge(&MergeOptions { prefer: Some(side), ..MergeOptions::default() }).unwrap();
            assert_eq!(without_revision(&again.text()), without_revision(&build(&states)), "preferred");
        }
    }
    assert!(clean > 20 && conflicting > 20, "{clean} {conflicting}");
}

#[test]
fn az_the_outcome_keeps_the_mode_and_the_histories() {
    let (base, _) = alone();
    let set = |registry: &Registry, changes: &[(&str, &str, &str)]| {
        let mut registry = registry.clone();
        for (variable, value, at) in changes {
            let alice = name("alice");
            let by = By { member: &alice, at: (*at).to_owned() };
            registry.set_default(&name("prod"), &name(variable), value, &by).unwrap();
        }
        text(&registry)
    };
    let ours = set(&base, &[("MODE", "slow", "2026-01-01T00:00:00Z"), ("MODE", "fast", "2026-01-03T00:00:00Z")]);
    let theirs = set(&base, &[("MODE", "fast", "2026-01-02T00:00:00Z"), ("LEVEL", "info", "2026-01-02T00:00:00Z")]);
    let merging = Merging::of([&text(&base), &ours, &theirs]);
    let path: &Path = &merging.dir.path().join("ours");
    fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    assert_eq!(merging.merge(&MergeOptions::default()).unwrap().0, []);
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o640);
    let merged = Registry::parse(merging.text().as_bytes()).unwrap();
    let prod = merged.environment(&name("prod")).unwrap();
    let times: Vec<&str> = prod[&name("MODE")].iter().map(|change| change.at.as_str()).collect();
    assert_eq!(times, ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]);
    assert_eq!(prod[&name("LEVEL")].len(), 1);
    // To different values: a conflict, of this variable alone.
    let other = set(&base, &[("MODE", "odd", "2026-01-02T00:00:00Z"), ("LEVEL", "info", "2026-01-02T00:00:00Z")]);
    let merging = Merging::of([&text(&base), &ours, &other]);
    let conflicts = merging.merge(&MergeOptions::default()).unwrap().0;
    assert_eq!(conflicts, [("the default MODE of prod".to_owned(), Cause::Changed)]);
    for side in [Side::Ours, Side::Theirs] {
        let kept = Registry::parse(resolved(&merging.text(), side).as_bytes()).unwrap();
        let mode = kept.defaults(&name("prod")).unwrap()["MODE"].clone();
        assert_eq!(mode, if side == Side::Ours { "fast" } else { "odd" });
    }
}
