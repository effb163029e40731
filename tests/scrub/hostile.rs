//! `hushlog scrub` as root in another user's directory (docs/faults.md, S01 to S07, S21, S23, S24):
//! links, concurrent swaps, special files, other file systems, names.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::program;
use crate::program::session::needs;
use crate::program::{Raise, Ran};
use crate::scrub::mount::{self, Mount};
use crate::scrub::{
    self, VALUE, assert_each_old_or_masked, assert_file, end, installed, log, masked, root, run, scrub, scrub_injected,
    scrub_under, start, state, tool, write_old,
};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, linkat, makedev, mkdirat, mknodat, openat, renameat_with,
};
use tempfile::TempDir;

/// The duration of a race.
const RACE: Duration = Duration::from_secs(4);
/// The number of scrubs in the long races.
const RUNS_LONG: usize = 10_000;

/// A directory of logs that another user may write to, and files outside that must not change.
struct Place {
    scratch: TempDir,
    logs: PathBuf,
    outside: PathBuf,
}

impl Place {
    fn new() -> Place {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let (logs, outside) = (scratch.path().join("logs"), scratch.path().join("outside"));
        fs::create_dir(&logs).expect("a directory");
        fs::create_dir(&outside).expect("a directory");
        write_old(&outside.join("a.log"), &log(20));
        write_old(&logs.join("good.log"), &log(20));
        Place { scratch, logs, outside }
    }

    fn log(&self, name: impl AsRef<Path>) -> PathBuf {
        self.logs.join(name)
    }

    fn target(&self) -> PathBuf {
        self.outside.join("a.log")
    }

    /// Scrubs the whole directory; every file that can be scrubbed must be.
    #[track_caller]
    fn scrub(&self, args: &[&str]) -> Ran {
        let args = args.iter().map(OsStr::new).chain([OsStr::new("--recursive"), self.logs.as_os_str()]);
        let ran = run(&mut scrub(args));
        assert_file(&self.log("good.log"), &masked(&log(20)));
        ran
    }
}

/// Runs attackers on a directory while it is scrubbed for [`RACE`], or `runs` times; returns the
/// number of scrubs.
fn race(place: &Place, runs: Option<usize>, attackers: &[&(dyn Fn() + Sync)], mut check: impl FnMut()) -> usize {
    let (stop, turns, can_delay) = (AtomicBool::new(false), AtomicUsize::new(0), installed(&["strace"]));
    std::thread::scope(|scope| {
        let _stopped = Raise(&stop);
        for attack in attackers {
            let (stop, turns) = (&stop, &turns);
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    attack();
                    turns.fetch_add(1, Relaxed);
                }
            });
        }
        let (begin, mut done) = (Instant::now(), 0);
        while runs.map_or(begin.elapsed() < RACE, |runs| done < runs) {
            // Every third run is slow, to leave room between any two steps.
            let args = ["--recursive".as_ref(), "--quiet".as_ref(), place.logs.as_os_str()];
            let slowly = done % 3 == 2 && can_delay;
            let ran = run(&mut if slowly { scrub_injected("openat2:delay_exit=1500", args) } else { scrub(args) });
            assert!(matches!(ran.code, Some(0 | 3)), "{:?}: {}", ran.code, ran.err());
            check();
            done += 1;
        }
        assert!(turns.load(Relaxed) > done, "nobody attacked");
        done
    })
}

fn exchange(a: &Path, b: &Path) {
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).expect("both are there");
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from(0o644), 0).expect("a new name");
}

/// S01: a link is not followed, wherever it leads, and neither is a directory link on the way.
#[test]
fn s01_links_are_refused() {
    let place = Place::new();
    let before = state(&place.target());
    symlink(place.target(), place.log("absolute.log")).expect("a link");
    symlink("../outside/a.log", place.log("relative.log")).expect("a link");
    symlink(&place.outside, place.log("directory")).expect("a link");
    symlink("missing", place.log("dangling.log")).expect("a link");
    symlink(".", place.log("loop")).expect("a link");
    symlink("good.log", place.log("inside.log")).expect("a link");
    let ran = place.scrub(&[]);
    assert!(matches!(ran.code, Some(0 | 3)), "{:?}: {}", ran.code, ran.err());
    assert_eq!(state(&place.target()), before);

    for name in ["absolute.log", "relative.log", "directory", "dangling.log"] {
        let ran = run(&mut scrub(["--recursive".as_ref(), place.log(name).as_os_str()])).ends(3);
        assert!(ran.err().contains(name), "{name} is not named: {}", ran.err());
        assert_eq!(state(&place.target()), before, "{name}");
    }
}

