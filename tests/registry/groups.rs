//! Groups of members: which identities open the secrets of a group, before and after its members
//! change.

use std::fs;

use data_encoding::BASE64;
use hushlog::registry::{Identity, Registry, SigningKey};
use serde_json::Value;

use crate::program::{self, Ran};
use crate::registry::{Desk, have};

const VALUE: &str = "zulu-kite-4471-ops";

/// Alice's directory, with the members alice, bob and carol.
fn team() -> Desk {
    let desk = Desk::new();
    for member in ["bob", "carol"] {
        add_member(&desk, member).ends(0);
    }
    desk
}

/// Adds a member with a new identity, as alice.
fn add_member(desk: &Desk, member: &str) -> Ran {
    let file = format!("{member}.txt");
    desk.hushlog(["keygen", "--output", &file], b"").ends(0);
    let recipient = desk.identity(&file).recipient().to_string();
    desk.hushlog(["member", "add", member, &recipient], b"")
}

fn group(desk: &Desk, words: &[&str]) -> Ran {
    desk.hushlog([&["group"], words].concat(), b"")
}

fn add(desk: &Desk, secret: &str, group: &str) -> Ran {
    desk.hushlog(["secret", "add", secret, "--group", group, "--value-file", "-"], VALUE.as_bytes())
}

/// The variables that a member exports.
fn seen(desk: &Desk, member: &str) -> Vec<String> {
    let identity = format!("{member}.txt");
    let words = ["export", "--format", "json", "--registry", "registry.yaml", "--identity", &identity, "--allow-empty"];
    let exported: Value = serde_json::from_str(&desk.hushlog(words, b"").ends(0).out()).unwrap();
    exported.as_object().unwrap().keys().cloned().collect()
}

/// The sealed value of each shared secret.
pub(crate) fn sealed_values(text: &str) -> Vec<(String, String)> {
    let shared = text.split_once("\nshared:\n").map_or("", |(_, rest)| rest);
    let mut found: Vec<(String, String)> = Vec::new();
    for line in shared.lines().take_while(|line| line.starts_with(' ')) {
        match line.strip_prefix("  ").and_then(|line| line.strip_suffix(':')).filter(|name| !name.starts_with(' ')) {
            Some(name) => found.push((name.to_owned(), String::new())),
            None if line.starts_with("      ") => {
                let (_, value) = found.last_mut().unwrap();
                *value += &format!("{}\n", line.trim_start());
            }
            None => {}
        }
    }
    found
}

/// The sealed identities of groups in a file: member, and age file.
pub(crate) fn sealed_identities(text: &str) -> Vec<(String, Vec<u8>)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("      ")?.split_once(": "));
    let lines = lines.filter_map(|(member, sealed)| Some((member.to_owned(), BASE64.decode(sealed.as_bytes()).ok()?)));
    lines.collect()
}

/// The identities of groups that an identity opens in a file.
pub(crate) fn identities_of_groups(text: &str, own: &Identity) -> Vec<Identity> {
    let opened = sealed_identities(text).into_iter().filter_map(|(_, sealed)| own.decrypt(&sealed));
    opened.map(|file| Identity::parse(&file, || panic!("it has no passphrase")).unwrap()).collect()
}

#[test]
fn r20_the_members_of_a_group_open_its_secrets_alone() {
    let desk = team();
    group(&desk, &["add", "ops", "alice", "bob"]).ends(0).says("ops is a group of 2 members");
    add(&desk, "db-url", "ops").ends(0).says("saved db-url: shared with the group ops, exported as DB_URL");
    desk.add("all-token", b"zulu-kite-4471-all").ends(0);
    for (member, variables) in
        [("alice", &["ALL_TOKEN", "DB_URL"][..]), ("bob", &["ALL_TOKEN", "DB_URL"]), ("carol", &["ALL_TOKEN"])]
    {
        assert_eq!(seen(&desk, member), variables, "{member}");
    }
    // Neither a member that is not in the group, nor the machine of the save, needs an identity.
    let words = ["secret", "add", "pay-token", "--group", "ops", "--as", "carol", "--value-file", "-"];
    desk.hushlog(words, b"zulu-kite-4471-pay").ends(0);
    assert_eq!(seen(&desk, "bob"), ["ALL_TOKEN", "DB_URL", "PAY_TOKEN"]);
    // A new value stays in the group.
    desk.hushlog(["secret", "edit", "db-url", "--value-file", "-"], b"zulu-kite-4472").ends(0);
    assert_eq!(seen(&desk, "carol"), ["ALL_TOKEN"]);
    assert!(!desk.holds(VALUE.as_bytes()));
}

