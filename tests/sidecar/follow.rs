//! Files followed by a sidecar that runs, stops and is killed: every line is emitted, and no secret
//! is.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::program;
use crate::program::session::needs;
use crate::sidecar::{self, MASK, Place, Reader, Sidecar, VALUE, append, until};

/// The usual sink, and no other setting of the stream.
const OUT: &str = "sink: { file: DIR/out }";

/// A log, and a sidecar that follows it: stopped, killed and restarted in one place.
struct Following {
    sidecar: Sidecar,
    config: PathBuf,
    log: PathBuf,
}

impl Following {
    /// Follows these `files` with this rest of a stream; `a.log` already holds a text.
    fn begin(files: &str, rest: &str, text: &str) -> Following {
        Following::begin_in(Place::new(), files, rest, text)
    }

    /// The same in a place that already has files.
    fn begin_in(place: Place, files: &str, rest: &str, text: &str) -> Following {
        Following::begin_as(place, files, rest, text, |_| {})
    }

    fn begin_as(place: Place, files: &str, rest: &str, text: &str, change: impl FnOnce(&mut Command)) -> Following {
        fs::create_dir_all(place.path("logs")).expect("room for a directory");
        let log = place.path("logs/a.log");
        if !log.exists() {
            append(&log, text);
        }
        let config = place.configure(&format!(
            "secrets: {{ secret_files: [DIR/secrets] }}\nstate: DIR/lib/state\ncontrol: DIR/control\nstreams:\n  \
             - {{ name: app, source: {{ files: \"DIR/logs/{files}\" }}, {rest} }}\n"
        ));
        Following { sidecar: place.start_as(&config, change), config, log }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sidecar.path(name)
    }

    fn append(&self, text: &str) {
        append(&self.log, text);
    }

    /// Waits until exactly this has been emitted.
    #[track_caller]
    fn out_is(&self, text: &str) {
        self.sidecar.file_is("out", text);
    }

    /// A writer of the log.
    fn writer(&self) -> File {
        OpenOptions::new().append(true).open(&self.log).expect("it is there")
    }

    fn kill(&mut self) {
        self.sidecar.kill();
    }

    #[track_caller]
    fn stop(&mut self) -> String {
        self.sidecar.stop()
    }

    /// Restarts it after it has ended.
    fn again(self) -> Following {
        let Following { sidecar, config, log } = self;
        Following { sidecar: sidecar.into_place().start(&config), config, log }
    }

    /// Waits for a checkpoint on the disk that covers the whole log.
    #[track_caller]
    fn is_remembered(&self) {
        self.sidecar.has_saved("lib/state", &self.log);
    }
}

#[test]
fn a_file_is_followed_masked_and_not_read_twice() {
    let mut following = Following::begin("*.log", OUT, &format!("one {VALUE}\n"));
    following.out_is(&format!("one {MASK}\n"));
    following.append("two\n");
    following.out_is(&format!("one {MASK}\ntwo\n"));
    following.stop();
    following.append("three\n");
    let mut following = following.again();
    following.out_is(&format!("one {MASK}\ntwo\nthree\n"));
    following.stop();
}

/// A sidecar that stops within a line, and within a secret, resumes there.
#[test]
fn a_stop_in_the_middle_of_a_secret_gives_none_of_it_away() {
    let mut following = Following::begin("a.log", OUT, "begin\n");
    let mut wanted = "begin\n".to_owned();
    for cut in 1..VALUE.len() {
        following.append(&format!("key: {}", &VALUE[..cut]));
        following.out_is(&wanted);
        std::thread::sleep(Duration::from_millis(10));
        if cut % 2 == 0 {
            following.stop();
        } else {
            following.kill();
        }
        following.append(&format!("{} end\n", &VALUE[cut..]));
        following = following.again();
        wanted += &format!("key: {MASK} end\n");
        let out = following.sidecar.file_has("out", &wanted[wanted.len() - 8..]);
        assert!(!out.contains("4f9Q") && !out.contains(&VALUE[cut..]), "{out}");
        until("all of it", || fs::read_to_string(following.path("out")).unwrap().matches(" end\n").count() >= cut);
        // After a kill, output since the last checkpoint may repeat.
        wanted = fs::read_to_string(following.path("out")).unwrap();
    }
    following.stop();
}

