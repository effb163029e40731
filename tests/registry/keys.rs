//! The registry's id and its keys: no part of one registry is valid in another, no key is shown,
//! and no name takes over a machine.

use std::fs;

use hushlog::Secret;
use hushlog::registry::{By, Draft, Error, Identity, Name, Registry, Scope, SigningKey, Value};

use super::program::HUSHLOG;
use super::registry::Desk;

const VALUE: &[u8] = b"canary-4f9QzX-a19";

fn registry_of(identity: &Identity) -> Registry {
    let vm: Name = "vm".parse().unwrap();
    let mut registry = Registry::default();
    registry.set_member(&vm, identity.recipient(), None, None).unwrap();
    let draft = Draft::new("api-key".parse().unwrap(), Scope::Shared, Value::new(VALUE).unwrap());
    registry.add(&draft, &By::now(&vm)).unwrap();
    registry
}

/// The sealed value of the only secret, with its version, as the file has it.
fn entry(text: &str) -> &str {
    let begin = text.find("\nshared:").unwrap();
    &text[begin..text.find("\ncheck:").unwrap()]
}

#[test]
fn a19_a_sealed_value_of_another_registry_is_refused() {
    let identity = Identity::generate();
    let [here, there] = [(); 2].map(|()| registry_of(&identity).to_text(None).unwrap());
    assert!(Registry::parse(here.as_bytes()).unwrap().open(&identity, None, None).is_ok());
    let copied = here.replace(entry(&here), entry(&there));
    let opened = Registry::parse(copied.as_bytes()).unwrap().open(&identity, None, None);
    assert!(matches!(opened, Err(Error::WrongBinding { .. })), "{opened:?}");
    // An attacker gains nothing by copying the other registry's id, or by removing the id.
    let id = |text: &str| text.lines().find(|line| line.starts_with("id: ")).unwrap().to_owned();
    let renamed = here.replace(&id(&here), &id(&there));
    assert!(matches!(
        Registry::parse(renamed.as_bytes()).unwrap().open(&identity, None, None),
        Err(Error::WrongBinding { .. })
    ));
    let older = here.replace(&format!("format: 2\n{}\n", id(&here)), "format: 1\n");
    assert!(matches!(
        Registry::parse(older.as_bytes()).unwrap().open(&identity, None, None),
        Err(Error::WrongBinding { .. })
    ));
    for wrong in [
        here.replace(&format!("{}\n", id(&here)), ""),
        here.replace("format: 2", "format: 1"),
        here.replace(&id(&here), "id: hlr-short"),
    ] {
        Registry::parse(wrong.as_bytes()).expect_err("format and id disagree");
    }
}

#[test]
fn a19_a_registry_keeps_its_id_and_every_one_has_its_own() {
    let desk = Desk::new();
    let id = |desk: &Desk| desk.text().lines().find_map(|line| line.strip_prefix("id: ").map(str::to_owned)).unwrap();
    let before = id(&desk);
    desk.add("api-key", VALUE).ends(0);
    desk.hushlog(["env", "set", "prod", "COLOUR=red"], b"").ends(0);
    assert_eq!(id(&desk), before);
    assert_ne!(id(&Desk::new()), before);
}

/// A registry of an older program has no id, and works without one.
#[test]
fn a19_a_registry_of_format_1_stays_as_it_is() {
    let desk = Desk::empty();
    let recipient = desk.identity("alice.txt").recipient().to_string();
    let members = format!("alice:\n  recipient: {recipient}\n");
    let digest = {
        use sha2::{Digest, Sha256};
        data_encoding::HEXLOWER.encode(&Sha256::digest(members.as_bytes())[..16])
    };
    let members = format!("  alice:\n    recipient: {recipient}\n");
    fs::write(desk.registry(), format!("format: 1\nmembers:\n{members}check: {digest}\n")).unwrap();
    desk.add("api-key", VALUE).ends(0);
    assert!(desk.text().contains("\nformat: 1\nmembers:"), "{}", desk.text());
    let masked = desk.hushlog(["--registry", "registry.yaml"], VALUE).ends(0).out();
    assert_eq!(masked, "[REDACTED:api-key]");
    let pinned = ["--registry", "registry.yaml", "--trust", "hlr-aaaaaaaaaaaaaaaaaaaaaaaaaa"];
    desk.hushlog(pinned, VALUE).ends(2).says("is not a trusted one");
}

/// The same signer signs for staging and for production.
#[test]
fn a19_trust_in_an_id_refuses_another_registry_of_the_signer() {
    let desk = Desk::new();
    let public = desk.hushlog(["keygen", "--signing", "--output", "sign.pem"], b"").ends(0).out();
    let recipient = desk.identity("alice.txt").recipient().to_string();
    let registries = ["production.yaml", "staging.yaml"];
    let ids = registries.map(|file| {
        let args =
            ["member", "add", "alice", &recipient, "--signer", public.trim(), "--sign", "sign.pem", "--registry", file];
        desk.hushlog(args, b"").ends(0);
        let args =
            ["secret", "add", "api-key", "--shared", "--value-file", "-", "--sign", "sign.pem", "--registry", file];
        desk.hushlog(args, VALUE).ends(0);
        let text = fs::read_to_string(desk.path(file)).unwrap();
        text.lines().find_map(|line| line.strip_prefix("id: ").map(str::to_owned)).unwrap()
    });
    let filter = |file: &str, trust: &[&str]| {
        let mut args = vec!["--registry", file];
        trust.iter().for_each(|trust| args.extend(["--trust", trust]));
        desk.hushlog(args, VALUE)
    };
    for file in registries {
        filter(file, &[public.trim()]).ends(0);
    }
    filter(registries[0], &[public.trim(), &ids[0]]).ends(0);
    filter(registries[0], &[&ids[0], &ids[1]]).ends(0);
    filter(registries[1], &[public.trim(), &ids[0]]).ends(2).says("is not a trusted one");
    filter(registries[1], &["hlr-short"]).ends(2).says("not a valid registry id");
    let mut command = desk.command(HUSHLOG);
    command.args(["--registry", registries[1]]).env("HUSHLOG_TRUST", format!("{} {}", public.trim(), ids[0]));
    super::program::run(&mut command, VALUE).ends(2).says("is not a trusted one");
    // The id is in the signed text.
    let text = fs::read_to_string(desk.path(registries[1])).unwrap();
    fs::write(desk.path("renamed.yaml"), text.replace(&ids[1], &ids[0])).unwrap();
    filter("renamed.yaml", &[public.trim(), &ids[0]]).ends(2).says("changed after it was signed");
}

