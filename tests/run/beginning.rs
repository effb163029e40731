//! `hushlog run` without a terminal: injected, refused and untouched variables. W01 to W18 of
//! docs/faults.md have the rest.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{Ran, hushlog, run, script};

const SECRET: &str = "hunter2-prod-key";

/// A directory with a file `.env` of this text.
fn directory(env: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(".env"), env).unwrap();
    directory
}

/// Runs `hushlog run OPTIONS -- sh -c TEXT` there.
fn wrapped(directory: &Path, options: &[&str], text: &str) -> Ran {
    let command = ["--", "sh", "-c", text];
    let words = ["run"].iter().chain(options).chain(&command);
    run(with_path(&mut hushlog(words)).current_dir(directory), b"")
}

fn with_path(command: &mut Command) -> &mut Command {
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default())
}

#[test]
fn sources_are_injected_and_masked() {
    let directory = directory(&format!("API_TOKEN={SECRET}\nlower_case='sk-live 4f9QzX'\n"));
    fs::create_dir_all(directory.path().join("secrets/tls")).unwrap();
    fs::write(directory.path().join("secrets/openai-api-key"), "first-secret\n").unwrap();
    fs::write(directory.path().join("secrets/tls/key.pem"), "second\nsecret-value\n").unwrap();
    let text = "env | grep -c -e API_TOKEN=hunter2 -e 'lower_case=sk-live 4' -e OPENAI_API_KEY=first-secret -e TLS_KEY_PEM=second
        echo $API_TOKEN, $lower_case, $OPENAI_API_KEY; echo \"$TLS_KEY_PEM\" >&2";
    let ran = wrapped(directory.path(), &["--dotenv", ".env", "--secret-file", "secrets"], text).ends(0);
    assert_eq!(ran.out(), "4\n[REDACTED:API_TOKEN], [REDACTED:lower_case], [REDACTED:openai-api-key]\n");
    assert_eq!(ran.err(), "[REDACTED:tls/key.pem]\n");
}

#[test]
fn variables_of_our_own_environment_are_masked_and_stay() {
    let mut command = hushlog(["run", "--env", "A", "--", "sh", "-c", "echo $A $B"]);
    let ran = run(with_path(&mut command).env("A", SECRET).env("B", "plain"), b"").ends(0);
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("[REDACTED:A] plain\n", ""));
}

#[test]
fn without_a_source_the_well_known_variables_are_masked() {
    let mut command = hushlog(["run", "--", "sh", "-c", "echo $MY_TOKEN"]);
    let ran = run(with_path(&mut command).env("MY_TOKEN", SECRET), b"").ends(0);
    assert_eq!(ran.out(), "[REDACTED:MY_TOKEN]\n");
    ran.says("masking the well-known variables: MY_TOKEN");
    let mut command = hushlog(["run", "--quiet", "--", "sh", "-c", "echo $MY_TOKEN >&2"]);
    let ran = run(with_path(&mut command).env("MY_TOKEN", SECRET), b"").ends(0);
    assert_eq!(ran.err(), "[REDACTED:MY_TOKEN]\n");
    run(with_path(&mut hushlog(["run", "--", "true"])), b"").ends(2).says("no source was given");
}

#[test]
fn an_injected_variable_overrides_ours_and_the_last_one_wins() {
    let directory = directory("A=first-4471-value\nA=second-4471-value\n");
    let mut command = hushlog(["run", "--dotenv", ".env", "--", "sh", "-c", "echo ${#A}; echo $A"]);
    let ran = run(with_path(&mut command).current_dir(&directory).env("A", "ours"), b"").ends(0);
    assert_eq!(ran.out(), "17\n[REDACTED:A]\n");
}

/// The user has chosen both the program and the file.
#[test]
fn a_dotenv_file_may_set_variables_that_control_programs() {
    let text = format!("TZ=Antarctica/Troll\nNODE_OPTIONS=--max-old-space-size=4096\nA_B={SECRET}\n");
    let directory = directory(&text);
    let ran = wrapped(directory.path(), &["--dotenv", ".env"], "echo ${#TZ} ${#NODE_OPTIONS}").ends(0);
    assert_eq!(ran.out(), "16 25\n");
    fs::write(directory.path().join(".env"), format!("HUSHLOG_REGISTRY={SECRET}\n")).unwrap();
    wrapped(directory.path(), &["--dotenv", ".env"], "echo ran").ends(2).says("HUSHLOG_REGISTRY");
}

#[test]
fn names_that_cannot_be_injected_are_refused() {
    for (name, problem) in [
        ("path", "path cannot be exported: the variable is reserved"),
        ("1password", "1password cannot be exported: the name begins with a digit"),
        ("a b", "a b cannot be exported: the name contains a character"),
    ] {
        let directory = directory("");
        fs::write(directory.path().join(name), SECRET).unwrap();
        let ran = wrapped(directory.path(), &["--secret-file", name], "echo ran").ends(2).says(problem);
        assert_eq!(ran.out(), "");
    }
    let directory = directory(&format!("A_B={SECRET}\n"));
    fs::write(directory.path().join("a-b"), "another-secret").unwrap();
    let options = ["--dotenv", ".env", "--secret-file", "a-b"];
    wrapped(directory.path(), &options, "echo ran").ends(2).says("A_B and a-b would both be exported as A_B");
}

