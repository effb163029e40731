//! A condensed day of a machine: rotating logs, changing secrets, slow and unavailable sinks, and
//! kills of the sidecar. No line is lost or emitted unmasked, and neither memory nor descriptors
//! grow. D18.
//!
//! The default run takes seconds; the run of an hour:
//!
//!     HUSHLOG_SOAK_SECONDS=3600 cargo test --release --test sidecar soak -- --ignored

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::sidecar::{PATIENCE, Place, Sidecar};
use rustix::process::Signal;

/// Files that are written to at once.
const WRITERS: usize = 6;
/// The allowed growth in KiB: a new sidecar has not allocated all of its buffers, and a heap's size
/// varies.
const GROWTH_KIB_MAX: u64 = 12 << 10;
/// The number of values kept, like a session: more than a file is ever behind.
const KEPT: u64 = 50;
/// The same for descriptors: rotated files stay open until no writer can still use them.
const DESCRIPTORS_MAX: usize = 24;

/// The state shared by all threads.
struct Shared {
    stop: AtomicBool,
    /// All output has arrived, and no reader is needed any more.
    is_done: AtomicBool,
    /// A writer's pause after ten lines: without it, an hour would fill the disk.
    pause: Duration,
    /// The number of lines of each writer.
    written: [AtomicU64; WRITERS],
    /// The current value of the secret, which is in force and so may be printed.
    value: Mutex<String>,
    /// The complete output through the socket.
    come: Mutex<Vec<u8>>,
}

