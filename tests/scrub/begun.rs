//! Partly masked secrets: a scrub recognizes the remaining parts by the masks of an earlier one.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::harness::rng::Rng;
use crate::program::session::needs;
use crate::scrub::{
    NAME, VALUE, age, assert_file, assert_same, end, installed, kill, root, run, scrub, scrub_injected_at, start, tool,
    write_old,
};

fn stars(len: usize) -> String {
    "*".repeat(len)
}

/// Files by name, last written an hour ago.
fn files(files: &[(&str, String)]) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    files.iter().for_each(|(name, text)| write_old(&scratch.path().join(name), text.as_bytes()));
    scratch
}

#[track_caller]
fn assert_files(directory: &Path, files: &[(&str, String)]) {
    files.iter().for_each(|(name, text)| assert_file(&directory.join(name), text.as_bytes()));
}

/// After a kill, any subset of the parts of a secret across file boundaries may be masked.
#[test]
fn ap_a_secret_masked_in_some_files_is_completed() {
    let cuts: [&[usize]; 6] = [&[14], &[5], &[23], &[6, 20], &[9, 10], &[7, 15, 22]];
    for cuts in cuts {
        let ends = cuts.iter().copied().chain([VALUE.len()]);
        let parts: Vec<&str> =
            [0].into_iter().chain(cuts.iter().copied()).zip(ends).map(|(a, b)| &VALUE[a..b]).collect();
        let last = parts.len() - 1;
        let name = |at: usize| ["a.log.3", "a.log.2", "a.log.1", "a.log"][4 - parts.len() + at];
        let all = |masked: &dyn Fn(usize) -> bool| -> Vec<(&str, String)> {
            let part = |(at, part): (usize, &&str)| {
                let part = if masked(at) { stars(part.len()) } else { (*part).to_owned() };
                let (before, after) = (if at == 0 { "one\n" } else { "" }, if at == last { " two\n" } else { "" });
                (name(at), format!("{before}{part}{after}"))
            };
            parts.iter().enumerate().map(part).collect()
        };
        for subset in 1..(1 << parts.len()) - 1 {
            let is_masked = |at: usize| subset & (1 << at) != 0;
            if !parts.iter().enumerate().any(|(at, part)| !is_masked(at) && part.len() >= 4) {
                continue;
            }
            let scratch = files(&all(&is_masked));
            run(&mut scrub(["--check".as_ref(), scratch.path().as_os_str()])).ends(1);
            run(&mut scrub([scratch.path()])).ends(0);
            assert_files(scratch.path(), &all(&|_| true));
            run(&mut scrub(["--check".as_ref(), scratch.path().as_os_str()])).ends(0);
        }
    }
}

/// The masks of whole secrets may touch the mask of the other half, which is longer than this half.
#[test]
fn ap_a_rest_beside_masks_of_whole_secrets_is_completed() {
    let len = VALUE.len();
    for whole in 1..4 {
        for (masked, is_first) in [(len - 8, false), (len - 8, true), (len / 2 + 1, false)] {
            let masks = stars(masked + whole * len);
            let (older, newer) = if is_first {
                (format!("one {}", &VALUE[..len - masked]), format!("{masks} two\n"))
            } else {
                (format!("one {masks}"), format!("{} two\n", &VALUE[masked..]))
            };
            let scratch = files(&[("a.log.1", older), ("a.log", newer)]);
            run(&mut scrub(["--check".as_ref(), scratch.path().as_os_str()])).ends(1);
            run(&mut scrub([scratch.path()])).ends(0);
            let (older, newer) = if is_first { (len - masked, masks.len()) } else { (masks.len(), len - masked) };
            let (older, newer) = (format!("one {}", stars(older)), format!("{} two\n", stars(newer)));
            assert_files(scratch.path(), &[("a.log.1", older), ("a.log", newer)]);
        }
    }
    // One byte more belongs to no secret, and the few bytes after it are not recognized as a half.
    let before = [("a.log.1", stars(2 * len - 7)), ("a.log", format!("{} two\n", &VALUE[len - 8..]))];
    let scratch = files(&before);
    run(&mut scrub([scratch.path()])).ends(0);
    assert_files(scratch.path(), &before);
}