/// Appends numbered lines with a secret in each, in pieces of any size, until stopped.
fn write_lines(log: std::path::PathBuf, stop: Arc<AtomicBool>, written: Arc<AtomicU64>, pause: Duration) {
    let mut file = OpenOptions::new().append(true).create(true).open(&log).expect("the directory is there");
    let mut number = written.load(Relaxed);
    while !stop.load(Relaxed) {
        let line = format!("line {number:09} {VALUE} end\n");
        let cut = (number as usize * 7) % line.len();
        file.write_all(&line.as_bytes()[..cut]).expect("there is room");
        file.write_all(&line.as_bytes()[cut..]).expect("there is room");
        number += 1;
        written.store(number, Relaxed);
        if number.is_multiple_of(20) {
            std::thread::sleep(pause);
        }
    }
}

/// The numbers in the output and the count of duplicates; fails on any other text.
fn numbers(text: &str) -> (Vec<u64>, usize) {
    assert!(!text.contains("sk-live") && !text.contains("4f9Q") && !text.contains("zXabc"), "a secret came out");
    let mut numbers: Vec<u64> = text
        .match_indices("line ")
        .filter_map(|(at, _)| text.get(at + 5..at + 14)?.parse().ok().filter(|_| text[at..].contains('\n')))
        .collect();
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    (numbers.clone(), all - numbers.len())
}

fn kills(rounds: usize) {
    let mut following = Following::begin("a.log", OUT, "");
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = {
        let (log, stop, written) = (following.log.clone(), Arc::clone(&stop), Arc::clone(&written));
        std::thread::spawn(move || write_lines(log, stop, written, Duration::from_millis(5)))
    };
    for round in 0..rounds {
        // Before, at and after a checkpoint.
        std::thread::sleep(Duration::from_millis((round as u64 * 137) % 1_200));
        following.kill();
        following = following.again();
    }
    stop.store(true, Relaxed);
    writer.join().expect("the writer ends");
    let last = written.load(Relaxed) - 1;
    following.sidecar.file_has("out", &format!("line {last:09} {MASK} end\n"));
    let out = fs::read_to_string(following.path("out")).expect("it is text");
    let (numbers, doubled) = numbers(&out);
    assert_eq!(numbers, (0..=last).collect::<Vec<u64>>(), "lines are missing");
    println!("{rounds} kills: {} lines, {doubled} of them twice", numbers.len());
    following.stop();
    // The state directory holds only the checkpoints and the lock.
    assert_eq!(fs::read_dir(following.path("lib/state")).expect("it is there").count(), 2);
}

#[test]
fn d08_killed_between_output_and_checkpoint() {
    kills(20);
}

#[test]
#[ignore = "takes some ten minutes"]
fn d08_killed_500_times() {
    kills(500);
}

/// Runs the real logrotate on the log.
fn logrotate(following: &Following, how: &str) -> bool {
    let config = following.path("logrotate.conf");
    let log = following.log.display();
    let text = format!("\"{log}\" {{\nsize 1\nrotate 50\nnocompress\nmissingok\nsu root root\n{how}\n}}\n");
    fs::write(&config, text).expect("there is room");
    fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
    let ran = Command::new("logrotate").arg("--state").arg(following.path("logrotate.state")).arg(&config).output();
    match ran {
        Ok(ran) => {
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            true
        }
        Err(_) => {
            crate::program::session::without("logrotate");
            false
        }
    }
}

