//! The optional fields of a secret: note, explicit variable, day of expiry, and the member that
//! changed it.

use std::fs;

use crate::registry::Desk;
use crate::{merges, program};

const VALUE: &[u8] = b"canary-Zq7-4f9QzX";

/// The first secret of `secret list --json`.
fn listed(desk: &Desk) -> serde_json::Value {
    let list = desk.hushlog(["secret", "list", "--json"], b"").ends(0).out();
    serde_json::from_str::<serde_json::Value>(&list).unwrap()[0].take()
}

fn add(desk: &Desk, name: &str, more: &[&str]) -> program::Ran {
    desk.hushlog([&["secret", "add", name, "--shared", "--value-file", "-"], more].concat(), VALUE)
}

#[test]
fn fields_are_saved_shown_changed_and_removed() {
    let desk = Desk::new();
    add(&desk, "plain", &[]).ends(0);
    let text = desk.text();
    for key in ["changed_by:", "note:", "variable:", "file:", "expires:"] {
        assert!(!text.contains(key), "an earlier program knows no such field: {key}");
    }
    let list = desk.hushlog(["secret", "list"], b"").ends(0).out();
    assert!(!list.contains("NOTE") && !list.contains("EXPIRES") && !list.contains("CHANGED BY"), "{list}");
    desk.hushlog(["secret", "delete", "plain"], b"").ends(0);

    let fields = ["--note", "of the CI", "--variable", "DEPLOY_TOKEN", "--expires", "2999-12-31"];
    add(&desk, "token", &fields).ends(0).says("exported as DEPLOY_TOKEN");
    let found = listed(&desk);
    assert_eq!(found["variable"], "DEPLOY_TOKEN");
    assert_eq!((&found["note"], &found["expires"]), (&"of the CI".into(), &"2999-12-31".into()));
    assert_eq!(found["changed_by"], "alice");
    let list = desk.hushlog(["secret", "search", "the ci"], b"").ends(0).out();
    assert!(list.contains("EXPIRES") && list.contains("2999-12-31") && list.contains("of the CI"), "{list}");
    let export = ["export", "--format", "json", "--registry", "registry.yaml"];
    assert!(desk.hushlog(export, b"").ends(0).out().contains("\"DEPLOY_TOKEN\""));

    // A change of fields asks for no value, and keeps the other fields.
    desk.hushlog(["secret", "edit", "token", "--note", "of the CD"], b"").ends(0);
    let changed = listed(&desk);
    assert_eq!((&changed["note"], &changed["expires"]), (&"of the CD".into(), &found["expires"]));
    assert_eq!(changed["version"], found["version"]);
    // So does a new value.
    desk.hushlog(["secret", "edit", "token", "--value-file", "-"], b"another value").ends(0);
    let rotated = listed(&desk);
    assert_ne!(rotated["version"], found["version"]);
    assert_eq!((&rotated["note"], &rotated["variable"]), (&"of the CD".into(), &"DEPLOY_TOKEN".into()));

    desk.hushlog(["secret", "edit", "token", "--no-note", "--no-variable", "--no-expires"], b"").ends(0);
    let bare = listed(&desk);
    assert_eq!(bare["variable"], "TOKEN");
    assert!(bare["note"].is_null() && bare["expires"].is_null());
    assert!(!desk.text().contains("note:"));
    desk.hushlog(["secret", "edit", "token", "--no-note", "--note", "x"], b"").ends(2);
}

