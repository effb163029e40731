//! Secrets split by a rotation: one half ends a file, and the other begins the next.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::program::session::needs;
use crate::scrub::{MASK, VALUE, age, assert_file, assert_same, count, kill, run, scrub, state, tool, write_old};

/// The mask of a half.
fn stars(len: usize) -> String {
    "*".repeat(len)
}

/// A directory of files last written an hour ago.
struct Files(tempfile::TempDir);

impl Files {
    fn new<T: AsRef<[u8]>>(files: &[(&str, T)]) -> Files {
        let files_at = Files(tempfile::tempdir().expect("a temporary directory"));
        files.iter().for_each(|(name, text)| write_old(&files_at.at(name), text.as_ref()));
        files_at
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    /// Scrubs the directory with a report, and asserts the exit status.
    #[track_caller]
    fn report(&self, options: &[&str], code: i32) -> Value {
        self.report_on(options, &[self.dir()], code)
    }

    #[track_caller]
    fn report_on(&self, options: &[&str], paths: &[&Path], code: i32) -> Value {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let report = scratch.path().join("report");
        let options = options.iter().map(OsStr::new).chain([OsStr::new("--report"), report.as_os_str()]);
        run(&mut scrub(options.chain(paths.iter().map(|path| path.as_os_str())))).ends(code);
        serde_json::from_slice(&fs::read(report).expect("it was written")).expect("valid JSON")
    }

    #[track_caller]
    fn assert<T: AsRef<[u8]>>(&self, files: &[(&str, T)]) {
        files.iter().for_each(|(name, text)| assert_file(&self.at(name), text.as_ref()));
    }
}

/// Pairs of names, the older file first, as rotation programs choose them.
const NAMES: &[(&str, &str)] = &[
    ("a.log.1", "a.log"),
    ("a.log.2", "a.log.1"),
    ("a.log.10", "a.log.9"),
    ("a.log.9", "a.log.10"),
    ("a.log-20261127", "a.log"),
    ("a.log-20261126", "a.log-20261127"),
    ("a-2026-11-26.log", "a-2026-11-27.log"),
    ("a.1.log", "a.log"),
    ("a.2.log", "a.1.log"),
    ("a.1.log", "a.2.log"),
    ("0.log.20261127-101010", "0.log"),
    ("f00d-json.log.1", "f00d-json.log"),
    ("a.log.old", "a.log"),
    ("syslog.1", "syslog"),
    ("a-2026-11-27T10-11-12.123.log", "a.log"),
];

#[test]
fn ap_a_scrub_joins_the_files_of_a_log() {
    let (first, rest) = VALUE.split_at(11);
    for (older, newer) in NAMES {
        let before = [(*older, format!("one\n{first}")), (*newer, format!("{rest} two\n"))];
        let files = Files::new(&before);
        let told = files.report(&["--check"], 1);
        assert_eq!(told["found"], 1, "{older}: {told}");
        assert_eq!(files.report(&["--dry-run"], 0)["found"], 1, "{older}");
        files.assert(&before);
        let told = files.report(&[], 0);
        assert_eq!((&told["found"], &told["searched"]), (&1.into(), &2.into()), "{older}: {told}");
        assert_eq!(told["files"][0]["places"][0]["offsets"][0], 4, "{older}: {told}");
        let after =
            [(*older, format!("one\n{}", stars(first.len()))), (*newer, format!("{} two\n", stars(rest.len())))];
        files.assert(&after);
        assert_eq!(files.report(&["--check"], 0)["found"], 0, "{older}");
        assert_eq!(files.report(&[], 0)["found"], 0, "{older}");
        files.assert(&after);
    }
}

#[test]
fn ap_a_scrub_joins_at_every_cut() {
    for cut in 1..VALUE.len() {
        let (first, rest) = VALUE.split_at(cut);
        let names = ["b.log.3", "b.log.2", "b.log.1", "b.log"];
        // A file of one byte, and an empty one, in between.
        let (second, third) = rest.split_at(1.min(rest.len() - 1));
        let text = [first.to_owned(), second.to_owned(), String::new(), format!("{third}\nend {VALUE}\n")];
        let files = Files::new(&names.iter().copied().zip(&text).collect::<Vec<_>>());
        assert_eq!(files.report(&["--check"], 1)["found"], 2, "{cut}");
        assert_eq!(files.report(&[], 0)["found"], 2, "{cut}");
        let masked = [stars(cut), stars(second.len()), String::new(), format!("{}\nend {MASK}\n", stars(third.len()))];
        files.assert(&names.iter().copied().zip(&masked).collect::<Vec<_>>());
        assert_eq!(files.report(&["--check"], 0)["found"], 0, "{cut}");
    }
}

/// The first rewritten file is five files away from the beginning of the secret.
#[test]
fn ap_a_rewrite_joins_over_many_short_files() {
    needs!("gzip");
    for counts_up in [false, true] {
        let number = |at: usize| if counts_up { at + 1 } else { 6 - at };
        let part = |at: usize| &VALUE[2 * at..if at < 5 { 2 * at + 2 } else { VALUE.len() }];
        let names: Vec<String> = (0..6).map(|at| format!("b.log.{}", number(at))).collect();
        let parts: Vec<(&str, &str)> = names.iter().enumerate().map(|(at, name)| (name.as_str(), part(at))).collect();
        let files = Files::new(&parts);
        let packed = |name: &str| files.at(&format!("{name}.gz"));
        for name in &names {
            tool("gzip", ["-q".as_ref(), files.at(name).as_os_str()]);
            age(&packed(name));
        }
        let told = files.report(&["--rewrite", "--jobs", "1"], 0);
        assert_eq!(told["found"], 1, "{counts_up}: {told}");
        for (name, part) in &parts {
            let masked = tool("gzip", ["-dc".as_ref(), packed(name).as_os_str()]);
            assert_same(&masked, stars(part.len()).as_bytes(), name);
        }
    }
}

#[test]
fn ap_a_scrub_joins_named_files_and_no_others() {
    let (first, rest) = VALUE.split_at(6);
    let before = [("a.log.1", format!("x {first}")), ("a.log", format!("{rest}\n"))];
    let files = Files::new(&before);
    let (older, newer) = (files.at("a.log.1"), files.at("a.log"));
    // A file that was not named is not touched.
    assert_eq!(files.report_on(&[], &[&newer], 0)["found"], 0);
    files.assert(&before);
    assert_eq!(files.report(&["--include", "a.log"], 0)["found"], 0);
    files.assert(&before);
    assert_eq!(files.report_on(&["--check"], &[&newer, &older], 1)["found"], 1);
    assert_eq!(files.report_on(&[], &[&newer, &older], 0)["found"], 1);
    files.assert(&[("a.log.1", "x ******"), ("a.log", &*format!("{}\n", stars(rest.len())))]);
}

/// A scrub joins only secrets, only files of one log, and only writable files.
#[test]
fn ap_a_scrub_joins_nothing_else() {
    let (first, rest) = VALUE.split_at(7);
    let same = |files: &[(&str, String)]| {
        let all = Files::new(files);
        let before: Vec<_> = files.iter().map(|(name, _)| state(&all.at(name))).collect();
        assert_eq!(all.report(&[], 0)["found"], 0);
        all.assert(files);
        assert!(files.iter().map(|(name, _)| state(&all.at(name))).eq(before), "written for nothing");
    };
    same(&[("a.log.1", format!("{first}-")), ("a.log", format!("{rest}\n"))]);
    same(&[("a.log.1", first.to_owned()), ("a.log", format!("-{rest}\n"))]);
    same(&[("a.log.1", first.to_owned()), ("b.log", format!("{rest}\n"))]);
    same(&[("a.log.3", first.to_owned()), ("a.log.2", "x\n".into()), ("a.log.1", format!("{rest}\n"))]);
    // Stars next to a piece that is too short to be a rest, or next to no rest.
    same(&[("a.log.1", stars(25)), ("a.log", format!("{}\n", &VALUE[25..]))]);
    same(&[("a.log.1", stars(9)), ("a.log", format!("{}\n", &VALUE[10..]))]);
    same(&[("a.log.1", VALUE[..3].to_owned()), ("a.log", format!("{}\n", stars(25)))]);

    // A file with a second name is not written to, and neither is the adjacent half.
    let files = Files::new(&[("a.log.1", first), ("a.log", rest)]);
    fs::hard_link(files.at("a.log"), files.at("other")).expect("one file system");
    run(&mut scrub([files.dir()])).ends(3);
    files.assert(&[("a.log.1", first), ("a.log", rest)]);
}

/// Two secrets that only touch at a file boundary remain two, each with its name.
#[test]
fn ap_a_scrub_leaves_whole_secrets_to_their_files() {
    let files = Files::new(&[("a.log.1", VALUE), ("a.log", VALUE)]);
    assert_eq!(files.report(&["--check"], 1)["found"], 2);
    assert_eq!(files.report(&[], 0)["found"], 2);
    files.assert(&[("a.log.1", MASK), ("a.log", MASK)]);
}

/// Secrets that overlap across a file boundary are both masked completely.
#[test]
fn ap_a_scrub_joins_secrets_that_overlap() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str, value: &str| {
        let path = scratch.path().join(name);
        fs::write(&path, value).expect("ours");
        path
    };
    let secrets = [file("one", "qrstuvwxabcd"), file("two", "abcdefghijkl"), file("three", "ijklmnopyzyz")];
    let text = b"qrstuvwxabcdefghijklmnopyzyz";
    for cut in 1..text.len() {
        let files = Files::new(&[("a.log.1", &text[..cut]), ("a.log", &text[cut..])]);
        let mut command = scrub([files.dir()]);
        command.args(secrets.iter().flat_map(|path| [OsStr::new("--secret-file"), path.as_os_str()]));
        run(&mut command).ends(0);
        for name in ["a.log.1", "a.log"] {
            let left = fs::read(files.at(name)).expect("ours");
            let is_mask = |byte: &u8| b"*[]./".contains(byte) || byte.is_ascii_alphabetic();
            assert!(
                left.iter().all(is_mask) && left.contains(&b'*'),
                "{cut} {name}: {}",
                String::from_utf8_lossy(&left)
            );
            assert!(!text.windows(4).any(|part| memchr::memmem::find(&left, part).is_some()), "{cut} {name}");
        }
    }
}