#[test]
fn d06_logrotate_with_create() {
    needs!("root", "logrotate");
    let mut following = Following::begin("a.log", OUT, "begin\n");
    let mut wanted = "begin\n".to_owned();
    for round in 0..10 {
        let mut writer = following.writer();
        writer.write_all(format!("before {round} {VALUE}\n").as_bytes()).expect("there is room");
        if !logrotate(&following, "create 0600 root root") {
            return;
        }
        // The program writes to the old file until it is signalled.
        writer.write_all(format!("late {round} {VALUE}\n").as_bytes()).expect("there is room");
        wanted += &format!("before {round} {MASK}\nlate {round} {MASK}\n");
        following.out_is(&wanted);
        following.append(&format!("after {round}\n"));
        wanted += &format!("after {round}\n");
        following.out_is(&wanted);
    }
    following.stop();
}

#[test]
fn d06_logrotate_with_copytruncate() {
    needs!("root", "logrotate");
    let mut following = Following::begin("a.log", OUT, "begin\n");
    let mut wanted = "begin\n".to_owned();
    let mut writer = following.writer();
    for round in 0..10 {
        following.out_is(&wanted);
        if !logrotate(&following, "copytruncate") {
            return;
        }
        // Longer than the old content, shorter, and as long.
        let text = format!("round {round} {VALUE}\n").repeat(1 + round % 3);
        writer.write_all(text.as_bytes()).expect("there is room");
        wanted += &text.replace(VALUE, MASK);
    }
    following.out_is(&wanted);
    following.stop();
}

#[test]
fn d17_the_directory_vanishes_and_returns() {
    for files in ["*.log", "a.log"] {
        let mut following = Following::begin(files, OUT, "one\n");
        let mut wanted = "one\n".to_owned();
        for round in 0..5 {
            following.out_is(&wanted);
            match round % 2 {
                0 => fs::remove_dir_all(following.path("logs")).expect("it is ours"),
                _ => fs::rename(following.path("logs"), following.path(&format!("old.{round}"))).expect("it is ours"),
            }
            std::thread::sleep(Duration::from_millis(50));
            fs::create_dir(following.path("logs")).expect("it is gone");
            following.append(&format!("{round} {VALUE}\n"));
            wanted += &format!("{round} {MASK}\n");
        }
        following.out_is(&wanted);
        following.stop();
    }
}

/// A file system of limited size, until it is dropped.
struct Mount(std::path::PathBuf);

impl Mount {
    fn new(at: &Path, options: &str) -> Option<Mount> {
        fs::create_dir_all(at).expect("room for a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        if !mounted.is_ok_and(|mounted| mounted.status.success()) {
            crate::program::session::without("mounts");
            return None;
        }
        Some(Mount(at.to_owned()))
    }

