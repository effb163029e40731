//! From a registry to a session: each member's secrets, all or nothing, and the effects of rotation
//! and deletion.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::program::{Ran, hushlog, run};

/// A directory in memory with a registry of two members, `vm` and `other`.
pub(crate) struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    pub(crate) fn new() -> Machine {
        let machine =
            Machine { dir: tempfile::Builder::new().prefix("hushlog-registry").tempdir_in("/dev/shm").unwrap() };
        for member in ["vm", "other"] {
            let said = machine.ran(&["keygen", "--output", &format!("{member}.txt")], "").ends(0);
            let said = format!("{}{}", said.out(), said.err());
            let recipient = said.split_whitespace().find(|word| word.starts_with("age1")).expect("a recipient");
            machine.ran(&["member", "add", member, recipient, "--as", member], "").ends(0);
        }
        machine
    }

    /// With a registry that has no revision: values are not sealed with their variable and file.
    pub(crate) fn of_earlier_program() -> Machine {
        let machine = Machine::new();
        let text = fs::read_to_string(machine.path("registry.yaml")).unwrap();
        let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("revision:"));
        fs::write(machine.path("registry.yaml"), lines.collect::<String>()).unwrap();
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn hushlog(&self, args: &[&str]) -> Command {
        let mut command = hushlog(args);
        command.env("HUSHLOG_RUN_DIR", self.path("run")).env("HUSHLOG_REGISTRY", self.path("registry.yaml"));
        command.env("HUSHLOG_MEMBER", "vm").env("HUSHLOG_STATE_DIR", self.path("state")).current_dir(self.dir.path());
        command
    }

    pub(crate) fn ran(&self, args: &[&str], input: &str) -> Ran {
        run(&mut self.hushlog(args), input.as_bytes())
    }

    pub(crate) fn add(&self, name: &str, value: &str, more: &[&str]) {
        self.ran(&[&["secret", "add", name, "--value-file", "-"], more].concat(), value).ends(0);
    }

    pub(crate) fn boot(&self, more: &[&str]) -> Ran {
        let args = ["boot", "--registry", "registry.yaml", "--identity", "vm.txt"];
        self.ran(&[&args[..], more].concat(), "")
    }

    fn environment(&self) -> String {
        fs::read_to_string(self.path("run/environment.sh")).unwrap()
    }

    pub(crate) fn filter(&self, text: &str) -> String {
        self.ran(&[], text).ends(0).out()
    }
}

#[test]
fn secrets_are_exported_by_variable_and_masked_by_name() {
    let machine = Machine::new();
    machine.add("openai-api-key", "sk-live-4f9QzX", &[]);
    machine.add("pagerduty.token", "pd-token-value-7", &[]);
    machine.add("not-installed", "kept-for-later-5", &["--no-install"]);
    machine.ran(&["env", "set", "production", "NODE_ENV=development"], "").ends(0);
    machine.boot(&["--environment", "production"]).ends(0).says("exported 3 variables (2 secret)");
    let exported = "export NODE_ENV='development'\nexport OPENAI_API_KEY='sk-live-4f9QzX'\nexport PAGERDUTY_TOKEN='pd-token-value-7'\n";
    assert_eq!(machine.environment(), exported);
    assert_eq!(
        machine.filter("sk-live-4f9QzX pd-token-value-7 development"),
        "[REDACTED:openai-api-key] [REDACTED:pagerduty.token] development"
    );
    assert_eq!(fs::read_to_string(machine.path("run/secrets/openai-api-key")).unwrap(), "sk-live-4f9QzX");
    assert_eq!(fs::read_dir(machine.path("run/secrets")).unwrap().count(), 2);
    // The same by `export`, from the session and from the registry itself.
    let args = ["export", "--format", "sh"];
    assert_eq!(machine.ran(&args, "").ends(0).out(), exported);
    let args =
        [&args[..], &["--registry", "registry.yaml", "--identity", "vm.txt", "--environment", "production"]].concat();
    assert_eq!(machine.ran(&args, "").ends(0).out(), exported);
    // And `check` knows both names.
    let mut check = machine.hushlog(&["check", "openai-api-key", "PAGERDUTY_TOKEN"]);
    let ran =
        run(check.env("OPENAI_API_KEY", "sk-live-4f9QzX").env("PAGERDUTY_TOKEN", "pd-token-value-7"), b"").ends(0);
    assert_eq!(ran.out(), "openai-api-key: set, masked\nPAGERDUTY_TOKEN: set, masked\n");
}

