//! A sidecar without free descriptors for a while: nothing is lost, and nothing spins.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::sidecar::{MASK, Place, Sidecar, VALUE, append, until};

/// Longer than the interval of looks for files that could not be opened.
const SHORT_FOR: Duration = Duration::from_millis(700);

/// Leaves this many free descriptors to the sidecar.
fn leave(sidecar: &Sidecar, mut free: usize) {
    let open = fs::read_dir(format!("/proc/{}/fd", sidecar.child.id())).unwrap();
    let open: Vec<u64> = open.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    let mut limit = 0;
    loop {
        if !open.contains(&limit) {
            if free == 0 {
                break;
            }
            free -= 1;
        }
        limit += 1;
    }
    let limit = Rlimit { current: Some(limit), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(Some(Pid::from_child(&sidecar.child)), Resource::Nofile, limit).unwrap();
}

/// The configuration of streams of which some follow files.
fn followed(place: &Place, streams: &[&str]) -> PathBuf {
    let config = place.streams(streams);
    let text = fs::read_to_string(&config).unwrap();
    place.configure(&format!("state: DIR/state\n{text}"))
}

/// The processor time of the sidecar, in ticks of 10 ms.
pub(crate) fn ticks(sidecar: &Sidecar) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", sidecar.child.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// All files of a sink, the oldest first.
fn all_of(sink: &Path) -> String {
    let path = |number: usize| sink.with_extension(number.to_string());
    let older = (1..).map(path).take_while(|path| path.exists()).collect::<Vec<_>>();
    let files = older.iter().rev().map(|path| fs::read_to_string(path).unwrap());
    files.chain(fs::read_to_string(sink)).collect()
}

/// At each number of free descriptors, the search for a log's files can fail at another place.
#[test]
fn a_rotation_without_descriptors_loses_no_file() {
    for pattern in ["a.log", "a.log*"] {
        let place = Place::new();
        let stream = format!("name: app, source: {{ files: DIR/logs/{pattern} }}, sink: {{ file: DIR/out }}");
        fs::create_dir(place.path("logs")).unwrap();
        let config = followed(&place, &[&stream]);
        let mut sidecar = place.start(&config);
        let log = sidecar.path("logs/a.log");
        let rotated = |number: usize| sidecar.path(&format!("logs/a.log.{number}"));
        let mut wanted = String::new();
        let mut line = |text: &str| {
            append(&log, format!("{text} {VALUE}\n"));
            wanted += &format!("{text} {MASK}\n");
            wanted.clone()
        };
        // Files that a pattern finds together may come in another order.
        let holds = |all: &str| match pattern {
            "a.log" => sidecar.file_is("out", all),
            _ => sidecar.file_has_lines("out", all),
        };
        for free in 0..6 {
            holds(&line(&format!("{free}: before")));
            leave(&sidecar, free);
            for number in 0..3 {
                line(&format!("{free}: {number}"));
                fs::rename(rotated(1), rotated(2)).unwrap_or_default();
                fs::rename(&log, rotated(1)).unwrap();
                // The clock of the file system must show their order.
                std::thread::sleep(Duration::from_millis(30));
            }
            let all = line(&format!("{free}: after"));
            std::thread::sleep(SHORT_FOR);
            leave(&sidecar, 1_000);
            // Three renames keep two files: the first one is held open, since it was read before.
            holds(&all);
        }
        let said = sidecar.stop();
        assert!(said.contains("ulimit -n") && !said.contains("deleted before"), "{said}");
    }
}

#[test]
fn a_truncation_without_descriptors_finds_the_copy_later() {
    let place = Place::new();
    let stream = "name: app, source: { files: DIR/logs/a.log }, sink: { file: DIR/out }";
    fs::create_dir(place.path("logs")).unwrap();
    let config = followed(&place, &[stream]);
    let mut sidecar = place.start(&config);
    let log = sidecar.path("logs/a.log");
    for free in 0..3 {
        append(&log, format!("{free}: a line that is read\n"));
        sidecar.file_has("out", &format!("{free}: a line that is read\n"));
        leave(&sidecar, free);
        // The sidecar is stopped, so that it misses the second line.
        sidecar.signal(rustix::process::Signal::STOP);
        append(&log, format!("{free}: a line that is in the copy only\n"));
        fs::copy(&log, sidecar.path("logs/a.log.1")).unwrap();
        fs::write(&log, format!("{free}: new\n")).unwrap();
        sidecar.signal(rustix::process::Signal::CONT);
        std::thread::sleep(SHORT_FOR);
        leave(&sidecar, 1_000);
        let wanted = format!("{free}: a line that is in the copy only\n{free}: new\n");
        assert!(sidecar.file_has("out", &format!("{free}: new\n")).ends_with(&wanted));
    }
    sidecar.stop();
}

/// The sink rotates, clients connect, and a secret changes.
#[test]
fn without_descriptors_sinks_clients_and_secrets_wait() {
    let place = Place::new();
    let streams = [
        "name: app, source: { unix: DIR/in }, sink: { file: DIR/out, rotate_size: 20, rotate_keep: 100 }",
        "name: log, source: { files: DIR/a.log }, sink: { file: DIR/other }",
    ];
    let config = followed(&place, &streams);
    let mut sidecar = place.start(&config);
    let mut client = sidecar.connect("in");
    client.write_all(b"a line of more than 20 bytes: 0\n").unwrap();
    sidecar.file_has("out", "0\n");
    leave(&sidecar, 0);
    sidecar.place().save("API_TOKEN", "another-value");
    for number in 1..4 {
        client.write_all(format!("a line of more than 20 bytes: {number}\n").as_bytes()).unwrap();
    }
    for number in 4..7 {
        sidecar.send("in", &format!("a line of more than 20 bytes: {number}\n"));
    }
    sidecar.says("the previous secrets stay masked");
    sidecar.says("unavailable");
    let before = ticks(&sidecar);
    std::thread::sleep(Duration::from_secs(1));
    assert!(ticks(&sidecar) - before < 30, "it spins");
    leave(&sidecar, 1_000);
    let out = sidecar.path("out");
    until("all lines are in the files", || all_of(&out).lines().count() == 7);
    let mut lines: Vec<String> = all_of(&out).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, (0..7).map(|number| format!("a line of more than 20 bytes: {number}")).collect::<Vec<_>>());
    assert_eq!(sidecar.said().matches("unavailable").count(), 1, "{}", sidecar.said());
    // The reload is repeated though no file changes any more.
    until("the secret is masked", || {
        append(&sidecar.path("a.log"), "another-value\n");
        sidecar.file_has("other", "\n").contains(MASK)
    });
    sidecar.stop();
}
