//! `hushlog scrub` on the kinds of file found on a machine: compressed files, container logs, and
//! files that cannot be searched.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::program;
use crate::program::session::needs;
use crate::scrub::{
    self, MASK, NAME, VALUE, age, assert_file, count, installed, log, masked, run, scrub, skipped, state, write_old,
};
use serde_json::Value;

/// Runs a filter program over bytes.
fn through(program: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program[0]);
    let mut child =
        command.args(&program[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it is installed");
    let (mut stdin, input) = (child.stdin.take().expect("a pipe"), input.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("it ends").expect("it reads all");
    assert!(output.status.success());
    output.stdout
}

/// Scrubs with a report, and asserts the exit status.
#[track_caller]
fn report(options: &[&str], path: &Path, code: i32) -> Value {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let report = scratch.path().join("report");
    let options = options.iter().map(OsStr::new).chain([OsStr::new("--report"), report.as_os_str(), path.as_os_str()]);
    run(&mut scrub(options)).ends(code);
    let text = fs::read(report).expect("it was written");
    assert_eq!(count(&text), 0, "the report shows the secret");
    serde_json::from_slice(&text).expect("valid JSON")
}

/// The output of `hushlog` as a filter, which a rewrite has to equal.
fn filtered(text: &[u8], options: &[&str]) -> Vec<u8> {
    let mut command = program::hushlog(["filter", "--env", NAME]);
    program::run(command.args(options).env(NAME, VALUE), text).ends(0).stdout
}

const PACKERS: [(&str, &str); 4] = [("gz", "gzip"), ("zst", "zstd"), ("bz2", "bzip2"), ("xz", "xz")];

/// S22 and more: compressed rotated files are not searched in place, but `--check` finds their
/// secrets, and `--rewrite` rewrites them so that the format's own program reads them.
#[test]
fn s22_compressed_files() {
    for (extension, packer) in PACKERS {
        if !installed(&[packer]) {
            continue;
        }
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let path = scratch.path().join(format!("a.log.1.{extension}"));
        let text = log(9_000);
        // Two members, one after the other, with a secret across both.
        let middle = count(&text) / 2;
        let cut = memchr::memmem::find_iter(&text, VALUE).nth(middle).expect("one of many") + 9;
        let packed = [through(&[packer, "-c"], &text[..cut]), through(&[packer, "-c"], &text[cut..])].concat();
        write_old(&path, &packed);
        let before = state(&path);

        let told = report(&[], &path, 3);
        assert_eq!(told["files"][0]["outcome"], "not-searched", "{told}");
        assert_eq!((&told["complete"], &told["searched"]), (&Value::Bool(false), &0.into()), "never clean: {told}");
        let told = report(&["--check"], &path, 1);
        assert_eq!(told["found"], count(&text), "{packer}: {told}");
        assert_eq!(told["files"][0]["bytes"], text.len(), "{packer}");
        assert_eq!(state(&path), before);

        let told = report(&["--rewrite", "--mask", "<{name}>"], &path, 0);
        assert_eq!(told["found"], count(&text), "{packer}: {told}");
        let packed = fs::read(&path).expect("ours");
        let unpacked = through(&[packer, "-dc"], &packed);
        assert!(unpacked == filtered(&text, &["--mask", "<{name}>"]), "{packer}: other bytes");
        assert_eq!(fs::metadata(&path).expect("ours").mtime(), before[6], "{packer}: the time");
        let before = state(&path);
        assert_eq!(report(&["--rewrite"], &path, 0)["found"], 0, "{packer}");
        assert_eq!(report(&["--check"], &path, 0)["found"], 0, "{packer}");
        assert_eq!(state(&path), before, "{packer}: written again for nothing");

        // Damaged: reported, and left alone.
        let mut damaged = packed.clone();
        damaged.truncate(packed.len() / 2);
        write_old(&path, &damaged);
        let ran = run(&mut scrub([OsStr::new("--rewrite"), path.as_os_str()])).ends(3);
        assert!(ran.err().contains("failed"), "{packer}: {}", ran.err());
        assert_file(&path, &damaged);
        assert_eq!(fs::read_dir(scratch.path()).expect("ours").count(), 1, "{packer}: a temporary file is left");
    }
}

/// A gzip header holds the file's name and time; both stay.
#[test]
fn the_header_of_a_gzip_file_stays() {
    needs!("gzip");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("app.log");
    write_old(&path, &log(30));
    scrub::tool("gzip", [&path]);
    let path = scratch.path().join("app.log.gz");
    let head = fs::read(&path).expect("ours")[..18].to_vec();
    age(&path);
    run(&mut scrub([OsStr::new("--rewrite"), path.as_os_str()])).ends(0);
    let after = fs::read(&path).expect("ours");
    assert_eq!((&after[4..8], &after[10..18]), (&head[4..8], &head[10..18]));
    assert_eq!(&after[10..18], b"app.log\0");
}

/// S22: files that do not hold secrets verbatim are reported by name, in every mode.
#[test]
fn s22_files_that_cannot_be_searched() {
    let wide: Vec<u8> = String::from_utf8(log(20)).expect("text").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files: [(&str, Vec<u8>); 6] = [
        ("system.journal", [b"LPKSHHRH".as_slice(), &log(20)].concat()),
        ("app.db", [b"SQLite format 3\0".as_slice(), &log(20)].concat()),
        ("wide.log", wide.clone()),
        ("marked.log", [b"\xff\xfe".as_slice(), &wide].concat()),
        ("a.log.lz4", [b"\x04\x22\x4d\x18".as_slice(), &log(20)].concat()),
        ("logs.zip", [b"PK\x03\x04".as_slice(), &log(20)].concat()),
    ];
    for options in [&[][..], &["--check"], &["--dry-run"], &["--rewrite"]] {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        for (name, text) in &files {
            write_old(&scratch.path().join(name), text);
        }
        let told = report(options, scratch.path(), 3);
        let changes = options.is_empty() || options == ["--rewrite"];
        // Those in UTF-16 are found, too.
        let in_each = count(&log(20));
        let found = if changes { 0 } else { 6 * in_each };
        assert_eq!((&told["searched"], &told["found"]), (&0.into(), &found.into()), "{told}");
        assert_eq!(told["files"].as_array().expect("a list").len(), files.len());
        for (file, (name, text)) in told["files"].as_array().expect("a list").iter().zip(&sorted(&files)) {
            assert!(file["path"].as_str().expect("a name").ends_with(name), "{file}");
            assert_eq!((&file["outcome"], &file["found"]), (&"not-searched".into(), &in_each.into()));
            assert_file(&scratch.path().join(name), text);
        }
    }
    // A deliberately excluded file is not reported as not searched.
    let scratch = tempfile::tempdir().expect("a temporary directory");
    write_old(&scratch.path().join("app.db"), &files[1].1);
    write_old(&scratch.path().join("a.log"), &log(10));
    run(&mut scrub(["--exclude".as_ref(), "*.db".as_ref(), scratch.path().as_os_str()])).ends(0);
    assert_file(&scratch.path().join("a.log"), &masked(&log(10)));
}

fn sorted<'a>(files: &'a [(&'a str, Vec<u8>)]) -> Vec<(&'a str, &'a Vec<u8>)> {
    let mut files: Vec<_> = files.iter().map(|(name, text)| (*name, text)).collect();
    files.sort();
    files
}

/// A container runtime's format of a line.
type Recorder = fn(stream: &str, text: &str, goes_on: bool) -> String;

fn docker(stream: &str, text: &str, goes_on: bool) -> String {
    let text = serde_json::to_string(&format!("{text}{}", if goes_on { "" } else { "\n" })).expect("a string");
    format!("{{\"log\":{text},\"stream\":\"{stream}\",\"time\":\"2026-11-24T16:00:00.123456789Z\"}}\n")
}

fn cri(stream: &str, text: &str, goes_on: bool) -> String {
    format!("2026-11-24T16:00:00.123456789+00:00 {stream} {} {text}\n", if goes_on { "P" } else { "F" })
}

/// Lines of two streams, the long ones split into parts of `part_len` bytes and interleaved with
/// the other stream's.
fn records(record: Recorder, lines: &[String], part_len: usize) -> String {
    let mut log = record("stdout", "the first line", false);
    for line in lines {
        let mut parts = line.as_bytes().chunks(part_len).peekable();
        while let Some(part) = parts.next() {
            log += &record("stdout", std::str::from_utf8(part).expect("ASCII"), parts.peek().is_some());
            log += &record("stderr", "something else", false);
        }
    }
    log
}

/// The text of one stream in a log, without its records.
fn text_of(log: &str, stream: &str) -> String {
    let mut text = String::new();
    for line in log.lines() {
        if let Ok(record) = serde_json::from_str::<Value>(line) {
            if record["stream"] == stream {
                text += record["log"].as_str().expect("text");
            }
        } else {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            if words[1] == stream {
                text += words[3];
                text += if words[2] == "F" { "\n" } else { "" };
            }
        }
    }
    text
}

/// A secret across two records, split at each position, in place and by rewrite. It is masked
/// completely, all other text stays, and the records stay valid.
#[test]
fn secrets_across_the_records_of_a_container() {
    const PART_LEN: usize = 16 << 10;
    for (record, options) in [docker as Recorder, cri]
        .into_iter()
        .flat_map(|record| [&[][..], &["--rewrite"]].map(|options| (record, options)))
    {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let path = scratch.path().join("0.log");
        let cuts: Vec<usize> = (0..=VALUE.len()).collect();
        // The part before the cut, and enough text after it for a third record.
        let lines: Vec<String> = cuts
            .iter()
            .map(|cut| {
                format!("{}{VALUE}{}", "x".repeat(PART_LEN - cut), "y".repeat(if cut % 2 == 0 { 9 } else { PART_LEN }))
            })
            .collect();
        let log = records(record, &lines, PART_LEN);
        write_old(&path, log.as_bytes());
        let checked = report(&["--check"], &path, 1);
        let done = report(options, &path, 0);
        assert_eq!((&checked["found"], &done["found"]), (&lines.len().into(), &lines.len().into()), "{options:?}");
        let after = fs::read_to_string(&path).expect("text");
        assert_eq!(text_of(&after, "stderr"), text_of(&log, "stderr"));
        let text = text_of(&after, "stdout");
        assert_eq!(text.lines().count(), lines.len() + 1);
        for (line, cut) in text.lines().skip(1).zip(&cuts) {
            let whole = [0, VALUE.len()].contains(cut);
            let mask = match (whole, options.is_empty()) {
                (true, true) => MASK.to_owned(),
                (true, false) => format!("[REDACTED:{NAME}]"),
                (false, _) => "*".repeat(VALUE.len()),
            };
            assert_eq!(line.trim_matches('x').trim_matches('y'), mask, "cut at {cut}, {options:?}");
        }
        assert_eq!(report(&["--check"], &path, 0)["found"], 0);
    }
}

/// A log that ends within an unfinished line: a complete secret is masked, in any record that ends
/// it.
#[test]
fn the_last_line_of_a_container_may_go_on() {
    for record in [docker as Recorder, cri] {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let path = scratch.path().join("0.log");
        let (first, rest) = VALUE.split_at(10);
        for end in ["\n", ""] {
            let log = record("stdout", first, true) + &record("stderr", "something else", false);
            let log = log + record("stdout", rest, true).trim_end() + end;
            write_old(&path, log.as_bytes());
            assert_eq!(report(&[], &path, 0)["found"], 1);
            let after = fs::read_to_string(&path).expect("text");
            assert_eq!((text_of(&after, "stdout"), after.len()), ("*".repeat(VALUE.len()), log.len()));
        }
    }
}

/// Text that only resembles records is searched as plain bytes.
#[test]
fn broken_records_are_bytes() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("0.log");
    let (first, rest) = VALUE.split_at(10);
    let long = "z".repeat(300 << 10);
    let text = format!(
        "{{\"log\":\"{VALUE}\n{{\"log\":\"{first}\",\"stream\":\"stdout\"}}\n{long}\n{{\"log\":\"{rest}\\n\"}}\n\\\"{VALUE}\n"
    );
    write_old(&path, text.as_bytes());
    run(&mut scrub([&path])).ends(0);
    let after = fs::read_to_string(&path).expect("text");
    assert_eq!(after.len(), text.len());
    assert!(!after.contains(VALUE) && after.contains(&long));
    assert_eq!(after.matches(MASK).count(), 2);
}

/// `--rewrite` would lose a writer's appended lines, so it refuses a file that is open for writing
/// or was written a moment ago.
#[test]
fn a_file_that_is_written_is_not_rewritten() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    write_old(&path, &log(30));
    let writer = File::options().append(true).open(&path).expect("ours");
    let rewrite = || run(&mut scrub(["--rewrite".as_ref(), path.as_os_str()]));
    let ran = rewrite();
    if ran.code == Some(0) {
        // Without leases, only the time of the last write is evidence.
        skipped("leases on the file system");
    } else {
        let ran = ran.ends(3).says("is being written");
        assert!(ran.err().contains("a.log"));
        assert_file(&path, &log(30));
    }
    drop(writer);
    rewrite().ends(0);
    assert!(count(&fs::read(&path).expect("ours")) == 0);
    assert_eq!(fs::read_dir(scratch.path()).expect("ours").count(), 1);
    // Of several names, one would lead to the new file, and the others to the old one.
    write_old(&path, &log(30));
    fs::hard_link(&path, scratch.path().join("b.log")).expect("a link");
    run(&mut scrub(["--rewrite".as_ref(), "--hard-links".as_ref(), path.as_os_str()])).ends(3).says("several names");
    run(&mut scrub(["--hard-links".as_ref(), path.as_os_str()])).ends(0);
    assert_file(&scratch.path().join("b.log"), &masked(&log(30)));
}

/// Selection of files by name and by path.
#[test]
fn include_and_exclude() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let names = ["a.log", "a.txt", "sub/b.log", "sub/c.log", "sub/deep/d.log"];
    let run_with = |options: &[&str], wanted: &[&str]| {
        for name in names {
            fs::create_dir_all(scratch.path().join(name).parent().expect("one")).expect("room");
            write_old(&scratch.path().join(name), &log(5));
        }
        run(&mut scrub(options.iter().map(OsStr::new).chain([scratch.path().as_os_str()]))).ends(0);
        for name in names {
            let text = if wanted.contains(&name) { masked(&log(5)) } else { log(5) };
            assert_file(&scratch.path().join(name), &text);
        }
    };
    run_with(&[], &["a.log", "a.txt"]);
    run_with(&["--recursive"], &names);
    run_with(&["--recursive", "--include", "*.log"], &["a.log", "sub/b.log", "sub/c.log", "sub/deep/d.log"]);
    run_with(&["--recursive", "--include", "sub/?.log", "--exclude", "c.*"], &["sub/b.log"]);
    run_with(&["--recursive", "--include", "*.log", "--exclude", "sub/*"], &["a.log"]);
    let invalid = ["--include".as_ref(), "a[".as_ref(), scratch.path().as_os_str()];
    run(&mut scrub(invalid)).ends(2).says("--include is not a valid pattern");
}

