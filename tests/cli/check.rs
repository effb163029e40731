//! `hushlog check`: whether a variable is set here, and would be masked. The exit status is the
//! answer, and no value is shown.

use std::fs;
use std::process::Command;

use crate::program::{self, Ran, hushlog, run};

const CANARY: &str = "sk-live-canary4f9QzX";

struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    /// A machine with a session of these lines.
    fn booted(dotenv: &str) -> Machine {
        let machine = Machine::new();
        machine.boot(dotenv);
        machine
    }

    fn new() -> Machine {
        Machine { dir: tempfile::Builder::new().prefix("hushlog-check").tempdir_in("/dev/shm").unwrap() }
    }

    fn boot(&self, dotenv: &str) {
        fs::write(self.dir.path().join("a.env"), dotenv).unwrap();
        run(&mut self.hushlog(&["boot", "--quiet", "--dotenv", "a.env"]), b"").ends(0);
    }

    fn hushlog(&self, args: &[&str]) -> Command {
        let mut command = hushlog(args);
        command.env("HUSHLOG_RUN_DIR", self.dir.path().join("run")).current_dir(self.dir.path());
        command
    }

    /// Runs the check with these variables set.
    fn check(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.hushlog(&[&["check"], args].concat());
        run(command.envs(variables.iter().copied()), b"")
    }
}

/// Fails unless this was the output, with this status.
#[track_caller]
fn answers(ran: Ran, code: i32, said: &str) {
    let shown = format!("{}{}", ran.out(), ran.err());
    assert!(!shown.contains(CANARY) && !shown.contains(&CANARY[8..]), "the value shows");
    assert_eq!(ran.ends(code).out(), said);
}

#[test]
fn a_set_and_masked_secret_is_a_yes_under_each_name() {
    let machine = Machine::booted(&format!("OPENAI_API_KEY={CANARY}\n"));
    let set = [("OPENAI_API_KEY", CANARY)];
    answers(machine.check(&["OPENAI_API_KEY"], &set), 0, "OPENAI_API_KEY: set, masked\n");
    answers(machine.check(&["openai-api-key"], &set), 0, "openai-api-key: set, masked\n");
    answers(machine.check(&[], &set), 0, "OPENAI_API_KEY: set, masked\n");
    answers(machine.check(&["--quiet"], &set), 0, "");
}

#[test]
fn an_unset_variable_is_a_no() {
    let machine = Machine::booted(&format!("A_TOKEN={CANARY}\nB_TOKEN={CANARY}b\n"));
    answers(machine.check(&["A_TOKEN"], &[]), 1, "A_TOKEN: not set, masked\n");
    answers(machine.check(&["A_TOKEN"], &[("A_TOKEN", "")]), 1, "A_TOKEN: not set, masked\n");
    answers(machine.check(&["--quiet", "A_TOKEN"], &[]), 1, "");
    // One no among several is a no.
    let set = [("A_TOKEN", CANARY)];
    answers(machine.check(&["A_TOKEN", "B_TOKEN"], &set), 1, "A_TOKEN: set, masked\nB_TOKEN: not set, masked\n");
    answers(machine.check(&[], &set), 1, "A_TOKEN: set, masked\nB_TOKEN: not set, masked\n");
}

#[test]
fn an_unmasked_variable_is_a_no() {
    let machine = Machine::booted(&format!("A_TOKEN={CANARY}\nSHORT=abc\n"));
    let other = [("B_TOKEN", "sk-live-another-value"), ("SHORT", "abc")];
    answers(machine.check(&["B_TOKEN"], &other), 1, "B_TOKEN: set, not known as a secret, not masked\n");
    answers(machine.check(&["SHORT"], &other), 1, "SHORT: set, not masked\n");
    // A known part is not the whole value.
    let part = format!("postgres://app:{CANARY}@db/app");
    let ran = machine.check(&["B_URL"], &[("B_URL", part.as_str())]);
    answers(ran, 1, "B_URL: set, not known as a secret, not masked\n");
    let ran = machine.check(&["A_TOKEN"], &[("A_TOKEN", "sk-live-another-value")]);
    answers(ran, 1, "A_TOKEN: set to a value other than the known one, not masked\n");
}

#[test]
fn a_value_from_before_a_rotation_is_recognized() {
    let machine = Machine::booted(&format!("A_TOKEN={CANARY}\n"));
    machine.boot("A_TOKEN=the-value-after-it\n");
    answers(machine.check(&["A_TOKEN"], &[("A_TOKEN", CANARY)]), 0, "A_TOKEN: set to an earlier value, masked\n");
    answers(machine.check(&["A_TOKEN"], &[("A_TOKEN", "the-value-after-it")]), 0, "A_TOKEN: set, masked\n");
}

#[test]
fn without_a_session_check_uses_the_sources_of_the_filter() {
    let machine = Machine::new();
    let set = [("A_TOKEN", CANARY), ("SHELL_NAME", CANARY)];
    answers(machine.check(&["A_TOKEN"], &set), 0, "A_TOKEN: set, masked\n");
    answers(machine.check(&["A_TOKEN"], &[]), 1, "A_TOKEN: not set, not masked\n");
    answers(
        machine.check(&["PLAIN_NAME"], &[("PLAIN_NAME", CANARY)]),
        1,
        "PLAIN_NAME: set, not known as a secret, not masked\n",
    );
    answers(machine.check(&["--env", "PLAIN_*"], &[("PLAIN_NAME", CANARY)]), 0, "PLAIN_NAME: set, masked\n");
}

/// L03: a value given by mistake is not repeated, and so reaches no log.
#[test]
fn l03_a_word_that_is_no_name_here_is_not_repeated() {
    let machine = Machine::booted("A_TOKEN=sk-live-another-value\n");
    answers(machine.check(&["A_TOKEN", CANARY], &[]), 1, "A_TOKEN: not set, masked\nname 2: not set, not masked\n");
    let ran = machine.check(&["--no-such-flag", CANARY], &[]).ends(2);
    assert!(!ran.err().contains(CANARY));
}

#[test]
fn values_of_every_kind_are_asked_about() {
    let long = "x1".repeat(30 << 10);
    let values =
        ["two\nlines of it\n", "  blanks around it  ", "\"quoted\"", "p\u{e4}\u{df}w\u{f6}rd", "[REDACTED:V]", &long];
    for value in values {
        let machine = Machine::new();
        answers(machine.check(&["--env", "V", "V"], &[("V", value)]), 0, "V: set, masked\n");
    }
}

#[test]
fn an_unreadable_source_is_an_error_and_no_answer() {
    let machine = Machine::new();
    machine.check(&["--session", "A"], &[]).ends(2).says("this machine has no session");
    machine
        .check(&["--dotenv", "missing.env", "A"], &[])
        .ends(2)
        .says("cannot read missing.env: no such file or directory (--dotenv)");
    machine.check(&[], &[]).ends(2).says("no well-known variable");
}

#[test]
fn a_missing_reader_of_the_answer_is_no_error() {
    let machine = Machine::booted("A_TOKEN=sk-live-another-value\n");
    let run_dir = machine.dir.path().join("run");
    let mut closed = program::script("set -o pipefail; hushlog check A_TOKEN | true; exec >&-; hushlog check A_TOKEN");
    run(closed.env("HUSHLOG_RUN_DIR", run_dir), b"").ends(3).says("standard output is closed");
}
