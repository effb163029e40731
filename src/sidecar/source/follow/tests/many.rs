//! Many files and the limit on them; looks that block nothing, and survive cancellation.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::pin::pin;
use std::task::{Context, Waker};

use super::*;
use crate::sidecar::checkpoint::{Key, Position};
use crate::sidecar::source::follow::Follow;
use crate::sidecar::source::follow::seen::Seen;
use crate::sys::file::{FileId, birth};

fn files_of(place: &Place) -> Arc<Files> {
    let emit: EventSink = Arc::new(|_| {});
    let checkpoints =
        Arc::new(Checkpoints::open(Some(place.state.path()), &Arc::default(), Arc::clone(&emit)).unwrap());
    Files::new(checkpoints, Own::of(Vec::new()), emit)
}

/// A follower of a few files that looks only on request.
fn follow_of(place: &Place, files: &Arc<Files>, pattern: &str) -> Follow {
    let pattern = place.pattern(pattern);
    Follow::new(Arc::clone(files), "app".into(), (&pattern, &[]), ReadFrom::Start, 9).unwrap()
}

/// The number of names listed and compared in one look.
fn cost_of_a_look(follow: &mut Follow) -> (usize, usize) {
    let before = follow.listings.counts();
    follow.look();
    let after = follow.listings.counts();
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test]
async fn a28_looks_at_rotated_logs_are_linear_in_their_number() {
    let mut costs = Vec::new();
    for count in [50, 500] {
        let place = Place::new();
        let files = files_of(&place);
        let pattern = place.pattern("*.log");
        let follow = |files: &Arc<Files>| {
            Follow::new(Arc::clone(files), "app".into(), (&pattern, &[]), ReadFrom::Start, usize::MAX).unwrap()
        };
        let rotate = |generation: usize| {
            for n in 0..count {
                // Two that were rotated away unseen, and the current one.
                for name in [2, 1] {
                    place.append(&format!("{n}.log"), "line\n");
                    place.rename(&format!("{n}.log"), &format!("{n}.log.{}", generation + name));
                }
                place.append(&format!("{n}.log"), "line\n");
            }
        };
        let of = |follow: &Follow| (follow.found.len(), files.checkpoints.at("app", &place.path("0.log")).len());
        (0..count).for_each(|n| drop(place.append(&format!("{n}.log"), "line\n")));
        let mut first = follow(&files);
        let start = cost_of_a_look(&mut first);
        assert_eq!((start, of(&first)), ((0, 0), (count, 1)));
        let again = cost_of_a_look(&mut first);
        assert_eq!(again, (0, 0));
        rotate(10);
        let rotated = cost_of_a_look(&mut first);
        assert_eq!(lock(&files.read).len(), 4 * count - count, "each of them is read");
        drop(first);
        // No output was confirmed, so the next one reads all of it.
        rotate(20);
        let mut second = follow(&files);
        let restart = cost_of_a_look(&mut second);
        costs.push([rotated, restart]);
    }
    for (few, all) in costs[0].into_iter().zip(costs[1]) {
        assert!(few.0 > 0 && all.0 <= 11 * few.0, "{few:?} names were listed and compared, and then {all:?}");
        assert!(few.1 > 0 && all.1 <= 11 * few.1, "{few:?} names were listed and compared, and then {all:?}");
    }
}

#[tokio::test]
async fn a28_files_above_the_limit_are_reported_and_wait_for_room() {
    let place = Place::new();
    for n in 0..6 {
        place.append(&format!("{n}.log"), &format!("{n}\n")).set_modified(seconds(n)).unwrap();
    }
    let follower = Follower::limited(&place.pattern("*.log"), Some(place.state.path()), 2);
    // The most recently modified files.
    follower.until(|got| got.bytes.len() == 4).await;
    assert!(["4\n5\n", "5\n4\n"].contains(&&*follower.text()), "{}", follower.text());
    let names = |names: [&str; 3]| names.map(|name| place.path(name).display().to_string()).join(", ");
    let why = "files_max of the stream app is 2";
    let first = format!("{} and 1 more are not followed: {why}", names(["0.log", "1.log", "2.log"]));
    assert_eq!(lock(&follower.got).told, [first]);
    // A rotated log keeps its place, and no other log gets it.
    place.rename("4.log", "4.log.1");
    place.append("4.log", "next\n");
    place.append("6.log", "6\n");
    follower.until(|got| got.bytes.ends_with(b"next\n")).await;
    follower.until(|got| got.told.len() == 2).await;
    let second = format!("{} is not followed: {why}", place.path("6.log").display());
    assert_eq!(lock(&follower.got).told[1], second);
    // A removed file makes room for another, which is read from its beginning.
    fs::remove_file(place.path("5.log")).unwrap();
    follower.until(|got| got.bytes.ends_with(b"6\n")).await;
    assert_eq!(lock(&follower.got).told.len(), 2, "{:?}", lock(&follower.got).told);
    // After a restart the same files are followed, though others are younger now.
    follower.files.checkpoints.save();
    kill(follower).await;
    for n in 0..4 {
        place.append(&format!("{n}.log"), "more\n");
    }
    let again = Follower::limited(&place.pattern("*.log"), Some(place.state.path()), 2);
    again.until(|got| got.told.len() == 1).await;
    let all: Vec<String> = ["0.log", "1.log", "2.log"].map(|name| place.path(name).display().to_string()).into();
    assert_eq!(lock(&again.got).told, [format!("{} and 1 more are not followed: {why}", all.join(", "))]);
}