/// S01: a path on the command line may contain links and `..`, because the user typed them. Its
/// last part may not be a link.
#[test]
fn s01_dots_in_a_path_that_was_given() {
    let place = Place::new();
    run(&mut scrub([place.log("../outside/a.log")])).ends(0);
    assert_file(&place.target(), &masked(&log(20)));
}

/// S02: names that alternate between a file, a link to one outside, and a FIFO.
fn swap_files(runs: Option<usize>) {
    let place = Place::new();
    let names: Vec<[PathBuf; 3]> =
        (0..20).map(|n| ["a", "b", "c"].map(|kind| place.log(format!("{n}-{kind}.log")))).collect();
    for [file, link, pipe] in &names {
        write_old(file, &log(10));
        symlink(place.target(), link).expect("a link");
        fifo(pipe);
    }
    let before = state(&place.target());
    let attack = |turn: &AtomicUsize| {
        let [a, b, c] = &names[turn.fetch_add(1, Relaxed) % names.len()];
        exchange(a, b);
        exchange(b, c);
    };
    let turn = AtomicUsize::new(0);
    race(&place, runs, &[&|| attack(&turn)], || assert_eq!(state(&place.target()), before, "the file outside changed"));
    place.scrub(&[]);
    let files = names.iter().flatten().filter(|path| fs::symlink_metadata(path).expect("ours").is_file());
    files.for_each(|path| assert_file(path, &masked(&log(10))));
}

#[test]
fn s02_swapped_files() {
    swap_files(None);
}

#[test]
#[ignore = "takes minutes"]
fn s02_swapped_files_10_000_times() {
    swap_files(Some(RUNS_LONG));
}

/// S03: directories that alternate with a link to one outside, or with that directory itself, moved
/// here and away.
fn swap_directories(runs: Option<usize>) {
    let place = Place::new();
    let names: Vec<[PathBuf; 2]> = (0..10).map(|n| ["a", "b"].map(|kind| place.log(format!("{n}-{kind}.d")))).collect();
    for [directory, link] in &names {
        fs::create_dir(directory).expect("a directory");
        write_old(&directory.join("a.log"), &log(10));
        symlink(&place.outside, link).expect("a link");
    }
    let before = state(&place.target());
    let turn = AtomicUsize::new(0);
    let attack = || {
        let [a, b] = &names[turn.fetch_add(1, Relaxed) % names.len()];
        exchange(a, b);
    };
    race(&place, runs, &[&attack], || assert_eq!(state(&place.target()), before, "the file outside changed"));
}

#[test]
fn s03_swapped_directories() {
    swap_directories(None);
}

#[test]
#[ignore = "takes minutes"]
fn s03_swapped_directories_10_000_times() {
    swap_directories(Some(RUNS_LONG));
}

/// S04: a file that has another name outside may belong to anyone.
#[test]
fn s04_hard_links_are_refused_unless_asked_for() {
    let place = Place::new();
    fs::hard_link(place.target(), place.log("linked.log")).expect("a link");
    let before = state(&place.target());
    let ran = place.scrub(&[]).ends(3);
    assert!(ran.err().contains("linked.log"), "it is not named: {}", ran.err());
    assert_eq!(state(&place.target()), before);
    run(&mut scrub([place.log("linked.log")])).ends(3);
    assert_eq!(state(&place.target()), before);
}

/// S04, raced: a link is made, opened and removed, so that the open file has one name again: the
/// one outside.
fn link_and_unlink(runs: Option<usize>) {
    let place = Place::new();
    let before = state(&place.target());
    let content = log(20);
    let attack = |name: &str, pause: Duration| {
        let name = place.log(name);
        linkat(CWD, place.target(), CWD, &name, AtFlags::empty()).expect("a new name");
        std::thread::sleep(pause);
        fs::remove_file(name).expect("just made");
        std::thread::sleep(pause);
    };
    let attackers: [&(dyn Fn() + Sync); 3] =
        [&|| attack("a.log", Duration::ZERO), &|| attack("b.log", Duration::from_micros(700)), &|| {
            attack("c.log", Duration::from_micros(1_900))
        }];
    race(&place, runs, &attackers, || {
        assert_file(&place.target(), &content);
        assert_eq!(state(&place.target())[..2], before[..2]);
    });
}

