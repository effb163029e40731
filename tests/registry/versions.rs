//! A registry in version control: conflict markers, formatters, line ends, merges by git, and an
//! identity that root has given to a group. Kind AZ of `docs/faults.md`.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use hushlog::registry::{Error, Identity, Registry, Side, SigningKey};

use crate::merges::{alone, name, resolved, save, text, values};
use crate::program::session::needs;
use crate::program::{HUSHLOG, Ran, run};
use crate::registry::Desk;

#[test]
fn az_a_formatters_marks_and_line_ends_change_nothing() {
    let (mut registry, alice) = alone();
    save(&mut registry, "pem-key", "first line\nsecond line\n\nfourth line");
    let key = SigningKey::generate().unwrap();
    let signed = {
        let mut registry = registry.clone();
        registry.set_member(&name("alice"), alice.recipient(), Some(key.public()), None).unwrap();
        registry.to_text(Some(&key)).unwrap()
    };
    for text in [text(&registry), signed] {
        let wanted = values(&text, &alice);
        let crlf = |text: &str| text.replace('\n', "\r\n");
        let others = [
            format!("---\n{text}"),
            format!("\u{feff}{text}"),
            format!("%YAML 1.2\n---\n{text}...\n"),
            format!("\n---\n{text}\n"),
            crlf(&text),
            crlf(&format!("\u{feff}---\n{text}...\n")),
        ];
        for other in others {
            assert_eq!(values(&other, &alice), wanted);
            // The signature still covers all that counts.
            let changed = other.replacen("install: true", "install: false", 1);
            assert_ne!(changed, other);
            let is_signed = text.contains("\nsignature:");
            assert_eq!(matches!(Registry::parse(changed.as_bytes()), Err(Error::Signature)), is_signed);
        }
    }
    for wrong in ["--- x\n", "...\n---\nformat: 2\n", "---\n---\n%TAG ! x\n"] {
        assert!(Registry::parse(format!("{wrong}{}", text(&registry)).as_bytes()).is_err(), "{wrong}");
    }
    // An identity and a key, as an editor on Windows saves them.
    let file = format!("\u{feff}{}", alice.to_file("now").replace('\n', "\r\n"));
    let read = Identity::parse(file.as_bytes(), || Err(Error::NoPassphrase)).unwrap();
    assert_eq!(read.recipient().to_string(), alice.recipient().to_string());
    let file = format!("\u{feff}{}", key.to_file().unwrap().replace('\n', "\r\n"));
    assert!(SigningKey::parse(file.as_bytes()).unwrap().public() == key.public());
}

#[test]
fn az_conflict_markers_are_reported_with_a_remedy() {
    let desk = Desk::new();
    desk.add("api-key", b"sk-live-4f9QzX").ends(0);
    let good = desk.text();
    for at in 0..good.lines().count() {
        let mut lines: Vec<&str> = good.lines().collect();
        lines.insert(at, "<<<<<<< HEAD");
        fs::write(desk.registry(), lines.join("\n")).unwrap();
        let told = desk.hushlog(["secret", "list"], b"").ends(2);
        told.says(&format!(":{}:1: a merge left a conflict here", at + 1)).says("hushlog merge");
    }
    // A marker in a comment, or within an entry's line, is none.
    fs::write(desk.registry(), format!("# <<<<<<< a\n{good}")).unwrap();
    desk.hushlog(["secret", "list"], b"").ends(0);
}

