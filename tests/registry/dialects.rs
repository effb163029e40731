//! Dotenv files that programs read differently, each read by the program itself and by hushlog's
//! dialect of that name.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use hushlog::export::Format;
use hushlog::source::Dialect;
use hushlog::source::dotenv;

use crate::export::{Systemd, docker_created, environment, python, variables};
use crate::program::session::needs;
use crate::readers::{NODE_PRINTS, accepted};

/// Entries, alone or in pairs, that some programs read otherwise than others.
const FILES: [&str; 34] = [
    "A=don't-fly\nB=won't-land\n",
    "A='don'\\''t'\nB=x\n",
    "A={\"b\":\"c d\"}\n",
    "A=b c\nB=d\n",
    "A=b # c\nB=d\n",
    "A=b#c\n",
    "A=\"b # c\"\n",
    "A=\"b\"#c\nB='d'# e\n",
    "A=\"b\" # c\n",
    "A='b\\'c'\nB='d\\'e'\n",
    "A=\"b\\\"c\"\n",
    "A=\"b\\nc\\td\\\\e\\$f\"\n",
    "A='b\\nc'\n",
    "A=\"b\nc\"\nB=d\n",
    "A='b\nc'\nB=d\n",
    "A=b\\\nc\nB=d\n",
    "A=b\\ c\\d\\$e\n",
    "A=\"b\"'c'd\n",
    "A=\"b\" 'c'\n",
    "A='b\nB=c\n",
    "A: b\nB=c\n",
    "A = b\nB=c\n",
    "  A=b\n\tB=c\n",
    "export A=b\nexport B='c d'\n",
    "A=`b c`\n",
    "A=b  \nB='  c  '\n",
    "# A=x\n; B=x\nA=b\n",
    "A=\"\"\nB=''\n",
    "A=b;c\nB=d\n",
    "A=b;B=c\n",
    "A=b B=c\n",
    "A=$'b\\tc\\x41\\101'\n",
    "A=\u{e4}\u{1f511}\nB=\"\u{2028}\"\n",
    "A=b=c==\nB==\n",
];

/// The variables of a dialect; of several with one name the last.
fn of_dialect(dialect: Dialect, file: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let entries = dotenv::parse(file).entries.into_iter().filter(|entry| entry.dialects.contains(dialect));
    entries.filter_map(|entry| Some((entry.name, entry.value?))).collect()
}

/// Compares `A` and `B`, as a program sets them, with the dialect. A program that refuses the whole
/// file, and so returns nothing, is no measure.
#[track_caller]
fn read_alike(dialect: Dialect, read: &mut dyn FnMut(&Path) -> Option<Vec<u8>>) {
    let mut compared = 0;
    for file in FILES {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        fs::write(&path, file).unwrap();
        let Some(shown) = read(&path) else { continue };
        let (program, own) = (variables(&shown), of_dialect(dialect, file.as_bytes()));
        for name in ["A", "B"].into_iter().filter(|name| program.contains_key(*name)) {
            let show = |value: Option<&Vec<u8>>| value.map(|value| String::from_utf8_lossy(value).into_owned());
            assert_eq!(show(own.get(name)), show(program.get(name)), "{dialect:?}: {name} of {file:?}");
            compared += 1;
        }
    }
    assert!(compared >= 25, "{dialect:?}: {compared}");
}

fn printed(command: &mut Command) -> Option<Vec<u8>> {
    let ran = command.output().unwrap();
    ran.status.success().then_some(ran.stdout)
}

#[test]
fn shells_source_a_dotenv_as_the_dialect_says() {
    needs!("dash", "bash");
    for shell in ["dash", "bash"] {
        read_alike(Dialect::Sh, &mut |path| {
            let file = fs::read(path).unwrap();
            // The output of a command is no measure.
            let is_measure = !file.contains(&b'`') && (shell == "bash" || !file.starts_with(b"A=$'"));
            let script = format!("set -a; . {} 2>/dev/null; exec env -0", path.display());
            is_measure.then(|| printed(Command::new(shell).args(["-c", &script])))?
        });
    }
}

