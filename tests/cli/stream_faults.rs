//! Faults of the filter's descriptors on a hostile or unlucky machine (docs/faults.md, I01 to I22),
//! and the invariants then.
//!
//! The long waits of that list are shorter here. There are no timers, so the invariants do not
//! depend on them.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::program::HUSHLOG;
use crate::program::session::needs;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{Pid, Signal, kill_process};

/// The one secret of the program under test, passed in the environment. No output may show it.
const CANARY: &str = "hunter2-prod-key";
const MASK: &str = "[REDACTED:CANARY_TOKEN]";

/// The filter; each standard stream is a pipe unless the caller replaces it.
fn filter() -> Command {
    armed(Command::new(HUSHLOG))
}

/// The filter under another program, which gets these arguments before it.
fn filter_under(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).arg(HUSHLOG);
    armed(command)
}

fn armed(mut command: Command) -> Command {
    command.args(["--env", "CANARY_TOKEN"]).env("CANARY_TOKEN", CANARY).env("RUST_BACKTRACE", "full");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A log in which the secret occurs at distances of 8 KiB and of 80 KiB, so that every output path
/// is used; and the expected output.
fn log(lines: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut text, mut redacted) = (Vec::new(), Vec::new());
    for n in 0..lines {
        for (out, token) in [(&mut text, CANARY), (&mut redacted, MASK)] {
            let token = if n % 100 == 7 && (n % 1_000 == 7 || n % 3_000 < 1_000) { token } else { "hunter2-prod-kex" };
            writeln!(out, "2026-11-23T19:06:00Z app[{n}]: GET /v1/items?id={n} token={token} 200").expect("a vector");
        }
    }
    (text, redacted)
}

/// Writes all of it, or as much as the filter accepts, in a thread.
fn feed(child: &mut Child, text: Vec<u8>) -> std::thread::JoinHandle<()> {
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::spawn(move || drop(stdin.write_all(&text)))
}

/// Runs a filter over `text`, to its end.
fn run(mut command: Command, text: &[u8]) -> Output {
    let mut child = command.spawn().expect("the program starts");
    let feeding = feed(&mut child, text.to_vec());
    let output = child.wait_with_output().expect("it ends");
    feeding.join().expect("the feeding thread ends");
    output
}

/// Waits for the program's end. The limit is far above the time it takes on a busy machine.
fn wait(child: &mut Child) -> std::process::ExitStatus {
    const LIMIT: Duration = Duration::from_secs(30);
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("our child") {
            return status;
        }
        assert!(start.elapsed() < LIMIT, "still running after {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asserts that all messages are the program's own, without the secret, a panic or a trace.
fn assert_clean(stderr: &[u8]) {
    let text = String::from_utf8_lossy(stderr);
    assert!(!text.contains(CANARY) && !text.contains("hunter2"), "the message shows data");
    assert!(!text.contains("panicked") && !text.contains("backtrace"), "it panicked: {text}");
}

/// Asserts the status for failed input or output, and a message about the failure.
fn assert_failed(output: &Output, message: &str) {
    assert_clean(&output.stderr);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.to_lowercase().contains(message), "no word of `{message}`: {text}");
}

fn assert_exact(output: &Output, expected: &[u8]) {
    assert_clean(&output.stderr);
    assert!(output.status.success(), "{:?}", output.status);
    assert!(output.stdout == expected, "{} bytes came out, {} expected", output.stdout.len(), expected.len());
}

/// Whether a program is installed; reports it if not, because a test that does not run proves
/// nothing.
fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        crate::program::session::without(program);
    }
    found
}

/// A pipe of this size, its ends non-blocking where requested.
fn pipe(len: usize, read_nonblock: bool, write_nonblock: bool) -> (OwnedFd, OwnedFd) {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    fcntl_setpipe_size(&reader, len).expect("a size that is allowed");
    for (end, nonblock) in [(&reader, read_nonblock), (&writer, write_nonblock)] {
        let flags = fcntl_getfl(end).expect("an open descriptor");
        fcntl_setfl(end, flags | if nonblock { OFlags::NONBLOCK } else { OFlags::empty() }).expect("it can be set");
    }
    (reader, writer)
}

