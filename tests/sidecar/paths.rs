//! Paths that other users can change under a sidecar: links in followed directories, on the way to
//! sinks, spools and the state, and names that already exist.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use crate::program::{self, run, run_within};
use crate::sidecar::{MASK, PATIENCE, Place, Sidecar, VALUE, until};

/// Another user, if the tests may act as one.
const NOBODY: u32 = 65_534;

/// A place with another user's directory, `theirs`, and a private one, `own`.
fn shared() -> Place {
    let place = Place::new();
    for name in ["theirs", "own"] {
        fs::create_dir(place.path(name)).expect("room for a directory");
    }
    fs::set_permissions(place.path("theirs"), fs::Permissions::from_mode(0o777)).expect("it is ours");
    place
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).unwrap_or_default();
    let mut file = fs::File::options().append(true).create(true).open(path).expect("the directory is there");
    std::io::Write::write_all(&mut file, text.as_bytes()).expect("there is room");
    assert_eq!(fs::read_to_string(path).expect("it is text"), before + text);
}

/// Asserts that a sidecar with this stream refuses to start for this reason, and `check-config` too
/// if `is_checked`.
#[track_caller]
fn refused(place: &Place, stream: &str, why: &str, is_checked: bool) {
    let config = place.streams(&[stream]);
    let ran = run_within(program::hushlog(["sidecar", "--config"]).arg(&config), b"", PATIENCE);
    ran.ends(2).says(why);
    let checked = run(program::hushlog(["sidecar", "check-config", "--config"]).arg(&config), b"");
    if is_checked {
        checked.ends(2).says(why);
    } else {
        checked.ends(0);
    }
}

/// A sidecar that masks the secrets of a registry, and follows `theirs/*.log`.
fn following_with_registry(place: Place) -> Sidecar {
    let identity = place.path("own/identity.txt");
    let keygen = run_within(program::hushlog(["keygen", "--output"]).arg(&identity), b"", PATIENCE).ends(0).out();
    let registry = place.path("own/registry.yaml");
    for (words, input) in [
        (&["member", "add", "vm", keygen.trim()][..], ""),
        (&["secret", "add", "API_TOKEN", "--value-file", "-"], VALUE),
    ] {
        let mut command = program::hushlog(words);
        command.env("HUSHLOG_REGISTRY", &registry).env("HUSHLOG_MEMBER", "vm");
        run_within(&mut command, input.as_bytes(), PATIENCE).ends(0);
    }
    let config = place.configure(
        "secrets: { registry: DIR/own/registry.yaml, identity: DIR/own/identity.txt }\nstate: DIR/state\n\
         control: DIR/control\nstreams:\n  - { name: app, source: { files: \"DIR/theirs/*.log\" }, \
         sink: { file: DIR/out, mode: \"0644\" } }\n",
    );
    place.start(&config)
}

#[test]
fn a02_no_identity_comes_out_of_a_followed_directory() {
    let place = shared();
    append(&place.path("theirs/a.log"), &format!("one {VALUE}\n"));
    let link = place.path("theirs/x.log");
    symlink("../own/identity.txt", &link).expect("it is free");
    // Their own directory, writable only for its owner; or one for all.
    if lchown(&link, Some(NOBODY), None).is_ok() {
        lchown(place.path("theirs"), Some(NOBODY), None).expect("it went before");
        set_mode(&place.path("theirs"), 0o755);
    }
    let mut sidecar = following_with_registry(place);
    sidecar.says("another user may have placed a symbolic link there");
    // A hard link, and a symbolic link that appears at run time.
    fs::hard_link(sidecar.path("own/identity.txt"), sidecar.path("theirs/y.log")).expect("it is free");
    symlink(sidecar.path("own/registry.yaml"), sidecar.path("theirs/z.log")).expect("it is free");
    sidecar.says("y.log is not followed");
    sidecar.says("z.log is not followed");
    append(&sidecar.path("theirs/a.log"), "two\n");
    sidecar.file_is("out", &format!("one {MASK}\ntwo\n"));
    let said = sidecar.stop();
    assert!(!said.contains("AGE-SECRET"), "the key was said");
}

