//! `hushlog scrub` while programs write and read the files (docs/faults.md, S12 to S17, S19, S20):
//! appending, truncation, rotation; piece boundaries, sparse files, kept attributes, second runs,
//! dry runs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::program::session::needs;
use crate::program::{self, Killed, Raise};
use crate::scrub::{
    MASK, NAME, VALUE, age, assert_between, assert_file, assert_same, count, end, installed, line, log, masked, root,
    run, scrub, scrub_under, start, state, tool, write_old,
};

/// The rate of the writer.
const LINES_PER_SECOND: usize = 10_000;

/// Appends the lines of a log, one or two calls each, at [`LINES_PER_SECOND`]. Each fiftieth pauses
/// within the secret, for long enough that a scrub may happen.
fn write_lines(path: &Path, lines: usize) {
    let mut file = File::options().append(true).create(true).open(path).expect("room for a file");
    let begin = Instant::now();
    for n in 0..lines {
        let line = line(n);
        let cut = memchr::memmem::find(line.as_bytes(), b"prod").filter(|_| n % 50 < 7 && n % 7 == 3);
        let (first, rest) = line.as_bytes().split_at(cut.unwrap_or(line.len()));
        file.write_all(first).expect("room");
        if !rest.is_empty() {
            std::thread::sleep(Duration::from_micros(300));
            file.write_all(rest).expect("room");
        }
        let due = Duration::from_secs_f64((n + 1) as f64 / LINES_PER_SECOND as f64);
        if n % 50 == 49 && begin.elapsed() < due {
            std::thread::sleep(due - begin.elapsed());
        }
    }
}

/// Reads at the end of a file until stopped, and then to the end.
fn follow(path: &Path, stop: &AtomicBool) -> Vec<u8> {
    let (mut file, mut seen) = (File::open(path).expect("it is there"), Vec::new());
    loop {
        let stopping = stop.load(Relaxed);
        file.read_to_end(&mut seen).expect("readable");
        if stopping {
            return seen;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// S12: no line is lost, doubled or torn, in the file and for concurrent readers.
fn beside_a_writer(lines: usize) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    fs::write(&path, "").expect("room for a file");
    let mut tail = Command::new("tail");
    let tail = tail.args(["-n", "+1", "-s", "0.01", "-F"]).arg(&path).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut tail = Killed(tail.spawn().expect("tail is everywhere"));
    let mut tailed = tail.0.stdout.take().expect("a pipe");
    let (stop, text) = (AtomicBool::new(false), log(lines));
    let (mut runs, mut clean) = (0, 0);
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| follow(&path, &stop));
        let tailing = scope.spawn(|| {
            let mut seen = vec![0; text.len()];
            tailed.read_exact(&mut seen).expect("as much as was written");
            seen
        });
        let writer = scope.spawn(|| write_lines(&path, lines));
        let (_tail, followed) = (tail, Raise(&stop));
        while !writer.is_finished() {
            let ran = run(&mut scrub([OsStr::new("--quiet"), path.as_os_str()]));
            assert!(matches!(ran.code, Some(0 | 3)), "{:?}: {}", ran.code, ran.err());
            (runs, clean) = (runs + 1, clean + usize::from(ran.code == Some(0)));
            // Lines finished before the run began are masked when it ends: spot-checked at the
            // beginning.
            let mut first = vec![0; 4_096];
            let len = File::open(&path).expect("ours").read_at(&mut first, 0).expect("readable");
            assert_eq!(if runs > 1 { count(&first[..len.min(400)]) } else { 0 }, 0, "run {runs}");
        }
        writer.join().expect("it writes");
        age(&path);
        run(&mut scrub([&path])).ends(0);
        drop(followed);
        let expected = masked(&text);
        assert_file(&path, &expected);
        assert_between(&follower.join().expect("it reads"), &text, &expected, "a reader");
        assert_between(&tailing.join().expect("it reads"), &text, &expected, "tail -F");
    });
    assert!(runs > lines / LINES_PER_SECOND && clean > 0, "{clean} of {runs} runs came to an end");
}

#[test]
fn s12_beside_a_writer() {
    beside_a_writer(40_000);
}

#[test]
#[ignore = "takes two minutes"]
fn s12_beside_a_writer_of_a_million_lines() {
    beside_a_writer(1_000_000);
}

