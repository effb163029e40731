//! Files scrubbed in place through the library (docs/faults.md, S12 to S20): exactly the regions
//! change, whatever other programs do to the file at the same time.
#![cfg(target_os = "linux")]

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use crate::harness::expected::{PARTIAL_KEPT, PARTIAL_MASKED};
use crate::harness::{engine, regions, rng::Rng};
use crate::program::Raise;
use hushlog::redact::prefilter::Variant;
use hushlog::scrub::{Action, Findings, MaskError, MaskWriter, ScrubError, Scrubber};
use hushlog::{Finder, Mask, NeedleSet, Overlay, Secret};

const SECRETS: &[(&str, &str)] = &[
    ("KEY", "sk-live-4f9QzX"),
    ("LONG", "hunter2"),
    ("LONG", "hunter2-prod-key-1234567890"),
    ("A", "abcd"),
    ("B", "cdef"),
];

fn set_of(secrets: &[(&str, &str)]) -> Arc<NeedleSet> {
    let secrets = secrets.iter().map(|(name, value)| Secret::new(*name, value.as_bytes().to_vec())).collect();
    Arc::new(NeedleSet::exactly(secrets, Mask::default()).unwrap())
}

/// The definition: the expected content of the file.
fn scrubbed(set: &NeedleSet, text: &[u8], partial_len_min: usize) -> Vec<u8> {
    let mut out = text.to_vec();
    for (start, end, needle) in regions::naive(set, text, partial_len_min) {
        let region = &mut out[start as usize..end as usize];
        let label = format!("[{}]", set.name_and_form(needle).0);
        region.fill(b'*');
        if label.len() <= region.len() {
            region[..label.len()].copy_from_slice(label.as_bytes());
        }
    }
    out
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// A file that was last written a while ago.
fn old_file(path: &Path, text: &[u8]) -> File {
    fs::write(path, text).unwrap();
    let file = open(path);
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    file
}

fn scrub(scrubber: &Scrubber, file: &File) -> Result<Findings, ScrubError> {
    scrubber.scrub(file.as_fd(), &mut MaskWriter::new().unwrap())
}

/// A log with a secret every few lines, some of them touching or overlapping.
fn log(lines: usize, seed: u64) -> Vec<u8> {
    let mut rng = Rng(seed);
    let mut text = Vec::new();
    for n in 0..lines {
        write!(text, "2026-11-24T16:00:00Z app[{n}]: GET /v1/items?id={n} ").unwrap();
        match rng.below(12) {
            0 => text.extend_from_slice(SECRETS[rng.below(SECRETS.len())].1.as_bytes()),
            1 => text.extend_from_slice(b"abcdefhunter2sk-live-4f9QzX"),
            2 => text.extend_from_slice(b"sk-live-4f9Qzx hunter2-prod-ke"),
            _ => {}
        }
        text.push(b'\n');
    }
    text
}

/// S15: a secret across every block and buffer boundary, at the beginning and at the end; searched
/// whole and in parts.
#[test]
fn s15_secrets_across_every_boundary() {
    let dir = tempfile::tempdir().unwrap();
    let set = set_of(SECRETS);
    let mut rng = Rng(3);
    let mut text = rng.plain(40 << 20).iter().map(|byte| byte & 0x3f | 0x40).collect::<Vec<u8>>();
    let mut places = vec![0, text.len() - 27];
    for boundary in [4 << 10, 64 << 10, 256 << 10, 4 << 20, 8 << 20, 12 << 20, 16 << 20, 36 << 20] {
        for n in 0..4 {
            places.push(boundary * (1 + n * (n > 0 && boundary < 1 << 20) as usize) - 13 + n * 5);
        }
    }
    for place in places {
        text[place..place + 27].copy_from_slice(b"hunter2-prod-key-1234567890");
    }
    let want = scrubbed(&set, &text, PARTIAL_MASKED);
    assert!(want != text);
    for threads in [1, 2, 5] {
        let file = old_file(&dir.path().join("log"), &text);
        let findings = scrub(&Scrubber::new(Arc::clone(&set)).unwrap().threads(threads), &file).unwrap();
        assert!(fs::read(dir.path().join("log")).unwrap() == want, "with {threads} threads");
        assert_eq!(findings.count() as usize, regions::naive(&set, &text, PARTIAL_MASKED).len());
        assert_eq!(findings.bytes, text.len() as u64);
    }
}

/// Regions that span several parts, and parts that are one region.
#[test]
fn parts_with_long_and_dense_regions() {
    let dir = tempfile::tempdir().unwrap();
    let set = engine::exactly(&["aaaa", "aaab-aaab", "xyz"], engine::named(), Variant::Best);
    let mut text = vec![b'a'; 15 << 20];
    text.extend_from_slice(b"b-aaab");
    text.extend(b"xyz.xyzxyz-".iter().cycle().take(2 << 20));
    text.extend(vec![b'a'; 1 << 20]);
    let scrubber = |threads| Scrubber::new(Arc::clone(&set)).unwrap().threads(threads);
    let results = [1, 3].map(|threads| {
        let file = old_file(&dir.path().join("log"), &text);
        let findings = scrub(&scrubber(threads), &file).unwrap();
        (findings, fs::read(dir.path().join("log")).unwrap())
    });
    assert!(results[0] == results[1]);
    assert!(!results[0].1.windows(3).any(|three| three == b"xyz" || three == b"aaa"));
    assert_eq!(results[0].1.iter().filter(|&&byte| byte == b'.').count(), text.iter().filter(|&&b| b == b'.').count());
}

/// S17, S19, S20: attributes that stay, a second run, and the effect of `Count`.
#[test]
fn s17_s19_s20_only_regions_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let set = set_of(SECRETS);
    let text = log(5_000, 1);
    let file = old_file(&path, &text);
    let before = fs::metadata(&path).unwrap();
    let counted = scrub(&Scrubber::new(Arc::clone(&set)).unwrap().action(Action::Count), &file).unwrap();
    assert!(fs::read(&path).unwrap() == text);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before.modified().unwrap());
    let scrubber = Scrubber::new(Arc::clone(&set)).unwrap();
    let masked = scrub(&scrubber, &file).unwrap();
    assert_eq!(masked, counted);
    assert_eq!(masked.count() as usize, regions::naive(&set, &text, PARTIAL_MASKED).len());
    let want = scrubbed(&set, &text, PARTIAL_MASKED);
    assert!(fs::read(&path).unwrap() == want);
    let after = fs::metadata(&path).unwrap();
    let same =
        |metadata: &fs::Metadata| (metadata.ino(), metadata.len(), metadata.mode(), metadata.uid(), metadata.nlink());
    assert_eq!(same(&after), same(&before));
    assert!(after.modified().unwrap() > before.modified().unwrap(), "rsync and backups must see that it changed");
    file.set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(scrub(&scrubber, &file).unwrap().count(), 0);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before.modified().unwrap());
    assert!(fs::read(&path).unwrap() == want);
}

