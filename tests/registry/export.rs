//! Every export format, read back by the programs that consume it.
//!
//! A consumer prints the variables as `NAME=VALUE`, each followed by a NUL, and its output must
//! equal the export. A missing consumer is skipped, and standard error reports it.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hushlog::Secret;
use hushlog::export::{Environment, Format};
use hushlog::registry::{ExportedSecret, Rank};

use crate::program::session::needs;

/// Values that once caused a fault somewhere, all of them UTF-8.
fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let long: String = ('!'..='~').cycle().take(60 << 10).collect();
    vec![
        ("PLAIN", b"sk-live-4f9QzX".to_vec()),
        ("EMPTY", b"".to_vec()),
        ("BLANKS", b"  two blanks, tab\t ".to_vec()),
        ("QUOTES", b"it's \"quoted\", `twice`'".to_vec()),
        ("SINGLE", b"it's".to_vec()),
        ("DOUBLE", b"a \"b\"".to_vec()),
        ("DOLLAR", b"$HOME ${HOME} $(id) $$ $' $".to_vec()),
        ("BACKQUOTE", b"`id`".to_vec()),
        ("BACKSLASH", b"a\\b \\n \\\\ \\' \\\\\" \\x".to_vec()),
        ("BACKSLASH_LAST", b"ends with \\".to_vec()),
        ("HASH", b"# no comment # at all".to_vec()),
        ("BANG", b"!! !$ ! % ; & | < > ( ) { } [ ] * ? ~".to_vec()),
        ("OTHERS", "p\u{e4}\u{df}w\u{f6}rd \u{2192} \u{1f511} \u{feff}".as_bytes().to_vec()),
        ("EQUALS", b"a=b==".to_vec()),
        ("WORD", b"no".to_vec()),
        ("NUMBER", b"0o17".to_vec()),
        ("LONG", long.into_bytes()),
    ]
}

/// Values of several lines.
fn lines() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("SEVERAL", b"-----BEGIN KEY-----\nabc'd\n\"e\"$F\n-----END KEY-----\n".to_vec()),
        ("LINE_ENDS", b"\n\na\n".to_vec()),
        ("CRLF", b"one\r\ntwo\r\n".to_vec()),
        ("RETURN", b"one\rtwo\r".to_vec()),
        ("NOT_A_VARIABLE", b"x\nINJECTED=1\nexport INJECTED=1\n".to_vec()),
        ("CONTINUED", b"a\\\nb".to_vec()),
    ]
}

/// Values that are not text.
fn bytes() -> Vec<(&'static str, Vec<u8>)> {
    vec![("LATIN", b"caf\xe9".to_vec()), ("BYTES", (1..=255).collect()), ("CONTROL", b"\x1b[31m\x07\x7f\x01".to_vec())]
}

pub(crate) type Values = BTreeMap<String, Vec<u8>>;

pub(crate) fn environment(values: &[(&'static str, Vec<u8>)]) -> Environment {
    let variable = |(name, value): &(&str, Vec<u8>)| {
        ExportedSecret::new(*name, Secret::new(name.to_lowercase(), value.clone()), "1", Rank::Shared)
    };
    Environment::new(values.iter().map(variable).collect()).unwrap()
}

/// The output of a reader.
pub(crate) fn variables(shown: &[u8]) -> Values {
    let pairs = shown.split(|byte| *byte == 0).filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        Some((String::from_utf8(pair[..equals].to_vec()).unwrap(), pair[equals + 1..].to_vec()))
    });
    pairs.collect()
}

/// Exports the values into a file, lets `read` read it, and compares.
#[track_caller]
fn round_trip(format: Format, values: Vec<(&'static str, Vec<u8>)>, read: impl Fn(&Path) -> Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exported");
    fs::write(&path, &*format.render(&environment(&values)).unwrap()).unwrap();
    let shown = read(&path);
    let got = variables(&shown);
    assert!(!got.contains_key("INJECTED"), "a value became a variable");
    for (name, value) in values {
        let got = got.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        let at = value.iter().zip(got).position(|(a, b)| a != b);
        assert!(*got == value, "{name} differs: {} for {} bytes, first at {at:?}", got.len(), value.len());
    }
}

/// Runs a program of the machine, and returns its output.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "failed: {failed}");
    assert!(failed.is_empty(), "complained: {failed}");
    output.stdout
}

pub(crate) fn installed(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", "command -v \"$0\" >/dev/null", program]).status().unwrap().success();
    if !found {
        crate::program::session::without(program);
    }
    found
}

pub(crate) fn in_shell(shell: &str, path: &Path) -> Vec<u8> {
    let mut command = Command::new(shell);
    command.env("LC_ALL", "C.UTF-8").args(["-c", &format!(". {}; exec env -0", path.display())]);
    output(&mut command)
}