/// S12: half a secret at the end of a file in use is whole a moment later.
#[test]
fn s12_half_a_secret_at_the_end() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    let (first, rest) = VALUE.split_at(17);
    fs::write(&path, format!("begin {first}")).expect("room for a file");
    let ran = run(&mut scrub([&path]));
    assert!(matches!(ran.code, Some(0 | 3)), "{:?}: {}", ran.code, ran.err());
    assert_file(&path, format!("begin {first}").as_bytes());
    File::options().append(true).open(&path).expect("ours").write_all(rest.as_bytes()).expect("room");
    run(&mut scrub([&path])).ends(0);
    assert_file(&path, format!("begin {MASK}").as_bytes());

    // No program writes to this one any more.
    write_old(&path, format!("begin {first}").as_bytes());
    run(&mut scrub([&path])).ends(0);
    let left = fs::read_to_string(&path).expect("text");
    assert!(left.starts_with("begin ") && left.len() == 6 + first.len(), "the length");
    assert!(!left.contains("hunter2-"), "a partial match is left");
}

/// The first of each of these calls, then the second, and so on.
fn steps<'a>(calls: &'a [&'a str], most: usize) -> impl Iterator<Item = (&'a str, usize)> {
    calls.iter().flat_map(move |call| (1..=most).map(move |n| (*call, n)))
}

/// A run that pauses before its n-th call of a kind that concerns a file.
struct Delayed {
    child: Child,
    call: String,
    trace: tempfile::NamedTempFile,
}

impl Delayed {
    fn start(path: &Path, call: &str, n: usize, args: &[&OsStr]) -> Delayed {
        let trace = tempfile::NamedTempFile::new().expect("room for a trace");
        let output = trace.path().to_str().expect("a plain name");
        let delay = format!("inject={call}:delay_enter=80000:when={n}");
        let mut strace = vec!["strace", "-f", "-qq", "-s", "0", "-o", output, "-e", &delay];
        // By name only, strace does not recognize a file that is opened relative to its directory.
        if call != "openat2" {
            strace.extend(["-P", path.to_str().expect("a plain name")]);
        }
        let child = start(&mut scrub_under(&strace, args));
        Delayed { child, call: format!("{call}("), trace }
    }

    /// Waits until the run pauses. Returns false if it has ended without a pause.
    fn wait(&mut self) -> bool {
        let mut before = String::new();
        loop {
            // The trace shows the beginning of a call until the call has returned.
            let now = fs::read_to_string(self.trace.path()).expect("a trace is text");
            let last = now.lines().next_back().unwrap_or_default();
            if !now.ends_with('\n') && last.contains(&self.call) && now == before {
                return true;
            }
            if self.child.try_wait().expect("our child").is_some() {
                return false;
            }
            before = now;
            std::thread::sleep(Duration::from_millis(8));
        }
    }
}

/// Only the scrub has changed the new content, and only where a secret is.
#[track_caller]
fn assert_new_content(path: &Path, new: &[u8]) {
    let found = fs::read(path).expect("ours");
    assert_eq!(found.iter().filter(|byte| **byte == 0).count(), 0, "a hole of NULs");
    assert_between(&found, new, &masked(new), "new content");
}

/// S13: truncated just before each call of a scrub that concerns the file: no hole, and no longer
/// than it was made.
#[test]
fn s13_truncated_at_each_step() {
    needs!("strace");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (path, told) = (scratch.path().join("a.log"), scratch.path().join("report.json"));
    let (old, mut noticed) = (log(3_000), 0);
    let args = ["--jobs".as_ref(), "1".as_ref(), "--report".as_ref(), told.as_os_str(), path.as_os_str()];
    for (call, n) in steps(&["pread64", "mmap", "fstat", "utimensat", "fsync"], 8) {
        for new in [b"".as_slice(), b"short\n", &log(40)] {
            write_old(&path, &old);
            let mut delayed = Delayed::start(&path, call, n, &args);
            let hit = delayed.wait();
            let mut file = File::options().write(true).truncate(true).open(&path).expect("ours");
            file.write_all(new).expect("room");
            let ran = end(&mut delayed.child);
            assert!(matches!(ran.code, Some(0 | 3)), "{call} {n}: {:?}: {}", ran.code, ran.err());
            let report: serde_json::Value = serde_json::from_slice(&fs::read(&told).expect("written")).expect("JSON");
            let restarts = report["files"].as_array().expect("files").iter().map(|file| file["restarts"].as_u64());
            noticed += usize::from(hit && restarts.flatten().sum::<u64>() > 0);
            assert_new_content(&path, new);
            age(&path);
            run(&mut scrub([&path])).ends(0);
            assert_file(&path, &masked(new));
            if !hit {
                break;
            }
        }
    }
    assert!(noticed > 10, "{noticed} runs noticed it");
}