/// Wrong usage exits with 2 before any file is touched.
#[test]
fn wrong_usage() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    write_old(&path, &log(5));
    let before = state(&path);
    let path = path.to_str().expect("plain");
    let all: [&[&str]; 9] = [
        &[],
        &[path, "missing.log"],
        &["--check", "--dry-run", path],
        &["--jobs", "0", path],
        &["--mask", "xx", path],
        &["--mask-char", "xx", path],
        &["--release", "line", path],
        &["--report", "/nowhere/report", path],
        &["--mask-char", "h", path],
    ];
    for args in all {
        let ran = run(&mut scrub(args)).ends(2);
        assert!(ran.err().contains("hint:"), "{args:?}: {}", ran.err());
    }
    assert_eq!(state(Path::new(path)), before);
    run(&mut scrub(["--dry-run", path])).ends(0).says(&format!("found 1 in {path} ({NAME} 1)"));
    run(&mut scrub(["--mask-char", "#", "--quiet", path])).ends(0);
    assert_file(
        Path::new(path),
        &String::from_utf8(log(5)).unwrap().replace(VALUE, &"#".repeat(VALUE.len())).into_bytes(),
    );
}

#[test]
fn a27_a_huge_hole_is_not_read() {
    const LEN: u64 = 15 << 40;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("sparse.log");
    let file = File::create(&path).unwrap();
    if file.set_len(LEN).is_err() {
        return eprintln!("skipped: no file can be so long here");
    }
    for at in [100, LEN / 2, LEN - 100] {
        file.write_all_at(VALUE.as_bytes(), at).unwrap();
    }
    let blocks = fs::metadata(&path).unwrap().blocks();
    let mut command = program::hushlog(["scrub", "--env", NAME]);
    let ran = program::run_within(command.env(NAME, VALUE).arg(&path), b"", Duration::from_secs(20)).ends(0);
    assert!(ran.err().contains("masked 3"), "{}", ran.err());
    let file = File::open(&path).unwrap();
    for at in [100, LEN / 2, LEN - 100] {
        let mut there = vec![0; VALUE.len()];
        file.read_exact_at(&mut there, at).unwrap();
        assert_eq!(String::from_utf8(there).unwrap(), MASK);
    }
    assert_eq!(fs::metadata(&path).unwrap().blocks(), blocks);
}

#[test]
fn a41_access_time_is_kept_by_a_search_and_a_rewrite() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a.log");
    fs::write(&path, format!("{VALUE}\n")).unwrap();
    // Earlier than the last modification, so that an ordinary read would update it.
    let accessed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let times = FileTimes::new().set_accessed(accessed).set_modified(accessed + Duration::from_secs(1_000_000));
    File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    for action in ["--check", "--rewrite"] {
        let mut command = program::hushlog(["scrub", action, "--env", NAME]);
        program::run(command.env(NAME, VALUE).arg(&path), b"");
        assert_eq!(fs::metadata(&path).unwrap().accessed().unwrap(), accessed, "{action}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("[REDACTED:{NAME}]\n"));
}