/// A chosen mask character, and the reported offsets.
#[test]
fn findings_tell_names_forms_and_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let set = set_of(SECRETS);
    let file = old_file(&dir.path().join("log"), b"..sk-live-4f9QzX..abcdef..sk-live-4f9QzX");
    let overlay = Overlay::of_char(&set, b'#').unwrap();
    let findings = scrub(&Scrubber::new(Arc::clone(&set)).unwrap().overlay(overlay), &file).unwrap();
    assert_eq!(fs::read(dir.path().join("log")).unwrap(), b"..##############..######..##############");
    let told: Vec<_> =
        findings.places.iter().map(|((name, form), p)| (name.as_str(), form.name(), &p.offsets)).collect();
    assert_eq!(told, [("A", "value", &vec![18]), ("KEY", "value", &vec![2, 26])]);
    assert!(!format!("{findings:?}").contains("sk-live"));
}

/// A partial match at the end of a file is masked without a writer, reported with one, and found
/// once its rest has come.
#[test]
fn a_partial_match_is_masked_unless_the_rest_may_come() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let set = set_of(SECRETS);
    let scrubber = Scrubber::new(Arc::clone(&set)).unwrap();
    let file = old_file(&path, b"x sk-live-4f9");
    assert_eq!(scrub(&scrubber, &file).unwrap().count(), 1);
    assert_eq!(fs::read(&path).unwrap(), b"x [KEY]******");
    let file = old_file(&path, b"x sk-live-4f9");
    let kept = Scrubber::new(Arc::clone(&set)).unwrap().mask_partial(false);
    assert_eq!(scrub(&kept, &file).unwrap(), Findings { bytes: 13, ..Findings::default() });

    fs::write(&path, b"x sk-live-4f9").unwrap();
    let findings = scrub(&scrubber, &open(&path)).unwrap();
    assert!(findings.partial_left && findings.count() == 0);
    assert_eq!(fs::read(&path).unwrap(), b"x sk-live-4f9");
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"QzX y").unwrap();
    let findings = scrub(&scrubber, &open(&path)).unwrap();
    assert!(!findings.partial_left && findings.count() == 1);
    assert_eq!(fs::read(&path).unwrap(), b"x [KEY]********* y");
    // A whole secret at the end is masked at once, although a longer one begins with it.
    fs::write(&path, b"x hunter2-prod-k").unwrap();
    assert!(scrub(&scrubber, &open(&path)).unwrap().partial_left);
    assert_eq!(fs::read(&path).unwrap(), b"x [LONG]*-prod-k");
}

