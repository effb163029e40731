//! The session of a test program: the same wherever `cargo test` was started, and empty when it
//! ends.
//!
//! Terminals, `nohup`, closed standard inputs and background jobs pass on state: a controlling
//! terminal, ignored signals, descriptors, a umask. Tests of signals and terminals depend on all of
//! these. Hence a test program starts twice. The first process, the keeper, does this before
//! `main`:
//!
//! - It starts the second one in a session without a terminal, with default signals, none blocked,
//!   an empty standard input and an ordinary umask.
//! - It adopts every descendant whose parent has ended, reaps it, and kills all remaining ones at
//!   the end, or when a signal ends the keeper. A test program that passes and leaves a process
//!   behind fails.
//! - It makes libtest skip the tests that [`needs!`] a missing requirement, and lists them as
//!   ignored.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test program uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio, exit};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

/// The time in which the descendants of a test program may end by themselves.
const GRACE: Duration = Duration::from_secs(3);
/// The variable with the descriptor for notes, passed to the second process.
const NOTES: &str = "HUSHLOG_TEST_NOTES";

/// A test with requirements on its machine.
pub(crate) struct Wanted {
    pub(crate) function: fn() -> &'static str,
    pub(crate) needs: &'static [&'static str],
}

#[linkme::distributed_slice]
pub(crate) static WANTED: [Wanted];

/// The file for a running test's notes to the keeper.
static LEFT_OUT: OnceLock<File> = OnceLock::new();

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

/// Names a test's requirements on its machine, as the first line of its body: programs, or a word
/// that [`is_here`] knows. If one is missing, the test is not run, and is listed as ignored.
macro_rules! needs {
    ($($need:literal),+ $(,)?) => {
        const _: () = {
            fn function() -> &'static str {
                std::any::type_name_of_val(&function)
            }
            #[linkme::distributed_slice($crate::program::session::WANTED)]
            static WANTED: $crate::program::session::Wanted =
                $crate::program::session::Wanted { function, needs: &[$($need),+] };
        };
    };
}
pub(crate) use needs;

/// Returns whether this requirement is met. If not, notes that the test is ignored in part.
pub(crate) fn has(need: &str) -> bool {
    let found = is_here(need);
    if !found {
        without(need);
    }
    found
}

/// Notes that the running test is ignored in part.
pub(crate) fn without(need: &str) {
    let thread = std::thread::current();
    let note = format!("test {} ... ignored in part, needs {need}\n", thread.name().unwrap_or("?"));
    if let Some(mut notes) = LEFT_OUT.get() {
        let _ = notes.write_all(note.as_bytes());
    }
}

/// A word for a requirement that is neither a program nor known to [`is_here`], and its check.
#[linkme::distributed_slice]
pub(crate) static PROBES: [(&str, fn() -> bool)];

/// Whether this machine meets a requirement of a test.
fn is_here(need: &str) -> bool {
    if let Some((_, probe)) = PROBES.iter().find(|(word, _)| *word == need) {
        return probe();
    }
    let python = |code: &str| succeeds(&["python3", "-c", code]);
    match need {
        "root" => rustix::process::geteuid().is_root(),
        "mounts" => is_here("root") && succeeds(&["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]),
        "fanotify" => is_here("mounts") && found("mkfs.ext4") && has_loop_devices() && can_guard(),
        // These may be installed, but forbidden.
        "unshare" => succeeds(&["unshare", "--fork", "--pid", "--mount-proc", "true"]),
        "strace" => succeeds(&["strace", "-qq", "-o", "/dev/null", "true"]),
        "python3" => python(""),
        "python3-dotenv" => python("import dotenv"),
        "python3-pip" => python("import pip"),
        "python3-wheel" => python(
            "import setuptools\ntry: import setuptools.command.bdist_wheel\nexcept ImportError: import wheel.bdist_wheel",
        ),
        "python3-yaml" => python("import yaml"),
        // Debian has perl without its modules everywhere.
        "perl-modules" => succeeds(&["perl", "-MJSON::PP", "-MData::Dumper", "-MMIME::Base64", "-e", "1"]),
        "libfaketime" => glob_has("/usr/lib", "faketime/libfaketimeMT.so.1"),
        "AddressSanitizer" => succeeds(&[
            "sh",
            "-c",
            "echo 'int main() { return 0; }' | cc -fsanitize=address,undefined -x c - -o /dev/null",
        ]),
        "nightly" => succeeds(&["rustup", "run", "nightly", "cargo", "--version"]),
        "a build directory on disk" => {
            // The magic number of tmpfs.
            rustix::fs::statfs(env!("CARGO_TARGET_TMPDIR")).is_ok_and(|system| system.f_type != 0x0102_1994)
        }
        _ => found(need),
    }
}

fn succeeds(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether a file is in one of the directories below this one.
fn glob_has(directory: &str, name: &str) -> bool {
    std::fs::read_dir(directory)
        .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| entry.path().join(name).exists())))
}

