//! The program as a filter: its sources, options, exit codes and messages, and its behaviour when
//! descriptors fail.
//!
//! Names that begin with a letter and digits refer to rows of `docs/faults.md`.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use data_encoding::BASE64;

use crate::program::{hushlog, run, run_reading, script};

const SECRET: &str = "sk-live-4f9QzX";

/// A directory with a log that holds the secret.
fn with_log() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("app.log");
    fs::write(&log, format!("a {SECRET} b\n")).unwrap();
    (dir, log)
}

#[test]
fn the_default_source_is_the_well_known_variables() {
    let mut command = hushlog::<&str>([]);
    command.env("API_TOKEN", SECRET).env("SERVICE_URL", "http://localhost:3000/x").env("OTHER", "localhost");
    let ran = run(&mut command, format!("{SECRET} http://localhost:3000/x\n").as_bytes()).ends(0);
    assert_eq!(ran.out(), "[REDACTED:API_TOKEN] http://localhost:3000/x\n");
    assert_eq!(ran.err(), "hushlog: note: no source was given; masking the well-known variables: API_TOKEN\n");
}

#[test]
fn the_filter_is_the_default_subcommand() {
    for args in [&["--env", "A"][..], &["filter", "--env", "A"]] {
        let ran = run(hushlog(args).env("A", SECRET), SECRET.as_bytes()).ends(0);
        assert_eq!((ran.out().as_str(), ran.err().as_str()), ("[REDACTED:A]", ""));
    }
}

#[test]
fn a_stream_of_utf_16_is_masked_with_one_warning() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let input = wide(&format!("\u{feff}password {SECRET}\r\n").repeat(100));
    let ran = run(hushlog(["--env", "A"]).env("A", SECRET), &input).ends(0);
    assert_eq!(
        ran.err(),
        "hushlog: warning: the text is UTF-16: secrets are found in it as they are, but in no other form; convert it \
         before, as with iconv -f UTF-16\n"
    );
    let (before, after) = (wide("\u{feff}password "), wide("\r\n"));
    let wanted = [&before[..], b"[REDACTED:A]\0", &after].concat().repeat(100);
    assert!(ran.stdout == wanted, "{}", ran.out());
    assert_eq!(run(hushlog(["--env", "A", "--quiet"]).env("A", SECRET), &input).ends(0).err(), "");
    let ran = run(hushlog(["--env", "A", "--no-encodings"]).env("A", SECRET), &input).ends(0);
    assert!(ran.err().contains("secrets are not found in it") && ran.stdout == input, "{}", ran.err());
}

/// J04 of the reports: a reader that counts bytes finds each message.
#[test]
fn messages_with_lengths_get_new_lengths() {
    let message = |text: &str| format!("{} {text}", text.len());
    let stream = |secret: &str| {
        let texts = [format!("<13>1 - h app - - - login {secret} ok"), "<13>1 - second".into(), "<13>\n".into()];
        texts.iter().map(|text| message(text)).collect::<String>()
    };
    let (input, masked) = (stream(SECRET), stream("[REDACTED:A]"));
    let filter = |options: &[&str], input: &str| {
        let arguments = [&["--env", "A"], options].concat();
        run(hushlog(arguments).env("A", SECRET), input.as_bytes()).ends(0)
    };
    for options in [&[][..], &["--format", "auto"], &["--format", "octet-counted"], &["--release", "line"]] {
        let ran = filter(options, &input);
        assert_eq!((ran.out(), ran.err()), (masked.clone(), String::new()), "{options:?}");
    }
    assert_eq!(filter(&["--format", "raw"], &input).out(), input.replace(SECRET, "[REDACTED:A]"));
    assert_eq!(filter(&["--mask-char", "*"], &input).out(), stream(&"*".repeat(SECRET.len())));
    // A stream that ceases to be messages.
    let ran = filter(&[], &format!("{input}and {SECRET}\n"));
    assert_eq!(ran.out(), format!("{masked}and [REDACTED:A]\n"));
    assert_eq!(
        ran.err(),
        "hushlog: warning: the text is no more messages with their lengths; the rest is masked as plain text\n"
    );
    let ran = filter(&["--format", "octet-counted"], &format!("no length {SECRET}\n"));
    assert_eq!(ran.out(), "no length [REDACTED:A]\n");
    assert!(ran.err().starts_with("hushlog: warning: ") && ran.err().lines().count() == 1);
    assert_eq!(filter(&[], &format!("12 {SECRET}\n")).err(), "");
    run(&mut hushlog(["--format", "lengths"]), b"").ends(2);
}

