//! Line release reveals no partial match: neither by the output, nor by its timing, nor by metrics
//! or status. Each test plays an attacker with write access to a stream and a view of everything
//! else.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;

use crate::sidecar::{MASK, Place, Sidecar, VALUE, until};

/// As long as the value, with a beginning that no form of it has.
const WRONG: &str = "zzzzzzzzzzzzzzzzz";

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        let colon = if hex.is_empty() { "" } else { ":" };
        let _ = write!(hex, "{colon}{byte:02x}");
        hex
    })
}

/// An unused port.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

fn metrics(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}

/// The figure of the stream `name`.
fn figure(metrics: &str, figure: &str, name: &str) -> u64 {
    let start = format!("hushlog_stream_{figure}{{stream=\"{name}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(start.as_str()));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {figure} of {name} in {metrics}"))
}

fn start(streams: &[&str], metrics: u16) -> Sidecar {
    let place = Place::new();
    let streams: String = streams.iter().map(|stream| format!("  - {{ {stream} }}\n")).collect();
    let config = place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets] }}\ncontrol: DIR/control\nmetrics: \"127.0.0.1:{metrics}\"\nstreams:\n{streams}"
    ));
    place.start(&config)
}

/// The first three bytes of a secret cannot be found by datagrams that end in them, in any form,
/// nor its first eight.
#[test]
fn a01_a_datagram_that_ends_in_a_guess_shows_nothing() {
    let port = port();
    let mut sidecar = start(&["name: dg, source: { unix_datagram: DIR/dg }, sink: { file: DIR/out }"], port);
    let sender = UnixDatagram::unbound().expect("a socket");
    let (mut expected, mut sent) = (String::new(), 0);
    for len in [1, 3, 7, 8] {
        for guess in [&VALUE[..len], &WRONG[..len]] {
            for text in [guess.to_owned(), hex(guess), hex(guess).replace(':', "")] {
                sender.send_to(text.as_bytes(), sidecar.path("dg")).expect("it receives");
                sent += text.len() as u64;
                expected.push_str(&format!("{text}\n"));
            }
        }
    }
    sidecar.file_is("out", &expected);
    until("all is read", || figure(&metrics(port), "input_bytes_total", "dg") == sent);
    // Counts are published once a second.
    std::thread::sleep(std::time::Duration::from_millis(1_300));
    let text = metrics(port);
    assert!(!text.contains("hushlog_regions_total{"), "a guess was counted: {text}");
    sender.send_to(hex(VALUE).as_bytes(), sidecar.path("dg")).expect("it receives");
    sidecar.file_is("out", &format!("{expected}{MASK}\n"));
    sidecar.stop();
}

/// After an overlong line, a right guess is emitted when a wrong one is.
#[test]
fn a01_an_overlong_line_shows_nothing_of_a_guess() {
    let port = port();
    let streams = [
        "name: right, source: { unix: DIR/right }, sink: { file: DIR/out-right }, line_max: 4K",
        "name: wrong, source: { unix: DIR/wrong }, sink: { file: DIR/out-wrong }, line_max: 4K",
    ];
    let mut sidecar = start(&streams, port);
    let mut streams = ["right", "wrong"].map(|name| sidecar.connect(name));
    let mut sent = 0;
    let mut lens = Vec::new();
    let pieces = std::iter::once("x".repeat(9_000)).chain((0..VALUE.len() - 1).map(|_| String::new()));
    for (at, piece) in pieces.enumerate() {
        let guesses = [VALUE, WRONG].map(|value| if at == 0 { piece.clone() } else { value[at - 1..at].to_owned() });
        sent += guesses[0].len() as u64;
        for (stream, guess) in streams.iter_mut().zip(&guesses) {
            stream.write_all(guess.as_bytes()).expect("it reads");
        }
        let done = |text: &str, name: &str| figure(text, "finished_bytes_total", name) == sent;
        until("all has gone through", || {
            let text = metrics(port);
            done(&text, "right") && done(&text, "wrong")
        });
        let len = |name: &str| std::fs::metadata(sidecar.path(name)).map_or(0, |file| file.len());
        assert_eq!(len("out-right"), len("out-wrong"), "after {at} bytes of the secret");
        let text = metrics(port);
        assert_eq!(figure(&text, "held_bytes", "right"), figure(&text, "held_bytes", "wrong"), "after {at} bytes");
        lens.push(sent - len("out-right"));
    }
    assert!(lens.iter().all(|held| *held == lens[0] && *held > 0), "as much waits always: {lens:?}");
    sidecar.stop();
}

