//! A running sidecar's secrets change (docs/faults.md, D01 to D05 and D14).

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::program;
use crate::program::Raise;
use crate::sidecar::{MASK, PATIENCE, Place, Reader, Sidecar, VALUE, until};
use rustix::process::Signal;

/// The beginning of a CRI record.
const CRI: &str = "2026-11-24T16:00:00.123456789Z stdout";
const UNIX: &str = "name: app, source: { unix: DIR/app }, sink: { file: DIR/out }";

/// The n-th new value.
fn value(n: usize) -> String {
    format!("value-{n:05}-{:016x}", (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Adds a secret through the control socket, and returns after the acknowledgement.
fn add(sidecar: &Sidecar, name: &str, value: &str) {
    let mut connection = UnixStream::connect(sidecar.path("control")).expect("it listens");
    connection.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    connection.write_all(format!("add {name} {}\n{value}", value.len()).as_bytes()).expect("it reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("ok "), "{answer}");
}

fn d01(rounds: usize) {
    let place = Place::new();
    let config = place.streams(&[UNIX, "name: load, source: { unix: DIR/load }, sink: { file: DIR/load.out }"]);
    let mut sidecar = place.start(&config);
    let (done, load) = (AtomicBool::new(false), sidecar.connect("load"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut load = load;
            let text = format!("load {VALUE} and more of it\n").repeat(1_000);
            while !done.load(Relaxed) {
                load.write_all(text.as_bytes()).expect("it reads");
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let _done = Raise(&done);
        // One connection from the first to the last, and new ones.
        let mut long = sidecar.connect("app");
        for n in 0..rounds {
            let value = value(n);
            add(&sidecar, &format!("ADDED_{n}"), &value);
            long.write_all(format!("long {n} {value}\n").as_bytes()).expect("it reads");
            sidecar.send("app", &format!("short {n} {value}\n"));
        }
    });
    let lines = || fs::read_to_string(sidecar.path("out")).unwrap_or_default();
    until("all lines are out", || lines().lines().count() == 2 * rounds);
    for line in lines().lines() {
        let n = line.split(' ').nth(1).expect("a number");
        assert!(line.ends_with(&format!("[REDACTED:ADDED_{n}]")), "a line after the answer is not masked");
    }
    sidecar.stop();
}

#[test]
fn d01_lines_printed_after_the_answer_are_masked() {
    d01(100);
}

#[test]
#[ignore = "takes minutes; tools/slow runs it"]
fn d01_ten_thousand_times() {
    // The set grows with each one; ten thousand in one sidecar would take an hour.
    (0..20).for_each(|_| d01(500));
}

#[test]
fn d02_held_back_bytes_are_searched_again() {
    let place = Place::new();
    let config = place.streams(&["name: app, source: { unix: DIR/app }, release: exact, sink: { file: DIR/out }"]);
    let mut sidecar = place.start(&config);
    let mut app = sidecar.connect("app");
    app.write_all(b"before sk-live-4f").expect("it reads");
    sidecar.file_is("out", "before ");
    // It now begins another secret.
    add(&sidecar, "OTHER", "sk-live-4f-other-one");
    app.write_all(b"-other-one\n").expect("it reads");
    sidecar.file_is("out", "before [REDACTED:OTHER]\n");
    app.write_all(b"sk-live-4f9QzXabc end\n").expect("it reads");
    sidecar.file_is("out", &format!("before [REDACTED:OTHER]\n{MASK} end\n"));
    sidecar.stop();
}

#[test]
fn b10_a_line_that_waits_is_searched_again() {
    let place = Place::new();
    let records = "name: records, format: cri, source: { unix: DIR/cri }, sink: { file: DIR/cri.out }";
    let config = place.streams(&[UNIX, records]);
    let mut sidecar = place.start(&config);
    let (mut app, mut cri) = (sidecar.connect("app"), sidecar.connect("cri"));
    let late = value(7);
    let (begun, rest) = late.split_at(6);
    app.write_all(format!("{late} {VALUE} {late} {begun}").as_bytes()).expect("it reads");
    cri.write_all(format!("{CRI} P {late} {begun}\n").as_bytes()).expect("it reads");
    until("both are read", || {
        let status = sidecar.status();
        let streams = status["streams"].as_array().expect("streams");
        streams.iter().all(|stream| stream["bytes_in"].as_u64() > Some(0))
    });
    // No byte of it has been emitted yet.
    add(&sidecar, "LATE", &late);
    app.write_all(format!("{rest} end\n").as_bytes()).expect("it reads");
    cri.write_all(format!("{CRI} F {rest} end\n").as_bytes()).expect("it reads");
    sidecar.file_is("out", &format!("[REDACTED:LATE] {MASK} [REDACTED:LATE] [REDACTED:LATE] end\n"));
    sidecar.file_is("cri.out", &format!("{CRI} P [REDACTED:LATE] [REDACTED:LATE]\n{CRI} F  end\n"));
    sidecar.stop();
}

#[test]
fn d03_a_bad_reload_changes_nothing_and_is_reported() {
    let place = Place::new();
    fs::write(place.path(".env"), format!("FIRST={}\n", value(1))).expect("room");
    let config = place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets], dotenv: [DIR/.env] }}\ncontrol: DIR/control\nstreams: [{{ {UNIX} }}]\n"
    ));
    let mut sidecar = place.start(&config);
    let (mut expected, mut failures) = (String::new(), 0);
    let dotenv = sidecar.path(".env");
    let bad: [(&dyn Fn(), &str); 4] = [
        (&|| fs::write(&dotenv, format!("{}\nno entry", value(2))).expect("room"), ":1: NAME=VALUE was expected"),
        (&|| fs::write(&dotenv, "").expect("room"), " contains no value"),
        (&|| fs::remove_file(&dotenv).expect("it is there"), "no such file or directory"),
        (&|| fs::create_dir(&dotenv).expect("room"), "is a directory"),
    ];
    for (make_bad, why) in bad {
        make_bad();
        let ran = sidecar.ask(&["reload"], "").ends(2).says(why).says("secrets.dotenv");
        assert!(!ran.err().contains("value-"), "it shows what stands there");
        assert!(!ran.err().contains("--"), "it speaks of options: {}", ran.err());
        until("the status shows it", || sidecar.status()["secrets"]["error"].is_string());
        failures += 1;
        sidecar.send("app", &format!("{failures} {VALUE} {}\n", value(1)));
        expected.push_str(&format!("{failures} {MASK} [REDACTED:FIRST]\n"));
        sidecar.file_is("out", &expected);
    }
    sidecar.says("warning: reload failed, the previous secrets stay masked");
    fs::remove_dir(&dotenv).expect("it is there");
    fs::write(&dotenv, format!("FIRST={}\n", value(3))).expect("room");
    until("it is well again", || sidecar.status()["secrets"]["error"].is_null());
    sidecar.send("app", &format!("{}\n", value(3)));
    expected.push_str("[REDACTED:FIRST]\n");
    sidecar.file_is("out", &expected);
    sidecar.stop();
}