/// Followed and filtered text may contain the very files that open and sign the registry.
#[test]
fn a19_identity_and_signing_key_are_masked_with_a_registry() {
    let desk = Desk::new();
    desk.add("api-key", VALUE).ends(0);
    desk.hushlog(["keygen", "--signing", "--output", "sign.pem"], b"").ends(0);
    let identity = fs::read_to_string(desk.path("alice.txt")).unwrap();
    let key = identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap();
    let signing = fs::read_to_string(desk.path("sign.pem")).unwrap();
    let body = signing.lines().nth(1).unwrap();
    let in_base64 = data_encoding::BASE64.encode(identity.as_bytes());
    let text = format!("{identity}\n{}\n\"{key}\"\n{signing}\n{in_base64}\n", key.to_lowercase());
    let mut filter = desk.command(HUSHLOG);
    filter.args(["--registry", "registry.yaml", "--report", "report.json"]).env("HUSHLOG_SIGN", "sign.pem");
    let masked = super::program::run(&mut filter, text.as_bytes()).ends(0).out();
    for line in [key, &key.to_lowercase(), body, &data_encoding::BASE64.encode(&key.as_bytes()[1..])[..40]] {
        assert!(!masked.contains(line), "a key comes out");
    }
    assert!(masked.contains("\"[REDACTED:identity]\"\n") && masked.contains("\n[REDACTED:signing-key]\n"));
    assert_eq!(masked.matches("# public key: age1").count(), 1, "what is public is not masked");
    // A key is no variable, no line of `check`, and no reason to run without a secret.
    let exported = desk.hushlog(["export", "--format", "json", "--registry", "registry.yaml"], b"").ends(0).out();
    assert_eq!(exported, format!("{{\n  \"API_KEY\": \"{}\"\n}}\n", String::from_utf8_lossy(VALUE)));
    let shown =
        desk.hushlog(["run", "--registry", "registry.yaml", "--", "sh", "-c", "env; cat alice.txt"], b"").ends(0).out();
    assert!(!shown.contains(key) && shown.contains("\n[REDACTED:identity]\n") && !shown.contains("IDENTITY=[REDACTED"));
    let answers = desk.hushlog(["check", "--registry", "registry.yaml"], b"").ends(1).out();
    assert_eq!(answers, "API_KEY: not set, masked\n");
    let empty = Desk::new();
    empty.hushlog(["--registry", "registry.yaml"], b"").ends(2).says("contains no secret that this identity can open");
}

/// A group and services may read a session, so it does not hold the key; hushlog masks the key
/// where it can read its file.
#[test]
fn a19_the_identity_is_masked_beside_a_session_and_not_in_it() {
    let desk = Desk::new();
    desk.add("api-key", VALUE).ends(0);
    let identity = fs::read_to_string(desk.path("alice.txt")).unwrap();
    let key = identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap();
    let with_session = |args: &[&str], identity: &str, input: &[u8]| {
        let mut command = desk.command(HUSHLOG);
        command.args(args).env("HUSHLOG_RUN_DIR", desk.path("run")).env("HUSHLOG_IDENTITY", identity);
        command.env("HUSHLOG_STATE_DIR", desk.path("state"));
        super::program::run(&mut command, input).ends(0).out()
    };
    with_session(&["boot", "--allow-disk", "--registry", "registry.yaml"], "alice.txt", b"");
    let session = fs::read_to_string(desk.path("run/session")).unwrap();
    assert!(session.contains("API_KEY") && !session.contains(key));
    assert!(!session.contains(&data_encoding::BASE64.encode(key.as_bytes())) && !session.contains("identity"));
    assert_eq!(with_session(&["--session"], "alice.txt", key.as_bytes()), "[REDACTED:identity]");
    for unreadable in ["missing.txt", ".", "registry.yaml"] {
        assert_eq!(with_session(&["--session"], unreadable, VALUE), "[REDACTED:api-key]");
    }
}

#[test]
fn a19_keys_of_the_library_equal_the_files() {
    let (identity, key) = (Identity::generate(), SigningKey::generate().unwrap());
    let file = identity.to_file("now");
    let values: Vec<String> = identity.secrets().iter().map(text).collect();
    assert!(file.contains(&values[0]) && values[1] == values[0].to_lowercase());
    assert!(key.to_file().unwrap().contains(&text(&key.secrets()[0])));
}

fn text(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).unwrap()
}
