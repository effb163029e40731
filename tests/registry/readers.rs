//! Export formats against a hostile list of values: every installed reader gets each value back, or
//! the variable is refused by name.

use std::fs;
use std::path::Path;
use std::process::Command;

use hushlog::export::Format;

use crate::program::session::{PROBES, needs};

use super::export::{Systemd, docker_created, environment, in_shell, installed, output, python, python_has, variables};

/// Every text of up to three of these pieces is a value.
const PIECES: [&[u8]; 20] = [
    b"'",
    b"\"",
    b"\\",
    b"$",
    b"`",
    b"(",
    b")",
    b"{",
    b"}",
    b"\n",
    b"\r",
    b"#",
    b" ",
    b"\t",
    b"=",
    b"!",
    b"%",
    b"a",
    "\u{2028}".as_bytes(),
    b"\xff",
];

/// Longer ones.
const TEXTS: [&str; 22] = [
    "it's $(id >&2; exit 9)",
    "it's `id`",
    "$(id >&2)",
    "x' \"$(id >&2)\" 'y",
    "x\nINJECTED=1\n",
    "it's\nexport INJECTED=1",
    "x'\nINJECTED='1",
    "x\"\nINJECTED=\"1",
    "${HOME} ${HOME:-x} $HOME $$ $1 $'a'",
    "#{HOME} %{HOME} %HOME% {{HOME}}",
    "\\n \\t \\x41 \\u0041 \\0",
    "ends with \\",
    "a # comment",
    "\u{feff}bom",
    "\u{a0}no-break\u{a0}",
    "\u{85}next line\u{85}",
    "p\u{e4}\u{df}w\u{f6}rd \u{1f511}",
    "\u{b}\u{c}\u{1b}[31m\u{7}\u{7f}\u{1}",
    "a;b&c|d<e>f*g?h~i[j]",
    "!! !$ !-1",
    "export A=b",
    "",
];

/// The hostile values that a format accepts, each as a variable.
pub(crate) fn accepted(format: Format) -> Vec<(&'static str, Vec<u8>)> {
    let mut values: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    for (a, b, c) in (0..8000).map(|n| (n % 20, n / 20 % 20, n / 400)) {
        values.push([PIECES[a], PIECES[b], PIECES[c]].concat());
        if c == 0 {
            values.push([PIECES[a], PIECES[b]].concat());
        }
    }
    let taken = |value: &Vec<u8>| match format.render(&environment(&[("SECRET_A", value.clone())])) {
        Ok(_) => true,
        Err(refused) => {
            assert_eq!(refused.variable, "SECRET_A");
            false
        }
    };
    let named = (0..).zip(values.into_iter().filter(taken));
    named.map(|(n, value)| (&*Box::leak(format!("V{n}").into_boxed_str()), value)).collect()
}

/// A program by its name, and how it reads a file.
type Reader<'a> = (&'a str, &'a mut dyn FnMut(&Path) -> Vec<u8>);

