//! The sidecar between Unix sockets, with 100 secrets in all their forms, against a plain copier:
//! throughput, the added latency of a line, the cost of an idle stream, and the wait of streams
//! during a reload of 1,000 secrets.
//!
//! `cargo bench --bench sidecar`. `HUSHLOG_BENCH_ROUNDS` (5) rounds in turn, of `HUSHLOG_BENCH_MIB`
//! (1024) each; `HUSHLOG_BENCH_IDLE` (10000) idle streams, as far as the descriptor limit allows.
//! The copier is this program, reading and writing 256 KiB at once.

mod program;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const SECRETS: usize = 100;
const RELOADED: usize = 1_000;
const LINES: usize = 4_000;
/// Reloads in each round.
const RELOADS_PER_ROUND: usize = 8;
/// The time watched at rest: about that of a reload and its aftermath.
const REST: Duration = Duration::from_millis(290);
/// The time watched after a reload: streams adopt the new set, and the old one is freed.
const AFTERWARDS: Duration = Duration::from_millis(150);
/// Streams watched during a reload.
const WATCHED: usize = 8;
const LINE: &[u8] =
    b"2026-11-23T19:06:00.123456Z INFO app::http: GET /v1/items?page=2 status=200 duration_ms=12 user=4711\n";
const CLOCK_TICKS: f64 = 100.0;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.get(1).is_some_and(|word| word == "copy") {
        return copy(Path::new(&words[2]), Path::new(&words[3]));
    }
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    throughput();
    latency();
    idle();
    reload();
}

/// The rival: copies from a connection to a connection without inspection.
fn copy(from: &Path, to: &Path) {
    let listener = UnixListener::bind(from).expect("a new path");
    let mut sink = UnixStream::connect(to).expect("somebody listens");
    let mut buffer = vec![0; 256 << 10];
    for connection in listener.incoming() {
        let mut connection = connection.expect("a connection");
        while let Ok(len @ 1..) = connection.read(&mut buffer) {
            sink.write_all(&buffer[..len]).expect("it is read");
        }
    }
}

/// A process between two sockets.
struct Between {
    child: Child,
    directory: tempfile::TempDir,
    sink: UnixStream,
}

impl Between {
    /// A copier, or a sidecar with this many secrets.
    fn new(secrets: Option<usize>) -> Between {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| directory.path().join(name);
        let listener = UnixListener::bind(path("sink")).expect("a new path");
        let mut command = match secrets {
            None => {
                let mut command = Command::new(std::env::current_exe().expect("this program"));
                command.arg("copy").args([path("source"), path("sink")]);
                command
            }
            Some(count) => {
                fs::create_dir(path("secrets")).expect("room");
                program::write_secrets(&path("secrets"), count);
                let text = "secrets: { secret_files: [DIR/secrets] }\ncontrol: DIR/control\nstreams: [{ name: a, source: { unix: DIR/source }, sink: { unix: DIR/sink } }]\n";
                let text = text.replace("DIR", &directory.path().display().to_string());
                fs::write(path("hushlog.yaml"), text).expect("room");
                let mut command = Command::new(env!("CARGO_BIN_EXE_hushlog"));
                command.args(["sidecar", "--quiet", "--config"]).arg(path("hushlog.yaml"));
                command
            }
        };
        let child = command.stdin(Stdio::null()).spawn().expect("it starts");
        let (sink, _) = listener.accept().expect("it connects");
        let between = Between { child, directory, sink };
        while !between.path("source").exists() || secrets.is_some() && !between.path("control").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        between
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(self.path("source")).expect("it listens")
    }

    /// Processor time in seconds.
    fn processor_time(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
        (fields[11].parse::<f64>().expect("ticks") + fields[12].parse::<f64>().expect("ticks")) / CLOCK_TICKS
    }

    fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the kernel tells");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("a number") * 1024.0
    }

    fn reload(&self) {
        let mut connection = UnixStream::connect(self.path("control")).expect("it listens");
        connection.write_all(b"reload\n").expect("it reads");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("ok "), "{answer}");
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn throughput() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let len_min = program::setting("HUSHLOG_BENCH_MIB", 1_024) << 20;
    let len = program::write_log(&scratch.path().join("log"), 8 << 20);
    let log = fs::read(scratch.path().join("log")).expect("it is there");
    let times = len_min.div_ceil(len);
    let mut betweens = [("copier", Between::new(None)), ("sidecar", Between::new(Some(SECRETS)))];
    for (name, between) in &mut betweens {
        let (mut source, mut out) = (between.connect(), vec![0; log.len()]);
        std::thread::scope(|scope| {
            scope.spawn(|| source.write_all(&log).expect("it reads"));
            between.sink.read_exact(&mut out).expect("it comes");
        });
        assert!(out == log, "{name} gives out something else");
    }
    let mut figures = [Vec::new(), Vec::new()];
    for _ in 0..program::setting("HUSHLOG_BENCH_ROUNDS", 5) {
        for ((_, between), figures) in betweens.iter_mut().zip(&mut figures) {
            let (before, start) = (between.processor_time(), Instant::now());
            let mut source = between.connect();
            std::thread::scope(|scope| {
                scope.spawn(|| (0..times).for_each(|_| source.write_all(&log).expect("it reads")));
                let (mut left, mut buffer) = (times * len, vec![0; 256 << 10]);
                while left > 0 {
                    left -= between.sink.read(&mut buffer).expect("it comes");
                }
            });
            let (wall, processor) = (start.elapsed().as_secs_f64(), between.processor_time() - before);
            let bytes = (times * len) as f64 / 1e9;
            figures.push((bytes / wall, bytes / processor));
        }
    }
    println!(
        "{} MiB from socket to socket, {SECRETS} secrets    GB/s    GB/s of its processor time",
        (times * len) >> 20
    );
    for ((name, _), figures) in betweens.iter().zip(figures) {
        let (mut wall, mut processor): (Vec<f64>, Vec<f64>) = figures.into_iter().unzip();
        println!(
            "{name:<10} {:>40.2} {:>10.2}",
            program::per_mille(&mut wall, 500),
            program::per_mille(&mut processor, 500)
        );
    }
}

