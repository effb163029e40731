//! `hushlog run` against the bare command: a gigabyte through a pipe, the start, and a file through
//! a terminal.
//!
//! `cargo bench --bench run`. Settings: `HUSHLOG_BENCH_MIB` (1024), `HUSHLOG_BENCH_TTY_MB` (100),
//! `HUSHLOG_BENCH_ROUNDS` (9), `HUSHLOG_BENCH_SECRETS` (100, with all their forms).
//!
//! The rivals: `CMD | cat` for the pipe; CMD alone for the start. For the terminal: `script -qc`,
//! and a copier that only reads from a pseudo-terminal and writes to the real one.

mod program;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use program::setting;
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// A line of the text.
const LINE: &str =
    "2026-11-24T17:05:12.532Z INFO app::http: GET /v1/items?id=4711 200 12 ms trace=4bf92f3577b34da6a3ce929d0e0e4736\n";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("write") => return write(arguments[2].parse().expect("a number")),
        Some("copier") => return copier(&arguments[2]),
        _ => {}
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let secrets = scratch.path().join("secrets");
    std::fs::create_dir(&secrets).expect("a directory");
    program::write_secrets(&secrets, setting("HUSHLOG_BENCH_SECRETS", 100));
    pipe(&secrets);
    start(&secrets);
    terminal(&secrets, scratch.path());
}

fn itself() -> String {
    std::env::current_exe().expect("this program").to_str().expect("UTF-8").to_owned()
}

/// Writes `mib` MiB as fast as possible, 64 KiB at once.
fn write(mib: usize) {
    let text = LINE.repeat((64 << 10) / LINE.len() + 1);
    let mut output = File::from(dup(std::io::stdout()));
    for _ in 0..mib * 16 {
        if output.write_all(&text.as_bytes()[..64 << 10]).is_err() {
            return;
        }
    }
}

fn dup(stream: impl AsFd) -> OwnedFd {
    stream.as_fd().try_clone_to_owned().expect("a descriptor more")
}

/// `hushlog run` with these secrets, up to the command.
fn run(secrets: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hushlog"));
    command.args(["run", "--quiet", "--secret-file"]).arg(secrets).arg("--");
    command
}

/// Runs the rivals in turn, and prints their medians in milliseconds and relative to the first.
fn compare(title: &str, rivals: &[(&str, &dyn Fn())]) {
    let mut times = vec![Vec::new(); rivals.len()];
    for _ in 0..setting("HUSHLOG_BENCH_ROUNDS", 9) {
        for ((_, rival), times) in rivals.iter().zip(&mut times) {
            let start = Instant::now();
            rival();
            times.push(start.elapsed().as_secs_f64());
        }
    }
    println!("\n{title:<34} median ms   to the first");
    let medians: Vec<f64> = times.iter_mut().map(|times| program::per_mille(times, 500)).collect();
    for ((name, _), median) in rivals.iter().zip(&medians) {
        println!("{name:<34} {:>9.1} {:>14.3}", median * 1e3, median / medians[0]);
    }
}

/// Reads to the end, and returns the length.
fn drain(mut from: impl Read) -> usize {
    let (mut buffer, mut len) = (vec![0; 256 << 10], 0);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return len,
            Ok(read) => len += read,
            // The end of a pseudo-terminal's master.
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => return len,
            Err(error) => panic!("{error}"),
        }
    }
}

fn pipe(secrets: &Path) {
    let mib = setting("HUSHLOG_BENCH_MIB", 1024);
    let writer = |command: &mut Command| {
        let mut child = command.args(["write", &mib.to_string()]).stdout(Stdio::piped()).spawn().expect("it starts");
        (child.stdout.take().expect("a pipe"), child)
    };
    let cat = || {
        let (output, mut child) = writer(&mut Command::new(itself()));
        let mut cat = Command::new("cat").stdin(output).stdout(Stdio::piped()).spawn().expect("it starts");
        assert_eq!(drain(cat.stdout.take().expect("a pipe")), mib << 20);
        assert!(child.wait().expect("our child").success() && cat.wait().expect("our child").success());
    };
    let hushlog = || {
        let (output, mut child) = writer(run(secrets).arg(itself()));
        assert_eq!(drain(output), mib << 20);
        assert!(child.wait().expect("our child").success());
    };
    compare(&format!("{mib} MiB through a pipe"), &[("CMD | cat", &cat), ("hushlog run -- CMD", &hushlog)]);
}

fn start(secrets: &Path) {
    let first = |command: &mut Command| {
        let output = command.args(["-c", "echo up"]).output().expect("it starts");
        assert_eq!(output.stdout, b"up\n");
    };
    let bare = || first(&mut Command::new("sh"));
    let hushlog = || first(run(secrets).arg("sh"));
    compare("start and end of a shell", &[("CMD", &bare), ("hushlog run -- CMD", &hushlog)]);
}

fn terminal(secrets: &Path, scratch: &Path) {
    let (file, len) = (scratch.join("file"), setting("HUSHLOG_BENCH_TTY_MB", 100) * 1_000_000);
    let lines = len / LINE.len();
    std::fs::write(&file, LINE.repeat(lines)).expect("room for the file");
    // The terminal turns each newline into two bytes.
    let expected = lines * (LINE.len() + 1);
    let file = file.to_str().expect("UTF-8");
    let on_terminal = |command: &mut Command| {
        let (master, slave) = pty();
        let on = || Stdio::from(slave.try_clone().expect("a descriptor more"));
        let mut child = command.stdin(on()).stdout(on()).stderr(on()).spawn().expect("it starts");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        drop(slave);
        assert_eq!(drain(File::from(master)), expected);
        assert!(child.wait().expect("our child").success());
    };
    let copier = || on_terminal(Command::new(itself()).args(["copier", file]));
    let script = || on_terminal(Command::new("script").args(["-qec", &format!("cat {file}"), "/dev/null"]));
    let hushlog = || on_terminal(run(secrets).args(["cat", file]));
    let title = format!("{} MB through a terminal", len / 1_000_000);
    compare(&title, &[("a plain copier", &copier), ("script -qec", &script), ("hushlog run -- cat FILE", &hushlog)]);
}

fn pty() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).expect("a pseudo-terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
    let slave = ioctl_tiocgptpeer(&master, flags).expect("its other side");
    (master, slave)
}

/// The speed limit of a pseudo-terminal before the real one: `cat FILE` on one, copied to the raw
/// terminal.
fn copier(file: &str) {
    let modes = tcgetattr(std::io::stdin()).expect("a terminal");
    let mut raw = modes.clone();
    raw.make_raw();
    tcsetattr(std::io::stdin(), OptionalActions::Drain, &raw).expect("it can be raw");
    let (master, slave) = pty();
    let mut cat = Command::new("cat").arg(file).stdout(slave).spawn().expect("it starts");
    let (mut from, mut to, mut buffer) = (File::from(master), File::from(dup(std::io::stdout())), vec![0; 128 << 10]);
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        to.write_all(&buffer[..len]).expect("a terminal");
    }
    assert!(cat.wait().expect("our child").success());
    tcsetattr(std::io::stdin(), OptionalActions::Drain, &modes).expect("it can be as before");
}