/// S13: truncated as by copytruncate, at any moment, with a writer that continues.
#[test]
fn s13_truncated_at_random() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    let (old, stop) = (log(30_000), AtomicBool::new(false));
    let mut file = File::options().append(true).create(true).open(&path).expect("room");
    std::thread::scope(|scope| {
        let rotate = scope.spawn(|| {
            // Numbers, so that a misplaced byte is visible.
            let mut round = 0_u64;
            while !stop.load(Relaxed) {
                file.set_len(0).expect("ours");
                file.write_all(&old[..old.len() - round as usize % 97 * 80]).expect("room");
                std::thread::sleep(Duration::from_micros(500 + round * 7_919 % 20_000));
                round += 1;
            }
            round
        });
        let (begin, rotated) = (Instant::now(), Raise(&stop));
        while begin.elapsed() < Duration::from_secs(4) {
            let ran = run(&mut scrub([OsStr::new("--quiet"), path.as_os_str()]));
            assert!(matches!(ran.code, Some(0 | 3)), "{:?}: {}", ran.code, ran.err());
        }
        drop(rotated);
        assert!(rotate.join().expect("it rotates") > 20);
    });
    let found = fs::read(&path).expect("ours");
    assert_new_content(&path, &old[..found.len()]);
}

/// S14: a file renamed and recreated during a scrub: the opened file is scrubbed or reported; no
/// file is created.
#[test]
fn s14_rotated_while_it_is_scrubbed() {
    needs!("strace");
    let (old, new) = (log(2_000), log(30));
    for (call, n) in steps(&["openat2", "fstat", "pread64", "mmap", "fsync"], 6) {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let logs = scratch.path();
        let (path, rotated) = (logs.join("a.log"), logs.join("a.log.1"));
        write_old(&path, &old);
        let args = ["--jobs".as_ref(), "1".as_ref(), "--recursive".as_ref(), logs.as_os_str()];
        let mut delayed = Delayed::start(&path, call, n, &args);
        delayed.wait();
        fs::rename(&path, &rotated).expect("ours");
        write_old(&path, &new);
        let ran = end(&mut delayed.child);
        assert!(matches!(ran.code, Some(0 | 3)), "{call} {n}: {:?}: {}", ran.code, ran.err());
        let (first, second) = (fs::read(&path).expect("ours"), fs::read(&rotated).expect("ours"));
        assert_between(&second, &old, &masked(&old), "the rotated file");
        assert_between(&first, &new, &masked(&new), "the new file");
        if count(&first) + count(&second) > 0 && ran.code == Some(0) {
            assert!(count(&second) == 0 || count(&first) == 0, "{call} {n}: neither was scrubbed, and it says done");
        }
        run(&mut scrub(["--recursive".as_ref(), logs.as_os_str()])).ends(0);
        assert_file(&path, &masked(&new));
        assert_file(&rotated, &masked(&old));
    }
}

/// S15: across each possible boundary, at the beginning and at the end.
#[test]
fn s15_boundaries() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    let mut text = vec![b'.'; (8 << 20) + 5];
    let mut plant = |at: usize| text[at..at + VALUE.len()].copy_from_slice(VALUE.as_bytes());
    plant(0);
    plant((8 << 20) + 5 - VALUE.len());
    for (index, boundary) in (4_096..8 << 20).step_by(4_096).enumerate() {
        plant(boundary - index % (VALUE.len() + 1));
    }
    for jobs in ["1", "2", "3", "7"] {
        write_old(&path, &text);
        run(&mut scrub(["--jobs".as_ref(), jobs.as_ref(), path.as_os_str()])).ends(0);
        assert_file(&path, &masked(&text));
    }
}