#[test]
fn fields_that_cannot_be_kept_are_refused_and_not_repeated() {
    let desk = Desk::new();
    add(&desk, "present", &[]).ends(0);
    let before = desk.text();
    let canary = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let long = "a".repeat(501);
    let refused: &[(&[&str], &str)] = &[
        (&["--note", canary], "the note looks like a credential"),
        (&["--note", "two\nlines"], "a note has 1 to 500 bytes"),
        (&["--note", &long], "a note has 1 to 500 bytes"),
        (&["--variable", "LD_PRELOAD"], "reserved"),
        (&["--variable", "ld_preload"], "reserved"),
        (&["--variable", "HTTPS_PROXY"], "programs read the variable as configuration"),
        (&["--variable", "A=B"], "not a valid variable"),
        (&["--variable", "1PASSWORD"], "not a valid variable"),
        (&["--variable", "PRESENT"], "would both be exported as PRESENT"),
        (&["--expires", "2027-02-29"], "not a date of the calendar"),
        (&["--expires", canary], "not a date of the calendar"),
        (&["--expires", "99999999999999999d"], "not a date of the calendar"),
    ];
    for (args, why) in refused {
        let ran = add(&desk, "token", args).ends(2).says(why);
        assert!(!ran.err().contains(canary), "{args:?}: {}", ran.err());
    }
    assert_eq!(desk.text(), before);
    add(&desk, "token", &[]).ends(0);
    let before = desk.text();
    for (args, why) in refused {
        desk.hushlog([&["secret", "edit", "token"], *args].concat(), b"").ends(2).says(why);
    }
    assert_eq!(desk.text(), before);
    // A name whose own variable is reserved needs another one.
    add(&desk, "path", &[]).ends(2).says("reserved");
    add(&desk, "path", &["--variable", "MYAPP_PATH"]).ends(0);
    desk.hushlog(["secret", "edit", "path", "--no-variable"], b"").ends(2).says("reserved");
    // A variable that was set free may be used again.
    desk.hushlog(["secret", "edit", "path", "--variable", "OTHER"], b"").ends(0);
    add(&desk, "myapp-path", &[]).ends(0);
}

#[test]
fn a_change_by_another_member_is_named() {
    let desk = Desk::new();
    desk.hushlog(["keygen", "--output", "bob.txt"], b"").ends(0);
    let bob = desk.identity("bob.txt").recipient().to_string();
    desk.hushlog(["member", "add", "bob", &bob], b"").ends(0);
    add(&desk, "token", &[]).ends(0);
    desk.hushlog(["secret", "edit", "token", "--no-install", "--as", "bob"], b"").ends(0);
    let found = listed(&desk);
    assert_eq!((&found["owner"], &found["changed_by"]), (&"alice".into(), &"bob".into()));
    let list = desk.hushlog(["secret", "list"], b"").ends(0).out();
    assert!(list.contains("CHANGED BY") && list.contains("bob"), "{list}");
    desk.hushlog(["secret", "edit", "token", "--install"], b"").ends(0);
    assert_eq!(listed(&desk)["changed_by"], "alice");
    // A new value has a new owner.
    desk.hushlog(["secret", "edit", "token", "--value-file", "-", "--as", "bob"], b"new value").ends(0);
    let found = listed(&desk);
    assert_eq!((&found["owner"], &found["changed_by"]), (&"bob".into(), &"bob".into()));
}

#[test]
fn a_signature_covers_the_fields() {
    let desk = Desk::new();
    let public = desk.hushlog(["keygen", "--signing", "--output", "sign.pem"], b"").ends(0).out();
    let recipient = desk.identity("alice.txt").recipient().to_string();
    desk.hushlog(["member", "add", "alice", &recipient, "--signer", public.trim(), "--sign", "sign.pem"], b"").ends(0);
    let fields = ["--variable", "DEPLOY_TOKEN", "--expires", "2030-01-01", "--note", "ours"];
    let more = ["--file-target", "/srv/app/key", "--mode", "0400", "--sign", "sign.pem"];
    add(&desk, "token", &[&fields[..], &more].concat()).ends(0);
    let text = desk.text();
    for (old, new) in [
        ("DEPLOY_TOKEN", "SENTRY_DSN"),
        ("2030-01-01", "2031-01-01"),
        ("note: ours", "note: mine"),
        ("/srv/app/key", "/srv/other/key"),
        ("0400", "0440"),
    ] {
        assert!(text.contains(old), "{text}");
        fs::write(desk.registry(), text.replace(old, new)).unwrap();
        desk.hushlog(["secret", "list"], b"").ends(2).says("changed after it was signed");
    }
}

