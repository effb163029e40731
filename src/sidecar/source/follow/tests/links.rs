//! Links in place of files and directories: our own links are followed, and links of other users
//! expose no file of ours.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::*;
use crate::sidecar::source::follow::Follow;

/// Text that must not appear in the output.
const PRIVATE: &str = "AGE-SECRET-KEY-1...\n";

/// A place where all users can write to `theirs`, with a private file beside it.
fn shared() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("theirs")).unwrap();
    fs::set_permissions(place.path("theirs"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::create_dir(place.path("own")).unwrap();
    place.append("own/x.log", PRIVATE);
    place
}

/// Follows one more file: its text shows that the look has covered all others.
async fn nothing_else_comes(place: &Place, follower: &Follower) {
    place.append("theirs/last.log", "last\n");
    follower.until(|got| got.bytes.ends_with(b"last\n")).await;
    assert!(!follower.text().contains("AGE-"), "{}", follower.text());
}

#[tokio::test]
async fn a02_a_link_of_others_is_not_followed() {
    let place = shared();
    symlink("../own/x.log", place.path("theirs/x.log")).unwrap();
    let follower = place.follower("theirs/*.log");
    follower
        .until(|got| got.told.iter().any(|told| told.contains("another user may have placed a symbolic link")))
        .await;
    nothing_else_comes(&place, &follower).await;
    fs::remove_file(place.path("theirs/x.log")).unwrap();
    place.append("theirs/x.log", "a file\n");
    follower.gives("last\na file\n").await;
    assert_eq!(lock(&follower.got).told.len(), 1);
}

#[tokio::test]
async fn a02_a_directory_that_others_linked_is_not_entered() {
    for pattern in ["theirs/sub/*.log", "theirs/*/*.log", "theirs/**/*.log"] {
        let place = shared();
        symlink("../own", place.path("theirs/sub")).unwrap();
        fs::create_dir(place.path("theirs/real")).unwrap();
        let follower = place.follower(pattern);
        if !pattern.contains("**") {
            follower.until(|got| got.told.len() == 1).await;
        }
        // Exchanged while it is followed, too.
        fs::remove_file(place.path("theirs/sub")).unwrap();
        fs::create_dir(place.path("theirs/sub")).unwrap();
        place.append("theirs/sub/a.log", "a\n");
        follower.gives("a\n").await;
        place.rename("theirs/sub", "theirs/moved");
        symlink("../own", place.path("theirs/sub")).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!follower.text().contains("AGE-"));
    }
}

#[tokio::test]
async fn a02_a_hard_link_of_others_is_not_followed() {
    let place = shared();
    fs::hard_link(place.path("own/x.log"), place.path("theirs/x.log")).unwrap();
    let follower = place.follower("theirs/*.log");
    follower.until(|got| got.told.iter().any(|told| told.contains("hard links"))).await;
    nothing_else_comes(&place, &follower).await;
}

#[tokio::test]
async fn a02_rotated_files_are_not_sought_through_links() {
    let place = shared();
    place.append("theirs/a.log", "one\n");
    let follower = place.follower("theirs/a.log");
    follower.gives("one\n").await;
    // All at once, so that the names of rotation are searched.
    symlink("../own/x.log", place.path("theirs/a.log.1")).unwrap();
    fs::hard_link(place.path("own/x.log"), place.path("theirs/a.log.2")).unwrap();
    fs::remove_file(place.path("theirs/a.log")).unwrap();
    place.append("theirs/a.log", "two\n");
    follower.gives("one\ntwo\n").await;
}

#[tokio::test]
async fn a02_files_of_the_sidecar_are_not_followed() {
    let place = Place::new();
    fs::create_dir(place.path("secrets")).unwrap();
    place.append("secrets/key.log", PRIVATE);
    fs::hard_link(place.path("secrets/key.log"), place.path("b.log")).unwrap();
    symlink("secrets/key.log", place.path("c.log")).unwrap();
    place.append("a.log", "a\n");
    let pattern = place.pattern("**/*.log");
    let own = vec![place.path("secrets")];
    let follower = Follower::beside(&pattern, None, ReadFrom::Start, Duration::ZERO, own);
    follower.until(|got| got.told.len() == 3 && got.bytes == b"a\n").await;
    assert!(lock(&follower.got).told.iter().all(|told| told.ends_with("it is one of hushlog's own files")));
}

/// The owner of the directory exchanges a log for a link and back, thousands of times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a02_a_link_that_is_exchanged_for_a_file_leaks_nothing() {
    const TRIES: usize = 1_000;
    let place = shared();
    place.append("theirs/file", "a line\n");
    symlink("../own/x.log", place.path("theirs/link")).unwrap();
    let (stop, exchanged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let attacker = {
        let (stop, exchanged, at) = (Arc::clone(&stop), Arc::clone(&exchanged), place.path("theirs"));
        std::thread::spawn(move || {
            while !stop.load(Relaxed) {
                for name in ["file", "link"] {
                    // Each is at the path for a moment, and the path is never free for long.
                    fs::rename(at.join(name), at.join("x.log")).unwrap();
                    std::thread::yield_now();
                    fs::rename(at.join("x.log"), at.join(name)).unwrap();
                }
                exchanged.fetch_add(1, Relaxed);
            }
        })
    };
    // Each look opens the files that it finds. The test runs single looks, without their waits.
    let emit: EventSink = Arc::new(|_| {});
    let checkpoints = Arc::new(Checkpoints::open(None, &Arc::default(), Arc::clone(&emit)).unwrap());
    let files = Files::new(checkpoints, Own::of(Vec::new()), emit);
    let mut follow =
        Follow::new(files, "app".into(), (&place.pattern("theirs/x.log"), &[]), ReadFrom::Start, usize::MAX).unwrap();
    let (mut tries, mut opened) = (0, 0);
    let start = Instant::now();
    while tries < TRIES || opened < 10 || exchanged.load(Relaxed) < TRIES {
        follow.look();
        for mut found in std::mem::take(&mut follow.found) {
            let mut buffer = Vec::with_capacity(64);
            let _ = found.read(&mut buffer);
            assert!(!buffer.starts_with(b"AGE-"), "after {tries} tries");
            opened += 1;
        }
        tries += 1;
        assert!(start.elapsed() < PATIENCE, "the file was seen {opened} times");
    }
    stop.store(true, Relaxed);
    attacker.join().unwrap();
}