/// Exports all values that the format accepts at once, and compares the reader's values.
#[track_caller]
fn read_alike(format: Format, at_least: usize, readers: &mut [Reader<'_>]) {
    let values = accepted(format);
    assert!(values.len() >= at_least, "{format:?} takes {} values only", values.len());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exported");
    fs::write(&path, &*format.render(&environment(&values)).unwrap()).unwrap();
    for (reader, read) in readers {
        let got = variables(&read(&path));
        assert!(!got.contains_key("INJECTED"), "{reader}: a value became a variable");
        for (name, value) in &values {
            let read = got.get(*name).unwrap_or_else(|| panic!("{reader}: {name} ({value:?}) is missing"));
            assert_eq!(read, value, "{reader}: {name}");
        }
    }
}

const SHELLS: [&str; 7] = ["dash", "bash", "zsh", "ksh", "mksh", "busybox", "sh"];

fn sourced(shell: &str, path: &Path) -> Vec<u8> {
    let script = format!("set -a; . {}; exec env -0", path.display());
    match shell {
        "busybox" => output(Command::new(shell).args(["sh", "-c", &script])),
        _ => output(Command::new(shell).env("LC_ALL", "C.UTF-8").args(["-c", &script])),
    }
}

/// A value with a quote and a command substitution was executed when the file was sourced.
#[test]
fn a14_shells_read_dotenv_as_it_was_exported() {
    for shell in SHELLS.into_iter().filter(|shell| installed(shell)) {
        read_alike(Format::Dotenv, 2000, &mut [(shell, &mut |path| sourced(shell, path))]);
    }
}

#[test]
fn a14_python_reads_dotenv_as_it_was_exported() {
    needs!("python3-dotenv");
    if python_has("dotenv") {
        for interpolate in ["True", "False"] {
            let script = format!(
                "import sys, dotenv\n\
                 for name, value in dotenv.dotenv_values(sys.argv[1], interpolate={interpolate}).items():\n    \
                     sys.stdout.buffer.write(f'{{name}}={{value or str()}}\\0'.encode())"
            );
            read_alike(Format::Dotenv, 2000, &mut [("python-dotenv", &mut |path| python(&script, path))]);
        }
    }
}

pub(crate) const NODE_PRINTS: &str =
    "process.stdout.write(Object.entries(found).map(([k, v]) => k + '=' + v + '\\0').join(''))";

#[test]
fn a14_node_reads_dotenv_as_it_was_exported() {
    needs!("node");
    let own = |path: &Path| {
        let (file, script) =
            (format!("--env-file={}", path.display()), format!("const found = process.env; {NODE_PRINTS}"));
        output(Command::new("node").args([&file, "-e", &script]))
    };
    let help = Command::new("node").arg("--help").output().unwrap().stdout;
    if String::from_utf8_lossy(&help).contains("--env-file") {
        read_alike(Format::Dotenv, 2000, &mut [("node --env-file", &mut |path| own(path))]);
    }
    let package = |path: &Path| {
        let script = format!(
            "const found = require('dotenv').parse(require('fs').readFileSync(process.argv[1])); {NODE_PRINTS}"
        );
        output(Command::new("node").args(["-e", &script]).arg(path))
    };
    if Command::new("node").args(["-e", "require('dotenv')"]).output().unwrap().status.success() {
        read_alike(Format::Dotenv, 2000, &mut [("npm's dotenv", &mut |path| package(path))]);
    }
}

#[linkme::distributed_slice(PROBES)]
static RUBY: (&str, fn() -> bool) = ("ruby-dotenv", || {
    let ran = Command::new("ruby").args(["-rdotenv", "-e", ""]).output();
    ran.is_ok_and(|ran| ran.status.success())
});

#[test]
fn a14_ruby_reads_dotenv_as_it_was_exported() {
    needs!("ruby-dotenv");
    let script = "$stdout.binmode; text = File.binread(ARGV[0]).force_encoding('UTF-8')\n\
                  Dotenv::Parser.call(text).each { |k, v| print k, '=', v, \"\\0\" }";
    let mut read = |path: &Path| output(Command::new("ruby").args(["-EUTF-8", "-rdotenv", "-e", script]).arg(path));
    read_alike(Format::Dotenv, 2000, &mut [("Ruby's dotenv", &mut read)]);
}

/// A value that the format cannot express for all readers is refused, and every other one is
/// accepted.
#[test]
fn a14_dotenv_refuses_values_that_readers_treat_differently() {
    let taken = |value: &str| Format::Dotenv.render(&environment(&[("A", value.into())])).is_ok();
    for value in ["it's $(id)", "it's `id`", "'\"", "'\\", "a\\\\b", "a\\", "${A}", "a\nb", "a\r", "\r\n"] {
        assert!(!taken(value), "{value:?}");
    }
    for value in ["it's", "$(id)", "`id`", "\"a\"", "$HOME", "a\\nb", "# a", " a ", "'", "a=b", "{$}", ""] {
        assert!(taken(value), "{value:?}");
    }
}

#[test]
fn a14_shells_read_sh_as_it_was_exported() {
    for shell in SHELLS.into_iter().filter(|shell| installed(shell)) {
        read_alike(Format::Sh, 8000, &mut [(shell, &mut |path| sourced(shell, path))]);
    }
    read_alike(Format::Sh, 8000, &mut [("sh", &mut |path| in_shell("sh", path))]);
}

#[test]
fn a14_fish_reads_fish_as_it_was_exported() {
    needs!("fish");
    if installed("fish") {
        let home = tempfile::tempdir().unwrap();
        let mut read = |path: &Path| {
            let mut fish = Command::new("fish");
            fish.env("LC_ALL", "C.UTF-8").env("HOME", home.path()).env_remove("XDG_CONFIG_HOME");
            output(fish.args(["--no-config", "-c", &format!("source {}; env -0", path.display())]))
        };
        read_alike(Format::Fish, 8000, &mut [("fish", &mut read)]);
    }
}

#[test]
fn a14_systemd_reads_its_file_as_it_was_exported() {
    if let Some(systemd) = Systemd::open() {
        read_alike(Format::Systemd, 7000, &mut [("systemd", &mut |path| systemd.read(path))]);
    }
}

#[test]
fn a14_json_is_read_as_it_was_exported() {
    let jq = |path: &Path| {
        output(Command::new("jq").args(["-j", "to_entries[] | \"\\(.key)=\\(.value)\\u0000\""]).arg(path))
    };
    if installed("jq") {
        read_alike(Format::Json, 6000, &mut [("jq", &mut |path| jq(path))]);
    }
    if python_has("json") {
        let script = "import sys, json\n\
                      for name, value in json.load(open(sys.argv[1], encoding='utf-8')).items():\n    \
                          sys.stdout.buffer.write(f'{name}={value}\\0'.encode())";
        read_alike(Format::Json, 6000, &mut [("python", &mut |path| python(script, path))]);
    }
    if installed("node") {
        let script = format!("const found = JSON.parse(require('fs').readFileSync(process.argv[1])); {NODE_PRINTS}");
        let mut read = |path: &Path| output(Command::new("node").args(["-e", &script]).arg(path));
        read_alike(Format::Json, 6000, &mut [("node", &mut read)]);
    }
}

#[test]
fn a14_docker_reads_its_file_as_it_was_exported() {
    needs!("docker");
    if installed("docker") {
        read_alike(Format::Docker, 5000, &mut [("docker", &mut |path| docker_created(path))]);
    }
}

#[test]
fn a14_yaml_reads_the_manifest_as_it_was_exported() {
    needs!("python3-yaml");
    if python_has("yaml") {
        let script = "import sys, yaml, base64\n\
                      for name, value in yaml.safe_load(open(sys.argv[1]))['data'].items():\n    \
                          sys.stdout.buffer.write(name.encode() + b'=' + base64.b64decode(value, validate=True) + b'\\0')";
        read_alike(Format::K8s, 8000, &mut [("yaml", &mut |path| python(script, path))]);
    }
}