/// A file that is all mask goes on with the masks of the one before it, in either order of names.
#[test]
fn ap_a_rest_behind_a_file_that_is_all_mask_is_completed() {
    let (len, cut) = (VALUE.len(), 10);
    for names in [["a.log.3", "a.log.2", "a.log.1"], ["a.log-20261101", "a.log-20261102", "a.log-20261103"]] {
        let files_of = |rest: &str| {
            let middle = stars(len - cut + len - 8);
            [
                (names[0], format!("one {}", stars(cut))),
                (names[1], middle),
                (names[2], String::new()),
                ("a.log", format!("{rest} two\n")),
            ]
        };
        let scratch = files(&files_of(&VALUE[len - 8..]));
        run(&mut scrub(["--check".as_ref(), scratch.path().as_os_str()])).ends(1);
        run(&mut scrub([scratch.path()])).ends(0);
        assert_files(scratch.path(), &files_of(&stars(8)));
    }
}

/// Rotation gave the writer a new file: a rewrite takes the old one's end for no end either.
#[test]
fn ap_a_rewrite_leaves_a_half_whose_rest_is_on_its_way() {
    let (first, rest) = VALUE.split_at(VALUE.len() - 4);
    let before = [("a.log.1", format!("one {VALUE} {first}")), ("a.log", String::new())];
    let after = |end: &str, next: String| [("a.log.1", format!("one [REDACTED:{NAME}] {end}")), ("a.log", next)];
    let scratch = files(&before);
    let log = scratch.path().join("a.log.1");
    File::options().append(true).open(&log).expect("ours").set_modified(SystemTime::now()).expect("ours");
    let ran = run(&mut scrub(["--rewrite".as_ref(), scratch.path().as_os_str()])).ends(0);
    assert!(ran.err().contains("it ends in the beginning of a secret"), "{}", ran.err());
    assert_files(scratch.path(), &after(first, String::new()));
    write_old(&scratch.path().join("a.log"), format!("{rest} two\n").as_bytes());
    age(&log);
    run(&mut scrub(["--rewrite".as_ref(), scratch.path().as_os_str()])).ends(0);
    assert_files(scratch.path(), &after(&stars(first.len()), format!("{} two\n", stars(rest.len()))));
}

/// A file that ends within an unfinished secret is not joined to a mask in another file.
#[test]
fn ap_a_rest_on_its_way_is_waited_for_beside_a_mask() {
    let (first, rest) = VALUE.split_at(11);
    // The older file begins with the mask of a secret.
    let before =
        [("a.log.2", format!("{} x\n", stars(VALUE.len()))), ("a.log.1", first.to_owned()), ("a.log", String::new())];
    let scratch = files(&before);
    let log = scratch.path().join("a.log.1");
    let mut writer = File::options().append(true).open(&log).expect("ours");
    writer.set_modified(SystemTime::now()).expect("ours");
    run(&mut scrub([scratch.path()])).ends(0);
    assert_file(&log, first.as_bytes());
    writeln!(writer, "{rest}").expect("room");
    run(&mut scrub(["--mask-char".as_ref(), "*".as_ref(), scratch.path().as_os_str()])).ends(0);
    assert_file(&log, format!("{}\n", stars(VALUE.len())).as_bytes());
}

/// The file with the second half is overwritten while the scrub waits for the disk after the first
/// half.
#[test]
fn ap_s13_a_half_that_was_written_over_is_left() {
    needs!("strace");
    let (first, rest) = VALUE.split_at(11);
    let scratch = files(&[("a.log.1", first.to_owned()), ("a.log", format!("{rest} two\n"))]);
    let (older, newer) = (scratch.path().join("a.log.1"), scratch.path().join("a.log"));
    let mut child = start(&mut scrub_injected_at(&older, "fsync:delay_enter=1500000:when=1", [scratch.path()]));
    let masked = stars(first.len());
    while fs::read(&older).expect("ours") != masked.as_bytes() {
        assert!(child.try_wait().expect("our child").is_none(), "it ended without a mask");
        std::thread::sleep(Duration::from_millis(1));
    }
    let text = "a new line that is no secret at all, and longer\n";
    let mut writer = File::options().write(true).truncate(true).open(&newer).expect("ours");
    writer.write_all(text.as_bytes()).expect("room");
    end(&mut child).ends(0);
    assert_file(&newer, text.as_bytes());
}