/// J03 of the reports: an entry of the journal whose message has two lines.
#[test]
fn an_exported_journal_gets_new_lengths() {
    let entry = |secret: &str| {
        let text = format!("login {secret}\nsecond line");
        let length = (text.len() as u64).to_le_bytes();
        let head = "__CURSOR=s=2\n__REALTIME_TIMESTAMP=1700000000000002\nPRIORITY=6\nMESSAGE\n";
        [head.as_bytes(), &length, text.as_bytes(), format!("\n_PID=1\nTEXT={secret}\n\n").as_bytes()].concat()
    };
    let (input, wanted) = (entry(SECRET).repeat(3), entry("[REDACTED:A]").repeat(3));
    for options in [&[][..], &["--format", "journal-export"], &["--release", "line"]] {
        let ran = run(hushlog([&["--env", "A"], options].concat()).env("A", SECRET), &input).ends(0);
        assert!(ran.stdout == wanted && ran.err().is_empty(), "{options:?}: {}{}", ran.out(), ran.err());
    }
}

/// Docker's API has both outputs of a container in one stream: each is a text that goes on from
/// piece to piece.
#[test]
fn a_multiplexed_stream_gets_new_lengths() {
    let piece = |stream: u8, text: &str| {
        [&[stream, 0, 0, 0][..], &u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
    };
    let (begin, end) = SECRET.split_at(9);
    let input = [
        piece(1, &format!("login {SECRET} ok\n")),
        piece(2, &format!("long {begin}")),
        piece(1, "between\n"),
        piece(2, &format!("{end} line\n")),
    ];
    let between = piece(1, "between\n");
    let (login, masked) = (piece(1, "login [REDACTED:A] ok\n"), piece(2, "[REDACTED:A] line\n"));
    for options in [&[][..], &["--format", "docker-stream"]] {
        let ran = run(hushlog([&["--env", "A"], options].concat()).env("A", SECRET), &input.concat()).ends(0);
        assert_eq!(ran.stdout, [&*login, &piece(2, "long "), &between, &masked].concat(), "{options:?}");
        assert_eq!(ran.err(), "");
    }
    let ran = run(hushlog(["--env", "A", "--release", "line"]).env("A", SECRET), &input.concat()).ends(0);
    assert_eq!(ran.stdout, [login, between, piece(2, "long [REDACTED:A] line\n")].concat());
    let ran = run(hushlog(["--env", "A", "--mask-char", "*"]).env("A", SECRET), &input.concat()).ends(0);
    let masks = "*".repeat(SECRET.len());
    let wanted = [piece(1, &format!("login {masks} ok\n")), piece(2, "long "), piece(1, "between\n")];
    assert_eq!(ran.stdout, [wanted.concat(), piece(2, &format!("{masks} line\n"))].concat());
}

/// Whichever bytes of a line are a secret, it stays JSON.
#[test]
fn a_line_of_json_stays_json() {
    let filter = |options: &[&str], secret: &str, input: &str| {
        let ran = run(hushlog([&["--env", "A"], options].concat()).env("A", secret), input.as_bytes()).ends(0);
        assert_eq!(ran.err(), "");
        ran.out()
    };
    let json_lines = ["--format", "json-lines"];
    let (cut, number) = ("nabc-moon-kite-4471", "47114711");
    for (secret, input, wanted) in [
        (cut, r#"{"m":"a\nabc-moon-kite-4471"}"#, r#"{"m":"a[REDACTED:A]"}"#),
        (number, r#"{"n":147114711.5,"ok":true}"#, r#"{"n":"[REDACTED:A]","ok":true}"#),
        (number, r#"{"m":"47114711","n":[47114711]}"#, r#"{"m":"[REDACTED:A]","n":["[REDACTED:A]"]}"#),
        (number, "no JSON 47114711", "no JSON [REDACTED:A]"),
    ] {
        assert_eq!(filter(&json_lines, secret, &format!("{input}\n{input}")), format!("{wanted}\n{wanted}"));
    }
    // Without the format, the place of a bare value has a mask in quotes.
    let bare = r#"{"pin":47114711,"log":"{\"pin\": 47114711}"}"#;
    let wanted = r#"{"pin":"[REDACTED:A]","log":"{\"pin\": \"[REDACTED:A]\"}"}"#;
    assert_eq!(filter(&[], number, bare), wanted);
    assert_eq!(filter(&json_lines, number, bare), wanted);
}

/// Long inputs also pass through pages that are spliced.
#[test]
fn many_messages_with_lengths_are_counted() {
    let message = |secret: &str, number: usize| {
        let text = format!("<13>1 - h app {number} - - {secret} {}", "x".repeat(number % 300));
        format!("{} {text}", text.len())
    };
    let stream = |secret: &str| (0..20_000).map(|number| message(secret, number)).collect::<String>();
    let tail = "no message\n".repeat(200_000);
    for end in ["", &tail] {
        let mut command = hushlog(["--env", "A", "--quiet"]);
        let ran = run(command.env("A", SECRET), (stream(SECRET) + end).as_bytes()).ends(0);
        assert!(ran.out() == stream("[REDACTED:A]") + end, "{} bytes", ran.stdout.len());
    }
}

#[test]
fn sources_add_up() {
    let (dir, _) = with_log();
    fs::write(dir.path().join("env"), "B='second value'\n").unwrap();
    fs::write(dir.path().join("key"), "third value\n\n").unwrap();
    let mut command = hushlog(["--env", "A*", "--dotenv", "env", "--secret-file", "key"]);
    let ran =
        run(command.env("AX", SECRET).current_dir(&dir), format!("{SECRET}|second value|third value|\n").as_bytes());
    assert_eq!(ran.ends(0).out(), "[REDACTED:AX]|[REDACTED:B]|[REDACTED:key]|\n");
}

#[test]
fn a_directory_is_many_secrets_as_kubernetes_lays_them_out() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("..2026_01")).unwrap();
    fs::write(dir.path().join("..2026_01/password"), "first value\n").unwrap();
    symlink("..2026_01", dir.path().join("..data")).unwrap();
    symlink("..data/password", dir.path().join("password")).unwrap();
    fs::create_dir(dir.path().join("account")).unwrap();
    fs::write(dir.path().join("account/token"), "second value").unwrap();
    let ran = run(&mut hushlog(["--secret-file".as_ref(), dir.path()]), b"first value, second value\n").ends(0);
    assert_eq!(ran.out(), "[REDACTED:password], [REDACTED:account/token]\n");
    assert_eq!(ran.err(), "");
}

#[test]
fn a_loop_of_links_and_a_pipe_in_a_directory_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), SECRET).unwrap();
    symlink(".", dir.path().join("loop")).unwrap();
    run(&mut hushlog(["--secret-file".as_ref(), dir.path()]), b"").ends(2).says("nested too deep");
    fs::remove_file(dir.path().join("loop")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap();
    assert!(made.success());
    run(&mut hushlog(["--secret-file".as_ref(), dir.path()]), b"").ends(2).says("neither a file nor a directory");
}

