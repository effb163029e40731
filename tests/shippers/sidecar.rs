//! The sidecar between real log shippers, in both directions; its status and metrics; and the
//! canary. The configurations are those of `packaging/`, with other paths.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::program::session::needs;
use crate::program::{self, hushlog, run, run_within};
use crate::shippers::{
    Daemon, MASK, PATIENCE, Place, VALUE, connect, free_port, get, rsyslog, send, shown, sidecar, sidecar_command,
    syslog_ng, unpacked, wait_for,
};

#[test]
fn rsyslog_gives_all_to_the_sidecar_and_takes_it_back_clean() {
    needs!("rsyslogd");
    let place = Place::new();
    let to = free_port();
    let rules = place.packaged("rsyslog/sidecar.conf", &[("port=\"5514\"", &format!("port=\"{to}\""))]);
    let config = format!(
        "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{}\" RateLimit.Interval=\"0\")\n{rules}",
        shown(&place.path("in"))
    );
    let Some(rsyslog) = rsyslog(&place, &config, "in") else { return };
    // Messages sent before the sidecar starts wait in rsyslog.
    (0..20).for_each(|number| send(&place.path("in"), format!("<13>app: {number} {VALUE} end")));
    let streams =
        format!("  - {{ name: log, source: {{ tcp: '127.0.0.1:{to}' }}, sink: {{ unix: PLACE/rsyslog.out }} }}\n");
    let sidecar = sidecar(&place, &streams);
    (20..200).for_each(|number| send(&place.path("in"), format!("<13>app: {number} {VALUE} end")));
    // Messages that waited in rsyslog may come after newer ones, and rsyslog repeats the message
    // whose delivery failed.
    let numbers = || -> BTreeSet<usize> {
        let text = place.text("clean.log");
        let whole = text.lines().filter_map(|line| line.split_once(" app: ")?.1.strip_suffix(" end"));
        whole.map(|rest| rest.strip_suffix(MASK).expect("it is masked").trim().parse().expect("a number")).collect()
    };
    wait_for("all messages", || numbers().len() == 200);
    rsyslog.stop();
    sidecar.stop();
    assert_eq!(numbers(), (0..200).collect());
    assert!(!place.text("clean.log").contains(VALUE));
}

#[test]
fn rsyslog_and_datagrams_in_both_directions() {
    needs!("rsyslogd");
    let place = Place::new();
    let config = format!(
        "module(load=\"imuxsock\" SysSock.Use=\"off\")\nmodule(load=\"omuxsock\")\n\
         input(type=\"imuxsock\" Socket=\"{at}/in\" RateLimit.Interval=\"0\")\n\
         input(type=\"imuxsock\" Socket=\"{at}/back\" RateLimit.Interval=\"0\" ruleset=\"clean\")\n\
         ruleset(name=\"clean\") {{ action(type=\"omfile\" file=\"{at}/clean.log\") }}\n\
         template(name=\"line\" type=\"string\" string=\"<%pri%>%timestamp:::date-rfc3164% %syslogtag%%msg%\")\n\
         $OMUxSockSocket {at}/to\n*.* :omuxsock:;line\n",
        at = shown(place.dir.path())
    );
    let sidecar = sidecar(
        &place,
        "  - { name: log, source: { unix_datagram: PLACE/to }, sink: { unix_datagram: PLACE/back } }\n",
    );
    let Some(rsyslog) = rsyslog(&place, &config, "in") else { return };
    (0..200).for_each(|number| send(&place.path("in"), format!("<13>app: {number} {VALUE} end")));
    let lines = place.lines("clean.log", 200);
    rsyslog.stop();
    sidecar.stop();
    for (number, line) in lines.iter().enumerate() {
        assert!(line.ends_with(&format!(" app: {number} {MASK} end")), "{line}");
    }
}

#[test]
fn syslog_ng_gives_all_to_the_sidecar_and_takes_it_back_clean() {
    needs!("syslog-ng");
    let place = Place::new();
    let parts = place.packaged("syslog-ng/hushlog.conf", &[]);
    let config = format!(
        "{parts}\nsource s_in {{ unix-dgram(\"{at}/in\"); }};\n\
         log {{ source(s_in); destination(d_sidecar); }};\n\
         log {{ source(s_sidecar); destination {{ file(\"{at}/out\" template(\"$MSGHDR$MSG\\n\")); }}; }};\n",
        at = shown(place.dir.path())
    );
    let streams =
        "  - { name: syslog-ng, source: { unix: PLACE/syslog-ng.in }, sink: { unix: PLACE/syslog-ng.out } }\n";
    let Some(daemon) = syslog_ng(&place, &config, "in") else { return };
    let sidecar = sidecar(&place, streams);
    (0..200).for_each(|number| send(&place.path("in"), format!("<13>app: {number} {VALUE} end")));
    let lines = place.lines("out", 200);
    daemon.stop();
    sidecar.stop();
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(*line, format!("app: {number} {MASK} end"));
    }
}