/// A search across file boundaries opens no FIFO, socket or device.
#[test]
fn ap_a_scrub_joins_regular_files_only() {
    let half = VALUE[..11].to_owned();
    let scratch = files(&[("a.log.1", half.clone()), ("b.log.1", half.clone()), ("c.log.1", half.clone())]);
    let at = |name: &str| scratch.path().join(name);
    tool("mkfifo", [at("a.log")]);
    let _socket = std::os::unix::net::UnixListener::bind(at("b.log")).expect("a short path");
    if root() && installed(&["mknod"]) {
        // A read of this device would never end.
        tool("mknod", [at("c.log").as_os_str(), "c".as_ref(), "1".as_ref(), "5".as_ref()]);
    }
    for options in [&[][..], &["--check"], &["--rewrite"]] {
        let args = options.iter().map(OsStr::new).chain([scratch.path().as_os_str()]);
        run(&mut scrub(args)).ends(0);
        assert_files(scratch.path(), &["a.log.1", "b.log.1", "c.log.1"].map(|name| (name, half.clone())));
    }
}

fn docker(text: &str) -> String {
    format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"2026-11-24T16:00:00.000000000Z\"}}\n")
}

fn cri(tag: &str, text: &str) -> String {
    format!("2026-11-24T16:00:00.000000000Z stdout {tag} {text}\n")
}

/// The secret, as three records of one line.
fn records(is_docker: bool, parts: [&str; 3], text: &str) -> [String; 3] {
    let [first, second, third] = parts;
    if is_docker {
        [docker(&format!("{text}{first}")), docker(second), docker(&format!("{third} end\\n"))]
    } else {
        [cri("P", &format!("{text}{first}")), cri("P", second), cri("F", &format!("{third} end"))]
    }
}

/// A scrub of records that is killed before any call leaves parts that the next one masks, within a
/// file and across a file boundary.
#[test]
fn ap_s10_a_scrub_of_records_is_killed() {
    needs!("strace");
    let parts = [&VALUE[..9], &VALUE[9..12], &VALUE[12..]];
    let masked = parts.map(|part| stars(part.len()));
    let masked = [&*masked[0], &masked[1], &masked[2]];
    for is_docker in [true, false] {
        let text = "long ".repeat(4_000);
        let (old, new) = (records(is_docker, parts, &text), records(is_docker, masked, &text));
        for boundary in [0, 1, 2] {
            let names = if is_docker { ["f-json.log.1", "f-json.log"] } else { ["0.log.20261127-101010", "0.log"] };
            let split = |records: &[String; 3]| {
                let all = [(names[0], records[..boundary].concat()), (names[1], records[boundary..].concat())];
                all[usize::from(boundary == 0)..].to_vec()
            };
            let (old, new) = (split(&old), split(&new));
            let scratch = files(&old);
            let other = tempfile::tempdir().expect("a temporary directory");
            let args = ["--jobs".as_ref(), "1".as_ref(), scratch.path().as_os_str()];
            let mut calls = kill::calls_of(&args, other.path());
            calls.retain(|call| ["read", "fsync"].contains(&&**call));
            let before = || old.iter().for_each(|(name, text)| write_old(&scratch.path().join(name), text.as_bytes()));
            let mut halves = 0;
            kill::before_each(&calls, &args, before, |what| {
                let is_half = old.iter().zip(&new).filter(|((name, _), (_, new))| {
                    fs::read(scratch.path().join(name)).expect("ours") != new.as_bytes()
                });
                halves += usize::from((1..old.len() + 1).contains(&is_half.count()));
                run(&mut scrub([scratch.path()])).ends(0);
                for (name, new) in &new {
                    let found = fs::read(scratch.path().join(name)).expect("ours");
                    assert_same(
                        &found,
                        new.as_bytes(),
                        &format!("{what}, docker {is_docker}, boundary {boundary}, {name}"),
                    );
                }
            });
            assert!(halves > 0, "no kill left a half");
        }
    }
}