#[test]
fn groups_are_listed_and_explained() {
    let desk = team();
    let list = |words: &[&str]| desk.hushlog(words, b"").ends(0).out();
    assert!(!list(&["secret", "list"]).contains("GROUP") && !list(&["member", "list"]).contains("GROUPS"));
    group(&desk, &["list"]).ends(0).says("the registry has no groups");
    desk.add("all-token", b"zulu-kite-4471-all").ends(0);
    assert!(!desk.text().contains("group"), "an earlier program knows no groups");

    group(&desk, &["add", "ops", "alice", "bob"]).ends(0);
    add(&desk, "db-url", "ops").ends(0);
    let json = |words: &[&str]| serde_json::from_str::<Value>(&list(&[words, &["--json"]].concat())).unwrap();
    let secrets = json(&["secret", "list"]);
    assert_eq!((&secrets[0]["group"], &secrets[1]["group"]), (&Value::Null, &"ops".into()));
    assert_eq!(secrets[1]["scope"], "shared");
    assert!(list(&["secret", "search", "ops"]).contains("db-url"));
    let members = json(&["member", "list"]);
    assert_eq!((&members[1]["name"], &members[1]["groups"]), (&"bob".into(), &vec!["ops"].into()));
    assert_eq!(members[2]["groups"], Value::Array(Vec::new()));
    assert!(list(&["member", "list"]).contains("GROUPS"));
    let groups = json(&["group", "list"]);
    assert_eq!((&groups[0]["name"], &groups[0]["secrets"]), (&"ops".into(), &1.into()));
    assert_eq!(groups[0]["members"], Value::from(vec!["alice", "bob"]));
    assert!(list(&["group", "list"]).contains("ops    1        alice bob"));
    let explained = list(&["explain", "db-url", "--registry", "registry.yaml"]);
    assert!(explained.starts_with("db-url: from a registry, shared with the group ops\n"), "{explained}");
    assert_eq!(json(&["explain", "db-url", "--registry", "registry.yaml"])[0]["group"], "ops");
    // A member of no group learns the reason.
    let by_carol = ["--registry", "registry.yaml", "--identity", "carol.txt"];
    let reason = "db-url is shared with the group ops, which the identity is not in";
    for words in [["check", "DB_URL"], ["check", "db-url"], ["explain", "db-url"]] {
        desk.hushlog([&words[..], &by_carol].concat(), b"").ends(1).says(reason);
    }
    let all = desk.hushlog([&["check", "ALL_TOKEN"][..], &by_carol].concat(), b"").ends(1);
    assert!(!all.err().contains("db-url"), "{}", all.err());
}

#[test]
fn joining_seals_one_identity_and_no_secret() {
    let desk = team();
    group(&desk, &["add", "ops", "alice", "bob"]).ends(0);
    add(&desk, "db-url", "ops").ends(0);
    let before = desk.text();
    // Carol cannot let herself in.
    let by_carol = ["join", "ops", "carol", "--identity", "carol.txt"];
    group(&desk, &by_carol).ends(2).says("this change of the group ops needs the identity of one of its members");
    group(&desk, &["join", "ops", "carol", "bob"]).ends(0).says("1 member joined ops");
    group(&desk, &["join", "ops", "carol"]).ends(0).says("nothing to do");
    assert_eq!(seen(&desk, "carol"), ["DB_URL"]);
    let after = desk.text();
    let removed: Vec<&str> = before.lines().filter(|line| !after.lines().any(|other| other == *line)).collect();
    let added = after.lines().filter(|line| !before.lines().any(|other| other == *line)).count();
    assert!(removed.iter().all(|line| line.starts_with("revision:") || line.starts_with("check:")), "{removed:?}");
    assert_eq!(added, removed.len() + 1);
}

