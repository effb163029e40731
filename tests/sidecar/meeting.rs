//! Configurations with conflicting paths: a sink that is followed, a socket that feeds itself, a
//! spool that is a secret's file. Also followed files that must be excluded.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::symlink;

use crate::program::{self, run, run_within};
use crate::sidecar::{MASK, PATIENCE, Place, Sidecar, VALUE, append, until};

/// A configuration with these streams, and with a state directory.
fn configure(place: &Place, streams: &[&str]) -> std::path::PathBuf {
    fs::create_dir_all(place.path("logs")).expect("room for a directory");
    let streams: String = streams.iter().map(|stream| format!("  - {{ {stream} }}\n")).collect();
    place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets] }}\nstate: DIR/state\ncontrol: DIR/control\nstreams:\n{streams}"
    ))
}

/// Asserts that a sidecar with these streams refuses to start for this reason, and that
/// `check-config` reports the same.
#[track_caller]
fn meets(place: &Place, streams: &[&str], why: &str) {
    let config = configure(place, streams);
    run(program::hushlog(["sidecar", "check-config", "--config"]).arg(&config), b"").ends(2).says(why);
    run_within(program::hushlog(["sidecar", "--config"]).arg(&config), b"", PATIENCE).ends(2).says(why);
}

/// Asserts that `check-config` accepts these streams.
#[track_caller]
fn is_valid(place: &Place, streams: &[&str]) {
    let config = configure(place, streams);
    run(program::hushlog(["sidecar", "check-config", "--config"]).arg(&config), b"").ends(0).says("is valid");
}

/// Asserts that `check-config` accepts these streams, and names the excluded files.
#[track_caller]
fn leaves_out(place: &Place, streams: &[&str], what: &str) {
    let config = configure(place, streams);
    let checked = run(program::hushlog(["sidecar", "check-config", "--config"]).arg(&config), b"");
    checked.ends(0).says("is valid").says(what);
}

#[test]
fn au_a_sink_that_is_followed_is_refused_or_left_out() {
    let place = Place::new();
    let follow =
        |files: &str, sink: &str| format!("name: app, source: {{ files: \"DIR/{files}\" }}, sink: {{ {sink} }}");
    // As a path it is refused, under a rotated name as well.
    meets(&place, &[&follow("logs/clean.log", "file: DIR/logs/clean.log")], "which is the sink of stream app");
    meets(&place, &[&follow("logs/clean.log.1", "file: DIR/logs/clean.log")], "which is a rotated file of the sink");
    meets(&place, &[&follow("hushlog.yaml", "stdout: true")], "which is a file of secrets or settings");
    // In a pattern it is left out.
    let (sink, out) = ("file: DIR/logs/clean.log", "logs/clean.log, which is the sink of stream app");
    leaves_out(&place, &[&follow("logs/*.log", sink)], out);
    leaves_out(&place, &[&follow("**/*.log", sink)], out);
    // Through a link to the directory, and a link to the file.
    symlink("logs", place.path("link")).expect("it is free");
    leaves_out(&place, &[&follow("link/*.log", sink)], out);
    leaves_out(&place, &[&follow("logs/*.log", "file: DIR/link/clean.log")], out);
    append(&place.path("out"), "");
    symlink("../out", place.path("logs/out.log")).expect("it is free");
    leaves_out(&place, &[&follow("logs/*.log", "file: DIR/out")], "out, which is the sink of stream app");
    meets(&place, &[&follow("logs/out.log", "file: DIR/out")], "which is the sink of stream app");
    fs::remove_file(place.path("logs/out.log")).expect("it is there");
    // Two that would feed each other.
    let (one, other) = (follow("logs/a*", "file: DIR/logs/b"), follow("logs/b*", "file: DIR/logs/a2"));
    leaves_out(&place, &[&one, &other.replace("app", "b")], "stream b skips");
    // A spool, and secrets.
    let spooled = "tcp: \"127.0.0.1:9\", away: spool, spool: DIR/logs/s";
    leaves_out(&place, &[&follow("logs/*", spooled)], "logs/s, which is the spool of stream app");
    leaves_out(&place, &[&follow("*", "stdout: true")], "hushlog.yaml, which is a file of secrets or settings");
}