fn docker(text: &str, stream: &str) -> String {
    format!("{{\"log\":\"{text}\",\"stream\":\"{stream}\",\"time\":\"2026-11-24T16:00:00.000000000Z\"}}\n")
}

fn cri(tag: &str, text: &str, stream: &str) -> String {
    format!("2026-11-24T16:00:00.000000000Z {stream} {tag} {text}\n")
}

#[test]
fn ap_a_scrub_joins_records_over_the_boundary() {
    let (first, rest) = VALUE.split_at(13);
    let (mask, masked) = (stars(first.len()), stars(rest.len()));
    let other = |stream| docker("of the other stream\\n", stream);
    let docker_files = |first: &str, rest: &str| {
        let older = docker(&format!("{} {first}", "long ".repeat(9_000)), "stdout") + &other("stderr");
        [("f00-json.log.1", older), ("f00-json.log", other("stderr") + &docker(&format!("{rest} end\\n"), "stdout"))]
    };
    let cri_files = |first: &str, rest: &str| {
        let older = cri("F", "x", "stdout") + &cri("P", first, "stderr") + &cri("F", "y", "stdout");
        [
            ("0.log.20261127-101010", older),
            ("0.log", cri("F", "z", "stdout") + &cri("F", &format!("{rest} end"), "stderr")),
        ]
    };
    for (before, after) in
        [(docker_files(first, rest), docker_files(&mask, &masked)), (cri_files(first, rest), cri_files(&mask, &masked))]
    {
        let files = Files::new(&before);
        assert_eq!(files.report(&["--check"], 1)["found"], 1);
        files.assert(&before);
        assert_eq!(files.report(&[], 0)["found"], 1);
        files.assert(&after);
        assert_eq!(files.report(&["--check"], 0)["found"], 0);
    }
    // Another stream has no rest.
    let files = Files::new(&[
        ("0.log.20261127-101010", cri("P", first, "stderr")),
        ("0.log", cri("F", rest, "stdout") + &cri("F", "x", "stderr")),
    ]);
    assert_eq!(files.report(&["--check"], 0)["found"], 0);
    // Copy and truncate cuts a record anywhere, also within an escape.
    let line = docker(&format!("begin {VALUE} end\\n"), "stdout");
    let masked = line.replace(VALUE, &stars(VALUE.len()));
    let at = line.find(VALUE).expect("it is there");
    for cut in at + 1..at + VALUE.len() {
        let files = Files::new(&[("f-json.log.1", &line[..cut]), ("f-json.log", &line[cut..])]);
        assert_eq!(files.report(&[], 0)["found"], 1, "{cut}");
        files.assert(&[("f-json.log.1", &masked[..cut]), ("f-json.log", &masked[cut..])]);
    }
}

