//! Files that are rotated, truncated, deleted and restored while a follower runs.

use std::fs;
use std::io::Write;
use std::time::Duration;

use super::*;
use crate::sys::file::FileId;

#[tokio::test]
async fn existing_and_appended_bytes_are_read() {
    let place = Place::new();
    place.append("a.log", "one\n");
    let follower = place.follower("a.log");
    follower.gives("one\n").await;
    // Raw: the follower waits for no line end, and accepts any bytes.
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
    // Its writer continues for a while, and the follower reads it.
    writer.write_all(b"late\n").unwrap();
    follower.gives("one\ntwo\nthree\nfour\nlate\n").await;
    assert_eq!(lock(&follower.got).overs, 0, "somebody has it open");
    drop(writer);
    follower.until(|got| got.overs == 1).await;
}

#[tokio::test]
async fn d06_a_recreated_file_is_read_after_the_end_of_the_old_one() {
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
    follower.until(|got| got.ends == 20).await;
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
    // In one step for any look at sizes: it is never shorter than the part that was read.
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
    // On a busy machine, a log without a file for a while is at its end: the next file is another
    // source. Each file is read once in any case.
    let (sources, restarts) = follower.counts();
    assert_eq!(sources + restarts, 7);
}

/// The sink is so slow that three rotations and the deletions precede the end of the first file.
#[tokio::test]
async fn d09_a_backlog_of_a_slow_sink_is_read_in_order() {
    let place = Place::new();
    let piece = |round: usize| (0..2000).map(|line| format!("{round} {line}\n")).collect::<String>();
    place.append("a.log", &piece(0));
    let pattern = place.pattern("a.log");
    let follower = Follower::with(&pattern, None, ReadFrom::Start, Duration::from_millis(20));
    for round in 1..4 {
        let opened = async |files: usize| {
            let read = || lock(&follower.files.read).values().filter(|shared| shared.strong_count() > 0).count();
            follower.until(|_| read() >= files).await;
        };
        opened(1).await;
        place.rename("a.log", "a.log.1");
        let before = lock(&follower.files.read).len();
        place.append("a.log", &piece(round));
        opened(before + 1).await;
        fs::remove_file(place.path("a.log.1")).unwrap();
    }
    let all: String = (0..4).map(piece).collect();
    follower.gives(&all).await;
    assert_eq!(follower.counts(), (1, 3));
}

/// Rotations between two looks: the follower finds the files by their names.
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
        // Without a pause, on a runtime of one thread: no look runs in between.
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

/// The kernel queue holds 16 events, and there are 100,000 renames: a look replaces lost events.
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
async fn a_directory_is_reported_once_and_followed_once_it_is_a_file() {
    let place = Place::new();
    fs::create_dir(place.path("a.log")).unwrap();
    let follower = place.follower("*.log");
    follower.until(|got| got.told.len() == 1).await;
    fs::remove_dir(place.path("a.log")).unwrap();
    place.append("a.log", "one\n");
    follower.gives("one\n").await;
    assert_eq!(lock(&follower.got).told.len(), 1);
}

/// A file that was moved in has no successor: neither when a rotated file that is done comes
/// between the two, nor later.
#[tokio::test]
async fn c01_a_file_that_was_moved_in_takes_no_rotated_ones_place() {
    let ago = |hours: u64| std::time::SystemTime::now() - Duration::from_secs(3_600 * hours);
    let place = Place::new();
    place.append("a.log", "one\n");
    let follower = place.follower("a.log*");
    follower.gives("one\n").await;
    place.append("a.log.9", "").set_modified(ago(5)).unwrap();
    follower.until(|got| got.sources == 2).await;
    let mut text = String::from("one\n");
    for round in 0..4u64 {
        let before = FileId::from(&rustix::fs::stat(place.path("a.log")).unwrap());
        place.rename("a.log", &format!("a.log.2026000{round}"));
        place.append("a.log", &format!("round {round}\n"));
        text += &format!("round {round}\n");
        follower.gives(&text).await;
        // The next file continues this one, so it is done.
        let key = crate::sidecar::source::follow::file::key(&"app".into(), before);
        let start = Instant::now();
        while !follower.files.checkpoints.position(&key).is_some_and(|place| place.is_done) {
            assert!(start.elapsed() < PATIENCE, "round {round}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // The next rotation of the log has it looked at again.
        place.append(&format!("a.log.2026000{round}"), "").set_modified(ago(4 - round)).unwrap();
    }
    assert_eq!(follower.counts().0, 2);
}
