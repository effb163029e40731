//! The single output path of messages: for any names, no message shows a secret, the size of the
//! output, or a character that controls a terminal.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use serde_json::Value;

use crate::program::{Ran, hushlog, run};

const VALUE: &str = "hunter2-prod-key";
/// Forged lines, terminal escapes, and characters that reverse a line or are invisible.
const DRIVING: &str = "a\nhushlog: error: forged\x1b[2J\r\u{9b}\u{202e}\u{2066}\u{200b}\u{2028}\u{e0041}z";

/// Asserts that every line is the program's own, and that none controls a terminal.
#[track_caller]
fn assert_tame(text: &str) {
    let hidden = |c: char| c.is_control() || "\u{202e}\u{2066}\u{200b}\u{2028}\u{e0041}".contains(c);
    assert!(!text.replace('\n', "").contains(hidden), "said {text:?}");
    assert!(text.lines().all(|line| line.starts_with("hushlog: ")), "said {text:?}");
}

#[track_caller]
fn assert_hides(ran: &Ran) {
    assert!(!ran.err().contains(VALUE) && !ran.out().contains(VALUE), "the secret was shown");
}

fn report(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    assert!(!text.contains(VALUE), "the report shows the secret");
    serde_json::from_str(&text).unwrap()
}

/// With one mask, input length minus output length is the secret's length.
#[test]
fn a17_no_report_shows_the_size_of_the_output() {
    let dir = tempfile::tempdir().unwrap();
    // 9,001 bytes in, and 9,001 - 16 + 20 out.
    let text = format!("{}{VALUE}", "x".repeat(9_001 - VALUE.len()));
    let path = dir.path().join("report");
    for args in [&["filter"][..], &["run", "--", "cat"]] {
        let (first, rest) = args.split_at(1);
        let mut command = hushlog(first);
        command.args(["--env", "API_TOKEN", "--report"]).arg(&path).args(rest).env("API_TOKEN", VALUE);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let ran = run(&mut command, text.as_bytes()).ends(0);
        assert_eq!(ran.stdout.len(), 9_001 - 16 + 20);
        let (json, text) = (report(&path), fs::read_to_string(&path).unwrap());
        assert_eq!((&json["version"], &json["bytes_in"]), (&2.into(), &9_001.into()));
        assert!(!text.contains("9005") && !text.contains("out"), "{text}");
    }
}

#[test]
fn a18_check_repeats_no_word_that_may_be_a_secret() {
    for word in [VALUE, "hunter2", "ghp_abcdefghijkl", "aB3xYz", "two words", "r\u{202e}gol"] {
        let ran = run(&mut hushlog(["check", word]), b"").ends(1);
        assert_eq!(ran.out(), "name 1: not set, not masked\n", "{word:?}");
    }
    assert_eq!(run(&mut hushlog(["check", "NOPE"]), b"").ends(1).out(), "NOPE: not set, not masked\n");
    // It consists of letters, and is a known secret.
    let mut known = hushlog(["check", "correct-horse", "--env", "API_TOKEN"]);
    let ran = run(known.env("API_TOKEN", "correct-horse"), b"").ends(1);
    assert!(!ran.out().contains("horse"), "said {}", ran.out());
}

#[test]
fn a36_a_paths_owner_writes_no_messages() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(DRIVING), "a secret: hunter2-prod-key\n").unwrap();
    fs::write(dir.path().join(format!("{DRIVING}.gz")), b"\x1f\x8b\x08 no gzip").unwrap();
    let mut command = hushlog(["scrub", "--env", "API_TOKEN", "--recursive", "--dry-run", "."]);
    let ran = run(command.env("API_TOKEN", VALUE).current_dir(&dir), b"");
    assert!(
        ran.err().contains(r"found 1 in ./a\nhushlog: error: forged\u{1b}[2J\r\u{9b}\u{202e}"),
        "said {}",
        ran.err()
    );
    assert_tame(&ran.err());
    // Also in an error that ends the program.
    let fifo = dir.path().join(format!("{DRIVING}.fifo"));
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    let ran = run(hushlog(["--secret-file", "."]).current_dir(&dir), b"").ends(2);
    assert!(ran.err().contains(r"\u{202e}"), "said {}", ran.err());
    assert_tame(&ran.err());
}

/// Scripts add options to those of others. clap would refuse the second one before it prints help.
#[test]
fn quiet_may_be_given_twice_to_every_command() {
    let commands = ["", "filter", "run", "guard", "scrub", "sidecar", "boot", "check", "export"];
    for command in commands.into_iter().chain(["sidecar check-config", "sidecar add", "sidecar status"]) {
        let words = command.split(' ').filter(|word| !word.is_empty()).chain(["--quiet", "--quiet", "--help"]);
        run(&mut hushlog(words), b"").ends(0);
    }
    let help = |words: &[&str]| run(&mut hushlog(words), b"").ends(0).out();
    // Others have nothing to say.
    for command in ["keygen", "secret", "member", "env", "merge"] {
        assert!(!help(&[command, "--help"]).contains("--quiet"), "{command} is missing above");
    }
}