#[test]
fn s04_links_that_come_and_go() {
    link_and_unlink(None);
}

#[test]
#[ignore = "takes minutes"]
fn s04_links_that_come_and_go_10_000_times() {
    link_and_unlink(Some(RUNS_LONG));
}

/// The kernel appends this mark to the path of a deleted file. A file may really have that name,
/// and the two cases look alike.
#[test]
fn s04_a_name_like_that_of_a_deleted_file() {
    let place = Place::new();
    let odd = place.log("a.log (deleted)");
    write_old(&odd, &log(3));
    let ran = place.scrub(&[]).ends(3);
    assert!(ran.err().contains("a.log (deleted)"), "it is not named: {}", ran.err());
    assert_file(&odd, &log(3));
    place.scrub(&["--hard-links"]).ends(0);
    assert_file(&odd, &masked(&log(3)));
}

/// S05: other than regular files are skipped and reported, and none of them blocks.
#[test]
fn s05_special_files() {
    let place = Place::new();
    fifo(&place.log("fifo.log"));
    let _listener = UnixListener::bind(place.log("socket.log")).expect("a short path");
    fs::create_dir(place.log("directory.log")).expect("a directory");
    write_old(&place.log("directory.log/in.log"), &log(5));
    symlink("/proc/self/environ", place.log("proc.log")).expect("a link");
    let mut special = vec!["fifo.log", "socket.log"];
    if root() {
        // Of the memory devices the empty one, and a block device that no machine has.
        mknodat(CWD, place.log("char.log"), FileType::CharacterDevice, Mode::from(0o600), makedev(1, 3)).expect("root");
        mknodat(CWD, place.log("block.log"), FileType::BlockDevice, Mode::from(0o600), makedev(254, 255))
            .expect("root");
        special.extend(["char.log", "block.log"]);
    }
    let report = place.scratch.path().join("report");
    let ran = place.scrub(&["--report", report.to_str().expect("plain")]);
    assert!(matches!(ran.code, Some(0 | 3)), "{:?}: {}", ran.code, ran.err());
    assert_file(&place.log("directory.log/in.log"), &masked(&log(5)));
    let report = fs::read_to_string(report).expect("it was written");
    for name in special {
        assert!(report.contains(name), "{name} is not in the report: {report}");
        let ran = run(&mut scrub([place.log(name)])).ends(3);
        assert!(ran.err().contains(name), "{name} is not named: {}", ran.err());
    }
}

/// S06: mounts below the directory are not scrubbed: another file system, a bind mount of the same
/// one, a single file.
#[test]
fn s06_mounts_are_not_crossed() {
    needs!("mounts");
    if !mount::private() {
        return;
    }
    let place = Place::new();
    let target = place.log("file.log");
    write_old(&target, b"");
    let outside = place.outside.to_str().expect("plain");
    let Some(tmpfs) = Mount::new(&["-t", "tmpfs", "tmpfs"], &place.log("tmpfs")) else { return };
    write_old(&tmpfs.point().join("a.log"), &log(5));
    let _same = Mount::new(&["--bind", outside], &place.log("bound")).expect("tmpfs could be mounted");
    tool("mount", [OsStr::new("--bind"), place.target().as_os_str(), target.as_os_str()]);
    let before = [state(&place.target()), state(&tmpfs.point().join("a.log"))];
    let ran = place.scrub(&[]);
    let after = [state(&place.target()), state(&tmpfs.point().join("a.log"))];
    tool("umount", [&target]);
    assert!(matches!(ran.code, Some(0 | 3)), "{:?}: {}", ran.code, ran.err());
    assert_eq!(before, after);
    // A mount given by name is meant.
    run(&mut scrub([tmpfs.point().join("a.log")])).ends(0);
    assert_file(&tmpfs.point().join("a.log"), &masked(&log(5)));
}

/// Removes the attributes again, so that the directory can be removed.
struct Attributes<'a>(&'a [PathBuf]);

impl Drop for Attributes<'_> {
    fn drop(&mut self) {
        for path in self.0 {
            let _ = Command::new("chattr").arg("-ia").arg(path).status();
        }
    }
}