#[test]
fn a_source_may_be_a_pipe() {
    let text = format!("hushlog --dotenv <(echo A={SECRET}) --secret-file <(echo other value)");
    let ran = run(&mut script(&text), format!("{SECRET} other value\n").as_bytes()).ends(0);
    assert!(ran.out().starts_with("[REDACTED:A] [REDACTED:"));
}

#[test]
fn i20_a_source_that_gives_nothing_ends_the_program() {
    let (dir, log) = with_log();
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("blank"), "\n \n").unwrap();
    fs::write(at("comments"), "# A=b\n").unwrap();
    fs::write(at("bad"), "# A=b\nsk-live-4f9QzX\n").unwrap();
    fs::create_dir(at("dir")).unwrap();
    fs::create_dir(at("dangling")).unwrap();
    symlink("nowhere", at("dangling/link")).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&[], "no well-known variable of the environment has a value"),
        (&["--env", "NOPE_*"], "--env matches no variable with a value"),
        (&["--env", "A", "--env", "BLANK"], "no variable that BLANK matches has a value (--env number 2)"),
        (&["--env", "[a"], "--env is not a valid pattern"),
        (&["--env", "SHORT"], "no value remains to mask"),
        (&["--dotenv", &at("missing1")], "cannot read the file of --dotenv: no such file or directory"),
        (&["--dotenv", &at("dir")], "is a directory"),
        (&["--dotenv", &at("comments")], "contains no value"),
        (&["--dotenv", &at("bad")], "bad:2: NAME=VALUE was expected"),
        (&["--secret-file", &at("missing1")], "cannot read the file of --secret-file: no such file or directory"),
        (&["--secret-file", &at("empty")], "contains no value"),
        (&["--secret-file", &at("blank")], "contains no value"),
        (&["--secret-file", &at("dir")], "contains no value"),
        (&["--secret-file", &at("dangling")], "no such file or directory"),
        (&["--secret-file", "/dev/zero"], "file too large"),
        (
            &["--env", "A", "--report", "/nowhere/report"],
            "cannot write the file of --report: no such file or directory",
        ),
        (&["--env", "A", "--report", &at("dir")], "cannot write the file of --report: is a directory"),
    ];
    for (args, message) in cases {
        let mut command = hushlog(*args);
        command.env("A", SECRET).env("BLANK", " ").env("SHORT", "abc");
        let (ran, read) = run_reading(&mut command, &log);
        let ran = ran.ends(2).says(message).says("hushlog: hint: ");
        assert_eq!((read, ran.stdout.len()), (0, 0), "{args:?}");
        assert!(!ran.err().contains(SECRET), "{args:?}");
    }
}

