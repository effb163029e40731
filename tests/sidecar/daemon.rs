//! Streams through the sidecar equal the filter's output, while sinks and programs fail and
//! restart.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::program;
use crate::sidecar::{MASK, PATIENCE, Place, Reader, VALUE, until};
use rustix::process::Signal;

/// A text with the secret in many forms and places, cut lines, and bytes that are not text.
fn text(lines: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for n in 0..lines {
        match n % 7 {
            0 => writeln!(text, "{n} token={VALUE} ok"),
            1 => writeln!(text, "{n} base64 c2stbGl2ZS00ZjlRelhhYmM= ok"),
            2 => writeln!(text, "{n} {VALUE}{VALUE}sk-live-4f9{VALUE}"),
            3 => text.write_all(b"\xff\x00\xfe sk-live-4f9Qz\r\n"),
            4 => writeln!(text, "{n} hex 736b2d6c6976652d346639517a58616263"),
            5 => writeln!(text, "{}", "long ".repeat(n % 1_000)),
            _ => writeln!(text, "{n} nothing in it"),
        }
        .expect("a vector");
    }
    text.extend_from_slice(b"no end sk-live-4f");
    text
}

/// The filter's output for a text, with the sidecar's release.
fn filtered(place: &Place, text: &[u8]) -> Vec<u8> {
    let mut filter = program::hushlog(["--quiet", "--release", "line", "--secret-file"]);
    program::run_within(filter.arg(place.path("secrets")), text, PATIENCE).ends(0).stdout
}

#[test]
fn standard_input_comes_out_as_from_the_filter() {
    let place = Place::new();
    let text = text(20_000);
    let expected = filtered(&place, &text);
    for release in ["line", "exact"] {
        let stream = format!("name: io, source: {{ stdin: true }}, sink: {{ stdout: true }}, release: {release}");
        let config = place.streams(&[&stream]);
        let mut command = program::hushlog(["sidecar", "--quiet", "--config"]);
        let ran = program::run_within(command.arg(&config), &text, PATIENCE).ends(0);
        assert!(ran.stdout == expected, "{release}: {} bytes came, {} expected", ran.stdout.len(), expected.len());
        assert_eq!(ran.err(), "");
    }
    // From a file to a file: both are always ready.
    fs::write(place.path("in"), &text).expect("room");
    let config = place.streams(&["name: io, source: { stdin: true }, sink: { stdout: true }"]);
    let mut command = program::hushlog(["sidecar", "--config"]);
    command.arg(&config).stdin(fs::File::open(place.path("in")).expect("it is there"));
    command.stdout(fs::File::create(place.path("out")).expect("room")).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    assert!(program::ends_within(&mut child, PATIENCE).success());
    assert!(fs::read(place.path("out")).expect("it is there") == expected);
}

#[test]
fn a_closed_output_ends_it_as_it_ends_cat() {
    let place = Place::new();
    let config = place.streams(&["name: io, source: { stdin: true }, sink: { stdout: true }"]);
    let script = "yes line | hushlog sidecar --quiet --config \"$1\" | head -1; echo ${PIPESTATUS[1]}";
    let mut command = program::script(script);
    let ran = program::run_within(command.arg("sh").arg(&config), b"", PATIENCE).ends(0);
    assert_eq!(format!("{}{}", ran.out(), ran.err()), "line\n141\n");
    let mut full = program::hushlog(["sidecar", "--quiet", "--config"]);
    full.arg(&config).stdin(Stdio::piped()).stderr(Stdio::piped());
    full.stdout(fs::OpenOptions::new().write(true).open("/dev/full").expect("it is there"));
    let mut child = full.spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(format!("{VALUE}\n").as_bytes()).expect("it reads");
    let said = program::read_aside(child.stderr.take().expect("a pipe"));
    assert_eq!(program::ends_within(&mut child, PATIENCE).code(), Some(3));
    let said = String::from_utf8(said.recv_timeout(PATIENCE).expect("it ends")).expect("a message");
    assert!(said.contains("no space left on device") && !said.contains(VALUE), "{said}");
}