/// One line in is one line out although the pattern matches the sink, and without a message if none
/// is needed.
#[test]
fn au_a_sink_among_the_logs_is_not_followed() {
    let place = Place::new();
    let config = configure(
        &place,
        &["name: app, source: { files: \"DIR/logs/*.log*\" }, sink: { file: DIR/logs/clean.log, rotate_size: 1K }"],
    );
    append(&place.path("logs/a.log"), format!("one {VALUE}\n"));
    let mut sidecar = place.start_as(&config, |command| {
        command.arg("--quiet");
    });
    sidecar.file_is("logs/clean.log", &format!("one {MASK}\n"));
    let mut wanted = String::new();
    for number in 0..100 {
        append(&sidecar.path("logs/a.log"), format!("{number:030}\n"));
        wanted.push_str(&format!("{number:030}\n"));
    }
    append(&sidecar.path("logs/a.log"), "end\n");
    let read = |name: &str| fs::read_to_string(sidecar.path(name)).unwrap_or_default();
    until("the last line", || read("logs/clean.log").ends_with("end\n"));
    let all: String = ["logs/clean.log.3", "logs/clean.log.2", "logs/clean.log.1", "logs/clean.log"].map(read).concat();
    assert_eq!(all, format!("one {MASK}\n{wanted}end\n"));
    assert_eq!(sidecar.stop(), "");
}

#[test]
fn au_a_sink_that_is_left_out_is_not_followed() {
    let place = Place::new();
    let stream = "name: app, source: { files: \"DIR/logs/*.log\", exclude: [\"clean.*\"] }, \
                  sink: { file: DIR/logs/clean.log }";
    is_valid(&place, &[stream]);
    let other = stream.replace("clean.*", "*/logs/clean.log");
    is_valid(&place, &[&other]);
    append(&place.path("logs/a.log"), format!("one {VALUE}\n"));
    let config = configure(&place, &[stream]);
    let mut sidecar = place.start(&config);
    goes_on_to(&sidecar, "logs/clean.log");
    sidecar.stop();
}

/// Asserts that the stream continues, and that each line of the log is a line of this file.
#[track_caller]
fn goes_on_to(sidecar: &Sidecar, sink: &str) {
    sidecar.file_is(sink, &format!("one {MASK}\n"));
    append(&sidecar.path("logs/a.log"), "two\n");
    sidecar.file_is(sink, &format!("one {MASK}\ntwo\n"));
}

/// The targets of output and messages are known only at run time.
#[test]
fn au_the_files_of_the_standard_streams_are_not_followed() {
    let place = Place::new();
    let config = configure(&place, &["name: app, source: { files: \"DIR/logs/*\" }, sink: { stdout: true }"]);
    append(&place.path("logs/a.log"), format!("one {VALUE}\n"));
    let open = |name: &str| {
        append(&place.path(name), "");
        OpenOptions::new().append(true).open(place.path(name)).expect("it is there")
    };
    let (out, err) = (open("logs/out"), open("logs/err"));
    let mut sidecar = place.start_as(&config, |command| {
        command.stdout(out).stderr(err);
    });
    goes_on_to(&sidecar, "logs/out");
    sidecar.file_has("logs/err", "logs/err is not followed: hushlog writes to it");
    sidecar.stop();
    sidecar.file_is("logs/out", &format!("one {MASK}\ntwo\n"));
}

const ROTATED: [&str; 6] =
    ["out.log-20261130", "out.log-20261130-1530", "out.log.old", "out.log.0", "out.log.7", "out.1.log"];

