//! The sidecar's messages, answers and counts, with names chosen by others.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::sidecar::{MASK, Place, VALUE, until};

/// The mask if one with a name would contain a secret.
const BLANK: &str = "\u{2588}\u{2588}\u{2588}\u{2588}";
const OTHER: &str = "another-value-9f3b1c7e";

/// The owner of a directory cannot forge a line of the sidecar's log, and cannot have a secret
/// printed by naming a file after it.
#[test]
fn a36_the_owner_of_a_scrubbed_directory_writes_no_messages() {
    let place = Place::new();
    fs::create_dir(place.path("log")).expect("room");
    let forging = format!("a\nhushlog: error: forged\x1b[2J\r\u{202e}{VALUE}.log");
    fs::write(place.path("log").join(&forging), format!("{VALUE}\n")).expect("room");
    fs::write(place.path("log").join(format!("{forging}.gz")), b"\x1f\x8b\x08 no gzip").expect("room");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\ncontrol: DIR/control\nscrub:\n  - { directory: DIR/log, every_seconds: 1 }\n",
    );
    let mut sidecar = place.start(&config);
    let shown = format!(r"log/a\nhushlog: error: forged\u{{1b}}[2J\r\u{{202e}}{MASK}.log");
    sidecar.says(&format!("{shown}\n"));
    sidecar.says(&format!("{shown}.gz: "));
    // A new value that occurred in a name before.
    fs::write(sidecar.path("log").join(format!("{OTHER}.gz")), b"\x1f\x8b\x08 no gzip").expect("room");
    sidecar.says(&format!("log/{OTHER}.gz"));
    sidecar.ask(&["add", "B"], OTHER).ends(0);
    sidecar.says("log/[REDACTED:B].gz");
    let said = sidecar.said();
    assert!(said.lines().all(|line| line.starts_with("hushlog: ") && !line.starts_with("hushlog: error")), "{said:?}");
    assert!(
        !said.contains(|c: char| c != '\n' && c.is_control() || c == '\u{202e}') && !said.contains(VALUE),
        "{said:?}"
    );
    sidecar.stop();
}

/// A secret's name contains another secret: in the status, the answers, the metrics and the log.
#[test]
fn a37_status_answers_and_metrics_show_no_secret_in_a_name() {
    let place = Place::new();
    place.save(&format!("X-{VALUE}"), "value of the second");
    place.save(&format!("Y-{VALUE}"), "abc");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let config = place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets] }}\ncontrol: DIR/control\nmetrics: \"127.0.0.1:{port}\"\nstreams:\n  \
         - {{ name: {VALUE}, source: {{ unix: DIR/app }}, sink: {{ file: DIR/out-{VALUE} }} }}\n"
    ));
    let mut sidecar = place.start(&config);
    sidecar.says(&format!("too short: Y-{BLANK}"));
    sidecar.send("app", &format!("{VALUE} value of the second\n"));
    let scrape = || {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        connection.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("it reads");
        let mut page = String::new();
        connection.read_to_string(&mut page).expect("it answers");
        page
    };
    until("the masks are counted", || {
        let page = scrape();
        assert!(!page.contains(VALUE), "{page}");
        page.contains(&format!("hushlog_regions_total{{stream=\"{BLANK}\",secret=\"X-{BLANK}\",form=\"value\"}} 1\n"))
    });
    assert!(!scrape().contains("spool_bytes") && !scrape().contains("output"));
    let status = sidecar.ask(&["status"], "").ends(0).out();
    assert!(!status.contains(VALUE), "{status}");
    let status = sidecar.status();
    assert_eq!(status["streams"][0]["name"], BLANK);
    assert_eq!(
        status["secrets"]["names"],
        serde_json::json!(["API_TOKEN", format!("X-{BLANK}"), format!("Y-{BLANK}")])
    );
    assert!(
        status["sinks"][0]["name"].as_str().is_some_and(|name| name.ends_with(&format!("out-{BLANK}"))),
        "{status}"
    );
    // The raw answers of the socket, before a client processes them.
    for request in ["status\n", "overview\n", "masked\n", "canary\n"] {
        let mut connection = sidecar.connect("control");
        connection.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        assert!(!answer.contains(VALUE) && answer.contains(BLANK) && answer.lines().count() == 1, "{answer}");
    }
    sidecar.stop();
}