/// The sidecar's output at a socket of the test, up to this number of lines.
fn given_out(listener: &UnixListener, lines: usize) -> String {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    wait_for("a connection", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (mut connection, _) = accepted.unwrap();
    connection.set_nonblocking(false).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    while text.iter().filter(|&&byte| byte == b'\n').count() < lines {
        let read = connection.read(&mut buffer).expect("it is in time");
        assert!(read > 0, "it ended after {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(text).expect("text")
}

#[test]
fn services_print_to_the_socket_as_systemd_connects_them() {
    let place = Place::new();
    let out = UnixListener::bind(place.path("out")).unwrap();
    let sidecar = sidecar(&place, "  - { name: app, source: { unix: PLACE/app.sock }, sink: { unix: PLACE/out } }\n");
    // `StandardOutput=file:` with a socket is a connection, which is the service's standard output;
    // `StandardError=inherit` is the same.
    let service = |name: &str| {
        let output = OwnedFd::from(connect(&place.path("app.sock")));
        let script = format!(
            "for n in 1 2 3; do printf '{name} $n sk-live-'; sleep 0.05; echo 4f9QzX7w; echo '{name} error' >&2; done"
        );
        let script = script.replace("$n", "'$n'");
        Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stderr(output.try_clone().unwrap())
            .stdout(output)
            .spawn()
            .unwrap()
    };
    let services = ["one", "two"].map(service);
    let text = given_out(&out, 12);
    for mut service in services {
        assert!(program::ends_within(&mut service, PATIENCE).success());
    }
    sidecar.stop();
    for name in ["one", "two"] {
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(name)).collect();
        let expected: Vec<String> =
            (1..=3).flat_map(|number| [format!("{name} {number} {MASK}"), format!("{name} error")]).collect();
        assert_eq!(lines, expected, "{text}");
    }
}

#[test]
fn a_journal_is_read_from_a_program() {
    let place = Place::new();
    let out = UnixListener::bind(place.path("out")).unwrap();
    // As printed by `journalctl -f -o export`: fields in lines, and an empty line after each entry.
    let script = place.path("journal");
    fs::write(
        &script,
        format!("#!/bin/sh\nprintf 'MESSAGE=key {VALUE}\\nPRIORITY=6\\n\\n'; echo 'says {VALUE}' >&2; exec sleep 60\n"),
    )
    .unwrap();
    let streams = format!(
        "  - {{ name: journal, source: {{ command: [sh, '{}'] }}, sink: {{ unix: PLACE/out }} }}\n",
        shown(&script)
    );
    let sidecar = sidecar(&place, &streams);
    assert_eq!(given_out(&out, 3), format!("MESSAGE=key {MASK}\nPRIORITY=6\n\n"));
    wait_for("what the program says", || sidecar.said().contains(&format!("says {MASK}")));
    // Files are then not confined, which is reported.
    assert!(sidecar.said().contains("access to files is not confined, because the configuration has commands"));
    assert!(!sidecar.stop().contains(VALUE));
}

/// A sidecar with a stream, after one line through it.
fn with_a_line(place: &Place, mask: &str) -> Daemon {
    let out = UnixListener::bind(place.path("out")).unwrap();
    let sidecar = sidecar(place, "  - { name: app, source: { unix: PLACE/app.sock }, sink: { unix: PLACE/out } }\n");
    connect(&place.path("app.sock")).write_all(format!("key {VALUE} end\n").as_bytes()).unwrap();
    assert_eq!(given_out(&out, 1), format!("key {mask} end\n"));
    sidecar
}

#[test]
fn d14_prometheus_reads_the_metrics_and_no_value() {
    let place = Place::new();
    // A name that would end its own quotes.
    fs::rename(place.path("secrets/key"), place.path("secrets/a\"b")).unwrap();
    let sidecar = with_a_line(&place, "[REDACTED:a_b]");
    let mut page = String::new();
    wait_for("the count", || {
        page = get(place.port, "/metrics").expect("it answers");
        page.contains("form=\"value\"} 1\n")
    });
    assert!(get(place.port, "/healthz").unwrap().ends_with("\r\n\r\nok\n"));
    let (head, metrics) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "hushlog_regions_total{stream=\"app\",secret=\"a\\\"b\",form=\"value\"} 1",
        &format!("hushlog_stream_input_bytes_total{{stream=\"app\"}} {}", VALUE.len() + 9),
        // The output, or its length, would reveal the length of the secret.
        &format!("hushlog_stream_finished_bytes_total{{stream=\"app\"}} {}", VALUE.len() + 9),
        "hushlog_ready 1",
    ] {
        assert!(metrics.lines().any(|own| own == line), "{line}: {metrics}");
    }
    // As a whole number: the digits may occur in a time.
    let len_written = format!(" {}", "[REDACTED:a_b]".len() + 9);
    assert!(!metrics.contains(VALUE) && !metrics.lines().any(|line| line.ends_with(&len_written)));
    let status =
        run(hushlog(["sidecar", "status", "--json", "--socket"]).arg(place.path("control")), b"").ends(0).out();
    assert!(status.contains("\"app\"") && status.contains("\"a\\\"b\"") && !status.contains(VALUE), "{status}");
    if let Some(root) = unpacked("prometheus", &["prometheus"]) {
        let mut promtool = Command::new(root.join("usr/bin/promtool"));
        let checked = run_within(promtool.args(["check", "metrics"]), metrics.as_bytes(), PATIENCE);
        assert_eq!((checked.code, checked.out() + &checked.err()), (Some(0), String::new()));
    }
    assert!(!sidecar.stop().contains(VALUE));
}

#[test]
fn the_canary_shows_whether_the_sidecar_masks() {
    let place = Place::new();
    let check = |more: &[&str]| {
        let mut command = hushlog(["check", "--canary", "--socket"]);
        command.arg(place.path("control")).args(more);
        run_within(&mut command, b"", PATIENCE)
    };
    check(&[]).ends(2).says("no sidecar is listening");
    let out = UnixListener::bind(place.path("out")).unwrap();
    let streams = "  - { name: one, source: { unix: PLACE/one.sock }, sink: { unix: PLACE/out } }\n  \
                   - { name: two, source: { unix: PLACE/two.sock }, sink: { stdout: true }, release: exact }\n";
    let sidecar = sidecar(&place, streams);
    assert_eq!(check(&[]).ends(0).out(), "one: masked\ntwo: masked\n");
    assert_eq!(check(&["two"]).ends(0).out(), "two: masked\n");
    assert_eq!(check(&["--quiet", "one"]).ends(0).out(), "");
    check(&["three"]).ends(2).says("no such stream");
    check(&["two words"]).ends(2).says("name 1 is not the name of a stream");
    assert_eq!(check(&["--through", "one"]).ends(0).out(), "one: masked, sent\n");
    assert_eq!(given_out(&out, 1), "hushlog canary: [REDACTED:HUSHLOG_CANARY]\n");
    sidecar.stop();
    check(&[]).ends(2).says("no sidecar is listening");
}

#[test]
fn a_sidecar_that_would_not_mask_is_reported() {
    // The other end is no sidecar: it reports that a stream lets the canary through.
    let place = Place::new();
    let control = UnixListener::bind(place.path("control")).unwrap();
    let answers = std::thread::spawn(move || {
        for answer in ["{\"streams\":{\"one\":true,\"two\":false}}\n", "nonsense\n"] {
            let (mut connection, _) = control.accept().unwrap();
            let mut request = [0; 7];
            connection.read_exact(&mut request).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
        }
    });
    let check = || {
        let mut command = hushlog(["check", "--canary", "--socket"]);
        run_within(command.arg(place.path("control")), b"", PATIENCE)
    };
    assert_eq!(check().ends(1).out(), "one: masked\ntwo: not masked\n");
    check().ends(2).says("cannot read the sidecar's answer");
    answers.join().unwrap();
}

#[test]
fn metrics_are_refused_where_others_could_read_them() {
    let place = Place::new();
    let mut command = sidecar_command(&place, "  - { name: a, source: { unix: PLACE/a }, sink: { stdout: true } }\n");
    let path = place.path("sidecar.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("metrics: 127.0.0.1:", "metrics: 0.0.0.0:")).unwrap();
    run_within(&mut command, b"", PATIENCE).ends(2).says("loopback");
    // A port that is in use.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    fs::write(&path, text.replace(&format!(":{}\n", place.port), &format!(":{port}\n"))).unwrap();
    run_within(&mut command, b"", PATIENCE).ends(2).says("the metrics: address already in use");
}

#[test]
fn d10_a_slow_client_blocks_no_other_from_the_metrics() {
    let place = Place::new();
    let sidecar = with_a_line(&place, MASK);
    let idle: Vec<TcpStream> = (0..20).filter_map(|_| TcpStream::connect(("127.0.0.1", place.port)).ok()).collect();
    let mut answered = String::new();
    wait_for("an answer beside the idle ones", || {
        answered = get(place.port, "/healthz").unwrap_or_default();
        std::thread::sleep(Duration::from_millis(100));
        answered.ends_with("ok\n")
    });
    drop(idle);
    sidecar.stop();
}
