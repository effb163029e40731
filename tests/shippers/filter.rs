//! The filter run by real log shippers: rsyslog, syslog-ng, s6-log, svlogd, multilog, logrotate.
//! The configurations are those of `packaging/`, with other paths.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::session::needs;
use crate::program::{self, HUSHLOG, run_within, script};
use crate::shippers::{
    Daemon, MASK, PATIENCE, Place, VALUE, children, connect, found, rsyslog, send, shown, syslog_ng, wait_for,
};

/// `VALUE` in base64, at the beginning of a text.
const VALUE_BASE64: &str = "c2stbGl2ZS00ZjlRelg3dw";

/// The inputs of the tests with rsyslog, and the output format of a message.
const RSYSLOG: &str = r#"
module(load="imuxsock" SysSock.Use="off")
module(load="imptcp")
input(type="imuxsock" Socket="PLACE/in" RateLimit.Interval="0")
input(type="imptcp" Path="PLACE/stream")
template(name="all" type="string" string="%syslogtag%%structured-data%|%msg%|%rawmsg%|%$!%\n")
"#;

fn rsyslog_with(place: &Place, rules: &str) -> Option<Daemon> {
    let config = format!("{RSYSLOG}{rules}\naction(type=\"omfile\" file=\"PLACE/out\" template=\"all\")\n");
    rsyslog(place, &config.replace("PLACE", &shown(place.dir.path())), "in")
}

/// Fails if the value is anywhere in the place except in its source.
#[track_caller]
fn assert_nowhere(place: &Place) {
    for entry in fs::read_dir(place.dir.path()).expect("it is there").flatten().filter(|entry| entry.path().is_file()) {
        let bytes = fs::read(entry.path()).expect("it can be read");
        for form in [VALUE, VALUE_BASE64] {
            let shows = bytes.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!shows, "the secret shows in {}", entry.path().display());
        }
    }
}

#[test]
fn rsyslog_asks_about_each_message_and_writes_it_masked() {
    needs!("rsyslogd");
    let place = Place::new();
    let Some(rsyslog) = rsyslog_with(&place, &place.packaged("rsyslog/mmexternal.conf", &[])) else { return };
    let at = place.path("in");
    send(&at, format!("<13>app: key {VALUE}, {VALUE_BASE64}=, \"quoted\\\" end"));
    send(&at, b"<13>app: clean \xff\xfe bytes and a\x01control");
    send(&at, format!("<13>app: two\nlines {VALUE}\n"));
    let lines = place.lines("out", 3);
    assert_eq!(
        lines[0],
        format!("app:-| key {MASK}, {MASK}=, \"quoted\\\" end|<13>app: key {MASK}, {MASK}=, \"quoted\\\" end|{{ }}")
    );
    let bytes = fs::read(place.path("out")).unwrap();
    assert!(bytes.windows(18).any(|window| window == b"| clean \xff\xfe bytes a"), "bytes do not stay");
    assert!(lines[2].starts_with(&format!("app:-| two#012lines {MASK}")), "{}", lines[2]);
    let mut stream = connect(&place.path("stream"));
    let structured = format!("<13>1 2026-11-24T20:00:00Z host app {VALUE} id [a@1 b=\"{VALUE}\"] text {VALUE}");
    stream.write_all(format!("{} {structured}", structured.len()).as_bytes()).unwrap();
    let line = place.lines("out", 4).pop().unwrap();
    // In the head, the raw message is masked in place, so that the text keeps its offset.
    let covered = format!("[key]{}", "*".repeat(VALUE.len() - 5));
    let raw = structured.replace(VALUE, &covered);
    assert_eq!(line, format!("app[{MASK}][a@1 b=\"{MASK}\"]|text {covered}|{raw}|{{ }}"));
    rsyslog.stop();
    assert!(place.text("hushlog-unchecked.log").is_empty());
    assert_nowhere(&place);
}

#[test]
fn messages_that_the_helper_cannot_change_are_set_aside() {
    needs!("rsyslogd");
    let place = Place::new();
    let Some(rsyslog) = rsyslog_with(&place, &place.packaged("rsyslog/mmexternal.conf", &[])) else { return };
    let mut stream = connect(&place.path("stream"));
    // rsyslog does not let a helper set the program name, which is also part of the tag.
    send(&place.path("in"), format!("<13>{VALUE}: text"));
    let structured = format!("<13>1 2026-11-24T20:00:00Z host {VALUE} - - - text");
    stream.write_all(format!("{} {structured}", structured.len()).as_bytes()).unwrap();
    send(&place.path("in"), "<13>app: $!hushlog clean");
    assert!(place.lines("out", 1)[0].contains("$!hushlog clean"));
    place.lines("hushlog-unchecked.log", 2);
    rsyslog.stop();
    assert_eq!(place.text("out").lines().count(), 1);
}

