//! Startup costs: the time to build a needle set, the memory to hold it, and the time to the
//! program's first output byte.
//!
//! Each size of set is measured against its stated goal, and next to an aho-corasick automaton over
//! the same needles. See `benches/README.md`.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use aho_corasick::nfa::contiguous;
use hushlog::Redactor;

use support::cases::all_forms;
use support::secrets::keys;
use support::text::Corpus;

const ROUNDS: usize = 5;
const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// Makes a restarted copy of this program report the memory of one needle set.
const MEMORY_FLAG: &str = "--memory-of";

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != MEMORY_FLAG).skip(1);
    match arguments.next() {
        Some(secrets) => print_own_memory(secrets.parse().expect("a number of secrets")),
        None => measure(),
    }
}

fn measure() {
    build_times();
    memory();
    first_byte();
}

fn build_times() {
    println!("\n## Build time, {ROUNDS} rounds in turn: median (best..worst)\n");
    println!("| secrets | needles | hushlog | aho-corasick, its own choice | contiguous NFA only |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for secrets in SIZES {
        let values = keys(secrets);
        let set = all_forms(values.clone());
        let needles: Vec<&[u8]> = set.expose().collect();
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            times[0].push(time(|| all_forms(values.clone())));
            times[1].push(time(|| AhoCorasick::new(&needles).expect("an automaton")));
            times[2].push(time(|| contiguous::NFA::new(&needles).expect("an automaton")));
        }
        let [ours, auto, contiguous] = times.map(median_and_range);
        println!("| {secrets} | {} | {ours} | {auto} | {contiguous} |", needles.len());
    }
}

/// The time to build a value, without dropping it.
fn time<T>(make: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let made = make();
    let took = start.elapsed();
    drop(made);
    took
}

fn median_and_range(mut times: Vec<Duration>) -> String {
    times.sort();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let [best, median, worst] = [0, times.len() / 2, times.len() - 1].map(|n| milliseconds(times[n]));
    format!("{median:.1} ms ({best:.1}..{worst:.1})")
}

fn memory() {
    println!("\n## Memory of a process that has built the set and redacted 4 MiB\n");
    println!("| secrets | resident at the end | at the peak |");
    println!("| ---: | ---: | ---: |");
    for secrets in [&[0], &SIZES[..]].concat() {
        let own = std::env::current_exe().expect("the path of this bench");
        let output = Command::new(own).args([MEMORY_FLAG, &secrets.to_string()]).output().expect("this bench runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// One row of the table above: the memory beyond the process and its text.
fn print_own_memory(secrets: usize) {
    let text = Corpus::open().text(4 << 20);
    fs::write("/proc/self/clear_refs", "5").expect("a peak that can be set back");
    let before = resident_kib("VmRSS:");
    let mut redactor = Redactor::new(Arc::new(all_forms(keys(secrets))));
    let given_out: usize =
        text.chunks(64 << 10).map(|piece| redactor.push(piece).map(<[u8]>::len).sum::<usize>()).sum();
    assert!(given_out > 0, "nothing came out");
    let more = |field| (resident_kib(field) - before) as f64 / 1024.0;
    println!("| {secrets} | {:.1} MiB | {:.1} MiB |", more("VmRSS:"), more("VmHWM:"));
}

/// A field of `/proc/self/status`.
fn resident_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a system with /proc");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field of /proc/self/status");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number of KiB")
}

fn first_byte() {
    let program = option_env!("CARGO_BIN_EXE_hushlog").filter(|path| fs::exists(path).is_ok_and(|exists| exists));
    let Some(program) = program else {
        println!("\nNo first byte: the program was not built (it needs the feature `cli`).");
        return;
    };
    println!(
        "\n## From the start of the program to its first byte out, {ROUNDS} rounds in turn: median (best..worst)\n"
    );
    println!("| secrets | hushlog | cat |");
    println!("| ---: | ---: | ---: |");
    for secrets in SIZES {
        let mut dotenv = tempfile::NamedTempFile::new().expect("a temporary file");
        for (n, value) in keys(secrets).iter().enumerate() {
            writeln!(dotenv, "SECRET_{n}={}", String::from_utf8_lossy(value))
                .expect("a temporary file takes what is written");
        }
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            times[0].push(first_line(Command::new(program).arg("--dotenv").arg(dotenv.path())));
            times[1].push(first_line(&mut Command::new("cat")));
        }
        let [ours, cat] = times.map(median_and_range);
        println!("| {secrets} | {ours} | {cat} |");
    }
}

/// Starts a filter, and waits until its first line comes out.
fn first_line(filter: &mut Command) -> Duration {
    const LINE: &str = "2025-07-29 17:41:44,747 - INFO  [main] - started\n";
    let start = Instant::now();
    let filter = filter.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = filter.spawn().expect("a filter that can be started");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(LINE.as_bytes()).expect("a filter that reads");
    let (mut line, mut output) = (String::new(), BufReader::new(child.stdout.take().expect("a pipe")));
    output.read_line(&mut line).expect("a filter that writes");
    let took = start.elapsed();
    drop(input);
    assert!(child.wait().expect("a child").success(), "the filter failed");
    assert_eq!(line, LINE, "the line came out changed");
    took
}