#[test]
fn a03_sockets_and_fifos_have_their_mode_though_confined() {
    let place = Place::new();
    fs::create_dir(place.path("run")).expect("room for a directory");
    let config = place.streams(&[
        "name: log, source: { unix_datagram: DIR/run/log, mode: \"0666\" }, sink: { file: DIR/out }",
        "name: app, source: { unix: DIR/run/app, mode: \"0660\" }, sink: { file: DIR/out }",
        "name: pipe, source: { fifo: DIR/run/pipe, mode: \"0622\" }, sink: { file: DIR/out }",
    ]);
    let mut sidecar = place.start_as(&config, |command| {
        // The umask would remove permissions that the configuration grants.
        let shell = format!("umask 077; exec \"$0\" sidecar --config '{}'", config.display());
        let mut changed = Command::new("sh");
        changed.args(["-c", &shell]).arg(command.get_program()).env_clear();
        changed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        changed.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        *command = changed;
    });
    let modes = ["log", "app", "pipe"].map(|name| mode(&sidecar.path("run").join(name)));
    assert_eq!((modes, mode(&sidecar.path("control"))), ([0o666, 0o660, 0o622], 0o600));
    assert_eq!(fs::read_dir(sidecar.path("run")).expect("it is there").count(), 3, "nothing is left beside");
    sidecar.send("run/app", &format!("socket {VALUE}\n"));
    sidecar.file_has("out", &format!("socket {MASK}\n"));
    // The FIFO is removed while a writer uses it; the confined sidecar makes the next one.
    let mut writer = fs::File::options().write(true).open(sidecar.path("run/pipe")).expect("it is read");
    fs::remove_file(sidecar.path("run/pipe")).expect("it is there");
    std::io::Write::write_all(&mut writer, format!("old {VALUE}\n").as_bytes()).expect("it is read");
    drop(writer);
    until("there is a new FIFO", || sidecar.path("run/pipe").exists() && mode(&sidecar.path("run/pipe")) == 0o622);
    fs::write(sidecar.path("run/pipe"), format!("new {VALUE}\n")).expect("it is read");
    sidecar.file_has("out", &format!("old {MASK}\n"));
    sidecar.file_has("out", &format!("new {MASK}\n"));
    sidecar.stop();
    assert_eq!(fs::read_dir(sidecar.path("run")).expect("it is there").count(), 1, "sockets go, FIFOs stay");
}

/// The owner of the directory exchanges each new name for a link to a private file.
#[test]
fn a03_a_start_opens_no_file_to_all() {
    let place = shared();
    let victim = place.path("own/victim");
    fs::write(&victim, "").expect("there is room");
    set_mode(&victim, 0o600);
    let config = place
        .streams(&["name: log, source: { unix_datagram: DIR/theirs/log, mode: \"0666\" }, sink: { file: DIR/out }"]);
    let (theirs, stop) = (place.path("theirs"), AtomicBool::new(false));
    let exchanged = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let attacker = scope.spawn(|| {
            while !stop.load(Relaxed) {
                let (log, moved) = (theirs.join("log"), theirs.join("moved"));
                if !log.is_symlink() && fs::rename(&log, &moved).is_ok() {
                    symlink("../own/victim", &log).expect("it was just free");
                    exchanged.fetch_add(1, Relaxed);
                    std::thread::sleep(Duration::from_millis(1));
                    let _ = fs::remove_file(&log);
                    let _ = fs::remove_file(&moved);
                }
            }
        });
        for _ in 0..10 {
            let before = exchanged.load(Relaxed);
            let mut child =
                program::hushlog(["sidecar", "--quiet", "--config"]).arg(&config).spawn().expect("it starts");
            // It ends by itself if it meets the link.
            let has_ended = |child: &mut Child| child.try_wait().expect("it is ours").is_some();
            until("it is attacked", || exchanged.load(Relaxed) > before || has_ended(&mut child));
            std::thread::sleep(Duration::from_millis(100));
            let _ = child.kill();
            child.wait().expect("it is ours");
            assert_eq!(mode(&victim), 0o600);
        }
        stop.store(true, Relaxed);
        attacker.join().expect("it does not panic");
        assert!(exchanged.load(Relaxed) > 0, "nothing was attacked");
    });
    assert_eq!(mode(&victim), 0o600);
}

#[test]
fn a08_a_fifo_that_others_can_use_is_no_source() {
    let place = Place::new();
    let pipe = place.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).expect("it is free");
    set_mode(&pipe, 0o666);
    let stream = "name: pipe, source: { fifo: DIR/pipe }, sink: { file: DIR/out }";
    refused(&place, stream, "its mode is 0666, wider than 0600", false);
    assert_eq!(mode(&pipe), 0o666, "it is left as it is");
    if lchown(&pipe, Some(NOBODY), None).is_ok() {
        let stream = "name: pipe, source: { fifo: DIR/pipe, mode: \"0666\" }, sink: { file: DIR/out }";
        refused(&place, stream, "it belongs to another user", false);
        lchown(&pipe, Some(0), None).expect("it went before");
    }
    let config = place.streams(&["name: pipe, source: { fifo: DIR/pipe, mode: \"0666\" }, sink: { file: DIR/out }"]);
    let mut sidecar = place.start(&config);
    fs::write(sidecar.path("pipe"), format!("{VALUE}\n")).expect("it is read");
    sidecar.file_is("out", &format!("{MASK}\n"));
    sidecar.stop();
}