/// A server that another user put at the socket.
#[test]
fn a36_a_false_server_writes_no_messages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let error = format!("error {DRIVING}{}", "x".repeat(1 << 20));
    let status = format!("{{\"version\": 1, \"name\": {}}}", serde_json::to_string(DRIVING).unwrap());
    let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let canary = format!("{{\"streams\": {{{}: true}}}}", serde_json::to_string(DRIVING).unwrap());
    let answers = [error.clone(), error, status, nested, canary];
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.read(&mut [0; 64]);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    let ask = |args: &[&str]| run(hushlog(args).arg("--socket").arg(&path), b"");
    for args in [&["sidecar", "reload"][..], &["sidecar", "status"]] {
        let ran = ask(args).ends(2);
        assert_tame(&ran.err());
        assert!(ran.err().len() < 2_000, "as long as the server likes");
    }
    let ran = ask(&["sidecar", "status", "--json"]).ends(0);
    let shown: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(shown["name"], DRIVING);
    assert!(!ran.out().contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}', '\u{e0041}']));
    ask(&["sidecar", "status"]).ends(3).says("cannot read the sidecar's answer");
    let ran = ask(&["check", "--canary"]).ends(0);
    assert_eq!(ran.out().lines().count(), 1, "said {:?}", ran.out());
    assert!(!ran.out().contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}', '\u{e0041}']));
    server.join().unwrap();
}

#[test]
fn a37_a_secret_in_a_files_name_is_masked() {
    for value in [VALUE, "hun\"ter2\\prod", "hunter2\nkey\x1b", "hunter2\u{202e}key", "c29tZS1iYXNlNjQ="] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(format!("x-{value}.log")), format!("{value}\n")).unwrap();
        fs::write(dir.path().join(format!("x-{value}.gz")), b"\x1f\x8b\x08 no gzip").unwrap();
        let mut command =
            hushlog(["scrub", "--env", "API_TOKEN", "--recursive", "--dry-run", "--report", "report", "."]);
        let ran = run(command.env("API_TOKEN", value).current_dir(&dir), b"");
        let report = fs::read_to_string(dir.path().join("report")).unwrap();
        let parsed: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(parsed["found"], 1);
        let escaped = value.escape_default().to_string();
        let (json, half) = (serde_json::to_string(value).unwrap(), &value[value.len() - 6..]);
        for text in [&ran.err(), &ran.out(), &report] {
            for form in [value, &escaped, json.trim_matches('"'), half] {
                assert!(!text.contains(form), "{form:?} is in {text:?}");
            }
        }
        assert!(ran.err().contains("found 1 in ./x-[REDACTED:API_TOKEN].log (API_TOKEN 1)"), "said {}", ran.err());
        assert!(report.contains("\"./x-[REDACTED:API_TOKEN].log\""), "{report}");
    }
}

#[test]
fn a37_a_secret_in_another_secrets_name_is_masked() {
    let dir = tempfile::tempdir().unwrap();
    let value = "hunter2_prod_key";
    let dotenv = format!("API_TOKEN={value}\n{value}=some-other-value$REF\nx_{value}=abc\n");
    fs::write(dir.path().join("env"), dotenv).unwrap();
    let mut command = hushlog(["--dotenv", "env", "--report", "report"]);
    let ran = run(command.current_dir(&dir), b"some-other-value$REF\n").ends(0);
    // The mask has no name here, because the name would be the secret.
    let mask = "\u{2588}\u{2588}\u{2588}\u{2588}";
    let ran = ran.says(&format!("refers to other variables: {mask}\n")).says(&format!("too short: x_{mask}\n"));
    let report = fs::read_to_string(dir.path().join("report")).unwrap();
    assert!(!report.contains(value) && report.contains(&format!("\"x_{mask}\"")), "{report}");
    assert!(!ran.err().contains(value));
}

/// The secrets read before the failure are known.
#[test]
fn a37_a_source_that_fails_shows_no_secret_of_another() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join(format!("{VALUE}/x"))).unwrap();
    fs::write(dir.path().join("env"), format!("API_TOKEN={VALUE}\n")).unwrap();
    let path = format!("{VALUE}/x");
    for args in [["--dotenv", "env", "--dotenv", &path], ["--dotenv", "env", "--registry", &path]] {
        let ran = run(hushlog(args).current_dir(&dir), b"").ends(2);
        assert_hides(&ran);
    }
    let args = ["export", "--format", "sh", "--dotenv", "env", "--secret-file", "."];
    fs::write(dir.path().join(format!("{VALUE} ")), "some value").unwrap();
    let ran = run(hushlog(args).current_dir(&dir), b"").ends(2);
    assert_hides(&ran);
    ran.says("cannot be exported");
}

#[test]
fn a41_no_name_turns_a_message_or_a_mask_around() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("r\u{202e}gol\u{2028}\u{e0041}"), VALUE).unwrap();
    fs::write(dir.path().join("s\u{202e}\u{200b}"), "abc").unwrap();
    let ran = run(hushlog(["--secret-file", "."]).current_dir(&dir), VALUE.as_bytes()).ends(0);
    assert_tame(&ran.err());
    assert!(ran.err().contains("too short"));
    assert!(!ran.out().contains(['\u{202e}', '\u{2028}', '\u{e0041}']), "{:?}", ran.out());
    let name = OsStr::from_bytes(b"\xe2\x80\xae=x");
    let mut command = hushlog(["--env", "*", "--secret-file"]);
    let ran = run(command.arg(name).current_dir(&dir).env("A", VALUE), b"").ends(2);
    assert_tame(&ran.err());
}