#[test]
fn i20_an_unreadable_source_is_an_error_for_a_plain_user() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    fs::write(&key, SECRET).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&key).is_ok() {
        return; // Root reads everything.
    }
    run(&mut hushlog(["--secret-file".as_ref(), key.as_path()]), b"").ends(2).says("permission denied");
}

#[test]
fn allow_empty_permits_no_secrets_but_no_missing_source() {
    for args in [&["--allow-empty"][..], &["--allow-empty", "--env", "NOPE"], &["--allow-empty", "--env", "SHORT"]] {
        let ran = run(hushlog(args).env("SHORT", "abc"), b"x \xff\0 y").ends(0);
        assert_eq!(ran.stdout, b"x \xff\0 y");
    }
    run(&mut hushlog(["--allow-empty", "--dotenv", "/nowhere"]), b"").ends(2);
}

#[test]
fn warnings_name_all_of_a_kind_in_one_line() {
    let mut command = hushlog(["--env", "*", "--all"]);
    for number in 0..500 {
        command.env(format!("S{number}"), format!("k{number:04}"));
    }
    let ran = run(command.env("TINY", "abc").env("WORD", "production"), b"").ends(0);
    assert_eq!(ran.err().lines().count(), 3);
    let ran = ran.says("not masked, because too short: TINY").says("ordinary word: WORD").says("S0, S1, S10,");
    assert!(!ran.err().contains("k0001"));
    let ran = run(command.arg("--quiet"), b"").ends(0);
    assert_eq!(ran.err(), "hushlog: warning: not masked, because too short: TINY\n");
}