fn value(number: u64) -> String {
    format!("tok-{:016x}-key", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Appends numbered lines, each with the current secret, and rotates the file now and then, by
/// either method.
fn write(shared: &Shared, writer: usize, log: &Path) {
    let open = || OpenOptions::new().append(true).create(true).open(log).expect("the directory is there");
    let mut file = open();
    while !shared.stop.load(Relaxed) {
        let number = shared.written[writer].load(Relaxed);
        let line = format!("line {writer} {number:09} {} end\n", shared.value.lock().expect("nobody panics with it"));
        let cut = (number as usize * 7) % line.len();
        file.write_all(&line.as_bytes()[..cut]).expect("there is room");
        file.write_all(&line.as_bytes()[cut..]).expect("there is room");
        shared.written[writer].store(number + 1, Relaxed);
        if number.is_multiple_of(10) {
            std::thread::sleep(shared.pause);
        }
        if number % 3_000 == 2_999 {
            rotate(log);
            file = open();
        }
    }
}

/// Rotates as logrotate does with `create`. It keeps so many files that none is deleted while a
/// sidecar is down or its sink unavailable.
fn rotate(log: &Path) {
    let numbered = |number: usize| PathBuf::from(format!("{}.{number}", log.display()));
    for number in (1..20).rev() {
        let _ = fs::rename(numbered(number), numbered(number + 1));
    }
    let _ = fs::rename(log, numbered(1));
}

/// Reads from the socket, at times slowly. Each connection is read to its end, also after a kill:
/// closing it early would lose the data in the kernel.
fn read(shared: &Shared, listener: &UnixListener) {
    listener.set_nonblocking(true).expect("it can be");
    let (mut buffer, mut round) = ([0; 32 << 10], 0u64);
    while !shared.is_done.load(Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        stream.set_nonblocking(false).expect("it can be");
        stream.set_read_timeout(Some(Duration::from_millis(100))).expect("it can be");
        while !shared.is_done.load(Relaxed) {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => shared.come.lock().expect("nobody panics with it").extend_from_slice(&buffer[..len]),
                Err(_) => {}
            }
            round += 1;
            if round / 500 % 3 == 1 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

/// Moves a directory away at times, so that the sink in it is unavailable.
fn come_and_go(shared: &Shared, there: &Path, away: &Path) {
    while !shared.stop.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(1_500));
        fs::rename(there, away).expect("it is there");
        std::thread::sleep(Duration::from_millis(900));
        fs::rename(away, there).expect("it is away");
    }
}

/// The sidecar's memory and descriptors.
fn size(sidecar: &Sidecar) -> (u64, usize) {
    (sidecar.resident_kib(), sidecar.descriptors())
}

/// The lines of each writer in the text. Fails if any text looks like a value.
fn lines(texts: &[String]) -> [BTreeMap<u64, u64>; WRITERS] {
    let mut all: [BTreeMap<u64, u64>; WRITERS] = std::array::from_fn(|_| BTreeMap::new());
    for text in texts {
        let shown = text.find("tok-").or_else(|| text.find("-key"));
        // The values are the test's own.
        assert!(shown.is_none(), "a secret came out: {:?}", shown.map(|at| text.get(at.saturating_sub(40)..at + 40)));
        for (at, _) in text.match_indices("line ") {
            let fields =
                text.get(at + 5..at + 16).map(|fields| (fields[..1].parse::<usize>(), fields[2..].parse::<u64>()));
            if let Some((Ok(writer), Ok(number))) = fields {
                *all[writer].entry(number).or_default() += 1;
            }
        }
    }
    all
}

fn soak(seconds: u64) {
    let place = Place::new();
    fs::create_dir(place.path("logs")).expect("room for a directory");
    place.save("API_TOKEN", &value(0));
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\ncontrol: DIR/control\nstreams:\n  \
         - { name: files, source: { files: DIR/logs/a*.log }, sink: { file: DIR/out, rotate_size: 4M, rotate_keep: 100000 } }\n  \
         - { name: away, source: { files: DIR/logs/b*.log }, sink: { file: DIR/there/out, away: spool, spool: DIR/spool, spool_max: 2M } }\n  \
         - { name: slow, source: { files: DIR/logs/c*.log }, sink: { unix: DIR/slow } }\n",
    );
    let shared = Arc::new(Shared {
        stop: AtomicBool::new(false),
        is_done: AtomicBool::new(false),
        pause: Duration::from_millis((seconds / 70).max(5)),
        written: Default::default(),
        value: Mutex::new(value(0)),
        come: Mutex::default(),
    });
    let mut threads = Vec::new();
    for writer in 0..WRITERS {
        let (shared, log) =
            (Arc::clone(&shared), place.path(&format!("logs/{}{writer}.log", ["a", "b", "c"][writer % 3])));
        threads.push(std::thread::spawn(move || write(&shared, writer, &log)));
    }
    fs::create_dir(place.path("there")).expect("room for a directory");
    let (going, there, away) = (Arc::clone(&shared), place.path("there"), place.path("away"));
    threads.push(std::thread::spawn(move || come_and_go(&going, &there, &away)));
    let (reading, listener) = (Arc::clone(&shared), UnixListener::bind(place.path("slow")).expect("the path is free"));
    let reader = std::thread::spawn(move || read(&reading, &listener));
    let (mut sidecar, begun, mut round) = (place.start(&config), Instant::now(), 0);
    let mut first = None;
    while begun.elapsed() < Duration::from_secs(seconds) {
        round += 1;
        std::thread::sleep(Duration::from_millis(700));
        let next = value(round);
        sidecar.ask(&["add", "API_TOKEN"], &next).ends(0);
        // The last values stay available to a restarted sidecar: it may not have read the lines
        // written with them.
        sidecar.place().save(&format!("TOKEN_{}", round % KEPT), &next);
        *shared.value.lock().expect("nobody panics with it") = next;
        if round.is_multiple_of(4) {
            // After the first rounds of each kind, it has all that it needs.
            let now = size(&sidecar);
            let (kib, descriptors) = *first.get_or_insert(now);
            println!("{:?}: {} KiB, {} descriptors", begun.elapsed(), now.0, now.1);
            assert!(now.0 <= kib + GROWTH_KIB_MAX, "memory grew from {kib} to {} KiB", now.0);
            assert!(
                now.1 <= descriptors.max(DESCRIPTORS_MAX) + DESCRIPTORS_MAX,
                "{descriptors} descriptors, then {}",
                now.1
            );
        }
        if round.is_multiple_of(7) {
            sidecar.signal(Signal::KILL);
            let _ = sidecar.child.wait();
            sidecar = sidecar.into_place().start(&config);
            first = None;
        }
    }
    shared.stop.store(true, Relaxed);
    threads.into_iter().for_each(|thread| thread.join().expect("a writer ends"));
    check(&shared, &sidecar);
    sidecar.stop();
    shared.is_done.store(true, Relaxed);
    reader.join().expect("the reader ends");
}

/// Waits until every written line has been emitted.
fn check(shared: &Shared, sidecar: &Sidecar) {
    let last: Vec<u64> = shared.written.iter().map(|written| written.load(Relaxed)).collect();
    let come = || String::from_utf8_lossy(&shared.come.lock().expect("nobody panics with it")).into_owned();
    let files = |directory: &str| -> Vec<String> {
        let entries = fs::read_dir(sidecar.path(directory)).expect("it is there").flatten();
        let out = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("out"));
        out.map(|entry| fs::read_to_string(entry.path()).expect("it is text")).collect()
    };
    let all = || [files(""), files("there"), vec![come()]].concat();
    let start = Instant::now();
    loop {
        let lines = lines(&all());
        let found: Vec<u64> = lines.iter().map(|lines| lines.len() as u64).collect();
        if found == last {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{found:?} of {last:?} lines came; it said {}", sidecar.said());
        std::thread::sleep(Duration::from_millis(200));
    }
    let lines = lines(&all());
    let doubled: u64 = lines.iter().flat_map(BTreeMap::values).map(|times| times - 1).sum();
    println!("{} lines, {doubled} of them more than once", last.iter().sum::<u64>());
}

#[test]
fn d18_some_seconds() {
    soak(12);
}

#[test]
#[ignore = "takes an hour, or HUSHLOG_SOAK_SECONDS"]
fn d18_an_hour() {
    soak(std::env::var("HUSHLOG_SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(3_600));
}