/// A scrub waits a moment for the rest of a secret.
#[test]
fn the_rest_of_a_secret_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let set = set_of(SECRETS);
    fs::write(&path, b"x hunter2-prod-k").unwrap();
    let written = std::thread::scope(|scope| {
        let scrubbing = scope.spawn(|| scrub(&Scrubber::new(Arc::clone(&set)).unwrap(), &open(&path)).unwrap());
        std::thread::sleep(Duration::from_millis(60));
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"ey-1234567890 y\n").unwrap();
        scrubbing.join().unwrap()
    });
    assert!(!written.partial_left);
    assert_eq!(fs::read(&path).unwrap(), b"x [LONG]********************* y\n");
}

/// The mask writer's main hazard: a file that was truncated, and perhaps rewritten, after the
/// search.
#[test]
fn s13_the_mask_writer_never_makes_a_file_longer() {
    let dir = tempfile::tempdir().unwrap();
    let set = set_of(SECRETS);
    let mut text = vec![b'.'; 300_000];
    text[200_000..200_014].copy_from_slice(b"sk-live-4f9QzX");
    let mut finder = Finder::new(Arc::clone(&set));
    let region = finder.push(&text).next().unwrap();
    let overlay = Overlay::named(&set).unwrap();
    let mut writer = MaskWriter::new().unwrap();
    for len in [0, 5, 4_096, 199_990, 200_000, 200_007, 200_013] {
        let path = dir.path().join("log");
        fs::write(&path, &text[..len]).unwrap();
        let file = open(&path);
        let error = writer.on(file.as_fd()).unwrap().overwrite(&set, &overlay, &region).unwrap_err();
        assert!(matches!(error, MaskError::Truncated), "{error}");
        let error = writer.on(file.as_fd()).unwrap().overwrite_if_there(&set, &overlay, &region).unwrap_err();
        assert!(matches!(error, MaskError::Truncated), "{error}");
        assert_eq!(fs::metadata(&path).unwrap().len(), len as u64);
    }
    let path = dir.path().join("log");
    fs::write(&path, vec![b'-'; 300_000]).unwrap();
    let file = open(&path);
    let error = writer.on(file.as_fd()).unwrap().overwrite_if_there(&set, &overlay, &region).unwrap_err();
    assert!(matches!(error, MaskError::Changed), "{error}");
    assert!(fs::read(&path).unwrap() == vec![b'-'; 300_000]);
    fs::write(&path, &text).unwrap();
    writer.on(open(&path).as_fd()).unwrap().overwrite_if_there(&set, &overlay, &region).unwrap();
    assert!(fs::read(&path).unwrap() == scrubbed(&set, &text, PARTIAL_KEPT));
    let appending = OpenOptions::new().read(true).append(true).open(&path).unwrap();
    assert!(matches!(writer.on(appending.as_fd()).err().unwrap(), MaskError::Io(_)));
    let reading = File::open(&path).unwrap();
    assert!(matches!(writer.on(reading.as_fd()).err().unwrap(), MaskError::Io(_)));
}

