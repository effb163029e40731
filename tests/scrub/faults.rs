//! `hushlog scrub` on a failing machine (docs/faults.md, S08 to S11, S18): full disks, disk errors,
//! kills, power cuts, and remains on the device.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::program::session::needs;
use crate::scrub::mount::{self, Image, Mount};
use crate::scrub::{
    self, MASK, NAME, VALUE, assert_between, assert_each_old_or_masked, assert_file, count, installed, kill, log,
    masked, run, scrub, scrub_injected, scrub_injected_at, write_old,
};

/// The names in a directory, sorted.
fn names(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> =
        fs::read_dir(directory).expect("ours").map(|entry| entry.expect("readable").file_name()).collect();
    names.sort();
    names
}

/// Fails if a file other than these holds the secret.
#[track_caller]
fn assert_no_copy(directory: &Path, but: &[&str]) {
    for name in names(directory).iter().filter(|name| !but.iter().any(|but| name == but)) {
        let path = directory.join(name);
        if path.is_file() {
            assert_eq!(count(&fs::read(&path).expect("ours")), 0, "a copy in {}", path.display());
        }
    }
}

/// Fills a file system to the last byte.
fn fill(directory: &Path) {
    let mut file = File::create(directory.join("full")).expect("a name is left");
    for len in [1 << 20, 4_096, 1] {
        while file.write_all(&vec![b'.'; len]).is_ok() {}
    }
    assert!(file.write_all(b".").is_err(), "there is room left");
}

/// S08: a scrub in place takes no space, so it works on a full disk.
#[test]
fn s08_a_full_disk_is_scrubbed_in_place() {
    needs!("mounts");
    if !mount::private() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    for args in [["-t", "tmpfs", "-o", "size=4m", "tmpfs"].as_slice(), &["ext4"], &["xfs"]] {
        let (image, mounted);
        let directory = match args {
            [kind] => {
                let mib = if *kind == "xfs" { 320 } else { 16 };
                image = Image::new(kind, mib, scratch.path());
                image.as_ref().map(|image| image.point().to_owned())
            }
            args => {
                mounted = Mount::new(args, &scratch.path().join("tmpfs"));
                mounted.as_ref().map(|mount| mount.point().to_owned())
            }
        };
        let Some(directory) = directory else { continue };
        let text = log(2_000);
        write_old(&directory.join("a.log"), &text);
        fill(&directory);
        run(&mut scrub([directory.join("a.log")])).ends(0);
        assert_file(&directory.join("a.log"), &masked(&text));
    }
}

/// S08: a rewrite takes space. Without space, the file is unchanged and no other file remains.
#[test]
fn s08_a_rewrite_without_room_leaves_the_file() {
    needs!("mounts");
    if !mount::private() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let Some(mount) = Mount::new(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"], &scratch.path().join("tmpfs")) else {
        return;
    };
    let (text, path) = (log(4_000), mount.point().join("a.log"));
    write_old(&path, &text);
    fill(mount.point());
    let before = names(mount.point());
    let ran = run(&mut scrub([OsStr::new("--rewrite"), path.as_os_str()])).ends(3);
    assert!(ran.err().contains("a.log") && ran.err().to_lowercase().contains("space"), "said {}", ran.err());
    assert_file(&path, &text);
    assert_eq!(names(mount.point()), before);
}

/// S08: a lack of space for the report is reported, too.
#[test]
fn s08_a_report_without_room() {
    needs!("mounts");
    if !mount::private() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let Some(mount) = Mount::new(&["-t", "tmpfs", "-o", "size=64k", "tmpfs"], &scratch.path().join("tmpfs")) else {
        return;
    };
    let path = scratch.path().join("a.log");
    write_old(&path, &log(10));
    fill(mount.point());
    let report = mount.point().join("report");
    run(&mut scrub([OsStr::new("--report"), report.as_os_str(), path.as_os_str()])).ends(3).says("report");
    assert_file(&path, &masked(&log(10)));
}