/// Records with some masked parts; the remaining beginning of the secret has at least four bytes.
#[test]
fn ap_a_secret_masked_in_some_records_is_completed() {
    for is_docker in [true, false] {
        for cuts in [[4, 8], [9, 10], [20, 27], [1, 27]] {
            let parts = [&VALUE[..cuts[0]], &VALUE[cuts[0]..cuts[1]], &VALUE[cuts[1]..]];
            let masks = parts.map(|part| stars(part.len()));
            for left in 1..=2 {
                if cuts[left - 1] < 4 {
                    continue;
                }
                let begun: [&str; 3] = std::array::from_fn(|at| if at < left { parts[at] } else { &*masks[at] });
                let all = [&*masks[0], &*masks[1], &*masks[2]];
                let [begun, all] = [begun, all].map(|parts| records(is_docker, parts, "x ").concat());
                for options in [&["--check"][..], &[], &["--rewrite"]] {
                    let scratch = files(&[("f.log", begun.clone())]);
                    let args = options.iter().map(OsStr::new).chain([scratch.path().as_os_str()]);
                    let is_check = options == ["--check"];
                    run(&mut scrub(args)).ends(i32::from(is_check));
                    let wanted = if is_check { &begun } else { &all };
                    assert_files(scratch.path(), &[("f.log", wanted.clone())]);
                }
                let scratch = files(&[("f.log", all.clone())]);
                run(&mut scrub(["--check".as_ref(), scratch.path().as_os_str()])).ends(0);
            }
        }
    }
    // In another stream, or next to a mask that is too short, the rest is text.
    let other = docker("****************").replace("stdout", "stderr");
    let text = [docker(&VALUE[..20]) + &other + &docker("x\\n"), docker(&VALUE[..20]) + &docker("*******\\n")];
    for text in text {
        let scratch = files(&[("f.log", text.clone())]);
        run(&mut scrub([scratch.path()])).ends(0);
        assert_files(scratch.path(), &[("f.log", text)]);
    }
}

/// A mask that a kill has left half-way is known in a copy that was compressed since, and in a
/// rewrite.
#[test]
fn a23_a_begun_mask_is_known_compressed_and_rewritten() {
    needs!("gzip");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (source, logs) = (scratch.path().join("LONG"), scratch.path().join("logs"));
    let mut rng = Rng(23);
    let value: String = (0..300_000).map(|_| char::from(b'a' + rng.below(26) as u8)).collect();
    fs::create_dir(&logs).expect("room");
    fs::write(&source, &value).expect("room");
    let scrubbed = |options: &[&str]| {
        let (name, source) = (OsStr::new("--secret-file"), source.as_os_str());
        let options = options.iter().map(OsStr::new).chain([name, source, logs.as_os_str()]);
        run(&mut scrub(options))
    };
    let start = "one\n".len();
    let text = format!("one\n{value}\ntwo\n");
    for done in [9, 4096, 65_536, 299_900] {
        let mask = ["[LONG]", &"*".repeat(done)].concat();
        let torn = [&text[..start], &mask[..done], &text[start + done..]].concat();
        for name in ["plain.log", "packed.log"] {
            write_old(&logs.join(name), torn.as_bytes());
        }
        tool("gzip", ["-f".as_ref(), logs.join("packed.log").as_os_str()]);
        age(&logs.join("packed.log.gz"));
        let ran = scrubbed(&["--check"]).ends(1);
        for name in ["plain.log", "packed.log.gz"] {
            assert!(ran.err().contains(&format!("found 1 in {}", logs.join(name).display())), "{}", ran.err());
        }
        scrubbed(&["--rewrite"]).ends(0);
        let masked = [&text[..start], "[LONG]", &"*".repeat(value.len() - 6), "\ntwo\n"].concat();
        let plain = fs::read(logs.join("plain.log")).expect("readable");
        let packed = tool("gzip", ["-dc".as_ref(), logs.join("packed.log.gz").as_os_str()]);
        for there in [plain, packed] {
            assert!(there == masked.as_bytes(), "{done} bytes were masked, and not the rest");
        }
        scrubbed(&["--check"]).ends(0);
    }
}