    fn remount(&self, options: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(done.is_ok_and(|done| done.success()), "it cannot be mounted anew");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn d17_logs_on_a_file_system_that_is_read_only_for_a_while() {
    needs!("mounts");
    let place = Place::new();
    let Some(mount) = Mount::new(&place.path("logs"), "size=1m") else { return };
    append(&place.path("logs/a.log"), "one\n");
    mount.remount("ro");
    let mut following = Following::begin_in(place, "*.log", OUT, "");
    following.out_is("one\n");
    mount.remount("rw");
    following.append("two\n");
    following.out_is("one\ntwo\n");
    following.stop();
}

#[test]
fn d17_a_state_directory_that_is_read_only_for_a_while() {
    needs!("mounts");
    let mut following = Following::begin("*.log", OUT, "one\n");
    following.is_remembered();
    // Another file system in its place: one with a file open for writing cannot become read-only.
    let Some(mount) = Mount::new(&following.path("lib/state"), "ro,mode=0700") else { return };
    following.append(&format!("two {VALUE}\n"));
    following.sidecar.says("cannot save read positions in");
    following.sidecar.says("Read-only file system");
    following.append("three\n");
    following.out_is(&format!("one\ntwo {MASK}\nthree\n"));
    assert_eq!(following.sidecar.said().matches("cannot save read positions").count(), 1, "it is told once");
    drop(mount);
    // It retries although nothing else changes, and succeeds.
    following.is_remembered();
    following.kill();
    following.append("four\n");
    let mut following = following.again();
    following.out_is(&format!("one\ntwo {MASK}\nthree\nfour\n"));
    following.stop();
    let Some(_mount) = Mount::new(&following.path("lib/state"), "ro,mode=0700") else { return };
    let mut command = program::hushlog(["sidecar", "--config"]);
    let ran = program::run_within(command.arg(&following.config), b"", sidecar::PATIENCE).ends(2);
    ran.says("cannot open the state directory: read-only file system");
}

#[test]
fn d17_a_sink_on_a_file_system_that_is_read_only_for_a_while() {
    needs!("mounts");
    let place = Place::new();
    fs::create_dir_all(place.path("var/sink")).expect("room for a directory");
    let mut following = Following::begin_in(place, "*.log", "sink: { file: DIR/var/sink/out }", "one\n");
    following.sidecar.file_is("var/sink/out", "one\n");
    let Some(mount) = Mount::new(&following.path("var/sink"), "ro") else { return };
    following.append(&format!("two {VALUE}\n"));
    following.sidecar.says("unavailable: read-only file system");
    following.append("three\n");
    drop(mount);
    following.sidecar.file_is("var/sink/out", &format!("one\ntwo {MASK}\nthree\n"));
    following.sidecar.says("recovered");
    following.stop();
}

/// The library that gives a program another time.
fn faketime() -> Option<PathBuf> {
    let found = glob::glob("/usr/lib/*/faketime/libfaketimeMT.so.1").expect("a pattern").flatten().next();
    if found.is_none() {
        crate::program::session::without("libfaketime");
    }
    found
}

#[test]
fn d17_the_clock_jumps_by_a_day_and_back() {
    needs!("libfaketime");
    let Some(library) = faketime() else { return };
    let place = Place::new();
    let clock = place.path("clock");
    fs::write(&clock, "+0").expect("room");
    let mut following = Following::begin_as(place, "*.log", OUT, "begin\n", |command| {
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    });
    let (mut wanted, day) = ("begin\n".to_owned(), 24 * 3_600_i64);
    following.out_is(&wanted);
    for (round, days) in [1, 0, -1, 1, -1, 0].into_iter().enumerate() {
        // The sidecar's clock, and the times of the files.
        fs::write(&clock, format!("{:+}d", days)).expect("room");
        let now = SystemTime::now();
        let then = now.duration_since(UNIX_EPOCH).expect("it is later").as_secs() as i64 + days * day;
        let writer = following.writer();
        following.append(&format!("{round} {VALUE}\n"));
        writer.set_modified(UNIX_EPOCH + Duration::from_secs(then as u64)).expect("it is ours");
        wanted += &format!("{round} {MASK}\n");
        following.out_is(&wanted);
        // Rotated at the same time, and written to under both names.
        fs::rename(&following.log, following.path(&format!("logs/a.log.{round}"))).expect("it is there");
        (&writer).write_all(format!("{round} late\n").as_bytes()).expect("there is room");
        wanted += &format!("{round} late\n");
        following.out_is(&wanted);
        drop(writer);
        following.append(&format!("{round} new\n"));
        wanted += &format!("{round} new\n");
        following.out_is(&wanted);
        // Secrets are still reread, and the reported time proves that the clock did jump.
        following.sidecar.place().save(&format!("SECRET_{round}"), &format!("another-{round}-{VALUE}"));
        following.sidecar.ask(&["reload"], "").ends(0);
        let read = following.sidecar.status()["secrets"]["read_at"].as_i64().expect("a time");
        assert!((read - then).abs() < 600, "the clock did not jump by {days} days: {}", read - then);
    }
    following.is_remembered();
    following.kill();
    following.append("end\n");
    let mut following = following.again();
    following.out_is(&format!("{wanted}end\n"));
    following.stop();
}

#[test]
fn d09_a_full_disk_is_waited_for_and_no_line_is_torn() {
    needs!("mounts");
    let place = Place::new();
    let Some(mount) = Mount::new(&place.path("small"), "size=64k") else { return };
    // A line without the dot would wait for the next one: see `reach.rs`.
    let line = |number: usize| format!("line {number:05} {}.\n", "x".repeat(99));
    let all: String = (0..1_000).map(line).collect();
    fs::write(place.path("small/other"), "y".repeat(40 << 10)).expect("there is room");
    let mut following = Following::begin_in(place, "a.log", "sink: { file: DIR/small/out }", &all);
    let len = |following: &Following| fs::metadata(following.path("small/out")).expect("it is there").len();
    following.sidecar.says("unavailable");
    assert!(len(&following) < 64 << 10);
    fs::remove_file(following.path("small/other")).expect("it is ours");
    // Space for some of it, and then for all.
    until("more came", || len(&following) > 40 << 10);
    mount.remount("size=1m");
    following.sidecar.file_is("small/out", &all);
    following.stop();
}

#[test]
fn the_sink_rotates_and_loses_nothing() {
    let sink = "sink: { file: DIR/out, rotate_size: 20K, rotate_keep: 50, mode: \"0640\" }";
    let mut following = Following::begin("a.log", sink, "");
    let mut wanted = String::new();
    for round in 0..50 {
        let text: String = (0..50).map(|number| format!("{round}.{number} {VALUE}\n")).collect();
        following.append(&text);
        wanted += &text.replace(VALUE, MASK);
        following.sidecar.file_has("out", &format!("{round}.49 "));
    }
    let files = fs::read_dir(following.path("")).expect("it is there").flatten();
    let mut rotated: Vec<u64> =
        files.filter_map(|file| file.file_name().to_str()?.strip_prefix("out.")?.parse().ok()).collect();
    rotated.sort_unstable_by(|a, b| b.cmp(a));
    assert!(rotated.len() >= 2, "{rotated:?}");
    let read = |name: String| fs::read_to_string(following.path(&name)).expect("it is there");
    let parts: Vec<String> =
        rotated.iter().map(|number| read(format!("out.{number}"))).chain([read("out".into())]).collect();
    assert!(parts.iter().all(|part| part.ends_with('\n')), "each line is whole in one file");
    assert_eq!(parts.concat(), wanted);
    following.stop();
}

#[test]
fn a_spool_keeps_the_order_and_outlives_the_sidecar() {
    let place = Place::new();
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstreams:\n  \
         - { name: app, source: { unix: DIR/in }, sink: { unix: DIR/there, away: spool, spool: DIR/spool, spool_max: 1M } }\n",
    );
    let mut sidecar = place.start(&config);
    let mut input = sidecar.connect("in");
    input.write_all(format!("one {VALUE}\n").as_bytes()).expect("it reads");
    until("it is spooled", || fs::metadata(sidecar.path("spool")).is_ok_and(|spool| spool.len() > 30));
    input.write_all(b"two\n").expect("it reads");
    let spool = |sidecar: &Sidecar| String::from_utf8_lossy(&fs::read(sidecar.path("spool")).unwrap()).into_owned();
    until("both are", || spool(&sidecar).contains("two"));
    assert!(!spool(&sidecar).contains("4f9Q"), "what waits is clean");
    drop(input);
    sidecar.kill();
    let place = sidecar.into_place();
    fs::remove_file(place.path("in")).expect("a killed one leaves it");
    let mut sidecar = place.start(&config);
    let came = somebody_listens(&sidecar);
    let mut input = sidecar.connect("in");
    input.write_all(b"three\n").expect("it reads");
    came.becomes(&format!("one {MASK}\ntwo\nthree\n"));
    until("it takes no room", || fs::metadata(sidecar.path("spool")).is_ok_and(|spool| spool.len() == 1_024));
    sidecar.stop();
}

/// Listens at the sink's address, and returns the connection.
fn somebody_listens(sidecar: &Sidecar) -> Reader {
    let listener = UnixListener::bind(sidecar.path("there")).expect("nobody has it");
    listener.set_nonblocking(true).expect("it can be");
    let mut come = None;
    until("somebody connects", || {
        come = listener.accept().ok();
        come.is_some()
    });
    let (stream, _) = come.expect("it came");
    stream.set_nonblocking(false).expect("it can be");
    Reader::of(stream)
}

#[test]
fn d09_a_full_spool_keeps_the_writer_waiting() {
    let all: String = (0..40_000).map(|number| format!("line {number:09} {VALUE}\n")).collect();
    let sink = "sink: { unix: DIR/there, away: spool, spool: DIR/spool, spool_max: 600K }";
    let mut following = Following::begin("a.log", sink, &all);
    until("it is full", || fs::metadata(following.path("spool")).is_ok_and(|spool| spool.len() > 200 << 10));
    std::thread::sleep(Duration::from_millis(300));
    assert!(fs::metadata(following.path("spool")).expect("it is there").len() <= (600 << 10) + 1_024);
    let came = somebody_listens(&following.sidecar);
    until("all came", || came.text().len() >= all.replace(VALUE, MASK).len());
    assert!(came.text() == all.replace(VALUE, MASK), "something is missing, or in another order");
    following.stop();
}

#[test]
fn the_records_of_containers_stay_records() {
    let record =
        |text: &str| format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"2026-11-24T16:00:00Z\"}}\n");
    let (first, second) = VALUE.split_at(9);
    let rest = format!("{OUT}, format: docker");
    let mut following = Following::begin("*.log", &rest, &record(&format!("key {first}")));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(fs::read_to_string(following.path("out")).unwrap_or_default(), "", "its secret may go on");
    following.append(&record(&format!("{second} end\\n")));
    following.out_is(&format!("{}{}", record(&format!("key {MASK}")), record(" end\\n")));
    // A sidecar killed before the rest came resumes where the secret began.
    following.append(&record(&format!("next {first}")));
    std::thread::sleep(Duration::from_millis(1_200));
    following.kill();
    following.append(&record(&format!("{second}\\n")));
    let mut following = following.again();
    let out = following.sidecar.file_has("out", &record("\\n"));
    assert!(out.contains(&record(&format!("next {MASK}"))) && !out.contains(second), "{out}");
    following.stop();
}

