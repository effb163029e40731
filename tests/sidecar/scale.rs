//! As many connections and files as the defaults allow: memory and time are flat for each.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::sidecar::{MASK, Place, Sidecar, VALUE, append, until};

/// The default of `connections_max`.
const CONNECTIONS: usize = 16_384;
const FILES: usize = 10_000;
/// The documented limits of an idle stream, and of one with container records.
const IDLE_LEN_MAX: u64 = 16 << 10;
const RECORD_LEN_MAX: u64 = 32 << 10;
/// The limit of all unfinished lines and pending records.
const PENDING_KIB_MAX: u64 = 256 << 10;
/// Costs of the last part of a run may be this many times those of the first. Quadratic ones are
/// seven times those.
const GROWTH_MAX: u32 = 4;

/// The processor time of the sidecar.
fn used(sidecar: &Sidecar) -> Duration {
    Duration::from_millis(10 * super::descriptors::ticks(sidecar))
}

/// Fails if the last of some equal parts of work took much more time than the first.
fn is_flat(what: &str, times: &[Duration]) {
    println!("{what}: {times:?}");
    let (first, last) = (times[0].max(Duration::from_millis(100)), times[times.len() - 1]);
    assert!(last <= first * GROWTH_MAX, "{what} is not linear: {times:?}");
}

/// A line in CRI's format, of a tag and this text.
fn cri(tag: &str, text: &str) -> String {
    format!("2021-11-18T14:47:34.72+00:00 stdout {tag} {text}\n")
}

/// Opens all connections, in four parts. Returns them, and the time that each part took.
fn connected(sidecar: &Sidecar, name: &str, begin: &[u8]) -> (Vec<UnixStream>, Vec<Duration>) {
    let (mut all, mut times) = (Vec::new(), Vec::new());
    let open = || {
        let status = sidecar.status();
        let streams = status["streams"].as_array().expect("a list");
        streams.iter().find(|stream| stream["name"] == name).expect("it is configured")["open"].clone()
    };
    for part in 1..=4 {
        let before = used(sidecar);
        while all.len() < CONNECTIONS * part / 4 {
            let mut connection = sidecar.connect(name);
            connection.write_all(begin).expect("it reads");
            all.push(connection);
        }
        until("they are open", || open() == all.len());
        times.push(used(sidecar) - before);
    }
    (all, times)
}

#[test]
#[ignore = "takes minutes, and 20,000 descriptors; tools/slow runs it"]
fn sixteen_thousand_connections_are_held_in_flat_memory() {
    let most = getrlimit(Resource::Nofile).maximum;
    assert!(most.is_none_or(|most| most > CONNECTIONS as u64 + 500), "ulimit -n is too low: {most:?}");
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("up to the hard limit");
    let record = cri("P", &format!("key {}", &VALUE[..8]));
    for (name, begin, len_max) in
        [("idle", "begun ", IDLE_LEN_MAX), ("records", &*record, IDLE_LEN_MAX + RECORD_LEN_MAX)]
    {
        let place = Place::new();
        let config = place.streams(&[
            "name: idle, source: { unix: DIR/idle }, sink: { file: DIR/out }",
            "name: records, source: { unix: DIR/records }, sink: { file: DIR/out }, format: cri",
            "name: other, source: { unix: DIR/other }, sink: { file: DIR/other.out }",
        ]);
        let mut sidecar = place.start(&config);
        sidecar.send("other", "first\n");
        sidecar.file_is("other.out", "first\n");
        let before = sidecar.resident_kib();
        let (mut all, times) = connected(&sidecar, name, begin.as_bytes());
        is_flat(&format!("{name}: opening {} connections", CONNECTIONS / 4), &times);
        let each = (sidecar.resident_kib() - before) * 1024 / CONNECTIONS as u64;
        println!("{name}: {each} bytes each");
        assert!(each < len_max, "{each} bytes each");
        // As much unfinished text as all of them may have, and more.
        let more = if name == "idle" { "x".repeat(32 << 10) } else { cri("P", &"x".repeat(8 << 10)).repeat(4) };
        let (start, busy) = (Instant::now(), used(&sidecar));
        all.iter_mut().for_each(|connection| connection.write_all(more.as_bytes()).expect("it reads"));
        sidecar.send("other", "second\n");
        sidecar.file_is("other.out", "first\nsecond\n");
        // The limit of all unfinished lines is reached: the rest goes out.
        let out = sidecar.path("out");
        let len = || fs::metadata(&out).map_or(0, |metadata| metadata.len());
        let (mut most, mut last) = (0, u64::MAX);
        while std::mem::replace(&mut last, len()) != last {
            (0..20).for_each(|_| {
                most = most.max(sidecar.resident_kib() - before);
                std::thread::sleep(Duration::from_millis(100));
            });
        }
        println!("{name}: {most} KiB with text, {:?}, {:?} of a processor", start.elapsed(), used(&sidecar) - busy);
        let kib_max = PENDING_KIB_MAX * 2 + len_max * CONNECTIONS as u64 / 1024;
        assert!(most < kib_max, "{most} KiB, and not {kib_max}");
        drop(all);
        let start = Instant::now();
        while sidecar.descriptors() > 100 {
            assert!(start.elapsed() < Duration::from_secs(600), "they stay open");
            std::thread::sleep(Duration::from_millis(100));
        }
        sidecar.stop();
    }
}

