//! `--secret-command`: secrets that a command prints.

use std::fs;
use std::time::{Duration, Instant};

use crate::home::Home;
use crate::program::{run, script};

const SECRET: &str = "zulu-kite-4471";

#[test]
fn a_command_prints_json_lines_or_one_value() {
    let home = Home::new();
    for (command, expected) in [
        (r#"echo '{"db": {"password": "zulu-kite-4471", "on": true}}'"#, "[REDACTED:db.password]"),
        (r#"printf '["other-value", "zulu\\u002dkite-4471"]'"#, "[REDACTED:1]"),
        ("echo '# c'; echo \"export A='zulu-kite-4471' # c\"; echo B=other-value", "[REDACTED:A]"),
        ("echo zulu-kite-4471", "[REDACTED:echo]"),
        ("X=1 /usr/bin/printf zulu-kite-4471", "[REDACTED:printf]"),
    ] {
        let ran = home.ran(&["--quiet", "--secret-command", command], &format!("a {SECRET} b")).ends(0);
        assert_eq!(ran.out(), format!("a {expected} b"), "{command}");
        assert_eq!(ran.err(), "", "{command}");
    }
}

#[test]
fn a_command_reads_none_of_the_input() {
    let home = Home::new();
    let ran = home.ran(&["--secret-command", "cat; echo zulu-kite-4471"], "first\nsecond\n").ends(0);
    assert_eq!(ran.out(), "first\nsecond\n");
}

#[test]
fn a_command_that_fails_is_named_by_its_number() {
    let home = Home::new();
    let at = |command: &str| {
        let args = ["--secret-command", "echo zulu-kite-4471", "--secret-command", command];
        let ran = home.ran(&args, &format!("a {SECRET}\n")).ends(2);
        assert!(ran.stdout.is_empty(), "{command}");
        assert!(!ran.err().contains("hunter2"), "{}", ran.err());
        ran
    };
    let number = "the command of --secret-command number 2";
    at("echo hunter2-prod; exit 3").says(&format!("{number} failed with status 3"));
    at("kill -9 $$").says(&format!("{number} was killed by a signal"));
    at("echo '{\"hunter2\"}'").says(&format!("{number} printed JSON that is not valid"));
    at("printf '\\n \\n'").says(&format!("{number} printed no value"));
    at("true").says(&format!("{number} printed no value")).says("--allow-empty runs without");
    // Its own messages pass.
    at("echo no vault >&2; exit 1").says("no vault\n").says("failed with status 1");
    let alone = ["--secret-command", "true", "--allow-empty"];
    assert_eq!(home.ran(&alone, "text").ends(0).out(), "text");
}

#[test]
#[ignore = "takes the time after which a command is killed"]
fn a_command_that_does_not_end_is_killed() {
    let home = Home::new();
    let start = Instant::now();
    for command in ["echo zulu-kite-4471; exec sleep 100", "exec >&-; exec sleep 100", "sleep 100 & echo a"] {
        home.ran(&["--secret-command", command], "").ends(2).says("did not end within 30 seconds");
    }
    assert!(start.elapsed() < Duration::from_secs(120));
}

#[test]
fn run_sets_what_a_command_prints_by_name() {
    let home = Home::new();
    fs::write(home.path("print"), "echo '{\"DB_PW\": \"zulu-kite-4471\", \"a.b\": \"other-value\"}'").unwrap();
    let args = ["run", "--quiet", "--secret-command", "sh print", "--secret-command", "echo hawk-moon-9931"];
    let child = ["--", "sh", "-c", "echo $DB_PW; echo $ECHO"];
    let ran = home.ran(&[&args[..], &child].concat(), "").ends(0);
    assert_eq!(ran.out(), "[REDACTED:DB_PW]\n[REDACTED:echo]\n");
}

#[test]
fn scrub_and_check_take_a_command() {
    let home = Home::new();
    fs::write(home.path("log"), format!("a {SECRET} b\n")).unwrap();
    home.ran(&["scrub", "--secret-command", "echo zulu-kite-4471", "log"], "").ends(0);
    assert!(!fs::read_to_string(home.path("log")).unwrap().contains(SECRET));
    let mut check = home.command(&["check", "--secret-command", "echo PW=zulu-kite-4471", "PW"]);
    run(check.env("PW", SECRET), b"").ends(0);
}

#[test]
fn a_command_may_be_a_pipeline_at_a_shell() {
    let text =
        "echo 'PW: zulu-kite-4471' | hushlog --quiet --secret-command \"printf 'x\\nzulu-kite-4471' | tail -n 1\"";
    assert_eq!(run(&mut script(text), b"").ends(0).out(), "PW: [REDACTED:printf]\n");
}
