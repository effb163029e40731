//! A scrub of a clean log in the page cache, against `cat FILE >/dev/null` and the usual tools for
//! masking files.
//!
//! `cargo bench --bench scrub`. Settings: `HUSHLOG_CORPUS`, a directory of real logs to repeat in
//! place of generated ones; `HUSHLOG_BENCH_MIB` (1024), `HUSHLOG_BENCH_ROUNDS` (7),
//! `HUSHLOG_BENCH_SECRETS` (100); `TMPDIR` for the log.
//!
//! hushlog searches for the secrets in all their forms, the others for the raw values. All run in
//! the C locale, in turn. Each must mask a smaller log with secrets correctly before it is timed.
//! Tools that rewrite the file write into the page cache; the bench waits for the disk between the
//! runs.

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use program::{Numbers, per_mille, setting};

/// The rivals' mask.
const TOKEN: &str = "[X]";

/// The paths of the bench.
struct Files {
    scratch: tempfile::TempDir,
    /// One secret a file, named `secret_0` and so on.
    secrets: PathBuf,
    /// All values, as one alternation.
    pattern: String,
}

/// A program, and its command for the file at a path.
struct Contestant {
    name: &'static str,
    command: fn(&Files, &Path) -> Command,
    /// Whether the output is on standard output rather than in the file.
    prints: bool,
}

const CAT: Contestant = Contestant { name: "cat", command: cat, prints: true };
const CHECK: Contestant = Contestant { name: "hushlog scrub --check", command: check, prints: false };
const SCRUB: Contestant = Contestant { name: "hushlog scrub", command: scrub, prints: false };
const RIVALS: [Contestant; 4] = [
    Contestant { name: "sed -i -E", command: sed, prints: false },
    Contestant { name: "perl -pi", command: perl, prints: false },
    Contestant { name: "rg --passthru -r", command: ripgrep, prints: true },
    Contestant { name: "sd", command: sd, prints: false },
];

fn main() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let secrets = scratch.path().join("secrets");
    fs::create_dir(&secrets).expect("a directory");
    let count = setting("HUSHLOG_BENCH_SECRETS", 100);
    program::write_secrets(&secrets, count);
    let pattern = values(&secrets, count).join("|");
    let files = Files { scratch, secrets, pattern };
    let log = files.scratch.path().join("clean.log");
    let bytes = program::write_log(&log, setting("HUSHLOG_BENCH_MIB", 1_024) << 20);
    sync();
    println!("{:.0} MB, {} rounds, {count} secrets", bytes as f64 / 1e6, rounds());

    let present: Vec<&Contestant> = RIVALS.iter().filter(|rival| is_installed(rival)).collect();
    assert_answers(&files, &log, count, &present);
    for cores in ["0", "0,1"] {
        compare(&files, &log, bytes, cores, &[&CAT, &CHECK, &SCRUB]);
    }
    let contestants: Vec<&Contestant> = [&SCRUB].into_iter().chain(present).collect();
    compare(&files, &log, bytes, "0", &contestants);
}

fn rounds() -> usize {
    setting("HUSHLOG_BENCH_ROUNDS", 7)
}

fn values(secrets: &Path, count: usize) -> Vec<String> {
    let read = |n| fs::read_to_string(secrets.join(format!("secret_{n}"))).expect("just written");
    (0..count).map(read).collect()
}

fn cat(_: &Files, file: &Path) -> Command {
    with_args("cat", [file.as_os_str()])
}

fn check(files: &Files, file: &Path) -> Command {
    hushlog(files, ["--check".as_ref(), file.as_os_str()])
}

fn scrub(files: &Files, file: &Path) -> Command {
    hushlog(files, [file.as_os_str()])
}

fn hushlog<'a>(files: &Files, args: impl IntoIterator<Item = &'a std::ffi::OsStr>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hushlog"));
    command.args(["scrub", "--quiet", "--secret-file"]).arg(&files.secrets).args(args);
    command
}

fn sed(files: &Files, file: &Path) -> Command {
    let script = format!("s/{}/{TOKEN}/g", files.pattern);
    with_args("sed", ["-i".as_ref(), "-E".as_ref(), script.as_ref(), file.as_os_str()])
}

fn perl(files: &Files, file: &Path) -> Command {
    let script = format!("s/{}/{TOKEN}/g", files.pattern);
    with_args("perl", ["-pi".as_ref(), "-e".as_ref(), script.as_ref(), file.as_os_str()])
}

fn ripgrep(files: &Files, file: &Path) -> Command {
    let args =
        ["--no-config", "--passthru", "--text", "--no-line-number", "--no-unicode", "--replace", TOKEN, &files.pattern];
    with_args("rg", args.map(AsRef::as_ref).into_iter().chain([file.as_os_str()]))
}

fn sd(files: &Files, file: &Path) -> Command {
    with_args("sd", [files.pattern.as_ref(), TOKEN.as_ref(), file.as_os_str()])
}