#[test]
fn shells_read_sh() {
    for shell in ["bash", "dash", "sh", "busybox", "zsh", "ksh"].into_iter().filter(|shell| installed(shell)) {
        for values in [texts(), lines(), bytes()] {
            round_trip(Format::Sh, values, |path| match shell {
                "busybox" => {
                    output(Command::new(shell).args(["sh", "-c", &format!(". {}; exec env -0", path.display())]))
                }
                _ => in_shell(shell, path),
            });
        }
    }
}

/// As users do it: `eval "$(hushlog export --format sh)"`, also in a shell that stops at unset
/// variables.
#[test]
fn shells_eval_sh() {
    for values in [texts(), lines(), bytes()] {
        round_trip(Format::Sh, values, |path| {
            let script = "set -euo pipefail; eval \"$(cat \"$0\")\"; exec env -0";
            output(Command::new("bash").args(["-c", script]).arg(path))
        });
    }
}

#[test]
fn fish_reads_fish() {
    needs!("fish");
    if installed("fish") {
        for values in [texts(), lines(), bytes()] {
            let home = tempfile::tempdir().unwrap();
            round_trip(Format::Fish, values, |path| {
                let mut fish = Command::new("fish");
                fish.env("LC_ALL", "C.UTF-8").env("HOME", home.path()).env_remove("XDG_CONFIG_HOME");
                output(fish.args(["--no-config", "-c", &format!("source {}; env -0", path.display())]))
            });
        }
    }
}

pub(crate) fn python(script: &str, path: &Path) -> Vec<u8> {
    output(Command::new("python3").args(["-c", script]).arg(path))
}

pub(crate) fn python_has(module: &str) -> bool {
    let has = Command::new("python3").args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status();
    let has = has.is_ok_and(|status| status.success());
    if !has {
        crate::program::session::without(module);
    }
    has
}

/// A value that needs no escape is written in quotes only, so that readers without escapes
/// understand it.
#[test]
fn dotenv_is_plain_where_it_can_be() {
    let plain = |value: &str| {
        let text = Format::Dotenv.render(&environment(&[("A", value.as_bytes().to_vec())])).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    };
    for value in ["a b", "$HOME", "a\\nb", "\"a\"", "#", "`a`", "=", ""] {
        assert_eq!(plain(value), format!("A='{value}'\n"));
    }
    assert_eq!(plain("it's"), "A=\"it's\"\n");
}

/// The `load_env_file` with which systemd reads `EnvironmentFile=`, from its own library.
pub(crate) struct Systemd {
    library: libloading::Library,
}

impl Systemd {
    pub(crate) fn open() -> Option<Systemd> {
        let directories =
            ["/usr/lib/systemd", "/lib/systemd", "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib64/systemd"];
        let files = directories.iter().filter_map(|directory| fs::read_dir(directory).ok()).flatten().flatten();
        let mut paths = files.map(|file| file.path());
        let is_shared = |path: &PathBuf| path.file_name().unwrap().as_bytes().starts_with(b"libsystemd-shared-");
        // SAFETY: loading it runs only its own initialisers, as in systemd's programs.
        let library = paths.find(is_shared).and_then(|path| unsafe { libloading::Library::new(path) }.ok());
        if library.is_none() {
            crate::program::session::without("libsystemd-shared");
        }
        library.map(|library| Systemd { library })
    }

    /// The variables that a service would get.
    pub(crate) fn read(&self, path: &Path) -> Vec<u8> {
        type Load = unsafe extern "C" fn(*mut c_void, *const c_char, *mut *mut *mut c_char) -> c_int;
        type IsValid = unsafe extern "C" fn(*const c_char) -> bool;
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        let mut list: *mut *mut c_char = std::ptr::null_mut();
        let mut shown = Vec::new();
        // SAFETY: the types are those of systemd's own header; the list ends with a null pointer,
        // its strings with a NUL.
        unsafe {
            let load = self.library.get::<Load>(b"load_env_file\0").unwrap();
            let is_valid = self.library.get::<IsValid>(b"env_assignment_is_valid\0").unwrap();
            assert!(load(std::ptr::null_mut(), path.as_ptr(), &mut list) >= 0, "systemd refuses the file");
            for n in 0.. {
                let entry = *list.add(n);
                if entry.is_null() {
                    break;
                }
                assert!(is_valid(entry), "systemd would drop a variable");
                shown.extend(CStr::from_ptr(entry).to_bytes_with_nul());
            }
        }
        shown
    }
}

