//! The session of a test program (`tests/common/program/session.rs`), started in the ways in which
//! people start `cargo test`.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::program::session::{needs, without};

/// Runs one test of this program, by its name, in another run of the program, with shell code
/// before and after.
fn shell(before: &str, name: &str, after: &str) -> Command {
    let program = std::env::current_exe().expect("it has a path");
    let words = format!("{before} {} --exact sessions::{name} --include-ignored {after}", program.display());
    let mut command = Command::new("sh");
    command.args(["-c", &words]);
    command
}

fn output(mut command: Command) -> (Output, String) {
    let output = command.stdin(Stdio::null()).output().expect("a shell");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, said)
}

#[test]
fn a31_a_test_has_a_session_of_its_own() {
    let own = rustix::process::getpid();
    assert_eq!(rustix::process::getsid(None), Ok(own));
    assert_eq!(rustix::process::getpgrp(), own);
    assert!(std::fs::File::open("/dev/tty").is_err(), "there is a controlling terminal");
    assert_eq!(std::fs::read_link("/proc/self/fd/0").unwrap().to_str(), Some("/dev/null"));
    // Read by a program, because Rust itself ignores one signal and blocks none.
    let child = Command::new("cat").arg("/proc/self/status").output().unwrap();
    let status = String::from_utf8(child.stdout).unwrap();
    for field in ["SigBlk", "SigIgn", "SigCgt"] {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{field}:"))).unwrap();
        // The C library reserves 32 and 33, and never changes them.
        let set = u64::from_str_radix(line.trim(), 16).unwrap() & !(3 << 31);
        assert_eq!(set, 0, "{field}");
    }
    assert!(status.contains("\nUmask:\t0022\n"), "{status}");
}

/// Fails unless that test passes with this shell code before and after.
fn passes(before: &str, after: &str) {
    let (output, said) = output(shell(before, "a31_a_test_has_a_session_of_its_own", after));
    assert!(output.status.success() && said.contains("1 passed"), "{before} ... {after}: {said}");
}

#[test]
fn a31_nohup_and_ignored_signals_reach_no_test() {
    passes("nohup", "");
    passes("trap '' HUP INT QUIT TERM TSTP PIPE USR1 CHLD;", "");
    passes("umask 077;", "");
}

#[test]
fn a31_closed_descriptors_reach_no_test() {
    passes("", "<&-");
    passes("", "2>&-");
    let (output, _) = output(shell("", "a31_a_test_has_a_session_of_its_own", "<&- >&- 2>&-"));
    assert!(output.status.success(), "{}", output.status);
}

#[test]
fn a31_a_background_job_is_as_good() {
    passes("", "& wait $!");
    passes("set -m;", "& wait $!");
}

#[test]
fn a31_a_terminal_reaches_no_test() {
    needs!("script");
    let program = std::env::current_exe().expect("it has a path");
    let words = format!("{} --exact sessions::a31_a_test_has_a_session_of_its_own", program.display());
    let mut command = Command::new("script");
    command.args(["-qec", &words, "/dev/null"]);
    let (output, said) = output(command);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// The variable with the duration, in seconds, by which a process is found.
const STAYS: &str = "HUSHLOG_TEST_STAYS";

/// A duration for which no other program on this machine sleeps.
fn stays(seconds: u32) -> String {
    format!("{seconds}.{}", std::process::id())
}

/// The duration for a test that `shell` started. `None` in a test that is run by itself, with
/// `--ignored`.
fn told() -> Option<String> {
    std::env::var(STAYS).ok()
}

#[test]
#[ignore = "fails on purpose, for a31_a_failed_test_leaves_no_process_behind"]
fn fails_and_leaves_processes_behind() {
    let Some(stays) = told() else { return };
    let script = format!("trap '' HUP TERM; setsid sleep {stays} & exec sleep {stays}");
    #[expect(clippy::zombie_processes, reason = "it is left behind on purpose")]
    let _child = Command::new("sh").args(["-c", &script]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    panic!("on purpose");
}

#[test]
#[ignore = "fails on purpose, for a31_a_failed_test_leaves_no_process_behind"]
fn passes_and_leaves_a_process_behind() {
    let Some(stays) = told() else { return };
    let mut sh = Command::new("sh").args(["-c", &format!("sleep {stays} &")]).spawn().unwrap();
    sh.wait().unwrap();
}

/// Whether a process sleeps that long.
fn asleep(seconds: &str) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.into_iter().any(|line| line == format!("sleep\0{seconds}\0").as_bytes())
}

#[test]
fn a31_a_failed_test_leaves_no_process_behind() {
    let stays = stays(98_765);
    let shell = |name| {
        let mut shell = shell("exec", name, "");
        shell.env(STAYS, &stays);
        shell
    };
    let (output, said) = output(shell("fails_and_leaves_processes_behind"));
    assert_eq!(output.status.code(), Some(101), "{said}");
    assert_eq!(said.matches("left behind by a test, and killed").count(), 2, "{said}");
    let (output, said) = self::output(shell("passes_and_leaves_a_process_behind"));
    assert_eq!(output.status.code(), Some(101), "a test that leaves a process behind passes: {said}");
    assert!(said.contains("1 passed") && said.contains("left behind by a test"), "{said}");
    assert!(!asleep(&stays), "something was left behind");
}

#[test]
#[ignore = "waits, for a31_an_interrupted_test_leaves_no_process_behind"]
fn waits_and_has_a_process() {
    let Some(stays) = told() else { return };
    let _ = Command::new("sleep").arg(stays).status();
}

#[test]
fn a31_an_interrupted_test_leaves_no_process_behind() {
    let stays = stays(98_764);
    let mut child =
        shell("exec", "waits_and_has_a_process", "").env(STAYS, &stays).stdout(Stdio::null()).spawn().unwrap();
    let start = std::time::Instant::now();
    while !asleep(&stays) {
        assert!(start.elapsed() < Duration::from_secs(60), "it did not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGINT));
    assert!(!asleep(&stays), "something was left behind");
}

#[test]
#[ignore = "is never run, for a32_a_missing_requirement_ignores_and_never_passes_a_test"]
fn needs_a_missing_program() {
    needs!("no-such-program-anywhere");
    panic!("it ran");
}

#[test]
#[ignore = "lacks a part, for a32_a_missing_requirement_ignores_and_never_passes_a_test"]
fn lacks_a_part() {
    without("something small");
}

#[test]
fn a32_a_missing_requirement_ignores_and_never_passes_a_test() {
    let (output, said) = output(shell("", "needs_a_missing_program", ""));
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("test sessions::needs_a_missing_program ... ignored, needs no-such-program-anywhere\n"),
        "{said}"
    );
    assert!(said.contains("0 passed"), "{said}");
    let (_, said) = self::output(shell("", "lacks_a_part", ""));
    assert!(said.contains("test sessions::lacks_a_part ... ignored in part, needs something small\n"), "{said}");
}