#[test]
fn r25_a_member_that_left_opens_nothing_that_is_sealed_later() {
    let desk = team();
    group(&desk, &["add", "ops", "alice", "bob", "carol"]).ends(0);
    add(&desk, "db-url", "ops").ends(0);
    let before = desk.text();
    let bob = desk.identity("bob.txt");
    let known = identities_of_groups(&before, &bob);
    assert_eq!(known.len(), 1, "bob knows the identity of the group");
    assert!(known[0].decrypt(sealed_values(&before)[0].1.as_bytes()).is_some());

    let left = ["leave", "ops", "bob", "--identity", "carol.txt"];
    group(&desk, &left).ends(0).says("1 member left ops; 1 secret was resealed").says("save new values");
    add(&desk, "pay-token", "ops").ends(0);
    let after = desk.text();
    let values = sealed_values(&after);
    assert_eq!(values.len(), 2);
    for identity in known.iter().chain([&bob]) {
        assert!(values.iter().all(|(_, sealed)| identity.decrypt(sealed.as_bytes()).is_none()));
        assert!(identities_of_groups(&after, identity).is_empty());
    }
    assert_eq!((seen(&desk, "alice").len(), seen(&desk, "carol").len(), seen(&desk, "bob").len()), (2, 2, 0));
    group(&desk, &["leave", "ops", "bob"]).ends(2).says("bob is not in the group ops");

    // A removed member has left its groups, and so has a replaced key.
    let carol = desk.identity("carol.txt");
    let known = identities_of_groups(&after, &carol);
    desk.hushlog(["keygen", "--output", "new.txt"], b"").ends(0);
    let recipient = desk.identity("new.txt").recipient().to_string();
    desk.hushlog(["member", "add", "carol", &recipient], b"").ends(0).says("2 secrets were resealed");
    assert_eq!(seen(&desk, "new").len(), 2);
    desk.hushlog(["member", "remove", "carol"], b"").ends(0).says("2 secrets were resealed");
    let end = desk.text();
    for identity in known.iter().chain([&carol, &desk.identity("new.txt")]) {
        assert!(sealed_values(&end).iter().all(|(_, sealed)| identity.decrypt(sealed.as_bytes()).is_none()));
    }
    assert_eq!(seen(&desk, "alice").len(), 2);
}

#[test]
fn the_group_of_all_seals_shared_secrets_once() {
    let desk = team();
    desk.add("api-key", VALUE.as_bytes()).ends(0);
    let stanzas = |sealed: &str| {
        let body: String = sealed.lines().filter(|line| !line.starts_with('-')).collect();
        String::from_utf8_lossy(&BASE64.decode(body.as_bytes()).unwrap()).matches("-> X25519 ").count()
    };
    assert_eq!(stanzas(&sealed_values(&desk.text())[0].1), 3);
    // The identity has to open the shared secrets.
    desk.hushlog(["keygen", "--output", "eve.txt"], b"").ends(0);
    group(&desk, &["add", "all", "--identity", "eve.txt"]).ends(2).says("the shared secret api-key is not sealed to");
    group(&desk, &["add", "all"]).ends(0).says("all is a group of 3 members; 1 secret was resealed");
    let before = sealed_values(&desk.text());
    assert_eq!(stanzas(&before[0].1), 1);

    // A new member costs no resealing, but an identity of a member.
    desk.hushlog(["keygen", "--output", "dan.txt"], b"").ends(0);
    let recipient = desk.identity("dan.txt").recipient().to_string();
    let by_eve = ["member", "add", "dan", &recipient, "--identity", "eve.txt"];
    desk.hushlog(by_eve, b"").ends(2).says("this change of the group all needs the identity of one of its members");
    assert_eq!(desk.hushlog(["member", "add", "dan", &recipient], b"").ends(0).err(), "hushlog: dan is a member\n");
    assert_eq!(sealed_values(&desk.text()), before);
    assert_eq!(seen(&desk, "dan"), ["API_KEY"]);
    group(&desk, &["list"]).ends(0);
    assert_eq!(desk.content().unwrap().0, ["alice", "bob", "carol", "dan"]);

    // A member that is removed, and all that it knows, is out.
    let bob = desk.identity("bob.txt");
    let known = identities_of_groups(&desk.text(), &bob);
    desk.hushlog(["member", "remove", "bob"], b"").ends(0).says("1 secret was resealed");
    desk.add("new-key", VALUE.as_bytes()).ends(0);
    for (_, sealed) in sealed_values(&desk.text()) {
        assert!(known.iter().chain([&bob]).all(|identity| identity.decrypt(sealed.as_bytes()).is_none()));
    }
    assert_eq!(seen(&desk, "dan"), ["API_KEY", "NEW_KEY"]);
    group(&desk, &["join", "all", "dan"]).ends(2).says("the group all consists of all members");
    group(&desk, &["leave", "all", "dan"]).ends(2).says("`hushlog member` changes it");

    group(&desk, &["remove", "all"]).ends(0).says("2 secrets were resealed");
    assert_eq!(stanzas(&sealed_values(&desk.text())[0].1), 3);
    assert!(!desk.text().contains("groups:"));
    assert_eq!(seen(&desk, "dan"), ["API_KEY", "NEW_KEY"]);
}