#[test]
fn variable_and_file_are_sealed_with_the_value() {
    let desk = Desk::new();
    let fields = ["--variable", "DEPLOY_TOKEN", "--file-target", "/srv/app/key", "--mode", "0400"];
    add(&desk, "token", &[&fields[..], &["--note", "ours", "--expires", "2999-01-01"]].concat()).ends(0);
    add(&desk, "plain", &[]).ends(0);
    let text = desk.text();
    let export = || desk.hushlog(["export", "--format", "json", "--registry", "registry.yaml"], b"");
    export().ends(0);
    let file = "    file:\n      path: /srv/app/key\n      mode: '0400'\n";
    let file = if text.contains(file) { file.to_owned() } else { file.replace('\'', "\"") };
    assert!(text.contains(&file), "{text}");
    let of_plain = text.split("  plain:\n").nth(1).unwrap();
    let sealed = &of_plain[of_plain.find("    sealed:").unwrap()..of_plain.find("-----END").unwrap()];
    for (old, new) in [
        ("DEPLOY_TOKEN", "SENTRY_DSN"),
        ("    variable: DEPLOY_TOKEN\n", ""),
        ("/srv/app/key", "/home/mallory/key"),
        ("0400", "0660"),
        (&file, ""),
        (&file, &format!("{file}    file_only: true\n")),
        (sealed, &format!("    file_only: true\n{sealed}")),
        (sealed, &format!("    variable: SENTRY_DSN\n{sealed}")),
        (sealed, &format!("{file}{sealed}").replace("/app/", "/other/")),
    ] {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        fs::write(desk.registry(), text.replace(old, new)).unwrap();
        export().ends(2).says("its variable or file was changed after its value was sealed");
    }
    // The others are for people.
    for (old, new) in [("note: ours", "note: mine"), ("2999-01-01", "2998-01-01")] {
        fs::write(desk.registry(), text.replace(old, new)).unwrap();
        export().ends(0);
    }
}

#[test]
fn a_new_variable_or_file_needs_the_value_or_an_identity() {
    let desk = Desk::new();
    add(&desk, "token", &[]).ends(0);
    let before = listed(&desk);
    let exported = |text: &str| {
        let export = ["export", "--format", "json", "--registry", "registry.yaml", "--identity", "key.txt"];
        assert_eq!(desk.hushlog(export, b"").ends(0).out().split_whitespace().collect::<String>(), text);
    };
    fs::copy(desk.path("alice.txt"), desk.path("key.txt")).unwrap();
    desk.hushlog(["secret", "edit", "token", "--variable", "A_TOKEN", "--identity", "key.txt"], b"").ends(0);
    let own = String::from_utf8(VALUE.to_vec()).unwrap();
    exported(&format!("{{\"A_TOKEN\":\"{own}\"}}"));
    assert_eq!(listed(&desk)["version"], before["version"], "the value is the same");
    // The identity of another member, or none.
    desk.hushlog(["keygen", "--output", "other.txt"], b"").ends(0);
    fs::remove_file(desk.path("alice.txt")).unwrap();
    for more in [&["--identity", "other.txt"][..], &[]] {
        let mut edit = desk.command(program::HUSHLOG);
        edit.args(["secret", "edit", "token", "--file-target", "/srv/app/key"])
            .args(more)
            .env_remove("HUSHLOG_IDENTITY");
        let ran =
            program::run(&mut edit, b"").ends(2).says("are sealed with the value, so it is needed to change them");
        ran.says("there is no terminal to type the value in");
    }
    let closed = ["secret", "edit", "token", "--file-target", "/etc/cron.d/x", "--identity", "other.txt"];
    desk.hushlog(closed, b"").ends(2).says("is reserved, because programs read code");
    let typed = ["secret", "edit", "token", "--no-variable", "--file-only", "--value-file", "-"];
    desk.hushlog(typed, b"another value").ends(0);
    exported("{}");
    // Other fields need neither.
    desk.hushlog(["secret", "edit", "token", "--note", "ours", "--expires", "90d", "--no-install"], b"").ends(0);
    exported("{}");
}

