//! The ways a value gets written, by the programs that really write them.
//!
//! A program that is not installed is skipped, and the test says so (`--nocapture` shows it). Secrets reach the programs by
//! environment variable `S` and by standard input.

#[path = "support/forms.rs"]
mod forms;

use std::io::{ErrorKind, Write as _};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use forms::{left, needles};

const TOKEN: &str = "q7Rk2ZxW9pLmT4vB8nYc3HdF6sJgA1eUoKi5rXtQ";
const PUNCTUATED: &str = r#"p@ss w0rd/x+y="q"'s\b$H!`<a&b>~*(z)#,;:%{}[]|^?"#;
const WIDE: &str = "Pä$$w0rd-€uro/😀\"smile\"'s+tail=";
const CONTROLS: &str = "tab\there\x1b[0m\x07bell\x7fdone-é'quote\"";
const BREAKS: &str = "first line of it\nsecond 'line' of it\nend";
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----";

const ANY: &[&str] = &[TOKEN, PUNCTUATED, WIDE, CONTROLS, BREAKS, KEY];
const ONE_LINE: &[&str] = &[TOKEN, PUNCTUATED, WIDE, CONTROLS];
const PRINTABLE: &[&str] = &[TOKEN, PUNCTUATED, WIDE];

/// A command, the secrets that it gets, and what may be left of its output: nothing but what it puts around the value.
struct Case(&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

/// Programs that write the value with a script of their own: program and its option for a script, script, secrets, what is left.
struct Scripted(&'static [&'static str], &'static str, &'static [&'static str], &'static [&'static str]);

fn run(program: &str, arguments: &[&str], secret: &str) -> Option<Vec<u8>> {
    let child = Command::new(program)
        .args(arguments)
        .env("S", secret)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match child {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        child => child.expect("the program starts"),
    };
    // A program that reads the variable may have closed its input.
    let _ = child.stdin.take().expect("its input is a pipe").write_all(secret.as_bytes());
    Some(child.wait_with_output().expect("the program ends").stdout)
}

/// Runs a program on each secret, and returns what is wrong: never any of the output.
fn check(program: &[&str], arguments: &str, secrets: &[&str], frames: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, secret) in secrets.iter().enumerate() {
        let all: Vec<&str> = program[1..].iter().copied().chain([arguments]).collect();
        let Some(output) = run(program[0], &all, secret) else { return Vec::new() };
        let left = left(&needles(secret.as_bytes()), &output);
        if output.len() < secret.len() || !frames.iter().any(|frame| frame.as_bytes() == left) {
            let (left, all) = (left.len(), output.len());
            wrong.push(format!("{} {arguments}: {left} bytes of {all} are left of secret {index}", program[0]));
        }
    }
    wrong
}

fn check_all(cases: &[Case]) {
    let shell = |Case(_, script, secrets, frames): &Case| check(&["bash", "-c"], script, secrets, frames);
    let installed = |case: &&Case| {
        let found = Command::new("bash").args(["-c", "command -v \"$0\"", case.0]).stdout(Stdio::null()).status();
        let installed = found.is_ok_and(|status| status.success());
        if !installed {
            eprintln!("skipped: {} is not installed", case.0);
        }
        installed
    };
    let wrong: Vec<String> = cases.iter().filter(installed).flat_map(shell).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_scripted(cases: &[Scripted]) {
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|Scripted(program, script, secrets, frames)| check(program, script, secrets, frames))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn base64_and_hex() {
    check_all(&[
        Case("base64", "base64 -w0", ANY, &[""]),
        Case("base64", "base64", ANY, &["\n"]),
        Case("openssl", "openssl base64", ANY, &["\n"]),
        Case("openssl", "openssl base64 -A", ANY, &["", "\n"]),
        Case("openssl", "openssl enc -base64 -A", ANY, &["", "\n"]),
        Case("xxd", "xxd -p", ANY, &["\n"]),
        Case("xxd", "xxd -p -u -c 256", ANY, &["\n"]),
        Case("od", "od -An -v -tx1", ANY, &[" \n"]),
        Case("od", "od -An -v -tx1 -w400", ANY, &[" \n"]),
        Case("hexdump", "hexdump -v -e '/1 \"%02x\"'", ANY, &[""]),
        Case("hexdump", "hexdump -v -e '/1 \"%02X \"'", ANY, &[" "]),
        Case("hexdump", "hexdump -v -e '/1 \"%02X:\"'", ANY, &[":"]),
    ]);
}

/// A newline after the value changes the last character of its base64, and nothing else: 2 or 4 bits are left.
#[test]
fn base64_with_something_around() {
    for secret in ANY {
        let set = needles(secret.as_bytes());
        for before in ["", "u:", "me:", "user:"] {
            let script = format!("printf '%s' {before}\"$S\" | base64 -w0");
            let Some(output) = run("bash", &["-c", &script], secret) else { return };
            let own = left(&set, &output);
            assert_eq!(own.len(), (before.len() * 8).div_ceil(6), "base64 after {} bytes", before.len());

            let script = format!("echo {before}\"$S\" and more | base64 -w0");
            let Some(output) = run("bash", &["-c", &script], secret) else { return };
            let more = (secret.len() + before.len()) * 8 / 6;
            let before = (before.len() * 8).div_ceil(6);
            let shared_or_more = output.len() - more + before;
            assert!(left(&set, &output).len() <= shared_or_more, "base64 with text after it");
        }
        for encoder in ["base64", "openssl base64", "base64 -w0"] {
            let Some(output) = run("bash", &["-c", &format!("echo \"$S\" | {encoder}")], secret) else { return };
            let left = String::from_utf8(left(&set, &output)).expect("base64 is text");
            let shared = left.trim_end().trim_end_matches('=');
            assert!(shared.len() <= 1 + usize::from(secret.len() % 3 == 0) * 3, "{encoder} leaves {}", shared.len());
        }
    }
}

#[test]
fn jq() {
    check_all(&[
        Case("jq", "jq -n env.S", ANY, &["\"\"\n"]),
        Case("jq", "jq -na env.S", ANY, &["\"\"\n"]),
        Case("jq", "jq -n 'env.S|tojson'", ANY, &["\"\\\"\\\"\"\n"]),
        Case("jq", "jq -n '{a: {v: env.S}}|tojson|tojson' | jq -r .", ANY, &["\"{\\\"a\\\":{\\\"v\\\":\\\"\\\"}}\"\n"]),
        Case("jq", "jq -rn 'env.S|@base64'", ANY, &["\n"]),
        Case("jq", "jq -rn 'env.S|@uri'", ANY, &["\n"]),
        Case("jq", "jq -rn 'env.S|@sh'", ANY, &["''\n"]),
        Case("jq", "jq -rn 'env.S|@html'", ANY, &["\n"]),
        Case("jq", "jq -rn '[env.S]|@csv'", ANY, &["\"\"\n"]),
        Case("jq", "jq -rn '[env.S]|@json'", ANY, &["[\"\"]\n"]),
    ]);
}

#[test]
fn python() {
    const PYTHON: &[&str] = &["python3", "-c"];
    let frames: &[&str] = &["''\n", "\"\"\n"];
    check_scripted(&[
        Scripted(PYTHON, "import os; print(repr(os.environ['S']))", ANY, frames),
        Scripted(PYTHON, "import os; print(ascii(os.environ['S']))", ANY, frames),
        Scripted(PYTHON, "import os; print({'v': os.environ['S']})", ANY, &["{'v': ''}\n", "{'v': \"\"}\n"]),
        Scripted(PYTHON, "import os; print(os.environb[b'S'])", ANY, &["b''\n", "b\"\"\n"]),
        Scripted(PYTHON, "import os, json; print(json.dumps(os.environ['S']))", ANY, frames),
        Scripted(PYTHON, "import os, json; print(json.dumps(os.environ['S'], ensure_ascii=False))", ANY, frames),
        Scripted(PYTHON, "import os, json; print(json.dumps(json.dumps(os.environ['S'])))", ANY, &["\"\\\"\\\"\"\n"]),
        Scripted(PYTHON, "import os; from urllib.parse import *; print(quote(os.environ['S']))", ANY, &["\n"]),
        Scripted(PYTHON, "import os; from urllib.parse import *; print(quote(os.environ['S'], safe=''))", ANY, &["\n"]),
        Scripted(PYTHON, "import os; from urllib.parse import *; print(quote_plus(os.environ['S']))", ANY, &["\n"]),
        Scripted(
            PYTHON,
            "import os; from urllib.parse import *; print(urlencode({'v': os.environ['S']}))",
            ANY,
            &["v=\n"],
        ),
        Scripted(PYTHON, "import os, html; print(html.escape(os.environ['S']))", ANY, &["\n"]),
        Scripted(PYTHON, "import os, html; print(html.escape(os.environ['S'], quote=False))", ANY, &["\n"]),
        Scripted(
            PYTHON,
            "import os; print(os.environ['S'].encode('ascii', 'xmlcharrefreplace').decode())",
            ANY,
            &["\n"],
        ),
        Scripted(PYTHON, "import os, shlex; print(shlex.quote(os.environ['S']))", ANY, &["\n", "''\n"]),
        Scripted(PYTHON, "import os, base64; print(base64.b64encode(os.environb[b'S']).decode())", ANY, &["\n"]),
        Scripted(
            PYTHON,
            "import os, base64; print(base64.urlsafe_b64encode(os.environb[b'S']).decode())",
            ANY,
            &["\n"],
        ),
        Scripted(
            PYTHON,
            "import os, base64; print(base64.encodebytes(os.environb[b'S']).decode(), end='')",
            ANY,
            &["\n"],
        ),
        Scripted(PYTHON, "import os; print(os.environb[b'S'].hex())", ANY, &["\n"]),
        Scripted(PYTHON, "import os; print(os.environb[b'S'].hex(':'))", ANY, &["\n"]),
        Scripted(PYTHON, "import os; print(os.environ['S'].replace('\\n', '\\r\\n'))", ANY, &["\n"]),
        Scripted(
            PYTHON,
            "import os, xml.sax.saxutils as x; print(x.quoteattr(os.environ['S']))",
            ANY,
            &["''\n", "\"\"\n"],
        ),
        Scripted(
            PYTHON,
            "import os, sqlite3; print(sqlite3.connect(':memory:').execute('select quote(?)', [os.environ['S']]).fetchone()[0])",
            ANY,
            &["''\n"],
        ),
    ]);
}

#[test]
fn shells() {
    let traced: &[&str] = &["+ : \n", "+ : ''\n", "+ : $''\n"];
    let quoted: &[&str] = &["\n", "''\n", "$''\n", "\\\n"];
    check_all(&[
        Case("bash", "printf '%q\\n' \"$S\"", ANY, quoted),
        Case("bash", "LC_ALL=C; printf '%q\\n' \"$S\"", ANY, quoted),
        Case("bash", "echo \"${S@Q}\"", ANY, quoted),
        Case("bash", "exec 2>&1; set -x; : \"$S\"", ANY, traced),
        Case("bash", "exec 2>&1; LC_ALL=C; set -x; : \"$S\"", ANY, &["+ : \n", "+ : ''\n", "+ : $''\n"]),
        Case("bash", "declare -p S", ANY, &["declare -x S=\"\"\n", "declare -x S=$''\n"]),
        Case("bash", "set -f; echo $S", ANY, &["\n"]),
        Case("dash", "dash -c 'exec 2>&1; set -x; : \"$S\"'", ANY, traced),
        Case("zsh", "zsh -c 'printf \"%q\\n\" $S'", PRINTABLE, quoted),
        Case("zsh", "zsh -c 'print -r -- ${(qq)S}'", ANY, quoted),
    ]);
}

/// In a URL and as a form's body. Nothing listens at port 1: what counts is what curl says that it sends.
#[test]
fn curl() {
    let url = "curl -s -m 5 -o /dev/null -w '%{url_effective}\\n' -G --data-urlencode v@- http://127.0.0.1:1/";
    let body = "curl -s -o /dev/null --libcurl - --data-urlencode v@- file:///dev/null | grep -o '\"v=.*\"'";
    check_all(&[Case("curl", url, ANY, &["http://127.0.0.1:1/?v=\n"]), Case("curl", body, ANY, &["\"v=\"\n"])]);
}

#[test]
fn node() {
    const NODE: &[&str] = &["node", "-e"];
    let quoted: &[&str] = &["''\n", "\"\"\n", "``\n"];
    check_scripted(&[
        Scripted(NODE, "console.log(JSON.stringify(process.env.S))", ANY, quoted),
        Scripted(NODE, "console.log(JSON.stringify(JSON.stringify(process.env.S)))", ANY, &["\"\\\"\\\"\"\n"]),
        Scripted(NODE, "console.log(encodeURIComponent(process.env.S))", ANY, &["\n"]),
        Scripted(NODE, "console.log(encodeURI(process.env.S))", ANY, &["\n"]),
        Scripted(NODE, "console.log(String(new URLSearchParams({v: process.env.S})))", ANY, &["v=\n"]),
        Scripted(NODE, "console.log(require('util').inspect(process.env.S))", ONE_LINE, quoted),
        Scripted(NODE, "console.log([process.env.S])", ONE_LINE, &["[ '' ]\n", "[ \"\" ]\n", "[ `` ]\n"]),
        Scripted(NODE, "console.log(Buffer.from(process.env.S).toString('base64url'))", ANY, &["\n"]),
    ]);
}

#[test]
fn other_languages() {
    const PERL: &[&str] = &["perl", "-MJSON::PP", "-MData::Dumper", "-MMIME::Base64", "-e"];
    const PHP: &[&str] = &["php", "-r"];
    const RUBY: &[&str] = &["ruby", "-rjson", "-rcgi", "-rshellwords", "-rerb", "-ruri", "-e"];
    check_scripted(&[
        Scripted(PERL, "print JSON::PP->new->allow_nonref->encode($ENV{S})", ANY, &["\"\""]),
        Scripted(PERL, "$Data::Dumper::Terse = 1; print Dumper($ENV{S})", ANY, &["''\n"]),
        Scripted(PERL, "print encode_base64($ENV{S})", ANY, &["\n"]),
        Scripted(PHP, "echo json_encode(getenv('S'));", ANY, &["\"\""]),
        Scripted(PHP, "echo json_encode(getenv('S'), JSON_UNESCAPED_UNICODE);", ANY, &["\"\""]),
        Scripted(
            PHP,
            "echo json_encode(getenv('S'), JSON_HEX_TAG | JSON_HEX_AMP | JSON_HEX_APOS | JSON_HEX_QUOT);",
            ANY,
            &["\"\""],
        ),
        Scripted(PHP, "echo urlencode(getenv('S'));", ANY, &[""]),
        Scripted(PHP, "echo rawurlencode(getenv('S'));", ANY, &[""]),
        Scripted(PHP, "echo htmlspecialchars(getenv('S'));", ANY, &[""]),
        Scripted(PHP, "echo htmlspecialchars(getenv('S'), ENT_QUOTES | ENT_HTML5);", ANY, &[""]),
        Scripted(PHP, "echo escapeshellarg(getenv('S'));", ANY, &["''"]),
        Scripted(PHP, "var_export(getenv('S'));", ANY, &["''"]),
        Scripted(PHP, "echo addslashes(getenv('S'));", ANY, &[""]),
        Scripted(RUBY, "puts ENV['S'].to_json", ANY, &["\"\"\n"]),
        Scripted(RUBY, "puts JSON.generate(ENV['S'], ascii_only: true)", PRINTABLE, &["\"\"\n"]),
        Scripted(RUBY, "puts ENV['S'].inspect", PRINTABLE, &["\"\"\n"]),
        Scripted(RUBY, "puts CGI.escape(ENV['S'])", ANY, &["\n"]),
        Scripted(RUBY, "puts CGI.escapeHTML(ENV['S'])", ANY, &["\n"]),
        Scripted(RUBY, "puts ERB::Util.url_encode(ENV['S'])", ANY, &["\n"]),
        Scripted(RUBY, "puts URI.encode_www_form_component(ENV['S'])", ANY, &["\n"]),
        Scripted(RUBY, "puts Shellwords.escape(ENV['S'])", PRINTABLE, &["\n"]),
    ]);
}

#[test]
fn manifests() {
    const PYTHON: &[&str] = &["python3", "-c"];
    const MANIFEST: &str = "apiVersion: v1\ndata:\n  v: \nkind: Secret\nmetadata:\n  name: x\n";
    check_all(&[Case(
        "kubectl",
        "kubectl create secret generic x --from-file=v=/dev/stdin --dry-run=client -o yaml | grep -v creationTimestamp",
        ANY,
        &[MANIFEST],
    )]);
    if run("python3", &["-c", "import yaml; print(1)"], "").is_none_or(|output| output.is_empty()) {
        eprintln!("skipped: PyYAML is not installed");
        return;
    }
    let dump = "import os, sys, yaml; yaml.dump({'stringData': {'v': os.environ['S']}}, sys.stdout, width=10**6)";
    let dump_unicode =
        "import os, sys, yaml; yaml.dump({'v': os.environ['S']}, sys.stdout, width=10**6, allow_unicode=True)";
    let nested = &["stringData:\n  v: \n", "stringData:\n  v: ''\n", "stringData:\n  v: \"\"\n"];
    check_scripted(&[
        Scripted(PYTHON, dump, ONE_LINE, nested),
        Scripted(PYTHON, dump_unicode, ONE_LINE, &["v: \n", "v: ''\n", "v: \"\"\n"]),
    ]);
}

/// A block of YAML, where each line of the value is indented: what is left are the lines that hold nothing.
#[test]
fn indented_lines() {
    let Some(output) = run("bash", &["-c", "echo 'key: |'; echo \"$S\" | sed 's/^/    /'"], KEY) else { return };
    let left = String::from_utf8(left(&needles(KEY.as_bytes()), &output)).expect("the frame is text");
    assert_eq!(left, "key: |\n    -----BEGIN PRIVATE KEY-----\n    \n    \n    \n    -----END PRIVATE KEY-----\n");
}

/// A real rsyslogd, on a socket of its own, with its default escapes.
#[test]
fn rsyslog() {
    if run("rsyslogd", &["-v"], "").is_none() {
        return;
    }
    for (index, secret) in [TOKEN, PUNCTUATED, CONTROLS, BREAKS, KEY].into_iter().enumerate() {
        let output = through_rsyslog(secret);
        assert!(!output.is_empty(), "rsyslogd wrote nothing");
        assert_eq!(left(&needles(secret.as_bytes()), &output), b" \n", "of secret {index}");
    }
}

fn through_rsyslog(secret: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a directory for the socket");
    let path = |name: &str| directory.path().join(name);
    let configuration = format!(
        "global(workDirectory=\"{dir}\" maxMessageSize=\"64k\")
module(load=\"imuxsock\" SysSock.Use=\"off\")
input(type=\"imuxsock\" Socket=\"{dir}/socket\")
template(name=\"message\" type=\"string\" string=\"%msg%\\n\")
action(type=\"omfile\" file=\"{dir}/log\" template=\"message\")
",
        dir = directory.path().display()
    );
    std::fs::write(path("conf"), configuration).expect("the configuration is written");
    let mut daemon = Command::new("rsyslogd")
        .arg("-n")
        .arg("-f")
        .arg(path("conf"))
        .arg("-i")
        .arg(path("pid"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("rsyslogd starts");
    let until = Instant::now() + Duration::from_secs(20);
    let socket = UnixDatagram::unbound().expect("a socket");
    let message = format!("<13>Nov 23 12:00:00 app: {secret}");
    let mut sent = false;
    let mut log = Vec::new();
    while !log.ends_with(b"\n") && Instant::now() < until {
        sent = sent || socket.send_to(message.as_bytes(), path("socket")).is_ok();
        std::thread::sleep(Duration::from_millis(20));
        log = std::fs::read(path("log")).unwrap_or_default();
    }
    daemon.kill().expect("rsyslogd is killed");
    daemon.wait().expect("rsyslogd ends");
    log
}