#[test]
fn an_upgrade_of_a_large_registry_names_the_group_of_all() {
    let desk = Desk::new();
    desk.add("api-key", VALUE.as_bytes()).ends(0);
    let alice = desk.identity("alice.txt");
    let add = |registry: &mut Registry| {
        for number in 1..16 {
            let member = format!("vm-{number}").parse()?;
            registry.set_member(&member, Identity::generate().recipient(), None, Some(&alice))?;
        }
        Ok::<(), hushlog::registry::Error>(())
    };
    assert!(!desk.hushlog(["registry", "upgrade"], b"").ends(0).err().contains("group add all"));
    Registry::update(&desk.registry(), None, add).unwrap();
    desk.hushlog(["registry", "upgrade"], b"").ends(0).says("sealed to 16 members; `hushlog group add all`");
    // Earlier programs refuse a registry with groups anyway, so it gets what an upgrade gives.
    let old: String = desk.text().split_inclusive('\n').filter(|line| !line.starts_with("revision:")).collect();
    fs::write(desk.registry(), old).unwrap();
    group(&desk, &["add", "all"]).ends(0);
    assert!(desk.text().contains("\nrevision: 1\n"));
    desk.hushlog(["registry", "upgrade"], b"").ends(0).says("the registry is up to date");
    // A member costs an identity, and no part of a secret.
    let each: Vec<usize> = sealed_identities(&desk.text()).iter().map(|(_, sealed)| sealed.len()).collect();
    assert!(each.len() == 16 && each.iter().all(|len| *len < 600), "{each:?}");
}

#[test]
fn groups_without_secrets_are_changed_without_an_identity() {
    let desk = Desk::new();
    group(&desk, &["add", "all"]).ends(0).says("all is a group of 1 member");
    group(&desk, &["add", "ops"]).ends(0).says("ops is a group of 0 members");
    desk.hushlog(["keygen", "--output", "eve.txt"], b"").ends(0);
    desk.hushlog(["keygen", "--output", "bob.txt"], b"").ends(0);
    let recipient = desk.identity("bob.txt").recipient().to_string();
    desk.hushlog(["member", "add", "bob", &recipient, "--identity", "eve.txt"], b"").ends(0);
    add(&desk, "db-url", "ops").ends(2).says("the group ops has no members").says("group join");
    group(&desk, &["join", "ops", "bob", "--identity", "eve.txt"]).ends(0);
    add(&desk, "db-url", "ops").ends(0);
    desk.add("api-key", VALUE.as_bytes()).ends(0);
    assert_eq!((seen(&desk, "alice").len(), seen(&desk, "bob").len()), (1, 2));
}

#[test]
fn groups_that_cannot_be_are_refused_with_the_reason() {
    let desk = Desk::empty();
    group(&desk, &["add", "ops"]).ends(2).says("the registry does not exist");
    assert!(!desk.files().contains(&"registry.yaml".to_owned()));
    let desk = team();
    add(&desk, "db-url", "ops").ends(2).says("the group ops does not exist").says("`hushlog group add` makes one");
    add(&desk, "db-url", "all").ends(2).says("the group all consists of all members").says("--shared");
    group(&desk, &["add", "ops", "eve"]).ends(2).says("eve is not a member");
    group(&desk, &["add", "all", "alice"]).ends(2).says("the group all consists of all members");
    group(&desk, &["add", "ops", "alice"]).ends(0);
    group(&desk, &["add", "ops"]).ends(2).says("the group ops exists already");
    group(&desk, &["join", "ops", "eve"]).ends(2).says("eve is not a member");
    group(&desk, &["join", "dev", "bob"]).ends(2).says("the group dev does not exist");
    add(&desk, "db-url", "ops").ends(0);
    let before = desk.text();
    group(&desk, &["remove", "ops"]).ends(2).says("secrets are sealed to the group ops (1)");
    group(&desk, &["leave", "ops", "alice"]).ends(2).says("the last member of the group ops cannot leave");
    let by_bob = ["member", "remove", "alice", "--identity", "bob.txt"];
    desk.hushlog(by_bob, b"").ends(2).says("the last member of the group ops cannot leave");
    let private = ["secret", "add", "x-key", "--private", "--group", "ops"];
    desk.hushlog(private, b"").ends(2).says("cannot be combined");
    assert_eq!(desk.text(), before);
    desk.hushlog(["secret", "delete", "db-url"], b"").ends(0);
    group(&desk, &["remove", "ops"]).ends(0).says("ops is not a group any more");
    assert!(!desk.text().contains("group"));
}

