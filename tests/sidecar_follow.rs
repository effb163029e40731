//! Files that are followed by a sidecar that runs, is stopped, and is killed: every line comes out, and no secret does.

mod program;
mod sidecaring;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::process::Signal;
use sidecaring::{MASK, Place, Reader, Sidecar, VALUE, until};

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the directory is there");
    file.write_all(text.as_bytes()).expect("there is room");
}

/// A configuration that follows files into one file.
fn follows(place: &Place, files: &str, more: &str) -> std::path::PathBuf {
    place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets] }}\nstate: DIR/state\ncontrol: DIR/control\nstreams:\n  \
         - {{ name: app, source: {{ files: \"{files}\" }}, sink: {{ file: DIR/out }}{more} }}\n"
    ))
}

fn logs(place: &Place) -> std::path::PathBuf {
    fs::create_dir(place.path("logs")).expect("room for a directory");
    place.path("logs")
}

/// Starts the sidecar of this configuration once more in the same directory, after it has ended.
fn again(sidecar: Sidecar, config: &Path) -> Sidecar {
    sidecar.into_place().start(config)
}

#[test]
fn a_file_is_followed_masked_and_not_read_twice() {
    let place = Place::new();
    let log = logs(&place).join("a.log");
    append(&log, &format!("one {VALUE}\n"));
    let config = follows(&place, "DIR/logs/*.log", "");
    let mut sidecar = place.start(&config);
    sidecar.file_is("out", &format!("one {MASK}\n"));
    append(&log, "two\n");
    sidecar.file_is("out", &format!("one {MASK}\ntwo\n"));
    sidecar.stop();
    append(&log, "three\n");
    let mut sidecar = again(sidecar, &config);
    sidecar.file_is("out", &format!("one {MASK}\ntwo\nthree\n"));
    sidecar.stop();
}

/// Who stops in the middle of a line, and of a secret, goes on there.
#[test]
fn a_stop_in_the_middle_of_a_secret_gives_none_of_it_away() {
    let place = Place::new();
    let log = logs(&place).join("a.log");
    let config = follows(&place, "DIR/logs/a.log", "");
    append(&log, "begin\n");
    let mut sidecar = place.start(&config);
    let mut wanted = "begin\n".to_owned();
    for cut in 1..VALUE.len() {
        append(&log, &format!("key: {}", &VALUE[..cut]));
        sidecar.file_is("out", &wanted);
        std::thread::sleep(Duration::from_millis(10));
        if cut % 2 == 0 {
            sidecar.stop();
        } else {
            sidecar.signal(Signal::KILL);
            let _ = sidecar.child.wait();
        }
        append(&log, &format!("{} end\n", &VALUE[cut..]));
        sidecar = again(sidecar, &config);
        wanted += &format!("key: {MASK} end\n");
        let out = sidecar.file_has("out", &wanted[wanted.len() - 8..]);
        assert!(!out.contains("4f9Q") && !out.contains(&VALUE[cut..]), "{out}");
        until("all of it", || fs::read_to_string(sidecar.path("out")).unwrap().matches(" end\n").count() >= cut);
        // After a kill what went out since the last checkpoint may have gone out again.
        wanted = fs::read_to_string(sidecar.path("out")).unwrap();
    }
    sidecar.stop();
}

/// Appends numbered lines with a secret in each, in pieces of any size, until it is told to stop.
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

/// Which numbers came out, how often one came out twice, and that nothing else did.
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
    let place = Place::new();
    let log = logs(&place).join("a.log");
    let config = follows(&place, "DIR/logs/a.log", "");
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = {
        let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
        std::thread::spawn(move || write_lines(log, stop, written, Duration::from_millis(5)))
    };
    let mut sidecar = place.start(&config);
    for round in 0..rounds {
        // Before, at and after a checkpoint.
        std::thread::sleep(Duration::from_millis((round as u64 * 137) % 1_200));
        sidecar.signal(Signal::KILL);
        let _ = sidecar.child.wait();
        sidecar = again(sidecar, &config);
    }
    stop.store(true, Relaxed);
    writer.join().expect("the writer ends");
    let last = written.load(Relaxed) - 1;
    sidecar.file_has("out", &format!("line {last:09} {MASK} end\n"));
    let out = fs::read_to_string(sidecar.path("out")).expect("it is text");
    let (numbers, doubled) = numbers(&out);
    assert_eq!(numbers, (0..=last).collect::<Vec<u64>>(), "lines are missing");
    println!("{rounds} kills: {} lines, {doubled} of them twice", numbers.len());
    sidecar.stop();
    // Nothing of it is left in the state directory but the places and the lock.
    assert_eq!(fs::read_dir(sidecar.path("state")).expect("it is there").count(), 2);
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
fn logrotate(sidecar: &Sidecar, how: &str) -> bool {
    let config = sidecar.path("logrotate.conf");
    let log = sidecar.path("logs/a.log");
    let text = format!("\"{}\" {{\nsize 1\nrotate 50\nnocompress\nmissingok\nsu root root\n{how}\n}}\n", log.display());
    fs::write(&config, text).expect("there is room");
    fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
    let ran = Command::new("logrotate").arg("--state").arg(sidecar.path("logrotate.state")).arg(&config).output();
    match ran {
        Ok(ran) => {
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            true
        }
        Err(_) => {
            eprintln!("skipped: there is no logrotate");
            false
        }
    }
}

#[test]
fn d06_logrotate_with_create() {
    let place = Place::new();
    let log = logs(&place).join("a.log");
    append(&log, "begin\n");
    let config = follows(&place, "DIR/logs/a.log", "");
    let mut sidecar = place.start(&config);
    let mut wanted = "begin\n".to_owned();
    for round in 0..10 {
        let mut writer = OpenOptions::new().append(true).open(&log).expect("it is there");
        writer.write_all(format!("before {round} {VALUE}\n").as_bytes()).expect("there is room");
        if !logrotate(&sidecar, "create 0600 root root") {
            return;
        }
        // The program goes on with the old file until somebody tells it.
        writer.write_all(format!("late {round} {VALUE}\n").as_bytes()).expect("there is room");
        wanted += &format!("before {round} {MASK}\nlate {round} {MASK}\n");
        sidecar.file_is("out", &wanted);
        append(&log, &format!("after {round}\n"));
        wanted += &format!("after {round}\n");
        sidecar.file_is("out", &wanted);
    }
    sidecar.stop();
}

#[test]
fn d06_logrotate_with_copytruncate() {
    let place = Place::new();
    let log = logs(&place).join("a.log");
    append(&log, "begin\n");
    let config = follows(&place, "DIR/logs/a.log", "");
    let mut sidecar = place.start(&config);
    let mut wanted = "begin\n".to_owned();
    let mut writer = OpenOptions::new().append(true).open(&log).expect("it is there");
    for round in 0..10 {
        sidecar.file_is("out", &wanted);
        if !logrotate(&sidecar, "copytruncate") {
            return;
        }
        // What is longer than what was there, what is shorter, and as long.
        let text = format!("round {round} {VALUE}\n").repeat(1 + round % 3);
        writer.write_all(text.as_bytes()).expect("there is room");
        wanted += &text.replace(VALUE, MASK);
    }
    sidecar.file_is("out", &wanted);
    sidecar.stop();
}

#[test]
fn d17_the_directory_vanishes_and_returns() {
    let place = Place::new();
    let log = logs(&place).join("a.log");
    append(&log, "one\n");
    let config = follows(&place, "DIR/logs/*.log", "");
    let mut sidecar = place.start(&config);
    sidecar.file_is("out", "one\n");
    fs::remove_dir_all(sidecar.path("logs")).expect("it is ours");
    std::thread::sleep(Duration::from_millis(50));
    fs::create_dir(sidecar.path("logs")).expect("it is gone");
    append(&log, &format!("two {VALUE}\n"));
    sidecar.file_is("out", &format!("one\ntwo {MASK}\n"));
    sidecar.stop();
}

/// A file system of so many bytes, as long as it is needed.
struct Mount(std::path::PathBuf);

impl Mount {
    fn new(at: &Path, options: &str) -> Option<Mount> {
        fs::create_dir_all(at).expect("room for a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        if !mounted.is_ok_and(|mounted| mounted.status.success()) {
            eprintln!("skipped: nothing can be mounted here");
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
    let place = Place::new();
    let Some(mount) = Mount::new(&place.path("logs"), "size=1m") else { return };
    let log = place.path("logs/a.log");
    append(&log, "one\n");
    mount.remount("ro");
    let config = follows(&place, "DIR/logs/*.log", "");
    let mut sidecar = place.start(&config);
    sidecar.file_is("out", "one\n");
    mount.remount("rw");
    append(&log, "two\n");
    sidecar.file_is("out", "one\ntwo\n");
    sidecar.stop();
}

#[test]
fn d09_a_full_disk_is_waited_for_and_no_line_is_torn() {
    let place = Place::new();
    let Some(_mount) = Mount::new(&place.path("small"), "size=64k") else { return };
    let log = logs(&place).join("a.log");
    let line = |number: usize| format!("line {number:05} {}\n", "x".repeat(100));
    let all: String = (0..1_000).map(line).collect();
    fs::write(place.path("small/other"), "y".repeat(40 << 10)).expect("there is room");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\nstreams:\n  \
         - { name: app, source: { files: DIR/logs/a.log }, sink: { file: DIR/small/out } }\n",
    );
    append(&log, &all);
    let mut sidecar = place.start(&config);
    sidecar.says("is away");
    assert!(fs::metadata(sidecar.path("small/out")).expect("it is there").len() < 64 << 10);
    fs::remove_file(sidecar.path("small/other")).expect("it is ours");
    // There is room for some of it; and then for all.
    until("more came", || fs::metadata(sidecar.path("small/out")).expect("it is there").len() > 40 << 10);
    _mount.remount("size=1m");
    sidecar.file_is("small/out", &all);
    sidecar.stop();
}

#[test]
fn the_sink_rotates_and_loses_nothing() {
    let place = Place::new();
    let log = logs(&place).join("a.log");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\nstreams:\n  \
         - { name: app, source: { files: DIR/logs/a.log }, sink: { file: DIR/out, rotate_size: 20K, rotate_keep: 50, mode: \"0640\" } }\n",
    );
    let mut sidecar = place.start(&config);
    let mut wanted = String::new();
    for round in 0..50 {
        let text: String = (0..50).map(|number| format!("{round}.{number} {VALUE}\n")).collect();
        append(&log, &text);
        wanted += &text.replace(VALUE, MASK);
        sidecar.file_has("out", &format!("{round}.49 "));
    }
    let files = fs::read_dir(sidecar.path("")).expect("it is there").flatten();
    let mut rotated: Vec<u64> =
        files.filter_map(|file| file.file_name().to_str()?.strip_prefix("out.")?.parse().ok()).collect();
    rotated.sort_unstable_by(|a, b| b.cmp(a));
    assert!(rotated.len() >= 2, "{rotated:?}");
    let read = |name: String| fs::read_to_string(sidecar.path(&name)).expect("it is there");
    let parts: Vec<String> =
        rotated.iter().map(|number| read(format!("out.{number}"))).chain([read("out".into())]).collect();
    assert!(parts.iter().all(|part| part.ends_with('\n')), "each line is whole in one file");
    assert_eq!(parts.concat(), wanted);
    sidecar.stop();
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
    sidecar.signal(Signal::KILL);
    let _ = sidecar.child.wait();
    let place = sidecar.into_place();
    fs::remove_file(place.path("in")).expect("a killed one leaves it");
    let mut sidecar = place.start(&config);
    let listener = std::os::unix::net::UnixListener::bind(sidecar.path("there")).expect("nobody has it");
    listener.set_nonblocking(true).expect("it can be");
    let mut input = sidecar.connect("in");
    input.write_all(b"three\n").expect("it reads");
    let mut come = None;
    until("somebody connects", || {
        come = listener.accept().ok();
        come.is_some()
    });
    let (stream, _) = come.expect("it came");
    stream.set_nonblocking(false).expect("it can be");
    Reader::of(stream).becomes(&format!("one {MASK}\ntwo\nthree\n"));
    until("it takes no room", || fs::metadata(sidecar.path("spool")).is_ok_and(|spool| spool.len() == 20));
    sidecar.stop();
}

#[test]
fn d09_a_full_spool_keeps_the_writer_waiting() {
    let place = Place::new();
    let log = logs(&place).join("a.log");
    let all: String = (0..40_000).map(|number| format!("line {number:09} {VALUE}\n")).collect();
    append(&log, &all);
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\nstate: DIR/state\nstreams:\n  \
         - { name: app, source: { files: DIR/logs/a.log }, sink: { unix: DIR/there, away: spool, spool: DIR/spool, spool_max: 600K } }\n",
    );
    let mut sidecar = place.start(&config);
    until("it is full", || fs::metadata(sidecar.path("spool")).is_ok_and(|spool| spool.len() > 200 << 10));
    std::thread::sleep(Duration::from_millis(300));
    assert!(fs::metadata(sidecar.path("spool")).expect("it is there").len() <= (600 << 10) + 20);
    let listener = std::os::unix::net::UnixListener::bind(sidecar.path("there")).expect("nobody has it");
    listener.set_nonblocking(true).expect("it can be");
    let mut come = None;
    until("somebody connects", || {
        come = listener.accept().ok();
        come.is_some()
    });
    let (stream, _) = come.expect("it came");
    stream.set_nonblocking(false).expect("it can be");
    let reader = Reader::of(stream);
    until("all came", || reader.text().len() >= all.replace(VALUE, MASK).len());
    assert!(reader.text() == all.replace(VALUE, MASK), "something is missing, or in another order");
    sidecar.stop();
}

#[test]
fn the_records_of_containers_stay_records() {
    let place = Place::new();
    let log = logs(&place).join("a.log");
    let config = follows(&place, "DIR/logs/*.log", ", format: docker");
    let record =
        |text: &str| format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"2026-11-24T16:00:00Z\"}}\n");
    let (first, second) = VALUE.split_at(9);
    append(&log, &record(&format!("key {first}")));
    let mut sidecar = place.start(&config);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(fs::read_to_string(sidecar.path("out")).unwrap_or_default(), "", "its secret may go on");
    append(&log, &record(&format!("{second} end\\n")));
    sidecar.file_is("out", &format!("{}{}", record(&format!("key {MASK}")), record(" end\\n")));
    // Whoever is killed before the rest came goes back to where the secret began.
    append(&log, &record(&format!("next {first}")));
    std::thread::sleep(Duration::from_millis(1_200));
    sidecar.signal(Signal::KILL);
    let _ = sidecar.child.wait();
    append(&log, &record(&format!("{second}\\n")));
    let mut sidecar = again(sidecar, &config);
    let out = sidecar.file_has("out", &record("\\n"));
    assert!(out.contains(&record(&format!("next {MASK}"))) && !out.contains(second), "{out}");
    sidecar.stop();
}
