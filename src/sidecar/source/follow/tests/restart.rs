//! Followers in sequence: confirmed text is not read again, and the rest is.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use super::*;

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
    // Files that appeared while no sidecar ran are new as well.
    place.append("c.log", "three\n");
    let follower = Follower::with(&pattern, Some(place.state.path()), ReadFrom::End, Duration::ZERO);
    follower.gives("three\n").await;
}

#[tokio::test]
async fn d08_saved_bytes_are_not_read_again_and_the_rest_is() {
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
    followed_and_killed(&place, "one\n").await;
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
    follower.until(|got| got.ends == 3).await;
    follower.files.checkpoints.save();
    kill(follower).await;
    place.append("a.log", "end\n");
    let follower = place.follower("a.log");
    follower.gives("end\n").await;
    assert!(lock(&follower.got).told.is_empty());
}

/// The clock is set back while no sidecar runs. Later files look older than the last one read, and
/// as old as files that were rotated away before the first follower: rotation numbers decide.
#[tokio::test]
async fn d17_rotations_while_nobody_looked_and_the_clock_was_set_back() {
    let place = Place::new();
    let ago = |hours: u64| std::time::SystemTime::now() - Duration::from_secs(3_600 * hours);
    place.append("a.log.1", "from before\n").set_modified(ago(5)).unwrap();
    followed_and_killed(&place, "one\n").await;
    place.append("a.log", "two\n");
    for round in 0..3 {
        for number in (1..=round + 1).rev() {
            place.rename(&format!("a.log.{number}"), &format!("a.log.{}", number + 1));
        }
        place.rename("a.log", "a.log.1");
        place.append("a.log", &format!("round {round}\n")).set_modified(ago(5)).unwrap();
    }
    let follower = place.follower("a.log");
    follower.gives("two\nround 0\nround 1\nround 2\n").await;
    follower.until(|got| got.ends == 3).await;
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
async fn a_permanent_loss_is_reported() {
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
    assert!(told.contains("before its last"), "{told}");
}

/// The predecessor of a log that was rewritten, or that has the inode of a deleted file, got a late
/// line.
#[tokio::test]
async fn c01_a_late_line_comes_before_a_log_that_was_written_anew() {
    let place = Place::new();
    followed_and_killed(&place, "one\n").await;
    fs::write(place.path("a.log"), "round 2\n").unwrap();
    let soon = std::time::SystemTime::now() + Duration::from_secs(1);
    place.append("a.log.1", "round 1\nlate\n").set_modified(soon).unwrap();
    let follower = place.follower("a.log");
    follower.gives("round 1\nlate\nround 2\n").await;
    assert_eq!(follower.counts(), (1, 1));
}