#[test]
fn two_groups_have_one_variable_unless_a_member_sees_both() {
    let desk = team();
    group(&desk, &["add", "staging", "alice"]).ends(0);
    group(&desk, &["add", "production", "bob"]).ends(0);
    let save = |name: &str, more: &[&str]| {
        let words = ["secret", "add", name, "--variable", "DB_URL", "--value-file", "-"];
        desk.hushlog([&words, more].concat(), VALUE.as_bytes())
    };
    save("staging.db", &["--group", "staging"]).ends(0);
    save("production.db", &["--group", "production"]).ends(0);
    assert_eq!((seen(&desk, "alice"), seen(&desk, "bob")), (vec!["DB_URL".to_owned()], vec!["DB_URL".to_owned()]));
    save("other.db", &["--group", "staging"]).ends(2).says("would both be exported as DB_URL");
    save("other.db", &["--shared"]).ends(2).says("would both be exported as DB_URL");
    save("other.db", &["--private", "--as", "bob"]).ends(2).says("would both be exported as DB_URL");
    save("own.db", &["--private", "--as", "carol"]).ends(0);
    group(&desk, &["join", "staging", "bob", "--identity", "alice.txt"]).ends(2).says("DB_URL");
    group(&desk, &["join", "production", "carol", "--identity", "bob.txt"]).ends(2).says("DB_URL");
    assert_eq!(seen(&desk, "carol"), ["DB_URL"]);
    // Files as well.
    for (secret, group) in [("a.pem", "staging"), ("b.pem", "production")] {
        let words = ["secret", "add", secret, "--group", group, "--file-target", "/srv/app/key", "--value-file", "-"];
        desk.hushlog(words, VALUE.as_bytes()).ends(0);
    }
    desk.hushlog(["secret", "delete", "staging.db"], b"").ends(0);
    group(&desk, &["join", "staging", "bob"]).ends(2).says("would both be written to /srv/app/key");
}

#[test]
fn r30_a_secret_moves_to_other_readers() {
    let desk = team();
    group(&desk, &["add", "ops", "alice", "bob"]).ends(0);
    group(&desk, &["add", "dev", "carol"]).ends(0);
    add(&desk, "db-url", "ops").ends(0);
    let moved = |more: &[&str]| desk.hushlog([&["secret", "move", "db-url"], more].concat(), VALUE.as_bytes());
    let readers = || ["alice", "bob", "carol"].map(|member| seen(&desk, member).contains(&"DB_URL".to_owned()));
    for wrong in [&[][..], &["--shared", "--private"], &["--private", "--group", "dev"]] {
        moved(wrong).ends(2);
    }
    moved(&["--group", "ops"]).ends(2).says("the secret db-url has these readers already");
    moved(&["--group", "nowhere"]).ends(2).says("does not exist");
    assert_eq!(readers(), [true, true, false]);
    let to_dev = moved(&["--group", "dev"]).ends(0).says("moved db-url: shared with the group dev;").err();
    assert!(to_dev.contains("earlier readers may have copies of the value") && !to_dev.contains(VALUE), "{to_dev}");
    assert_eq!(readers(), [false, false, true]);
    // Alice cannot open it any more, but has the value.
    moved(&["--private"]).ends(2).says("group dev");
    let to_alice = moved(&["--private", "--value-file", "-"]).ends(0).says("moved db-url: private to alice;").err();
    assert!(!to_alice.contains("copies"), "{to_alice}");
    assert_eq!(readers(), [true, false, false]);
    let without_identity = |more: &[&str]| {
        let mut command = desk.command(program::HUSHLOG);
        program::run(command.env_remove("HUSHLOG_IDENTITY").args(["secret", "move", "db-url"]).args(more), b"")
    };
    without_identity(&["--shared"]).ends(2).says("the readers are sealed with the value");
    without_identity(&["--shared", "--identity", "alice.txt"]).ends(0).says("moved db-url: shared;");
    assert_eq!(readers(), [true, true, true]);
    assert!(!desk.holds(VALUE.as_bytes()));
}

