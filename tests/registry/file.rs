//! The registry as a library: accepted files, refused files, and the file's layout. Rows R07 to R24
//! of `docs/faults.md`.

use hushlog::registry::{
    By, Draft, Edit, Error, ExportedSecret, FILE_LEN_MAX, Identity, Name, NameError, Rank, Registry, Scope, SigningKey,
};
use hushlog::registry::{VALUE_LEN_MAX, Value};

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
    let draft = Draft::new(secret.parse()?, scope, Value::new(value)?);
    let variable = registry.add(&draft, &By::now(&name(member)))?;
    Ok(variable.expect("it is exported"))
}

/// Name, rank, value and export of all opened entries.
fn opened(registry: &Registry, identity: &Identity) -> Result<Vec<(String, Rank, String, bool)>, Error> {
    let opened = registry.open(identity, None, None)?;
    let of = |secret: &ExportedSecret| {
        let value = String::from_utf8(secret.secret.expose().to_vec()).unwrap();
        (secret.secret.name().to_owned(), secret.rank, value, secret.is_exported)
    };
    Ok(opened.secrets.iter().map(of).collect())
}

fn reread(registry: &Registry) -> Registry {
    Registry::parse(registry.to_text(None).unwrap().as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn saved_values_are_opened_by_their_recipients() {
    let team = Team::full();
    let registry = reread(&team.registry);
    let shared = |name: &str, value: &str| (name.to_owned(), Rank::Shared, value.to_owned(), true);
    let own = |value: &str| ("own.token".to_owned(), Rank::Private, value.to_owned(), true);
    let both = [shared("db_url", "postgres://app:pa55w0rd@db/app"), shared("openai-api-key", "sk-live-4f9QzX")];
    let with = |own: (String, Rank, String, bool)| [both.to_vec(), vec![own]].concat();
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
    assert_eq!(seen[0], ("token".into(), Rank::Private, "private-value".into(), true));
    assert_eq!(seen[1], ("token".into(), Rank::Shared, "shared-value".into(), false), "masked, and not exported");
    assert_eq!(
        opened(&team.registry, &team.vm).unwrap(),
        [("token".into(), Rank::Shared, "shared-value".into(), true)]
    );
}

#[test]
fn the_file_is_independent_of_the_order_and_shows_no_value() {
    let team = Team::full();
    let text = team.registry.to_text(None).unwrap();
    assert_eq!(reread(&team.registry).to_text(None).unwrap(), text);
    for value in ["sk-live", "pa55w0rd", "alice-token", "vm-token"] {
        assert!(!text.contains(value));
    }
}

#[test]
fn changes_of_members_seal_anew_and_keep_values() {
    let mut team = Team::full();
    let late = Identity::generate();
    let refused = team.registry.set_member(&name("late"), late.recipient(), None, None).unwrap_err();
    assert!(matches!(refused, Error::IdentityNeeded { count: 2 }));
    let before = opened(&team.registry, &team.vm).unwrap();
    let change = team.registry.set_member(&name("late"), late.recipient(), None, Some(&team.vm)).unwrap();
    assert_eq!((change.resealed, change.gone), (2, 0));
    assert_eq!(opened(&team.registry, &late).unwrap(), before[..2]);
    assert_eq!(opened(&team.registry, &team.vm).unwrap(), before);

    let change = team.registry.remove_member(&name("alice"), Some(&late)).unwrap();
    assert_eq!((change.resealed, change.gone), (2, 1));
    assert!(matches!(opened(&team.registry, &team.alice), Err(Error::UnknownIdentity)));
    assert_eq!(opened(&reread(&team.registry), &team.vm).unwrap(), before);

    // A new key for a member: the member's private entries are resealed, too.
    let new = Identity::generate();
    assert!(matches!(
        team.registry.set_member(&name("vm"), new.recipient(), None, Some(&late)),
        Err(Error::NotForUs { .. })
    ));
    assert_eq!(team.registry.set_member(&name("vm"), new.recipient(), None, Some(&team.vm)).unwrap().resealed, 3);
    assert_eq!(opened(&team.registry, &new).unwrap(), before);
    team.registry.remove_member(&name("late"), Some(&new)).unwrap();
    assert!(matches!(team.registry.remove_member(&name("vm"), Some(&new)), Err(Error::LastMember)));
}

#[test]
fn edits_and_deletions_are_the_members_own() {
    let mut team = Team::full();
    let (alice, vm) = (name("alice"), name("vm"));
    let version = |registry: &Registry| registry.secrets().next().unwrap().2.version.clone();
    let old = version(&team.registry);
    let new_value = Edit { value: Some(Value::new(b"another-value").unwrap()), ..Edit::default() };
    let own = name("own.token");
    assert_eq!(team.registry.edit(&own, None, &new_value, &By::now(&alice)).unwrap(), Scope::Private);
    assert_eq!(opened(&team.registry, &team.vm).unwrap()[2].2, "vm-token-7Hn3", "the other's stays");
    assert_eq!(opened(&team.registry, &team.alice).unwrap()[2].2, "another-value");
    team.registry.edit(&name("db_url"), None, &new_value, &By::now(&vm)).unwrap();
    assert_ne!(version(&team.registry), old, "a version is new with every value");
    team.registry
        .edit(&name("db_url"), None, &Edit { install: Some(false), ..Edit::default() }, &By::now(&vm))
        .unwrap();
    assert!(!opened(&team.registry, &team.vm).unwrap()[0].3);
    team.registry.delete(&own, None, &By::now(&alice)).unwrap();
    assert!(matches!(team.registry.delete(&own, None, &By::now(&alice)), Err(Error::NoSecret { .. })));
    assert_eq!(opened(&team.registry, &team.alice).unwrap().len(), 2);
    assert!(matches!(team.registry.delete(&own, None, &By::now(&name("eve"))), Err(Error::NotAMember { .. })));
}

#[test]
fn defaults_have_a_history_and_no_credentials() {
    let mut team = Team::full();
    let (environment, variable, alice) = (name("production"), name("NODE_ENV"), name("alice"));
    let by = By::now(&alice);
    assert!(!team.registry.set_default(&environment, &variable, "production", &by).unwrap(), "nothing new");
    assert!(team.registry.set_default(&environment, &variable, "staging", &by).unwrap());
    team.registry.unset_default(&environment, &variable, &by).unwrap();
    let again = team.registry.unset_default(&environment, &variable, &by);
    assert!(matches!(again, Err(Error::NoVariable { .. })));
    let registry = reread(&team.registry);
    let values: Vec<Option<&str>> =
        registry.environment(&environment).unwrap()["NODE_ENV"].iter().map(|change| change.value.as_deref()).collect();
    assert_eq!(values, [Some("production"), Some("staging"), None]);
    assert!(registry.defaults(&environment).unwrap().is_empty());
    let credential = team.registry.set_default(&environment, &name("API_TOKEN"), "hunter2hunter2", &by).unwrap_err();
    assert!(matches!(credential, Error::LooksLikeCredential { .. }) && !credential.to_string().contains("hunter2"));
    for variable in ["PATH", "path", "LD_PRELOAD", "HUSHLOG_X", "A-B", "A.B"] {
        assert!(team.registry.set_default(&environment, &name(variable), "x", &by).is_err(), "{variable}");
    }
    assert!(team.registry.set_default(&environment, &variable, "a\0b", &by).is_err());
    assert!(matches!(registry.defaults(&name("nowhere")), Err(Error::NoEnvironment { .. })));
}

/// Longer than a line, with blanks that folding would lose.
const LONG: &str = "-Xmx512m  -Dfile.encoding=UTF-8   -Dspring.profiles.active=development,local  -Dlogging.level.root=info  and so on ";

#[test]
fn r08_text_that_yaml_reads_as_another_type_stays_text() {
    let mut team = Team::new();
    let words = ["no", "on", "y", "null", "true", "Infinity", "e3"];
    for word in words {
        team.add("alice", word, Scope::Shared, &format!("value-of-{word}")).unwrap();
    }
    let (environment, alice) = (name("null"), name("alice"));
    let values = [
        "no", "~", "null", "0o7", "1e3", "", "true", "1_000", "- a", "a: b", "# c", "\"", "'", "!x", "&a", "*a",
        "a\nb\n", "\t", LONG,
    ];
    for (number, value) in values.iter().enumerate() {
        team.registry.set_default(&environment, &name(&format!("V{number}")), value, &By::now(&alice)).unwrap();
    }
    let registry = reread(&team.registry);
    assert_eq!(registry.to_text(None).unwrap(), team.registry.to_text(None).unwrap());
    let defaults = registry.defaults(&environment).unwrap();
    for (number, value) in values.iter().enumerate() {
        assert_eq!(defaults[&format!("V{number}")], *value);
    }
    assert_eq!(opened(&registry, &team.vm).unwrap().len(), words.len());
}

#[test]
fn r17_names_that_cannot_be_exported_are_refused() {
    let mut team = Team::new();
    for bad in
        ["../x", "A=B", "a\nb", "a\0b", "", "1password", "-x", ".x", "_x", "a/b", "p\u{430}ss", "a b", "a\u{212a}"]
    {
        assert!(matches!(team.add("alice", bad, Scope::Shared, "a value"), Err(Error::Name(_))), "{bad:?}");
    }
    let long = "a".repeat(10 << 10);
    assert!(matches!(team.add("alice", &long, Scope::Shared, "a value"), Err(Error::Name(NameError::TooLong))));
    for taken in
        ["PATH", "path", "ld_preload", "LD-PRELOAD", "bash.env", "ifs", "hushlog-registry", "Home", "listen.fds"]
    {
        let refused = team.add("alice", taken, Scope::Shared, "a value");
        assert!(matches!(refused, Err(Error::Name(NameError::Reserved))), "{taken}");
    }
    assert_eq!(team.registry.secrets().count(), 0);
}

#[test]
fn r17_two_secrets_of_one_variable_are_refused() {
    let mut team = Team::new();
    team.add("alice", "db-url", Scope::Private, "alice-value").unwrap();
    team.add("vm", "db_url", Scope::Private, "vm-value").unwrap();
    for scope in [Scope::Private, Scope::Shared] {
        assert!(matches!(team.add("alice", "db.url", scope, "a value"), Err(Error::Collision { .. })));
        assert!(matches!(team.add("alice", "DB_URL", scope, "a value"), Err(Error::Collision { .. })));
    }
    assert!(matches!(team.add("alice", "db-url", Scope::Private, "a value"), Err(Error::SecretExists { .. })));
    assert_eq!(team.registry.secrets().count(), 2);
}

#[test]
fn r03_values_are_refused_by_class_and_never_shown() {
    let mut team = Team::new();
    let longest = "v".repeat(VALUE_LEN_MAX);
    assert!(matches!(Value::new(b""), Err(Error::ValueEmpty)));
    assert!(matches!(Value::new(b" \n\t "), Err(Error::ValueEmpty)));
    assert!(matches!(Value::new(b" abc "), Err(Error::ValueTooShort)));
    assert!(matches!(Value::new(b"abcd\0efgh"), Err(Error::ValueNul)));
    assert!(matches!(Value::new(format!("{longest}v").as_bytes()), Err(Error::ValueTooLong)));
    assert_eq!(format!("{:?}", Value::new(b"hunter2hunter2").unwrap()), "[REDACTED]");
    let odd: &[&[u8]] =
        &[b"abcd", longest.as_bytes(), b"crlf\r\nlines\r\n", b"\xff\xfe invalid", "na\u{ef}ve \u{1f600}".as_bytes()];
    for (number, value) in odd.iter().enumerate() {
        add(&mut team.registry, "alice", &format!("odd-{number}"), Scope::Shared, value).unwrap();
    }
    let opened = reread(&team.registry).open(&team.vm, None, None).unwrap();
    let values: Vec<&[u8]> = opened.secrets.iter().map(|opened| opened.secret.expose()).collect();
    assert_eq!(values, odd);
}

#[test]
fn r20_an_identity_opens_the_secrets_of_its_member_only() {
    let team = Team::full();
    let as_vm = team.registry.open(&team.alice, Some(&name("vm")), None);
    assert!(matches!(as_vm, Err(Error::OtherMember { .. })));
    assert!(matches!(team.registry.open(&team.alice, Some(&name("eve")), None), Err(Error::NotAMember { .. })));
    assert!(matches!(team.registry.open(&Identity::generate(), None, None), Err(Error::UnknownIdentity)));
    let seen = opened(&team.registry, &team.alice).unwrap();
    assert!(seen.iter().all(|(_, _, value, _)| value != "vm-token-7Hn3"));
}

#[test]
fn one_identity_of_several_members_has_to_say_which() {
    let mut team = Team::full();
    team.registry.set_member(&name("twin"), team.vm.recipient(), None, Some(&team.vm)).unwrap();
    assert!(matches!(team.registry.open(&team.vm, None, None), Err(Error::SeveralMembers { .. })));
    assert_eq!(team.registry.open(&team.vm, Some(&name("twin")), None).unwrap().secrets.len(), 2);
    assert_eq!(team.registry.open(&team.vm, Some(&name("vm")), None).unwrap().secrets.len(), 3);
}

#[test]
fn many_secrets_open_on_all_cores_in_order() {
    let mut team = Team::new();
    for number in 0..200 {
        team.add("alice", &format!("s{number:03}"), Scope::Shared, &format!("value-{number}")).unwrap();
    }
    let seen = opened(&reread(&team.registry), &team.vm).unwrap();
    for (number, (name, _, value, _)) in seen.iter().enumerate() {
        assert_eq!(
            (name.as_str(), value.as_str()),
            (format!("s{number:03}").as_str(), format!("value-{number}").as_str())
        );
    }
    assert_eq!(seen.len(), 200);
}

#[test]
fn a_signed_registry_is_signed_by_a_signer_each_time() {
    let mut team = Team::full();
    let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    assert!(matches!(team.registry.to_text(Some(&key)), Err(Error::NotASigner)), "no signers are named");
    team.registry.set_member(&name("alice"), team.alice.recipient(), Some(key.public()), None).unwrap();
    assert!(matches!(team.registry.to_text(None), Err(Error::KeyNeeded)));
    assert!(matches!(team.registry.to_text(Some(&other)), Err(Error::NotASigner)));
    let registry = Registry::parse(team.registry.to_text(Some(&key)).unwrap().as_bytes()).unwrap();
    assert_eq!(opened(&registry, &team.vm).unwrap().len(), 3);
    assert!(registry.require_signer(&[other.public(), key.public()]).is_ok());
    assert!(matches!(registry.require_signer(&[other.public()]), Err(Error::Untrusted)));
    assert!(matches!(Team::full().registry.require_signer(&[key.public()]), Err(Error::Untrusted)));
}

#[test]
fn too_large_a_file_is_refused_before_it_is_read() {
    assert!(matches!(Registry::parse(&vec![b'#'; FILE_LEN_MAX + 1]), Err(Error::FileTooLarge)));
}
