//! The commands that write a registry, killed before each of their system calls, and with each call
//! failing: row R06 of `docs/faults.md`. The registry is the old or the new one, never a third; no
//! error is reported as success; no plain text reaches the disk.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use hushlog::sys::lock;

use crate::program::session::needs;
use crate::program::{self, HUSHLOG, Ran};
use crate::registry::{Content, Desk, have};

const CANARY: &str = "canary-Kp3-8wVbN2";

/// Calls of the loader, the allocator and the runtime, which touch none of the command's files.
const UNTOUCHED: &[&str] = &[
    "arch_prctl",
    "brk",
    "execve",
    "exit_group",
    "futex",
    "getrandom",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "poll",
    "prctl",
    "prlimit64",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "sched_getaffinity",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "mlockall",
    "access",
    "pread64",
    "getrlimit",
    "setrlimit",
    "gettid",
    "getpid",
    "fcntl",
    "ioctl",
    "clone3",
];

/// A command that writes, and its input.
struct Writer {
    args: Vec<String>,
    input: &'static str,
}

/// A directory with everything that the commands need, in its state before each of them.
struct Before {
    desk: Desk,
    text: String,
    content: Content,
}

impl Before {
    fn new() -> Before {
        let desk = Desk::new();
        desk.add("old", b"the old value").ends(0);
        desk.add("other", b"another value").ends(0);
        desk.hushlog(["env", "set", "prod", "COLOUR=red"], b"").ends(0);
        let text = desk.text();
        let content = desk.content().unwrap();
        Before { desk, text, content }
    }

    fn restore(&self) {
        fs::write(self.desk.registry(), &self.text).unwrap();
        let surplus =
            self.desk.files().into_iter().filter(|name| !["alice.txt", "registry.yaml"].contains(&name.as_str()));
        surplus.for_each(|name| fs::remove_file(self.desk.path(&name)).unwrap());
    }

    /// Runs the command under strace with these arguments. The trace is outside the directory, so
    /// that it is not searched.
    fn run(&self, writer: &Writer, words: &[&str]) -> (Ran, String) {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let mut command = self.desk.command("strace");
        command.args(["-f", "-qq", "-o"]).arg(trace.path()).args(words).arg(HUSHLOG).args(&writer.args);
        let ran = program::run(&mut command, writer.input.as_bytes());
        (ran, fs::read_to_string(trace.path()).unwrap())
    }

    /// The number of calls of each kind under test.
    fn calls(&self, writer: &Writer, all: bool) -> (BTreeMap<String, usize>, Content) {
        self.restore();
        let (ran, trace) = self.run(writer, &[]);
        ran.ends(0);
        let mut calls = BTreeMap::new();
        for line in trace.lines() {
            let name = line.split_once(' ').unwrap_or_default().1.trim_start().split('(').next().unwrap();
            if name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
                && name != "execve"
                && (all || !UNTOUCHED.contains(&name))
            {
                *calls.entry(name.to_owned()).or_insert(0) += 1;
            }
        }
        assert!(calls.contains_key("fsync") && calls.contains_key("openat"), "the trace was not understood: {calls:?}");
        (calls, self.desk.content().unwrap())
    }

    /// Asserts that the registry is the old or the new one, complete, and that nothing is in plain
    /// text. Returns whether it is the new one.
    #[track_caller]
    fn check(&self, new: &Content, what: &str) -> bool {
        let content = self.desk.content().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(content == self.content || content == *new, "{what}: neither old nor new");
        assert!(!self.desk.holds(CANARY.as_bytes()), "{what}: plain text on the disk");
        content == *new
    }
}

fn writer(args: &[&str], input: &'static str) -> Writer {
    Writer { args: args.iter().map(|arg| (*arg).to_owned()).collect(), input }
}

/// A small sample of the commands.
fn quick() -> Vec<Writer> {
    vec![writer(&["secret", "add", "new", "--shared", "--value-file", "-"], CANARY)]
}

fn all() -> Vec<Writer> {
    let late = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";
    vec![
        writer(&["secret", "add", "new", "--private", "--value-file", "-"], CANARY),
        writer(&["secret", "edit", "old", "--value-file", "-"], CANARY),
        writer(&["secret", "edit", "old", "--no-install"], ""),
        writer(&["secret", "delete", "old"], ""),
        writer(&["member", "add", "late", late], ""),
        writer(&["env", "set", "prod", "SHAPE=round", "SIZE=large"], ""),
        writer(&["env", "unset", "prod", "COLOUR"], ""),
    ]
}

fn killed_before_each_call(writers: &[Writer], every: bool) {
    let before = Before::new();
    let (mut runs, mut new_seen) = (0, 0);
    for writer in writers {
        let (calls, new) = before.calls(writer, every);
        for (call, count) in calls {
            for number in 1..=count {
                before.restore();
                before.run(writer, &["-e", &format!("inject={call}:signal=KILL:when={number}")]);
                let what = format!("{:?} killed at {call} {number}", writer.args);
                new_seen += usize::from(before.check(&new, &what));
                // Remaining files do not block the next command.
                before.desk.hushlog(["env", "set", "test", "AFTER=all"], b"").ends(0);
                assert_eq!(before.desk.files(), ["alice.txt", "registry.yaml"], "{what}");
                runs += 1;
            }
        }
    }
    println!("killed {runs} times: {new_seen} times the new registry was there");
    assert!(runs > 20 && new_seen > 0 && new_seen < runs);
}