/// S13: a file truncated and rewritten repeatedly during a scrub has no NULs and no byte of a
/// secret, and the change is reported.
#[test]
fn s13_truncation_and_copytruncate_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let set = set_of(SECRETS);
    let text = log(40_000, 2);
    let scrubber = Scrubber::new(Arc::clone(&set)).unwrap();
    let mut restarts = 0;
    for round in 0..20 {
        fs::write(&path, &text).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _done = Raise(&done);
                let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
                for n in 0..3 {
                    std::thread::sleep(Duration::from_micros(700 + 300 * round));
                    writer.set_len(0).unwrap();
                    writer.write_all(&text[..20_000 * (n + 1)]).unwrap();
                }
            });
            while !done.load(Relaxed) {
                match scrub(&scrubber, &open(&path)) {
                    Ok(findings) => restarts += findings.restarts,
                    Err(error) => assert!(matches!(error, ScrubError::KeepsChanging), "{error}"),
                }
            }
        });
        scrub(&scrubber, &open(&path)).unwrap();
        let left = fs::read(&path).unwrap();
        assert_eq!(left.len(), 60_000);
        assert!(!left.contains(&0), "a hole");
        assert!(regions::naive(&set, &left, PARTIAL_KEPT).is_empty());
        let want = scrubbed(&set, &text[..60_000], PARTIAL_KEPT);
        // Text that was searched twice may have the old text's mask, if the old text had one there;
        // nothing else may change.
        assert!(left == want, "other bytes were written");
    }
    assert!(restarts > 0, "no truncation was noticed");
}

/// S12: 10,000 numbered lines a second are appended during a scrub: none is lost, torn or doubled,
/// and none keeps a secret.
#[test]
fn s12_a_writer_appends_meanwhile() {
    const LINES: usize = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let set = set_of(SECRETS);
    File::create(&path).unwrap();
    let scrubber = Scrubber::new(Arc::clone(&set)).unwrap();
    let done = AtomicBool::new(false);
    let mut runs = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _done = Raise(&done);
            let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
            let start = std::time::Instant::now();
            for n in 0..LINES {
                let line = format!("{n:08} token=sk-live-4f9QzX user=hunter2-prod-key-1234567890 {n:08}\n");
                // Every seventh line comes in two pieces.
                let cut = if n % 7 == 0 { 20 } else { line.len() };
                writer.write_all(&line.as_bytes()[..cut]).unwrap();
                writer.write_all(&line.as_bytes()[cut..]).unwrap();
                if n % 100 == 0 {
                    let due = Duration::from_micros(100 * n as u64);
                    std::thread::sleep(due.saturating_sub(start.elapsed()));
                }
            }
        });
        while !done.load(Relaxed) {
            scrub(&scrubber, &open(&path)).unwrap();
            runs += 1;
        }
    });
    scrub(&scrubber, &open(&path)).unwrap();
    assert!(runs > 3, "{runs} runs only");
    let left = fs::read_to_string(&path).unwrap();
    assert_eq!(left.lines().count(), LINES);
    for (n, line) in left.lines().enumerate() {
        assert_eq!(line, format!("{n:08} token=[KEY]********* user=[LONG]********************* {n:08}"));
    }
}

/// S24: two scrubs at once with the same secrets, and a reader that must see only original or
/// masked bytes.
#[test]
fn s24_two_scrubs_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let set = set_of(SECRETS);
    let text = log(60_000, 4);
    let want = scrubbed(&set, &text, PARTIAL_MASKED);
    for _ in 0..5 {
        old_file(&path, &text);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| scrub(&Scrubber::new(Arc::clone(&set)).unwrap(), &open(&path)).unwrap());
            }
            for _ in 0..3 {
                let now = fs::read(&path).unwrap();
                assert!(now.iter().zip(&text).zip(&want).all(|((now, old), new)| now == old || now == new));
            }
        });
        assert!(fs::read(&path).unwrap() == want);
    }
}