#[test]
fn ap_a_scrub_joins_compressed_files() {
    let (first, rest) = VALUE.split_at(13);
    for (extension, packer) in [("gz", "gzip"), ("zst", "zstd"), ("bz2", "bzip2"), ("xz", "xz")] {
        if !crate::scrub::installed(&[packer]) {
            continue;
        }
        let text = format!("{}{first}", "a long line of the log\n".repeat(40_000));
        let middle = format!("{rest} and more {}", &VALUE[..9]);
        let files = Files::new(&[("a.log.2", &*text), ("a.log.1", &middle), ("a.log", &VALUE[9..])]);
        for name in ["a.log.2", "a.log.1"] {
            tool(packer, ["-q".as_ref(), files.at(name).as_os_str()]);
            let _ = fs::remove_file(files.at(name));
            age(&files.at(&format!("{name}.{extension}")));
        }
        let unpacked = |name: &str| {
            let path = files.at(&format!("{name}.{extension}"));
            tool(packer, ["-dc".as_ref(), path.as_os_str()])
        };
        assert_eq!(files.report(&["--check"], 1)["found"], 2, "{packer}");
        files.report(&[], 3);
        assert_same(&unpacked("a.log.2"), text.as_bytes(), packer);
        let told = files.report(&["--rewrite"], 0);
        assert_eq!(told["found"], 2, "{packer}: {told}");
        assert_same(&unpacked("a.log.2"), text.replace(first, &stars(first.len())).as_bytes(), packer);
        let masked = format!("{} and more {}", stars(rest.len()), stars(9));
        assert_same(&unpacked("a.log.1"), masked.as_bytes(), packer);
        files.assert(&[("a.log", stars(VALUE.len() - 9))]);
        assert_eq!(files.report(&["--check"], 0)["found"], 0, "{packer}");
    }
}