fn has_loop_devices() -> bool {
    rustix::fs::access("/dev/loop-control", rustix::fs::Access::WRITE_OK).is_ok()
}

/// Whether the kernel lets this process decide on the opening of files.
fn can_guard() -> bool {
    // SAFETY: a system call without pointers; its descriptor is closed here.
    unsafe {
        let group = libc::fanotify_init(libc::FAN_CLASS_CONTENT | libc::FAN_CLOEXEC, libc::O_RDONLY as u32);
        group >= 0 && libc::close(group) == 0
    }
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_program = |path: &std::path::Path| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    std::env::split_paths(&path).any(|directory| is_program(&directory.join(program)))
}

extern "C" fn begin() {
    // Another file would take the number of a closed standard descriptor.
    while rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()).is_ok_and(|fd| {
        let number = fd.as_raw_fd();
        std::mem::forget(fd);
        if number > 2 {
            // SAFETY: it was opened above, and nothing else owns it.
            drop(unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(number) });
        }
        number <= 2
    }) {}
    let Some(notes) = std::env::var_os(NOTES) else { exit(keep()) };
    let number = notes.to_str().and_then(|number| number.parse().ok()).expect("the keeper set it");
    // SAFETY: the keeper opened it for this process; no other thread exists yet that could read the
    // environment.
    let notes = unsafe {
        std::env::remove_var(NOTES);
        <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(number)
    };
    rustix::io::fcntl_setfd(&notes, FdFlags::CLOEXEC).expect("it is open");
    LEFT_OUT.set(notes.into()).expect("this runs once");
}

/// Runs the tests in a second process. Returns its exit status.
fn keep() -> i32 {
    // SAFETY: the default action. Without it, the ends of children would be lost.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("Linux has it");
    let (mut notes, inner) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
        .map(|(a, b)| (File::from(a), b))
        .expect("a pipe");
    let missing = missing(&inner);
    let signals = wait_for_signals();
    let skipped = missing.keys().flat_map(|name| ["--skip", name]);
    #[expect(clippy::zombie_processes, reason = "all children are waited for at once")]
    let mut child = command(&inner).args(skipped).spawn().expect("it is this program");
    drop(inner);
    let status = signals.until_the_end_of(Pid::from_child(&child));
    drop(child.stdin.take());
    let left = end_descendants(GRACE);
    let mut noted = String::new();
    let _ = notes.read_to_string(&mut noted);
    let mut text: String =
        missing.iter().map(|(name, need)| format!("test {name} ... ignored, needs {need}\n")).collect();
    text.extend(BTreeSet::from_iter(noted.lines()).into_iter().map(|line| format!("{line}\n")));
    if !text.is_empty() {
        text = format!("ignored besides, because this machine lacks what they need:\n{text}\n");
    }
    text.extend(left.iter().map(|process| format!("left behind by a test, and killed: {process}\n")));
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
    match (status.code(), status.signal()) {
        (Some(0), _) if !left.is_empty() => 101,
        (Some(code), _) => code,
        (None, signal) => die_of(signal.unwrap_or(libc::SIGKILL)),
    }
}

/// This program, with the same arguments, as the second process that runs the tests.
fn command(notes: &OwnedFd) -> Command {
    let mut args = std::env::args_os();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(args.next().unwrap_or_default()).args(args);
    let (number, keeper) = (notes.as_raw_fd(), rustix::process::getpid());
    command.env(NOTES, number.to_string()).stdin(Stdio::null());
    let prepare = move || {
        rustix::process::setsid()?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        if rustix::process::getppid() != Some(keeper) {
            return Err(rustix::io::Errno::SRCH.into());
        }
        rustix::process::umask(Mode::from_raw_mode(0o022));
        // SAFETY: the set is filled before use, and the descriptor is open in this copy of the
        // process.
        unsafe {
            for signal in 1..=libc::SIGRTMAX() {
                libc::signal(signal, libc::SIG_DFL);
            }
            let mut none = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            libc::fcntl(number, libc::F_SETFD, 0);
        }
        Ok(())
    };
    // SAFETY: `prepare` makes only system calls: it allocates nothing and takes no lock.
    unsafe { command.pre_exec(prepare) };
    command
}