#[test]
fn d04_a_removed_secret_stays_masked() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    let masked = |name: &str| sidecar.status()["secrets"]["names"].as_array().expect("a list").contains(&name.into());
    // Rotated, added and removed without a request for a reload.
    sidecar.place().save("API_TOKEN", &value(1));
    sidecar.place().save("NEW", &value(2));
    until("the new one is known", || masked("NEW"));
    fs::remove_file(sidecar.path("secrets/NEW")).expect("it is there");
    until("the removed one is noticed", || !masked("NEW"));
    until("the rotated one is masked", || sidecar.status()["secrets"]["masked"] == 3);
    sidecar.send("app", &format!("{VALUE} {} {}\n", value(1), value(2)));
    sidecar.file_is("out", &format!("{MASK} {MASK} [REDACTED:NEW]\n"));
    sidecar.stop();
}

#[test]
fn a_directory_that_is_turned_around_is_noticed() {
    // The layout of a Kubernetes volume.
    let place = Place::new();
    let volume = place.path("volume");
    let version = |name: &str, text: &str| {
        let directory = volume.join(name);
        fs::create_dir_all(&directory).expect("room");
        fs::write(directory.join("TOKEN"), text).expect("room");
        std::os::unix::fs::symlink(name, volume.join("..next")).expect("room");
        fs::rename(volume.join("..next"), volume.join("..data")).expect("the same directory");
    };
    version("..1", VALUE);
    std::os::unix::fs::symlink("..data/TOKEN", volume.join("TOKEN")).expect("room");
    let config = place.configure(&format!(
        "secrets: {{ secret_files: [DIR/volume] }}\ncontrol: DIR/control\nstreams: [{{ {UNIX} }}]\n"
    ));
    let mut sidecar = place.start(&config);
    version("..2", &value(7));
    until("it is noticed", || sidecar.status()["secrets"]["masked"] == 2);
    sidecar.send("app", &format!("{VALUE} {}\n", value(7)));
    sidecar.file_is("out", "[REDACTED:TOKEN] [REDACTED:TOKEN]\n");
    sidecar.stop();
}