fn with_each_call_failing(writers: &[Writer], errors: &[&str]) {
    let before = Before::new();
    let (mut runs, mut failed) = (0, 0);
    for writer in writers {
        let (calls, new) = before.calls(writer, false);
        for (call, count) in calls {
            for (number, error) in (1..=count).flat_map(|number| errors.iter().map(move |error| (number, error))) {
                before.restore();
                let (ran, _) = before.run(writer, &["-e", &format!("inject={call}:error={error}:when={number}")]);
                let what = format!("{:?} with {error} at {call} {number}", writer.args);
                let is_new = before.check(&new, &what);
                assert!(!ran.err().contains(CANARY), "{what}");
                assert!(ran.code != Some(0) || is_new, "{what}: success was told");
                if ran.signal.is_none() && call != "unlink" {
                    // A lock file that cannot be removed blocks no command.
                    let mut files = before.desk.files();
                    files.retain(|name| name != ".registry.yaml.lock");
                    assert_eq!(files, ["alice.txt", "registry.yaml"], "{what}");
                }
                failed += usize::from(ran.code != Some(0));
                runs += 1;
            }
        }
    }
    println!("{runs} failures, {failed} of them told");
    assert!(failed > 10);
}

#[test]
fn r06_adding_is_killed_before_each_call_that_touches_files() {
    needs!("strace");
    if have("strace") {
        killed_before_each_call(&quick(), false);
    }
}

#[test]
fn r06_adding_has_each_call_fail() {
    needs!("strace");
    if have("strace") {
        with_each_call_failing(&quick(), &["EIO"]);
    }
}

#[test]
#[ignore = "takes minutes: tools/slow runs it"]
fn r06_every_command_is_killed_before_each_call() {
    needs!("strace");
    if have("strace") {
        killed_before_each_call(&all(), false);
        killed_before_each_call(&quick(), true);
    }
}

#[test]
#[ignore = "takes minutes: tools/slow runs it"]
fn r06_every_command_has_each_call_fail() {
    needs!("strace");
    if have("strace") {
        with_each_call_failing(&all(), &["EIO", "ENOSPC"]);
        with_each_call_failing(&quick(), &["ENOSPC", "EACCES", "ENOMEM"]);
    }
}

/// A really full disk: a file system of a few pages.
#[test]
fn r06_a_full_disk_leaves_the_old_registry() {
    needs!("mounts");
    let desk = Desk::new();
    desk.add("old", b"the old value").ends(0);
    fs::create_dir(desk.path("small")).unwrap();
    let mut mount = desk.command("mount");
    mount.args(["-t", "tmpfs", "-o", "size=64k", "none", "small"]);
    program::run(&mut mount, b"").ends(0);
    fs::copy(desk.registry(), desk.path("small/registry.yaml")).unwrap();
    let add = |name: &str| {
        let args = ["secret", "add", name, "--shared", "--registry", "small/registry.yaml", "--value-file", "-"];
        desk.hushlog(args, &[b'x'; 20_000])
    };
    let first_refused =
        (0..10).find_map(|number| Some(add(&format!("big-{number}"))).filter(|ran| ran.code != Some(0)));
    let refused = first_refused.map(|ran| (ran.code, ran.err()));
    let listed = desk.hushlog(["secret", "list", "--registry", "small/registry.yaml"], b"").out();
    let left = fs::read_dir(desk.path("small")).unwrap().count();
    program::run(desk.command("umount").arg("small"), b"").ends(0);
    let (code, said) = refused.expect("the disk was full at some time");
    assert!(code == Some(3) && said.contains("no space left on device"), "{said}");
    assert!(listed.contains("old") && left == 1);
}

#[test]
fn a11_a_lock_on_the_directory_does_not_hold_a_change_up() {
    let desk = Desk::new();
    // Any user with read access can do so.
    let directory = fs::File::open(desk.path(".")).unwrap();
    directory.try_lock().unwrap();
    let registry = fs::File::open(desk.registry()).unwrap();
    registry.try_lock().unwrap();
    let add = |name: &str| {
        let mut command = desk.command(HUSHLOG);
        command.args(["secret", "add", name, "--shared", "--value-file", "-"]);
        program::run_within(&mut command, b"value-4f9QzX", Duration::from_secs(20))
    };
    add("a").ends(0);
    // A process with write access can, for a while, and is named.
    let held = lock::beside(&desk.registry(), Duration::ZERO).unwrap();
    let holder = format!("(process {}) has held the lock for 10 s", std::process::id());
    add("b").ends(3).says("waiting for ").says("cannot write").says(&holder);
    drop(held);
    add("b").ends(0);
    assert_eq!(desk.content().unwrap().1.len(), 2);
    assert!(!desk.files().iter().any(|name| name.ends_with(".lock")), "{:?}", desk.files());
}
