//! Runs the proofs with an active mutant.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The outcome of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Noticed,
    /// It exceeded its time.
    Time,
    Lived,
    /// It does not compile.
    Unviable,
}

impl Outcome {
    pub const ALL: [Outcome; 4] = [Outcome::Noticed, Outcome::Time, Outcome::Lived, Outcome::Unviable];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The quick proofs about these files, which run first: names of tests in `tools/mutants/main.rs`,
/// or their prefixes.
const QUICK: &[(&str, &[&str])] = &[
    ("src/redact/encoding", QUICK_FORMS),
    ("src/redact/part", QUICK_FORMS),
    (
        "src/redact/",
        &[
            "t01_table::engines",
            "t01_table::linear",
            "t01_table::mask",
            "t02_records::a_",
            "t03_",
            "t04_",
            "t05_",
            "t06_",
            "t07_",
            "t09_long_texts::a_long",
            "t09_long_texts::needles_of",
            "t10_encodings::v",
            "t11_limits::",
            "t12_parts::",
        ],
    ),
];
const QUICK_FORMS: &[&str] = &[
    "t10_encodings::b",
    "t10_encodings::h",
    "t10_encodings::n",
    "t10_encodings::ord",
    "t10_encodings::s",
    "t10_encodings::the",
    "t10_encodings::v",
    "t12_parts::",
];
/// The proofs within the library: all of them are quick.
const WITHIN_LIBRARY: &str = "redact::";
/// Seconds of processor time. The quick proofs take 10, and all proofs took 176 on a busy machine.
const QUICK_TIME: u32 = 30;
const TIME: u32 = 300;
/// The memory limit of a runaway program, below the machine's memory.
const MEMORY: &str = "--as=6442450944";

/// The signal that ends a program after its time.
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;
/// libtest's exit status after a failure.
const TEST_FAILED: i32 = 101;

/// The position of a file's quick proofs, the quickest first.
pub fn rank(file: &str) -> usize {
    QUICK.iter().position(|quick| file.starts_with(quick.0)).unwrap_or(QUICK.len())
}

/// The outcome with the quick proofs only, and the test that failed.
pub fn prove_quickly(programs: &[PathBuf], tree: &Path, number: usize, file: &str) -> (Outcome, String) {
    let quick = QUICK.get(rank(file)).map_or(&[][..], |quick| quick.1);
    run_all(programs, tree, number, &[quick, &[WITHIN_LIBRARY]].concat(), QUICK_TIME)
}

/// The outcome, and the test that failed.
pub fn prove(programs: &[PathBuf], tree: &Path, number: usize) -> (Outcome, String) {
    run_all(programs, tree, number, &[], TIME)
}

/// Runs one program after the other, until one notices the mutant.
fn run_all(programs: &[PathBuf], tree: &Path, number: usize, only: &[&str], seconds: u32) -> (Outcome, String) {
    let mut outcomes = programs.iter().map(|program| run(program, tree, number, only, seconds));
    outcomes.find(|(outcome, _)| *outcome != Outcome::Lived).unwrap_or((Outcome::Lived, String::new()))
}

fn run(program: &Path, tree: &Path, number: usize, only: &[&str], seconds: u32) -> (Outcome, String) {
    let mut command = Command::new("prlimit");
    command.args([MEMORY, "--core=0", &format!("--cpu={seconds}")]).arg(program).args(only);
    // libtest stops at the first failure only with nightly features enabled.
    command.args(["-Zunstable-options", "--fail-fast", "--test-threads", "1"]).env("RUSTC_BOOTSTRAP", "1");
    // A random test must reproduce its findings.
    command.env("PROPTEST_RNG_SEED", "1").env("HUSHLOG_MUTANT", number.to_string());
    let output = command.current_dir(tree).stderr(Stdio::null()).output().expect("prlimit is installed");
    if output.status.success() {
        return (Outcome::Lived, String::new());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut tests =
        text.lines().filter_map(|line| line.strip_prefix("test ")).filter(|line| !line.starts_with("result"));
    let last = tests.next_back().unwrap_or_default().split(' ').next().unwrap_or_default();
    let outcome = match (output.status.signal(), output.status.code()) {
        (Some(SIGKILL | SIGXCPU), _) => Outcome::Time,
        // For example a stack overflow.
        (Some(_), _) | (None, Some(TEST_FAILED)) => Outcome::Noticed,
        _ => panic!("{} does not run: {}", program.display(), output.status),
    };
    (outcome, last.to_owned())
}