#[test]
fn python_reads_a_dotenv_as_the_dialect_says() {
    needs!("python3-dotenv");
    let script = "import sys, dotenv, logging\n\
                  logging.disable()\n\
                  for name, value in dotenv.dotenv_values(sys.argv[1], interpolate=False).items():\n    \
                      value is None or sys.stdout.buffer.write(f'{name}={value}\\0'.encode())";
    read_alike(Dialect::Python, &mut |path| Some(python(script, path)));
}

#[test]
fn node_reads_a_dotenv_as_the_dialect_says() {
    needs!("node");
    let script = format!("const found = process.env; {NODE_PRINTS}");
    let mut node =
        |path: &Path| printed(Command::new("node").arg(format!("--env-file={}", path.display())).args(["-e", &script]));
    let help = Command::new("node").arg("--help").output().unwrap().stdout;
    if String::from_utf8_lossy(&help).contains("--env-file") {
        read_alike(Dialect::Node, &mut node);
    }
    let script =
        format!("const found = require('dotenv').parse(require('fs').readFileSync(process.argv[1])); {NODE_PRINTS}");
    if Command::new("node").args(["-e", "require('dotenv')"]).output().unwrap().status.success() {
        read_alike(Dialect::Npm, &mut |path| printed(Command::new("node").args(["-e", &script]).arg(path)));
    }
}

#[test]
fn systemd_reads_a_dotenv_as_the_dialect_says() {
    if let Some(systemd) = Systemd::open() {
        // Names with blanks, which it would drop with a complaint, are no measure; nor is a quote
        // that stays open.
        let is_read = |path: &Path| {
            let file = fs::read_to_string(path).unwrap();
            !file.contains("export") && !file.contains(": b") && !file.starts_with("A='b\nB")
        };
        read_alike(Dialect::Systemd, &mut |path| is_read(path).then(|| systemd.read(path)));
    }
}

#[test]
fn docker_reads_a_dotenv_as_the_dialect_says() {
    needs!("docker");
    // It refuses a file with blanks in a name.
    let has_names = |path: &Path| {
        let file = fs::read_to_string(path).unwrap();
        file.lines().all(|line| line.trim_start().split('=').next().is_some_and(|name| !name.contains(' ')))
    };
    read_alike(Dialect::Docker, &mut |path| has_names(path).then(|| docker_created(path)));
}

/// What `hushlog export` writes, `--dotenv` reads back, whatever the value.
#[test]
fn exported_dotenv_files_are_read_back() {
    let formats = [
        (Format::Dotenv, &[Dialect::Sh, Dialect::Python, Dialect::Node, Dialect::Npm, Dialect::Ruby][..]),
        (Format::Sh, &[Dialect::Sh]),
        (Format::Systemd, &[Dialect::Systemd]),
        (Format::Docker, &[Dialect::Docker]),
    ];
    for (format, dialects) in formats {
        for (name, value) in accepted(format) {
            let text = format.render(&environment(&[(name, value.clone())])).unwrap();
            for dialect in dialects {
                let read = of_dialect(*dialect, &text).remove(name);
                assert_eq!(read.as_ref(), Some(&value), "{format:?} by {dialect:?}");
            }
            // Shorter values are not masked.
            if trimmed(&value).len() < 4 {
                continue;
            }
            let entries = dotenv::parse(&text).entries;
            let is_masked = |entry: &dotenv::Entry| {
                let read = entry.value.as_deref().unwrap_or_default();
                entry.is_masked && (trimmed(&value) == trimmed(read) || read.trim_ascii().is_empty())
            };
            assert!(entries.iter().any(is_masked), "{format:?}: {value:?}");
        }
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let is_inner = |b: &u8| !b.is_ascii_whitespace() && !b"'\"`".contains(b);
    match (value.iter().position(is_inner), value.iter().rposition(is_inner)) {
        (Some(first), Some(last)) => &value[first..=last],
        _ => &[],
    }
}