/// With such a set, some bytes wait after each newline, so that the hold-back is never empty.
#[test]
fn b09_places_in_records_go_on_though_something_always_waits() {
    const ROUND: usize = 500;
    let place = Place::new();
    place.save("SHORT_LINES", "user\nhunter2x\n");
    let record = |n: usize| format!("2026-11-24T16:00:00.123456789Z stdout F line {n:05}\n");
    let mut following = Following::begin_in(place, "*.log", &format!("{OUT}, format: cri"), "");
    let lines = |following: &Following| fs::read_to_string(following.path("out")).unwrap_or_default().lines().count();
    for round in 0..3 {
        following.append(&(0..ROUND).map(|n| record(round * ROUND + n)).collect::<String>());
        until("nearly all is out", || lines(&following) >= (round + 1) * ROUND - 5);
    }
    until("the place was saved", || {
        following.sidecar.saved_offset("lib/state", &following.log) >= ((2 * ROUND - 5) * record(0).len()) as u64
    });
    following.kill();
    let mut following = following.again();
    following.append(&(0..10).map(|n| record(3 * ROUND + n)).collect::<String>());
    let last = record(3 * ROUND - 1);
    let out = following.sidecar.file_has("out", &last);
    (0..3 * ROUND).for_each(|n| assert!(out.contains(&record(n)), "line {n} is lost"));
    assert!(lines(&following) <= 4 * ROUND + 10, "{} lines of {} are out", lines(&following), 3 * ROUND);
    following.stop();
}