/// Other programs may rotate a sink, under names of their own.
#[test]
fn au_names_of_other_programs_for_a_sinks_files_are_known() {
    let place = Place::new();
    let follow =
        |files: &str| format!("name: app, source: {{ files: \"DIR/{files}\" }}, sink: {{ file: DIR/logs/out.log }}");
    for name in ROTATED {
        meets(&place, &[&follow(&format!("logs/{name}"))], "which is a rotated file of the sink of stream app");
    }
    for name in ROTATED {
        append(&place.path("logs").join(name), "old\n");
    }
    symlink("logs", place.path("link")).expect("it is free");
    symlink("logs/out.log-20261130", place.path("linked")).expect("it is free");
    for name in ROTATED {
        let what = format!("logs/{name}, which is a rotated file of the sink of stream app");
        leaves_out(&place, &[&follow("logs/*")], &what);
        leaves_out(&place, &[&follow("**/*")], &what);
        leaves_out(&place, &[&follow("link/*")], &what);
    }
    meets(&place, &[&follow("linked")], "which is a rotated file of the sink of stream app");
    // Others are logs of their own.
    for name in ["out-1.log", "out-errors.log", "out.log.json", "other.log-20261130"] {
        append(&place.path("logs").join(name), "theirs\n");
        let config = configure(&place, &[&follow("logs/*")]);
        let ran = run(program::hushlog(["sidecar", "check-config", "--config"]).arg(&config), b"").ends(0);
        assert!(!ran.err().contains(name), "{name}: {}", ran.err());
    }
}

/// One line in is one line out, though another program rotates the sink again and again.
#[test]
fn au_a_sink_that_others_rotate_is_not_followed() {
    let place = Place::new();
    let config = configure(&place, &["name: app, source: { files: \"DIR/logs/*\" }, sink: { file: DIR/logs/out.log }"]);
    append(&place.path("logs/a.log"), "0\n");
    let mut sidecar = place.start(&config);
    sidecar.file_is("logs/out.log", "0\n");
    for (number, name) in ROTATED.iter().enumerate() {
        fs::rename(sidecar.path("logs/out.log"), sidecar.path("logs").join(name)).expect("it is there");
        append(&sidecar.path("logs/a.log"), format!("{}\n", number + 1));
        sidecar.says(&format!("{name} is not followed"));
        sidecar.file_is("logs/out.log", &format!("{}\n", number + 1));
    }
    // The next one finds them as well.
    sidecar.stop();
    let place = sidecar.into_place();
    append(&place.path("logs/a.log"), "end\n");
    let mut sidecar = place.start(&config);
    sidecar.file_is("logs/out.log", &format!("{}\nend\n", ROTATED.len()));
    append(&sidecar.path("logs/a.log"), "more\n");
    sidecar.file_is("logs/out.log", &format!("{}\nend\nmore\n", ROTATED.len()));
    for (number, name) in ROTATED.iter().enumerate() {
        sidecar.file_is(&format!("logs/{name}"), &format!("{number}\n"));
    }
    sidecar.stop();
}

/// Renamed at run time to a name that is followed, which no check at the start can see.
#[test]
fn au_a_sink_that_gets_a_followed_name_is_not_followed() {
    let place = Place::new();
    let config = configure(&place, &["name: app, source: { files: \"DIR/logs/*.log\" }, sink: { file: DIR/clean }"]);
    append(&place.path("logs/a.log"), format!("one {VALUE}\n"));
    let mut sidecar = place.start(&config);
    sidecar.file_is("clean", &format!("one {MASK}\n"));
    symlink("../clean", sidecar.path("logs/b.log")).expect("it is free");
    sidecar.says("b.log is not followed: hushlog writes to it");
    append(&sidecar.path("logs/a.log"), "two\n");
    sidecar.file_is("clean", &format!("one {MASK}\ntwo\n"));
    sidecar.stop();
}

