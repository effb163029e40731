//! The content of a spool, through full disks, kills and power cuts.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::program::session::needs;
use crate::scrub::mount::{self, Image, Mount};
use crate::sidecar::{MASK, Place, VALUE, append, until};

fn lines(count: usize) -> String {
    (0..count).map(|number| format!("line {number:05} {VALUE} {}.\n", "x".repeat(number % 90))).collect()
}

/// Sets the size of a tmpfs.
fn resize(at: &Path, size: &str) {
    let done = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(at).status();
    assert!(done.is_ok_and(|done| done.success()), "it cannot be mounted anew");
}

/// A nearly full disk takes part of a piece, repeatedly, also after restarts.
#[test]
fn a22_a_nearly_full_disk_doubles_and_tears_no_line() {
    needs!("mounts");
    if !mount::private() {
        return;
    }
    let place = Place::new();
    let small = place.path("small");
    let Some(_mount) = Mount::new(&["-t", "tmpfs", "-o", "size=16k", "tmpfs"], &small) else { return };
    fs::create_dir(place.path("logs")).expect("room");
    fs::write(place.path("logs/a.log"), lines(6_000)).expect("room");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\nstreams:\n  \
         - { name: app, source: { files: DIR/logs/a.log }, sink: { file: DIR/small/out, away: spool, spool: DIR/spool } }\n",
    );
    let wanted = lines(6_000).replace(VALUE, MASK);
    let mut sidecar = place.start(&config);
    sidecar.says("unavailable");
    let len = || fs::metadata(small.join("out")).map_or(0, |found| found.len());
    for step in 1..12_u64 {
        resize(&small, &format!("{}k", 16 + step * 36));
        until("a part came", || len() >= (16 + step * 36 - 8) << 10);
        if step % 4 == 0 {
            sidecar.stop();
            sidecar = sidecar.into_place().start(&config);
        }
    }
    resize(&small, "4m");
    until("all came", || len() >= wanted.len() as u64);
    sidecar.stop();
    let found = fs::read_to_string(small.join("out")).expect("it is there");
    let (found_lines, wanted_lines): (Vec<&str>, Vec<&str>) = (found.lines().collect(), wanted.lines().collect());
    let first = found_lines.iter().zip(&wanted_lines).position(|(found, wanted)| found != wanted);
    assert_eq!((first, found.len()), (None, wanted.len()), "lines were doubled or torn");
}

/// Simulates a reboot of the machine.
fn start_machine_anew(place: &Path, number: u32) {
    let id = place.join(format!("boot.{number}"));
    fs::write(&id, format!("{number:08x}-0000-4000-8000-000000000000\n")).expect("room");
    let bound = Command::new("mount").arg("--bind").arg(&id).arg("/proc/sys/kernel/random/boot_id").status();
    assert!(bound.is_ok_and(|bound| bound.success()), "the number of the boot cannot be set");
}

#[test]
fn a33_a_power_cut_while_a_spool_goes_out_loses_nothing() {
    needs!("mounts");
    if !mount::private() {
        return;
    }
    const LINES: usize = 40_000;
    for kind in ["ext4", "xfs"] {
        let place = Place::new();
        let Some(mut image) = Image::new(kind, 320, &place.path("")) else { continue };
        let config = place.configure(&format!(
            "secrets: {{ secret_files: [DIR/secrets] }}\nstate: DIR/{kind}/state\nstreams:\n  \
             - {{ name: app, source: {{ files: DIR/{kind}/a.log }}, \
             sink: {{ file: DIR/{kind}/there/out, away: spool, spool: DIR/{kind}/spool }} }}\n"
        ));
        let (log, there) = (image.point().join("a.log"), image.point().join("there"));
        fs::write(&log, lines(LINES)).expect("room");
        image.sync();
        start_machine_anew(&place.path(""), 0);
        let spool = image.point().join("spool");
        let mut place = Some(place);
        for cut in 1..=8_u32 {
            let mut sidecar = place.take().expect("it is back").start(&config);
            if cut == 1 {
                sidecar.has_saved(&format!("{kind}/state"), &log);
                fs::create_dir(&there).expect("room");
                image.sync();
            }
            std::thread::sleep(Duration::from_millis(u64::from(cut * cut) * 9));
            sidecar.kill();
            let back = sidecar.into_place();
            image.cut_power();
            start_machine_anew(&back.path(""), cut);
            place = Some(back);
        }
        let mut sidecar = place.take().expect("it is back").start(&config);
        until("nothing waits", || fs::metadata(&spool).is_ok_and(|spool| spool.len() == 1_024));
        sidecar.stop();
        let found = fs::read_to_string(there.join("out")).expect("it is there");
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        found.lines().for_each(|line| *counts.entry(line).or_default() += 1);
        let wanted = lines(LINES).replace(VALUE, MASK);
        let missing = wanted.lines().filter(|line| !counts.contains_key(line)).count();
        assert_eq!((missing, found.contains(VALUE)), (0, false), "{kind}: lines are missing");
    }
}