#[test]
fn secrets_win_over_defaults_and_private_ones_over_shared_ones() {
    let machine = Machine::new();
    machine.add("api-host", "shared-value-11", &["--shared"]);
    machine.ran(&["env", "set", "production", "API_HOST=plain"], "").ends(0);
    machine.boot(&["--environment", "production"]).ends(0);
    assert_eq!(machine.environment(), "export API_HOST='shared-value-11'\n");
    machine.add("api-host", "private-value-22", &["--private"]);
    machine.boot(&["--environment", "production"]).ends(0);
    assert_eq!(machine.environment(), "export API_HOST='private-value-22'\n");
}

/// R20: a secret private to another member is neither exported nor masked here.
#[test]
fn r20_the_private_secrets_of_others_stay_private() {
    let machine = Machine::new();
    machine.add("own-token", "own-private-value-1", &["--private"]);
    machine.add("their-token", "their-private-value-2", &["--private", "--as", "other"]);
    machine.boot(&[]).ends(0).says("exported 1 variable (1 secret)");
    assert_eq!(machine.environment(), "export OWN_TOKEN='own-private-value-1'\n");
    assert!(!fs::read_to_string(machine.path("run/session")).unwrap().contains("their-token"));
    let args = ["boot", "--registry", "registry.yaml", "--identity", "vm.txt", "--as", "other"];
    machine.ran(&args, "").ends(2);
    assert_eq!(machine.environment(), "export OWN_TOKEN='own-private-value-1'\n");
}

/// R18: if one entry does not open, nothing is exported.
#[test]
fn r18_a_bad_entry_is_named_and_nothing_is_exported() {
    let machine = Machine::new();
    machine.add("first-token", "first-value-canary-1", &[]);
    machine.add("second-token", "second-value-canary-2", &[]);
    machine.boot(&[]).ends(0);
    let session = fs::read(machine.path("run/session")).unwrap();
    machine.add("third-token", "third-value-canary-3", &[]);
    // A value sealed to others replaces the third.
    let registry = fs::read_to_string(machine.path("registry.yaml")).unwrap();
    let at = registry.find("third-token").unwrap();
    let sealed = registry[at..].find("-----BEGIN").map(|begin| at + begin).expect("an armored value");
    let line = sealed + registry[sealed..].find('\n').unwrap() + 1;
    let spot = line + registry[line..].find(|c: char| c.is_ascii_lowercase()).unwrap() + 8;
    let mut bytes = registry.into_bytes();
    bytes[spot] = if bytes[spot] == b'A' { b'B' } else { b'A' };
    fs::write(machine.path("registry.yaml"), bytes).unwrap();
    let ran = machine.boot(&[]).ends(2).says("third-token");
    assert!(!ran.err().contains("canary") && ran.stdout.is_empty());
    assert_eq!(fs::read(machine.path("run/session")).unwrap(), session, "the session changed");
}

#[test]
fn r21_rotated_and_deleted_values_stay_masked() {
    let machine = Machine::new();
    machine.add("api-token", "first-value-123", &[]);
    machine.add("old-token", "deleted-value-456", &[]);
    machine.boot(&[]).ends(0);
    machine.ran(&["secret", "edit", "api-token", "--value-file", "-"], "second-value-789").ends(0);
    machine.ran(&["secret", "delete", "old-token"], "").ends(0);
    // Until the next boot, nothing changes.
    assert_eq!(machine.environment(), "export API_TOKEN='first-value-123'\nexport OLD_TOKEN='deleted-value-456'\n");
    machine.boot(&[]).ends(0).says("; 2 exported earlier stay masked");
    assert_eq!(machine.environment(), "export API_TOKEN='second-value-789'\n");
    let shown = machine.filter("first-value-123 second-value-789 deleted-value-456");
    assert_eq!(shown, "[REDACTED:api-token] [REDACTED:api-token] [REDACTED:old-token]");
}