#[test]
fn the_session_and_a_registry_are_followed() {
    let place = Place::new();
    let memory = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
    let script = |text: &str| {
        let mut command = program::script(text);
        command.current_dir(place.path(".")).env("HUSHLOG_RUN_DIR", memory.path()).env("HOME", place.path("."));
        command.env("HUSHLOG_REGISTRY", "registry.yaml").env("HUSHLOG_MEMBER", "vm");
        program::run_within(&mut command, b"", PATIENCE).ends(0)
    };
    script(
        "hushlog member add vm \"$(hushlog keygen --output vm.txt)\" && printf value-of-the-first | hushlog secret add first-one --value-file -",
    );
    script("hushlog boot --registry registry.yaml --identity vm.txt --quiet");
    let streams = "streams:\n  - { name: app, source: { unix: DIR/app }, sink: { file: DIR/out } }\n";
    let config = place.configure(&format!(
        "secrets: {{ session: true, registry: DIR/registry.yaml, identity: DIR/vm.txt }}\ncontrol: DIR/control\n{streams}"
    ));
    let path = place.path("registry.yaml");
    let before = fs::read(&path).expect("it is there");
    // The next version of the registry.
    script("printf value-of-the-second | hushlog secret add second --value-file -");
    fs::rename(&path, place.path("registry.new")).expect("the same directory");
    fs::write(&path, before).expect("room");
    let run_dir = memory.path().to_owned();
    let mut sidecar = place.start_as(&config, |command| {
        command.env("HUSHLOG_RUN_DIR", &run_dir);
    });
    sidecar.send("app", "value-of-the-first value-of-the-second\n");
    sidecar.file_is("out", "[REDACTED:first-one] value-of-the-second\n");
    fs::rename(sidecar.path("registry.new"), &path).expect("the same directory");
    // Besides the two: the identity in upper and in lower case.
    until("it is noticed", || sidecar.status()["secrets"]["masked"] == 4);
    sidecar.send("app", "value-of-the-second\n");
    sidecar.file_is("out", "[REDACTED:first-one] value-of-the-second\n[REDACTED:second]\n");
    // The session gets a secret that the registry lacks.
    fs::write(sidecar.path("more.env"), "EXTRA=value-of-the-third\n").expect("room");
    let mut boot = program::hushlog(["boot", "--quiet", "--dotenv"]);
    boot.arg(sidecar.path("more.env")).env("HUSHLOG_RUN_DIR", memory.path());
    program::run_within(&mut boot, b"", PATIENCE).ends(0);
    until("it is noticed", || sidecar.status()["secrets"]["masked"] == 5);
    sidecar.stop();
}