/// S15: secrets so dense that each piece boundary falls into one, in a file of several pieces.
#[test]
fn s15_dense() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    let (mut text, mut n) = (Vec::new(), 0_usize);
    while text.len() < 40 << 20 {
        text.extend_from_slice(VALUE.as_bytes());
        text.resize(text.len() + n * 31 % 97 / 32, b'.');
        // Now and then a stretch without any.
        text.resize(text.len() + if n % 40_000 == 7 { 3 << 20 } else { 0 }, b'\n');
        n += 1;
    }
    let (first, rest) = text.split_at(text.len() / 2);
    let expected = [unioned(first), unioned(rest)];
    for (text, expected) in [first, rest].into_iter().zip(expected) {
        for jobs in ["1", "4"] {
            write_old(&path, text);
            run(&mut scrub(["--jobs".as_ref(), jobs.as_ref(), "--mask-char".as_ref(), "#".as_ref(), path.as_os_str()]))
                .ends(0);
            assert_file(&path, &expected);
        }
    }
}

/// Each place of the secret with a `#` for each byte, also where they touch.
fn unioned(text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    for at in memchr::memmem::find_iter(text, VALUE) {
        out[at..at + VALUE.len()].fill(b'#');
    }
    // A half at the end of an idle file is masked; a shorter beginning, or a half at the file's
    // beginning, is text.
    let partial = (VALUE.len().div_ceil(2)..VALUE.len()).rev().find(|len| text.ends_with(&VALUE.as_bytes()[..*len]));
    let len = out.len();
    out[len - partial.unwrap_or(0)..].fill(b'#');
    out
}

/// The peak memory of a program in KiB, sampled every millisecond, and its result.
fn peak_of(command: &mut Command) -> (u64, program::Ran) {
    let mut child = start(command);
    let status = format!("/proc/{}/status", child.id());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while !stop.load(Relaxed) {
                let text = fs::read_to_string(&status).unwrap_or_default();
                let seen = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let seen = seen.and_then(|rest| rest.trim_end_matches("kB").trim().parse().ok());
                peak = peak.max(seen.unwrap_or(0));
                std::thread::sleep(Duration::from_millis(1));
            }
            peak
        });
        let watched = Raise(&stop);
        let ran = end(&mut child);
        drop(watched);
        (watcher.join().expect("it watches"), ran)
    })
}

/// S16: a sparse file stays sparse, and takes no memory.
fn sparse(len: u64) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    let file = File::create(&path).expect("room for a file");
    file.set_len(len).expect("a sparse file");
    let places = [4_090, len / 2 + 7, len - VALUE.len() as u64];
    places.iter().for_each(|at| file.write_all_at(VALUE.as_bytes(), *at).expect("room"));
    file.sync_all().expect("a disk that works");
    age(&path);
    let blocks = fs::metadata(&path).expect("ours").blocks();
    let (peak, ran) = peak_of(&mut scrub([&path]));
    ran.ends(0);
    let after = fs::metadata(&path).expect("ours");
    assert_eq!((after.blocks(), after.len()), (blocks, len), "blocks of 512 bytes, and bytes");
    assert!(0 < peak && peak < 128 << 10, "{peak} KiB of memory");
    for at in places {
        let mut found = vec![0; VALUE.len()];
        file_at(&path, at, &mut found);
        assert_same(&found, MASK.as_bytes(), "a place");
    }
}

fn file_at(path: &Path, at: u64, out: &mut [u8]) {
    let mut file = File::open(path).expect("ours");
    file.seek(SeekFrom::Start(at)).expect("a file");
    file.read_exact(out).expect("it is that long");
}

#[test]
fn s16_sparse_file_of_1_gib() {
    sparse(1 << 30);
}

#[test]
#[ignore = "reads 20 GiB where holes are read"]
fn s16_sparse_file_of_20_gib() {
    sparse(20 << 30);
}

/// All kept attributes of a file, by name: owner, mode, ACL, extended attributes.
fn kept(path: &Path) -> BTreeMap<&'static str, String> {
    let found = fs::metadata(path).expect("ours");
    let text = |program, args: &[&OsStr]| {
        String::from_utf8(tool(program, args.iter().chain([&path.as_os_str()]))).expect("text")
    };
    BTreeMap::from([
        ("owner", format!("{}:{}", found.uid(), found.gid())),
        ("mode", format!("{:o}", found.mode())),
        ("size", found.len().to_string()),
        ("acl", text("getfacl", &["--absolute-names", "--numeric"].map(OsStr::new))),
        ("xattr", text("getfattr", &["--absolute-names", "--dump", "--match=-"].map(OsStr::new))),
    ])
}