#[test]
fn options_change_the_mask_and_the_search() {
    let with = |args: &[&str], input: &str| {
        run(hushlog(["--env", "A"]).args(args).env("A", SECRET), input.as_bytes()).ends(0).out()
    };
    assert_eq!(with(&["--mask", "***"], SECRET), "***");
    assert_eq!(with(&["--mask", "<{name}|{name}>"], SECRET), "<A|A>");
    assert_eq!(with(&["--mask-char", "#"], SECRET), "#".repeat(SECRET.len()));
    assert_eq!(with(&[], &SECRET[..9]), "[REDACTED:A]");
    assert_eq!(with(&["--keep-partial"], &SECRET[..9]), &SECRET[..9]);
    assert_eq!(with(&["--keep-stump"], &SECRET[..9]), &SECRET[..9], "its earlier name");
    assert_eq!(with(&["--release", "line"], &format!("x\ny{SECRET}")), "x\ny[REDACTED:A]");
    let (escaped, encoded) = (SECRET.replace('-', "%2D"), BASE64.encode(SECRET.as_bytes()));
    let both = format!("{escaped} {encoded}");
    assert_eq!(with(&[], &both), "[REDACTED:A] [REDACTED:A]");
    assert_eq!(with(&["--no-readings"], &both), format!("{escaped} [REDACTED:A]"));
    assert_eq!(with(&["--no-encodings"], &both), both);
    assert_eq!(with(&["--no-encodings", "--no-readings"], &format!("{both} {SECRET}")), format!("{both} [REDACTED:A]"));
}

#[test]
fn min_length_leaves_shorter_values_alone() {
    let mut command = hushlog(["--env", "?", "--min-length", "10"]);
    let ran = run(command.env("A", SECRET).env("B", "shorter1"), format!("{SECRET} shorter1").as_bytes()).ends(0);
    assert_eq!(ran.says("too short: B").out(), "[REDACTED:A] shorter1");
}

#[test]
fn the_report_counts_by_name_and_form() {
    let (dir, log) = with_log();
    let report = dir.path().join("counts.json");
    fs::write(&report, "old").unwrap();
    let mut command = hushlog(["--env", "?", "--report", "counts.json"]);
    command.current_dir(&dir).env("A", SECRET).env("B", "never seen").env("C", "abc");
    run_reading(&mut command, &log).0.ends(0);
    let text = fs::read_to_string(&report).unwrap();
    assert!(!text.contains(SECRET));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let len = fs::metadata(&log).unwrap().len();
    let expected = serde_json::json!({
        "version": 2, "complete": true, "bytes_in": len,
        "secrets": [
            { "name": "A", "masked": 1, "forms": { "value": 1 } },
            { "name": "B", "masked": 0, "forms": {} },
            { "name": "C", "masked": 0, "forms": {} },
        ],
        "notices": [{ "name": "C", "kind": "too-short" }],
    });
    assert_eq!(json, expected);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "a temporary file is left");
}

#[test]
fn the_report_goes_to_a_device_or_pipe_as_well() {
    let ran = run(hushlog(["--env", "A", "--report", "/dev/stderr"]).env("A", SECRET), b"x").ends(0);
    assert!(ran.err().starts_with("{\n"), "said {}", ran.err());
    run(hushlog(["--env", "A", "--report", "/dev/full"]).env("A", SECRET), b"x")
        .ends(3)
        .says("cannot write the report");
}

#[test]
fn the_report_is_written_when_the_stream_fails_too() {
    let dir = tempfile::tempdir().unwrap();
    let text = "echo $A | hushlog --env A --report counts.json > /dev/full";
    run(script(text).env("A", SECRET).current_dir(&dir), b"").ends(3).says("no space left on device");
    let json: serde_json::Value = serde_json::from_slice(&fs::read(dir.path().join("counts.json")).unwrap()).unwrap();
    assert_eq!((json["complete"].as_bool(), json["secrets"][0]["masked"].as_u64()), (Some(false), Some(1)));
}