/// Sends a thousand SIGHUPs a second for this time, while lines pass.
fn hang_up_for(time: Duration) {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    let (sent, warm) = (AtomicU64::new(0), time / 4);
    let (start, descriptors) = (Instant::now(), sidecar.descriptors());
    let (mut lines, mut least, mut most) = (0, u64::MAX, 0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut app, mut lines) = (sidecar.connect("app"), 0_u64);
            while start.elapsed() < time {
                app.write_all(format!("{lines} {VALUE} end\n").as_bytes()).expect("it reads");
                lines += 1;
                if lines.is_multiple_of(4) {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            lines
        });
        while start.elapsed() < time {
            // As many as are due, even if a sleep takes too long.
            let due = start.elapsed().as_millis() as u64 - sent.load(Relaxed);
            (0..due).for_each(|_| sidecar.signal(Signal::HUP));
            sent.fetch_add(due, Relaxed);
            std::thread::sleep(Duration::from_millis(1));
            if start.elapsed() > warm {
                let resident = sidecar.resident_kib();
                (least, most) = (least.min(resident), most.max(resident));
            }
        }
        lines = writer.join().expect("it reads to the end");
    });
    let expected: String = (0..lines).map(|n| format!("{n} {MASK} end\n")).collect();
    sidecar.file_is("out", &expected);
    let (reloads, sent) = (sidecar.said().matches("reloaded the secrets").count(), sent.into_inner());
    println!("{sent} hang-ups, {reloads} reloads, {lines} lines, {least} to {most} KiB");
    assert!(sent as u128 >= time.as_millis() * 9 / 10, "{sent} hang-ups are no storm");
    assert!((1..=15 * time.as_secs() as usize).contains(&reloads), "{reloads} reloads");
    assert!(most - least < 4 << 10, "its memory goes from {least} to {most} KiB");
    // A reload that still runs holds the configuration and the files of secrets open.
    until("the descriptors are closed", || sidecar.descriptors() <= descriptors + 2);
    sidecar.stop();
}

#[test]
fn d05_a_storm_of_hangups_loses_no_byte() {
    hang_up_for(Duration::from_secs(3));
}

#[test]
#[ignore = "takes a minute; tools/slow runs it"]
fn d05_a_storm_of_a_minute() {
    hang_up_for(Duration::from_secs(60));
}

#[test]
fn d14_the_status_shows_names_and_counts_and_nothing_else() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    sidecar.ask(&["add", "SECOND", "--keep-newline"], "value of the second").ends(0);
    let mut app = sidecar.connect("app");
    app.write_all(format!("{VALUE} value of the second\nsk-live-4f9").as_bytes()).expect("it reads");
    sidecar.file_is("out", &format!("{MASK} [REDACTED:SECOND]\n"));
    for words in [&["status"][..], &["status", "--json"]] {
        let status = sidecar.ask(words, "").ends(0).out();
        for part in [VALUE, "value of", "sk-live", "4f9"] {
            assert!(!status.contains(part), "{status}");
        }
    }
    let status = sidecar.status();
    assert_eq!(status["secrets"]["names"], serde_json::json!(["API_TOKEN"]));
    assert_eq!(status["secrets"]["added"], serde_json::json!(["SECOND"]));
    assert_eq!(status["secrets"]["masked"], 2);
    assert_eq!(status["streams"][0]["name"], "app");
    // No figure equals the length of a value: emitted lengths are not reported.
    let text = status.to_string();
    assert!(!text.contains("bytes_out") && !text.contains("needle"), "{text}");
    sidecar.stop();
}

