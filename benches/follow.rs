//! Followed files: the cost of many at a first start, at a restart, and when all are rotated; the
//! delay of the first line of a new file; and the cost of a busy directory.
//!
//! `cargo bench --bench follow`. `HUSHLOG_BENCH_FILES` (10000) files, and a tenth of them: their
//! ratio shows whether the cost is linear. `HUSHLOG_BENCH_ROUNDS` (5) rounds in turn, with
//! `HUSHLOG_BENCH_BEFORE`, another build of the program, beside this one.

mod program;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Rotations in each round.
const ROTATIONS: usize = 100;
/// The time for which a log rests before its rotation.
const REST: Duration = Duration::from_millis(60);
/// The time for which a directory is busy, and the interval between its changes.
const BUSY: Duration = Duration::from_secs(2);
const BUSY_EVERY: Duration = Duration::from_micros(500);
const PATIENCE: Duration = Duration::from_secs(600);
const LINE: &[u8] = b"2026-11-28T22:30:00.123456Z INFO app::http: GET /v1/items?page=2 status=200\n";
const CLOCK_TICKS: f64 = 100.0;

/// A build of the program.
struct Contestant {
    name: &'static str,
    program: OsString,
}

fn main() {
    let now = Contestant { name: "now", program: env!("CARGO_BIN_EXE_hushlog").into() };
    let before = std::env::var_os("HUSHLOG_BENCH_BEFORE").map(|program| Contestant { name: "before", program });
    let contestants: Vec<Contestant> = before.into_iter().chain([now]).collect();
    many(&contestants);
    hand_over(&contestants);
    busy(&contestants);
}

/// A directory, and a sidecar that follows its logs.
struct Following<'a> {
    contestant: &'a Contestant,
    directory: tempfile::TempDir,
    child: Option<Child>,
}

