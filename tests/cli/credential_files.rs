//! `--credential-files`: the files in which programs keep credentials below a home directory.

use std::fs;

use crate::home::Home;
use crate::program::run;

const TOKEN: &str = "zulu-kite-4471-moon-ray";

#[test]
fn credential_files_are_masked_by_their_paths() {
    let home = Home::new();
    home.write(".vault-token", &format!("{TOKEN}\n"));
    home.write(".pgpass", "db.internal:5432:app:app:hawk-sun-9931-river\n");
    let ran = home.ran(&["--credential-files"], &format!("a {TOKEN} b")).ends(0);
    assert_eq!(ran.out(), "a [REDACTED:.vault-token] b");
    let ran = home.ran(&["--credential-files"], "db.internal:5432:app:app:hawk-sun-9931-river").ends(0);
    assert!(ran.out().contains("[REDACTED:.pgpass]"), "{}", ran.out());
}

#[test]
fn no_credential_file_is_an_error() {
    let home = Home::new();
    let none = "none of the known credential files exists (--credential-files)";
    home.ran(&["--credential-files"], "").ends(2).says(none).says("--allow-empty runs without");
    assert_eq!(home.ran(&["--credential-files", "--allow-empty"], "text").ends(0).out(), "text");
    // A directory in the place of one, and one that is empty.
    fs::create_dir(home.path(".netrc")).unwrap();
    home.write(".npmrc", "\n");
    home.ran(&["--credential-files"], "").ends(2).says(none);
}

#[test]
fn variables_move_credential_files() {
    let home = Home::new();
    home.write("moved/file", &format!("{TOKEN}\n"));
    home.write("moved/config.json", &format!("{TOKEN}\n"));
    home.write(".netrc", "elsewhere-hawk-9931\n");
    let path = |name: &str| home.path(name).to_str().unwrap().to_owned();
    for (variable, value, name) in [
        ("NETRC", path("moved/file"), ".netrc"),
        ("AWS_SHARED_CREDENTIALS_FILE", path("moved/file"), ".aws/credentials"),
        ("KUBECONFIG", format!("{}:{}", path("missing"), path("moved/file")), ".kube/config"),
        ("DOCKER_CONFIG", path("moved"), ".docker/config.json"),
        ("NPM_CONFIG_USERCONFIG", path("moved/file"), ".npmrc"),
        ("PGPASSFILE", path("moved/file"), ".pgpass"),
    ] {
        let mut command = home.command(&["--credential-files"]);
        let ran = run(command.env(variable, value), format!("a {TOKEN} elsewhere-hawk-9931").as_bytes()).ends(0);
        // The file in the usual place is not the program's any more.
        let other = if name == ".netrc" { "elsewhere-hawk-9931" } else { "[REDACTED:.netrc]" };
        assert_eq!(ran.out(), format!("a [REDACTED:{name}] {other}"));
    }
}

#[test]
fn credential_files_are_never_changed_or_exported() {
    let home = Home::new();
    home.write(".vault-token", TOKEN);
    home.write("log", TOKEN);
    home.ran(&["scrub", "--credential-files", ".vault-token", "log"], "");
    assert_eq!(fs::read_to_string(home.path(".vault-token")).unwrap(), TOKEN);
    assert!(!fs::read_to_string(home.path("log")).unwrap().contains(TOKEN));
    let ran = home.ran(&["run", "--credential-files", "--", "sh", "-c", "cat .vault-token; env | grep -c zulu"], "");
    assert_eq!(ran.out(), "[REDACTED:.vault-token]0\n");
    home.ran(&["--credential-files", "--report", ".vault-token"], "")
        .ends(2)
        .says("it is a file of --credential-files");
}

#[test]
fn a_credential_file_that_cannot_be_read_is_an_error() {
    let home = Home::new();
    std::os::unix::fs::symlink(".netrc", home.path(".netrc")).unwrap();
    home.ran(&["--credential-files"], "").ends(2).says("cannot read").says("(--credential-files)");
}