/// Reads to the end, some bytes at a time, with a pause now and then.
fn read_slowly(reader: OwnedFd, len: usize, pause: Duration) -> Vec<u8> {
    let (mut file, mut out, mut buffer) = (File::from(reader), Vec::new(), vec![0; len]);
    loop {
        let len = file.read(&mut buffer).expect("a blocking pipe");
        if len == 0 {
            return out;
        }
        out.extend_from_slice(&buffer[..len]);
        std::thread::sleep(pause);
    }
}

/// The usage of a process from `/proc`: (processor time in clock ticks of 10 ms, peak resident
/// memory in KiB).
fn usage(child: &Child) -> (u64, u64) {
    let proc = Path::new("/proc").join(child.id().to_string());
    let stat = std::fs::read_to_string(proc.join("stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_ascii_whitespace().collect();
    let ticks = fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    let status = std::fs::read_to_string(proc.join("status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a field of all processes");
    (ticks, peak.trim_end_matches("kB").trim().parse().expect("a number"))
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

/// I01, I03: a slow reader behind a small pipe, blocking or not, so that writes are short or
/// refused.
#[test]
fn i01_i03_short_and_refused_writes() {
    let (text, expected) = log(3_000);
    for nonblock in [false, true] {
        let (reader, writer) = pipe(4_096, false, nonblock);
        let mut command = filter();
        command.stdout(writer);
        let mut child = command.spawn().expect("the program starts");
        drop(command);
        let feeding = feed(&mut child, text.clone());
        std::thread::sleep(Duration::from_millis(300));
        let stdout = read_slowly(reader, 1_999, Duration::from_micros(100));
        let output = Output { stdout, ..child.wait_with_output().expect("it ends") };
        assert_exact(&output, &expected);
        feeding.join().expect("the feeding thread ends");
    }
}

/// The flag belongs to the shared file: changing it would make the other processes' reads and
/// writes fail.
#[test]
fn i03_flags_are_left_alone() {
    for nonblock in [false, true] {
        let (reader, writer) = pipe(65_536, false, nonblock);
        let shared = writer.try_clone().expect("a descriptor more");
        let before = fcntl_getfl(&shared).expect("open");
        let mut command = filter();
        command.stdout(writer).stdin(File::open("/dev/null").expect("it is there"));
        assert!(command.status().expect("the program starts").success());
        assert_eq!(fcntl_getfl(&shared).expect("open"), before);
        drop(reader);
    }
}

/// I02: every kind of call that moves data is interrupted repeatedly.
#[test]
fn i02_interrupted_calls() {
    needs!("strace");
    let (text, expected) = log(60_000);
    // The first reads are those of the loader, which does not expect this.
    for (calls, from) in [("read,write,writev,vmsplice", 8), ("read", 8), ("write,writev,vmsplice", 1)] {
        let inject = format!("inject={calls}:error=EINTR:when={from}..300+3");
        let trace = format!("trace={calls}");
        let strace = filter_under("strace", &["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
        assert_exact(&run(strace, &text), &expected);
    }
}

/// Calls that only improve speed are unavailable, from the start or suddenly: the filter is then
/// slower.
#[test]
fn refused_calls() {
    needs!("strace");
    let (text, expected) = log(60_000);
    let calls = [
        "vmsplice:error=ENOSYS",
        "vmsplice:error=EINVAL:when=4+",
        "vmsplice:error=EAGAIN:when=1..9+2",
        "madvise:error=EINVAL",
    ];
    for inject in calls {
        let (trace, inject) = (inject.split_once(':').expect("a call and its error").0, format!("inject={inject}"));
        let trace = format!("trace={trace}");
        let strace = filter_under("strace", &["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
        assert_exact(&run(strace, &text), &expected);
    }
}

/// I04: the filter waits for an empty non-blocking input, without polling it.
#[test]
fn i04_nonblocking_input_is_waited_for() {
    let (reader, writer) = pipe(65_536, true, false);
    let mut command = filter();
    command.stdin(reader);
    let child = command.spawn().expect("the program starts");
    drop(command);
    std::thread::sleep(Duration::from_millis(300));
    let before = usage(&child).0;
    std::thread::sleep(Duration::from_secs(1));
    let ticks = usage(&child).0 - before;
    assert!(ticks < 5, "{ticks}% of a processor while there was nothing to do");
    File::from(writer).write_all(CANARY.as_bytes()).expect("room in the pipe");
    assert_exact(&child.wait_with_output().expect("it ends"), MASK.as_bytes());
}

/// I05: closed standard streams.
#[test]
fn i05_closed_descriptors() {
    let closed = |redirection: &str| {
        let script = format!("exec \"$0\" \"$@\" {redirection}");
        let mut shell = filter_under("sh", &["-c", &script]);
        shell.stdin(File::open("/dev/null").expect("it is there"));
        shell.output().expect("a shell")
    };
    assert_failed(&closed(">&-"), "output");
    assert_failed(&closed("<&-"), "input");
    assert_eq!(closed("2>&-").status.code(), Some(0));
    let unreadable = closed("0>/dev/null");
    assert_failed(&unreadable, "input");
}

/// I06, I08: full outputs, whether or not the message about them can be written.
#[test]
fn i06_i08_full_outputs() {
    let (text, expected) = log(3_000);
    let full = || File::options().write(true).open("/dev/full").expect("it is there");
    let mut command = filter();
    command.stdout(full());
    assert_failed(&run(command, &text), "no space left");

    for closed_stderr in [false, true] {
        let mut command = filter();
        command.stdout(full());
        let (reader, writer) = pipe(4_096, false, false);
        drop(reader);
        command.stderr(if closed_stderr { Stdio::from(writer) } else { Stdio::from(full()) });
        assert_eq!(run(command, &text).status.code(), Some(3));
    }

    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut command = filter_under("prlimit", &["--fsize=1000"]);
    command.stdout(file.reopen().expect("just made"));
    assert_failed(&run(command, &text), "file too large");
    assert!(std::fs::read(file.path()).expect("just made") == expected[..1000]);
}

/// I06: a small file system fills up. It is mounted in a private namespace.
#[test]
fn i06_full_file_system() {
    needs!("mounts");
    let (text, expected) = log(3_000);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = "mount -t tmpfs -o size=64k none \"$0\" 2>/dev/null || exit 77\n\
                  \"$@\" >\"$0/out\"; status=$?\ncat \"$0/out\"; exit $status";
    let path = directory.path().to_str().expect("a plain name");
    let output = run(filter_under("unshare", &["-m", "sh", "-c", script, path]), &text);
    assert!(!matches!(output.status.code(), Some(1 | 77)), "root can mount");
    assert_failed(&output, "no space left");
    assert!(output.stdout.len() >= 60_000 && expected.starts_with(&output.stdout));
}

/// I07: the reader leaves an endless stream.
#[test]
fn i07_a_reader_that_leaves_ends_the_filter_quietly() {
    let mut command = filter();
    command.stdin(File::open("/dev/zero").expect("it is there"));
    let mut child = command.spawn().expect("the program starts");
    child.stdout.take().expect("a pipe").read_exact(&mut [0; 100]).expect("zeros");
    let status = wait(&mut child);
    // As `cat` ends, or quietly.
    assert!(status.success() || status.signal() == Some(Signal::PIPE.as_raw()), "{status:?}");
    let mut stderr = Vec::new();
    child.stderr.take().expect("a pipe").read_to_end(&mut stderr).expect("a pipe");
    assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
}

/// I09: reading fails, at once or in the middle. The data before that is safe, and is emitted.
#[test]
fn i09_failing_reads() {
    needs!("strace");
    let mut command = filter();
    command.stdin(File::open("/").expect("it is there"));
    assert_failed(&command.output().expect("the program starts"), "is a directory");

    let (text, expected) = log(20_000);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &text).expect("room for it");
    let path = file.path().to_str().expect("a plain name");
    let args = ["-f", "-o", "/dev/null", "-P", path, "-e", "trace=read", "-e", "inject=read:error=EIO:when=5"];
    let mut strace = filter_under("strace", &args);
    strace.stdin(File::open(file.path()).expect("just made"));
    let output = strace.output().expect("strace starts");
    assert_failed(&output, "input/output error");
    assert!(output.stdout.len() > 100_000, "four reads went well, {} bytes came out", output.stdout.len());
    assert_prefix_of_stopped(&output.stdout, &expected);
}

/// The last bytes of a stopped stream may be the mask of a partial match, or a shorter beginning of
/// the secret.
fn assert_prefix_of_stopped(stdout: &[u8], expected: &[u8]) {
    let agreed = stdout.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let rest = &stdout[agreed..];
    assert!(rest.is_empty() || stdout.ends_with(MASK.as_bytes()) && rest.len() <= MASK.len(), "not a prefix");
    assert!(!stdout.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "the secret came out");
}

/// I10, I11: after a signal at any time, the output is a prefix of the right one.
#[test]
fn i10_i11_signals_at_any_time() {
    let (text, expected) = log(30_000);
    for n in 0..60 {
        let mut child = filter().spawn().expect("the program starts");
        let feeding = feed(&mut child, text.clone());
        let stdout = child.stdout.take().expect("a pipe");
        let reading = std::thread::spawn(move || read_slowly(stdout.into(), 50_000, Duration::from_micros(200)));
        std::thread::sleep(Duration::from_micros(n * 700));
        let which = [Signal::TERM, Signal::INT, Signal::HUP, Signal::KILL][n as usize % 4];
        signal(&child, which);
        let status = wait(&mut child);
        assert!(status.success() || status.signal() == Some(which.as_raw()), "{status:?}");
        let stdout = reading.join().expect("the reading thread ends");
        assert!(expected.starts_with(&stdout), "{which:?} after {n}: not a beginning of the right output");
        feeding.join().expect("the feeding thread ends");
    }
}

/// I11: killed before the n-th call that moves data.
#[test]
fn i11_killed_at_the_nth_call() {
    needs!("strace");
    let (text, expected) = log(10_000);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &text).expect("room for it");
    let mut ends = Vec::new();
    for n in 1..200 {
        let inject = format!("inject=write,writev,vmsplice:signal=KILL:when={n}");
        let args = ["-f", "-o", "/dev/null", "-e", "trace=write,writev,vmsplice", "-e", &inject];
        let mut strace = filter_under("strace", &args);
        strace.stdin(File::open(file.path()).expect("just made"));
        let output = strace.output().expect("strace starts");
        assert!(expected.starts_with(&output.stdout), "killed at call {n}: not a beginning of the right output");
        assert_clean(&output.stderr);
        ends.push(output.stdout.len());
        if output.status.success() {
            assert_eq!(output.stdout.len(), expected.len());
            break;
        }
    }
    assert!(ends.is_sorted() && ends.len() > 3, "it was never killed in between: {ends:?}");
    assert_eq!(ends.last(), Some(&expected.len()), "it was always killed");
}

/// I12: stopped for a while.
#[test]
fn i12_stopped_and_continued() {
    let (text, expected) = log(30_000);
    let mut child = filter().spawn().expect("the program starts");
    let feeding = feed(&mut child, text);
    signal(&child, Signal::STOP);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::CONT);
    assert_exact(&child.wait_with_output().expect("it ends"), &expected);
    feeding.join().expect("the feeding thread ends");
}

/// I13: a slow reader applies backpressure; no data is lost, and none piles up.
#[test]
fn i13_a_slow_reader_holds_the_writer_up() {
    let mut child = filter().spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let (text, expected) = log(100);
    let (sent, sending) = std::sync::mpsc::channel();
    let feeding = std::thread::spawn(move || {
        for n in 0..8_000 {
            stdin.write_all(&text).expect("it is read to the end");
            let _ = sent.send(n);
        }
    });
    std::thread::sleep(Duration::from_secs(1));
    let taken = sending.try_iter().count();
    let before = usage(&child).1;
    assert!(taken * expected.len() < 16 << 20, "{taken} logs were taken in while nobody read");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut piece = vec![0; expected.len()];
    let mut after = 0;
    for n in 0..8_000 {
        stdout.read_exact(&mut piece).expect("as much as was sent");
        assert!(piece == expected, "log {n}");
        if n == 7_500 {
            after = usage(&child).1;
        }
    }
    assert!(after < before.max(8 << 10) + (12 << 10), "from {before} KiB to {after} KiB");
    feeding.join().expect("the feeding thread ends");
    assert!(wait(&mut child).success());
}

/// I14, I15: a prompt is emitted at once; half a secret is not, however long the other half takes.
#[test]
fn i14_i15_prompts_and_halves() {
    let mut child = filter().spawn().expect("the program starts");
    let (mut stdin, mut stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    stdin.write_all(b"Password: ").expect("a pipe");
    let mut prompt = [0; 10];
    stdout.read_exact(&mut prompt).expect("a prompt, though nothing comes behind it");

    let (half, rest) = CANARY.split_at(9);
    stdin.write_all(half.as_bytes()).expect("a pipe");
    std::thread::sleep(Duration::from_secs(2));
    let flags = fcntl_getfl(stdout.as_fd()).expect("open");
    fcntl_setfl(stdout.as_fd(), flags | OFlags::NONBLOCK).expect("a pipe of ours");
    assert!(stdout.read(&mut prompt).is_err(), "something of the first half came out");
    fcntl_setfl(stdout.as_fd(), flags).expect("a pipe of ours");
    stdin.write_all(rest.as_bytes()).expect("a pipe");
    drop(stdin);
    let mut out = Vec::new();
    stdout.read_to_end(&mut out).expect("a pipe");
    assert!(out == MASK.as_bytes());
    assert!(wait(&mut child).success());
}

/// I16: line release holds an unfinished line completely, and the end of the stream ends it.
#[test]
fn i16_line_release() {
    let mut command = filter();
    command.args(["--release", "line"]);
    let mut child = command.spawn().expect("the program starts");
    let (mut stdin, mut stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    stdin.write_all(b"one\ntwo hunter2-").expect("a pipe");
    let mut line = [0; 4];
    stdout.read_exact(&mut line).expect("a line");
    std::thread::sleep(Duration::from_millis(300));
    let flags = fcntl_getfl(stdout.as_fd()).expect("open");
    fcntl_setfl(stdout.as_fd(), flags | OFlags::NONBLOCK).expect("a pipe of ours");
    assert!(stdout.read(&mut line).is_err(), "something of an unfinished line came out");
    fcntl_setfl(stdout.as_fd(), flags).expect("a pipe of ours");
    drop(stdin);
    let mut out = Vec::new();
    stdout.read_to_end(&mut out).expect("a pipe");
    assert!(out == [b"two ", MASK.as_bytes()].concat(), "the partial match of 8 bytes is masked, the line unfinished");
    assert!(wait(&mut child).success());

    let (text, expected) = log(20_000);
    let mut command = filter();
    command.args(["--release", "line"]);
    assert_exact(&run(command, &text), &expected);
}

/// I17: little inputs.
#[test]
fn i17_little_inputs() {
    for text in ["", "no newline", "\0", "\n", "\r", "\u{feff}", "hunter2"] {
        for release in ["exact", "line"] {
            let mut command = filter();
            command.args(["--release", release]);
            assert_exact(&run(command, text.as_bytes()), text.as_bytes());
        }
    }
}

/// I18, I19: little memory, few descriptors. The filter works or reports the reason; nothing passes
/// unsearched.
#[test]
fn i18_i19_little_memory_and_few_descriptors() {
    let (text, expected) = log(30_000);
    for limit in
        ["--as=200000000", "--as=40000000", "--as=10000000", "--nofile=4", "--nofile=3", "--nproc=1", "--memlock=0"]
    {
        let output = run(filter_under("prlimit", &[limit]), &text);
        assert!(!String::from_utf8_lossy(&output.stderr).contains(CANARY));
        assert!(expected.starts_with(&output.stdout), "{limit}: not a beginning of the right output");
        assert_eq!(output.status.success(), output.stdout.len() == expected.len(), "{limit}");
        // With too little room for the program itself, the kernel kills it before it begins.
        let never_began = output.status.signal().is_some() && output.stdout.is_empty();
        assert!(
            output.status.success() || never_began || !output.stderr.is_empty(),
            "{limit}: it failed without a word"
        );
    }
}

/// Every kind of input and output, in all combinations.
#[test]
fn files_pipes_sockets_and_terminals() {
    let (text, expected) = log(5_000);
    let input = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(input.path(), &text).expect("room for it");

    let output = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut command = filter();
    command.stdin(input.reopen().expect("just made")).stdout(output.reopen().expect("just made"));
    assert!(command.status().expect("the program starts").success());
    assert!(std::fs::read(output.path()).expect("just made") == expected);

    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
    let mut command = filter();
    command.stdin(OwnedFd::from(theirs.try_clone().expect("a descriptor more"))).stdout(OwnedFd::from(theirs));
    let mut child = command.spawn().expect("the program starts");
    drop(command);
    let mut writing = ours.try_clone().expect("a descriptor more");
    let feeding = std::thread::spawn(move || {
        writing.write_all(&text).expect("it is read");
        writing.shutdown(std::net::Shutdown::Write).expect("connected");
    });
    let mut out = Vec::new();
    (&ours).read_to_end(&mut out).expect("connected");
    assert!(out == expected);
    assert!(wait(&mut child).success());
    feeding.join().expect("the feeding thread ends");

    if installed("script") {
        let mut shell = Command::new("script");
        let filter = format!("{HUSHLOG} --quiet --env CANARY_TOKEN < '{}'", input.path().display());
        shell.args(["-qec", &filter, "/dev/null"]).env("CANARY_TOKEN", CANARY).stdin(Stdio::null());
        let out = shell.output().expect("a terminal").stdout;
        let out: Vec<u8> = out.into_iter().filter(|&byte| byte != b'\r').collect();
        assert!(out == expected);
    }
}

/// A reader that keeps pages of the pipe, by `tee`, and reads them much later, must not see other
/// bytes then. If the filter reused a buffer after the pipe was emptied, the reader would see later
/// raw input.
#[test]
fn pages_that_a_reader_keeps_never_change() {
    let (text, expected) = log(60_000);
    let mut child = filter().spawn().expect("the program starts");
    let feeding = feed(&mut child, text);
    let mut stdout = child.stdout.take().expect("a pipe");
    let (kept, keeping) = pipe(1 << 20, false, false);
    // First the stream becomes busy, and so begins to pass pages without copying.
    let mut seen = vec![0; 1 << 20];
    stdout.read_exact(&mut seen).expect("more than that");
    let mut kept_len = 0;
    while kept_len < 256 << 10 {
        let len =
            rustix::pipe::tee(&stdout, &keeping, (256 << 10) - kept_len, SpliceFlags::empty()).expect("two pipes");
        let mut piece = vec![0; len];
        stdout.read_exact(&mut piece).expect("it is there");
        seen.extend_from_slice(&piece);
        kept_len += len;
    }
    drop(keeping);
    stdout.read_to_end(&mut seen).expect("a pipe");
    assert!(seen == expected);
    let mut later = Vec::new();
    File::from(kept).read_to_end(&mut later).expect("a pipe");
    assert!(later == expected[1 << 20..][..kept_len], "kept pages changed");
    feeding.join().expect("the feeding thread ends");
    assert!(wait(&mut child).success());
}

/// I22, short: a long text, cut at random on both sides, through flat memory.
#[test]
fn i22_soak() {
    let rounds = std::env::var("HUSHLOG_SOAK_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(64);
    let (text, expected) = log(12_000);
    let mut child = filter().spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeding = std::thread::spawn(move || {
        let mut cut = 1_usize;
        for _ in 0..rounds {
            let mut rest = &text[..];
            while !rest.is_empty() {
                cut = cut.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (piece, behind) = rest.split_at((1 + (cut >> 33) % 300_000).min(rest.len()));
                stdin.write_all(piece).expect("it is read to the end");
                rest = behind;
            }
        }
    });
    let mut stdout = child.stdout.take().expect("a pipe");
    let (mut piece, mut early, mut late) = (vec![0; expected.len()], 0, 0);
    for round in 0..rounds {
        stdout.read_exact(&mut piece).expect("as much as was sent");
        assert!(piece == expected, "round {round}");
        match round {
            _ if round == rounds / 4 => early = usage(&child).1,
            _ if round == rounds * 7 / 8 => late = usage(&child).1,
            _ => {}
        }
    }
    assert!(0 < early && late <= early + 1_024, "peak memory rose from {early} to {late} KiB");
    feeding.join().expect("the feeding thread ends");
    assert!(wait(&mut child).success());
}