#[test]
fn systemd_reads_systemd() {
    if let Some(systemd) = Systemd::open() {
        for values in [texts(), lines(), vec![("CONTROL", b"\x1b[31m\x07\x7f\x01".to_vec())]] {
            round_trip(Format::Systemd, values, |path| systemd.read(path));
        }
    }
}

#[test]
fn jq_reads_json() {
    needs!("jq");
    if installed("jq") {
        for values in [texts(), lines(), vec![("CONTROL", b"\x1b[31m\x07\x7f\x01".to_vec())]] {
            round_trip(Format::Json, values, |path| {
                output(Command::new("jq").args(["-j", "to_entries[] | \"\\(.key)=\\(.value)\\u0000\""]).arg(path))
            });
        }
    }
}

#[test]
fn a_yaml_parser_reads_k8s() {
    needs!("python3-yaml");
    if python_has("yaml") {
        for values in [texts(), lines(), bytes()] {
            round_trip(Format::K8s, values, |path| {
                let script = "import sys, yaml, base64\n\
                    secret = yaml.safe_load(open(sys.argv[1]))\n\
                    assert (secret['apiVersion'], secret['kind'], secret['type']) == ('v1', 'Secret', 'Opaque')\n\
                    assert secret['metadata'] == {'name': 'hushlog'}\n\
                    for name, value in secret['data'].items():\n    \
                        sys.stdout.buffer.write(name.encode() + b'=' + base64.b64decode(value, validate=True) + b'\\0')";
                python(script, path)
            });
        }
    }
}

/// A daemon that records the requests of the docker program, and creates nothing.
fn docker_daemon(socket: &Path) -> std::thread::JoinHandle<serde_json::Value> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if let Some(created) = docker_requests(stream.unwrap()) {
                return created;
            }
        }
        unreachable!("a listener goes on for ever")
    })
}

/// Answers the requests of one connection; returns the body of the one that creates a container.
fn docker_requests(mut stream: UnixStream) -> Option<serde_json::Value> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut first, mut len) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap() == 0 {
            return None;
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => len = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; len];
        reader.read_exact(&mut body).unwrap();
        let creates = first.contains("/containers/create");
        let answer = if creates { "{\"Id\":\"1234\",\"Warnings\":[]}" } else { "" };
        let status = if creates { "201 Created" } else { "200 OK" };
        let head = format!("HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n");
        write!(stream, "{head}Content-Length: {}\r\n\r\n{answer}", answer.len()).unwrap();
        if creates {
            return Some(serde_json::from_slice(&body).unwrap());
        }
    }
}

/// The variables of a container that is created with this `--env-file`.
pub(crate) fn docker_created(path: &Path) -> Vec<u8> {
    let socket = path.with_file_name("socket");
    let daemon = docker_daemon(&socket);
    let mut docker = Command::new("docker");
    docker.env("DOCKER_HOST", format!("unix://{}", socket.display())).env("DOCKER_CONFIG", path.parent().unwrap());
    let id = output(docker.args(["create", "--env-file"]).arg(path).arg("image"));
    assert_eq!(id, b"1234\n");
    let created = daemon.join().unwrap();
    let entries = created["Env"].as_array().unwrap().iter();
    entries.flat_map(|entry| [entry.as_str().unwrap().as_bytes(), b"\0"].concat()).collect()
}

#[test]
fn docker_reads_docker() {
    needs!("docker");
    round_trip(Format::Docker, texts(), docker_created);
}

/// A value that a format cannot express is refused with the variable's name, and nothing is
/// rendered.
#[test]
fn values_that_a_format_cannot_express_are_refused_by_name() {
    let refused = |format: Format, value: &[u8]| {
        let values = [("A", b"fine".to_vec()), ("SECRET_B", value.to_vec())];
        let error = format.render(&environment(&values)).expect_err("it was rendered");
        assert_eq!(error.variable, "SECRET_B");
        assert!(!error.to_string().contains("canary"), "the value shows");
    };
    for value in [&b"canary\n"[..], b"canary\nB=c", b"canary\r", &[b'x'; 64 << 10], b"canary\xff"] {
        refused(Format::Docker, value);
    }
    refused(Format::Dotenv, b"canary\\");
    for format in [Format::Dotenv, Format::Systemd, Format::Json] {
        refused(format, b"canary\xff");
    }
}

#[test]
fn an_empty_environment_is_valid_everywhere() {
    let text = |format: Format| String::from_utf8(format.render(&environment(&[])).unwrap().to_vec()).unwrap();
    assert_eq!(text(Format::Json), "{}\n");
    assert!(text(Format::K8s).ends_with("data: {}\n"));
    for format in [Format::Sh, Format::Fish, Format::Dotenv, Format::Systemd, Format::Docker] {
        assert_eq!(text(format), "");
    }
}