/// A record that ends in a guess waits as one that does not.
#[test]
fn a01_records_of_containers_show_nothing_of_a_guess() {
    let place = Place::new();
    let config = place.streams(&[
        "name: right, source: { unix: DIR/right }, format: cri, sink: { file: DIR/out-right }",
        "name: wrong, source: { unix: DIR/wrong }, format: cri, sink: { file: DIR/out-wrong }",
    ]);
    let mut sidecar = place.start(&config);
    let record = |tag: &str, text: &str| format!("2026-11-28T10:00:00.0Z stdout {tag} {text}\n");
    let mut streams = ["right", "wrong"].map(|name| sidecar.connect(name));
    let mut expected = [String::new(), String::new()];
    for len in 1..VALUE.len() {
        for ((stream, value), expected) in streams.iter_mut().zip([VALUE, WRONG]).zip(&mut expected) {
            stream.write_all(record("P", &value[..len]).as_bytes()).expect("it reads");
            expected.push_str(&record("P", &value[..len]));
        }
        // The text would have been emitted by now if nothing held it back.
        std::thread::sleep(std::time::Duration::from_millis(30));
        let len_of = |name: &str| std::fs::metadata(sidecar.path(name)).map_or(0, |file| file.len());
        assert_eq!(len_of("out-right"), len_of("out-wrong"), "after {len} bytes of the secret");
        for ((stream, expected), name) in streams.iter_mut().zip(&mut expected).zip(["out-right", "out-wrong"]) {
            stream.write_all(record("F", " end").as_bytes()).expect("it reads");
            expected.push_str(&record("F", " end"));
            sidecar.file_is(name, expected);
        }
    }
    sidecar.stop();
}

/// A known secret reveals nothing of a longer one that begins with it: counts follow whole
/// lines.
#[test]
fn a01_counts_show_nothing_of_an_unfinished_line() {
    let port = port();
    let place = Place::new();
    place.save("KNOWN", &VALUE[..12]);
    let config = place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets] }}\nmetrics: \"127.0.0.1:{port}\"\nstreams:\n  \
         - {{ name: right, source: {{ unix: DIR/right }}, sink: {{ file: DIR/out-right }} }}\n  \
         - {{ name: wrong, source: {{ unix: DIR/wrong }}, sink: {{ file: DIR/out-wrong }} }}\n"
    ));
    let mut sidecar = place.start(&config);
    let mut streams = ["right", "wrong"].map(|name| sidecar.connect(name));
    streams[0].write_all(&VALUE.as_bytes()[..13]).expect("it reads");
    streams[1].write_all(format!("{}#", &VALUE[..12]).as_bytes()).expect("it reads");
    until("all is read", || {
        let text = metrics(port);
        ["right", "wrong"].iter().all(|name| figure(&text, "finished_bytes_total", name) == 13)
    });
    std::thread::sleep(std::time::Duration::from_millis(1_300));
    let counted = |text: &str, name: &str| text.contains(&format!("hushlog_regions_total{{stream=\"{name}\""));
    let text = metrics(port);
    assert!(!counted(&text, "right") && !counted(&text, "wrong"), "an unfinished line was counted: {text}");
    streams.iter_mut().for_each(|stream| stream.write_all(b"\n").expect("it reads"));
    until("both are counted", || {
        let text = metrics(port);
        counted(&text, "right") && counted(&text, "wrong")
    });
    sidecar.stop();
}
