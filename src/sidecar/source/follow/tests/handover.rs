//! A file continues its predecessor, in order and once.

use std::fs;
use std::io::Write;
use std::time::Duration;

use super::*;

fn truncate(place: &Place, name: &str) {
    fs::File::options().write(true).open(place.path(name)).unwrap().set_len(0).unwrap();
}

/// The writer keeps the old file open for a moment after the new one appears.
#[tokio::test]
async fn ap_late_lines_come_before_those_of_the_next_file() {
    let place = Place::new();
    let mut writer = place.append("a.log", "one\ntw");
    let follower = place.follower("a.log");
    follower.gives("one\ntw").await;
    place.rename("a.log", "a.log.1");
    place.append("a.log", "four\n");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(follower.text(), "one\ntw", "the next file waits");
    writer.write_all(b"o\nthree\n").unwrap();
    drop(writer);
    follower.gives("one\ntwo\nthree\nfour\n").await;
    assert_eq!(follower.counts(), (1, 1), "it is one text");
}

/// The pattern matches the old name and the new one.
#[tokio::test]
async fn av_a_rotated_file_gives_way_though_the_pattern_has_it() {
    let place = Place::new();
    place.append("a.log", "one, unfinished");
    let follower = place.follower("a.log*");
    follower.gives("one, unfinished").await;
    place.rename("a.log", "a.log.1");
    place.append("a.log", "two\n");
    follower.gives("one, unfinishedtwo\n").await;
    assert_eq!(follower.counts(), (1, 1), "there is a boundary between");
}

/// The banner is at least as long as the hashed head: only the bytes before the offset differ.
#[tokio::test]
async fn at_a_longer_file_with_the_same_beginning_is_another() {
    let place = Place::new();
    let banner = format!("{}\n", "=".repeat(1_200));
    place.append("a.log", &format!("{banner}old 1\n"));
    let follower = place.follower("a.log");
    follower.gives(&format!("{banner}old 1\n")).await;
    follower.files.checkpoints.save();
    kill(follower).await;
    truncate(&place, "a.log");
    place.append("a.log", &format!("{banner}new 1\nnew 2\n"));
    let follower = place.follower("a.log");
    follower.gives(&format!("{banner}new 1\nnew 2\n")).await;
}

/// The follower reads text from the copy that alone holds it: live, and after a restart.
#[tokio::test]
async fn at_the_content_of_a_truncated_file_is_read_from_its_copy() {
    for is_away in [false, true] {
        let place = Place::new();
        place.append("a.log", "one\n");
        let follower = place.follower("a.log");
        follower.gives("one\n").await;
        follower.files.checkpoints.save();
        let follower = if is_away {
            kill(follower).await;
            None
        } else {
            Some(follower)
        };
        // Without a pause: no look runs in between.
        place.append("a.log", "two\n");
        fs::copy(place.path("a.log"), place.path("a.log.1")).unwrap();
        truncate(&place, "a.log");
        place.append("a.log", "three\n");
        let follower = follower.unwrap_or_else(|| place.follower("a.log"));
        follower.gives(if is_away { "two\nthree\n" } else { "one\ntwo\nthree\n" }).await;
    }
}

/// A sidecar is killed with an unfinished line, and its file is rotated: both are read again, as
/// one.
#[tokio::test]
async fn ap_after_a_restart_both_files_are_read_in_order() {
    for pattern in ["a.log", "a.log*"] {
        let place = Place::new();
        place.append("a.log", "one\ntw");
        let follower = place.follower(pattern);
        follower.gives("one\ntw").await;
        {
            // As a stream does that waits for the end of the line.
            let known = follower.files.checkpoints.at("app", &place.path("a.log"));
            let (key, mut at) = known[0].clone();
            follower.files.checkpoints.forget(&key);
            (at.offset, at.tail) = (4, Default::default());
            follower.files.checkpoints.add(key, at);
        }
        follower.files.checkpoints.save();
        kill(follower).await;
        place.rename("a.log", "a.log.1");
        place.append("a.log", "o\nthree\n");
        let follower = place.follower(pattern);
        follower.gives("two\nthree\n").await;
        assert_eq!(follower.counts(), (1, 1));
    }
}

/// Two truncations without a look: both copies are read, in the order of their contents.
#[tokio::test]
async fn at_contents_that_were_truncated_unseen_come_in_order() {
    let place = Place::new();
    followed_and_killed(&place, "the first line\n").await;
    for (number, text) in [(2, "the second\n"), (1, "the third\n")] {
        place.append("a.log", text);
        fs::copy(place.path("a.log"), place.path(&format!("a.log.{number}"))).unwrap();
        truncate(&place, "a.log");
        // The modification times give the order.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    place.append("a.log", "the fourth\n");
    let follower = place.follower("a.log");
    follower.gives("the second\nthe third\nthe fourth\n").await;
}

/// A few equal bytes do not make a copy.
#[tokio::test]
async fn at_a_short_file_is_no_copy_of_an_equal_one() {
    let place = Place::new();
    followed_and_killed(&place, "tick\n").await;
    for (name, text) in [("a.log.2", "tick\n"), ("a.log.1", "tock\n")] {
        place.rename("a.log", name);
        tokio::time::sleep(Duration::from_millis(30)).await;
        place.append("a.log", text);
    }
    let follower = place.follower("a.log");
    follower.gives("tick\ntock\n").await;
}

/// Three files of one pattern hold half a line each.
#[tokio::test]
async fn ap_rotated_files_of_a_pattern_are_one_text_after_a_restart() {
    let place = Place::new();
    place.append("a.log", "one t");
    let follower = place.follower("a.log*");
    follower.gives("one t").await;
    follower.files.checkpoints.save();
    kill(follower).await;
    for (name, text) in [("a.log.2", "wo "), ("a.log.1", "three f"), ("a.log", "our\n")] {
        place.append("a.log", text);
        if name != "a.log" {
            place.rename("a.log", name);
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let follower = place.follower("a.log*");
    follower.gives("wo three four\n").await;
    assert_eq!(follower.counts().0, 1, "one source gives all of them");
}