#[test]
fn a33_a_kill_at_any_time_loses_nothing() {
    const LINES: usize = 4_000;
    let place = Place::new();
    fs::create_dir(place.path("logs")).expect("room");
    fs::write(place.path("logs/a.log"), lines(LINES)).expect("room");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\nstreams:\n  \
         - { name: app, source: { files: DIR/logs/a.log }, sink: { file: DIR/there/out, away: spool, spool: DIR/spool } }\n",
    );
    let wanted = lines(LINES).replace(VALUE, MASK);
    let mut sidecar = place.start(&config);
    sidecar.has_saved("state", &sidecar.path("logs/a.log"));
    fs::create_dir(sidecar.path("there")).expect("room");
    for kill in 0..20 {
        std::thread::sleep(Duration::from_millis(kill));
        sidecar.kill();
        sidecar = sidecar.into_place().start(&config);
    }
    until("nothing waits", || fs::metadata(sidecar.path("spool")).is_ok_and(|spool| spool.len() == 1_024));
    sidecar.stop();
    let found = fs::read_to_string(sidecar.path("there/out")).expect("it is there");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    found.lines().for_each(|line| *counts.entry(line).or_default() += 1);
    let missing = wanted.lines().filter(|line| !counts.contains_key(line)).count();
    assert_eq!((missing, found.contains(VALUE)), (0, false), "lines are missing");
}

/// A kill leaves the beginning of a line at the end of the sink's file, a power cut that or zeros.
/// The repeated line would be only the rest of a broken one.
#[test]
fn a44_a_torn_end_of_the_sink_breaks_no_waiting_line() {
    let zeros = "\0".repeat(455);
    for (end, behind) in [(&zeros[..], "\n"), ("line 00000 [REDAC", "\n"), ("another line\n", ""), ("", "")] {
        let place = Place::new();
        fs::write(place.path("a.log"), lines(4_000)).expect("room");
        let config = place.configure(
            "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\nstreams:\n  \
             - { name: app, source: { files: DIR/a.log }, sink: { file: DIR/there/out, away: spool, spool: DIR/spool } }\n",
        );
        let mut sidecar = place.start(&config);
        sidecar.has_saved("state", &sidecar.path("a.log"));
        sidecar.kill();
        let place = sidecar.into_place();
        fs::create_dir(place.path("there")).expect("room");
        fs::write(place.path("there/out"), end).expect("room");
        let mut sidecar = place.start(&config);
        sidecar.file_is("there/out", &format!("{end}{behind}{}", lines(4_000).replace(VALUE, MASK)));
        sidecar.stop();
    }
}

#[test]
fn a44_a_torn_end_of_the_sink_breaks_no_repeated_line() {
    for release in ["line", "exact"] {
        let place = Place::new();
        let (log, all) = (place.path("a.log"), lines(20));
        let (first, rest) = all.split_at(all.find("line 00010").expect("it is there"));
        fs::write(&log, first).expect("room");
        let config = place.configure(&format!(
            "secrets: {{ secret_files: [DIR/secrets] }}\nstate: DIR/state\nstreams:\n  \
             - {{ name: app, source: {{ files: DIR/a.log }}, sink: {{ file: DIR/out }}, release: {release} }}\n"
        ));
        let mut sidecar = place.start(&config);
        sidecar.has_saved("state", &log);
        sidecar.kill();
        let place = sidecar.into_place();
        append(&log, rest);
        // The kill came within the write of this line.
        append(&place.path("out"), "line 00010 [RE");
        let mut sidecar = place.start(&config);
        let masked = |text: &str| text.replace(VALUE, MASK);
        sidecar.file_is("out", &format!("{}line 00010 [RE\n{}", masked(first), masked(rest)));
        // A stop in the middle of a line that was released joins its parts.
        append(&log, "half a ");
        if release == "exact" {
            sidecar.file_has("out", "half a ");
        }
        sidecar.stop();
        let place = sidecar.into_place();
        append(&log, "line\n");
        let mut sidecar = place.start(&config);
        sidecar.file_has("out", "\nhalf a line\n");
        sidecar.stop();
    }
}