#[test]
#[ignore = "takes minutes, and 20,000 descriptors; tools/slow runs it"]
fn ten_thousand_followed_files_cost_the_same_each() {
    let place = Place::new();
    fs::create_dir(place.path("logs")).expect("room");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\ncontrol: DIR/control\nstreams:\n  \
         - { name: app, source: { files: \"DIR/logs/*.log\" }, sink: { file: DIR/out } }\n",
    );
    let mut times = Vec::new();
    let mut sidecar = place.start(&config);
    let before = sidecar.resident_kib();
    let log = |sidecar: &Sidecar, number: usize| sidecar.path(&format!("logs/{number}.log"));
    let lines = |sidecar: &Sidecar| fs::read_to_string(sidecar.path("out")).map_or(0, |out| out.lines().count());
    for part in 1..=4 {
        let begun = used(&sidecar);
        (FILES * (part - 1) / 4..FILES * part / 4)
            .for_each(|number| append(&log(&sidecar, number), format!("{number} {VALUE}\n")));
        until("all are read", || lines(&sidecar) == FILES * part / 4);
        times.push(used(&sidecar) - begun);
    }
    is_flat("following 2,500 more files", &times);
    let each = (sidecar.resident_kib() - before) * 1024 / FILES as u64;
    println!("{each} bytes each");
    assert!(each < IDLE_LEN_MAX, "{each} bytes each");
    let mut wanted = FILES;
    times.clear();
    for _ in 0..4 {
        let begun = used(&sidecar);
        (0..FILES).for_each(|number| append(&log(&sidecar, number), format!("{number} more\n")));
        wanted += FILES;
        until("all are read", || lines(&sidecar) == wanted);
        times.push(used(&sidecar) - begun);
    }
    is_flat("a line to each of 10,000 files", &times);
    let begun = used(&sidecar);
    for number in 0..FILES {
        fs::rename(log(&sidecar, number), sidecar.path(&format!("logs/{number}.log.1"))).expect("one directory");
        append(&log(&sidecar, number), format!("{number} next\n"));
    }
    wanted += FILES;
    until("all are read", || lines(&sidecar) == wanted);
    println!("all rotated: {:?}", used(&sidecar) - begun);
    sidecar.stop();
    let place = sidecar.into_place();
    let start = Instant::now();
    let mut sidecar = place.start(&config);
    append(&log(&sidecar, 0), "last\n");
    until("it goes on", || lines(&sidecar) == wanted + 1);
    println!("a restart: {:?}, {:?} of a processor", start.elapsed(), used(&sidecar));
    let begun = used(&sidecar);
    std::thread::sleep(Duration::from_secs(10));
    println!("10 s idle: {:?} of a processor", used(&sidecar) - begun);
    assert!(used(&sidecar) - begun < Duration::from_secs(3), "idle files cost more than a third of a processor");
    let out = fs::read_to_string(sidecar.path("out")).expect("it is there");
    assert_eq!(out.matches(MASK).count(), FILES);
    sidecar.stop();
}