/// S09: every kind of call that a scrub needs fails once. A success is a complete scrub; a failure
/// names the file and leaves each place original or masked; another run completes it.
fn failing(args: &[&str], calls: &[&str]) {
    if !installed(&["strace"]) {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (path, text) = (scratch.path().join("a.log"), log(50));
    let args: Vec<&OsStr> = args.iter().map(OsStr::new).chain([path.as_os_str()]).collect();
    let used = kill::calls_of(
        &{
            write_old(&path, &text);
            args.clone()
        },
        scratch.path(),
    );
    let mut failed = 0;
    for (call, error) in calls.iter().flat_map(|call| ["EIO", "ENOSPC", "EINTR"].map(|error| (*call, error))) {
        if !used.contains(call) {
            continue;
        }
        // The first calls may be those of the loader.
        for n in 1..12 {
            write_old(&path, &text);
            let injection = format!("{call}:error={error}:when={n}");
            // Most mappings are the loader's and the allocator's.
            let injected = if call == "mmap" {
                scrub_injected_at(&path, &injection, &args)
            } else {
                scrub_injected(&injection, &args)
            };
            let ran = run(&mut { injected });
            let what = format!("{call}: {error} at {n}");
            let found = fs::read(&path).expect("ours");
            match ran.code {
                Some(0) => scrub::assert_same(&found, &masked(&text), &what),
                Some(2 | 3 | 127) => failed += 1,
                code => panic!("{what}: {code:?}, {:?}: {}", ran.signal, ran.err()),
            }
            assert!(ran.code == Some(0) || !ran.err().is_empty(), "{what}: nothing was said");
            assert_each_old_or_masked(&found, &text, &what);
            assert_eq!(names(scratch.path()), ["a.log"], "{what}");
            run(&mut scrub(&args)).ends(0);
            assert_file(&path, &masked(&text));
        }
    }
    assert!(failed > 0, "nothing failed");
}

#[test]
fn s09_calls_that_fail() {
    needs!("strace");
    failing(
        &["--jobs", "1"],
        &["pwrite64", "pread64", "fsync", "fdatasync", "msync", "flock", "fcntl", "openat2", "mmap"],
    );
}

#[test]
fn s09_calls_that_fail_in_a_rewrite() {
    needs!("strace");
    let calls =
        ["write", "pwrite64", "pread64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "linkat", "fchown"];
    failing(&["--jobs", "1", "--rewrite", "--mask", MASK], &calls);
}

/// S09: a later fsync that succeeds must not hide one that failed: the kernel reports an error
/// once.
#[test]
fn s09_a_failed_fsync_is_reported() {
    needs!("strace");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    write_old(&path, &log(50));
    let args = ["--jobs".as_ref(), "1".as_ref(), path.as_os_str()];
    let used = kill::calls_of(&args, scratch.path());
    let sync: Vec<&str> = ["fsync", "fdatasync", "msync", "sync_file_range", "syncfs"]
        .into_iter()
        .filter(|call| used.contains(*call))
        .collect();
    assert!(!sync.is_empty(), "nothing is waited for");
    write_old(&path, &log(50));
    let ran = run(&mut scrub_injected(&format!("{}:error=EIO:when=1", sync.join(",")), args)).ends(3);
    assert!(ran.err().contains("a.log"), "it is not named: {}", ran.err());
}

/// S10: each place is original or masked, no other file holds a secret, and another run completes
/// it.
fn killed(options: &[&str]) -> usize {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let logs = scratch.path().join("logs");
    fs::create_dir(&logs).expect("a directory");
    let texts: Vec<(PathBuf, Vec<u8>)> =
        [("a.log", 15), ("b.log", 29)].map(|(name, lines)| (logs.join(name), log(lines))).into();
    let prepare = || texts.iter().for_each(|(path, text)| write_old(path, text));
    prepare();
    let args: Vec<&OsStr> =
        options.iter().map(OsStr::new).chain([OsStr::new("--recursive"), logs.as_os_str()]).collect();
    let calls = kill::calls_of(&args, scratch.path());
    kill::before_each(&calls, &args, prepare, |what| {
        for (path, text) in &texts {
            assert_each_old_or_masked(&fs::read(path).expect("it is still there"), text, what);
        }
        assert_no_copy(&logs, &["a.log", "b.log"]);
        run(&mut scrub(&args)).ends(0);
        texts.iter().for_each(|(path, text)| assert_file(path, &masked(text)));
        assert_no_copy(&logs, &[]);
    })
}

#[test]
fn s10_killed_before_each_call() {
    needs!("strace");
    if installed(&["strace"]) {
        let killed = killed(&["--jobs", "1"]);
        assert!(killed > 50, "killed {killed} times only");
    }
}

#[test]
fn s10_killed_before_each_call_of_a_rewrite() {
    needs!("strace");
    if installed(&["strace"]) {
        let killed = killed(&["--jobs", "1", "--rewrite", "--mask", MASK]);
        assert!(killed > 50, "killed {killed} times only");
    }
}

/// Calls that change the disk or wait for it.
const STEPS: [&str; 12] = [
    "pwrite64",
    "write",
    "pread64",
    "munmap",
    "msync",
    "utimensat",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "linkat",
];

/// S11: the power fails at each step of a scrub, and after its success.
fn power_cut(kind: &str, options: &[&str]) {
    if !installed(&["strace"]) || !mount::private() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let Some(mut image) = Image::new(kind, 320, scratch.path()) else { return };
    let (path, text) = (image.point().join("a.log"), log(500));
    let args: Vec<&OsStr> = options.iter().map(OsStr::new).chain([path.as_os_str()]).collect();

    write_old(&path, &text);
    image.sync();
    run(&mut scrub(&args)).ends(0);
    image.cut_power();
    assert_file(&path, &masked(&text));

    write_old(&path, &text);
    let mut calls = kill::calls_of(&args, scratch.path());
    calls.retain(|call| STEPS.contains(&call.as_str()));
    // A sample of hundreds: between two of them, only memory differs.
    for (call, n) in calls.iter().flat_map(|call| [1, 2, 3, 5, 8, 13, 40, 100].map(|n| (call, n))) {
        // The power fails right after the kill, or after another run has succeeded.
        for another_before in [false, true] {
            let what = format!("{kind}: {call} {n}, another run before the power cut: {another_before}");
            write_old(&path, &text);
            image.sync();
            let ran = run(&mut scrub_injected(&format!("{call}:signal=KILL:when={n}"), &args));
            assert!(ran.signal == Some(9) || ran.code == Some(0), "{what}: {:?}: {}", ran.code, ran.err());
            let mut done = ran.code == Some(0);
            if another_before && !done {
                run(&mut scrub(&args)).ends(0);
                done = true;
            }
            image.cut_power();
            let found = fs::read(&path).expect("it is still there");
            if done {
                scrub::assert_same(&found, &masked(&text), &what);
            } else {
                assert_between(&found, &text, &masked(&text), &what);
            }
        }
    }
}

#[test]
fn s11_power_cuts_on_ext4() {
    needs!("mounts", "strace");
    power_cut("ext4", &["--jobs", "1"]);
}

#[test]
fn s11_power_cuts_on_xfs() {
    needs!("mounts", "strace");
    power_cut("xfs", &["--jobs", "1"]);
}

#[test]
fn s11_power_cuts_of_a_rewrite() {
    needs!("mounts", "strace");
    power_cut("ext4", &["--jobs", "1", "--rewrite", "--mask", MASK]);
    power_cut("xfs", &["--jobs", "1", "--rewrite", "--mask", MASK]);
}

/// The number of occurrences of the secret on a whole device.
fn on_device(image: &Path) -> usize {
    let mut file = File::open(image).expect("ours");
    let (mut text, mut found) = (Vec::new(), 0);
    loop {
        let kept = text.len().min(VALUE.len() - 1);
        text.drain(..text.len() - kept);
        if (&mut file).take(16 << 20).read_to_end(&mut text).expect("readable") == 0 {
            return found;
        }
        found += count(&text);
    }
}

/// S18: after a scrub in place, the device holds no copy; a rewrite leaves the old blocks, as
/// documented.
#[test]
fn s18_nothing_is_left_on_the_device() {
    needs!("mounts");
    if !mount::private() {
        return;
    }
    for kind in ["ext4", "xfs"] {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let Some(mut image) = Image::new(kind, 320, scratch.path()) else { continue };
        let (in_place, rewritten) = (image.point().join("a.log"), image.point().join("b.log"));
        write_old(&in_place, &log(140_000));
        image.sync();
        assert_eq!(on_device(image.path()), 20_000);
        run(&mut scrub([&in_place])).ends(0);
        assert_file(&in_place, &masked(&log(140_000)));
        image.unmount();
        assert_eq!(on_device(image.path()), 0, "{kind}");

        let mut image = Image::new(kind, 320, scratch.path()).expect("as before");
        write_old(&rewritten, &log(14_000));
        image.sync();
        run(&mut scrub([OsStr::new("--rewrite"), "--mask".as_ref(), MASK.as_ref(), rewritten.as_os_str()])).ends(0);
        assert_file(&rewritten, &masked(&log(14_000)).to_vec());
        image.unmount();
        assert!(on_device(image.path()) > 0, "{kind}: a rewrite leaves nothing? then the documentation is wrong");
    }
}

/// A rewrite may use a mask of any length, and does not touch neighbouring files.
#[test]
fn a_rewrite_with_another_mask() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().join("a.log");
    write_old(&path, &log(50));
    run(&mut scrub(["--rewrite".as_ref(), "--mask".as_ref(), "<{name}>".as_ref(), path.as_os_str()])).ends(0);
    let expected = String::from_utf8(log(50)).expect("text").replace(VALUE, &format!("<{NAME}>"));
    assert_file(&path, expected.as_bytes());
    assert_eq!(names(scratch.path()), ["a.log"]);
}