#[test]
fn an_import_goes_to_a_group_and_leaves_other_groups_alone() {
    let desk = team();
    group(&desk, &["add", "ops", "bob"]).ends(0);
    group(&desk, &["add", "dev", "alice"]).ends(0);
    fs::write(desk.path(".env"), "DB_URL=zulu-kite-4471\nAPI_KEY=zulu-kite-4472\n").unwrap();
    let import = |more: &[&str]| desk.hushlog([&["secret", "import", ".env", "--yes"], more].concat(), b"");
    import(&["--group", "ops"]).ends(0).says("saved 2 secrets: 2 new, 0 rotated");
    assert_eq!((seen(&desk, "bob").len(), seen(&desk, "alice").len()), (2, 0));
    import(&["--group", "ops"]).ends(0).says("0 new, 2 rotated");
    // Alice does not see them: they are not hers to rotate by a file with the same names.
    import(&["--shared"]).ends(2);
    import(&["--group", "dev"]).ends(2);
    assert_eq!((seen(&desk, "bob").len(), seen(&desk, "alice").len()), (2, 0));
}

#[test]
fn age_opens_the_identity_of_a_group_and_with_it_a_secret() {
    if !have("age") {
        return;
    }
    let desk = team();
    group(&desk, &["add", "ops", "bob"]).ends(0);
    add(&desk, "db-url", "ops").ends(0);
    let (member, identity) = sealed_identities(&desk.text()).remove(0);
    assert_eq!(member, "bob");
    fs::write(desk.path("ops.age"), identity).unwrap();
    fs::write(desk.path("value.age"), sealed_values(&desk.text()).remove(0).1).unwrap();
    let age = |words: &[&str]| crate::registry::output(desk.command("age").args(words));
    let opened = age(&["-d", "-i", "bob.txt", "ops.age"]);
    let registry = Registry::load(&desk.registry()).unwrap();
    assert!(opened.starts_with(&format!("# hushlog group ops of {}\n", registry.id().unwrap())), "{opened}");
    fs::write(desk.path("ops.txt"), opened).unwrap();
    let value = age(&["-d", "-i", "ops.txt", "value.age"]);
    assert!(value.contains("\nscope: shared\ngroup: ops\nowner: alice\n") && value.ends_with(VALUE), "{value}");
}

#[test]
fn r27_signatures_and_the_digest_cover_groups() {
    let desk = team();
    group(&desk, &["add", "ops", "alice", "bob"]).ends(0);
    add(&desk, "db-url", "ops").ends(0);
    let changed = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("      bob: ")).unwrap();
        text.replace(&format!("{line}\n"), "")
    };
    let text = desk.text();
    fs::write(desk.registry(), changed(&text)).unwrap();
    desk.hushlog(["secret", "list"], b"").ends(2).says("the registry's members were changed by hand");
    fs::write(desk.registry(), &text).unwrap();
    let public = desk.hushlog(["keygen", "--signing", "--output", "sign.pem"], b"").ends(0).out();
    let recipient = desk.identity("alice.txt").recipient().to_string();
    let sign = ["member", "add", "alice", &recipient, "--signer", public.trim(), "--sign", "sign.pem"];
    desk.hushlog(sign, b"").ends(0);
    group(&desk, &["leave", "ops", "bob"]).ends(2).says("so it must be signed");
    let signed = desk.text();
    // A digest that fits does not help.
    let mut forged = Registry::parse(signed.as_bytes()).unwrap();
    let (ops, bob, alice) = ("ops".parse().unwrap(), "bob".parse().unwrap(), desk.identity("alice.txt"));
    forged.leave_group(&ops, &[bob], Some(&alice)).unwrap();
    let key = SigningKey::load(&desk.path("sign.pem")).unwrap();
    let body = |text: &str| text.split_once("\nsignature:\n").unwrap().0.to_owned();
    let forged = body(&forged.to_text(Some(&key)).unwrap());
    fs::write(desk.registry(), signed.replace(&body(&signed), &forged)).unwrap();
    desk.hushlog(["secret", "list"], b"").ends(2).says("the registry was changed after it was signed");
    fs::write(desk.registry(), &signed).unwrap();
    group(&desk, &["leave", "ops", "bob", "--sign", "sign.pem"]).ends(0);
}
