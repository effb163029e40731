//! Files as arguments of the filter, read as `cat` reads them.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::program::{hushlog, run, run_within, script};

const SECRET: &str = "sk-live-4f9QzX";

/// A directory with a dotenv file, and these files.
fn with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.env"), format!("API_TOKEN={SECRET}\n")).unwrap();
    files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).unwrap());
    dir
}

fn filter(dir: &tempfile::TempDir, args: &[&str]) -> Command {
    let mut command = hushlog([&["--dotenv", "app.env"], args].concat());
    command.current_dir(dir);
    command
}

#[test]
fn files_are_one_stream_in_their_order() {
    let dir = with(&[("a", "one sk-live-"), ("b", "4f9QzX two\n"), ("c", ""), ("d", "sk-live-4f9QzX, no newline")]);
    let ran = run(&mut filter(&dir, &["a", "b", "c", "d"]), b"").ends(0);
    assert_eq!(ran.out(), "one [REDACTED:API_TOKEN] two\n[REDACTED:API_TOKEN], no newline");
    let ran = run(&mut filter(&dir, &["a", "-", "d"]), b"4f9QzX from a pipe\n").ends(0);
    assert_eq!(ran.out(), "one [REDACTED:API_TOKEN] from a pipe\n[REDACTED:API_TOKEN], no newline");
    let ran = run(&mut filter(&dir, &["--release", "line", "a", "b"]), b"").ends(0);
    assert_eq!(ran.out(), "one [REDACTED:API_TOKEN] two\n");
    // `cat` agrees.
    let texts = "cat a b c d | hushlog --dotenv app.env; hushlog filter --dotenv app.env a b c d";
    let out = run(script(texts).current_dir(&dir), b"").ends(0).out();
    assert!(out[..out.len() / 2] == out[out.len() / 2..], "{out}");
}

#[test]
fn large_files_leave_through_a_pipe_whole() {
    let text = format!("{}{SECRET}\n", "x".repeat(4095)).repeat(300);
    let dir = with(&[("a", &text), ("b", &text)]);
    let masked = text.replace(SECRET, "[REDACTED:API_TOKEN]").repeat(2);
    assert!(run(&mut filter(&dir, &["a", "b"]), b"").ends(0).out() == masked);
    let to_file = "hushlog --dotenv app.env a b > out && cat out";
    assert!(run(script(to_file).current_dir(&dir), b"").ends(0).out() == masked);
}

#[test]
fn nothing_is_read_if_a_file_cannot_be_read() {
    let dir = with(&[("a", "text\n")]);
    fs::create_dir(dir.path().join("logs")).unwrap();
    for (args, says) in [
        (&["a", "missing"][..], "cannot read missing: no such file or directory"),
        (&["a", "missing2"], "cannot read file number 2: no such file or directory"),
        (&["a", "logs"], "logs is a directory"),
        (&["scurb", "a"], "did you mean the command scrub?"),
        (&["run"], "run is a command: its options go after it"),
    ] {
        let ran = run(&mut filter(&dir, args), b"").ends(2).says(says);
        assert_eq!(ran.out(), "", "{args:?}");
    }
}

/// Each is opened only when its turn comes, or the writer would wait for ever.
#[test]
fn fifos_are_opened_in_turn() {
    let dir = with(&[]);
    let text =
        "mkfifo a b; (seq 1 100000 > a; echo sk-live-4f9QzX > b) & hushlog --dotenv app.env a b | tail -n 2; wait";
    let ran = run_within(script(text).current_dir(&dir), b"", Duration::from_secs(60)).ends(0);
    assert_eq!(ran.out(), "100000\n[REDACTED:API_TOKEN]\n");
}

#[test]
fn an_output_that_is_an_input_is_refused() {
    let dir = with(&[("a", "text\n"), ("b", "more\n")]);
    for redirection in [">> b", "1<> b"] {
        let text = format!("ulimit -f 1000; hushlog --dotenv app.env a b {redirection}");
        run(script(&text).current_dir(&dir), b"").ends(2).says("b is also the output").says("hushlog scrub FILE");
        assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "more\n");
    }
    run(&mut filter(&dir, &["--report", "a", "a"]), b"").ends(2).says("it is a");
}

#[test]
fn more_files_than_descriptors_are_read() {
    let dir = with(&[]);
    let text =
        "ulimit -S -n 32; for n in $(seq 100); do echo $n > f$n; done; hushlog --dotenv app.env $(seq -f f%g 100)";
    let numbers: String = (1..=100).map(|n| format!("{n}\n")).collect();
    assert_eq!(run(script(text).current_dir(&dir), b"").ends(0).out(), numbers);
}

#[test]
fn a_read_that_fails_ends_the_stream_and_is_named() {
    let dir = with(&[("a", "a sk-live-4f9QzX b\n")]);
    let ran = run(&mut filter(&dir, &["a", "/proc/self/mem", "a"]), b"").ends(3);
    assert_eq!(ran.says("cannot read /proc/self/mem: ").out(), "a [REDACTED:API_TOKEN] b\n");
}
