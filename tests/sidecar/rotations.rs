//! A secret, a record or a line that a rotation cuts in two.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::process::{Child, Command};
use std::time::Duration;

use crate::program::session::needs;
use crate::program::{HUSHLOG, hushlog, run};
use crate::sidecar::{MASK, Place, Sidecar, VALUE, until};

fn append(sidecar: &Sidecar, text: &str) -> File {
    let mut file = OpenOptions::new().append(true).create(true).open(sidecar.path("logs/a.log")).expect("it is there");
    file.write_all(text.as_bytes()).expect("there is room");
    file
}

fn rename(sidecar: &Sidecar) {
    fs::rename(sidecar.path("logs/a.log"), sidecar.path("logs/a.log.1")).expect("one directory");
}

fn copytruncate(sidecar: &Sidecar) {
    fs::copy(sidecar.path("logs/a.log"), sidecar.path("logs/a.log.1")).expect("there is room");
    File::options().write(true).open(sidecar.path("logs/a.log")).and_then(|file| file.set_len(0)).expect("it is ours");
}

fn follow(files: &str, rest: &str) -> Sidecar {
    let place = Place::new();
    fs::create_dir(place.path("logs")).expect("room for a directory");
    fs::write(place.path("logs/a.log"), "").expect("room for a file");
    let config = place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets] }}\nstate: DIR/lib/state\ncontrol: DIR/control\nstreams:\n  \
         - {{ name: app, source: {{ files: \"DIR/logs/{files}\" }}, sink: {{ file: DIR/out }}{rest} }}\n"
    ));
    place.start(&config)
}

/// Rotates within a secret, at each of these positions and by each method.
fn cut(files: &str, rest: &str, text: impl Fn(&str, &str) -> (String, String), masked: &str) {
    let mut sidecar = follow(files, rest);
    let mut wanted = String::new();
    for at in [1, 4, 8, 9, VALUE.len() - 1] {
        for rotate in [rename, copytruncate] {
            let (before, after) = text(&VALUE[..at], &VALUE[at..]);
            let read = || sidecar.status()["streams"][0]["bytes_in"].as_u64().expect("a number");
            let wanted_read = read() + before.len() as u64;
            append(&sidecar, &before);
            until("the beginning was read", || read() >= wanted_read);
            rotate(&sidecar);
            append(&sidecar, &after);
            wanted += masked;
            sidecar.file_is("out", &wanted);
        }
        if files.contains('*') {
            fs::remove_file(sidecar.path("logs/a.log.1")).expect("it is there");
        }
    }
    sidecar.stop();
}

#[test]
fn ap_a_secret_over_two_files_is_masked_in_a_line() {
    let line = |before: &str, after: &str| (format!("key {before}"), format!("{after} end\n"));
    cut("a.log", "", line, &format!("key {MASK} end\n"));
    cut("a.log", ", release: exact", line, &format!("key {MASK} end\n"));
}

#[test]
fn ap_a_secret_over_two_files_is_masked_in_records() {
    let cri = |tag: &str, text: &str| format!("2021-11-18T14:47:34.72+00:00 stdout {tag} {text}\n");
    let masked = cri("P", &format!("key {MASK}")) + &cri("F", " end");
    let records = |before: &str, after: &str| (cri("P", &format!("key {before}")), cri("F", &format!("{after} end")));
    cut("a.log", ", format: cri", records, &masked);
    // Within a record, too.
    let records = |before: &str, after: &str| {
        let (first, second) = (cri("P", &format!("key {before}")), cri("F", &format!("{after} end")));
        let at = first.len() - 3;
        (first[..at].to_owned(), first[at..].to_owned() + &second)
    };
    cut("a.log", ", format: cri", records, &masked);
    let docker = |text: &str| format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"t\"}}\n");
    let masked = docker(&format!("key {MASK}")) + &docker(" end\\n");
    let records = |before: &str, after: &str| (docker(&format!("key {before}")), docker(&format!("{after} end\\n")));
    cut("a.log", ", format: docker", records, &masked);
}

/// Two parts of a line are two lines if no secret joins them: the first may be the last one of a
/// program that died.
#[test]
fn av_an_unfinished_line_and_the_next_file_are_two_lines() {
    for files in ["a.log", "a.log*"] {
        let mut sidecar = follow(files, "");
        append(&sidecar, &format!("1 {VALUE}"));
        std::thread::sleep(Duration::from_millis(100));
        rename(&sidecar);
        append(&sidecar, &format!("2 {VALUE}\n"));
        sidecar.file_is("out", &format!("1 {MASK}\n2 {MASK}\n"));
        sidecar.stop();
    }
}

/// No file comes after it, or one that stays empty.
#[test]
fn av_an_unfinished_line_without_a_rest_goes_out() {
    for (files, is_made) in [("a.log", false), ("a.log", true), ("a.log*", false)] {
        let mut sidecar = follow(files, "");
        append(&sidecar, &format!("1 {VALUE}"));
        std::thread::sleep(Duration::from_millis(100));
        rename(&sidecar);
        if is_made {
            drop(append(&sidecar, ""));
        }
        sidecar.file_is("out", &format!("1 {MASK}\n"));
        // Longer than any needle part that the first bytes could begin, which would wait for more.
        append(&sidecar, "2, and more than that\n");
        sidecar.file_is("out", &format!("1 {MASK}\n2, and more than that\n"));
        sidecar.stop();
    }
}

