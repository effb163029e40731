//! Encoded forms as real programs write them.
//!
//! A test is listed as ignored without its program, and as ignored in part if some of its programs
//! are missing. Programs get the secret through environment variable `S` and standard input.

use std::io::{ErrorKind, Write as _};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::forms::{left, needles};
use crate::program::session::{needs, without};

pub(crate) const TOKEN: &str = "q7Rk2ZxW9pLmT4vB8nYc3HdF6sJgA1eUoKi5rXtQ";
pub(crate) const PUNCTUATED: &str = r#"p@ss w0rd/x+y="q"'s\b$H!`<a&b>~*(z)#,;:%{}[]|^?"#;
pub(crate) const WIDE: &str = "Pä$$w0rd-€uro/😀\"smile\"'s+tail=";
pub(crate) const CONTROLS: &str = "tab\there\x1b[0m\x07bell\x7fdone-é'quote\"";
pub(crate) const BREAKS: &str = "first line of it\nsecond 'line' of it\nend";
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----";

const ANY: &[&str] = &[TOKEN, PUNCTUATED, WIDE, CONTROLS, BREAKS, KEY];
const ONE_LINE: &[&str] = &[TOKEN, PUNCTUATED, WIDE, CONTROLS];
const PRINTABLE: &[&str] = &[TOKEN, PUNCTUATED, WIDE];