#[test]
fn d09_a_sink_that_is_away_is_waited_for_and_nothing_is_lost() {
    let place = Place::new();
    let config = place.streams(&["name: app, source: { unix: DIR/app }, sink: { unix: DIR/sink }"]);
    let mut sidecar = place.start(&config);
    sidecar.says("unavailable");
    let text = text(3_000);
    let expected = {
        let mut expected = filtered(sidecar.place(), &text);
        expected.push(b'\n');
        expected
    };
    let mut app = sidecar.connect("app");
    let writing = std::thread::spawn(move || app.write_all(&text).expect("it reads in the end"));
    std::thread::sleep(Duration::from_millis(200));
    let listener = UnixListener::bind(sidecar.path("sink")).expect("room");
    let reader = Reader::of(listener.accept().expect("it connects").0);
    until("all is out", || reader.text().len() >= String::from_utf8_lossy(&expected).len());
    assert_eq!(reader.text(), String::from_utf8_lossy(&expected));
    writing.join().expect("it does not panic");
    sidecar.says("recovered");
    sidecar.stop();
}

/// A sink that is connected and reads nothing for this time.
fn blocked_for(time: Duration) {
    const WRITERS: usize = 50;
    let place = Place::new();
    let listener = UnixListener::bind(place.path("sink")).expect("room");
    let config = place.streams(&["name: app, source: { unix: DIR/app }, sink: { unix: DIR/sink }"]);
    let mut sidecar = place.start(&config);
    let (taken, _) = listener.accept().expect("it connects");
    let before = sidecar.resident_kib();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let mut app = sidecar.connect("app");
            let line = move |n| format!("{writer} {n} {VALUE} {}\n", "x".repeat(1_000));
            std::thread::spawn(move || {
                (0..1_000).for_each(|n| app.write_all(line(n).as_bytes()).expect("it reads in the end"))
            })
        })
        .collect();
    let mut read = serde_json::Value::Null;
    until("nothing is read any more", || {
        std::thread::sleep(Duration::from_millis(500));
        let before = std::mem::replace(&mut read, sidecar.status()["streams"][0]["bytes_in"].clone());
        read == before
    });
    let start = Instant::now();
    loop {
        assert!(writers.iter().all(|writer| !writer.is_finished()), "somebody was not kept waiting");
        assert!(sidecar.resident_kib() < before + (16 << 10), "it keeps what it cannot write");
        // And the rest of the sidecar continues.
        let status = sidecar.status();
        assert_eq!((&status["streams"][0]["open"], &status["sinks"][0]["away"]), (&WRITERS.into(), &false.into()));
        assert_eq!(status["streams"][0]["bytes_in"], read, "it reads on though nothing is taken");
        if start.elapsed() >= time {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let reader = Reader::of(taken);
    writers.into_iter().for_each(|writer| writer.join().expect("it does not panic"));
    until("all is out", || reader.text().lines().count() == WRITERS * 1_000);
    let (text, mut next) = (reader.text(), [0; WRITERS]);
    for line in text.lines() {
        let (writer, rest) = line.split_once(' ').expect("four words");
        let next = &mut next[writer.parse::<usize>().expect("a number")];
        assert!(rest.starts_with(&format!("{next} {MASK} x")) && rest.ends_with('x'), "a line is lost or torn");
        *next += 1;
    }
    sidecar.stop();
}

#[test]
fn d09_a_sink_that_takes_nothing_keeps_its_writers_waiting() {
    blocked_for(Duration::from_secs(3));
}

#[test]
#[ignore = "takes ten minutes; tools/slow runs it"]
fn d09_a_sink_that_takes_nothing_for_ten_minutes() {
    blocked_for(Duration::from_secs(600));
}

#[test]
fn a_broken_connection_is_reopened_and_its_line_repeated() {
    let place = Place::new();
    let listener = UnixListener::bind(place.path("sink")).expect("room");
    let config = place.streams(&["name: app, source: { unix: DIR/app }, sink: { unix: DIR/sink }"]);
    let mut sidecar = place.start(&config);
    let mut app = sidecar.connect("app");
    for n in 0..5 {
        app.write_all(format!("{n} {VALUE}\n").as_bytes()).expect("it reads");
        let (connection, _) = listener.accept().expect("it connects");
        Reader::of(connection.try_clone().expect("a descriptor")).becomes(&format!("{n} {MASK}\n"));
        connection.shutdown(std::net::Shutdown::Both).expect("it is open");
        std::thread::sleep(Duration::from_millis(30));
    }
    sidecar.stop();
}

#[test]
fn dropped_pieces_are_counted() {
    let place = Place::new();
    let config = place.streams(&["name: app, source: { unix: DIR/app }, sink: { unix: DIR/sink, away: drop }"]);
    let mut sidecar = place.start(&config);
    sidecar.says("unavailable");
    for _ in 0..3 {
        sidecar.send("app", &format!("lost {VALUE}\n"));
    }
    let lost = 3 * format!("lost {VALUE}\n").len();
    until("it is counted", || sidecar.status()["streams"][0]["bytes_dropped"] == lost);
    assert_eq!(sidecar.status()["sinks"][0]["away"], true);
    let listener = UnixListener::bind(sidecar.path("sink")).expect("room");
    listener.set_nonblocking(true).expect("it can be set");
    let mut connection = None;
    until("it connects", || {
        sidecar.send("app", "kept\n");
        connection = listener.accept().ok();
        connection.is_some()
    });
    let (connection, _) = connection.expect("it has");
    connection.set_nonblocking(false).expect("it can be set");
    let reader = Reader::of(connection);
    until("it comes", || reader.text().contains("kept\n"));
    sidecar.says("pieces were dropped");
    sidecar.stop();
}

#[test]
fn the_output_of_a_program_is_read_and_it_is_started_again() {
    let place = Place::new();
    let script = "echo out $$ sk-live-4f9QzXabc; echo err sk-live-4f9QzXabc >&2";
    let config = place
        .streams(&[&format!("name: cmd, source: {{ command: [sh, -c, \"{script}\"] }}, sink: {{ file: DIR/out }}")]);
    let mut sidecar = place.start(&config);
    until("it ran twice", || fs::read_to_string(sidecar.path("out")).unwrap_or_default().lines().count() >= 2);
    let out = fs::read_to_string(sidecar.path("out")).expect("it is there");
    assert!(out.lines().all(|line| line.starts_with("out ") && line.ends_with(MASK)), "{out}");
    // The program's standard error is masked, too, and written to the sidecar's own.
    sidecar.says(&format!("err {MASK}"));
    sidecar.says("ended (exit status: 0); restarting it");
    sidecar.stop();
}

#[test]
fn a_program_reads_the_redacted_text_and_finishes() {
    let place = Place::new();
    let script = "cat > DIR/out; sleep 0.3; echo end >> DIR/out";
    let config =
        place.streams(&[&format!("name: cmd, source: {{ stdin: true }}, sink: {{ command: [sh, -c, \"{script}\"] }}")]);
    let mut sidecar = place.start(&config);
    let text = text(2_000);
    let expected = filtered(sidecar.place(), &text);
    sidecar.stdin.take().expect("a pipe").write_all(&text).expect("it reads");
    sidecar.ends(0);
    let out = fs::read(sidecar.path("out")).expect("it is there");
    assert!(out == [&expected[..], b"end\n"].concat(), "{} bytes came", out.len());
}

#[test]
fn two_streams_share_a_file_line_by_line() {
    let place = Place::new();
    let config = place.streams(&[
        "name: a, source: { unix: DIR/a }, sink: { file: DIR/out }",
        "name: b, source: { fifo: DIR/b }, sink: { file: DIR/out }",
    ]);
    let mut sidecar = place.start(&config);
    std::thread::scope(|scope| {
        for name in ["a", "b"] {
            let sidecar = &sidecar;
            scope.spawn(move || {
                let write = |to: &mut dyn Write| {
                    for n in 0..2_000 {
                        let line = format!("{name} {n} {VALUE} end\n");
                        let (one, two) = line.as_bytes().split_at(n % line.len());
                        to.write_all(one).and_then(|()| to.write_all(two)).expect("it reads");
                    }
                };
                match name {
                    "a" => write(&mut sidecar.connect("a")),
                    _ => write(&mut fs::OpenOptions::new().write(true).open(sidecar.path("b")).expect("it reads")),
                }
            });
        }
    });
    let read = || fs::read_to_string(sidecar.path("out")).unwrap_or_default();
    until("all is out", || read().lines().count() == 4_000);
    for name in ["a", "b"] {
        let own: String =
            read().lines().filter(|line| line.starts_with(name)).map(|line| line.to_owned() + "\n").collect();
        assert_eq!(own, (0..2_000).map(|n| format!("{name} {n} {MASK} end\n")).collect::<String>());
    }
    sidecar.stop();
}

#[test]
fn a_stop_drains_the_streams() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let config = place.streams(&["name: app, source: { unix: DIR/app }, sink: { file: DIR/out }"]);
        let mut sidecar = place.start(&config);
        let mut connections: Vec<_> = (0..20).map(|_| sidecar.connect("app")).collect();
        for (n, connection) in connections.iter_mut().enumerate() {
            connection.write_all(format!("{n:02} {VALUE}\n{n:02} no end sk-live-4f9").as_bytes()).expect("it reads");
        }
        sidecar.signal(signal);
        sidecar.is_told("STOPPING=1");
        sidecar.ends(0);
        let out = fs::read_to_string(sidecar.path("out")).expect("it is there");
        let mut lines: Vec<&str> = out.lines().collect();
        lines.sort_unstable();
        let expected: Vec<String> =
            (0..20).flat_map(|n| [format!("{n:02} {MASK}"), format!("{n:02} no end {MASK}")]).collect();
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let place = Place::new();
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\ncontrol: DIR/control\ndrain_seconds: 1\nstreams:\n  \
         - { name: app, source: { unix: DIR/app }, sink: { unix: DIR/nobody } }\n",
    );
    let mut sidecar = place.start(&config);
    sidecar.send("app", &format!("{VALUE}\n"));
    until("it was read", || sidecar.status()["streams"][0]["bytes_in"] != 0);
    assert!(sidecar.stop().contains("were not drained in time"));
}