#[test]
fn an_old_value_is_sealed_with_its_fields_when_it_is_resealed() {
    let desk = Desk::new();
    let earlier =
        desk.text().lines().filter(|line| !line.starts_with("revision:")).collect::<Vec<_>>().join("\n") + "\n";
    fs::write(desk.registry(), earlier).unwrap();
    add(&desk, "token", &["--variable", "A_TOKEN"]).ends(0);
    let export = || desk.hushlog(["export", "--format", "json", "--registry", "registry.yaml"], b"");
    let rename = |from: &str, to: &str| fs::write(desk.registry(), desk.text().replace(from, to)).unwrap();
    rename("A_TOKEN", "B_TOKEN");
    assert!(export().ends(0).out().contains("B_TOKEN"), "earlier programs do not seal the fields");
    fs::rename(desk.path("alice.txt"), desk.path("key.txt")).unwrap();
    desk.hushlog(["secret", "edit", "token", "--variable", "C_TOKEN"], b"").ends(0);
    fs::rename(desk.path("key.txt"), desk.path("alice.txt")).unwrap();
    desk.hushlog(["registry", "upgrade"], b"").ends(0);
    assert!(export().ends(0).out().contains("C_TOKEN"));
    desk.hushlog(["secret", "edit", "token", "--variable", "D_TOKEN"], b"").ends(0);
    assert!(export().ends(0).out().contains("D_TOKEN"));
    rename("D_TOKEN", "E_TOKEN");
    export().ends(2).says("its variable or file was changed");
}

#[test]
fn fields_in_a_file_are_checked() {
    let desk = Desk::new();
    add(
        &desk,
        "token",
        &["--variable", "X", "--expires", "2030-01-01", "--note", "ours", "--file-target", "/srv/app/key"],
    )
    .ends(0);
    let text = desk.text();
    for (old, new, keys) in [
        ("variable: X", "variable: A=B", "shared.*.variable: must be a variable"),
        ("2030-01-01", "2030-02-31", "shared.*.expires: must be a date"),
        ("note: ours", "note: \"a\\tb\"", "shared.*.note: must be one line of text"),
        ("note: ours", "notes: ours", "shared.*: unknown key"),
        ("0600", "0644", "shared.*.file.mode: must be a mode in quotes"),
        ("/srv/app/key", "srv/app/key", "shared.*.file.path: must be an absolute path"),
    ] {
        assert!(text.contains(old), "{text}");
        fs::write(desk.registry(), text.replace(old, new)).unwrap();
        desk.hushlog(["secret", "list"], b"").ends(2).says(keys);
    }
}

#[test]
fn check_warns_of_secrets_that_expire() {
    let desk = Desk::new();
    add(&desk, "old", &["--expires", "2020-01-01"]).ends(0).says("expired: old (2020-01-01)");
    add(&desk, "soon", &["--expires", "5d"]).ends(0).says("expires within 14 days: soon (20");
    let later = add(&desk, "later", &["--expires", "90d"]).ends(0).err();
    assert!(!later.contains("expire"), "{later}");
    let list = desk.hushlog(["secret", "list"], b"").ends(0).out();
    assert!(list.contains("2020-01-01 (expired)") && list.contains("(in 5 days)"), "{list}");
    let check = |more: &[&str]| desk.hushlog([&["check", "--registry", "registry.yaml"], more].concat(), b"").ends(1);
    let warned = check(&[]).says("expired: OLD (2020-01-01)").says("expires within 14 days: SOON (20").err();
    assert!(!warned.contains("LATER"), "{warned}");
    assert!(!check(&["soon"]).says("soon (20").err().contains("2020-01-01"), "only the named ones");
    assert_eq!(check(&["--quiet"]).err(), "");
}