#[test]
fn au_a35_streams_that_go_in_a_circle_are_refused() {
    let place = Place::new();
    let stream =
        |name: &str, source: &str, sink: &str| format!("name: {name}, source: {{ {source} }}, sink: {{ {sink} }}");
    for (kind, path, other) in [
        ("unix", "DIR/s", "DIR/t"),
        ("unix_datagram", "DIR/s", "DIR/t"),
        ("fifo", "DIR/s", "DIR/t"),
        ("tcp", "\"127.0.0.1:5140\"", "\"127.0.0.1:5141\""),
    ] {
        let of = |name: &str, source: &str, sink: &str| {
            stream(name, &format!("{kind}: {source}"), &format!("{kind}: {sink}"))
        };
        meets(&place, &[&of("one", path, path)], "the output of stream one returns to it");
        let both = [of("one", path, other), of("two", other, path)];
        meets(&place, &[&both[0], &both[1]], "the output of the streams one, two returns to them");
        // One after the other, without a circle.
        let last = stream("two", &format!("{kind}: {other}"), "stdout: true");
        is_valid(&place, &[&both[0], &last]);
    }
    meets(&place, &[&stream("one", "tcp: \"127.0.0.1:5140\"", "tcp: \"localhost:5140\"")], "returns to it");
    // Three, of which the first only leads to the circle.
    let three = [
        stream("one", "stdin: true", "fifo: DIR/a"),
        stream("two", "fifo: DIR/a", "fifo: DIR/b"),
        stream("three", "fifo: DIR/b", "fifo: DIR/a"),
    ];
    meets(&place, &[&three[0], &three[1], &three[2]], "returns to them");
}

#[test]
fn a35_a_path_belongs_to_one_part_of_the_plan() {
    let place = Place::new();
    let to = |sink: &str| format!("name: app, source: {{ stdin: true }}, sink: {{ {sink} }}");
    let spooled = |path: &str| to(&format!("tcp: \"127.0.0.1:9\", away: spool, spool: {path}"));
    for path in ["DIR/secrets/API_TOKEN", "DIR/secrets/new", "DIR/secrets/../secrets/new"] {
        meets(&place, &[&to(&format!("file: {path}"))], "secrets or settings");
        meets(&place, &[&spooled(path)], "secrets or settings");
    }
    meets(&place, &[&to("file: DIR/hushlog.yaml")], "a file of secrets or settings");
    fs::hard_link(place.path("secrets/API_TOKEN"), place.path("second")).expect("it is free");
    let config = place.configure(
        "secrets: { dotenv: [DIR/secrets/API_TOKEN] }\nstreams: [{ name: app, source: { stdin: true }, \
         sink: { file: DIR/second } }]\n",
    );
    let why = "is a file of secrets or settings and the sink of stream app";
    run(program::hushlog(["sidecar", "check-config", "--config"]).arg(&config), b"").ends(2).says(why);
    meets(&place, &[&to("file: DIR/control")], "the control socket");
    meets(&place, &[&to("unix: DIR/control")], "the control socket");
    meets(&place, &[&to("file: DIR/state/checkpoints.json")], "a file of the state directory");
    meets(&place, &[&spooled("DIR/state/lock")], "a file of the state directory");
    let two = |one: &str, other: &str| {
        let of = |name: &str, sink: &str| format!("name: {name}, source: {{ fifo: DIR/{name} }}, sink: {{ {sink} }}");
        [of("one", one), of("two", other)]
    };
    for (one, other) in [
        ("file: DIR/out", "file: DIR/out.1"),
        ("file: DIR/out", "tcp: \"127.0.0.1:9\", away: spool, spool: DIR/out"),
        ("tcp: \"127.0.0.1:8\", away: spool, spool: DIR/s", "tcp: \"127.0.0.1:9\", away: spool, spool: DIR/./s"),
        ("file: DIR/one", "stdout: true"),
    ] {
        let [one, other] = two(one, other);
        meets(&place, &[&one, &other], " and the ");
    }
    meets(
        &place,
        &[
            "name: a, source: { unix: DIR/s }, sink: { stdout: true }",
            "name: b, source: { fifo: DIR/s }, sink: { stdout: true }",
        ],
        "the source of stream",
    );
    // A spool next to the checkpoints is allowed, and so are streams with one sink.
    is_valid(&place, &[&spooled("DIR/state/spool")]);
    let [one, other] = two("file: DIR/out", "file: DIR/out");
    is_valid(&place, &[&one, &other]);
}

