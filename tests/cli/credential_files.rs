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
fn patterns_find_the_files_of_each_login() {
    let home = Home::new();
    home.write(".aws/sso/cache/0a1b.json", &format!("{{\"accessToken\": \"{TOKEN}\", \"region\": \"eu-west-1\"}}"));
    home.write(".aws/sso/cache/notes.txt", "hawk-sun-9931-river");
    home.write(
        ".config/gcloud/legacy_credentials/bot@x.example/adc.json",
        "{\"refresh_token\": \"moss-oak-5582-pine\"}",
    );
    let ran = home.ran(&["--credential-files"], &format!("{TOKEN} eu-west-1 hawk-sun-9931-river moss-oak-5582-pine"));
    let of_gcloud = "[REDACTED:.config/gcloud/legacy_credentials/bot@x.example/adc.json]";
    let expected = format!("[REDACTED:.aws/sso/cache/0a1b.json] eu-west-1 hawk-sun-9931-river {of_gcloud}");
    assert_eq!(ran.ends(0).out(), expected);
}

#[test]
fn variables_of_xdg_add_places_of_credential_files() {
    let home = Home::new();
    home.write("moved/rclone/rclone.conf", &format!("[a]\npass = {TOKEN}\n"));
    home.write(".config/rclone/rclone.conf", "[a]\npass = hawk-sun-9931-river\n");
    home.write("running/containers/auth.json", "{\"auths\": {\"r.example\": {\"password\": \"moss-oak-5582-pine\"}}}");
    let mut command = home.command(&["--credential-files"]);
    command.env("XDG_CONFIG_HOME", home.path("moved")).env("XDG_RUNTIME_DIR", home.path("running"));
    let ran = run(&mut command, format!("{TOKEN} hawk-sun-9931-river moss-oak-5582-pine").as_bytes()).ends(0);
    let of_rclone = "[REDACTED:.config/rclone/rclone.conf]";
    assert_eq!(ran.out(), format!("{of_rclone} {of_rclone} [REDACTED:containers/auth.json]"));
    let mut command = home.command(&["--credential-files"]);
    let ran = run(command.env("XDG_CONFIG_HOME", "moved"), TOKEN.as_bytes()).ends(0);
    assert_eq!(ran.out(), TOKEN, "a relative directory is ignored");
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