/// A command, its secrets, and the framing around the value, which is all that may remain.
struct Case(&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

/// A language: the command that runs a script, the script's prelude, and the code before and after
/// each expression to print it with a NUL.
struct Language(&'static [&'static str], &'static str, &'static str, &'static str);

/// An expression that writes the value, its secrets, and the text that may remain.
struct Expression(&'static str, &'static [&'static str], &'static [&'static str]);

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
            without(program);
            return None;
        }
        child => child.expect("the program starts"),
    };
    // A program that reads the variable may have closed its input.
    let _ = child.stdin.take().expect("its input is a pipe").write_all(secret.as_bytes());
    Some(child.wait_with_output().expect("the program ends").stdout)
}

/// Describes the fault in an output, without quoting the output.
fn wrong(what: &str, secret: &str, output: &[u8], frames: &[&str]) -> Option<String> {
    let left = left(&needles(secret.as_bytes()), output);
    let is_right = output.len() >= secret.len() && frames.iter().any(|frame| frame.as_bytes() == left);
    let index = ANY.iter().position(|other| *other == secret);
    (!is_right).then(|| format!("{what}: {} bytes of {} are left of secret {index:?}", left.len(), output.len()))
}

fn check(cases: &[Case]) {
    let mut all_wrong = Vec::new();
    for Case(program, script, secrets, frames) in cases {
        if run("bash", &["-c", "command -v \"$0\"", program], "").is_none_or(|path| path.is_empty()) {
            without(program);
            continue;
        }
        for secret in *secrets {
            let output = run("bash", &["-c", script], secret).expect("bash has just run");
            all_wrong.extend(wrong(script, secret, &output, frames));
        }
    }
    assert!(all_wrong.is_empty(), "{}", all_wrong.join("\n"));
}

/// Runs one process per secret; it writes the secret in all forms of its language.
fn check_language(Language(command, prelude, before, after): &Language, expressions: &[Expression]) {
    let prints = expressions.iter().map(|Expression(expression, ..)| format!("{before}{expression}{after}\n"));
    let script = format!("{prelude}\n{}", prints.collect::<String>());
    let arguments: Vec<&str> = command[1..].iter().copied().chain([&script[..]]).collect();
    let mut all_wrong = Vec::new();
    for secret in ANY {
        let Some(output) = run(command[0], &arguments, secret) else { return };
        let pieces: Vec<&[u8]> = output.split(|&byte| byte == 0).collect();
        assert_eq!(pieces.len(), expressions.len() + 1, "{} printed every expression", command[0]);
        for (Expression(expression, secrets, frames), piece) in expressions.iter().zip(pieces) {
            if secrets.contains(secret) {
                all_wrong.extend(wrong(expression, secret, piece, frames));
            }
        }
    }
    assert!(all_wrong.is_empty(), "{}", all_wrong.join("\n"));
}

#[test]
fn base64_and_hex() {
    check(&[
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
        Case("hexdump", "hexdump -v -e '/1 \"%02X-\"'", ANY, &["-"]),
        Case("hexdump", "hexdump -v -e '/1 \"0x%02x, \"'", ANY, &["0x, "]),
        Case("hexdump", "hexdump -v -e '/1 \"%d, \"'", ANY, &[", "]),
        Case("hexdump", "hexdump -v -e '/1 \"%u \"'", ANY, &[" "]),
        Case("od", "od -An -v -tu1 -w400 | tr -s ' '", ANY, &[" \n"]),
    ]);
}

/// The value by itself. The newline that `echo` adds changes the last row, or has a row of its own.
#[test]
fn hex_dumps() {
    check(&[
        Case("xxd", "xxd", ANY, &["00000000: \n"]),
        Case("xxd", "echo \"$S\" | xxd | grep -v ': 0a  '", ANY, &["00000000: \n"]),
        Case("hexdump", "hexdump -C | head -n -1", ANY, &["00000000  |\n"]),
        Case(
            "hexdump",
            "echo \"$S\" | hexdump -C | grep -v -e '^.\\{8\\}  0a  ' -e '^[^|]*$'",
            ANY,
            &["00000000  |\n"],
        ),
    ]);
}

/// The value among other text, at each place in a row: no row is left that shows four bytes of it.
#[test]
fn hex_dumps_of_more() {
    const SECRET: &str = "hunter2-prod-west-4471";
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (program, script) in [("xxd", "xxd"), ("xxd", "xxd -g1 -u"), ("xxd", "xxd -c 20"), ("hexdump", "hexdump -C")] {
        if run("bash", &["-c", "command -v \"$0\"", program], "").is_none_or(|path| path.is_empty()) {
            without(program);
            continue;
        }
        for before in 0..17 {
            let script = format!("printf '%{before}s%s%40s' '' \"$S\" '' | {script}");
            let output = run("bash", &["-c", &script], SECRET).expect("bash has just run");
            assert!(output.len() > 3 * SECRET.len(), "{script} has printed nothing");
            let kept = String::from_utf8(left(&needles(SECRET.as_bytes()), &output)).expect("text");
            let digits = kept.replace(' ', "").to_lowercase();
            let shows =
                |four: &[u8]| digits.contains(&hex(four)) || kept.as_bytes().windows(4).any(|seen| seen == four);
            assert!(!SECRET.as_bytes().windows(4).any(shows), "{script}: {kept}");
        }
    }
}

/// Both byte orders, also with CRLF: half of the first or of the last character remains, a NUL.
#[test]
fn utf16() {
    check(&[
        Case("iconv", "iconv -f UTF-8 -t UTF-16LE", ANY, &["\0"]),
        Case("iconv", "iconv -f UTF-8 -t UTF-16BE", ANY, &["\0"]),
        Case("iconv", "echo \"$S\" | sed 's/$/\\r/' | iconv -f UTF-8 -t UTF-16LE", ANY, &["\0\r\0\n\0"]),
        Case("iconv", "echo \"$S\" | sed 's/$/\\r/' | iconv -f UTF-8 -t UTF-16BE", ANY, &["\0\0\r\0\n"]),
    ]);
}

/// A newline after the value changes only the last character of its base64: 2 or 4 bits remain.
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
    needs!("jq");
    check(&[
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
    needs!("python3");
    const IMPORTS: &str = "import base64, html, json, os, shlex, sqlite3
import xml.sax.saxutils as xml
from urllib.parse import quote, quote_plus, urlencode
from html.entities import codepoint2name as NAMES
S, B = os.environ['S'], os.environb[b'S']";
    const PYTHON: Language = Language(&["python3", "-c"], IMPORTS, "print(", ", end='\\0')");
    const QUOTED: &[&str] = &["''", "\"\""];
    check_language(
        &PYTHON,
        &[
            Expression("repr(S)", ANY, QUOTED),
            Expression("ascii(S)", ANY, QUOTED),
            Expression("{'v': S}", ANY, &["{'v': ''}", "{'v': \"\"}"]),
            Expression("B", ANY, &["b''", "b\"\""]),
            Expression("json.dumps(S)", ANY, QUOTED),
            Expression("json.dumps(S, ensure_ascii=False)", ANY, QUOTED),
            Expression("json.dumps(json.dumps(S))", ANY, &["\"\\\"\\\"\""]),
            Expression("json.dumps(repr(S), ensure_ascii=False)", PRINTABLE, &["\"''\"", "\"\\\"\\\"\""]),
            Expression("quote(S)", ANY, &[""]),
            Expression("quote(S, safe='')", ANY, &[""]),
            Expression("quote_plus(S)", ANY, &[""]),
            Expression("urlencode({'v': S})", ANY, &["v="]),
            Expression("html.escape(S)", ANY, &[""]),
            Expression("html.escape(S, quote=False)", ANY, &[""]),
            Expression("S.encode('ascii', 'xmlcharrefreplace').decode()", ANY, &[""]),
            Expression("''.join(f'&{NAMES[ord(c)]};' if ord(c) in NAMES else c for c in S)", ANY, &[""]),
            Expression("xml.escape(S)", ANY, &[""]),
            Expression("xml.quoteattr(S)", ANY, QUOTED),
            Expression("shlex.quote(S)", ANY, &["", "''"]),
            Expression("base64.b64encode(B).decode()", ANY, &[""]),
            Expression("base64.urlsafe_b64encode(B).decode()", ANY, &[""]),
            Expression("base64.encodebytes(B).decode()", ANY, &["\n"]),
            Expression("B.hex()", ANY, &[""]),
            Expression("B.hex(':')", ANY, &[""]),
            Expression("B.hex('-')", ANY, &[""]),
            Expression("', '.join(map(hex, B))", PRINTABLE, &["0x"]),
            Expression("list(B)", ANY, &["[]"]),
            Expression("S.replace('\\n', '\\r\\n')", ANY, &[""]),
            Expression("sqlite3.connect(':memory:').execute('select quote(?)', [S]).fetchone()[0]", ANY, &["''"]),
        ],
    );
}

#[test]
fn shells() {
    let traced: &[&str] = &["+ : \n", "+ : ''\n", "+ : $''\n"];
    let quoted: &[&str] = &["\n", "''\n", "$''\n", "\\\n"];
    check(&[
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

/// In a URL and in a form's body. No server listens at port 1: the test reads curl's trace of its
/// request.
#[test]
fn curl() {
    needs!("curl");
    let url = "curl -s -m 5 -o /dev/null -w '%{url_effective}\\n' -G --data-urlencode v@- http://127.0.0.1:1/";
    let body = "curl -s -o /dev/null --libcurl - --data-urlencode v@- file:///dev/null | grep -o '\"v=.*\"'";
    check(&[Case("curl", url, ANY, &["http://127.0.0.1:1/?v=\n"]), Case("curl", body, ANY, &["\"v=\"\n"])]);
}

#[test]
fn node() {
    needs!("node");
    const NODE: Language =
        Language(&["node", "-e"], "const S = process.env.S, B = Buffer.from(S)", "process.stdout.write(", "+ '\\0');");
    const QUOTED: &[&str] = &["''", "\"\"", "``"];
    check_language(
        &NODE,
        &[
            Expression("JSON.stringify(S)", ANY, QUOTED),
            Expression("JSON.stringify(JSON.stringify(S))", ANY, &["\"\\\"\\\"\""]),
            Expression("encodeURIComponent(S)", ANY, &[""]),
            Expression("encodeURI(S)", ANY, &[""]),
            Expression("escape(S)", ANY, &[""]),
            Expression("new URLSearchParams({v: S})", ANY, &["v="]),
            // Several lines come with quotes and a plus around each.
            Expression("require('util').inspect(S)", ONE_LINE, QUOTED),
            Expression("B.toString('base64')", ANY, &[""]),
            Expression("B.toString('base64url')", ANY, &[""]),
            Expression("JSON.stringify(B)", ANY, &["{\"type\":\"Buffer\",\"data\":[]}"]),
            Expression("new Int8Array(B).join(', ')", ANY, &[""]),
        ],
    );
}

#[test]
fn perl() {
    needs!("perl-modules");
    const PERL: Language = Language(
        &["perl", "-MJSON::PP", "-MData::Dumper", "-MMIME::Base64", "-e"],
        "$Data::Dumper::Terse = 1;",
        "print ",
        ", \"\\0\";",
    );
    check_language(
        &PERL,
        &[
            Expression("JSON::PP->new->allow_nonref->encode($ENV{S})", ANY, &["\"\""]),
            Expression("Dumper($ENV{S})", ANY, &["''\n"]),
            Expression("encode_base64($ENV{S})", ANY, &["\n"]),
            Expression("unpack('H*', $ENV{S})", ANY, &[""]),
            Expression("join(' ', unpack('c*', $ENV{S}))", ANY, &[""]),
        ],
    );
}

#[test]
fn php() {
    needs!("php");
    const PHP: Language = Language(&["php", "-r"], "$s = getenv('S');", "echo ", ", \"\\0\";");
    check_language(
        &PHP,
        &[
            Expression("json_encode($s)", ANY, &["\"\""]),
            Expression("json_encode($s, JSON_UNESCAPED_UNICODE)", ANY, &["\"\""]),
            Expression("json_encode($s, JSON_HEX_TAG | JSON_HEX_AMP | JSON_HEX_APOS | JSON_HEX_QUOT)", ANY, &["\"\""]),
            Expression("urlencode($s)", ANY, &[""]),
            Expression("rawurlencode($s)", ANY, &[""]),
            Expression("htmlspecialchars($s)", ANY, &[""]),
            Expression("htmlspecialchars($s, ENT_QUOTES | ENT_HTML5)", ANY, &[""]),
            Expression("htmlentities($s)", ANY, &[""]),
            // It writes all punctuation by name, and `fj` as `&fjlig;`.
            Expression("htmlentities($s, ENT_QUOTES | ENT_HTML5)", ANY, &[""]),
            Expression("htmlentities($s . 'fj', ENT_HTML5)", ANY, &["&fjlig;"]),
            Expression("json_encode(htmlentities($s, ENT_HTML5))", ANY, &["\"\""]),
            Expression("escapeshellarg($s)", ANY, &["''"]),
            Expression("var_export($s, true)", ANY, &["''"]),
            Expression("addslashes($s)", ANY, &[""]),
        ],
    );
}

#[test]
fn ruby() {
    needs!("ruby");
    const RUBY: Language = Language(
        &["ruby", "-rjson", "-rcgi", "-rshellwords", "-rerb", "-ruri", "-e"],
        "s = ENV['S']",
        "print(",
        ", \"\\0\")",
    );
    check_language(
        &RUBY,
        &[
            Expression("s.to_json", ANY, &["\"\""]),
            Expression("JSON.generate(s, ascii_only: true)", PRINTABLE, &["\"\""]),
            Expression("s.inspect", PRINTABLE, &["\"\""]),
            Expression("s.bytes.inspect", ANY, &["[]"]),
            Expression("CGI.escape(s)", ANY, &[""]),
            Expression("CGI.escapeHTML(s)", ANY, &[""]),
            Expression("ERB::Util.url_encode(s)", ANY, &[""]),
            Expression("URI.encode_www_form_component(s)", ANY, &[""]),
            Expression("Shellwords.escape(s)", PRINTABLE, &[""]),
        ],
    );
}

#[test]
fn manifests() {
    needs!("kubectl");
    const MANIFEST: &str = "apiVersion: v1\ndata:\n  v: \nkind: Secret\nmetadata:\n  name: x\n";
    const KUBECTL: &str =
        "kubectl create secret generic x --from-file=v=/dev/stdin --dry-run=client -o yaml | grep -v creationTimestamp";
    check(&[Case("kubectl", KUBECTL, ANY, &[MANIFEST])]);
}

/// `stringData` of a manifest. The lines are wide because YAML folds and indents longer texts.
#[test]
fn yaml() {
    needs!("python3-yaml");
    const YAML: Language = Language(
        &["python3", "-c"],
        "import os, yaml\nS = os.environ['S']",
        "print(yaml.dump({'stringData': {'v': S}}, width=10**6",
        "), end='\\0')",
    );
    const FRAMES: &[&str] = &["stringData:\n  v: \n", "stringData:\n  v: ''\n", "stringData:\n  v: \"\"\n"];
    check_language(&YAML, &[Expression("", ONE_LINE, FRAMES), Expression(", allow_unicode=True", ONE_LINE, FRAMES)]);
}

/// A YAML block, which indents each line of the value: only the lines without content remain.
#[test]
fn indented_lines() {
    let Some(output) = run("bash", &["-c", "echo 'key: |'; echo \"$S\" | sed 's/^/    /'"], KEY) else { return };
    let left = String::from_utf8(left(&needles(KEY.as_bytes()), &output)).expect("the frame is text");
    assert_eq!(left, "key: |\n    -----BEGIN PRIVATE KEY-----\n    \n    \n    \n    -----END PRIVATE KEY-----\n");
}

/// A real rsyslogd on its own socket, with its default escapes.
#[test]
fn rsyslog() {
    needs!("rsyslogd");
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