/// After a kill before each call, both halves are original or masked; the next run masks the rest.
#[test]
fn ap_s10_a_scrub_of_halves_is_killed() {
    needs!("strace");
    for cut in [5, 14, 24] {
        let (first, rest) = VALUE.split_at(cut);
        let old = [("a.log.1", format!("one\n{first}")), ("a.log", format!("{rest} two\n"))];
        let new = [("a.log.1", format!("one\n{}", stars(cut))), ("a.log", format!("{} two\n", stars(rest.len())))];
        let files = Files::new(&old);
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let path = files.dir().to_owned();
        let args = ["--jobs".as_ref(), "1".as_ref(), path.as_os_str()];
        let mut calls = kill::calls_of(&args, scratch.path());
        calls.retain(|call| ["read", "pread64", "openat2", "mmap", "fsync", "lseek", "utimensat"].contains(&&**call));
        let before = || old.iter().for_each(|(name, text)| write_old(&files.at(name), text.as_bytes()));
        let killed = kill::before_each(&calls, &args, before, |what| {
            for ((name, old), (_, new)) in old.iter().zip(&new) {
                let found = fs::read(files.at(name)).expect("ours");
                assert!(found == old.as_bytes() || found == new.as_bytes(), "{what}: {name} is neither");
            }
            run(&mut scrub([&path])).ends(0);
            old.iter().zip(&new).for_each(|((name, _), (_, new))| {
                assert_same(&fs::read(files.at(name)).expect("ours"), new.as_bytes(), what);
            });
        });
        assert!(killed > 20, "{killed}");
    }
}

/// A writer appends to the newer file at the same time, and loses nothing.
#[test]
fn ap_s12_halves_beside_a_writer() {
    let (first, rest) = VALUE.split_at(14);
    for round in 0..20 {
        let files = Files::new(&[("a.log.1", format!("one\n{first}")), ("a.log", format!("{rest}\n"))]);
        let (path, stop) = (files.at("a.log"), AtomicBool::new(false));
        let written = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut log = File::options().append(true).open(&path).expect("ours");
                let mut lines = 0;
                while !stop.load(Ordering::Relaxed) {
                    writeln!(log, "line {lines}").expect("room");
                    lines += 1;
                }
                lines
            });
            run(&mut scrub([files.dir()])).ends(0);
            stop.store(true, Ordering::Relaxed);
            writer.join().expect("it ends")
        });
        let lines: String = (0..written).map(|line| format!("line {line}\n")).collect();
        assert_file(&path, format!("{}\n{lines}", stars(rest.len())).as_bytes());
        files.assert(&[("a.log.1", format!("one\n{}", stars(first.len())))]);
        assert_eq!(count(&fs::read(&path).expect("ours")), 0, "{round}");
    }
}

/// A file that is the source of the secret is no half, and files that are not text are left alone.
#[test]
fn ap_a_scrub_joins_text_only() {
    let (first, rest) = VALUE.split_at(14);
    let binary = [b"SQLite format 3\0".as_slice(), &[0; 600], first.as_bytes()].concat();
    let files = Files::new(&[("a.db.1", binary.as_slice()), ("a.db", rest.as_bytes())]);
    files.report(&[], 3);
    files.assert(&[("a.db.1", binary.as_slice()), ("a.db", rest.as_bytes())]);

    // A file that the secret was read from is left alone.
    let files = Files::new(&[("a.log.1", first), ("a.log", rest)]);
    fs::write(files.at("a.log.2"), VALUE).expect("ours");
    let mut command = scrub(["--secret-file".as_ref(), files.at("a.log.2").as_os_str(), files.dir().as_os_str()]);
    run(&mut command).ends(0);
    files.assert(&[("a.log.2", VALUE), ("a.log.1", &stars(14)), ("a.log", &stars(rest.len()))]);
}