#[test]
fn i05_a_closed_descriptor_is_an_error_and_dev_null_is_not() {
    let with =
        |redirection: &str| run(script(&format!("echo x | hushlog --env A {redirection}")).env("A", SECRET), b"");
    with(">&-").ends(3).says("standard output is closed");
    with("<&-").ends(3).says("standard input is closed");
    assert_eq!(with("2>&-").ends(0).out(), "x\n");
    assert_eq!(with(">/dev/null").ends(0).err(), "");
    // As Python, Node and daemon(3) open it.
    assert_eq!(with("1<>/dev/null").ends(0).err(), "");
    assert_eq!(with("</dev/null").ends(0).err(), "");
    with("1</dev/null").ends(3).says("cannot write the output: bad file descriptor");
    run(&mut script("hushlog --help >&-"), b"").ends(3);
    run(&mut script("hushlog man >/dev/full"), b"").ends(3).says("no space left on device");
}

/// The output would become input again, and fill the disk within seconds.
#[test]
fn b13_a_file_is_not_copied_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("key {SECRET}\n").repeat(100);
    for redirection in ["<app.log >>app.log", "<app.log 1<>app.log", "<>app.log >&0", "<app.log >>link.log"] {
        std::fs::write(dir.path().join("app.log"), &text).unwrap();
        let _ = std::fs::hard_link(dir.path().join("app.log"), dir.path().join("link.log"));
        // A limit, because a faulty run would not end.
        let script_text = format!("ulimit -f 1000; hushlog --env A {redirection}");
        let ran = run(script(&script_text).env("A", SECRET).current_dir(&dir), b"");
        ran.ends(2).says("standard input and standard output are the same file").says("hushlog scrub FILE");
        assert_eq!(std::fs::read_to_string(dir.path().join("app.log")).unwrap(), text, "{redirection}");
    }
    let other = "hushlog --env A <app.log >>other.log && cat other.log";
    let ran = run(script(other).env("A", SECRET).current_dir(&dir), b"").ends(0);
    assert!(ran.out().starts_with("key [REDACTED:A]\n"));
}

#[test]
fn i06_an_output_that_is_full_is_an_error_that_names_it() {
    let with = |text: &str| run(script(text).env("A", SECRET).current_dir(std::env::temp_dir()), b"");
    with("echo input text | hushlog --env A > /dev/full").ends(3).says("no space left on device");
    let dir = tempfile::tempdir().unwrap();
    let text = "ulimit -f 1; head -c 100000 /dev/zero | hushlog --env A > out; echo $?; wc -c < out";
    let ran = run(script(text).env("A", SECRET).current_dir(&dir), b"").ends(0).says("file too large");
    assert_eq!(ran.out(), "3\n1024\n");
}

#[test]
fn i07_a_reader_that_goes_away_ends_the_filter_quietly() {
    let ran = run(script("yes | hushlog --env A | head -n 1; echo ${PIPESTATUS[1]}").env("A", SECRET), b"").ends(0);
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("y\n141\n", ""));
    let ran = run(&mut script("hushlog man | true; hushlog --help | true"), b"").ends(0);
    assert_eq!(ran.err(), "");
}

#[test]
fn i08_standard_error_may_fail_too() {
    let with = |text: &str| run(script(text).env("A", SECRET).env("TINY", "x"), b"");
    with("echo x | hushlog --env '*' > /dev/full 2>/dev/full").ends(3);
    with("echo x | hushlog --env '*' 2>/dev/full").ends(0);
    with("echo x | hushlog --env '*' >/dev/full 2> >(true); exit $?").ends(3);
    with("echo x | hushlog --env '*' >&- 2>&-").ends(3);
}

#[test]
fn i09_an_input_that_cannot_be_read_is_an_error() {
    run(script("hushlog --env A < /").env("A", SECRET), b"").ends(3).says("cannot read the input: is a directory");
}

