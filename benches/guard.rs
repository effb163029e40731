//! The cost of a guard: open and read a clean file, and append a line, each beside the same in an
//! unguarded directory.
//!
//! `cargo bench --bench guard`, as root. Settings: `HUSHLOG_BENCH_ROUNDS` (11),
//! `HUSHLOG_BENCH_SECRETS` (100), and `TMPDIR` for the directories. On ext4, XFS and btrfs with
//! Linux 6.14, writers take turns with readers; elsewhere they do not.
//!
//! The directories take turns in each round. The rival is the same without a guard: no other tool
//! does this.

mod program;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Instant, SystemTime};

use program::{per_mille, setting};

/// Calls in a round.
const READS: usize = 2_000;
const WRITES: usize = 20_000;
const LINE: &[u8] =
    b"2026-11-23T19:06:00.123456Z INFO app::http: GET /v1/items?page=2 status=200 duration_ms=12 user=4711\n";

/// Repeats an operation in this directory, and returns the microseconds of one.
type Case = fn(&Path) -> f64;

fn main() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let secrets = scratch.path().join("secrets");
    fs::create_dir(&secrets).expect("a directory");
    program::write_secrets(&secrets, setting("HUSHLOG_BENCH_SECRETS", 100));
    let places = ["not guarded", "guarded"].map(|name| (name, scratch.path().join(name)));
    places.iter().for_each(|(_, path)| fs::create_dir(path).expect("a directory"));
    let mut guard = guard(&secrets, &places[1].1);
    assert_guarded(&secrets, &places[1].1);

    let cases: [(&str, Case); 4] = [
        ("open, read, close a clean file of 1 KiB", read_small),
        ("the same, 1 MiB in 8 reads", read_large),
        ("append a line", append),
        ("make a line as a logger does, append it", log),
    ];
    println!("{:<42} {:>12} {:>12} {:>10} {:>8}", "microseconds, median", "not guarded", "guarded", "added", "ratio");
    for (name, case) in cases {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..setting("HUSHLOG_BENCH_ROUNDS", 11) {
            for ((_, place), times) in places.iter().zip(&mut times) {
                times.push(case(place));
            }
        }
        let [without, with] = times.map(|mut times| per_mille(&mut times, 500));
        println!("{name:<42} {without:>12.2} {with:>12.2} {:>10.2} {:>8.3}", with - without, with / without);
    }
    guard.kill().expect("our child");
    guard.wait().expect("our child");
}

/// A guard that is ready.
fn guard(secrets: &Path, directory: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hushlog"));
    command.env_clear().arg("guard").arg(directory).arg("--secret-file").arg(secrets);
    let mut guard = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut said = BufReader::new(guard.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("guarding") {
        line.clear();
        assert!(said.read_line(&mut line).is_ok_and(|len| len > 0), "the guard needs root, and did not begin");
    }
    // Held open, so that later messages do not end the guard.
    std::mem::forget(said);
    guard
}

/// Checks that a written secret cannot be read.
fn assert_guarded(secrets: &Path, directory: &Path) {
    let first = fs::read_dir(secrets).expect("there").next().expect("a secret").expect("there").path();
    let value = fs::read(first).expect("a secret");
    let path = directory.join("probe");
    fs::write(&path, &value).expect("room");
    let read = fs::read(&path).expect("readable");
    assert!(read.len() == value.len() && read != value, "it is not guarded");
}

fn of_size(directory: &Path, len: usize) -> PathBuf {
    let path = directory.join(len.to_string());
    if !path.exists() {
        fs::write(&path, LINE.repeat(len / LINE.len())).expect("room");
        fs::read(&path).expect("readable");
    }
    path
}

fn read_small(directory: &Path) -> f64 {
    read(&of_size(directory, 1 << 10), READS, &mut [0; 4096])
}

fn read_large(directory: &Path) -> f64 {
    read(&of_size(directory, 1 << 20), READS / 20, &mut vec![0; 128 << 10])
}

/// Reads like a program that knows the size: without a final empty read.
fn read(path: &Path, times: usize, buffer: &mut [u8]) -> f64 {
    let len = fs::metadata(path).expect("it is there").len() as usize;
    let start = Instant::now();
    for _ in 0..times {
        let (mut file, mut done) = (File::open(path).expect("readable"), 0);
        while done < len {
            done += black_box(file.read(buffer).expect("readable"));
        }
    }
    micros(start, times)
}

fn append(directory: &Path) -> f64 {
    written(directory, |file| file.write_all(LINE).expect("room"))
}

fn log(directory: &Path) -> f64 {
    let mut number = 0u64;
    written(directory, |file| {
        number += 1;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let (level, target) = (black_box("INFO"), black_box("app::http"));
        let (seconds, nanoseconds) = (now.as_secs(), now.subsec_nanos());
        let line = format!(
            "{{\"time\":{seconds}.{nanoseconds:09},\"level\":{level:?},\"target\":{target:?},\"method\":\"GET\",\"path\":{:?},\
             \"status\":{},\"duration_ms\":{:.3},\"user\":{number}}}\n",
            black_box("/v1/items?page=2"),
            200 + number % 5,
            number as f64 / 7.0,
        );
        file.write_all(line.as_bytes()).expect("room");
    })
}

/// Appends to an open file, as loggers do.
fn written(directory: &Path, mut line: impl FnMut(&mut File)) -> f64 {
    let path = directory.join("written");
    let mut file = File::options().append(true).create(true).open(&path).expect("room");
    file.set_len(0).expect("it can be written to");
    // The first two lines end the waits of writers: see `scrub::guard::in_flight`.
    (0..100).for_each(|_| line(&mut file));
    let start = Instant::now();
    (0..WRITES).for_each(|_| line(&mut file));
    micros(start, WRITES)
}

fn micros(start: Instant, times: usize) -> f64 {
    start.elapsed().as_secs_f64() * 1e6 / times as f64
}