#[test]
fn w02_a_command_that_cannot_run_is_reported_as_by_shells() {
    let directory = directory(&format!("A={SECRET}\n"));
    let with = |command: &[&str]| {
        let words = ["run", "--dotenv", ".env", "--"].iter().chain(command);
        let ran = run(with_path(&mut hushlog(words)).current_dir(&directory), b"");
        assert!(!ran.err().contains("hunter2") && !ran.err().contains(SECRET));
        ran
    };
    with(&["nosuch-command"]).ends(127).says("cannot run nosuch-command: no such file or directory").says("hint");
    // A word that may be a secret is not repeated.
    with(&["hunter2-command"]).ends(127).says("cannot run the command: no such file or directory");
    with(&["./nosuch/command"]).ends(127);
    with(&["./.env"]).ends(126).says("permission denied");
    with(&["/"]).ends(126);
    fs::write(directory.path().join(".env"), format!("SMALL=1234567\nHUGE={}\n", "x".repeat(128 << 10))).unwrap();
    with(&["true"]).ends(126).says("the variable HUGE is longer than 128 KiB");
    let many: String = (0..600).map(|n| format!("V{n}={}\n", "x".repeat(20_000 + n))).collect();
    fs::write(directory.path().join(".env"), many).unwrap();
    with(&["true"]).ends(126).says("the longest variable is V599");
    fs::write(directory.path().join("key"), b"bin\0ary-value").unwrap();
    wrapped(directory.path(), &["--secret-file", "key"], "echo ran").ends(2).says("the value of KEY contains a NUL");
}

#[test]
fn the_command_line_teaches() {
    run(&mut hushlog(["run"]), b"").ends(2).says("hushlog run needs a CMD");
    // The -- before the command is optional. Behind its name, all words are its own.
    for words in [&["run", "--env", "A", "echo", "--env", "B"][..], &["run", "--env", "A", "--", "echo", "--env", "B"]]
    {
        let ran = run(with_path(hushlog(words).env("A", "a value of A")), b"").ends(0);
        assert_eq!(ran.out(), "--env B\n");
    }
    let ran = run(&mut hushlog(["run", "echo", "--dotenv", "a.env"]), b"").ends(2);
    ran.says("--dotenv is an argument of the command; put it before the command");
    run(&mut hushlog(["run", "--kill-after", "soon", "--", "true"]), b"").ends(2).says("a number of seconds");
    let help = run(&mut hushlog(["run", "--help"]), b"").ends(0).out();
    assert!(help.contains("--kill-after") && help.contains("127") && help.contains("Examples:"));
}

#[test]
fn two_streams_stay_two_and_one_stays_one() {
    let directory = directory(&format!("A={SECRET}\n"));
    let ran =
        wrapped(directory.path(), &["--dotenv", ".env"], "echo out; echo err >&2; printf $A; printf $A >&2").ends(0);
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("out\n[REDACTED:A]", "err\n[REDACTED:A]"));
    // One open file for both: the order stays, and a secret across the two is one.
    let text = "hushlog run --dotenv .env -- sh -c 'for i in 1 2 3; do echo o$i; echo e$i >&2; done; printf hunter2-; printf prod-key >&2' 2>&1";
    let ran = run(script(text).current_dir(&directory), b"").ends(0);
    assert_eq!(ran.out(), "o1\ne1\no2\ne2\no3\ne3\n[REDACTED:A]");
}

#[test]
fn the_report_counts_both_streams() {
    let directory = directory(&format!("A={SECRET}\n"));
    let options = ["--dotenv", ".env", "--report", "counts.json"];
    wrapped(directory.path(), &options, "echo $A $A; echo $A >&2; exit 3").ends(3);
    let report = fs::read_to_string(directory.path().join("counts.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["secrets"][0]["masked"], &report["complete"]), (&3.into(), &true.into()));
    assert_eq!(report["bytes_in"], 3 * SECRET.len() + 3);
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let directory = directory(&format!("A={SECRET}\n"));
    let text = "hushlog run --dotenv .env -- sh -c 'echo x; exit 0' >/dev/full";
    run(script(text).current_dir(&directory), b"")
        .ends(3)
        .says("cannot write the output of the command: no space left");
    // A reader that leaves is the command's own affair, as without the wrapper.
    let text = "hushlog run --dotenv .env -- yes | head -n 1; echo ${PIPESTATUS[0]}";
    let ran = run(script(text).current_dir(&directory), b"").ends(0);
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("y\n141\n", ""));
}

#[test]
fn closed_descriptors_stay_closed() {
    let directory = directory(&format!("A={SECRET}\n"));
    for closed in ["<&-", ">&-", "2>&-"] {
        let list = "sh -c 'test -e /dev/fd/0; a=$?; test -e /dev/fd/1; b=$?; test -e /dev/fd/2; exit $a$b$?'";
        let bare = run(script(&format!("{list} {closed}")).current_dir(&directory), b"");
        let text = format!("hushlog run --dotenv .env -- {list} {closed}");
        assert_eq!(run(script(&text).current_dir(&directory), b"").code, bare.code, "{closed}");
    }
}