/// S07: files that may not be written to.
#[test]
fn s07_attributes_and_read_only_mounts() {
    needs!("mounts", "chattr");
    if !installed(&["chattr"]) || !mount::private() {
        return;
    }
    let place = Place::new();
    let kept = [place.log("immutable.log"), place.log("append.log")];
    kept.iter().for_each(|path| write_old(path, &log(5)));
    let _away = Attributes(&kept);
    for (path, attribute) in kept.iter().zip(["+i", "+a"]) {
        tool("chattr", [OsStr::new(attribute), path.as_os_str()]);
    }
    let ran = place.scrub(&[]).ends(3);
    for path in &kept {
        assert_file(path, &log(5));
        assert!(ran.err().contains(path.file_name().unwrap().to_str().unwrap()), "not named: {}", ran.err());
    }

    let outside = place.outside.to_str().expect("plain");
    let bound = Mount::new(&["--bind", "-o", "ro", outside], &place.scratch.path().join("bound")).expect("root can");
    let ran = run(&mut scrub([bound.point().join("a.log").as_os_str(), place.log("good.log").as_os_str()])).ends(3);
    assert!(ran.err().contains("a.log"), "it is not named: {}", ran.err());
    assert_file(&place.target(), &log(20));
}

/// S07: as a user without permission to read or to write.
#[test]
fn s07_other_owners_and_modes() {
    needs!("root");
    let place = Place::new();
    const NOBODY: u32 = 65_534;
    // The program may be in a directory that other users cannot enter.
    let program = place.scratch.path().join("hushlog");
    fs::copy(program::HUSHLOG, &program).expect("room for a copy");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("our own");
    fs::set_permissions(place.scratch.path(), fs::Permissions::from_mode(0o755)).expect("our own");
    for (name, mode) in [("unreadable.log", 0o000), ("unwritable.log", 0o444), ("own.log", 0o600)] {
        write_old(&place.log(name), &log(5));
        fs::set_permissions(place.log(name), fs::Permissions::from_mode(mode)).expect("our own");
    }
    std::os::unix::fs::chown(place.log("own.log"), Some(NOBODY), Some(NOBODY)).expect("root can");
    let mut command = Command::new(&program);
    command.args(["scrub", "--env", scrub::NAME, "--recursive"]).arg(&place.logs);
    let ran = run(command.env_clear().env(scrub::NAME, VALUE).current_dir("/").uid(NOBODY).gid(NOBODY)).ends(3);
    for name in ["unreadable.log", "unwritable.log", "good.log"] {
        assert!(ran.err().contains(name), "{name} is not named: {}", ran.err());
    }
    assert_file(&place.log("unreadable.log"), &log(5));
    assert_file(&place.log("own.log"), &masked(&log(5)));

    // Root may do all of that, and does not change the ownership.
    place.scrub(&[]).ends(0);
    assert_file(&place.log("unreadable.log"), &masked(&log(5)));
    let own = fs::metadata(place.log("own.log")).expect("ours");
    assert_eq!((own.uid(), own.gid(), own.mode() & 0o7777), (NOBODY, NOBODY, 0o600));
}

/// S21: a report can be shown on a terminal and parsed by a program, for any file name.
#[test]
fn s21_names() {
    let place = Place::new();
    let names: [&[u8]; 8] = [
        b"new\nline.log",
        b"\x1b]0;title\x07\x1b[2J.log",
        b"invalid-\xff\xfe.log",
        &[b'x'; 255],
        b"--recursive",
        b" space .log",
        "right\u{202e}gol.to-left".as_bytes(),
        b"quote\"back\\slash.log",
    ];
    for (index, name) in names.iter().enumerate() {
        let path = place.log(OsStr::from_bytes(name));
        write_old(&path, &log(5));
        if index % 2 == 1 {
            // Refused, so that its name is reported.
            fs::hard_link(&path, place.outside.join(index.to_string())).expect("a link");
        }
    }
    let report = place.scratch.path().join("report");
    let ran = place.scrub(&["--report", report.to_str().expect("plain")]).ends(3);
    for (index, name) in names.iter().enumerate() {
        let text = if index % 2 == 1 { log(5) } else { masked(&log(5)) };
        assert_file(&place.log(OsStr::from_bytes(name)), &text);
    }
    for text in [ran.out(), ran.err()] {
        let strange = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{fffd}';
        assert!(!text.contains(strange), "it can write to a terminal: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("line.log")), "a name goes over two lines: {text:?}");
    }
    let report = fs::read(report).expect("it was written");
    let parsed: serde_json::Value = serde_json::from_slice(&report).expect("valid JSON");
    assert!(parsed.is_object());
    assert!(!report.iter().any(|byte| byte.is_ascii_control() && *byte != b'\n'), "raw control bytes in the report");

    // After `--`, a name with hyphens is a name.
    fs::remove_file(place.outside.join("1")).expect("ours");
    fs::remove_file(place.outside.join("3")).expect("ours");
    let mut command = scrub(["--", "--recursive"]);
    run(command.current_dir(&place.logs)).ends(0);
}

/// Makes a chain of directories that is too deep for one path, with a log in each tenth.
fn chain(place: &Place, depth: usize) {
    let name = "directory-of-the-chain";
    let mut at = File::open(&place.logs).expect("ours").into();
    for level in 0..depth {
        mkdirat(&at, name, Mode::from(0o755)).expect("room for a directory");
        at = openat(&at, name, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).expect("just made");
        if level % 10 == 9 {
            let flags = OFlags::CREATE | OFlags::WRONLY;
            let file = openat(&at, "a.log", flags, Mode::from(0o644)).expect("room for a file");
            std::io::Write::write_all(&mut File::from(file), &log(2)[..]).expect("room");
        }
    }
}

/// The logs of a [`chain`], from the top.
fn chain_logs(place: &Place) -> Vec<Vec<u8>> {
    let (mut at, mut found) = (File::open(&place.logs).expect("ours").into(), Vec::new());
    while let Ok(next) = openat(&at, "directory-of-the-chain", OFlags::DIRECTORY, Mode::empty()) {
        at = next;
        if let Ok(file) = openat(&at, "a.log", OFlags::RDONLY, Mode::empty()) {
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut File::from(file), &mut text).expect("readable");
            found.push(text);
        }
    }
    found
}