#[test]
fn a_secret_in_files_only_has_no_variable() {
    let desk = Desk::new();
    add(&desk, "ca-bundle", &["--file-only", "--file-target", "/srv/app/ca.pem"]).ends(0).says("in files only");
    let found = listed(&desk);
    assert!(found["variable"].is_null() && found["file_only"] == true && found["installed"] == true, "{found}");
    assert!(desk.text().contains("    file_only: true\n"));
    assert!(desk.hushlog(["secret", "list"], b"").ends(0).out().contains("(file only)"));
    let export = ["export", "--format", "json", "--registry", "registry.yaml"];
    assert_eq!(desk.hushlog(export, b"").ends(0).out().trim(), "{}");
    let mut filter = desk.command(program::HUSHLOG);
    let masked = program::run(filter.args(["--registry", "registry.yaml"]), VALUE).ends(0).out();
    assert_eq!(masked, "[REDACTED:ca-bundle]");

    // Neither a reserved variable nor that of another secret is in its way.
    add(&desk, "path", &[]).ends(2).says("reserved");
    add(&desk, "path", &["--file-only"]).ends(0);
    add(&desk, "ca.bundle", &[]).ends(0).says("exported as CA_BUNDLE");
    desk.hushlog(["secret", "edit", "ca-bundle", "--no-file-only"], b"").ends(2).says("would both be exported");
    desk.hushlog(["secret", "edit", "path", "--no-file-only"], b"").ends(2).says("reserved");
    desk.hushlog(["secret", "delete", "ca.bundle"], b"").ends(0);
    desk.hushlog(["secret", "edit", "ca-bundle", "--no-file-only"], b"").ends(0);
    assert_eq!(listed(&desk)["variable"], "CA_BUNDLE");
    assert!(desk.text().matches("file_only").count() == 1, "{}", desk.text());
    add(&desk, "other", &["--file-only", "--variable", "OTHER"]).ends(2);

    let plan = desk.hushlog(["secret", "import", "-", "--dry-run", "--shared"], b"PATH=/bin:/sbin").ends(0);
    assert!(plan.out().contains("path (shared), in files only"), "{}", plan.out());
}

#[test]
fn a_merge_takes_fields_by_the_rule_of_three() {
    use hushlog::registry::{By, Cause, Edit, FieldChange, FieldChanges, Registry, Scope, Side};
    let (mut base, identity) = merges::alone();
    merges::save(&mut base, "token", "some value");
    let with = |fields: FieldChanges| {
        let mut side = base.clone();
        let edit = Edit { fields, identity: Some(&identity), ..Edit::default() };
        side.edit(&merges::name("token"), Some(Scope::Shared), &edit, &By::now(&merges::name("alice"))).unwrap();
        side
    };
    let note = |text: &str| FieldChanges { note: FieldChange::Set(text.parse().unwrap()), ..FieldChanges::default() };
    let variable = || FieldChanges { variable: FieldChange::Set("DB_URL".parse().unwrap()), ..FieldChanges::default() };
    let noted = with(note("ours"));
    let (conflicts, text) = merges::merged([&base, &noted, &base], None);
    assert!(conflicts.is_empty() && text.contains("note: ours"));
    let (conflicts, text) = merges::merged([&base, &base, &noted], None);
    assert!(conflicts.is_empty() && text.contains("note: ours"));
    let conflict = |cause| vec![("the shared secret token".to_owned(), cause)];
    assert_eq!(merges::merged([&base, &noted, &with(note("theirs"))], None).0, conflict(Cause::Changed));
    // One side gives it the variable of a secret that the other side adds.
    let mut added = base.clone();
    merges::save(&mut added, "db-url", "other value");
    let sides = [&base, &added, &with(variable())];
    assert_eq!(merges::merged(sides, None).0, conflict(Cause::Variable));
    let (conflicts, _) = merges::merged([&base, &with(variable()), &added], None);
    assert_eq!(conflicts, [("the shared secret db-url".to_owned(), Cause::Variable)]);
    // The side that is taken keeps the secret, under its own variable.
    let text = merges::merged(sides, Some(Side::Theirs)).1;
    let registry = Registry::parse(text.as_bytes()).unwrap();
    assert_eq!(registry.secrets().count(), 2);
    assert!(!text.contains("variable:"), "{text}");
}
