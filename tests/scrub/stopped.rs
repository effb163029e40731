//! A scrub that is stopped after one of its reads, while a log is written anew: the mask of a
//! secret that was found before goes over no byte of the new text.
//!
//! Between the last look at a region and its mask lies a moment in which this cannot be known; a
//! stop there is left out, and each other read is tried.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::program;
use crate::program::session::needs;
use crate::scrub::{HANGS_AFTER, VALUE, assert_each_old_or_masked, end, scrub_under, start, write_old};

/// A region's last look reads no more than this.
const LOOK_LEN_MAX: u64 = VALUE.len() as u64;
/// How much of the secret lies in the older file of two.
const CUT: usize = 14;

/// Checks the logs in this directory.
type Check<'a> = &'a dyn Fn(&Path);

/// A read that the scrub made, as strace wrote it down.
struct Read {
    len: u64,
    offset: u64,
}

/// A scrub that is stopped after its `n`th `pread64` of these files; `meanwhile` runs then. Returns
/// the read, or `None` if there was none by this number.
fn stopped_after(n: usize, files: &[PathBuf], trace: &Path, meanwhile: &dyn Fn()) -> Option<Read> {
    let injection = format!("inject=pread64:signal=STOP:when={n}");
    let mut strace = vec!["strace", "-f", "-qq", "-o", trace.to_str().expect("a plain name")];
    strace.extend(["-e", "trace=pread64", "-e", &injection]);
    // The reads of other files, such as libraries, do not count.
    files.iter().for_each(|path| strace.extend(["-P", path.to_str().expect("a plain name")]));
    let _ = fs::remove_file(trace);
    let mut child = start(&mut scrub_under(
        &strace,
        [OsStr::new("--jobs"), OsStr::new("1"), files[0].parent().expect("a directory").as_os_str()],
    ));
    let begin = Instant::now();
    let stop = loop {
        let text = fs::read_to_string(trace).unwrap_or_default();
        if text.contains("--- stopped by SIGSTOP ---") {
            break Some(text);
        }
        if child.try_wait().expect("our child").is_some() {
            break None;
        }
        assert!(begin.elapsed() < HANGS_AFTER, "it neither stops nor ends");
        std::thread::sleep(Duration::from_millis(1));
    };
    let read = stop.map(|text| {
        meanwhile();
        let stopped: Vec<&str> = text.lines().take_while(|line| !line.contains("--- SIGSTOP")).collect();
        let (process, call) = stopped.last().and_then(|line| line.split_once(' ')).expect("a call before the stop");
        program::kill(process.parse().expect("a number"), "CONT");
        // pread64(5, "..."..., 262144, 0) = 262144
        let (arguments, _) = call.rsplit_once(" = ").expect("a finished call");
        let arguments = arguments.trim_end().trim_end_matches(')');
        let mut numbers = arguments.rsplit(", ").map(|number| number.parse().expect("a number"));
        let (offset, len) = (numbers.next().expect("an offset"), numbers.next().expect("a length"));
        Read { len, offset }
    });
    end(&mut child).ends(0);
    read
}

/// Another text of this length, of which no line is the old one's.
fn anew(old: &[u8]) -> Vec<u8> {
    let lines =
        (0..).map(|n| format!("{n:06} another time, GET /v2/things token={} 200\n", if n == 5 { VALUE } else { "-" }));
    let mut text: Vec<u8> = lines.flat_map(String::into_bytes).take(old.len() - 1).collect();
    text.push(b'\n');
    text
}

/// Stops a scrub of these files after each of its reads, and meanwhile writes one of them anew.
/// `looks` are the places where a region, or a part of one, begins. Returns how many reads were
/// tried, and how many of them were looks.
fn try_all(files: &[(&str, Vec<u8>)], anew_name: &str, looks: &[u64], check: Check<'_>) -> [usize; 2] {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (logs, trace) = (scratch.path().join("logs"), scratch.path().join("trace"));
    fs::create_dir(&logs).expect("room");
    let path = |name: &str| logs.join(name);
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| path(name)).collect();
    let (_, old) = files.iter().find(|(name, _)| *name == anew_name).expect("one of them");
    let new = anew(old);
    let [mut tried, mut left_out] = [0; 2];
    for n in 1.. {
        files.iter().for_each(|(name, text)| write_old(&path(name), text));
        let meanwhile = || fs::write(path(anew_name), &new).expect("room");
        let Some(read) = stopped_after(n, &paths, &trace, &meanwhile) else { break };
        tried += 1;
        if read.len <= LOOK_LEN_MAX && looks.contains(&read.offset) {
            left_out += 1;
            continue;
        }
        let found = fs::read(path(anew_name)).expect("readable");
        assert_each_old_or_masked(&found, &new, &format!("stopped after read {n}, of {} at {}", read.len, read.offset));
        check(&logs);
    }
    [tried, left_out]
}

#[test]
fn s12_stopped_between_search_and_mask() {
    needs!("strace");
    let old = format!("{}key {VALUE} end\n{}", "first line\n".repeat(20), "other line\n".repeat(9)).into_bytes();
    let start = memchr::memmem::find(&old, VALUE.as_bytes()).expect("it is there") as u64;
    let [tried, looks] = try_all(&[("a.log", old)], "a.log", &[start], &|_| ());
    assert!(tried > looks + 2 && looks > 0, "{tried} reads, {looks} looks");
}

#[test]
fn s12_stopped_between_search_and_a_border() {
    needs!("strace");
    let older = format!("{}key {}", "first line\n".repeat(20), &VALUE[..CUT]);
    let newer = format!("{} end\n{}", &VALUE[CUT..], "other line\n".repeat(30));
    let looks = [(older.len() - CUT) as u64, 0];
    for (anew, other) in [("a.log", "a.log.1"), ("a.log.1", "a.log")] {
        let files = [("a.log.1", older.clone().into_bytes()), ("a.log", newer.clone().into_bytes())];
        let whole = &files.iter().find(|(name, _)| *name == other).expect("one of them").1;
        let part = if other == "a.log" { 0..VALUE.len() - CUT } else { older.len() - CUT..older.len() };
        let check = |logs: &Path| {
            let mut found = fs::read(logs.join(other)).expect("readable");
            assert_eq!(found.len(), whole.len(), "{other}");
            let there = &mut found[part.clone()];
            let is_one = *there == whole[part.clone()]
                || there.iter().all(|byte| *byte == b'*' || b"[]CANRY_TOKEN".contains(byte));
            there.copy_from_slice(&whole[part.clone()]);
            assert!(is_one && found == *whole, "{other} has other bytes, with {anew} written anew");
        };
        let [tried, looks] = try_all(&files, anew, &looks, &check);
        assert!(tried > looks + 2 && looks > 0, "{tried} reads, {looks} looks");
    }
}