#[test]
fn i19_one_free_descriptor_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("key"), SECRET).unwrap();
    let with = |text: &str| run(script(text).current_dir(&dir), SECRET.as_bytes());
    assert_eq!(with("ulimit -n 4; exec hushlog --secret-file .").ends(0).out(), "[REDACTED:key]");
    // A report takes three: one for its directory, and two to write and sync it there.
    let text = "exec hushlog --secret-file key --report counts.json";
    with(&format!("ulimit -n 4; {text}")).ends(2).says("too many open files");
    assert_eq!(with(&format!("ulimit -n 6; {text}")).ends(0).out(), "[REDACTED:key]");
}

#[test]
fn i17_any_bytes_pass_unchanged() {
    for input in [&b""[..], b"\0", b"\n", b"\r", b"no newline", b"\xff\xfe\r\n\x1b[0m"] {
        assert_eq!(run(hushlog(["--env", "A"]).env("A", SECRET), input).ends(0).stdout, input);
    }
}

#[test]
fn names_from_files_cannot_drive_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"a\x1b[2J\n\xff")), "abc").unwrap();
    let ran =
        run(&mut hushlog(["--allow-empty".as_ref(), "--secret-file".as_ref(), dir.path().as_os_str()]), b"").ends(0);
    assert!(ran.says("too short: a\u{fffd}[2J\u{fffd}\u{fffd}\n").err().lines().count() == 1);
}

/// The short version is the number alone; the long one has the build and the search.
#[test]
fn the_long_version_describes_the_build() {
    let short = format!("hushlog {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&mut hushlog(["-V"]), b"").ends(0).out(), format!("{short}\n"));
    let long = run(&mut hushlog(["--version"]), b"").ends(0).out();
    let lines: Vec<&str> = long.lines().collect();
    let [version, features, search] = lines.as_slice() else { panic!("{long}") };
    let commit = version.strip_prefix(&short).expect("the version");
    let commit = commit.strip_prefix(" (commit ").and_then(|rest| rest.strip_suffix(')'));
    if crate::program::IS_RELEASED && std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".git").exists() {
        let commit = commit.expect("the commit of a release build");
        assert!(commit.len() == 10 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{commit}");
    }
    assert!(features.starts_with("features: compress guard registry sidecar"), "{features}");
    let instructions = ["AVX-512", "AVX2", "NEON", "portable"].map(|name| format!("search: {name}"));
    assert!(instructions.iter().any(|instructions| instructions == search), "{search}");
}

#[test]
fn completions_are_well_formed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(run(&mut hushlog(["completions", shell]), b"").ends(0).out().contains("secret-file"), "{shell}");
    }
    run(&mut script("hushlog completions bash | bash -n"), b"").ends(0);
}

/// After a line that is too long to wait, the same number of bytes is held back for right and wrong
/// guesses.
#[test]
fn a01_a_line_without_an_end_shows_nothing_of_a_guess() {
    let mut command = hushlog(["--env", "A", "--release", "line", "--no-encodings", "--quiet"]);
    command.env("A", SECRET).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let (mut input, mut output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    let come = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&come);
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(len @ 1..) = output.read(&mut buffer) {
            count.fetch_add(len, Ordering::SeqCst);
        }
    });
    let mut sent = 0;
    let pieces = std::iter::once("x".repeat((1 << 20) + 70_000)).chain(SECRET.chars().map(String::from));
    let pieces = pieces.take(SECRET.len()).chain("sk-lzzz".chars().map(String::from));
    for piece in pieces {
        input.write_all(piece.as_bytes()).expect("it reads");
        sent += piece.len();
        let start = Instant::now();
        while come.load(Ordering::SeqCst) != sent - (SECRET.len() - 1) {
            let held = sent - come.load(Ordering::SeqCst);
            assert!(start.elapsed() < Duration::from_secs(30), "{held} bytes wait after {sent}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    drop(input);
    assert!(child.wait().expect("it ends").success());
    reader.join().expect("it reads to the end");
    assert_eq!(come.load(Ordering::SeqCst), sent);
}
