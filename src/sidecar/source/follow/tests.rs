//! Files that are rotated, truncated, deleted and come back: every line is given, and in order within its file.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::super::super::checkpoint::{Checkpoints, lock};
use super::super::super::config::ReadFrom;
use super::super::super::notice::{Notice, Tell};
use super::super::{Given, Listener, Source};
use super::{Files, Follow};

/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was given by all sources, and what was told.
#[derive(Default)]
struct Got {
    bytes: Vec<u8>,
    /// How many wholes ended, and sources.
    ends: usize,
    overs: usize,
    sources: usize,
    told: Vec<String>,
}

/// Somebody who follows a pattern, as a sidecar does. Dropped, it is as if it had been killed: nothing is saved that was not.
struct Follower {
    files: Arc<Files>,
    got: Arc<Mutex<Got>>,
    task: JoinHandle<()>,
}

impl Follower {
    fn new(pattern: &str, state: Option<&Path>) -> Follower {
        Follower::with(pattern, state, ReadFrom::Start, Duration::ZERO)
    }

    /// One whose sink takes so long for each piece.
    fn with(pattern: &str, state: Option<&Path>, from: ReadFrom, pause: Duration) -> Follower {
        let got: Arc<Mutex<Got>> = Arc::default();
        let told = Arc::clone(&got);
        let tell: Tell = Arc::new(move |notice| {
            if let Notice::Warning(text) = notice {
                lock(&told).told.push(text);
            }
        });
        let checkpoints = Arc::new(Checkpoints::open(state, Arc::clone(&tell)).unwrap());
        let files = Files::new(checkpoints, tell);
        let mut follow = Follow::new(Arc::clone(&files), "app".into(), pattern, from).unwrap();
        let all = Arc::clone(&got);
        let task = tokio::spawn(async move {
            let mut sources = tokio::task::JoinSet::new();
            loop {
                let source = follow.next().await.unwrap();
                lock(&all).sources += 1;
                sources.spawn(drain(source, Arc::clone(&all), pause));
            }
        });
        Follower { files, got, task }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.got).bytes).into_owned()
    }

    /// How many sources there were, and how often one began anew.
    fn counts(&self) -> (usize, usize) {
        let got = lock(&self.got);
        (got.sources, got.ends)
    }

    /// Waits until this is so.
    #[track_caller]
    fn until(&self, what: impl Fn(&Got) -> bool) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let start = Instant::now();
            while !what(&lock(&self.got)) {
                assert!(start.elapsed() < PATIENCE, "{place}: got {:?}, told {:?}", self.text(), lock(&self.got).told);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    #[track_caller]
    fn gives<'a>(&'a self, text: &'a str) -> impl Future<Output = ()> + 'a {
        self.until(move |got| got.bytes == text.as_bytes())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn drain(mut source: super::Followed, got: Arc<Mutex<Got>>, pause: Duration) {
    let mut position = 0;
    loop {
        source.ready().await.unwrap();
        loop {
            let mut buffer = Vec::with_capacity(4096);
            let given = match source.read(&mut buffer) {
                Ok(given) => given,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            };
            tokio::time::sleep(pause).await;
            position += buffer.len() as u64;
            let mut got = lock(&got);
            got.bytes.extend_from_slice(&buffer);
            source.confirm(position);
            match given {
                Given::Bytes => {}
                Given::End => got.ends += 1,
                Given::Over => {
                    got.overs += 1;
                    return;
                }
            }
        }
    }
}

/// A directory of logs, and one for the checkpoints.
struct Place {
    dir: tempfile::TempDir,
    state: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn pattern(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn append(&self, name: &str, text: &str) -> fs::File {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn follower(&self, pattern: &str) -> Follower {
        Follower::new(&self.pattern(pattern), Some(self.state.path()))
    }
}

#[tokio::test]
async fn what_is_there_and_what_is_appended_is_given() {
    let place = Place::new();
    place.append("a.log", "one\n");
    let follower = place.follower("a.log");
    follower.gives("one\n").await;
    // As it is: no line is waited for, and any bytes are bytes.
    place.append("a.log", "tw");
    follower.gives("one\ntw").await;
    place.append("a.log", "o\n\0");
    follower.gives("one\ntwo\n\0").await;
    assert_eq!(follower.counts(), (1, 0));
}

#[tokio::test]
async fn a_file_and_a_directory_that_come_later_are_found() {
    let place = Place::new();
    let follower = place.follower("deep/er/a.log");
    tokio::time::sleep(Duration::from_millis(20)).await;
    fs::create_dir_all(place.path("deep/er")).unwrap();
    place.append("deep/er/a.log", "one\n");
    follower.gives("one\n").await;
}

#[tokio::test]
async fn d06_rename_and_create() {
    let place = Place::new();
    let mut writer = place.append("a.log", "one\n");
    let follower = place.follower("a.log");
    follower.gives("one\n").await;
    writer.write_all(b"two\n").unwrap();
    place.rename("a.log", "a.log.1");
    writer.write_all(b"three\n").unwrap();
    place.append("a.log", "four\n");
    follower.gives("one\ntwo\nthree\nfour\n").await;
    // Its writer goes on for a while, and is heard.
    writer.write_all(b"late\n").unwrap();
    follower.gives("one\ntwo\nthree\nfour\nlate\n").await;
    assert_eq!(lock(&follower.got).overs, 0, "somebody has it open");
    drop(writer);
    follower.until(|got| got.overs == 1).await;
}

#[tokio::test]
async fn d06_what_is_deleted_and_made_anew_is_read_to_its_end_first() {
    let place = Place::new();
    place.append("a.log", "one\n");
    let follower = place.follower("a.log");
    follower.gives("one\n").await;
    for round in 0..20 {
        let before = follower.text();
        let mut writer = place.append("a.log", "last\n");
        fs::remove_file(place.path("a.log")).unwrap();
        writer.write_all(b"words\n").unwrap();
        drop(writer);
        place.append("a.log", &format!("round {round}\n"));
        follower.gives(&format!("{before}last\nwords\nround {round}\n")).await;
    }
    follower.until(|got| got.overs == 20).await;
}

#[tokio::test]
async fn d06_copytruncate() {
    let place = Place::new();
    let mut writer = place.append("a.log", "one\ntwo\n");
    let follower = place.follower("a.log");
    follower.gives("one\ntwo\n").await;
    fs::copy(place.path("a.log"), place.path("a.log.1")).unwrap();
    fs::File::options().write(true).open(place.path("a.log")).unwrap().set_len(0).unwrap();
    writer.write_all(b"three\n").unwrap();
    follower.gives("one\ntwo\nthree\n").await;
    assert_eq!(follower.counts(), (1, 1));
}

#[tokio::test]
async fn d06_written_anew_and_longer_than_before() {
    let place = Place::new();
    place.append("a.log", "one\ntwo\n");
    let follower = place.follower("a.log");
    follower.gives("one\ntwo\n").await;
    // In one step for whoever looks at sizes: it is never shorter than what was read.
    let longer = "another one that is longer\n".repeat(3);
    fs::write(place.path("b"), &longer).unwrap();
    let file = fs::File::options().write(true).open(place.path("a.log")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, longer.as_bytes(), 0).unwrap();
    follower.gives(&format!("one\ntwo\n{longer}")).await;
    assert_eq!(lock(&follower.got).ends, 1);
}

#[tokio::test]
async fn d06_a_file_that_is_renamed_within_the_pattern_is_read_once() {
    let place = Place::new();
    place.append("a.log", "one\n");
    let follower = place.follower("a.log*");
    follower.gives("one\n").await;
    let mut expected = "one\n".to_owned();
    for round in 0..6 {
        for number in (1..=round).rev() {
            place.rename(&format!("a.log.{number}"), &format!("a.log.{}", number + 1));
        }
        place.rename("a.log", "a.log.1");
        place.append("a.log.1", &format!("late {round}\n"));
        expected += &format!("late {round}\n");
        follower.gives(&expected).await;
        place.append("a.log", &format!("round {round}\n"));
        expected += &format!("round {round}\n");
        follower.gives(&expected).await;
    }
    assert_eq!(follower.counts(), (7, 0));
}

/// The sink is so slow that three rotations pass, and the files are deleted, before the first one has been read.
#[tokio::test]
async fn d09_what_a_slow_sink_leaves_behind_is_read_in_order() {
    let place = Place::new();
    let piece = |round: usize| (0..2000).map(|line| format!("{round} {line}\n")).collect::<String>();
    place.append("a.log", &piece(0));
    let pattern = place.pattern("a.log");
    let follower = Follower::with(&pattern, None, ReadFrom::Start, Duration::from_millis(20));
    for round in 1..4 {
        follower.until(|got| got.sources == round).await;
        place.rename("a.log", "a.log.1");
        place.append("a.log", &piece(round));
        follower.until(|got| got.sources == round + 1).await;
        fs::remove_file(place.path("a.log.1")).unwrap();
    }
    let all: String = (0..4).map(piece).collect();
    follower.gives(&all).await;
    follower.until(|got| got.overs == 3).await;
}

/// Rotations that nobody could see one by one: what came and went between two looks is found by its name.
#[tokio::test]
async fn d07_rotations_between_two_looks_are_found() {
    let place = Place::new();
    place.append("a.log", "0\n");
    // From before, and never followed.
    place.append("a.log.9", "old\n");
    let old = fs::File::options().write(true).open(place.path("a.log.9")).unwrap();
    old.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).unwrap();
    let follower = place.follower("a.log");
    follower.gives("0\n").await;
    let mut expected = "0\n".to_owned();
    for round in 0..5 {
        // Without a pause, on a runtime of one thread: nobody looks in between.
        for step in 0..3 {
            for number in (1..=round * 3 + step).rev() {
                place.rename(&format!("a.log.{number}"), &format!("a.log.{}", number + 1).replace(".9", ".19"));
            }
            place.rename("a.log", "a.log.1");
            place.append("a.log", &format!("{round}.{step}\n"));
            expected += &format!("{round}.{step}\n");
            std::thread::sleep(Duration::from_millis(5));
        }
        if round == 2 {
            break;
        }
        follower.gives(&expected).await;
    }
    follower.gives(&expected).await;
}

/// The queue of the kernel holds 16 events, and there are 100,000 renames: what is lost is looked for.
#[tokio::test]
async fn d07_a_queue_that_overflows_loses_nothing() {
    const LIMIT: &str = "/proc/sys/fs/inotify/max_queued_events";
    struct Restore(String);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = fs::write(LIMIT, &self.0);
        }
    }
    let Ok(before) = fs::read_to_string(LIMIT) else { return };
    if fs::write(LIMIT, "16").is_err() {
        eprintln!("skipped: {LIMIT} cannot be written to");
        return;
    }
    let restore = Restore(before);
    let place = Place::new();
    place.append("a.log", "one\n");
    let follower = place.follower("*.log");
    follower.gives("one\n").await;
    drop(restore);
    place.append("other", "");
    for round in 0..10 {
        let before = follower.text();
        for _ in 0..5_000 {
            place.rename("other", "another");
            place.rename("another", "other");
        }
        place.append(&format!("{round}.log"), "found\n");
        place.append("a.log", "appended\n");
        follower.until(|got| got.bytes.len() == before.len() + "found\nappended\n".len()).await;
    }
    let lines = |line: &str| follower.text().lines().filter(|other| *other == line).count();
    assert_eq!((lines("found"), lines("appended")), (10, 10));
}

#[tokio::test]
async fn d17_a_directory_that_vanishes_and_returns() {
    let place = Place::new();
    fs::create_dir(place.path("logs")).unwrap();
    place.append("logs/a.log", "one\n");
    let follower = place.follower("logs/*.log");
    follower.gives("one\n").await;
    fs::rename(place.path("logs"), place.path("away")).unwrap();
    place.append("away/a.log", "two\n");
    follower.gives("one\ntwo\n").await;
    fs::rename(place.path("away"), place.path("logs")).unwrap();
    place.append("logs/a.log", "three\n");
    follower.gives("one\ntwo\nthree\n").await;
    fs::remove_dir_all(place.path("logs")).unwrap();
    follower.until(|got| got.overs >= 1).await;
    fs::create_dir(place.path("logs")).unwrap();
    place.append("logs/a.log", "four\n");
    follower.gives("one\ntwo\nthree\nfour\n").await;
}

/// A clock that jumps shows in the files' times.
#[tokio::test]
async fn d17_clock_jumps() {
    let place = Place::new();
    let mut writer = place.append("a.log", "one\n");
    let follower = place.follower("a.log");
    let mut expected = "one\n".to_owned();
    follower.gives(&expected).await;
    for (round, days) in [1i64, -1, 0, -2, 3].into_iter().enumerate() {
        let now = std::time::SystemTime::now();
        let day = Duration::from_secs(86_400 * days.unsigned_abs());
        let then = if days < 0 { now - day } else { now + day };
        let line = format!("round {round}\n");
        writer.write_all(line.as_bytes()).unwrap();
        writer.set_modified(then).unwrap();
        expected += &line;
        follower.gives(&expected).await;
        place.rename("a.log", &format!("a.log.{round}"));
        writer = place.append("a.log", "new\n");
        writer.set_modified(then).unwrap();
        expected += "new\n";
        follower.gives(&expected).await;
    }
}

#[tokio::test]
async fn what_is_no_file_is_told_once_and_followed_when_it_is_one() {
    let place = Place::new();
    fs::create_dir(place.path("a.log")).unwrap();
    let follower = place.follower("*.log");
    follower.until(|got| got.told.len() == 1).await;
    fs::remove_dir(place.path("a.log")).unwrap();
    place.append("a.log", "one\n");
    follower.gives("one\n").await;
    assert_eq!(lock(&follower.got).told.len(), 1);
}

#[tokio::test]
async fn a_file_that_was_not_followed_before_may_be_begun_at_its_end() {
    let place = Place::new();
    place.append("a.log", "old\n");
    let pattern = place.pattern("*.log");
    let follower = Follower::with(&pattern, Some(place.state.path()), ReadFrom::End, Duration::ZERO);
    follower.until(|got| got.sources == 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    place.append("a.log", "one\n");
    place.append("b.log", "two\n");
    follower.until(|got| got.bytes.len() == 8).await;
    follower.files.checkpoints.save();
    drop(follower);
    tokio::time::sleep(Duration::from_millis(20)).await;
    // What came while nobody looked is new as well.
    place.append("c.log", "three\n");
    let follower = Follower::with(&pattern, Some(place.state.path()), ReadFrom::End, Duration::ZERO);
    follower.gives("three\n").await;
}

/// Ends a follower, and waits until it has let go of its directory.
async fn kill(follower: Follower) {
    let files = Arc::clone(&follower.files);
    drop(follower);
    while Arc::strong_count(&files) > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn d08_what_was_saved_is_not_given_again_and_the_rest_is() {
    let place = Place::new();
    place.append("a.log", "one\n");
    let follower = place.follower("a.log");
    follower.gives("one\n").await;
    follower.files.checkpoints.save();
    place.append("a.log", "two\n");
    follower.gives("one\ntwo\n").await;
    kill(follower).await;
    place.append("a.log", "three\n");
    let follower = place.follower("a.log");
    follower.gives("two\nthree\n").await;
    follower.files.checkpoints.save();
    kill(follower).await;
    let follower = place.follower("a.log");
    place.append("a.log", "four\n");
    follower.gives("four\n").await;
}

#[tokio::test]
async fn d08_rotations_while_nobody_looked() {
    let place = Place::new();
    place.append("a.log", "one\n");
    let follower = place.follower("a.log");
    follower.gives("one\n").await;
    follower.files.checkpoints.save();
    kill(follower).await;
    place.append("a.log", "two\n");
    for round in 0..3 {
        std::thread::sleep(Duration::from_millis(10));
        for number in (1..=round).rev() {
            place.rename(&format!("a.log.{number}"), &format!("a.log.{}", number + 1));
        }
        place.rename("a.log", "a.log.1");
        place.append("a.log", &format!("round {round}\n"));
    }
    let follower = place.follower("a.log");
    follower.gives("two\nround 0\nround 1\nround 2\n").await;
    follower.until(|got| got.overs == 3).await;
    follower.files.checkpoints.save();
    kill(follower).await;
    place.append("a.log", "end\n");
    let follower = place.follower("a.log");
    follower.gives("end\n").await;
    assert!(lock(&follower.got).told.is_empty());
}

#[tokio::test]
async fn d06_another_file_with_the_same_inode_number_is_another_file() {
    let place = Place::new();
    place.append("a.log", "one\n");
    let inode = fs::metadata(place.path("a.log")).unwrap().ino();
    let follower = place.follower("a.log");
    follower.gives("one\n").await;
    follower.files.checkpoints.save();
    kill(follower).await;
    fs::remove_file(place.path("a.log")).unwrap();
    let is_it = (0..2_000).any(|round| {
        place.append("a.log", "another and longer\n");
        let is_it = fs::metadata(place.path("a.log")).unwrap().ino() == inode;
        if !is_it {
            place.rename("a.log", &format!("kept.{round}"));
        }
        is_it
    });
    if !is_it {
        eprintln!("skipped: this file system did not give the inode's number out again");
        return;
    }
    let follower = place.follower("a.log");
    follower.gives("another and longer\n").await;
}

#[tokio::test]
async fn what_is_lost_for_good_is_told() {
    let place = Place::new();
    place.append("a.log", &"x".repeat(10_000));
    let pattern = place.pattern("a.log");
    let slow = Follower::with(&pattern, Some(place.state.path()), ReadFrom::Start, Duration::from_millis(50));
    slow.until(|got| !got.bytes.is_empty()).await;
    slow.files.checkpoints.touch();
    slow.files.checkpoints.save();
    kill(slow).await;
    fs::remove_file(place.path("a.log")).unwrap();
    place.append("a.log", "new\n");
    let follower = place.follower("a.log");
    follower.gives("new\n").await;
    let told = lock(&follower.got).told.join("");
    assert!(told.contains("deleted before its last"), "{told}");
}