#[test]
fn the_status_is_a_table_for_people() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    let mut app = sidecar.connect("app");
    app.write_all(format!("{VALUE} and {VALUE}\n").as_bytes()).expect("it reads");
    sidecar.file_is("out", &format!("{MASK} and {MASK}\n"));
    let len = 2 * VALUE.len() + " and \n".len();
    until("it is counted", || {
        let status = sidecar.ask(&["status", "--quiet"], "").ends(0).out();
        let lines: Vec<Vec<&str>> = status.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["stream", "state", "in", "out", "masked", "waiting", "errors"]);
        assert!(status.contains("\n1 secret masked, read ") && status.contains("\nrunning for "), "{status}");
        let len = len.to_string();
        lines[1] == ["app", "1", "open", &len, "B", &len, "B", "2", "0", "B", "0"]
    });
    sidecar.stop();
}

#[test]
fn a_value_that_cannot_be_masked_is_refused_by_the_answer() {
    let place = Place::new();
    let config = place.streams(&[UNIX]);
    let mut sidecar = place.start(&config);
    sidecar.ask(&["add", "SHORT"], "abc").ends(2).says("shorter than 4 bytes");
    sidecar.ask(&["add", "a b"], "abcdefgh").ends(2).says("a name must not contain blanks");
    sidecar.ask(&["add", "EMPTY"], "").ends(2);
    let ran = program::run(&mut program::hushlog(["sidecar", "add", "NAME", "hunter2-prod-key"]), b"").ends(2);
    assert!(!ran.err().contains("hunter2"), "it shows what was on the command line");
    for wrong in
        ["", "add", "add NAME x\n", "add NAME 99999999999999999999\n", "what\n", "add NAME 3\nabcdef", "\u{0}\n"]
    {
        let mut connection = UnixStream::connect(sidecar.path("control")).expect("it listens");
        connection.set_read_timeout(Some(PATIENCE)).expect("it can be set");
        connection.write_all(wrong.as_bytes()).expect("it reads");
        connection.shutdown(std::net::Shutdown::Write).expect("it is open");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it ends");
        assert!(answer.is_empty() || answer.starts_with("error "), "{wrong:?}: {answer}");
    }
    // A line that does not end.
    let mut connection = UnixStream::connect(sidecar.path("control")).expect("it listens");
    let _ = connection.write_all(&[b'x'; 100_000]);
    sidecar.ask(&["reload"], "").ends(0);
    sidecar.stop();
}

#[test]
fn a_set_is_taken_over_in_mid_stream_without_a_lost_byte() {
    let place = Place::new();
    let listener = UnixListener::bind(place.path("sink")).expect("room");
    let config = place.streams(&["name: app, source: { unix: DIR/app }, sink: { unix: DIR/sink }"]);
    let mut sidecar = place.start(&config);
    let reader = Reader::of(listener.accept().expect("it connects").0);
    let (lines, rounds) = (200, 25);
    let mut app = sidecar.connect("app");
    let mut expected = String::new();
    for round in 0..rounds {
        for n in 0..lines {
            app.write_all(format!("{round} {n} {VALUE} {}\n", value(round)).as_bytes()).expect("it reads");
            expected.push_str(&format!("{round} {n} {MASK} \n"));
        }
        add(&sidecar, &format!("R{round}"), &value(round + 1));
    }
    drop(app);
    until("all is out", || reader.text().lines().count() == lines * rounds);
    let text = reader.text();
    let without: String = text
        .lines()
        .map(|line| {
            let (rest, last) = line.rsplit_once(' ').expect("four words");
            let round: usize = rest.split(' ').next().and_then(|round| round.parse().ok()).expect("a number");
            // The first was never added; all others were added before they were printed.
            let right = if round == 0 { value(0) } else { format!("[REDACTED:R{}]", round - 1) };
            assert_eq!(last, right);
            format!("{rest} \n")
        })
        .collect();
    assert_eq!(without, expected);
    sidecar.stop();
}
