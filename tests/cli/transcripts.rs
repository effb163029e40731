//! Runs the `console` blocks of the README and of `tests/cmd` as a reader would, and compares the
//! output.
//!
//! A line with `$ ` is a command, one with `> ` continues it, and the others are the output of both
//! streams. `? N` follows a command that exits with status N. All commands of a file run in one
//! shell, in an empty directory.

use std::fs;
use std::path::Path;

use crate::program;

/// Ends the output of a command; followed by its status.
const MARK: &str = "\u{1}end of command ";

/// A command and its output.
#[derive(Debug, Default, PartialEq)]
struct Step {
    command: String,
    shown: String,
}

/// The steps of all console blocks.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside && line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            steps.push(Step { command: command.to_owned(), shown: String::new() });
        } else if let Some(step) = steps.last_mut().filter(|_| inside) {
            match line.strip_prefix("> ") {
                Some(more) if step.shown.is_empty() => step.command = format!("{}\n{more}", step.command),
                _ => step.shown += &format!("{line}\n"),
            }
        }
    }
    steps
}

/// Runs the commands, and returns them with their real output.
fn replay(steps: &[Step]) -> Vec<Step> {
    let dir = tempfile::tempdir().unwrap();
    let mut script = "exec 2>&1\n".to_owned();
    for step in steps {
        script += &format!("{}\nprintf '{MARK}%s\\n' $?\n", step.command);
    }
    let mut command = program::script(&script);
    command.current_dir(&dir).env("HOME", dir.path()).env("LC_ALL", "C.UTF-8");
    // As root, the state of this machine would change.
    command.env("HUSHLOG_STATE_DIR", dir.path().join(".state"));
    let ran = program::run(&mut command, b"").ends(0);
    let shown = ran.out();
    let mut rest = shown.as_str();
    let replayed = steps.iter().map(|step| {
        let (shown, after) = rest.split_once(MARK).unwrap_or((rest, "none\n"));
        let (status, after) = after.split_once('\n').unwrap();
        rest = after;
        let status = if status == "0" { String::new() } else { format!("? {status}\n") };
        Step { command: step.command.clone(), shown: format!("{shown}{status}") }
    });
    replayed.collect()
}

fn check(path: &Path) {
    let steps = steps(&fs::read_to_string(path).unwrap());
    assert!(!steps.is_empty(), "{} has no console block", path.display());
    for (shown, real) in steps.iter().zip(replay(&steps)) {
        assert_eq!(*shown, real, "{} (left) and what really comes out (right)", path.display());
    }
}

#[test]
fn readme_is_true() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
}

#[test]
fn transcripts_are_true() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3);
    files.iter().for_each(|file| check(file));
}

#[test]
fn a_wrong_transcript_is_noticed() {
    let steps = steps("```console\n$ echo a\nb\n$ false\n? 1\n$ echo 'c\n> d'\nc\nd\n```\n");
    assert_eq!(steps.len(), 3);
    let real = replay(&steps);
    assert_ne!(steps[0], real[0]);
    assert_eq!(steps[1..], real[1..]);
}