impl<'a> Following<'a> {
    /// Starts in a new directory, with a sink of this kind.
    fn new(contestant: &'a Contestant, sink: &str) -> Following<'a> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for name in ["secrets", "logs"] {
            fs::create_dir(directory.path().join(name)).expect("room");
        }
        program::write_secrets(&directory.path().join("secrets"), 1);
        let text = "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\n\
            streams: [{ name: a, source: { files: DIR/logs/*.log }, sink: { SINK: DIR/out } }]\n";
        let text = text.replace("SINK", sink).replace("DIR", &directory.path().display().to_string());
        fs::write(directory.path().join("hushlog.yaml"), text).expect("room");
        Following { contestant, directory, child: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(&mut self) {
        let mut command = Command::new(&self.contestant.program);
        command.args(["sidecar", "--quiet", "--config"]).arg(self.path("hushlog.yaml"));
        self.child = Some(command.stdin(Stdio::null()).spawn().expect("it starts"));
    }

    /// Processor time in seconds.
    fn processor_time(&self) -> f64 {
        let id = self.child.as_ref().expect("it runs").id();
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
        (fields[11].parse::<f64>().expect("ticks") + fields[12].parse::<f64>().expect("ticks")) / CLOCK_TICKS
    }

    /// Stops the sidecar in order, so that it saves its checkpoints.
    fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
        assert!(child.wait().expect("it ends").success());
    }

    /// Waits until the output holds these lines, in any order. Returns the time since `since`, and
    /// the sidecar's processor time since `before`.
    fn out_is(&self, lines: &BTreeSet<String>, since: Instant, before: f64) -> (f64, f64) {
        let len: usize = lines.iter().map(|line| line.len() + 1).sum();
        while fs::metadata(self.path("out")).map_or(0, |out| out.len()) < len as u64 {
            assert!(since.elapsed() < PATIENCE, "{}: lines are missing", self.contestant.name);
            std::thread::sleep(Duration::from_millis(1));
        }
        let took = (since.elapsed().as_secs_f64() * 1e3, (self.processor_time() - before) * 1e3);
        let out = fs::read_to_string(self.path("out")).expect("it is text");
        assert_eq!(out.len(), len, "{}: something came out twice", self.contestant.name);
        assert!(out.lines().map(str::to_owned).collect::<BTreeSet<_>>() == *lines, "other lines came out");
        took
    }
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn append(path: &Path, line: &str) {
    let file = OpenOptions::new().append(true).create(true).open(path);
    writeln!(file.expect("it can be opened"), "{line}").expect("room");
}

/// An event of all files, to which the sidecar must react.
#[derive(Clone, Copy)]
enum Event {
    Start,
    /// A line is appended to each file while no sidecar runs.
    Restart,
    /// Each path has another file, with a line.
    RestartRotated,
    RotatedMeanwhile,
}

const EVENTS: [(Event, &str); 4] = [
    (Event::Start, "start"),
    (Event::Restart, "restart"),
    (Event::RestartRotated, "restart, all rotated"),
    (Event::RotatedMeanwhile, "all rotated while it runs"),
];

/// The cost of each event with `files` files, in milliseconds: time, and processor time.
fn costs(contestant: &Contestant, files: usize) -> Vec<(f64, f64)> {
    let mut following = Following::new(contestant, "file");
    let mut lines = BTreeSet::new();
    let mut costs = Vec::new();
    for (event, name) in EVENTS {
        let (start, before) = match event {
            Event::RotatedMeanwhile => (Instant::now(), following.processor_time()),
            _ => (Instant::now(), 0.0),
        };
        for n in 0..files {
            let path = following.path(&format!("logs/{n}.log"));
            if matches!(event, Event::RestartRotated | Event::RotatedMeanwhile) {
                fs::rename(&path, following.path(&format!("logs/{n}.log.1"))).expect("the same directory");
            }
            let line = format!("{name} {n}");
            append(&path, &line);
            lines.insert(line);
        }
        let start = match event {
            Event::RotatedMeanwhile => start,
            _ => {
                following.start();
                Instant::now()
            }
        };
        costs.push(following.out_is(&lines, start, before));
        if matches!(event, Event::Start | Event::Restart) {
            following.stop();
        }
    }
    costs
}

fn many(contestants: &[Contestant]) {
    let count = program::setting("HUSHLOG_BENCH_FILES", 10_000);
    for contestant in contestants {
        println!("{}: followed files, ms (of processor time)", contestant.name);
        println!("{:<28} {:>18} {:>18} {:>8}", "", count / 10, count, "times");
        let (few, all) = (costs(contestant, count / 10), costs(contestant, count));
        for (((_, name), few), all) in EVENTS.iter().zip(few).zip(all) {
            let cell = |cost: (f64, f64)| format!("{:.0} ({:.0})", cost.0, cost.1);
            println!("{name:<28} {:>18} {:>18} {:>8.1}", cell(few), cell(all), all.1 / few.1.max(1e3 / CLOCK_TICKS));
        }
    }
}

/// A log that is rotated, and the far end of its sink.
struct Rotating<'a> {
    following: Following<'a>,
    sink: UnixStream,
    log: File,
}

impl<'a> Rotating<'a> {
    fn new(contestant: &'a Contestant) -> Rotating<'a> {
        let mut following = Following::new(contestant, "unix");
        let listener = UnixListener::bind(following.path("out")).expect("a new path");
        let log = File::create(following.path("logs/app.log")).expect("room");
        following.start();
        let (sink, _) = listener.accept().expect("it connects");
        let mut rotating = Rotating { following, sink, log };
        rotating.line();
        rotating
    }

    /// Writes a line, and returns the microseconds until it came out.
    fn line(&mut self) -> f64 {
        let mut line = [0; LINE.len()];
        let start = Instant::now();
        self.log.write_all(LINE).expect("room");
        self.sink.read_exact(&mut line).expect("it comes");
        let time = start.elapsed().as_secs_f64() * 1e6;
        assert!(line == LINE, "another line came out");
        time
    }

    /// Closes the writer's file, renames it, and writes a line to a new one.
    fn rotate(&mut self) -> f64 {
        let path = self.following.path("logs/app.log");
        // No process has the old file open.
        self.log = File::open("/dev/null").expect("it is there");
        fs::rename(&path, self.following.path("logs/app.log.1")).expect("the same directory");
        self.log = File::create(path).expect("room");
        self.line()
    }
}

/// A log, the times of its lines in each row, and the cost of its rotations.
type Measured<'a> = (Rotating<'a>, [Vec<f64>; 3], [Vec<f64>; 2]);

fn hand_over(contestants: &[Contestant]) {
    let mut all: Vec<Measured<'_>> = contestants
        .iter()
        .map(|contestant| (Rotating::new(contestant), Default::default(), Default::default()))
        .collect();
    for _ in 0..program::setting("HUSHLOG_BENCH_ROUNDS", 5) {
        for (rotating, times, costs) in &mut all {
            for (rest, at) in [(REST, 1), (Duration::ZERO, 2)] {
                let before = rotating.following.processor_time();
                for _ in 0..ROTATIONS {
                    std::thread::sleep(rest);
                    times[0].push(rotating.line());
                    std::thread::sleep(rest);
                    times[at].push(rotating.rotate());
                }
                let took = rotating.following.processor_time() - before;
                costs[at - 1].push(took * 1e6 / ROTATIONS as f64);
            }
        }
    }
    let rows =
        ["a line of a file that is read", "the first line after a rotation, at rest", "and of one after another"];
    println!("\nfrom the write to the sink, us                        median       90%       99%   processor time");
    for (rotating, mut times, mut costs) in all {
        for (at, (row, times)) in rows.iter().zip(&mut times).enumerate() {
            let mut per_mille = |per_mille| program::per_mille(times, per_mille);
            print!("{:<7} {row:<42}", rotating.following.contestant.name);
            print!(" {:>9.0} {:>9.0} {:>9.0}", per_mille(500), per_mille(900), per_mille(990));
            match at.checked_sub(1) {
                Some(at) => println!(" {:>16.0}", program::per_mille(&mut costs[at], 500)),
                None => println!(),
            }
        }
    }
}

/// Names appear and disappear beside a followed log.
fn busy(contestants: &[Contestant]) {
    let mut all: Vec<(Rotating<'_>, Vec<f64>)> =
        contestants.iter().map(|contestant| (Rotating::new(contestant), Vec::new())).collect();
    for _ in 0..program::setting("HUSHLOG_BENCH_ROUNDS", 5) {
        for (rotating, costs) in &mut all {
            let (before, start) = (rotating.following.processor_time(), Instant::now());
            while start.elapsed() < BUSY {
                let path = rotating.following.path("logs/other");
                File::create(&path).expect("room");
                fs::remove_file(path).expect("it is there");
                std::thread::sleep(BUSY_EVERY);
            }
            let took = rotating.following.processor_time() - before;
            costs.push(took * 100.0 / start.elapsed().as_secs_f64());
        }
    }
    println!("\na busy directory with one followed log: % of a processor, median");
    for (rotating, mut costs) in all {
        println!("{:<7} {:>6.2}", rotating.following.contestant.name, program::per_mille(&mut costs, 500));
    }
}