fn with_args<'a>(program: &str, args: impl IntoIterator<Item = &'a std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Whether the rival is installed. Prints its version, or that it is missing.
fn is_installed(rival: &Contestant) -> bool {
    let program = rival.name.split(' ').next().expect("a name");
    let Ok(output) = Command::new(program).arg("--version").stdin(Stdio::null()).output() else {
        eprintln!("skipped: {program} is not installed");
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{}", text.lines().find(|line| !line.is_empty()).unwrap_or(program));
    true
}

/// Checks that hushlog reports a clean log as clean and leaves it unchanged, and that every
/// contestant masks each secret.
fn assert_answers(files: &Files, log: &Path, count: usize, rivals: &[&Contestant]) {
    let before = fs::metadata(log).expect("just written").modified().expect("a time");
    for contestant in [&CHECK, &SCRUB] {
        run(files, contestant, "0,1", log, None);
        assert!(fs::metadata(log).expect("ours").modified().expect("a time") == before, "a clean file was written to");
    }
    let (values, mut numbers) = (values(&files.secrets, count), Numbers::new());
    let clean = fs::read(log).expect("ours");
    let clean = String::from_utf8_lossy(&clean[..clean.len().min(8 << 20)]).into_owned();
    let (mut dirty, mut masked, mut replaced) = (String::new(), String::new(), String::new());
    for line in clean.lines().filter(|line| !line.is_empty()) {
        let n = numbers.below(values.len() as u64) as usize;
        let (value, mask) = (&values[n], format!("{:*<1$}", format!("[secret_{n}]"), values[n].len()));
        for (text, token) in [(&mut dirty, value.as_str()), (&mut masked, &mask), (&mut replaced, TOKEN)] {
            text.push_str(line);
            if n.is_multiple_of(3) {
                text.push_str(token);
            }
            text.push('\n');
        }
    }
    let (path, out) = (files.scratch.path().join("dirty.log"), files.scratch.path().join("out.log"));
    for contestant in [&SCRUB].iter().chain(rivals) {
        fs::write(&path, &dirty).expect("room");
        run(files, contestant, "0,1", &path, Some(&out));
        let answer = fs::read_to_string(if contestant.prints { &out } else { &path }).expect("text");
        let expected = if contestant.name == SCRUB.name { &masked } else { &replaced };
        assert!(answer == *expected, "{} gives a wrong answer", contestant.name);
    }
    fs::remove_file(path).expect("ours");
}

/// Runs a program to its end on these cores, with its output to a file or discarded. Returns the
/// seconds.
fn run(files: &Files, contestant: &Contestant, cores: &str, file: &Path, out: Option<&Path>) -> f64 {
    let command = (contestant.command)(files, file);
    let mut pinned = Command::new("taskset");
    pinned.args(["--cpu-list", cores]).arg(command.get_program()).args(command.get_args()).env("LC_ALL", "C");
    let out = out.map_or_else(Stdio::null, |out| fs::File::create(out).expect("room").into());
    let start = Instant::now();
    let status = pinned.stdin(Stdio::null()).stdout(out).status().expect("taskset is everywhere");
    let seconds = start.elapsed().as_secs_f64();
    // `rg` reports no match by status 1, as `grep` does.
    let done = status.success() || (contestant.name.starts_with("rg ") && status.code() == Some(1));
    assert!(done, "{}: {status}", contestant.name);
    seconds
}

/// Waits for the disk, so that no program pays for the writes of the one before.
fn sync() {
    rustix::fs::sync();
}

/// Runs the programs in turn, and prints their medians and their ratios to the first one of the
/// same round.
fn compare(files: &Files, log: &Path, bytes: usize, cores: &str, contestants: &[&Contestant]) {
    let out = files.scratch.path().join("out.log");
    let mut seconds = vec![Vec::new(); contestants.len()];
    for _ in 0..rounds() {
        for (contestant, seconds) in contestants.iter().zip(&mut seconds) {
            let out = (contestant.prints && contestant.name != CAT.name).then_some(out.as_path());
            seconds.push(run(files, contestant, cores, log, out));
            sync();
        }
    }
    println!("\non cores {cores:<12} median ms   fastest   slowest     GB/s   of the first's time");
    for (contestant, own) in contestants.iter().zip(&seconds) {
        let mut ratios: Vec<f64> = own.iter().zip(&seconds[0]).map(|(own, first)| own / first).collect();
        let mut sorted = own.clone();
        let median = per_mille(&mut sorted, 500);
        println!(
            "{:<22} {:>10.1} {:>9.1} {:>9.1} {:>8.3} {:>12.3}",
            contestant.name,
            median * 1e3,
            sorted[0] * 1e3,
            sorted[sorted.len() - 1] * 1e3,
            bytes as f64 / 1e9 / median,
            per_mille(&mut ratios, 500)
        );
    }
}