/// A link of our own, as in `/var/log/containers`, whose target is rotated, live and while no
/// sidecar runs.
#[tokio::test]
async fn as_a_target_that_is_rotated_loses_no_line() {
    let place = Place::new();
    fs::create_dir_all(place.path("pods/p")).unwrap();
    fs::create_dir(place.path("containers")).unwrap();
    place.append("pods/p/0.log", "0\n");
    symlink("../pods/p/0.log", place.path("containers/a.log")).unwrap();
    let (mut written, mut given, mut number) = ("0\n".to_owned(), 0, 0);
    let mut rotate = |written: &mut String| {
        // Without a pause for the follower: no look runs in between.
        for _ in 0..3 {
            number += 1;
            place.append("pods/p/0.log", &format!("{number} before\n"));
            place.rename("pods/p/0.log", &format!("pods/p/0.log.{}", 20_260_000 + number));
            place.append("pods/p/0.log", &format!("{number} after\n"));
            *written += &format!("{number} before\n{number} after\n");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    for round in 0..4 {
        let follower = place.follower("containers/*.log");
        let begun = given;
        follower.gives(&written[begun..]).await;
        if round % 2 == 0 {
            rotate(&mut written);
            follower.gives(&written[begun..]).await;
        }
        given = written.len();
        follower.files.checkpoints.save();
        kill(follower).await;
        if round % 2 == 1 {
            rotate(&mut written);
        }
    }
}

/// Creates and removes a file, then creates another, without a pause for the follower: no look
/// runs in between.
fn comes_and_goes(place: &Place, name: &str) {
    place.append(name, "two\n");
    place.rename(name, &format!("{name}.2"));
    std::thread::sleep(Duration::from_millis(5));
    place.append(name, "three\n");
}

/// A look between the rename and the new file sees no file at all; then a file appears and vanishes
/// before the next look.
#[tokio::test]
async fn as_a_name_that_is_free_for_a_moment_loses_no_line() {
    for pattern in ["containers/*.log", "pods/0.log"] {
        let place = Place::new();
        for name in ["containers", "pods"] {
            fs::create_dir(place.path(name)).unwrap();
        }
        place.append("pods/0.log", "one\n");
        symlink("../pods/0.log", place.path("containers/a.log")).unwrap();
        let follower = place.follower(pattern);
        follower.gives("one\n").await;
        place.rename("pods/0.log", "pods/0.log.1");
        tokio::time::sleep(Duration::from_millis(200)).await;
        comes_and_goes(&place, "pods/0.log");
        follower.gives("one\ntwo\nthree\n").await;
    }
}

/// The same at the start: the first look sees no file.
#[tokio::test]
async fn as_a_name_that_is_free_at_the_start_loses_no_line() {
    let place = Place::new();
    followed_and_killed(&place, "one\n").await;
    place.append("a.log", "late\n");
    place.rename("a.log", "a.log.1");
    let follower = place.follower("a.log");
    tokio::time::sleep(Duration::from_millis(200)).await;
    comes_and_goes(&place, "a.log");
    follower.gives("late\ntwo\nthree\n").await;
}

/// The link is moved to another directory after the file in the first one was rotated; live, and
/// while no sidecar runs.
#[tokio::test]
async fn as_a_link_that_is_turned_loses_no_line() {
    for is_away in [false, true] {
        let place = Place::new();
        for name in ["v1", "v2"] {
            fs::create_dir(place.path(name)).unwrap();
        }
        place.append("v1/a.log", "one\n");
        symlink("v1", place.path("current")).unwrap();
        let mut follower = Some(place.follower("current/a.log"));
        follower.as_ref().unwrap().gives("one\n").await;
        if is_away {
            let follower = follower.take().unwrap();
            follower.files.checkpoints.save();
            kill(follower).await;
        }
        let pause = || std::thread::sleep(Duration::from_millis(5));
        place.append("v1/a.log", "two\n");
        place.rename("v1/a.log", "v1/a.log.1");
        pause();
        place.append("v1/a.log", "three\n");
        pause();
        place.append("v2/a.log", "four\n");
        symlink("v2", place.path("next")).unwrap();
        place.rename("next", "current");
        let (follower, text) = match follower {
            Some(follower) => (follower, "one\ntwo\nthree\nfour\n"),
            None => (place.follower("current/a.log"), "two\nthree\nfour\n"),
        };
        follower.gives(text).await;
    }
}
