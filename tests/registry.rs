//! The registry as a library: what is opened, what is refused, and what the file looks like. Rows R07 to R24 of the list of faults.

use std::time::Instant;

use hushlog::registry::{
    By, Draft, Error, Identity, Name, NameError, PublicKey, Registry, Scope, SigningKey, VALUE_LEN_MAX, Value,
};

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

/// Two members with their identities.
struct Team {
    registry: Registry,
    alice: Identity,
    vm: Identity,
}

impl Team {
    fn new() -> Team {
        let (alice, vm) = (Identity::generate(), Identity::generate());
        let mut registry = Registry::default();
        registry.set_member(&name("alice"), alice.recipient(), None, None).unwrap();
        registry.set_member(&name("vm"), vm.recipient(), None, None).unwrap();
        Team { registry, alice, vm }
    }

    fn add(&mut self, member: &str, secret: &str, scope: Scope, value: &str) -> Result<String, Error> {
        add(&mut self.registry, member, secret, scope, value.as_bytes())
    }

    /// Some of everything.
    fn full() -> Team {
        let mut team = Team::new();
        team.add("alice", "openai-api-key", Scope::Shared, "sk-live-4f9QzX").unwrap();
        team.add("alice", "db_url", Scope::Shared, "postgres://app:pa55w0rd@db/app").unwrap();
        team.add("alice", "own.token", Scope::Private, "alice-token-8Jq2").unwrap();
        team.add("vm", "own.token", Scope::Private, "vm-token-7Hn3").unwrap();
        let by = By { member: &name("alice"), at: "2026-01-02T03:04:05Z".to_owned() };
        team.registry.set_default(&name("production"), &name("NODE_ENV"), "production", &by).unwrap();
        team
    }
}

fn add(registry: &mut Registry, member: &str, secret: &str, scope: Scope, value: &[u8]) -> Result<String, Error> {
    let draft = Draft { name: secret.parse()?, scope, install: true, value: Value::new(value)? };
    registry.add(&draft, &By::now(&name(member)))
}

/// Name, scope, value and whether it is installed, of all that is opened.
fn opened(registry: &Registry, identity: &Identity) -> Result<Vec<(String, Scope, String, bool)>, Error> {
    let opened = registry.open(identity, None, None)?;
    let of = |secret: &hushlog::registry::OpenedSecret| {
        let value = String::from_utf8(secret.secret.expose().to_vec()).unwrap();
        (secret.secret.name().to_owned(), secret.scope, value, secret.install)
    };
    Ok(opened.secrets.iter().map(of).collect())
}

fn reread(registry: &Registry) -> Registry {
    Registry::parse(registry.to_text(None).unwrap().as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_is_saved_is_opened_by_those_it_is_for() {
    let team = Team::full();
    let registry = reread(&team.registry);
    let shared = |name: &str, value: &str| (name.to_owned(), Scope::Shared, value.to_owned(), true);
    let own = |value: &str| ("own.token".to_owned(), Scope::Private, value.to_owned(), true);
    let both = [shared("db_url", "postgres://app:pa55w0rd@db/app"), shared("openai-api-key", "sk-live-4f9QzX")];
    let with = |own: (String, Scope, String, bool)| [both.to_vec(), vec![own]].concat();
    assert_eq!(opened(&registry, &team.alice).unwrap(), with(own("alice-token-8Jq2")));
    assert_eq!(opened(&registry, &team.vm).unwrap(), with(own("vm-token-7Hn3")));
    let production = registry.open(&team.vm, None, Some(&name("production"))).unwrap();
    assert_eq!(production.defaults.into_iter().collect::<Vec<_>>(), [("NODE_ENV".into(), "production".into())]);
}

#[test]
fn a_private_secret_hides_the_shared_one_of_its_name() {
    let mut team = Team::new();
    team.add("alice", "token", Scope::Shared, "shared-value").unwrap();
    team.add("alice", "token", Scope::Private, "private-value").unwrap();
    let seen = opened(&team.registry, &team.alice).unwrap();
    assert_eq!(seen[0], ("token".into(), Scope::Private, "private-value".into(), true));
    assert_eq!(seen[1], ("token".into(), Scope::Shared, "shared-value".into(), false), "masked, and not exported");
    assert_eq!(
        opened(&team.registry, &team.vm).unwrap(),
        [("token".into(), Scope::Shared, "shared-value".into(), true)]
    );
}

#[test]
fn the_file_is_the_same_whatever_was_done_in_which_order_and_shows_no_value() {
    let team = Team::full();
    let text = team.registry.to_text(None).unwrap();
    assert_eq!(reread(&team.registry).to_text(None).unwrap(), text);
    for value in ["sk-live", "pa55w0rd", "alice-token", "vm-token"] {
        assert!(!text.contains(value));
    }
    println!("{text}");
}

#[test]
fn probe_speed() {
    let mut team = Team::new();
    for number in 0..1000 {
        team.add("alice", &format!("secret-{number}"), Scope::Shared, "a value of forty characters, which is so")
            .unwrap();
    }
    let text = team.registry.to_text(None).unwrap();
    let start = Instant::now();
    let registry = Registry::parse(text.as_bytes()).unwrap();
    println!("{} bytes parsed in {:?}", text.len(), start.elapsed());
    let start = Instant::now();
    registry.open(&team.vm, None, None).unwrap();
    println!("opened in {:?}", start.elapsed());
    let _ = (VALUE_LEN_MAX, NameError::Empty, SigningKey::generate().map(|key| -> PublicKey { key.public() }));
}
