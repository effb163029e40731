//! A machine's day in short: a sidecar whose logs are rotated, whose secrets change, whose sinks are slow or away, and which is killed.
//! Nothing is lost, nothing comes out unmasked, and neither memory nor descriptors grow. D18.
//!
//! Some seconds every day; `HUSHLOG_SOAK_SECONDS=3600 cargo test --release --test sidecar_soak -- --ignored` is the hour.

mod program;
mod sidecaring;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sidecaring::{Place, Sidecar, until};

/// Files that are written to at once.
const WRITERS: usize = 4;
/// A sidecar that has just started does not have all of its buffers, and so may grow by this, in KiB; and a heap is never quite the same.
const GROWTH_KIB_MAX: u64 = 12 << 10;
/// The same for descriptors: files that were rotated away are open until it is sure that nobody writes to them.
const DESCRIPTORS_MAX: usize = 24;

/// What all sides share.
struct Shared {
    stop: AtomicBool,
    /// How many lines each writer has written.
    written: [AtomicU64; WRITERS],
    /// What the secret is now; what is in force, so that it may be printed.
    value: Mutex<String>,
    /// All that came out by the socket.
    come: Mutex<Vec<u8>>,
}

fn value(number: u64) -> String {
    format!("tok-{:016x}-key", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Appends numbered lines, each with the secret of the moment, and rotates the file now and then, in either way.
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
        if number.is_multiple_of(50) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if number % 1_500 == 1_499 {
            rotate(log);
            file = open();
        }
    }
}

/// As logrotate does with `create`: three are kept.
fn rotate(log: &Path) {
    let numbered = |number: usize| PathBuf::from(format!("{}.{number}", log.display()));
    for number in (1..3).rev() {
        let _ = fs::rename(numbered(number), numbered(number + 1));
    }
    let _ = fs::rename(log, numbered(1));
}

/// Reads from the socket, at times slowly, and at times goes away.
fn read(shared: &Shared, path: &Path) {
    let mut round = 0u64;
    while !shared.stop.load(Relaxed) {
        let _ = fs::remove_file(path);
        let listener = UnixListener::bind(path).expect("the path is free");
        listener.set_nonblocking(true).expect("it can be");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3)
            || round.is_multiple_of(2) && begun.elapsed() < Duration::from_secs(6)
        {
            let Ok((mut stream, _)) = listener.accept() else {
                if shared.stop.load(Relaxed) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            stream.set_nonblocking(false).expect("it can be");
            stream.set_read_timeout(Some(Duration::from_millis(100))).expect("it can be");
            drain(shared, &mut stream, round);
        }
        round += 1;
    }
}

/// What was sent is read to its end, whoever goes away: a socket that is closed with bytes in it loses them, and it is not the sidecar that does.
fn drain(shared: &Shared, stream: &mut std::os::unix::net::UnixStream, round: u64) {
    let mut buffer = [0; 32 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(len) => shared.come.lock().expect("nobody panics with it").extend_from_slice(&buffer[..len]),
            Err(_) if shared.stop.load(Relaxed) => return,
            Err(_) => {}
        }
        if round % 3 == 1 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// How large it is, in memory and descriptors.
fn size(sidecar: &Sidecar) -> (u64, usize) {
    (sidecar.resident_kib(), sidecar.descriptors())
}

/// Which lines of which writer are in the text. Nothing that looks like a value is.
fn lines(texts: &[String]) -> [BTreeMap<u64, u64>; WRITERS] {
    let mut all: [BTreeMap<u64, u64>; WRITERS] = std::array::from_fn(|_| BTreeMap::new());
    for text in texts {
        assert!(!text.contains("tok-") && !text.contains("-key"), "a secret came out");
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
         - { name: more, source: { files: DIR/logs/b*.log }, sink: { unix: DIR/there, away: spool, spool: DIR/spool, spool_max: 2M } }\n",
    );
    let shared = Arc::new(Shared {
        stop: AtomicBool::new(false),
        written: Default::default(),
        value: Mutex::new(value(0)),
        come: Mutex::default(),
    });
    let mut threads = Vec::new();
    for writer in 0..WRITERS {
        let (shared, log) = (Arc::clone(&shared), place.path(&format!("logs/{}{writer}.log", ["a", "b"][writer % 2])));
        threads.push(std::thread::spawn(move || write(&shared, writer, &log)));
    }
    let (reading, there) = (Arc::clone(&shared), place.path("there"));
    let reader = std::thread::spawn(move || read(&reading, &there));
    let (mut sidecar, begun, mut round) = (place.start(&config), Instant::now(), 0);
    let mut first = None;
    while begun.elapsed() < Duration::from_secs(seconds) {
        round += 1;
        std::thread::sleep(Duration::from_millis(700));
        let next = value(round);
        sidecar.ask(&["add", "API_TOKEN"], &next).ends(0);
        sidecar.place().save("API_TOKEN", &next);
        *shared.value.lock().expect("nobody panics with it") = next;
        if round.is_multiple_of(4) {
            // After the first rounds of each it has all that it needs.
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
    reader.join().expect("the reader ends");
}

/// All that was written has come out.
fn check(shared: &Shared, sidecar: &Sidecar) {
    let last: Vec<u64> = shared.written.iter().map(|written| written.load(Relaxed)).collect();
    let come = || String::from_utf8_lossy(&shared.come.lock().expect("nobody panics with it")).into_owned();
    let files = || -> Vec<String> {
        let entries = fs::read_dir(sidecar.path("")).expect("it is there").flatten();
        let out = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("out"));
        out.map(|entry| fs::read_to_string(entry.path()).expect("it is text")).collect()
    };
    let all = || [files(), vec![come()]].concat();
    // The reader may have gone with all else; then what waits is in the spool.
    let listener = UnixListener::bind(sidecar.path("there"));
    let listener = listener.or_else(|_| {
        fs::remove_file(sidecar.path("there"))?;
        UnixListener::bind(sidecar.path("there"))
    });
    let listener = listener.expect("the path is free");
    listener.set_nonblocking(true).expect("it can be");
    let mut streams = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    until("all lines came", || {
        streams.extend(listener.accept().map(|(stream, _)| stream));
        for stream in &mut streams {
            let _ = stream.set_nonblocking(true);
            while let Ok(len @ 1..) = stream.read(&mut buffer) {
                shared.come.lock().expect("nobody panics with it").extend_from_slice(&buffer[..len]);
            }
        }
        let lines = lines(&all());
        (0..WRITERS).all(|writer| lines[writer].len() as u64 == last[writer])
    });
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