/// The standard streams are known only at run time.
#[test]
fn a35_an_input_that_is_the_sink_is_refused() {
    let place = Place::new();
    append(&place.path("log"), format!("one {VALUE}\n"));
    let follows = "name: app, source: { files: \"DIR/log\" }, sink: { stdout: true }";
    for (stream, why) in [
        ("name: app, source: { stdin: true }, sink: { file: DIR/log }", "the source of stream app"),
        ("name: app, source: { stdin: true }, sink: { stdout: true }", "the source of stream app"),
        (follows, "which is the sink of stream app"),
    ] {
        let config = configure(&place, &[stream]);
        let log = || OpenOptions::new().read(true).append(true).open(place.path("log")).expect("it is there");
        let mut command = program::hushlog(["sidecar", "--config"]);
        let ended = command.arg(&config).stdin(log()).stdout(log()).output().expect("it starts");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(2) && said.contains(why), "{stream}: {said}");
    }
    assert_eq!(fs::read_to_string(place.path("log")).expect("text"), format!("one {VALUE}\n"));
}

#[test]
fn aw_compressed_files_are_not_followed() {
    let place = Place::new();
    let files = "name: app, source: { files: \"DIR/logs/a.log*\" }, sink: { file: DIR/out }";
    let config = configure(&place, &[files]);
    let compressed = |head: &[u8]| [head, VALUE.as_bytes(), b"\n"].concat();
    append(&place.path("logs/a.log"), "one\n");
    append(&place.path("logs/a.log.2.gz"), compressed(b"\x1f\x8b\x08\0"));
    append(&place.path("logs/a.log.3"), compressed(b"\x1f\x8b\x08\0"));
    append(&place.path("logs/a.log.4"), compressed(b"BZh91AY&SY"));
    let mut sidecar = place.start(&config);
    sidecar.says("a.log.2.gz is not followed: compressed files are skipped by their names");
    sidecar.says("a.log.3 is not followed: it is compressed (gzip)");
    sidecar.says("a.log.4 is not followed: it is compressed (bzip2)");
    // Some appear empty first, as a compressor makes them.
    let heads: [&[u8]; 4] = [b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"PK\x03\x04", b"\x04\x22\x4d\x18"];
    let name = |number: usize| format!("logs/a.log.{}", number + 10);
    (0..4).for_each(|number| append(&sidecar.path(&name(number)), ""));
    append(&sidecar.path("logs/a.log"), "two\n");
    sidecar.file_is("out", "one\ntwo\n");
    for (number, head) in heads.iter().enumerate() {
        append(&sidecar.path(&name(number)), compressed(head));
        sidecar.says(&format!("{} is not followed: it is compressed", &name(number)[5..]));
    }
    // Text that begins like bzip2 is text.
    append(&sidecar.path("logs/a.log.6"), "BZh9 is how some archives begin\n");
    until("the last line", || fs::read(sidecar.path("out")).is_ok_and(|out| out.ends_with(b"begin\n")));
    let out = fs::read(sidecar.path("out")).expect("it is there");
    assert_eq!(String::from_utf8_lossy(&out), "one\ntwo\nBZh9 is how some archives begin\n");
    sidecar.stop();
}

/// A pattern that names such files explicitly gets them, if they hold text.
#[test]
fn aw_a_name_that_is_asked_for_is_followed() {
    let place = Place::new();
    let config = configure(&place, &["name: app, source: { files: \"DIR/logs/*.tmp\" }, sink: { file: DIR/out }"]);
    append(&place.path("logs/a.tmp"), format!("one {VALUE}\n"));
    let mut sidecar = place.start(&config);
    sidecar.file_is("out", &format!("one {MASK}\n"));
    sidecar.stop();
}

#[test]
fn exclude_goes_with_files_only() {
    let place = Place::new();
    let config = configure(&place, &["name: app, source: { fifo: DIR/f, exclude: [\"*.2\"] }, sink: { stdout: true }"]);
    let checked = run(program::hushlog(["sidecar", "check-config", "--config"]).arg(&config), b"");
    checked.ends(2).says("exclude: is only valid with files");
}
