//! Runs the program as a user would.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod session;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The path of the program: the one built with the tests, or another one, such as the release
/// build's. Linking that takes minutes, and the tests need not be linked the same way.
pub(crate) const HUSHLOG: &str = match option_env!("HUSHLOG_TESTED") {
    Some(path) => path,
    None => env!("CARGO_BIN_EXE_hushlog"),
};

/// Whether this is a release build, which lacks hooks of the tests such as a deliberate panic.
pub(crate) const IS_RELEASED: bool = option_env!("HUSHLOG_TESTED").is_some() || !cfg!(debug_assertions);

/// Raises a flag when it goes out of scope, also if the test has failed: a scope of threads that
/// run until then would wait for ever.
pub(crate) struct Raise<'a>(pub(crate) &'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Kills a program when it goes out of scope, also if the test has failed.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a process this signal by the shell's built-in `kill`: no package of every machine contains
/// the program.
pub(crate) fn kill(pid: u32, signal: &str) {
    let status = Command::new("sh").args(["-c", "kill -\"$0\" \"$1\"", signal, &pid.to_string()]).status();
    assert!(status.expect("a shell").success(), "no process {pid} for {signal}");
}

/// The end of a run, and its complete output.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Ran {
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails unless the run ended with this status; shows the messages, which hold no secret.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "signal {:?}, said {}", self.signal, self.err());
        self
    }

    /// Fails unless standard error holds this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Ran {
        assert!(self.err().contains(text), "said {}", self.err());
        self
    }
}

/// The program, with an empty environment.
pub(crate) fn hushlog<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(HUSHLOG);
    command.env_clear().args(args);
    command
}

/// A shell script; `hushlog` is the program in it.
pub(crate) fn script(text: &str) -> Command {
    let mut command = Command::new("bash");
    let path = std::env::var("PATH").unwrap_or_default();
    let own = std::path::Path::new(HUSHLOG).parent().expect("it is a file").display();
    command.env_clear().env("PATH", format!("{own}:{path}")).args(["-c", text]);
    command
}

/// Runs to the end with this input.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ran {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // The program may end without reading.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    Ran { code: output.status.code(), signal: output.status.signal(), stdout: output.stdout, stderr: output.stderr }
}

/// Like `run`, but kills a program that has not ended and closed both outputs in time, and fails
/// the test.
#[track_caller]
pub(crate) fn run_within(command: &mut Command, input: &[u8], limit: Duration) -> Ran {
    let start = Instant::now();
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the program starts");
    let (mut stdin, input) = (child.stdin.take().expect("it is piped"), input.to_owned());
    std::thread::spawn(move || drop(stdin.write_all(&input)));
    let stdout = read_aside(child.stdout.take().expect("it is piped"));
    let stderr = read_aside(child.stderr.take().expect("it is piped"));
    let status = ends_within(&mut child, limit);
    let left = || limit.saturating_sub(start.elapsed()).max(Duration::from_millis(1));
    let stdout = stdout.recv_timeout(left()).unwrap_or_else(|_| panic!("somebody keeps stdout open for {limit:?}"));
    let stderr = stderr.recv_timeout(left()).unwrap_or_else(|_| panic!("somebody keeps stderr open for {limit:?}"));
    Ran { code: status.code(), signal: status.signal(), stdout, stderr }
}

/// Sends everything read from there, once it has ended.
pub(crate) fn read_aside(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        sender.send(bytes)
    });
    receiver
}

/// The limit of every wait for another process.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a condition.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for its end; kills it, and fails, if that takes longer.
#[track_caller]
pub(crate) fn ends_within(child: &mut Child, limit: Duration) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status;
        }
        if start.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            panic!("still running after {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs to the end with standard input at the beginning of this file; also returns the number of
/// bytes read.
pub(crate) fn run_reading(command: &mut Command, path: &std::path::Path) -> (Ran, u64) {
    use std::io::Seek;
    let mut file = std::fs::File::open(path).expect("the test made it");
    let output = command.stdin(file.try_clone().expect("descriptors are left")).output().expect("the program runs");
    // The position belongs to the open file, which the program shared.
    let read = file.stream_position().expect("a file has a position");
    (
        Ran {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: output.stdout,
            stderr: output.stderr,
        },
        read,
    )
}