#[test]
fn while_the_helper_is_away_nothing_passes() {
    needs!("rsyslogd");
    let place = Place::new();
    let rules = place.packaged("rsyslog/mmexternal.conf", &[("--mark", "--mark --quiet")]);
    let Some(rsyslog) = rsyslog_with(&place, &rules) else { return };
    let at = place.path("in");
    send(&at, "<13>app: before");
    place.lines("out", 1);
    let helpers = children(rsyslog.id(), HUSHLOG);
    assert!(!helpers.is_empty(), "there is no helper");
    // Its source of secrets is gone, so that it cannot restart.
    fs::rename(place.path("secrets"), place.path("away")).unwrap();
    for helper in helpers {
        program::kill(helper, "KILL");
    }
    for number in 0..5 {
        send(&at, format!("<13>app: lost {number} {VALUE}"));
    }
    wait_for("messages apart", || place.text("hushlog-unchecked.log").matches("lost").count() == 5);
    fs::rename(place.path("away"), place.path("secrets")).unwrap();
    send(&at, format!("<13>app: again {VALUE}"));
    wait_for("the helper", || {
        send(&at, format!("<13>app: again {VALUE}"));
        std::thread::sleep(std::time::Duration::from_millis(100));
        place.text("out").contains("again")
    });
    rsyslog.stop();
    let out = place.text("out");
    assert!(!out.contains("lost") && !out.contains(VALUE), "{out}");
}

#[test]
fn a_helper_with_something_to_say_stays_in_step() {
    needs!("rsyslogd");
    let place = Place::new();
    // Short, to cause a warning, while standard error is the channel of the answers.
    fs::write(place.path("secrets/short"), "q7Zt").unwrap();
    let action = format!(
        "module(load=\"mmexternal\")\naction(type=\"mmexternal\" binary=\"{HUSHLOG} --secret-file {}/secrets \
         --protocol rsyslog-mmexternal\")",
        shown(place.dir.path())
    );
    let Some(rsyslog) = rsyslog_with(&place, &action) else { return };
    let text = |number: usize, secret: &str| match number % 3 {
        0 => format!(" {number} {secret}"),
        _ => format!(" {number} plain"),
    };
    (0..300).for_each(|number| send(&place.path("in"), format!("<13>app:{}", text(number, VALUE))));
    for (number, line) in place.lines("out", 300).iter().enumerate() {
        assert_eq!(line.split('|').nth(1), Some(text(number, MASK).as_str()));
    }
    rsyslog.stop();
}

#[test]
fn rsyslog_writes_lines_to_the_filter() {
    needs!("rsyslogd");
    let place = Place::new();
    let rules = format!("{}\nstop", place.packaged("rsyslog/omprog.conf", &[]));
    let Some(rsyslog) = rsyslog_with(&place, &rules) else { return };
    for number in 0..200 {
        send(&place.path("in"), format!("<13>app: {number} {VALUE}"));
    }
    let lines = place.lines("clean.log", 200);
    rsyslog.stop();
    for (number, line) in lines.iter().enumerate() {
        assert!(line.ends_with(&format!(" app: {number} {MASK}")), "{line}");
    }
    assert_nowhere(&place);
}

#[test]
fn syslog_ng_loses_no_line_to_the_filter_when_it_stops() {
    needs!("syslog-ng");
    let place = Place::new();
    let parts = place.packaged("syslog-ng/hushlog.conf", &[]);
    let config = format!(
        "{parts}\nsource s_in {{ unix-dgram(\"{}\"); }};\nlog {{ source(s_in); destination(d_clean); }};\n",
        shown(&place.path("in"))
    );
    let Some(daemon) = syslog_ng(&place, &config, "in") else { return };
    send(&place.path("in"), format!("<13>app: first {VALUE}"));
    place.lines("clean.log", 1);
    for number in 0..200 {
        send(&place.path("in"), format!("<13>app: {number} {VALUE}"));
    }
    // All input read before the stop request is in the output.
    wait_for("what was sent", || place.text("clean.log").lines().count() > 100);
    daemon.stop();
    let lines = place.lines("clean.log", 201);
    assert!(
        lines.iter().enumerate().skip(1).all(|(number, line)| line.ends_with(&format!(" app: {} {MASK}", number - 1)))
    );
    assert_nowhere(&place);
}

