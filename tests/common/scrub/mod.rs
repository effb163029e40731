//! Shared by the tests of `hushlog scrub`: its secret, texts with it, runs with a time limit, and
//! private mounts.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod kill;
pub(crate) mod mount;

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{HUSHLOG, Ran};

/// The name of the one secret.
pub(crate) const NAME: &str = "CANARY_TOKEN";
/// The one secret, passed in the environment. No output may show it.
pub(crate) const VALUE: &str = "hunter2-prod-key-canary-4711";
/// Its mask in a file.
pub(crate) const MASK: &str = "[CANARY_TOKEN]**************";

const _: () = assert!(VALUE.len() == MASK.len());

/// The time limit of a run. On an idle machine, no run takes a tenth of it.
pub(crate) const HANGS_AFTER: Duration = Duration::from_secs(60);

/// A text as a scrub has to leave it.
pub(crate) fn masked(text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    for at in memchr::memmem::find_iter(text, VALUE) {
        out[at..at + MASK.len()].copy_from_slice(MASK.as_bytes());
    }
    out
}

/// The number of occurrences of the secret in a text.
pub(crate) fn count(text: &[u8]) -> usize {
    memchr::memmem::find_iter(text, VALUE).count()
}

/// Numbered lines, with the secret in every seventh.
pub(crate) fn log(lines: usize) -> Vec<u8> {
    let mut text = String::new();
    for n in 0..lines {
        text.push_str(&line(n));
    }
    text.into_bytes()
}

/// A line of [`log`].
pub(crate) fn line(n: usize) -> String {
    let mut line = String::with_capacity(96);
    let token = if n % 7 == 3 { VALUE } else { "hunter2-prod-key-canary-471x" };
    writeln!(line, "{n:08} 2026-11-23T19:06:00Z app: GET /v1/items token={token} 200").expect("a string");
    line
}

/// Writes a test's file, with a time so old that no writer is assumed.
pub(crate) fn write_old(path: &Path, text: &[u8]) {
    std::fs::write(path, text).expect("room for a file");
    age(path);
}

/// Sets a file's last modification to an hour ago.
pub(crate) fn age(path: &Path) {
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3_600);
    let file = std::fs::File::options().write(true).open(path).expect("the test's own file");
    file.set_modified(hour_ago).expect("our own file");
}

/// `hushlog scrub` with the secret and these arguments.
pub(crate) fn scrub<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(HUSHLOG);
    command.args(words(args));
    arm(&mut command);
    command
}

/// Like [`scrub`], run by another program with these arguments before it.
pub(crate) fn scrub_under<S: AsRef<OsStr>>(program: &[&str], args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(HUSHLOG).args(words(args));
    arm(&mut command);
    command
}

/// Like [`scrub`], with calls tampered with: `fsync:error=EIO`.
pub(crate) fn scrub_injected<S: AsRef<OsStr>>(injection: &str, args: impl IntoIterator<Item = S>) -> Command {
    let injection = format!("inject={injection}");
    scrub_under(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &injection], args)
}

/// Like [`scrub_injected`], only for calls that concern the file at this path.
pub(crate) fn scrub_injected_at<S: AsRef<OsStr>>(
    path: &Path,
    injection: &str,
    args: impl IntoIterator<Item = S>,
) -> Command {
    let (path, injection) = (path.to_str().expect("a plain name"), format!("inject={injection}"));
    scrub_under(&["strace", "-f", "-qq", "-o", "/dev/null", "-P", path, "-e", &injection], args)
}

fn words<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["scrub", "--env", NAME].map(OsString::from).into();
    words.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
    words
}

fn arm(command: &mut Command) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env(NAME, VALUE).env("RUST_BACKTRACE", "full").current_dir("/");
}

/// Runs to the end; fails on a hang, or if a message shows data or a panic.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Ran {
    let mut child = start(command);
    end(&mut child)
}

/// Starts a program whose output [`end`] collects.
pub(crate) fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// Waits for a program from [`start`] to end.
#[track_caller]
pub(crate) fn end(child: &mut Child) -> Ran {
    fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
        std::thread::spawn(move || {
            let mut out = Vec::new();
            from.read_to_end(&mut out).expect("a pipe");
            out
        })
    }
    let stdout = collect(child.stdout.take().expect("a pipe"));
    let stderr = collect(child.stderr.take().expect("a pipe"));
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("our child") {
            break status;
        }
        if begin.elapsed() > HANGS_AFTER {
            child.kill().expect("it runs still");
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let (stdout, stderr) = (stdout.join().expect("it ends"), stderr.join().expect("it ends"));
    let ran = Ran { code: status.code(), signal: status.signal(), stdout, stderr };
    for text in [ran.out(), ran.err()] {
        assert!(!text.contains("hunter2"), "a message shows data");
        assert!(!text.contains("panicked") && !text.contains("backtrace"), "it panicked: {text}");
    }
    ran
}

/// Fails unless the file holds exactly this text; shows neither.
#[track_caller]
pub(crate) fn assert_file(path: &Path, expected: &[u8]) {
    let found = std::fs::read(path).expect("the test's own file");
    assert_same(&found, expected, &path.display().to_string());
}

/// Fails unless they are equal, and reports where they differ.
#[track_caller]
pub(crate) fn assert_same(found: &[u8], expected: &[u8], what: &str) {
    if found != expected {
        let at = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
        panic!("{what}: {} bytes, {} expected; they differ at {at}", found.len(), expected.len());
    }
}

/// Fails unless each byte of `found` is that of the old text or that of the new one.
#[track_caller]
pub(crate) fn assert_between(found: &[u8], old: &[u8], new: &[u8], what: &str) {
    assert_eq!(found.len(), old.len(), "{what}: the length");
    let strange = found.iter().zip(old.iter().zip(new)).position(|(byte, (old, new))| byte != old && byte != new);
    assert_eq!(strange, None, "{what}: a byte that is neither the old nor the new one");
}

/// Fails unless each place of the secret is masked as a whole or not at all, and all other bytes
/// are unchanged.
#[track_caller]
pub(crate) fn assert_each_old_or_masked(found: &[u8], old: &[u8], what: &str) {
    let mut expected = old.to_vec();
    for at in memchr::memmem::find_iter(old, VALUE) {
        let place = at..at + MASK.len();
        if found.get(place.clone()).is_some_and(|found| found == MASK.as_bytes()) {
            expected[place].copy_from_slice(MASK.as_bytes());
        }
    }
    assert_same(found, &expected, what);
}

/// The attributes of an untouched file: inode, size, owner, mode, links, times of content and of
/// status.
pub(crate) fn state(path: &Path) -> [i64; 10] {
    let found = std::fs::symlink_metadata(path).expect("the test's own file");
    [
        found.ino() as i64,
        found.size() as i64,
        found.uid().into(),
        found.gid().into(),
        found.mode().into(),
        found.nlink() as i64,
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ]
}

/// Adds a test's missing requirement to their list.
pub(crate) fn skipped(why: &str) {
    crate::program::session::without(why);
}

/// Whether the tests run as root; reports it if not.
pub(crate) fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skipped("root");
    }
    root
}

/// Whether these programs are installed; reports it if not.
pub(crate) fn installed(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let found = Command::new("sh").args(["-c", "command -v \"$0\"", program]).output().expect("a shell");
        !found.status.success()
    });
    if let Some(program) = missing {
        skipped(program);
    }
    missing.is_none()
}

/// Runs a tool that has to succeed.
#[track_caller]
pub(crate) fn tool<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Vec<u8> {
    let output = Command::new(program).args(args).output().expect("it is installed");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
