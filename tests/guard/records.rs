//! Container logs in a guarded directory: a secret split over two records. Row B14 of
//! `docs/faults.md`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::guard::{Guard, VALUE, cat, command, disk, guarded};
use crate::program::session::needs;

/// The value in two parts; the first has its half, and 8 bytes.
const PARTS: [&str; 2] = ["sk-live-4f9Q", "zXabc"];

fn docker(text: &str, stream: &str) -> String {
    format!("{{\"log\":\"{text}\",\"stream\":\"{stream}\",\"time\":\"2026-11-24T16:00:00.000000000Z\"}}\n")
}

fn cri(text: &str, tag: &str) -> String {
    format!("2026-11-24T16:00:00.000000000Z stdout {tag} {text}\n")
}

fn append(path: &Path, text: &str) {
    File::options().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Logs with the value split, and their expected text.
fn logs() -> Vec<(String, String)> {
    let [first, second] = PARTS;
    let stars = PARTS.map(|part| "*".repeat(part.len()));
    let text = |first: &str, second: &str| {
        [
            format!("{}{}", docker(&format!("key {first}"), "stdout"), docker(&format!("{second} end\\n"), "stdout")),
            format!(
                "{}{}{}",
                docker(&format!("a \\\"key\\\" {first}"), "stderr"),
                docker("between\\n", "stdout"),
                docker(&format!("{second} end\\n"), "stderr")
            ),
            // The line does not end.
            format!("{}{}", docker(&format!("key {first}"), "stdout"), docker(second, "stdout")),
            format!("{}{}", cri(&format!("key {first}"), "P"), cri(&format!("{second} end"), "F")),
            format!("{}{}{}", cri("a", "F"), cri(first, "P"), cri(second, "P")),
        ]
    };
    text(first, second).into_iter().zip(text(&stars[0], &stars[1])).collect()
}

#[test]
fn b14_a_secret_over_two_records_is_read_masked() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    // Logs that exist at the start.
    for (number, (log, _)) in logs().iter().enumerate() {
        fs::write(disk.file(&format!("old-{number}.log")), log).unwrap();
    }
    let guard = Guard::start(&disk.log());
    for (number, (log, clean)) in logs().iter().enumerate() {
        assert_eq!(cat(&disk.file(&format!("old-{number}.log"))), *clean);
        let new = disk.file(&format!("new-{number}.log"));
        append(&new, log);
        assert_eq!(cat(&new), *clean);
        // And once more after it, by a reader that holds the file open.
        let mut reader = File::open(&new).unwrap();
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        for n in 2..5 {
            append(&new, log);
            reader.read_to_string(&mut read).unwrap();
            assert_eq!(read, clean.repeat(n));
        }
    }
    guard.end();
}

#[test]
fn b14_a_reader_waits_for_the_next_record() {
    needs!("fanotify");
    let Some((disk, guard)) = guarded() else { return };
    for (number, (log, clean)) in logs().into_iter().enumerate().filter(|(number, _)| *number != 1) {
        let path = disk.file(&format!("{number}.log"));
        let cut = log.find(PARTS[0]).unwrap();
        let first = cut + log[cut..].find('\n').unwrap() + 1;
        append(&path, &log[..first]);
        let reader = std::thread::spawn({
            let path = path.clone();
            move || cat(&path)
        });
        std::thread::sleep(Duration::from_millis(30));
        append(&path, &log[first..]);
        let read = reader.join().unwrap();
        assert!(clean.starts_with(&read) && !read.is_empty(), "{read}");
        assert_eq!(cat(&path), clean);
    }
    guard.end();
}

#[test]
fn b14_a_partial_match_in_a_record_is_masked_after_a_time() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let mut words = command(&disk.log());
    words.args(["--partial-wait", "200"]);
    let guard = Guard::spawn(words);
    guard.waits_for("guarding ");
    let path = disk.file("a.log");
    append(&path, &docker(&format!("key {}", PARTS[0]), "stdout"));
    let start = Instant::now();
    let read = cat(&path);
    assert!(start.elapsed() > Duration::from_millis(100), "it was not waited for");
    assert_eq!(read, docker(&format!("key {}", "*".repeat(PARTS[0].len())), "stdout"));
    // Plain text that resembles neither format is searched as it is.
    let plain = disk.file("plain.log");
    append(&plain, &format!("{}\n{}\n", PARTS[0], PARTS[1]));
    assert_eq!(cat(&plain), format!("{}\n{}\n", PARTS[0], PARTS[1]));
    assert!(VALUE == PARTS.concat());
    guard.end();
}

#[test]
fn a24_a_guarded_docker_log_stays_json() {
    needs!("fanotify");
    let Some(disk) = disk() else { return };
    let mut words = command(&disk.log());
    words.env("API_TOKEN", format!("{VALUE}\\"));
    let guard = Guard::spawn(words);
    guard.waits_for("guarding ");
    let path = disk.file("a.log");
    // Not the secret, but its bytes: the backslash belongs to an escape.
    append(&path, &docker(&format!("key {VALUE}\\\" end\\n"), "stdout"));
    append(&path, &docker(&format!("key {VALUE}\\\\ end\\n"), "stdout"));
    let read = cat(&path);
    let texts: Vec<String> = read
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .map(|record| record["log"].as_str().unwrap().to_owned())
        .collect();
    assert!(texts.iter().all(|text| !text.contains(VALUE) && text.starts_with("key ") && text.ends_with(" end\n")));
    assert_eq!(texts.len(), 2);
    guard.end();
}