/// S16: a large sparse file stays sparse, and memory stays small.
#[test]
fn s16_a_sparse_file_stays_sparse() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    let len: u64 = 2 << 30;
    file.set_len(len).unwrap();
    for place in [0, len / 2 - 7, len - 14] {
        file.seek(SeekFrom::Start(place)).unwrap();
        file.write_all(b"sk-live-4f9QzX").unwrap();
    }
    file.sync_all().unwrap();
    let blocks = file.metadata().unwrap().blocks();
    let findings = scrub(&Scrubber::new(set_of(SECRETS)).unwrap().threads(2), &file).unwrap();
    assert_eq!(findings.count(), 3);
    assert_eq!((file.metadata().unwrap().len(), file.metadata().unwrap().blocks()), (len, blocks));
    let mut end = [0; 14];
    file.read_exact_at(&mut end, len - 14).unwrap();
    assert_eq!(&end, b"[KEY]*********");
}

#[test]
fn nothing_to_search_is_searched() {
    let dir = tempfile::tempdir().unwrap();
    let file = old_file(&dir.path().join("log"), b"");
    assert_eq!(scrub(&Scrubber::new(set_of(SECRETS)).unwrap(), &file).unwrap(), Findings::default());
    let none = Scrubber::new(Arc::new(NeedleSet::builder().build().unwrap())).unwrap();
    let file = old_file(&dir.path().join("log"), b"sk-live-4f9QzX");
    assert_eq!(scrub(&none, &file).unwrap().count(), 0);
}

/// A scrub that is killed between two writes over a long secret leaves a mask and the rest of the
/// secret.
#[test]
fn a23_a_mask_that_had_only_begun_is_completed() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a.log");
    let mut rng = Rng(23);
    let value: String = (0..300_000).map(|_| char::from(b'a' + (rng.below(26) as u8))).collect();
    let set = set_of(&[("LONG", &value), ("KEY", "sk-live-4f9QzX")]);
    for overlay in [Overlay::named(&set).unwrap(), Overlay::of_char(&set, b'#').unwrap()] {
        let scrubber = Scrubber::new(Arc::clone(&set)).unwrap().overlay(overlay.clone());
        let text = format!("one sk-live-4f9QzX\ntwo {value} after\nthree\n");
        let file = old_file(&path, text.as_bytes());
        assert_eq!(scrub(&scrubber, &file).unwrap().count(), 2);
        let masked = fs::read(&path).unwrap();
        let start = text.find(&value).unwrap();
        for done in [1, 5, 6, 7, 63, 64, 65, 4096, 65_536, 131_072, 299_936] {
            let torn = [&masked[..start + done], &text.as_bytes()[start + done..]].concat();
            let file = old_file(&path, &torn);
            let count = Scrubber::new(Arc::clone(&set)).unwrap().overlay(overlay.clone()).action(Action::Count);
            assert_eq!(scrub(&count, &file).unwrap().count(), 1, "{done} bytes were masked");
            assert_eq!(scrub(&scrubber, &file).unwrap().count(), 1, "{done} bytes were masked");
            assert!(fs::read(&path).unwrap() == masked, "{done} bytes were masked, and not the rest");
            assert_eq!(scrub(&scrubber, &file).unwrap().count(), 0, "{done} bytes were masked");
            // The rest of a secret without a mask before it is other text.
            let other = [&text.as_bytes()[..start], &b"-".repeat(done)[..], &text.as_bytes()[start + done..]].concat();
            let other: Vec<u8> = String::from_utf8(other).unwrap().replace("sk-live", "sk-test").into();
            let file = old_file(&path, &other);
            assert_eq!(scrub(&scrubber, &file).unwrap().count(), 0, "{done} other bytes stand before it");
            assert!(fs::read(&path).unwrap() == other);
        }
    }
}

/// No write is so short that a kill before the last one leaves bytes that a search cannot
/// recognize.
#[test]
fn a23_no_step_is_short() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a.log");
    for len in [65_537, 65_540, 131_071, 131_073, 196_609] {
        let value: String = (0..len).map(|at: usize| char::from(b'a' + (at * at / 7 % 26) as u8)).collect();
        let set = set_of(&[("LONG", &value)]);
        let scrubber = Scrubber::new(Arc::clone(&set)).unwrap();
        let file = old_file(&path, format!("{value}\n").as_bytes());
        assert_eq!(scrub(&scrubber, &file).unwrap().count(), 1);
        let masked = fs::read(&path).unwrap();
        assert!(masked[6..len].iter().all(|byte| *byte == b'*') && masked.len() == len + 1, "{len}");
    }
}
