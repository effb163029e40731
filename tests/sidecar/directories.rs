//! Directories that a sidecar scrubs and guards by its configuration, while its secrets change.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use hushlog::sys::file::FileId;
use hushlog::sys::lock;

use crate::guard::Disk;
use crate::program;
use crate::program::session::needs;
use crate::sidecar::{self, Place, VALUE, until};

/// The mask over the secret in a file that keeps its length.
const COVER: &str = "[API_TOKEN]******";
const OTHER: &str = "another-value-9f3b1c7e";

#[test]
fn a_directory_is_scrubbed_again_and_again() {
    let place = Place::new();
    fs::create_dir_all(place.path("log/below")).expect("room");
    fs::write(place.path("log/old.log"), format!("old {VALUE} {OTHER}\n")).expect("room");
    fs::write(place.path("log/below/old.log"), format!("below {VALUE}\n")).expect("room");
    fs::write(place.path("log/data.db"), VALUE).expect("room");
    let config = place.configure(
        "secrets: { secret_files: [DIR/secrets] }\ncontrol: DIR/control\nscrub:\n  - directory: DIR/log\n    recursive: true\n    \
         include: [\"*.log\"]\n    every_seconds: 1\n",
    );
    let mut sidecar = place.start(&config);
    sidecar.file_is("log/old.log", &format!("old {COVER} {OTHER}\n"));
    sidecar.file_is("log/below/old.log", &format!("below {COVER}\n"));
    assert_eq!(fs::read_to_string(sidecar.path("log/data.db")).expect("it is there"), VALUE);
    sidecar.says("masked 1 in ");
    // Text that came since, and text that was not secret before.
    fs::write(sidecar.path("log/new.log"), format!("new {VALUE}\n")).expect("room");
    sidecar.file_is("log/new.log", &format!("new {COVER}\n"));
    sidecar.ask(&["add", "B"], OTHER).ends(0);
    sidecar.file_is("log/old.log", &format!("old {COVER} [B]{}\n", "*".repeat(OTHER.len() - 3)));
    sidecar.stop();
}

#[test]
fn a20_a_sidecar_leaves_its_own_sources_through_reloads() {
    let place = Place::new();
    let source = format!("A={VALUE}\n");
    fs::create_dir(place.path("log")).expect("room");
    fs::write(place.path("log/.env"), &source).expect("room");
    fs::write(place.path("log/old.log"), format!("old {VALUE}\n")).expect("room");
    let config = place.configure(
        "secrets: { dotenv: [DIR/log/.env] }\ncontrol: DIR/control\nscrub:\n  - directory: DIR/log\n    every_seconds: 1\n",
    );
    let mut sidecar = place.start(&config);
    let masked = |word: &str| format!("{word} [A]{}\n", "*".repeat(VALUE.len() - 3));
    sidecar.file_is("log/old.log", &masked("old"));
    let scrubbed_again = |sidecar: &mut sidecar::Sidecar, name: &str| {
        fs::write(sidecar.path(&format!("log/{name}")), format!("new {VALUE}\n")).expect("room");
        sidecar.file_is(&format!("log/{name}"), &masked("new"));
    };
    scrubbed_again(&mut sidecar, "one.log");
    let env = |sidecar: &sidecar::Sidecar| fs::read_to_string(sidecar.path("log/.env")).expect("it is there");
    assert_eq!(env(&sidecar), source);
    // An editor saves from outside the directory, and keeps the previous file.
    let new = format!("{source}B={OTHER}\n");
    fs::write(sidecar.path("new"), &new).expect("room");
    fs::rename(sidecar.path("log/.env"), sidecar.path("log/.env~")).expect("ours");
    fs::rename(sidecar.path("new"), sidecar.path("log/.env")).expect("ours");
    scrubbed_again(&mut sidecar, "two.log");
    sidecar.ask(&["reload"], "").ends(0);
    scrubbed_again(&mut sidecar, "three.log");
    assert_eq!(env(&sidecar), new);
    assert_eq!(fs::read_to_string(sidecar.path("log/.env~")).expect("it is there"), source);
    sidecar.says("left alone: ");
    sidecar.stop();
}

#[test]
fn a_directory_is_guarded_and_new_secrets_too() {
    needs!("fanotify");
    let Some(disk) = Disk::new("ext4") else { return };
    let place = Place::new();
    let config = place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets] }}\ncontrol: DIR/control\nguard: {{ directories: [{}] }}\n",
        disk.log().display()
    ));
    let mut sidecar = place.start(&config);
    sidecar.says("guarding ");
    let read = |name: &str| fs::read_to_string(disk.file(name)).expect("it can be read");
    fs::write(disk.file("a.log"), format!("a {VALUE} {OTHER}\n")).expect("room");
    assert_eq!(read("a.log"), format!("a {COVER} {OTHER}\n"));
    sidecar.ask(&["add", "B"], OTHER).ends(0);
    let masked = format!("a {COVER} [B]{}\n", "*".repeat(OTHER.len() - 3));
    until("the guard has the new one", || read("a.log") == masked);
    fs::write(disk.file("b.log"), format!("b {VALUE} {OTHER}\n")).expect("room");
    assert_eq!(read("b.log"), masked.replacen('a', "b", 1));
    sidecar.stop();
}

#[test]
fn a04_no_other_guard_takes_the_directory_while_the_set_changes() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can guard");
    }
    let Some(disk) = Disk::new("ext4") else { return };
    let place = Place::new();
    let config = place.configure(&format!(
        "secrets: {{ secret_files: [DIR/secrets] }}\ncontrol: DIR/control\nguard: {{ directories: [{}] }}\n",
        disk.log().display()
    ));
    let mut sidecar = place.start(&config);
    sidecar.says("guarding ");
    let directory = FileId::of(fs::File::open(disk.log()).expect("it is there")).expect("it is there");
    let changed = AtomicBool::new(false);
    thread::scope(|scope| {
        // A second guard tries repeatedly, so that it has the lock as soon as it is free.
        let tries = scope.spawn(|| {
            let mut tries = 0;
            while !changed.load(Relaxed) || tries < 1_000 {
                lock::of_inode(directory, Duration::ZERO).expect_err("the directory is the sidecar's");
                tries += 1;
            }
        });
        sidecar.ask(&["add", "B"], OTHER).ends(0);
        let masked = format!("[B]{}\n", "*".repeat(OTHER.len() - 3));
        let path = disk.file("a.log");
        until("the guard has the new one", || {
            fs::write(&path, format!("{OTHER}\n")).expect("room");
            fs::read_to_string(&path).expect("it can be read") == masked
        });
        changed.store(true, Relaxed);
        tries.join().expect("no try succeeds");
    });
    sidecar.stop();
}

#[test]
fn a_guard_that_cannot_run_is_reported_before_anything_runs() {
    let place = Place::new();
    let config = place.configure("secrets: { secret_files: [DIR/secrets] }\nguard: { directories: [DIR/missing] }\n");
    let mut command = program::hushlog(["sidecar", "--config"]);
    let ran = program::run_within(command.arg(&config), b"", sidecar::PATIENCE).ends(2);
    assert!(ran.err().contains("cannot open the guard of directories"), "{}", ran.err());
}