#[test]
fn syslog_ng_reads_the_output_of_a_program_through_the_filter() {
    needs!("syslog-ng");
    let place = Place::new();
    let app = place.path("app");
    fs::write(&app, format!("#!/bin/sh\necho 'out {VALUE}'\necho 'error {VALUE}' >&2\nprintf 'sk-live-'\nsleep 0.2\necho '4f9QzX7w split'\nsleep 60\n")).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&app).status().unwrap().success());
    let parts = place.packaged("syslog-ng/hushlog.conf", &[("/usr/bin/app", &shown(&app))]);
    let config = format!(
        "{parts}\nsource s_in {{ unix-dgram(\"{}\"); }};\nlog {{ source(s_app); source(s_in); destination {{ file(\"{}\" template(\"$MSG\\n\")); }}; }};\n",
        shown(&place.path("in")),
        shown(&place.path("out"))
    );
    let Some(daemon) = syslog_ng(&place, &config, "in") else { return };
    assert_eq!(place.lines("out", 3), [format!("out {MASK}"), format!("error {MASK}"), format!("{MASK} split")]);
    daemon.stop();
}

/// The lines that pass through the filter into a line logger.
const LINES: &str = "first sk-live-4f9QzX7w\nsecond plain\nthird c2stbGl2ZS00ZjlRelg3dw== end\n";

/// Pipes lines through the filter into this logger, and returns its current file.
fn logged(place: &Place, logger: &str) -> String {
    let at = shown(place.dir.path());
    fs::create_dir_all(place.path("log")).unwrap();
    let text = format!("set -o pipefail; hushlog --secret-file {at}/secrets --release line | {logger} {at}/log");
    run_within(&mut script(&text), LINES.as_bytes(), PATIENCE).ends(0);
    assert_nowhere(place);
    place.text("log/current")
}

#[test]
fn s6_log_and_multilog_get_clean_lines() {
    let expected = format!("first {MASK}\nsecond plain\nthird {MASK} end\n");
    for (program, command) in [("s6-log", "s6-log n3 s10000"), ("multilog", "multilog")] {
        let place = Place::new();
        if found(program).is_some() {
            assert_eq!(logged(&place, command), expected, "{program}");
        }
    }
}

#[test]
fn svlogd_gets_clean_lines() {
    needs!("svlogd");
    let place = Place::new();
    if found("svlogd").is_some() {
        assert_eq!(logged(&place, "svlogd"), format!("first {MASK}\nsecond plain\nthird {MASK} end\n"));
    }
}

/// Makes logrotate rotate `app.log` now.
fn rotate(place: &Place, how: &str) {
    let config = place.path("rotate.conf");
    fs::write(&config, format!("{} {{\n rotate 3\n {how}\n}}\n", shown(&place.path("app.log")))).unwrap();
    let mut command = Command::new(found("logrotate").expect("it was found"));
    let rotated = command.arg("--force").arg("--state").arg(place.path("rotate.state")).arg(&config).output().unwrap();
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
}

/// Runs a filter that appends to `app.log`, and `between` in the middle of it.
fn appending(place: &Place, between: impl Fn(&Path)) {
    let log = fs::File::options().append(true).create(true).open(place.path("app.log")).unwrap();
    let mut command = program::hushlog(["--release", "line", "--secret-file"]);
    let mut child = command.arg(place.path("secrets")).stdin(Stdio::piped()).stdout(log).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "one {VALUE}").unwrap();
    place.lines("app.log", 1);
    between(&place.path("app.log"));
    writeln!(input, "two {VALUE}").unwrap();
    drop(input);
    assert!(program::ends_within(&mut child, PATIENCE).success());
}

#[test]
fn logrotate_turns_the_filters_file_over() {
    needs!("root", "logrotate");
    if found("logrotate").is_none() {
        return;
    }
    // In root's temporary directory, which others may write to, logrotate requires an explicit
    // user.
    let place = Place::new();
    appending(&place, |_| rotate(&place, "copytruncate"));
    assert_eq!(place.text("app.log.1"), format!("one {MASK}\n"));
    assert_eq!(place.text("app.log"), format!("two {MASK}\n"), "there is a hole, or something is lost");
    // After a rename, all output is in the old file: a filter reopens nothing.
    let place = Place::new();
    appending(&place, |_| rotate(&place, "create"));
    assert_eq!(place.text("app.log.1"), format!("one {MASK}\ntwo {MASK}\n"));
    assert_eq!(place.text("app.log"), "");
}
