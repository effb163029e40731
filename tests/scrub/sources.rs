//! Files that secrets are read from stay unchanged, under any name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::session::needs;
use crate::program::{self, hushlog};
use crate::scrub::mount::{self, Mount};
use crate::scrub::{MASK, VALUE, assert_file, run, write_old};

/// A dotenv file, and a log with its value.
struct Place {
    scratch: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { scratch: tempfile::tempdir().expect("a temporary directory") };
        write_old(&place.at(".env"), source().as_bytes());
        write_old(&place.at("a.log"), text().as_bytes());
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// `hushlog scrub` with these arguments, run in the directory.
    fn scrub(&self, args: &[&str]) -> Command {
        let mut command = hushlog(["scrub"].iter().chain(args));
        command.env_clear().current_dir(self.scratch.path());
        command
    }
}

fn source() -> String {
    format!("CANARY_TOKEN={VALUE}\n")
}

fn text() -> String {
    format!("key {VALUE} end\n")
}

fn masked() -> String {
    format!("key {MASK} end\n")
}

/// The files that the one message names.
fn left_alone(said: &str) -> Vec<String> {
    let messages: Vec<&str> = said.lines().filter_map(|line| line.split("left alone: ").nth(1)).collect();
    let [message, _summary @ ..] = messages.as_slice() else { return Vec::new() };
    let (paths, _) = message.split_once(": it is a source of the secrets").expect("the reason");
    paths.split(", ").map(str::to_owned).collect()
}

#[test]
fn a20_a_scrub_leaves_its_own_source_and_says_so_once() {
    let place = Place::new();
    fs::hard_link(place.at(".env"), place.at("hard")).expect("room");
    fs::create_dir(place.at("below")).expect("room");
    fs::write(place.at("below/token"), format!("{VALUE}\n")).expect("room");
    let sources = [
        vec!["--dotenv", ".env", "--secret-file", "below"],
        vec!["--dotenv", "below/../hard", "--secret-file", "./below/token"],
        vec!["--dotenv", "/proc/self/cwd/.env", "--secret-file", "below/"],
    ];
    for options in [&["--hard-links"][..], &[], &["--rewrite"]] {
        for sources in &sources {
            write_old(&place.at("a.log"), text().as_bytes());
            let args = [&sources[..], options, &["--recursive", "."]].concat();
            let check = [&args[..], &["--check"]].concat();
            let said = run(&mut place.scrub(&check)).ends(1).says("found 1 in ./a.log").err();
            assert_eq!(left_alone(&said).len(), 2, "{said}");
            run(&mut place.scrub(&args)).ends(0).says("masked 1 in ./a.log").says("; 2 left alone");
            for (name, content) in [(".env", source()), ("hard", source()), ("below/token", format!("{VALUE}\n"))] {
                assert_file(&place.at(name), content.as_bytes());
            }
            if options != ["--rewrite"] {
                assert_file(&place.at("a.log"), masked().as_bytes());
            }
            // Nothing else is found, and the source is no finding.
            run(&mut place.scrub(&check)).ends(0).says("found 0 places");
        }
    }
    let args = ["--dotenv", ".env", ".env", "--report", "report.json"];
    run(&mut place.scrub(&args)).ends(0).says("left alone: .env: it is a source of the secrets");
    let report = fs::read_to_string(place.at("report.json")).expect("it was written");
    assert!(report.contains("it is a source of the secrets") && report.contains("\"found\": 0"), "{report}");
    assert_file(&place.at(".env"), source().as_bytes());
    // Another file with the same content is no source.
    fs::copy(place.at(".env"), place.at("copy")).expect("room");
    run(&mut place.scrub(&["--dotenv", ".env", "copy"])).ends(0).says("masked 1 in copy");
}