fn seconds(n: u64) -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + n)
}

#[tokio::test]
async fn a28_a_worker_is_free_while_files_are_looked_at() {
    let place = Place::new();
    place.append("a.log", "one\n");
    let files = files_of(&place);
    let mut following =
        Following::new(files, "app".into(), (&place.pattern("a.log"), &[]), ReadFrom::Start, usize::MAX).unwrap();
    // Blocked, as by a disk: a look needs this lock.
    let held = Arc::clone(&following.files().unwrap());
    let (go_on, told) = std::sync::mpsc::channel::<()>();
    let (tell_held, is_held) = std::sync::mpsc::channel();
    let holder = std::thread::spawn(move || {
        let _guard = lock(&held.read);
        tell_held.send(()).unwrap();
        let _ = told.recv();
    });
    is_held.recv().unwrap();
    let mut next = pin!(following.next());
    assert!(poll(next.as_mut()).is_pending());
    // The one worker of this runtime continues.
    for _ in 0..10 {
        tokio::task::yield_now().await;
        assert!(poll(next.as_mut()).is_pending());
    }
    drop(go_on);
    next.await.unwrap();
    holder.join().unwrap();
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls again and again, and cancels at each wait.
async fn next_cancelled(following: &mut Following) -> crate::sidecar::source::follow::log::Followed {
    let start = Instant::now();
    loop {
        {
            let next = pin!(following.next());
            if let std::task::Poll::Ready(next) = poll(next) {
                return next.unwrap();
            }
        }
        assert!(start.elapsed() < PATIENCE, "a notice was lost");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

#[tokio::test]
async fn a_notice_outlives_a_wait_that_is_cancelled_anywhere() {
    let place = Place::new();
    place.append("first.log", "one\n");
    let files = files_of(&place);
    let pattern = place.pattern("*.log");
    let following = Following::new(files, "app".into(), (&pattern, &[]), ReadFrom::Start, usize::MAX).unwrap();
    let mut following = following.only_told();
    drop(next_cancelled(&mut following).await);
    for round in 0..50 {
        place.append(&format!("{round}.log"), "one\n");
        drop(next_cancelled(&mut following).await);
    }
    // And cancels once, after this many polls.
    for polls in 0..20 {
        let before = place.append(&format!("let-go-{polls}.log"), "one\n");
        let mut given = 0;
        {
            let mut next = pin!(following.next());
            for _ in 0..polls {
                if poll(next.as_mut()).is_ready() {
                    given += 1;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        if given == 0 {
            tokio::time::timeout(PATIENCE, following.next()).await.expect("a notice was lost").unwrap();
        }
        drop(before);
    }
}

#[tokio::test]
async fn a_look_is_not_put_off_by_waits_that_are_cancelled() {
    let place = Place::new();
    fs::create_dir(place.path("theirs")).unwrap();
    place.append("a.log", "one\n");
    symlink(place.path("a.log"), place.path("theirs/link.log")).unwrap();
    fs::set_permissions(place.path("theirs"), fs::Permissions::from_mode(0o777)).unwrap();
    let files = files_of(&place);
    let pattern = place.pattern("theirs/link.log");
    let mut following = Following::new(files, "app".into(), (&pattern, &[]), ReadFrom::Start, usize::MAX).unwrap();
    for _ in 0..20 {
        assert!(poll(pin!(following.next())).is_pending(), "others may have put the link there");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // No event reports this.
    fs::set_permissions(place.path("theirs"), fs::Permissions::from_mode(0o755)).unwrap();
    next_cancelled(&mut following).await;
}

#[tokio::test]
async fn ap_a_look_in_the_middle_of_rotations_keeps_their_order() {
    let place = Place::new();
    let files = files_of(&place);
    let mut follow = follow_of(&place, &files, "a.log*");
    drop(place.append("a.log", "one\n"));
    follow.look();
    // The walk sees the log before it is renamed twice, and another name after that.
    let mut walk = follow.pattern.walk();
    for name in ["a.log.1", "a.log.20261129"] {
        place.rename("a.log", name);
        drop(place.append("a.log", name));
    }
    let later = follow.pattern.walk().matches.into_iter();
    walk.matches.extend(later.filter(|found| found.path == place.path("a.log.20261129")));
    assert_eq!(walk.matches.len(), 2);
    follow.look_at(walk);
    follow.look();
    assert_eq!((lock(&files.read).len(), follow.found.len()), (3, 1), "three files are one text");
}

/// The log had no file in the first look of a sidecar, and two since: its path shows nothing.
#[tokio::test]
async fn ap_a_file_between_two_looks_comes_after_the_last_of_its_log() {
    let place = Place::new();
    let files = files_of(&place);
    let follow = || follow_of(&place, &files, "a.log*");
    drop(place.append("a.log", "one"));
    follow().look();
    place.rename("a.log", "a.log.1");
    let mut follow = follow();
    follow.look();
    place.rename("a.log.1", "a.log.2");
    drop(place.append("a.log", "two"));
    place.rename("a.log", "a.log.1");
    drop(place.append("a.log", "three"));
    follow.look();
    assert_eq!((lock(&files.read).len(), follow.found.len()), (3, 1), "three files are one text");
}

/// Notes a file that was read at this path and then deleted, and whose inode number `new` has got.
fn add_deleted(follow: &mut Follow, files: &Files, path: PathBuf, new: &File) {
    let modified = 1;
    let old = Position { path: path.clone(), is_done: true, birth: Some((1, 0)), modified, ..Position::default() };
    let key = Key { stream: "app".into(), file: FileId::of(new).unwrap() };
    files.checkpoints.add(key.clone(), old);
    follow.paths.insert(path, Seen { key, target: None, modified, shared: None, free: None });
}

/// The next file of a log gets the inode number of its oldest one, which rotation has just deleted.
#[tokio::test]
async fn ap_a_file_with_the_inode_of_a_deleted_one_keeps_its_place() {
    let place = Place::new();
    let files = files_of(&place);
    let mut follow = follow_of(&place, &files, "a.log*");
    drop(place.append("a.log", "one\n"));
    follow.look();
    place.rename("a.log", "a.log.1");
    let new = place.append("a.log", "two\n");
    if birth(&new).is_none() {
        eprintln!("skipped: this file system records no times of birth");
        return;
    }
    add_deleted(&mut follow, &files, place.path("a.log.9"), &new);
    drop(new);
    place.rename("a.log.1", "a.log.2");
    place.rename("a.log", "a.log.1");
    drop(place.append("a.log", "three\n"));
    follow.look();
    assert_eq!(follow.found.len(), 1, "three files are one text");
    assert_eq!(text_of(follow, 14).await, "one\ntwo\nthree\n");
}

/// The log itself gets that number, after more rotations than one look saw.
#[tokio::test]
async fn ap_a_log_with_the_inode_of_a_deleted_file_follows_others() {
    let place = Place::new();
    let files = files_of(&place);
    let mut follow = follow_of(&place, &files, "a.log");
    for (text, name, age) in [("one\n", "a.log.2", 2), ("two\n", "a.log.1", 1)] {
        let then = std::time::SystemTime::now() - Duration::from_secs(age);
        place.append("a.log", text).set_modified(then).unwrap();
        place.rename("a.log", name);
    }
    let new = place.append("a.log", "three\n");
    if birth(&new).is_none() {
        eprintln!("skipped: this file system records no times of birth");
        return;
    }
    add_deleted(&mut follow, &files, place.path("a.log"), &new);
    assert_eq!(text_of(follow, 14).await, "one\ntwo\nthree\n");
}

/// Modification times tick some hundred times a second.
#[tokio::test]
async fn ap_rotated_files_of_one_tick_are_in_the_order_of_their_names() {
    let place = Place::new();
    let files = files_of(&place);
    let follow = || follow_of(&place, &files, "a.log");
    let mut first = follow();
    let tick = std::time::SystemTime::now();
    for day in 1..=6 {
        place.append("a.log", &format!("{day}")).set_modified(tick).unwrap();
        first.look();
        place.rename("a.log", &format!("a.log.2026110{day}"));
    }
    place.append("a.log", "7").set_modified(tick).unwrap();
    first.look();
    assert_eq!(files.checkpoints.at("app", &place.path("a.log")).len(), 7);
    drop(first);
    // No byte of them was read.
    assert_eq!(text_of(follow(), 7).await, "1234567");
    // One of them was rewritten.
    place.append("b.log", "old");
    let follow = || follow_of(&place, &files, "b.log");
    follow().look();
    let tick = std::time::SystemTime::now();
    fs::write(place.path("b.log"), "").unwrap();
    for day in 1..=3 {
        place.append("b.log", &format!("{day}")).set_modified(tick).unwrap();
        if day < 3 {
            place.rename("b.log", &format!("b.log.2026110{day}"));
        }
    }
    assert_eq!(text_of(follow(), 3).await, "123");
}

/// The text of this length that one look finds.
async fn text_of(mut follow: Follow, len: usize) -> String {
    follow.look();
    let got: Arc<Mutex<Got>> = Arc::default();
    for source in follow.found.drain(..) {
        tokio::spawn(drain(source, Arc::clone(&got), Duration::ZERO));
    }
    let start = Instant::now();
    while lock(&got).bytes.len() < len && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    String::from_utf8(lock(&got).bytes.clone()).unwrap()
}