/// The selected tests that cannot run, with their missing requirements.
fn missing(notes: &OwnedFd) -> BTreeMap<String, String> {
    let list = |args: &[&str]| -> BTreeSet<String> {
        let listed = command(notes).args(args).stderr(Stdio::null()).output().expect("it is this program");
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
    };
    let has = |arg: &str| std::env::args_os().any(|own| own == OsStr::new(arg));
    let mut missing = BTreeMap::new();
    if WANTED.is_empty() || has("--list") {
        return missing;
    }
    let mut chosen = list(&["--list"]);
    if !has("--ignored") && !has("--include-ignored") {
        let ignored = list(&["--list", "--ignored"]);
        chosen.retain(|name| !ignored.contains(name));
    }
    let mut known = BTreeMap::new();
    for wanted in WANTED {
        // CRATE::MODULES::TEST::_::function: the block of the macro has no name of its own.
        let path: Vec<&str> = (wanted.function)().split("::").filter(|name| *name != "_").collect();
        let name = path[1..path.len() - 1].join("::");
        let mut is_missing = |need: &&'static str| !*known.entry(*need).or_insert_with_key(|need| is_here(need));
        let needs: Vec<&str> = if chosen.contains(&name) {
            wanted.needs.iter().copied().filter(&mut is_missing).collect()
        } else {
            Vec::new()
        };
        if !needs.is_empty() {
            missing.insert(name, needs.join(", "));
        }
    }
    for name in missing.keys() {
        // libtest skips each test whose name contains this one.
        let held = chosen.iter().find(|other| other.contains(name.as_str()) && !missing.contains_key(*other));
        assert!(held.is_none(), "{name} is a part of the name {held:?}");
    }
    missing
}

/// The signals that a keeper takes from a queue.
struct Signals(libc::sigset_t);

fn wait_for_signals() -> Signals {
    // SAFETY: the set is initialised first, and the call writes the action.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &raw mut action);
            // A signal that the caller ignores does not end the tests.
            if action.sa_sigaction != libc::SIG_IGN {
                libc::sigaddset(&raw mut set, signal);
            }
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        Signals(set)
    }
}

impl Signals {
    /// Reaps descendants until this one has ended. A signal ends all of them, and the keeper.
    fn until_the_end_of(&self, child: Pid) -> ExitStatus {
        let second = libc::timespec { tv_sec: 1, tv_nsec: 0 };
        loop {
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                if pid == child {
                    return ExitStatus::from_raw(status.as_raw());
                }
            }
            // SAFETY: both outlive the call, and nothing is written to them.
            let signal = unsafe { libc::sigtimedwait(&raw const self.0, std::ptr::null_mut(), &raw const second) };
            if signal > 0 && signal != libc::SIGCHLD {
                end_descendants(Duration::ZERO);
                die_of(signal);
            }
        }
    }
}

/// Ends this process by this signal.
fn die_of(signal: i32) -> ! {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    // SAFETY: the set is initialised before use.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::signal(signal, libc::SIG_DFL);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        libc::raise(signal);
    }
    exit(128 + signal)
}

/// Waits for the end of all descendants, at most `grace`, then kills them. Returns the killed ones.
fn end_descendants(grace: Duration) -> BTreeSet<String> {
    let (start, mut left) = (Instant::now(), BTreeSet::new());
    loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let descendants = descendants();
        // Another user's process cannot be killed, and would be waited for without an end.
        if descendants.is_empty() || start.elapsed() > grace + GRACE {
            return left;
        }
        if start.elapsed() >= grace {
            left.extend(descendants.iter().map(|pid| shown(*pid)));
            for pid in descendants {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// All descendants of this process that have not ended: a zombie has, and its parent reaps it.
fn descendants() -> Vec<Pid> {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let number = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        // PID (NAME) STATE PPID
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
        if let (Some(number), Some("R" | "S" | "D" | "T" | "t" | "I"), Some(parent)) =
            (number, fields.next(), fields.next())
        {
            parents.insert(number, parent.parse::<i32>().unwrap_or_default());
        }
    }
    let own = rustix::process::getpid().as_raw_pid();
    let is_own = |mut pid: i32| {
        while let Some(&parent) = parents.get(&pid) {
            if parent == own {
                return true;
            }
            pid = parent;
        }
        false
    };
    parents.keys().copied().filter(|pid| is_own(*pid)).filter_map(Pid::from_raw).collect()
}

/// The number of a process and the beginning of its command line.
fn shown(pid: Pid) -> String {
    let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid())).unwrap_or_default();
    let words: Vec<OsString> =
        line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned().into()).collect();
    let words = words.join(OsStr::new(" "));
    format!("{pid} {}", words.to_string_lossy().escape_debug().take(160).collect::<String>())
}