/// A file with every attribute that can be lost; `None` without the tools.
fn adorned(path: &Path) -> Option<()> {
    (installed(&["getfacl", "setfacl", "getfattr", "setfattr"]) && root()).then_some(())?;
    fs::write(path, log(30)).expect("room for a file");
    chown(path, Some(1_234), Some(4_321)).expect("root can");
    fs::set_permissions(path, fs::Permissions::from_mode(0o6640)).expect("ours");
    tool("setfacl", ["--modify".as_ref(), "user:1111:r,group:2222:rw".as_ref(), path.as_os_str()]);
    let attributes = ["user.origin", "trusted.kept", "security.mine"];
    attributes.iter().for_each(|name| {
        tool(
            "setfattr",
            ["--name".as_ref(), name.as_ref(), "--value".as_ref(), "worth keeping".as_ref(), path.as_os_str()],
        );
    });
    age(path);
    Some(())
}

/// S17: in place, the file is the same one.
#[test]
fn s17_attributes_that_a_file_keeps() {
    needs!("root", "setfacl", "setfattr");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    let Some(()) = adorned(&path) else { return };
    let (before, inode) = (kept(&path), fs::metadata(&path).expect("ours").ino());
    run(&mut scrub([&path])).ends(0);
    assert_file(&path, &masked(&log(30)));
    assert_eq!(kept(&path), before);
    assert_eq!(fs::metadata(&path).expect("ours").ino(), inode);
}

/// S17: a rewrite keeps every attribute that can be copied, and the times.
#[test]
fn s17_attributes_that_a_rewritten_file_keeps() {
    needs!("root", "setfacl", "setfattr");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    let Some(()) = adorned(&path) else { return };
    let (before, modified) = (kept(&path), fs::metadata(&path).expect("ours").modified().expect("a time"));
    let args = ["--rewrite", "--mask-char", "#"].map(OsStr::new);
    run(&mut scrub(args.into_iter().chain([path.as_os_str()]))).ends(0);
    assert_file(&path, &unioned(&log(30)));
    assert_eq!(kept(&path), before);
    assert_eq!(fs::metadata(&path).expect("ours").modified().expect("a time"), modified);
}

/// The report of a run.
fn report(args: &[&OsStr], scratch: &Path, code: i32) -> serde_json::Value {
    let report = scratch.join("report.json");
    let all = ["--report".as_ref(), report.as_os_str()];
    run(&mut scrub(all.into_iter().chain(args.iter().copied()))).ends(code);
    let text = fs::read(&report).expect("it was written");
    assert_eq!(count(&text), 0, "the report shows the secret");
    serde_json::from_slice(&text).expect("valid JSON")
}

/// S19: a second run finds nothing and touches nothing.
#[test]
fn s19_a_second_run() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    write_old(&path, &log(700));
    let first = report(&[path.as_os_str()], scratch.path(), 0);
    age(&path);
    let before = state(&path);
    for args in [&[][..], &["--rewrite"], &["--check"], &["--dry-run"]] {
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).chain([path.as_os_str()]).collect();
        let second = report(&args, scratch.path(), 0);
        assert_eq!(state(&path), before, "{args:?}");
        assert_eq!((found(&first), found(&second)), (100, 0), "{args:?}");
    }
}

/// S20: a dry run changes nothing, counts correctly, and matches the later scrub.
#[test]
fn s20_check_and_dry_run() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    write_old(&path, &log(700));
    let before = state(&path);
    let checked = report(&["--check".as_ref(), path.as_os_str()], scratch.path(), 1);
    let dry = report(&["--dry-run".as_ref(), path.as_os_str()], scratch.path(), 0);
    let rewritten = report(&["--rewrite".as_ref(), "--dry-run".as_ref(), path.as_os_str()], scratch.path(), 0);
    assert_eq!(state(&path), before);
    assert_file(&path, &log(700));
    let done = report(&[path.as_os_str()], scratch.path(), 0);
    for report in [&checked, &dry, &rewritten, &done] {
        assert_eq!(found(report), 100, "{report}");
        assert!(report.to_string().contains(NAME) && report.to_string().contains("a.log"), "{report}");
    }
}

/// The number of places in a report.
fn found(report: &serde_json::Value) -> u64 {
    report["found"].as_u64().expect("a count")
}