/// At any length, half a secret goes out as at the end of a stream: whether the file was renamed,
/// copied or deleted, and whether an empty one is in its place.
#[test]
fn av_half_a_secret_goes_out_as_at_the_end_of_a_stream() {
    let record = |text: &str| format!("2021-11-18T14:47:34.72+00:00 stdout P {text}\n");
    for (format, ends) in [("", false), ("", true), (", format: cri", true)] {
        let place = Place::new();
        fs::create_dir(place.path("logs")).expect("room for a directory");
        let text = |of: &str| if format.is_empty() { of.to_owned() } else { record(of) };
        let begun = |len: usize| format!("{len} {}", &VALUE[..len]);
        let logs: Vec<_> = (1..VALUE.len()).map(|len| place.path("logs").join(format!("{len}.log"))).collect();
        for (len, log) in (1..).zip(&logs) {
            fs::write(log, text(&begun(len))).expect("room for a file");
        }
        let config = place.configure(&format!(
            "secrets: {{ secret_files: [DIR/secrets] }}\nstate: DIR/lib/state\ncontrol: DIR/control\nstreams:\n  \
             - {{ name: app, source: {{ files: \"DIR/logs/*.log\" }}, sink: {{ file: DIR/out }}{format} }}\n"
        ));
        let mut sidecar = place.start(&config);
        let all: u64 = (1..VALUE.len()).map(|len| text(&begun(len)).len() as u64).sum();
        let read = || sidecar.status()["streams"][0]["bytes_in"].as_u64().expect("a number");
        until("all was read", || read() >= all);
        for (at, log) in logs.iter().enumerate() {
            match at % 3 {
                0 => fs::remove_file(log).expect("it is there"),
                _ => fs::rename(log, log.with_extension("moved")).expect("one directory"),
            }
            if ends {
                fs::write(log, "").expect("room for a file");
            }
        }
        let mut wanted: Vec<String> = (1..VALUE.len()).map(|len| text(&end_of_a_stream(&begun(len)))).collect();
        wanted.iter_mut().for_each(|line| line.truncate(line.trim_end().len()));
        wanted.sort();
        let lines = || {
            let out = fs::read_to_string(sidecar.path("out")).unwrap_or_default();
            let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        until("all went out", || lines().len() >= wanted.len());
        assert_eq!(lines(), wanted);
        sidecar.stop();
    }
}

/// A stream that ends in this text, as the filter masks it.
fn end_of_a_stream(text: &str) -> String {
    run(hushlog(["--env", "API_TOKEN"]).env("API_TOKEN", VALUE), text.as_bytes()).ends(0).out()
}

/// Its rest comes after the beginning was emitted.
#[test]
fn ap_a_rest_that_comes_late_is_masked() {
    let cri = |tag: &str, text: &str| format!("2021-11-18T14:47:34.72+00:00 stdout {tag} {text}\n");
    let plain = ("key ".to_owned() + &VALUE[..4], VALUE[4..].to_owned() + " end\n");
    let records = (cri("P", &plain.0), cri("F", plain.1.trim_end()));
    let cases = [("a.log", "", plain.clone()), ("a.log", ", format: cri", records), ("a.log*", "", plain)];
    for (files, rest, (before, after)) in cases {
        let mut sidecar = follow(files, rest);
        append(&sidecar, &before);
        std::thread::sleep(Duration::from_millis(100));
        rename(&sidecar);
        if files == "a.log" {
            drop(append(&sidecar, ""));
        }
        sidecar.file_has("out", "key sk-l");
        if files == "a.log" {
            append(&sidecar, &after);
        } else {
            super::sidecar::append(&sidecar.path("logs/a.log.1"), &after);
        }
        let out = sidecar.file_has("out", " end\n");
        assert!(!out.contains("ive-") && out.contains(MASK), "{out}");
        sidecar.stop();
    }
}

/// Sequences of pieces, rotations, full disks and kills, one for each seed from 1, compared with a
/// model of the output: see the front of `rotations/model.py`. A failed sequence prints its seed.
#[track_caller]
fn sequences(count: usize) {
    // They spend most of their time waiting.
    const PROCESSES: usize = 4;
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sidecar/rotations/model.py");
    let each = count / PROCESSES;
    let start = |number: usize| {
        let from = (1 + number * each).to_string();
        Command::new("python3").args([model, HUSHLOG, &from, &each.to_string()]).spawn().expect("it is installed")
    };
    let processes: Vec<Child> = (0..PROCESSES).map(start).collect();
    let statuses = processes.into_iter().map(|mut process| process.wait().expect("it is our child"));
    assert_eq!(statuses.filter(|status| !status.success()).count(), 0, "see the output");
}

#[test]
fn c01_sequences_of_rotations_and_kills() {
    needs!("python3");
    sequences(32);
}

#[test]
#[ignore = "takes some ten minutes; tools/slow runs it"]
fn c01_two_thousand_sequences_of_rotations_and_kills() {
    needs!("python3");
    sequences(2_000);
}
