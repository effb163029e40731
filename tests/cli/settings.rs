//! Settings from the environment: an unusable one is an error, and never ignored.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::program::{hushlog, run};

/// A directory with a registry of one member, `vm`, and one secret.
fn desk() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ran = |args: &[&str], input: &[u8]| run(&mut command(&dir, args), input).ends(0).out();
    let recipient = ran(&["keygen", "--output", "vm.txt"], b"");
    ran(&["member", "add", "vm", recipient.trim(), "--registry", "r.yaml", "--as", "vm"], b"");
    let add = ["secret", "add", "token", "--private", "--value-file", "-", "--registry", "r.yaml", "--as", "vm"];
    ran(&add, b"sk-live-4f9QzX");
    dir
}

fn command(dir: &tempfile::TempDir, args: &[&str]) -> Command {
    let mut command = hushlog(args);
    command.current_dir(dir).env("HOME", dir.path()).env("A_TOKEN", "a value of it");
    command
}

const FILTER: &[&str] = &["--registry", "r.yaml", "--identity", "vm.txt"];
const ADD: &[&str] = &["secret", "add", "b", "--private", "--value-file", "-", "--registry", "r.yaml"];

/// A variable, unusable values, and commands that read it.
type Unusable<'a> = (&'a str, Vec<&'a [u8]>, &'a [&'a [&'a str]]);

#[test]
fn a09_a_setting_that_cannot_be_used_is_an_error() {
    let dir = desk();
    let blank: &[&[u8]] = &[b"", b" ", b"\t\n"];
    let with = |more: &[&'static [u8]]| [blank, more].concat();
    let cases: &[Unusable<'_>] = &[
        (
            "HUSHLOG_TRUST",
            with(&[b"\xff\xfe", b"not-a-key-4711"]),
            &[FILTER, &["secret", "list", "--registry", "r.yaml"]],
        ),
        ("HUSHLOG_REGISTRY", with(&[]), &[&["secret", "list"], &["boot"]]),
        ("HUSHLOG_IDENTITY", with(&[]), &[&["--registry", "r.yaml"], &["boot", "--registry", "r.yaml"]]),
        ("HUSHLOG_MEMBER", with(&[b"\xff\xfe", b"not a name 4711"]), &[ADD]),
        ("HUSHLOG_SIGN", with(&[]), &[&[ADD, &["--as", "vm"]].concat()]),
        (
            "HUSHLOG_RUN_DIR",
            with(&[]),
            &[&[], &["check"], &["export", "--format", "sh"], &["boot", "--allow-disk", "--env", "A_TOKEN"]],
        ),
    ];
    for (variable, values, commands) in cases {
        for (value, args) in values.iter().flat_map(|value| commands.iter().map(move |args| (value, args))) {
            let mut command = command(&dir, args);
            let ran = run(command.env(variable, OsStr::from_bytes(value)), b"a value").ends(2);
            let said = ran.err();
            // The message about a word that is no member's name says why it is wrong.
            assert!(said.contains(variable) || value.starts_with(b"not a name"), "{args:?}: {said}");
            assert!(!said.contains("4711") && ran.out().is_empty(), "{args:?}: {said}");
        }
    }
}

#[test]
fn a09_a_signature_is_demanded_by_the_setting_as_by_the_flag() {
    let dir = desk();
    let key = run(&mut command(&dir, &["keygen", "--signing", "--output", "key.pem"]), b"").ends(0).out();
    run(command(&dir, FILTER).env("HUSHLOG_TRUST", key.trim()), b"").ends(2).says("sign");
    run(&mut command(&dir, &[FILTER, &["--trust", key.trim()]].concat()), b"").ends(2).says("sign");
    // The command line wins, and the setting is then not needed.
    run(command(&dir, ADD).env("HUSHLOG_MEMBER", "").args(["--as", "vm"]), b"another value").ends(0);
    run(command(&dir, &["--env", "A_TOKEN"]).env("HUSHLOG_TRUST", ""), b"").ends(0);
}

/// Every command that reads secrets takes the registry of the setting, if no source is given.
#[test]
fn the_registry_of_the_setting_is_the_default_source() {
    let dir = desk();
    let text = b"a sk-live-4f9QzX b, a value of it\n";
    let with = |args: &[&str]| {
        let mut command = command(&dir, args);
        command.env("HUSHLOG_REGISTRY", "r.yaml").env("HUSHLOG_IDENTITY", "vm.txt");
        command.env("HUSHLOG_RUN_DIR", dir.path().join("none"));
        command
    };
    let masked = "a [REDACTED:token] b, a value of it\n";
    assert_eq!(run(&mut with(&[]), text).ends(0).out(), masked);
    assert_eq!(run(&mut with(&["run", "cat"]), text).ends(0).out(), masked);
    assert_eq!(run(&mut with(&["run", "sh", "-c", "test \"$TOKEN\" = sk-live-4f9QzX"]), b"").ends(0).out(), "");
    assert_eq!(run(&mut with(&["check"]), b"").ends(1).out(), "TOKEN: not set, masked\n");
    assert!(run(&mut with(&["export", "--format", "dotenv"]), b"").ends(0).out().contains("TOKEN="));
    // A source of the command line replaces it.
    let masked = "a sk-live-4f9QzX b, [REDACTED:A_TOKEN]\n";
    assert_eq!(run(&mut with(&["--env", "A_TOKEN"]), text).ends(0).out(), masked);
    // An option about the registry names it, beside other sources.
    let both = "a [REDACTED:token] b, [REDACTED:A_TOKEN]\n";
    assert_eq!(run(&mut with(&["--env", "A_TOKEN", "--as", "vm"]), text).ends(0).out(), both);
    run(&mut command(&dir, &["--env", "A_TOKEN", "--as", "vm"]), b"").ends(2).says("--as needs --registry");
    // A session goes first: it has all that the machine exports.
    let mut boot = with(&["boot", "--env", "A_TOKEN", "--allow-disk", "--quiet"]);
    run(boot.env("HUSHLOG_RUN_DIR", dir.path().join("session")), b"").ends(0);
    let mut filter = with(&[]);
    assert_eq!(run(filter.env("HUSHLOG_RUN_DIR", dir.path().join("session")), text).ends(0).out(), masked);
}