#[test]
fn a15_no_path_leads_through_a_directory_that_others_linked() {
    let place = shared();
    symlink("../own", place.path("theirs/link")).expect("it is free");
    let sink = "sink: { file: DIR/out }";
    for (stream, what) in [
        (format!("name: a, source: {{ fifo: DIR/theirs/link/pipe }}, {sink}"), "cannot open the FIFO"),
        (format!("name: a, source: {{ unix: DIR/theirs/link/app }}, {sink}"), "cannot open the socket"),
        (
            "name: a, source: { stdin: true }, sink: { fifo: /f, away: spool, spool: DIR/theirs/link/spool }"
                .to_owned(),
            "the spool",
        ),
    ] {
        let config = place.streams(&[&stream]);
        let ran = run_within(program::hushlog(["sidecar", "--config"]).arg(&config), b"", PATIENCE);
        ran.ends(2).says(what);
    }
    let state = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/theirs/link/state\nstreams:\n  \
         - { name: a, source: { files: DIR/own/a.log }, sink: { file: DIR/out } }\n",
    );
    run_within(program::hushlog(["sidecar", "--config"]).arg(&state), b"", PATIENCE).ends(2).says("state directory");
    assert_eq!(fs::read_dir(place.path("own")).expect("it is there").count(), 0);
    // The sidecar retries a sink: waiting output is emitted once the link is gone.
    let config = place.streams(&["name: a, source: { unix: DIR/app }, sink: { file: DIR/theirs/link/out }"]);
    let mut sidecar = place.start(&config);
    sidecar.says("theirs/link/out");
    sidecar.send("app", &format!("{VALUE}\n"));
    assert_eq!(fs::read_dir(sidecar.path("own")).expect("it is there").count(), 0);
    fs::remove_file(sidecar.path("theirs/link")).expect("it is there");
    fs::create_dir(sidecar.path("theirs/link")).expect("it is free");
    sidecar.file_is("theirs/link/out", &format!("{MASK}\n"));
    sidecar.stop();
}

#[test]
fn a34_a_spool_that_is_another_file_is_left_as_it_is() {
    let place = Place::new();
    let secret = place.path("secrets/API_TOKEN");
    let passwd = place.path("passwd");
    fs::write(&passwd, "root:x:0:0:root:/root:/bin/bash\n").expect("there is room");
    let stream =
        |path: &str| format!("name: a, source: {{ stdin: true }}, sink: {{ fifo: DIR/f, away: spool, spool: {path} }}");
    for (path, name, why) in [
        (&secret, "DIR/secrets/API_TOKEN", "in a directory of secrets or settings"),
        (&passwd, "DIR/passwd", "it is not a spool"),
    ] {
        let text = fs::read(path).expect("it is there");
        for wanted in [0o644, 0o600] {
            set_mode(path, wanted);
            // Only a user with read access gets the reason beforehand; the sidecar itself judges
            // the mode.
            refused(&place, &stream(name), if wanted == 0o600 { why } else { "the spool" }, true);
            assert_eq!((fs::read(path).expect("it is there"), mode(path)), (text.clone(), wanted), "{name}");
        }
    }
    fs::write(place.path("spool"), "").expect("there is room");
    set_mode(&place.path("spool"), 0o640);
    refused(&place, &stream("DIR/spool"), "its mode is 0640, wider than", false);
    assert_eq!(mode(&place.path("spool")), 0o640);
}

/// As with containers: a link in one directory to a log in another, which is rotated constantly,
/// also while no sidecar runs.
#[test]
fn as_a_link_whose_target_is_rotated_loses_no_line() {
    let place = Place::new();
    for name in ["containers", "pods"] {
        fs::create_dir(place.path(name)).expect("room for a directory");
    }
    symlink("../pods/0.log", place.path("containers/app.log")).expect("it is free");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\ncontrol: DIR/control\nstreams:\n  \
         - { name: app, source: { files: \"DIR/containers/*.log\" }, sink: { file: DIR/out } }\n",
    );
    let (mut wanted, mut number) = (String::new(), 0);
    let mut line = |place: &dyn Fn(&str) -> std::path::PathBuf| {
        let log = place("pods/0.log");
        if number > 0 {
            fs::rename(&log, place(&format!("pods/0.log.2026{number:04}"))).expect("it is there");
        }
        number += 1;
        append(&log, &format!("{number} {VALUE}\n"));
        wanted += &format!("{number} {MASK}\n");
        wanted.clone()
    };
    line(&|name| place.path(name));
    let mut sidecar = place.start(&config);
    for round in 0..6 {
        let mut all = String::new();
        for pause in [0, 1, 7, 30, 100] {
            all = line(&|name| sidecar.path(name));
            std::thread::sleep(Duration::from_millis(5 + pause));
        }
        sidecar.file_is("out", &all);
        if round % 2 == 0 {
            sidecar.stop();
        } else {
            // Killed: only after its position was saved.
            sidecar.has_saved("state", &sidecar.path("pods/0.log"));
            sidecar.kill();
        }
        for _ in 0..3 {
            line(&|name| sidecar.path(name));
            std::thread::sleep(Duration::from_millis(5));
        }
        sidecar = sidecar.into_place().start(&config);
    }
    let all = line(&|name| sidecar.path(name));
    sidecar.file_is("out", &all);
    sidecar.stop();
}