#[test]
fn the_environment_names_the_registry_where_no_option_does() {
    let machine = Machine::new();
    machine.add("api-token", "first-value-123", &[]);
    run(machine.hushlog(&["boot"]).env("HUSHLOG_IDENTITY", machine.path("vm.txt")), b"").ends(0);
    assert_eq!(machine.filter("first-value-123"), "[REDACTED:api-token]");
}

/// The files of the registry and the identity hold no value, and no other file is left in their
/// directory.
#[test]
fn l04_no_value_is_anywhere_but_in_the_session() {
    let machine = Machine::new();
    machine.add("api-token", "canary-value-L04-77", &[]);
    machine.boot(&[]).ends(0);
    let mut names: Vec<String> = fs::read_dir(machine.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names.retain(|name| name != "run" && name != "state");
    for name in names.into_iter().chain(["state/machine-state".to_owned()]) {
        let bytes = fs::read(machine.path(&name)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("canary-value"), "{name}");
        assert!(
            ["other.txt", "registry.yaml", "state/machine-state", "vm.txt"].contains(&name.as_str())
                || name.ends_with("lock"),
            "{name} was left"
        );
    }
}

#[test]
fn an_older_registry_is_refused_until_it_is_allowed() {
    let machine = Machine::new();
    let path = machine.path("registry.yaml");
    let revision = || {
        let text = fs::read_to_string(&path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("revision: ")).expect("a revision");
        line.parse::<u64>().unwrap()
    };
    machine.add("token", "first-value-11", &[]);
    let (old, first) = (fs::read_to_string(&path).unwrap(), revision());
    machine.boot(&[]).ends(0);
    machine.ran(&["secret", "edit", "token", "--value-file", "-"], "second-value-22").ends(0);
    assert_eq!(revision(), first + 1, "it grows with each change");
    machine.ran(&["secret", "list"], "").ends(0);
    assert_eq!(revision(), first + 1, "and only then");
    machine.boot(&[]).ends(0);

    fs::write(&path, &old).unwrap();
    let refused = format!("older than one seen here: revision {first}, not {} or later", first + 1);
    machine.boot(&[]).ends(2).says(&refused).says("`hushlog boot --allow-rollback` accepts it");
    assert!(machine.environment().contains("second-value-22"), "the session stays");
    // So do commands that change it, or mask with it.
    machine.ran(&["secret", "add", "other", "--value-file", "-"], "third-value-33").ends(2).says(&refused);
    machine.ran(&["--registry", "registry.yaml", "--identity", "vm.txt"], "").ends(2).says(&refused);
    assert_eq!(fs::read_to_string(&path).unwrap(), old);
    // A file without a revision is older, too.
    let without: String = old.split_inclusive('\n').filter(|line| !line.starts_with("revision: ")).collect();
    fs::write(&path, &without).unwrap();
    machine.boot(&[]).ends(2).says("revision 0, not ");

    fs::write(&path, &old).unwrap();
    machine.boot(&["--allow-rollback"]).ends(0);
    assert!(machine.environment().contains("first-value-11"));
    machine.boot(&[]).ends(0);
    machine.add("other", "third-value-33", &[]);
    machine.boot(&[]).ends(0);
    // A state that another user may have written, or that is damaged, decides nothing.
    fs::write(machine.path("state/machine-state"), "hushlog state 1\nseen\tx\t1\nend\t1\n").unwrap();
    machine.boot(&[]).ends(2).says("cannot use the state of this machine").says("damaged");
    fs::remove_dir_all(machine.path("state")).unwrap();
    fs::write(machine.path("state"), "no directory").unwrap();
    machine.ran(&["secret", "list"], "").ends(2).says("cannot use the state of this machine");
}

#[test]
fn a_registry_of_an_earlier_program_is_brought_forward() {
    let machine = Machine::new();
    let path = machine.path("registry.yaml");
    machine.add("token", "first-value-11", &[]);
    let text = fs::read_to_string(&path).unwrap();
    let old: String = text.split_inclusive('\n').filter(|line| !line.starts_with("revision: ")).collect();
    fs::write(&path, &old).unwrap();
    machine.boot(&[]).ends(0);
    machine.add("other", "second-value-22", &[]);
    let text = || fs::read_to_string(&path).unwrap();
    assert!(!text().contains("revision:"), "an earlier program still opens it");
    machine.ran(&["registry", "upgrade"], "").ends(0).says("the registry has a revision now");
    assert!(text().contains("\nrevision: 1\n"), "{}", text());
    machine.ran(&["registry", "upgrade"], "").ends(0).says("the registry is up to date");
    assert!(text().contains("\nrevision: 1\n"));
    machine.boot(&[]).ends(0);
    assert!(machine.environment().contains("first-value-11"), "the values are as before");
    machine.ran(&["registry", "upgrade", "--registry", "missing.yaml"], "").ends(2).says("does not exist");
    let format_1 = old.replace("format: 2", "format: 1");
    let format_1: String = format_1.split_inclusive('\n').filter(|line| !line.starts_with("id: ")).collect();
    fs::write(&path, format_1).unwrap();
    machine.ran(&["registry", "upgrade"], "").ends(2).says("no id that its values could be bound to");
}

#[test]
fn check_warns_of_secrets_in_files_of_the_session_that_expire() {
    let machine = Machine::new();
    machine.add("ca-bundle", "bundle-value-11", &["--file-only", "--expires", "2020-01-01"]);
    machine.add("token", "deploy-value-22", &["--expires", "2020-02-02"]);
    machine.boot(&[]).ends(0).says("ca-bundle (2020-01-01)");
    let check = |names: &[&str]| {
        let mut check = machine.hushlog(&[&["check"], names].concat());
        run(check.env("TOKEN", "deploy-value-22"), b"")
    };
    let warned = check(&[]).ends(0).says("expired: TOKEN (2020-02-02), ca-bundle (2020-01-01)");
    assert_eq!(warned.out(), "TOKEN: set, masked\n", "no variable is asked for");
    check(&["ca-bundle"]).ends(1).says("expired: ca-bundle (2020-01-01)");
    assert!(!check(&["token"]).ends(0).err().contains("ca-bundle"), "only the named ones");
    // An earlier value of this boot is masked, and no program gets it any more.
    let edit = ["secret", "edit", "ca-bundle", "--expires", "2999-01-01", "--value-file", "-"];
    machine.ran(&edit, "bundle-value-33").ends(0);
    machine.boot(&[]).ends(0);
    assert!(!check(&[]).ends(0).err().contains("ca-bundle"));
    assert_eq!(machine.filter("bundle-value-11 bundle-value-33"), "[REDACTED:ca-bundle] [REDACTED:ca-bundle]");
}

#[test]
fn a_boot_exports_explicit_variables_and_warns_of_expiry() {
    let machine = Machine::of_earlier_program();
    machine.add("token", "deploy-value-11", &["--variable", "deploy_token", "--expires", "2020-01-01"]);
    machine.add("kept", "kept-for-later-5", &["--no-install", "--expires", "2020-01-01"]);
    machine.boot(&[]).ends(0).says("warning: expired: token (2020-01-01)\n").says("exported 1 variable (1 secret)");
    assert_eq!(machine.environment(), "export deploy_token='deploy-value-11'\n");
    assert_eq!(machine.boot(&["--quiet"]).ends(0).err(), "");
    // The session remembers the day, and a filter reads such a session.
    assert_eq!(machine.filter("deploy-value-11"), "[REDACTED:token]");
    let mut check = machine.hushlog(&["check"]);
    run(check.env("deploy_token", "deploy-value-11"), b"").ends(0).says("expired: deploy_token (2020-01-01)");
    // Another tool may have written a variable that takes the machine over.
    let path = machine.path("registry.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("deploy_token", "LD_PRELOAD")).unwrap();
    machine.boot(&[]).ends(2).says("LD_PRELOAD cannot be exported");
}