#[test]
fn az_a_key_that_root_gives_to_a_group_is_taken() {
    needs!("root");
    let desk = Desk::new();
    desk.add("api-key", b"sk-live-4f9QzX").ends(0);
    let (group, other) = (61_020, 61_021);
    for file in ["registry.yaml", "alice.txt"] {
        fs::set_permissions(desk.path(file), Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(desk.path("."), Permissions::from_mode(0o755)).unwrap();
    let read = |owner: u32, mode: u32, member: u32| {
        chown(desk.path("alice.txt"), Some(owner), Some(group)).unwrap();
        fs::set_permissions(desk.path("alice.txt"), Permissions::from_mode(mode)).unwrap();
        let mut command = desk.command("setpriv");
        command.args(["--reuid=61022", "--regid=61023", &format!("--groups={member}"), HUSHLOG]);
        run(command.args(["--registry", "registry.yaml", "--identity", "alice.txt"]), b"sk-live-4f9QzX")
    };
    assert_eq!(read(0, 0o440, group).ends(0).out(), "[REDACTED:api-key]");
    assert_ne!(read(0, 0o440, other).code, Some(0), "others cannot read it");
    for (owner, mode) in [(0, 0o444), (0, 0o640), (0, 0o460), (0, 0o550), (61_022, 0o440), (61_024, 0o440)] {
        let told = read(owner, mode, group);
        assert_eq!(told.code, Some(2), "{owner} {mode:o}");
        told.says("users other than the owner can read").says("0440");
    }
}

/// A repository with a registry, and the driver in its configuration.
struct Repository {
    desk: Desk,
}

impl Repository {
    fn new() -> Repository {
        let repository = Repository { desk: Desk::new() };
        repository.desk.add("base-token", b"zulu-base-4471").ends(0);
        repository.git("init -q -b main .");
        for setting in ["user.email a@b", "user.name a", "core.autocrlf false", "merge.hushlog.recursive binary"] {
            repository.git(&format!("config {setting}"));
        }
        let driver = format!("'{HUSHLOG}' merge %O %A %B %L %P");
        assert!(repository.command().args(["config", "merge.hushlog.driver", &driver]).status().unwrap().success());
        fs::write(repository.desk.path(".gitattributes"), "registry.yaml merge=hushlog\n").unwrap();
        repository.git("add registry.yaml .gitattributes");
        repository.git("commit -qm base");
        repository
    }

    fn command(&self) -> Command {
        self.desk.command("git")
    }

    fn git(&self, words: &str) {
        let ran = run(self.command().args(words.split(' ')), b"");
        assert_eq!(ran.code, Some(0), "git {words}: {}{}", ran.out(), ran.err());
    }

    /// Two branches of the registry, each with a change by the program; then a merge.
    fn merge(&self, theirs: &[(&[&str], &str)], ours: &[(&[&str], &str)]) -> Ran {
        self.git("checkout -q -b other");
        let change = |changes: &[(&[&str], &str)]| {
            for (words, value) in changes {
                self.desk.hushlog(words.iter(), value.as_bytes()).ends(0);
            }
            self.git("commit -qam change");
        };
        change(theirs);
        self.git("checkout -q main");
        change(ours);
        run(self.command().args(["merge", "-q", "-m", "merged", "other"]), b"")
    }

    fn names(&self) -> BTreeSet<String> {
        self.desk.content().unwrap().1.into_iter().map(|(name, ..)| name).collect()
    }
}

const ADD: [&str; 3] = ["secret", "add", "--value-file=-"];

fn added(name: &str) -> [&str; 4] {
    [ADD[0], ADD[1], ADD[2], name]
}

#[test]
fn az_two_branches_that_each_add_a_secret_merge_in_git() {
    needs!("git");
    let repository = Repository::new();
    let ran = repository.merge(
        &[(&added("mail-token"), "zulu-kite-4471"), (&["env", "set", "prod", "MODE=fast"], "")],
        &[(&added("pay-token"), "hawk-sun-9931"), (&["secret", "edit", "base-token", "--no-install"], "")],
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.out(), ran.err());
    assert_eq!(repository.names(), ["base-token", "mail-token", "pay-token"].map(str::to_owned).into());
    let (_, secrets, defaults) = repository.desk.content().unwrap();
    assert!(secrets.iter().any(|(name, _, value, install)| {
        (name.as_str(), value.as_slice(), *install) == ("base-token", b"zulu-base-4471".as_slice(), false)
    }));
    assert_eq!(defaults, ["prod: 1"]);
    // Once more from both ends, so that there are two ancestors.
    repository.git("checkout -q other");
    repository.git("merge -q -m crossed main~1");
    repository.git("checkout -q main");
    repository.git("branch -D other -q");
    let ran = repository.merge(&[(&["secret", "delete", "mail-token"], "")], &[(&added("new-token"), "owl-moon-1177")]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out(), ran.err());
    assert_eq!(repository.names(), ["base-token", "new-token", "pay-token"].map(str::to_owned).into());
}

#[test]
fn az_one_entry_that_both_sides_change_conflicts_alone_in_git() {
    needs!("git");
    let repository = Repository::new();
    let edit = ["secret", "edit", "base-token", "--value-file=-"];
    let ran = repository.merge(
        &[(&edit, "zulu-theirs-4471"), (&added("mail-token"), "zulu-kite-4471")],
        &[(&edit, "zulu-ours-4471"), (&added("pay-token"), "hawk-sun-9931")],
    );
    assert_eq!(ran.code, Some(1), "{}{}", ran.out(), ran.err());
    assert!(ran.err().contains("registry.yaml: both sides changed the shared secret base-token"), "{}", ran.err());
    repository.desk.hushlog(["secret", "list"], b"").ends(2).says("a merge left a conflict here");
    let conflict = repository.desk.text();
    assert_eq!(conflict.matches("base-token:").count(), 2);
    assert_eq!((conflict.matches("mail-token:").count(), conflict.matches("pay-token:").count()), (1, 1));
    // By hand, either side; and again by git.
    for (side, value) in [(Side::Ours, "zulu-ours-4471"), (Side::Theirs, "zulu-theirs-4471")] {
        fs::write(repository.desk.registry(), resolved(&conflict, side)).unwrap();
        let (_, secrets, _) = repository.desk.content().unwrap();
        assert_eq!(secrets.len(), 3);
        assert!(secrets.iter().any(|(_, _, found, _)| found == value.as_bytes()));
    }
    let ran = run(repository.command().args(["checkout", "--merge", "registry.yaml"]), b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err());
    assert_eq!(repository.desk.text(), conflict);
}

#[test]
fn az_a_signed_registry_is_merged_by_a_signer_alone() {
    needs!("git");
    let repository = Repository::new();
    let desk = &repository.desk;
    let public = desk.hushlog(["keygen", "--signing", "--output", "signing.pem"], b"").ends(0).out();
    let recipient = desk.identity("alice.txt").recipient().to_string();
    let sign = "--sign=signing.pem";
    desk.hushlog(["member", "add", "alice", &recipient, "--signer", public.trim(), sign], b"").ends(0);
    repository.git("commit -qam signed");
    let [a, b] = [added("mail-token"), added("pay-token")].map(|words| [words.as_slice(), &[sign]].concat());
    let ran = repository.merge(&[(&a, "zulu-kite-4471")], &[(&b, "hawk-sun-9931")]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out(), ran.err());
    assert!(ran.err().contains("must be signed") && ran.err().contains("git checkout --merge"), "{}", ran.err());
    desk.hushlog(["secret", "list"], b"")
        .ends(2)
        .says("is not signed by one of its signers")
        .says("git checkout --merge");
    let mut again = repository.command();
    let ran = run(again.env("HUSHLOG_SIGN", "signing.pem").args(["checkout", "--merge", "registry.yaml"]), b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err());
    assert_eq!(repository.names().len(), 3);
    assert!(desk.text().contains("\nsignature:\n"));
}
