//! `hushlog guard` while a writer appends 10,000 numbered lines a second, and all kinds of
//! concurrent readers: they see each line once, whole, and clean.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::guard::{MASK, Tail, VALUE, guarded, has, told_of_writes};
use crate::program::Raise;
use crate::program::session::needs;

/// The rate of the writer.
const LINES_PER_SECOND: usize = 10_000;

/// Every seventh line holds the secret.
fn line(n: usize, secret: &str) -> String {
    if n.is_multiple_of(7) { format!("line {n:08} token={secret} end\n") } else { format!("line {n:08} nothing\n") }
}

/// Appends lines, one call each; each hundredth secret comes in two, with a pause in between.
fn write_lines(path: &Path, lines: usize) {
    let mut file = File::options().append(true).create(true).open(path).expect("room for a file");
    let begin = Instant::now();
    for n in 0..lines {
        let line = line(n, VALUE);
        let (first, rest) = line.as_bytes().split_at(if n % 700 == 0 { 30 } else { line.len() });
        file.write_all(first).expect("room");
        if !rest.is_empty() {
            std::thread::sleep(Duration::from_micros(300));
            file.write_all(rest).expect("room");
        }
        let due = Duration::from_secs_f64((n + 1) as f64 / LINES_PER_SECOND as f64);
        std::thread::sleep(due.saturating_sub(begin.elapsed()));
    }
}

/// Compares the read text with the expected text, and then drops it: there are many lines.
struct Checker {
    who: &'static str,
    lines: usize,
    part: Vec<u8>,
}

impl Checker {
    fn new(who: &'static str) -> Checker {
        Checker { who, lines: 0, part: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.part.extend_from_slice(bytes);
        let mut done = 0;
        while let Some(len) = memchr::memchr(b'\n', &self.part[done..]) {
            let read = &self.part[done..=done + len];
            let wanted = line(self.lines, MASK);
            assert!(read == wanted.as_bytes(), "{}: {} for {wanted}", self.who, String::from_utf8_lossy(read));
            self.lines += 1;
            done += len + 1;
        }
        self.part.drain(..done);
        let wanted = line(self.lines, MASK);
        // An unfinished line may end where the writer stopped, but not within the secret.
        assert!(wanted.as_bytes().starts_with(&self.part), "{} in line {}", self.who, self.lines);
    }
}

/// Reads at the end of a file, with a pause whenever there is no data, until all lines were read.
fn follow(path: &Path, lines: usize, pause: Duration, stop: &AtomicBool) {
    let (mut file, mut buffer) = (File::open(path).expect("it is there"), vec![0; 64 << 10]);
    let mut checker = Checker::new("who holds the file open");
    while checker.lines < lines && !stop.load(Relaxed) {
        match file.read(&mut buffer).expect("readable") {
            0 => std::thread::sleep(pause),
            len => checker.take(&buffer[..len]),
        }
    }
}

/// Rereads the whole file by a program, repeatedly.
fn reread(command: impl Fn() -> Command, who: &'static str, out: Option<PathBuf>, stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        let output = command().stderr(Stdio::null()).output().expect("it runs");
        let bytes = out.as_ref().map_or(output.stdout, |out| std::fs::read(out).unwrap_or_default());
        Checker::new(who).take(&bytes);
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn tailed(mut tail: Tail, lines: usize) {
    let (mut buffer, mut checker) = (vec![0; 64 << 10], Checker::new("tail -F"));
    while checker.lines < lines {
        let len = tail.read(&mut buffer);
        assert!(len > 0, "tail ended");
        checker.take(&buffer[..len]);
    }
}

/// All of that at once.
fn beside_a_writer(lines: usize) {
    let Some((disk, guard)) = guarded() else { return };
    if !told_of_writes(&guard, &disk) {
        return;
    }
    let path = disk.file("a.log");
    File::create(&path).expect("room for a file");
    let tail = Tail::follow(&path);
    let stop = AtomicBool::new(false);
    let (copy, rsync) = (disk.elsewhere("copy"), has("rsync"));
    let program = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(&path);
        command
    };
    std::thread::scope(|scope| {
        let pauses = [Duration::from_micros(100), Duration::from_millis(10)];
        let followers = pauses.map(|pause| {
            let (path, stop) = (&path, &stop);
            scope.spawn(move || follow(path, lines, pause, stop))
        });
        let tailing = scope.spawn(move || tailed(tail, lines));
        let program = &program;
        scope.spawn(|| reread(|| program(&["cat"]), "cat", None, &stop));
        if rsync {
            let (copy, stop) = (&copy, &stop);
            let syncing = move || {
                let mut command = program(&["rsync", "--inplace", "--whole-file"]);
                command.arg(copy);
                command
            };
            scope.spawn(move || reread(syncing, "rsync", Some(copy.clone()), stop));
        }
        let _stopped = Raise(&stop);
        // A panic of a reader shows when it is joined; the others end then.
        write_lines(&path, lines);
        let patience = Instant::now() + Duration::from_secs(60);
        while !(tailing.is_finished() && followers.iter().all(|follower| follower.is_finished())) {
            let late = Instant::now() > patience;
            stop.store(late || stop.load(Relaxed), Relaxed);
            assert!(!late, "the readers do not come to the end");
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    guard.end();
    let mut checker = Checker::new("the file");
    checker.take(&std::fs::read(&path).expect("readable"));
    assert_eq!(checker.lines, lines);
}

#[test]
fn s12_readers_beside_a_writer_see_each_line_whole_and_clean() {
    needs!("fanotify");
    beside_a_writer(30_000);
}

#[test]
#[ignore = "two minutes; tools/slow runs it"]
fn s12_over_a_million_lines() {
    needs!("fanotify");
    beside_a_writer(1_000_000);
}