/// The kernel drops bytes that it could not write, and only one sync reports it: the next one
/// succeeds.
#[test]
fn a33_a_failed_sync_loses_no_line() {
    needs!("mounts");
    if !mount::private() {
        return;
    }
    let place = Place::new();
    let small = place.path("small");
    let Some(_mount) = Mount::new(&["-t", "tmpfs", "-o", "size=64m", "tmpfs"], &small) else { return };
    // Without a journal, whose failure would stop the whole file system.
    let Some(mut image) = Image::new("ext2", 32, &small) else { return };
    let (log, out) = (place.path("a.log"), image.point().join("out"));
    let all = lines(40_000);
    let (first, rest) = all.split_at(all.find("line 00010").expect("it is there"));
    let (second, third) = rest.split_at(rest.find("line 39990").expect("it is there"));
    fs::write(&log, first).expect("room");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\nstreams:\n  \
         - { name: app, source: { files: DIR/a.log }, sink: { file: DIR/small/ext2/out } }\n",
    );
    let has = |end: &str| fs::read(&out).is_ok_and(|found| found.ends_with(end.replace(VALUE, MASK).as_bytes()));
    let mut sidecar = place.start(&config);
    until("the first lines are out", || has(first));
    image.sync();
    // The disk below the image is full.
    let ballast = small.join("ballast");
    let full = fs::File::create(&ballast).map(|mut file| std::io::copy(&mut std::io::repeat(1), &mut file));
    assert!(full.is_ok_and(|copied| copied.is_err()), "it is never full");
    append(&log, second);
    sidecar.says("cannot save read positions");
    fs::remove_file(&ballast).expect("it is there");
    append(&log, third);
    until("the last lines are out", || has(third));
    // Another checkpoint, after a successful sync.
    std::thread::sleep(Duration::from_millis(3_500));
    sidecar.kill();
    // Only the bytes on the disk are left.
    image.unmount();
    assert!(image.mount(), "it cannot be mounted again");
    let lost = fs::read(&out).expect("it is there").iter().filter(|&&byte| byte == 0).count();
    assert!(lost > 0, "nothing was given up: this shows nothing");
    let mut sidecar = sidecar.into_place().start(&config);
    let wanted = all.replace(VALUE, MASK);
    until("no line is lost", || {
        let found = fs::read(&out).expect("it is there");
        let found = String::from_utf8_lossy(&found);
        let found: HashSet<&str> = found.lines().collect();
        wanted.lines().all(|line| found.contains(line))
    });
    sidecar.stop();
}

/// A power cut loses the bytes of a file whose name is not synced. The available file systems write
/// both at once, so the test examines the system calls.
#[test]
fn a33_names_of_new_files_are_synced_before_a_checkpoint() {
    needs!("strace");
    let place = Place::new();
    fs::create_dir(place.path("there")).expect("room");
    let all = lines(20_000);
    fs::write(place.path("a.log"), &all).expect("room");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\nstreams:\n  \
         - { name: app, source: { files: DIR/a.log }, \
         sink: { file: DIR/there/out, rotate_size: 64KiB, rotate_keep: 9 } }\n",
    );
    let trace = place.path("trace");
    let mut sidecar = place.start_as(&config, |command| {
        let mut traced = Command::new("strace");
        traced.args(["-D", "-f", "-y", "-e", "trace=openat,openat2,rename,renameat,renameat2,fsync", "-o"]).arg(&trace);
        traced.arg(command.get_program()).args(command.get_args()).env_clear();
        traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        traced.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        *command = traced;
    });
    let rotated = |number: u32| sidecar.path(&format!("there/out.{number}"));
    until("it was rotated twice", || rotated(2).exists());
    std::thread::sleep(Duration::from_millis(2_500));
    sidecar.stop();
    let trace = fs::read_to_string(trace).expect("it is there");
    // Each new or renamed file leaves names unsynced; a checkpoint replaces a file.
    let (mut unsynced, mut made, mut checkpoints) = (false, 0, 0);
    for line in trace.lines() {
        let of_sink = line.contains("/there>");
        if of_sink && (line.contains("O_CREAT") || line.contains("rename")) {
            (unsynced, made) = (true, made + 1);
        } else if of_sink && line.contains("fsync(") {
            unsynced = false;
        } else if line.contains("rename") && line.contains("state") {
            checkpoints += 1;
            assert!(!unsynced, "a checkpoint is saved before the names are on the disk:\n{trace}");
        }
    }
    assert!(made >= 4 && checkpoints >= 1, "this shows nothing: {made}, {checkpoints}\n{trace}");
}
