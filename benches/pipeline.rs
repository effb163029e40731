//! The whole program in a pipeline, against `cat` and against a plain copier with pipes of the same
//! size.
//!
//! `cargo bench --bench pipeline`. Settings: `HUSHLOG_CORPUS`, a directory of real logs to repeat
//! in place of generated ones; `HUSHLOG_BENCH_MIB` (512), `HUSHLOG_BENCH_ROUNDS` (9),
//! `HUSHLOG_BENCH_SECRETS` (100, with all their forms).
//!
//! Wall time is that of the whole pipeline; processor time is that of the program in its middle.

mod program;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use program::{setting, write_log};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// The ends to the left and right of the program.
#[derive(Clone, Copy, Debug)]
enum Route {
    PipeToPipe,
    FileToPipe,
    PipeToFile,
    SocketToSocket,
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("copier") {
        return copier();
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (log, secrets, output) =
        (scratch.path().join("log"), scratch.path().join("secrets"), scratch.path().join("output"));
    std::fs::create_dir(&secrets).expect("a directory");
    program::write_secrets(&secrets, setting("HUSHLOG_BENCH_SECRETS", 100));
    let bytes = write_log(&log, setting("HUSHLOG_BENCH_MIB", 512) << 20);
    assert_unchanged(&secrets, &log);
    println!("{:.0} MB, {} rounds", bytes as f64 / 1e6, setting("HUSHLOG_BENCH_ROUNDS", 9));
    for route in [Route::PipeToPipe, Route::FileToPipe, Route::PipeToFile, Route::SocketToSocket] {
        compare(route, &secrets, &log, &output, bytes);
    }
}

/// Copies with a buffer of 128 KiB, between pipes of 1 MiB where the ends are pipes.
fn copier() {
    let (mut input, mut output) = (std::io::stdin(), File::from(dup(std::io::stdout())));
    for pipe in [dup(&input), dup(&output)] {
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, 1 << 20);
    }
    let mut buffer = vec![0; 128 << 10];
    let mut input = File::from(dup(&mut input));
    loop {
        match input.read(&mut buffer).expect("a readable input") {
            0 => return,
            len => output.write_all(&buffer[..len]).expect("a writable output"),
        }
    }
}

fn dup(stream: impl std::os::fd::AsFd) -> OwnedFd {
    stream.as_fd().try_clone_to_owned().expect("a descriptor more")
}

/// Checks that the log, which holds no secret, passes unchanged.
fn assert_unchanged(secrets: &Path, log: &Path) {
    let mut child = spawn(program::hushlog(secrets), open(log).into(), Stdio::piped());
    let (mut expected, mut output) = (open(log), child.stdout.take().expect("a pipe"));
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let len = output.read(&mut left).expect("a pipe");
        if len == 0 {
            break;
        }
        expected.read_exact(&mut right[..len]).expect("output no longer than the input");
        assert!(left[..len] == right[..len], "the output differs from the input");
    }
    assert_eq!(expected.read(&mut right).expect("a readable log"), 0, "the output is shorter than the input");
    assert!(child.wait().expect("our child").success());
}

fn open(path: &Path) -> File {
    File::open(path).expect("just made")
}

fn spawn(mut command: Command, input: Stdio, output: Stdio) -> Child {
    command.stdin(input).stdout(output).spawn().expect("the program starts")
}

/// Runs the programs in turn, and prints their medians.
fn compare(route: Route, secrets: &Path, log: &Path, output: &Path, bytes: usize) {
    let copier = || {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg("copier");
        command
    };
    let programs: [(&str, &dyn Fn() -> Command); 3] =
        [("cat", &|| Command::new("cat")), ("copier", &copier), ("hushlog", &|| program::hushlog(secrets))];
    let mut figures = [const { (Vec::new(), Vec::new()) }; 3];
    for _ in 0..setting("HUSHLOG_BENCH_ROUNDS", 9) {
        for ((_, program), (wall, processor)) in programs.iter().zip(&mut figures) {
            let start = Instant::now();
            let seconds = run(route, program(), log, output);
            wall.push(start.elapsed().as_secs_f64());
            processor.push(seconds);
        }
    }
    println!("\n{route:?}         median ms     of cat's   s of processor per GB");
    let medians = figures
        .map(|(mut wall, mut processor)| (program::per_mille(&mut wall, 500), program::per_mille(&mut processor, 500)));
    for ((name, _), (wall, processor)) in programs.iter().zip(medians) {
        let per_gb = processor / (bytes as f64 / 1e9);
        println!("{name:<16} {:>12.1} {:>12.3} {per_gb:>12.3}", wall * 1e3, wall / medians[0].0);
    }
    println!("hushlog to copier: {:.3}", medians[2].0 / medians[1].0);
}

/// Runs one program, and returns its processor time in seconds.
fn run(route: Route, program: Command, log: &Path, output: &Path) -> f64 {
    let cat = |input: Stdio, output: Stdio| spawn(Command::new("cat"), input, output);
    let mut first = match route {
        Route::FileToPipe => None,
        Route::SocketToSocket => {
            let (left, right) = UnixStream::pair().expect("a pair of sockets");
            let child = cat(open(log).into(), OwnedFd::from(left).into());
            Some((child, Stdio::from(OwnedFd::from(right))))
        }
        Route::PipeToPipe | Route::PipeToFile => {
            let mut child = cat(open(log).into(), Stdio::piped());
            let pipe = child.stdout.take().expect("a pipe");
            Some((child, pipe.into()))
        }
    };
    let input = match &mut first {
        Some((_, pipe)) => std::mem::replace(pipe, Stdio::null()),
        None => open(log).into(),
    };
    let (mut middle, last) = match route {
        Route::PipeToFile => (spawn(program, input, File::create(output).expect("a new file").into()), None),
        Route::SocketToSocket => {
            let (left, right) = UnixStream::pair().expect("a pair of sockets");
            let middle = spawn(program, input, OwnedFd::from(left).into());
            (middle, Some(cat(OwnedFd::from(right).into(), Stdio::null())))
        }
        Route::PipeToPipe | Route::FileToPipe => {
            let mut middle = spawn(program, input, Stdio::piped());
            let pipe = middle.stdout.take().expect("a pipe");
            (middle, Some(cat(pipe.into(), Stdio::null())))
        }
    };
    let seconds = end(&mut middle);
    for mut child in first.map(|(child, _)| child).into_iter().chain(last) {
        end(&mut child);
    }
    seconds
}

/// Waits for a program's successful end, and returns its processor time in seconds.
fn end(child: &mut Child) -> f64 {
    let pid = Pid::from_child(child);
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).expect("our child");
    // Not reaped yet, so its figures still exist.
    let figures = std::fs::read_to_string(format!("/proc/{}/schedstat", child.id())).expect("scheduler statistics");
    let nanoseconds: f64 = figures.split_whitespace().next().expect("a figure").parse().expect("a number");
    assert!(child.wait().expect("our child").success());
    nanoseconds / 1e9
}
