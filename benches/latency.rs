//! One line in, one line out: the round trip through the program, against `cat`.
//!
//! `cargo bench --bench latency`. On one core, writer and program take turns; on two, each wakes
//! the other. Each program gets `HUSHLOG_BENCH_ROUNDS` (20) rounds of 2,000 lines, in turn. Needs
//! `taskset`.

mod program;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const LINES_PER_ROUND: usize = 2_000;
/// Lines at the beginning of each round that do not count: caches and branch predictors still hold
/// the other program's state.
const LINES_TO_WARM_UP: usize = 200;
const LINE: &[u8] =
    b"2026-11-23T19:06:00.123456Z INFO app::http: GET /v1/items?page=2 status=200 duration_ms=12 user=4711\n";

fn main() {
    if let Some(core) = std::env::args().nth(1).filter(|arg| arg.parse::<u32>().is_ok()) {
        return measure(&core);
    }
    for core in ["0", "1"] {
        println!("{}", if core == "0" { "on one core" } else { "on two cores" });
        let mut myself = pinned("0", &std::env::current_exe().expect("this program"));
        assert!(myself.arg(core).status().expect("taskset is installed").success());
    }
}

fn pinned(core: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// Measures from the core of this program, with the others on `core`.
fn measure(core: &str) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    program::write_secrets(scratch.path(), 100);
    let hushlog = program::hushlog(scratch.path());
    let mut filter = pinned(core, Path::new(hushlog.get_program()));
    filter.args(hushlog.get_args());
    let mut programs = [("cat", pinned(core, Path::new("cat"))), ("hushlog", filter)].map(|(name, mut command)| {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("taskset is installed");
        (name, child, Vec::new())
    });
    let rounds = std::env::var("HUSHLOG_BENCH_ROUNDS").map_or(20, |rounds| rounds.parse().expect("a number"));
    for _ in 0..rounds {
        for (_, child, times) in &mut programs {
            times.extend((0..LINES_PER_ROUND).map(|_| round_trip(child)).skip(LINES_TO_WARM_UP));
        }
    }
    let figures = programs.map(|(name, mut child, mut times)| {
        drop(child.stdin.take());
        assert!(child.wait().expect("our child").success());
        (name, program::per_mille(&mut times, 500), program::per_mille(&mut times, 990))
    });
    println!("           median us   of cat's       99% us   of cat's");
    for (name, median, most) in figures {
        let (of_median, of_most) = (median / figures[0].1, most / figures[0].2);
        println!("{name:<8} {median:>11.2} {of_median:>10.3} {most:>12.2} {of_most:>10.3}");
    }
}

/// Sends a line through, and returns the microseconds until it came back.
fn round_trip(child: &mut Child) -> f64 {
    let (input, output) = (child.stdin.as_mut().expect("a pipe"), child.stdout.as_mut().expect("a pipe"));
    let mut line = [0; LINE.len()];
    let start = Instant::now();
    input.write_all(LINE).expect("a pipe");
    output.read_exact(&mut line).expect("a pipe");
    let time = start.elapsed().as_secs_f64() * 1e6;
    assert!(line == LINE, "another line came back");
    time
}
