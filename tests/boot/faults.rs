//! `hushlog boot` killed at every system call, and failing at every one: the session is entirely
//! the new one or the old one, and no plain text is outside its directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::session::needs;
use crate::program::{HUSHLOG, IS_RELEASED, run, script};
use hushlog::session::SessionDir;

const OLD: &str = "A_TOKEN=first-value-1\nB_TOKEN=deleted-value-2\n";
const NEW: &str = "A_TOKEN=second-value-3\nC_TOKEN=third-value-4\n";

struct Machine {
    dir: tempfile::TempDir,
    /// The secrets of the previous session, if there is one.
    before: Option<&'static str>,
}

impl Machine {
    fn new(before: Option<&'static str>) -> Machine {
        let dir = tempfile::Builder::new().prefix("hushlog-faults").tempdir_in("/dev/shm").unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        Machine { dir, before }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Restores the previous state of the place.
    fn set_back(&self) {
        let _ = fs::remove_dir_all(self.path("run"));
        if let Some(before) = self.before {
            assert!(self.boot(before, Command::new(HUSHLOG)).status().unwrap().success());
        }
        fs::write(self.path("a.env"), NEW).unwrap();
    }

    /// A boot with these secrets, by this program.
    fn boot(&self, secrets: &str, mut program: Command) -> Command {
        fs::write(self.path("a.env"), secrets).unwrap();
        program.env_clear().env("HUSHLOG_RUN_DIR", self.path("run")).env("HOME", self.path("home"));
        // As root, the state would be that of this machine.
        program.env("HUSHLOG_STATE_DIR", self.path("state"));
        program.env("TMPDIR", self.path("home")).current_dir(self.path("home")).stdin(Stdio::null());
        program.stdout(Stdio::null()).stderr(Stdio::null());
        program.args(["boot", "--quiet", "--dotenv"]).arg(self.path("a.env"));
        program
    }

    fn traced(&self, arguments: &[String]) -> Command {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o"]).arg(self.path("trace")).args(arguments).arg(HUSHLOG);
        self.boot(NEW, strace)
    }

    /// Whether the session is the new one. Fails if it is neither that nor the previous one, or if
    /// any file differs from it.
    fn is_new(&self, what: &str) -> bool {
        let session = SessionDir::new(self.path("run")).read().unwrap_or_else(|error| panic!("{what}: {error}"));
        let current: Option<BTreeMap<String, Vec<u8>>> = session.map(|session| {
            let current = session.entries().iter().filter(|entry| entry.is_exported);
            current.map(|entry| (entry.variable.clone(), entry.secret.expose().to_vec())).collect()
        });
        let of = |secrets: &str| -> BTreeMap<String, Vec<u8>> {
            let pairs = secrets.lines().map(|line| line.split_once('=').unwrap());
            pairs.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
        };
        let is_new = current == Some(of(NEW));
        assert!(is_new || current == self.before.map(of), "{what}: neither the old session nor the new one");
        let files = ["environment", "environment.sh", "environment.fish", "session"];
        for name in files {
            let path = self.path("run").join(name);
            assert_eq!(fs::read(&path).is_ok(), current.is_some(), "{what}: {name} is there without the others");
        }
        for (name, value) in current.iter().flatten() {
            let file = fs::read(self.path("run/secrets").join(name)).unwrap();
            assert_eq!(&file, value, "{what}: {name}");
            let text = fs::read_to_string(self.path("run/environment.sh")).unwrap();
            assert!(text.contains(&format!("export {name}='{}'\n", String::from_utf8_lossy(value))), "{what}");
        }
        self.assert_clean(what);
        is_new
    }

    /// Fails if a value is anywhere except in the session and in the source.
    fn assert_clean(&self, what: &str) {
        assert_eq!(fs::read_dir(self.path("home")).unwrap().count(), 0, "{what}: a file was left");
        for entry in fs::read_dir(self.dir.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(["run", "home", "a.env", "trace"].contains(&name.as_str()), "{what}: {name} was left");
        }
    }

    /// The next boot completes the session, and leaves no unfinished file.
    fn recovers(&self, what: &str) {
        assert!(self.boot(NEW, Command::new(HUSHLOG)).status().unwrap().success(), "{what}: no boot any more");
        assert!(self.is_new(what), "{what}: the next boot did nothing");
        assert_eq!(fs::read_dir(self.path("run")).unwrap().count(), 7, "{what}: something was left behind");
    }
}

/// The system calls of a boot from the reading of its source, each with the number of its kind so
/// far.
fn calls(machine: &Machine) -> Vec<(String, usize)> {
    machine.set_back();
    assert!(machine.traced(&[]).status().unwrap().success());
    let trace = fs::read_to_string(machine.path("trace")).unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    let mut begun = false;
    for line in trace.lines() {
        // `PID  NAME(...`
        let Some(name) = line.split_whitespace().nth(1).and_then(|call| call.split_once('(')).map(|(name, _)| name)
        else {
            continue;
        };
        begun |= line.contains("a.env");
        let count = counts.entry(name.to_owned()).or_default();
        *count += 1;
        if begun && name != "exit_group" {
            calls.push((name.to_owned(), *count));
        }
    }
    assert!(calls.len() > 40, "the trace was not understood: {}", calls.len());
    calls
}

#[test]
fn killed_at_every_system_call_it_is_all_or_nothing() {
    needs!("strace");
    for before in [None, Some(OLD)] {
        let machine = Machine::new(before);
        let mut outcomes = [0; 2];
        for (name, count) in calls(&machine) {
            machine.set_back();
            let inject = format!("inject={name}:signal=KILL:when={count}");
            let status = machine.traced(&["-e".into(), inject.clone()]).status().unwrap();
            assert!(!status.success(), "{inject} did not kill it");
            outcomes[usize::from(machine.is_new(&inject))] += 1;
            machine.recovers(&inject);
        }
        assert!(outcomes.iter().all(|count| *count > 2), "it was never killed in the midst: {outcomes:?}");
    }
}

#[test]
fn with_an_error_from_every_system_call_it_is_all_or_nothing() {
    needs!("strace");
    let machine = Machine::new(Some(OLD));
    let mut failures = 0;
    for (name, count) in calls(&machine) {
        // A failure to allocate memory or to set signals ends any program.
        if ["mmap", "munmap", "brk", "mprotect", "rt_sigaction", "sigaltstack", "rt_sigprocmask"]
            .contains(&name.as_str())
        {
            continue;
        }
        machine.set_back();
        let inject = format!("inject={name}:error=ENOSPC:when={count}");
        let status = machine.traced(&["-e".into(), inject.clone()]).status().unwrap();
        let is_new = machine.is_new(&inject);
        // An incomplete boot is never reported as success. Cleaning up may fail.
        assert!(!status.success() || is_new, "{inject} was not reported");
        assert!(status.success() || matches!(status.code(), Some(2 | 3)), "{inject} ended with {status}");
        failures += usize::from(!status.success());
        machine.recovers(&inject);
    }
    assert!(failures > 10, "{failures} calls failed");
}

/// R04: all files opened for writing are in the directory of the session, and no argument of a call
/// has a value.
#[test]
fn r04_plain_text_goes_into_the_place_of_the_session_only() {
    needs!("strace");
    let machine = Machine::new(Some(OLD));
    machine.set_back();
    assert!(machine.traced(&["-y", "-s", "4096"].map(String::from)).status().unwrap().success());
    let trace = fs::read_to_string(machine.path("trace")).unwrap();
    // With the paths of descriptors.
    let place = machine.path("run").display().to_string();
    let to_write =
        trace.lines().filter(|line| line.contains("O_WRONLY") || line.contains("O_RDWR") || line.contains("O_CREAT"));
    let elsewhere: Vec<&str> =
        to_write.clone().filter(|line| !line.contains(&place) && !line.contains("/dev/")).collect();
    assert!(to_write.count() >= 6, "the trace was not understood");
    assert!(elsewhere.is_empty(), "written elsewhere: {elsewhere:?}");
    for value in ["second-value-3", "third-value-4"] {
        let mut holding = trace.lines().filter(|line| line.contains(value));
        let mut in_calls =
            holding.clone().map(|line| line.split_whitespace().nth(1).unwrap().split('(').next().unwrap());
        assert!(in_calls.all(|call| call == "read" || call == "write"), "a value is in another call");
        assert!(holding.next().is_some());
    }
}

/// L02: a panic with a value in its message does not show it, and leaves no file.
#[test]
fn l02_a_panic_with_a_secret_in_its_message_does_not_show_it() {
    if IS_RELEASED {
        return;
    }
    let machine = Machine::new(None);
    machine.set_back();
    for (stage, command) in [("boot", "boot"), ("export", "export --format sh")] {
        let shell = format!("hushlog {command} --dotenv ../a.env");
        let mut shell = script(&shell);
        shell.current_dir(machine.path("home")).env("HUSHLOG_RUN_DIR", machine.path("run"));
        let ran = run(shell.env("HUSHLOG_TEST_PANIC", stage).env("RUST_BACKTRACE", "full"), b"").ends(3);
        assert!(ran.err().contains("internal error at ") && !ran.err().contains("second-value"), "{}", ran.err());
        assert!(ran.stdout.is_empty() && !machine.path("run").exists());
    }
    assert_clean(&machine.path("home"));
}

fn assert_clean(path: &Path) {
    assert_eq!(fs::read_dir(path).unwrap().count(), 0, "a file was left");
}