#[test]
fn a20_a_bind_mount_of_a_source_is_left_too() {
    needs!("mounts");
    if !mount::private() {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.at("logs")).expect("room");
    fs::rename(place.at(".env"), place.at("logs/token")).expect("ours");
    let bound = place.at("bound");
    let from = place.at("logs").display().to_string();
    let Some(_mount) = Mount::new(&["--bind", &from], &bound) else { return };
    run(&mut place.scrub(&["--dotenv", "logs/token", "bound/token"])).ends(0).says("left alone: bound/token");
    run(&mut place.scrub(&["--dotenv", "bound/token", "--recursive", "logs"])).ends(0).says("left alone: logs/token");
    assert_file(&place.at("logs/token"), source().as_bytes());
}

#[test]
fn a20_identities_keys_and_registries_are_left() {
    let place = Place::new();
    let program = |args: &[&str], input: &str| {
        let mut command = hushlog(args);
        command.env_clear().env("USER", "me").env("HUSHLOG_IDENTITY", "identity.txt").current_dir(place.scratch.path());
        program::run(&mut command, input.as_bytes()).ends(0).out()
    };
    program(&["keygen", "--output", "identity.txt"], "");
    program(&["keygen", "--signing", "--output", "signing.pem"], "");
    let identity = fs::read_to_string(place.at("identity.txt")).expect("it was made");
    let public = identity.lines().find_map(|line| line.split("age1").nth(1)).expect("a public key");
    let public = format!("age1{}", public.trim());
    let registry = ["--registry", "registry.yaml"];
    program(&[&["member", "add", "me", &public], &registry[..]].concat(), "");
    program(&[&["secret", "add", "canary-token", "--value-file", "-"], &registry[..]].concat(), VALUE);
    let before = ["identity.txt", "signing.pem", "registry.yaml"].map(|name| fs::read(place.at(name)).expect("there"));
    let mut scrub = place.scrub(&["--registry", "registry.yaml", "--identity", "identity.txt", "--recursive", "."]);
    let said = run(scrub.env("HUSHLOG_SIGN", "signing.pem")).ends(0).says("masked 1 in ./a.log").err();
    for name in ["identity.txt", "signing.pem", "registry.yaml"] {
        assert!(left_alone(&said).contains(&format!("./{name}")), "{said}");
    }
    let after = ["identity.txt", "signing.pem", "registry.yaml"].map(|name| fs::read(place.at(name)).expect("there"));
    assert!(before == after, "a key was changed");
}

#[test]
fn a20_all_files_of_a_session_are_left() {
    let place = Place::new();
    let directory = place.at("run");
    let mut boot = hushlog(["boot", "--dotenv", ".env", "--allow-disk", "--quiet"]);
    boot.env_clear().env("HUSHLOG_RUN_DIR", &directory).current_dir(place.scratch.path());
    program::run(&mut boot, b"").ends(0);
    let files = |directory: &Path| {
        let mut files = Vec::new();
        let mut left = vec![directory.to_owned()];
        while let Some(path) = left.pop() {
            for entry in fs::read_dir(&path).expect("ours").map(|entry| entry.expect("readable")) {
                match entry.file_type().expect("readable") {
                    kind if kind.is_dir() => left.push(entry.path()),
                    kind if kind.is_file() => files.push((entry.path(), fs::read(entry.path()).expect("readable"))),
                    _ => {}
                }
            }
        }
        files.sort();
        files
    };
    let before = files(&directory);
    assert!(before.len() > 2, "{:?}", before.iter().map(|(path, _)| path).collect::<Vec<_>>());
    let mut scrub = place.scrub(&["--session", "--recursive", "."]);
    let said = run(scrub.env("HUSHLOG_RUN_DIR", &directory)).ends(0).says("masked 1 in ./a.log").err();
    assert!(files(&directory) == before, "the session was changed: {said}");
    assert_eq!(left_alone(&said).len(), before.len(), "{said}");
    // The dotenv file that the session was made from is not one of the session's own files.
    assert_ne!(fs::read(place.at(".env")).expect("there"), source().as_bytes());
    assert_eq!(fs::metadata(place.at(".env")).expect("there").permissions().mode() & 0o111, 0);
}