#[test]
fn the_service_manager_is_notified() {
    let place = Place::new();
    let config = place.streams(&["name: app, source: { unix: DIR/app }, sink: { file: DIR/out }"]);
    let mut sidecar = place.start_as(&config, |command| {
        command.env("WATCHDOG_USEC", "200000");
    });
    sidecar.is_told("STATUS=1 streams, 1 secrets");
    for _ in 0..3 {
        sidecar.is_told("WATCHDOG=1");
    }
    sidecar.signal(Signal::HUP);
    sidecar.is_told("RELOADING=1\nMONOTONIC_USEC=");
    sidecar.is_told("READY=1");
    sidecar.signal(Signal::TERM);
    sidecar.is_told("STOPPING=1");
    sidecar.ends(0);
}

#[test]
fn unread_messages_do_not_stop_the_sidecar() {
    let place = Place::new();
    let config = place.streams(&["name: app, source: { unix: DIR/app }, sink: { unix: DIR/sink, away: drop }"]);
    let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
    let mut sidecar = place.start_as(&config, |command| {
        command.stderr(writer);
    });
    // Far more than a pipe holds.
    for _ in 0..3 {
        (0..200).for_each(|_| drop(sidecar.ask(&["reload"], "")));
        if sidecar.status()["secrets"]["masked"] == 1 {
            break;
        }
    }
    sidecar.send("app", "x\n");
    until("it goes on", || sidecar.status()["streams"][0]["bytes_dropped"] == 2);
    sidecar.stop();
    drop(reader);
}

#[test]
fn a_known_dirty_line_comes_out_masked() {
    let place = Place::new();
    let config = place.streams(&[
        "name: app, source: { unix: DIR/app }, sink: { file: DIR/out }",
        "name: log, source: { unix_datagram: DIR/log }, sink: { file: DIR/out }, release: exact",
    ]);
    let mut sidecar = place.start(&config);
    let mut ask = program::hushlog(["check", "--canary", "--socket"]);
    let ran = program::run_within(ask.arg(sidecar.path("control")), b"", PATIENCE).ends(0);
    assert_eq!(ran.out(), "app: masked\nlog: masked\n");
    assert!(!sidecar.path("out").exists() || fs::read(sidecar.path("out")).expect("it is there").is_empty());
    let mut through = program::hushlog(["check", "--canary", "--through", "app", "--socket"]);
    program::run_within(through.arg(sidecar.path("control")), b"", PATIENCE).ends(0);
    sidecar.file_is("out", "hushlog canary: [REDACTED:HUSHLOG_CANARY]\n");
    assert_eq!(sidecar.status()["secrets"]["masked"], 1, "the canary is none of the secrets");
    sidecar.stop();
}
