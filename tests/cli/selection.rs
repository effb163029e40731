//! Which variables are secrets without being named, and which values are masked.

use std::fs;
use std::process::Command;

use crate::program::{hushlog, run};

/// A run of the filter with these variables, and no others.
fn filter(args: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = hushlog(args);
    command.envs(variables.iter().copied());
    command
}

#[test]
fn names_that_hold_secrets_are_found_by_any_word() {
    let names = [
        "REDIS_AUTH",
        "DB_PWD",
        "BOT_TOKENS",
        "API_KEY_2",
        "NPM_CONFIG__AUTH",
        "SECRET_KEY_BASE",
        "apiKey",
        "RESTIC_PASSWORD",
        "GH_PAT",
        "SMTP_PASS",
    ];
    for name in names {
        let ran = run(&mut filter(&[], &[(name, "kx-5512-lamp")]), b"x kx-5512-lamp").ends(0);
        assert_eq!(ran.out(), format!("x [REDACTED:{name}]"));
    }
    for name in ["TOKEN_TTL", "MAX_TOKENS", "PASSWORD_FIELD", "AUTHOR", "KEYBOARD"] {
        run(&mut filter(&[], &[(name, "kx-5512-lamp")]), b"").ends(2).says("no well-known variable");
    }
}

#[test]
fn a_password_in_a_value_makes_the_variable_a_secret() {
    for (name, value) in [
        ("HTTPS_PROXY", "http://robot:kx-5512-lamp@proxy.test:3128"),
        ("ANYTHING", "Server=db;Uid=robot;Password=kx-5512-lamp"),
        ("DSN", "robot:kx-5512-lamp@tcp(db:3306)/orders"),
    ] {
        let ran = run(&mut filter(&[], &[(name, value)]), b"pw kx-5512-lamp, proxy.test").ends(0);
        assert_eq!(ran.out(), format!("pw [REDACTED:{name}], proxy.test"));
    }
}

#[test]
fn a_path_is_no_secret_but_its_file_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("pw"), "kx-5512-lamp\n").unwrap();
    let path = dir.path().join("pw");
    let path = path.to_str().unwrap();
    let variables = [("POSTGRES_PASSWORD_FILE", path), ("SSL_KEY", "/etc/ssl/private/site.pem")];
    let ran = run(&mut filter(&[], &variables), format!("kx-5512-lamp {path} /etc/ssl/private/site.pem").as_bytes());
    let ran = ran.ends(0).says("masking the well-known variables: POSTGRES_PASSWORD_FILE");
    assert_eq!(ran.out(), format!("[REDACTED:POSTGRES_PASSWORD_FILE] {path} /etc/ssl/private/site.pem"));
    ran.says("not masked, although they look like secrets: SSL_KEY");
    // A file that cannot be read was guessed, and is no error.
    let variables = [("A_TOKEN", "my-7741-boat"), ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")];
    let ran = run(&mut filter(&[], &variables), b"/nowhere/key.json my-7741-boat").ends(0);
    assert_eq!(ran.out(), "/nowhere/key.json [REDACTED:A_TOKEN]");
    ran.says("look like secrets: GOOGLE_APPLICATION_CREDENTIALS");
    // Neither is one that is no secret by its size.
    fs::write(dir.path().join("pw"), "x".repeat((1 << 20) + 1)).unwrap();
    let variables = [("A_TOKEN", "my-7741-boat"), ("POSTGRES_PASSWORD_FILE", path)];
    run(&mut filter(&[], &variables), b"").ends(0).says("look like secrets: POSTGRES_PASSWORD_FILE");
}

#[test]
fn settings_of_a_dotenv_file_are_left() {
    let dir = tempfile::tempdir().unwrap();
    let settings = "APP_NAME=orders-api\nREGION=eu-north-1\nBASE_URL=https://api.example.test\nPORT=8080\nDEBUG=true\n\
        LOG=/var/log/orders\nDB_HOST=db.internal:5432\n";
    fs::write(dir.path().join("e"), format!("{settings}DB_PASSWORD=production\nPHRASE=kx-5512-lamp\n")).unwrap();
    let text = "orders-api eu-north-1 https://api.example.test/v1 8080 true /var/log/orders db.internal:5432 production \
        kx-5512-lamp";
    let with = |args: &[&str]| {
        let args = [&["--dotenv", "e"], args].concat();
        run(hushlog(args).current_dir(&dir), text.as_bytes()).ends(0)
    };
    let ran = with(&[]);
    let kept = text.split(" production").next().unwrap();
    assert_eq!(ran.out(), format!("{kept} [REDACTED:DB_PASSWORD] [REDACTED:PHRASE]"));
    ran.says("cannot be secrets: APP_NAME, BASE_URL, DB_HOST, DEBUG, LOG, PORT, REGION; --all masks them");
    assert_eq!(with(&["--quiet"]).err(), "");
    let all = with(&["--all", "--quiet"]).out();
    assert!(all.starts_with("[REDACTED:APP_NAME] [REDACTED:REGION] [REDACTED:BASE_URL]"), "{all}");
    let only = with(&["--only", "APP_*", "--quiet"]).out();
    assert_eq!(only, text.replace("orders-api", "[REDACTED:APP_NAME]"));
    let except = with(&["--except", "*_PASSWORD", "--quiet"]).out();
    assert_eq!(except, format!("{kept} production [REDACTED:PHRASE]"));
    with(&["--only", "DB_*", "--only", "TYPO"]).says("a pattern of --only matches no secret");
    run(hushlog(["--dotenv", "e", "--only", "[a"]).current_dir(&dir), b"")
        .ends(2)
        .says("--only is not a valid pattern");
}

/// A secret that is named is masked, whatever its value.
#[test]
fn a_named_secret_is_masked_whatever_its_value() {
    let ran = run(&mut filter(&["--env", "MODE", "--quiet"], &[("MODE", "orders-api")]), b"x orders-api").ends(0);
    assert_eq!(ran.out(), "x [REDACTED:MODE]");
    let ran =
        run(&mut filter(&["--env", "MOD?"], &[("MODE", "orders-api"), ("MODS", "kx-5512")]), b"orders-api kx-5512");
    assert_eq!(ran.ends(0).says("cannot be secrets: MODE").out(), "orders-api [REDACTED:MODS]");
}

/// `run` sets the settings, and leaves them in the output.
#[test]
fn run_sets_what_it_does_not_mask() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("e"), "MODE=orders-api\nDB_PASSWORD=kx-5512-lamp\n").unwrap();
    let words = ["run", "--quiet", "--dotenv", "e", "--", "sh", "-c", "echo $MODE $DB_PASSWORD"];
    let ran = run(hushlog(words).current_dir(&dir), b"").ends(0);
    assert_eq!(ran.out(), "orders-api [REDACTED:DB_PASSWORD]\n");
}

#[test]
fn a_choice_of_masks_is_for_commands_that_mask() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("e"), "MODE=orders-api\n").unwrap();
    let words = ["export", "--dotenv", "e", "--format", "sh", "--only", "MODE"];
    run(hushlog(words).current_dir(&dir), b"").ends(2).says("--only chooses what is masked");
    let ran = run(hushlog(["export", "--dotenv", "e", "--format", "sh"]).current_dir(&dir), b"").ends(0);
    assert_eq!((ran.out().contains("MODE"), ran.err()), (true, String::new()));
}
