//! Access denied to others and to the sidecar itself: D13, D15 and D16 of `docs/faults.md`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::session::needs;
use crate::program::{self, HUSHLOG, run_within};
use crate::shippers::{self, Daemon, MASK, PATIENCE, Place, VALUE, connect, shown, sidecar, sidecar_command, wait_for};

/// A user without rights.
const NOBODY: u32 = 65534;

const STREAM: &str = "  - { name: app, source: { unix: PLACE/app.sock }, sink: { stdout: true } }\n";

/// The program in a place where every user may run it.
fn program_for_all(place: &Place) -> PathBuf {
    let copy = place.path("hushlog");
    // A separate process copies it. If this one had it open for writing, a child forked by a
    // parallel test might inherit the descriptor, and the program could not be run.
    assert!(Command::new("cp").arg(HUSHLOG).arg(&copy).status().unwrap().success());
    for path in [&copy, place.dir.path()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    copy
}

fn as_nobody(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.uid(NOBODY).gid(NOBODY).env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
    command
}

#[test]
fn d13_users_other_than_root_and_the_sidecars_are_refused() {
    needs!("root");
    let place = Place::new();
    let program = program_for_all(&place);
    let sidecar = sidecar(&place, STREAM);
    let asks = [&["sidecar", "status"][..], &["sidecar", "reload"], &["check", "--canary"]];
    let ask = |words: &[&str]| {
        let mut command = as_nobody(&program);
        command.args(words).arg("--socket").arg(place.path("control"));
        run_within(&mut command, b"", PATIENCE)
    };
    for words in asks {
        let refused = ask(words).ends(2).says("may not use the control socket");
        assert!(refused.out().is_empty());
    }
    // The socket's mode is not the only protection.
    fs::set_permissions(place.path("control"), fs::Permissions::from_mode(0o666)).unwrap();
    for words in asks {
        let refused = ask(words).ends(2).says("only root and the user of the sidecar are allowed");
        assert!(refused.out().is_empty());
    }
    sidecar.stop();
}

#[test]
fn d15_nobody_reads_its_memory_or_environment() {
    needs!("root");
    let place = Place::new();
    let program = program_for_all(&place);
    // Not even its own user may.
    rustix::fs::chown(place.dir.path(), rustix::fs::Uid::from_raw(NOBODY).into(), None).unwrap();
    fs::set_permissions(place.path("secrets"), fs::Permissions::from_mode(0o755)).unwrap();
    let config = sidecar_command(&place, STREAM);
    drop(config);
    let mut command = as_nobody(&program);
    command.arg("sidecar").arg("--config").arg(place.path("sidecar.yaml"));
    let sidecar = Daemon::start(&mut command, place.path("said")).ready();
    for name in ["environ", "mem", "maps", "stack", "fd", "auxv"] {
        let mut read = as_nobody("/bin/sh");
        let path = format!("/proc/{}/{name}", sidecar.id());
        read.args(["-c", if name == "fd" { "ls \"$0\"" } else { "head -c 1 \"$0\"" }, &path]);
        let read = run_within(&mut read, b"", PATIENCE);
        assert!(read.code != Some(0) && read.out().is_empty(), "{name} can be read");
    }
    if shippers::found("gdb").is_some() {
        let mut attach = as_nobody("/usr/bin/gdb");
        attach.args(["-batch", "-p", &sidecar.id().to_string()]);
        run_within(&mut attach, b"", PATIENCE).says("ptrace");
    }
    sidecar.stop();
}

#[test]
fn d16_a_signal_that_kills_it_leaves_no_core() {
    for signal in ["ABRT", "SEGV"] {
        let place = Place::new();
        let work = place.path("work");
        fs::create_dir(&work).unwrap();
        drop(sidecar_command(&place, STREAM));
        let mut command = Command::new("bash");
        let script = "ulimit -Hc unlimited 2>/dev/null; ulimit -Sc unlimited; exec \"$0\" sidecar --config \"$1\"";
        command.args(["-c", script, HUSHLOG]).arg(place.path("sidecar.yaml")).current_dir(&work);
        let mut sidecar = Daemon::start(&mut command, place.path("sidecar.said")).ready();
        connect(&place.path("app.sock")).write_all(format!("key {VALUE}\n").as_bytes()).unwrap();
        wait_for("the line", || sidecar.said().contains(MASK));
        // Rust examines the first SIGSEGV, finds no stack overflow, and leaves the next one to the
        // system.
        wait_for("its end", || {
            sidecar.signal(signal);
            !sidecar.runs()
        });
        let status = sidecar.ends();
        assert!(status.signal().is_some() && !status.core_dumped(), "{signal}: {status}");
        assert_eq!(fs::read_dir(&work).unwrap().count(), 0, "there is a core");
    }
}

#[test]
fn it_has_taken_rights_away_from_itself() {
    let place = Place::new();
    let sidecar = sidecar(&place, STREAM);
    let status = |id: &str| fs::read_to_string(format!("/proc/{}/task/{id}/status", sidecar.id())).unwrap();
    let own = status(&sidecar.id().to_string());
    if own.contains("\nSeccomp:\t0\n") {
        crate::program::session::without("a kernel with seccomp");
        return;
    }
    // Applies to each of its threads: an older thread without the filter would be a way around it.
    for task in fs::read_dir(format!("/proc/{}/task", sidecar.id())).unwrap().flatten() {
        let status = status(task.file_name().to_str().unwrap());
        assert!(status.contains("\nSeccomp:\t2\n") && status.contains("\nNoNewPrivs:\t1\n"), "{status}");
    }
    sidecar.stop();
}

#[test]
fn a_secret_that_is_replaced_is_read_though_files_are_confined() {
    let place = Place::new();
    let sidecar = sidecar(&place, STREAM);
    // As editors and Kubernetes do it: a new file or directory under the old name.
    fs::write(place.path("next"), "another-value-8Kq2").unwrap();
    fs::rename(place.path("next"), place.path("secrets/key")).unwrap();
    let reload = || {
        let mut command = program::hushlog(["sidecar", "reload", "--socket"]);
        run_within(command.arg(place.path("control")), b"", PATIENCE).ends(0);
    };
    reload();
    fs::rename(place.path("secrets"), place.path("old")).unwrap();
    fs::create_dir(place.path("secrets")).unwrap();
    fs::write(place.path("secrets/key"), "third-value-5Wn9").unwrap();
    reload();
    let text = format!("{VALUE} another-value-8Kq2 third-value-5Wn9 end\n");
    connect(&place.path("app.sock")).write_all(text.as_bytes()).unwrap();
    wait_for("the line", || sidecar.said().contains(" end\n"));
    assert!(sidecar.said().contains(&format!("{MASK} {MASK} {MASK} end\n")), "{}", shown(place.dir.path()));
    sidecar.stop();
}

/// Runs a sidecar with these secrets, and sends one line with the value through a FIFO as its
/// standard input. Returns its output.
#[track_caller]
fn line_through(place: &Place, secrets: &str, environment: &[(&str, &Path)]) -> String {
    let streams = "  - { name: app, source: { stdin: true }, sink: { stdout: true } }\n";
    let mut command = sidecar_command(place, streams);
    let config = fs::read_to_string(place.path("sidecar.yaml")).unwrap();
    let usual = format!("{{ secret_files: [{}/secrets] }}", shown(place.dir.path()));
    assert!(config.contains(&usual));
    fs::write(place.path("sidecar.yaml"), config.replace(&usual, secrets)).unwrap();
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let input = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    command.stdin(input.try_clone().unwrap());
    command.envs(environment.iter().copied());
    let sidecar = Daemon::start_with_input(&mut command, place.path("sidecar.said")).ready();
    (&input).write_all(format!("key {VALUE} end\n").as_bytes()).unwrap();
    wait_for("the line", || sidecar.said().contains(" end\n"));
    let said = sidecar.stop();
    assert!(!said.contains(VALUE), "the secret shows");
    said
}

#[test]
fn a_session_and_a_registry_are_read_though_files_are_confined() {
    let place = Place::new();
    let Ok(memory) = tempfile::tempdir_in("/dev/shm") else {
        crate::program::session::without("/dev/shm");
        return;
    };
    let mut boot = program::hushlog(["boot", "--quiet", "--secret-file"]);
    boot.arg(place.path("secrets")).env("HUSHLOG_RUN_DIR", memory.path());
    run_within(&mut boot, b"", PATIENCE).ends(0);
    let said = line_through(&place, "{ session: true }", &[("HUSHLOG_RUN_DIR", memory.path())]);
    assert!(said.contains(&format!("key {MASK} end\n")), "{said}");

    let place = Place::new();
    let identity = place.path("identity/vm.txt");
    fs::create_dir(place.path("identity")).unwrap();
    let keygen = run_within(program::hushlog(["keygen", "--output"]).arg(&identity), b"", PATIENCE).ends(0).out();
    let registry = place.path("registry.yaml");
    let own = |words: &[&str], input: &str| {
        let mut command = program::hushlog(words);
        command.env("HUSHLOG_REGISTRY", &registry).env("HUSHLOG_MEMBER", "vm");
        run_within(&mut command, input.as_bytes(), PATIENCE).ends(0);
    };
    own(&["member", "add", "vm", keygen.trim()], "");
    own(&["secret", "add", "key", "--value-file", "-"], VALUE);
    // The identity is the default one, which the configuration does not name.
    let secrets = format!("{{ registry: {} }}", shown(&registry));
    let said = line_through(&place, &secrets, &[("HUSHLOG_IDENTITY", &identity)]);
    assert!(said.contains(&format!("key {MASK} end\n")), "{said}");
}