/// Sends a line through, and returns the microseconds until it came out.
fn round_trip(source: &mut UnixStream, sink: &mut UnixStream) -> f64 {
    let mut line = [0; LINE.len()];
    let start = Instant::now();
    source.write_all(LINE).expect("it reads");
    sink.read_exact(&mut line).expect("it comes");
    let time = start.elapsed().as_secs_f64() * 1e6;
    assert!(line == LINE, "another line came out");
    time
}

fn latency() {
    let mut betweens = [("copier", Between::new(None)), ("sidecar", Between::new(Some(SECRETS)))];
    let mut times = [Vec::new(), Vec::new()];
    let mut sources: Vec<UnixStream> = betweens.iter().map(|(_, between)| between.connect()).collect();
    for _ in 0..program::setting("HUSHLOG_BENCH_ROUNDS", 5) {
        for (((_, between), times), source) in betweens.iter_mut().zip(&mut times).zip(&mut sources) {
            times.extend((0..LINES).map(|_| round_trip(source, &mut between.sink)).skip(LINES / 10));
        }
    }
    println!("\na line through         median us    99% us");
    for ((name, _), mut times) in betweens.iter().zip(times) {
        println!(
            "{name:<20} {:>11.2} {:>9.2}",
            program::per_mille(&mut times, 500),
            program::per_mille(&mut times, 990)
        );
    }
}

fn idle() {
    let between = Between::new(Some(SECRETS));
    let limit = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |limit| limit as usize);
    let count = program::setting("HUSHLOG_BENCH_IDLE", 10_000).min(limit.saturating_sub(200));
    let mut sink = between.sink.try_clone().expect("a descriptor");
    round_trip(&mut between.connect(), &mut sink);
    let before = between.resident();
    let mut idle: Vec<UnixStream> = (0..count).map(|_| between.connect()).collect();
    // Each has sent a line, and is idle since.
    for source in &mut idle {
        round_trip(source, &mut sink);
    }
    println!("\n{count} idle streams: {:.0} bytes each", (between.resident() - before) / count as f64);
}

fn reload() {
    let between = Between::new(Some(RELOADED));
    let mut sink = between.sink.try_clone().expect("a descriptor");
    let mut sources: Vec<UnixStream> = (0..WATCHED).map(|_| between.connect()).collect();
    let mut watch = |until: &dyn Fn() -> bool| {
        let mut times = Vec::new();
        while !until() {
            let at = times.len() % WATCHED;
            times.push(round_trip(&mut sources[at], &mut sink));
        }
        times
    };
    let mut took = Vec::new();
    // Each reload is compared with an equally long rest just before it, so that the machine's own
    // interruptions affect both.
    let (mut quiet, mut loud) = (Waits::default(), Waits::default());
    for round in 0..RELOADS_PER_ROUND * program::setting("HUSHLOG_BENCH_ROUNDS", 5) {
        let start = Instant::now();
        quiet.add(watch(&|| start.elapsed() > REST));
        // One more, so that the set is rebuilt.
        fs::write(between.path("secrets").join(format!("new_{round}")), format!("new-secret-{round:030}"))
            .expect("room");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let start = Instant::now();
                between.reload();
                took.push(start.elapsed().as_secs_f64() * 1e3);
                std::thread::sleep(AFTERWARDS);
                done.store(true, Relaxed);
            });
            loud.add(watch(&|| done.load(Relaxed)));
        });
    }
    println!("\n{RELOADED} secrets read again: {:.0} ms", program::per_mille(&mut took, 500));
    println!("a line meanwhile, us   median       99%     99.9%   the longest of each time: median, 90%, most");
    for (name, waits) in [("at rest", &mut quiet), ("reloading", &mut loud)] {
        let mut at = |per_mille| program::per_mille(&mut waits.all, per_mille);
        print!("{name:<20} {:>8.2} {:>9.2} {:>9.2}", at(500), at(990), at(999));
        let mut longest = |per_mille| program::per_mille(&mut waits.longest, per_mille);
        println!("{:>28.0} {:>6.0} {:>6.0}", longest(500), longest(900), longest(1_000));
    }
}

/// The waits of lines, in microseconds.
#[derive(Default)]
struct Waits {
    all: Vec<f64>,
    /// The longest of each watched period.
    longest: Vec<f64>,
}

impl Waits {
    fn add(&mut self, times: Vec<f64>) {
        self.longest.extend(times.iter().copied().reduce(f64::max));
        self.all.extend(times);
    }
}