/// S23: deeper than the longest path. At that depth only `/proc` could show whether a file has one
/// name, and it does not.
#[test]
fn s23_depth_500() {
    let place = Place::new();
    chain(&place, 500);
    let ran = place.scrub(&[]).ends(3);
    assert!(ran.err().contains("--hard-links scrubs it anyway"), "no hint: {}", ran.err());
    place.scrub(&["--hard-links"]).ends(0);
    let logs = chain_logs(&place);
    assert_eq!(logs.len(), 50);
    assert!(logs.iter().all(|text| *text == masked(&log(2))));
}

/// S23: more files than descriptors, on a small stack.
fn many_files(directories: usize, files: usize) {
    if !installed(&["prlimit"]) {
        return;
    }
    let place = Place::new();
    let text = log(4);
    for directory in 0..directories {
        let directory = place.log(format!("{}/{directory}", directory % 7));
        fs::create_dir_all(&directory).expect("a directory");
        (0..files).for_each(|n| fs::write(directory.join(format!("{n}.log")), &text).expect("room for a file"));
    }
    let limits = ["prlimit", "--nofile=40", "--stack=524288"];
    run(&mut scrub_under(&limits, [OsStr::new("--recursive"), place.logs.as_os_str()])).ends(0);
    for directory in 0..directories {
        for n in 0..files {
            assert_file(&place.log(format!("{}/{directory}/{n}.log", directory % 7)), &masked(&text));
        }
    }
}

#[test]
fn s23_many_files() {
    needs!("prlimit");
    many_files(50, 60);
}

#[test]
#[ignore = "takes minutes"]
fn s23_200_000_files() {
    needs!("prlimit");
    many_files(200, 1_000);
}

/// S24: several scrubs of one directory at once; one of them may be asked to retry.
#[test]
fn s24_two_at_once() {
    let place = Place::new();
    let text = log(20_000);
    for round in 0..8 {
        (0..6).for_each(|n| write_old(&place.log(format!("{n}.log")), &text));
        let started = (0..3).map(|_| start(&mut scrub([OsStr::new("--recursive"), place.logs.as_os_str()])));
        let mut started: Vec<_> = started.collect();
        let ended: Vec<Ran> = started.iter_mut().map(end).collect();
        assert!(ended.iter().any(|ran| ran.code == Some(0)), "round {round}: none got through: {}", ended[0].err());
        for ran in ended {
            // A success must be complete, and a failure must give its reason.
            assert!(ran.code == Some(0) || (ran.code == Some(3) && !ran.err().is_empty()), "{:?}", ran.code);
        }
        for n in 0..6 {
            let found = fs::read(place.log(format!("{n}.log"))).expect("ours");
            assert_each_old_or_masked(&found, &text, "in between");
        }
        place.scrub(&[]).ends(0);
        (0..6).for_each(|n| assert_file(&place.log(format!("{n}.log")), &masked(&text)));
    }
}
