//! Moving a secret to other readers: the members of a group, all members, or one of them.

use super::change::Value;
use super::entry::{Entry, Readers};
use super::environment::By;
use super::error::Error;
use super::file::Registry;
use super::name::Name;
use super::reseal::Before;
use super::scope::Scope;
use super::seal::Identity;

/// The new readers of a secret.
#[derive(Debug)]
pub struct Move<'a> {
    /// The members that may open it.
    pub scope: Scope,
    /// The group that a shared secret is sealed to. `None`: all members.
    pub group: Option<&'a Name>,
    /// A new value. `None`: the present one is sealed again.
    pub value: Option<Value<'a>>,
    /// Opens the present value.
    pub identity: Option<&'a Identity>,
}

impl Registry {
    /// Moves a secret to other readers, and returns its earlier scope. The name, the optional
    /// fields and the installation stay.
    ///
    /// If the member has a private and a shared secret of this name, the shared one is meant.
    ///
    /// # Errors
    ///
    /// When the member has no such secret, or it is there already; the destination has a secret of
    /// this name; its readers have another secret with the same variable or file; the group does
    /// not exist or is empty; or there is neither a value nor an identity that opens the present
    /// one.
    pub fn move_secret(&mut self, name: &Name, to: &Move<'_>, by: &By<'_>) -> Result<Scope, Error> {
        let missing = || Error::NoSecret { name: name.to_string() };
        self.check_member(by.member)?;
        let has = |scope| self.secret(name, Some(scope), by.member).map(|(_, entry)| entry);
        let scopes = [Scope::Shared, Scope::Private];
        let from = scopes.into_iter().find(|scope| has(*scope).is_some()).ok_or_else(missing)?;
        let old = has(from).ok_or_else(missing)?;
        let group = to.group.filter(|_| to.scope == Scope::Shared);
        if (from, old.group()) == (to.scope, group) {
            return Err(Error::NotMoved { name: name.to_string() });
        }
        if from != to.scope && has(to.scope).is_some() {
            return Err(Error::SecretExists { name: name.to_string() });
        }
        let owner = if to.scope == Scope::Private { by.member } else { &old.owner };
        let readers = Readers { scope: to.scope, group, owner };
        self.recipients(to.scope, group, owner)?;
        let fields = old.fields();
        self.check_collision(name, readers, old.exported_as(name).as_deref())?;
        self.check_file(name, readers, &fields)?;
        let new = match &to.value {
            Some(value) => Entry { install: old.install, ..self.sealed(name, to.scope, group, value, &fields, by)? },
            None => {
                let before = Before { registry: self, identity: Some(to.identity.ok_or(Error::ValueNeeded)?) };
                let sealed = self.resealed_with(&before, (name, from, old), readers, &fields)?.into();
                let changed_by = Some(by.member).filter(|member| *member != owner).cloned();
                let (owner, group, changed) = (owner.clone(), group.cloned(), by.at.clone());
                Entry { owner, group, changed, changed_by, sealed, ..old.clone() }
            }
        };
        self.delete(name, Some(from), by)?;
        self.insert(name, to.scope, by.member, new);
        Ok(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Draft;

    fn of(name: &str) -> Name {
        name.parse().expect("a name")
    }

    /// Alice and bob, with the group ops of alice, and a secret of these readers.
    fn team(scope: Scope, group: Option<&str>) -> (Registry, [Identity; 2]) {
        let (alice, bob, mut registry) = (Identity::generate(), Identity::generate(), Registry::default());
        registry.set_member(&of("alice"), alice.recipient(), None, None).expect("a member");
        registry.set_member(&of("bob"), bob.recipient(), None, None).expect("a member");
        registry.add_group(&of("ops"), &[of("alice")], None).expect("a group");
        let draft = Draft::new(of("token"), scope, Value::new(b"some value").expect("a value"));
        let draft = Draft { group: group.map(of), install: false, ..draft };
        registry.add(&draft, &By::now(&of("alice"))).expect("it is new");
        (registry, [alice, bob])
    }

    fn opens(registry: &Registry, identity: &Identity) -> bool {
        let opened = registry.open(identity, None, None).expect("it opens");
        let value = opened.secrets.first().map(|found| found.secret.expose().to_vec());
        assert!(value.is_none_or(|value| value == b"some value"));
        !opened.secrets.is_empty()
    }

    #[test]
    fn r30_the_new_readers_open_a_moved_secret_and_others_do_not() {
        let places = [(Scope::Private, None), (Scope::Shared, None), (Scope::Shared, Some("ops"))];
        for (from, to) in places.iter().flat_map(|from| places.iter().map(move |to| (from, to))) {
            for value in [None, Some(Value::new(b"some value").expect("a value"))] {
                let (mut registry, [alice, bob]) = team(from.0, from.1);
                let (group, by) = (to.1.map(of), of("alice"));
                let to_place = Move { scope: to.0, group: group.as_ref(), value, identity: Some(&alice) };
                let moved = registry.move_secret(&of("token"), &to_place, &By::now(&by));
                if from == to {
                    assert!(matches!(moved, Err(Error::NotMoved { .. })));
                    continue;
                }
                assert_eq!(moved.expect("it moves"), from.0, "{from:?} {to:?}");
                let text = registry.to_text(None).expect("a text");
                let registry = Registry::parse(text.as_bytes()).expect("it is valid");
                assert!(opens(&registry, &alice));
                assert_eq!(opens(&registry, &bob), *to == (Scope::Shared, None), "{from:?} {to:?}");
                let (scope, entry) = registry.secret(&of("token"), None, &of("alice")).expect("it is there");
                assert_eq!((scope, entry.group(), entry.install), (to.0, group.as_ref(), false));
                assert_eq!(registry.secrets().count(), 1);
            }
        }
    }

    #[test]
    fn a_move_that_cannot_be_is_refused_with_the_reason() {
        let (registry, [alice, bob]) = team(Scope::Private, None);
        let (ops, nowhere, by) = (of("ops"), of("dev"), of("alice"));
        let to = |scope, group| Move { scope, group, value: None, identity: Some(&alice) };
        let tried = |to: &Move<'_>, name: &str, change: &dyn Fn(&mut Registry)| {
            let mut registry = registry.clone();
            change(&mut registry);
            let before = registry.clone();
            let error = registry.move_secret(&of(name), to, &By::now(&by)).expect_err("it is refused");
            assert!(registry == before, "nothing is changed");
            error
        };
        let add = |registry: &mut Registry, name: &str, scope, member: &str| {
            let draft = Draft::new(of(name), scope, Value::new(b"other value").expect("a value"));
            registry.add(&draft, &By::now(&of(member))).expect("it is new");
        };
        let same = |_: &mut Registry| {};
        let shared = to(Scope::Shared, None);
        assert!(matches!(tried(&shared, "missing", &same), Error::NoSecret { .. }));
        assert!(matches!(tried(&to(Scope::Shared, Some(&nowhere)), "token", &same), Error::NoGroup { .. }));
        let without = Move { identity: None, ..to(Scope::Shared, Some(&ops)) };
        assert!(matches!(tried(&without, "token", &same), Error::ValueNeeded));
        let other = Move { identity: Some(&bob), ..to(Scope::Shared, None) };
        assert!(matches!(tried(&other, "token", &same), Error::NotForUs { .. }));
        // Bob has a secret of the same variable, which a shared one would meet.
        let collides = |registry: &mut Registry| add(registry, "TOKEN", Scope::Private, "bob");
        assert!(matches!(tried(&shared, "token", &collides), Error::Collision { .. }));
        let both = |registry: &mut Registry| add(registry, "token", Scope::Shared, "bob");
        assert!(matches!(tried(&to(Scope::Private, None), "token", &both), Error::SecretExists { .. }));
        assert!(matches!(tried(&shared, "token", &both), Error::NotMoved { .. }));
    }
}
