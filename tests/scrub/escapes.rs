//! Docker logs stay valid JSON: row A24 of `docs/faults.md`.
#![cfg(target_os = "linux")]

use std::fs::{self, OpenOptions};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::harness::rng::Rng;
use hushlog::redact::naive::readings;
use hushlog::redact::secret::UNGUESSABLE_LEN_MIN;
use hushlog::scrub::{MaskWriter, Scrubber};
use hushlog::{NeedleSet, Secret};
use serde_json::Value;

/// Everything that JSON escapes, and the characters that follow a backslash then.
const PIECES: [&str; 9] = ["ab\\", "\\", "\"", "nab", "\u{1}", "ab", "u0061", "\u{1f511}", "z"];

/// The length of a text with its escapes undone. A shorter one than [`UNGUESSABLE_LEN_MIN`] is not
/// searched for.
fn read_len(text: &str) -> usize {
    readings::plain(text.as_bytes(), true).0.len()
}

#[test]
fn a24_a_scrubbed_docker_log_stays_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a-json.log");
    let mut rng = Rng(24);
    let (mut masked, mut torn) = (0, 0);
    for _ in 0..400 {
        let mut text = |len: usize| -> String { (0..len).map(|_| PIECES[rng.below(PIECES.len())]).collect() };
        let (secret, lines) = (text(4), [text(9), text(9), text(9)]);
        if [&secret, &format!("\\{secret}")].into_iter().any(|text| read_len(text.trim()) < UNGUESSABLE_LEN_MIN) {
            continue;
        }
        let record = |line: &String| {
            let text = serde_json::to_string(&format!("{line}\n")).unwrap();
            format!("{{\"log\":{text},\"stream\":\"stdout\",\"time\":\"2026-11-24T16:00:00.123456789Z\"}}\n")
        };
        // A match in the raw bytes but not in the text, at its beginning and at its end.
        let mut records: Vec<String> = lines.iter().map(record).collect();
        records.push(record(&format!("{secret}\" \\{secret}")));
        if let Some(beginning) = secret.strip_suffix('\\') {
            records.push(record(&format!("{beginning}\"")));
        }
        let before = records.concat();
        fs::write(&path, &before).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        let set = Arc::new(NeedleSet::builder().secret(Secret::new("S", secret.clone().into_bytes())).build().unwrap());
        let scrubber = Scrubber::new(Arc::clone(&set)).unwrap();
        scrubber.scrub(file.as_fd(), &mut MaskWriter::new().unwrap()).unwrap();
        let after = fs::read_to_string(&path).unwrap();
        assert_eq!(after.len(), before.len());
        assert_eq!(after.lines().count(), before.lines().count(), "{secret:?}: {after}");
        for (old, new) in before.lines().zip(after.lines()) {
            let told = || format!("{secret:?}\n{old}\n{new}");
            let parsed: Value = serde_json::from_str(new).unwrap_or_else(|error| panic!("{error}: {}", told()));
            let known: Value = serde_json::from_str(old).unwrap();
            assert!(parsed["stream"] == known["stream"] && parsed["time"] == known["time"], "{}", told());
            assert!(!parsed["log"].as_str().unwrap().contains(&secret), "{}", told());
            let is_found = set.is_match(old.as_bytes());
            assert_eq!(new != old, is_found, "{}", told());
            masked += usize::from(is_found);
            torn += usize::from(is_found && !known["log"].as_str().unwrap().contains(&secret));
        }
    }
    assert!(masked > 100 && torn > 0, "{masked} {torn}");
}

/// A rewrite masks whole escapes, also in a compressed log and in parts across records.
#[test]
fn a24_a_rewritten_docker_log_stays_json() {
    use crate::scrub::{VALUE, age, run, scrub};
    use flate2::{Compression, read::GzDecoder, write::GzEncoder};
    use std::io::{Read, Write};

    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "nab-canary-u0061\\").unwrap();
    let raw = "nab-canary-u0061\\";
    let record = |text: &str, end: &str| {
        format!("{{\"log\":\"{text}{end}\",\"stream\":\"stdout\",\"time\":\"2026-11-24T16:00:00.1Z\"}}\n")
    };
    let filler = "z".repeat(9_000);
    let texts = [
        record(&format!("one \\{raw}\" {VALUE}"), "\\n"),
        record(&format!("{filler}\\{raw}\\{raw}n{raw}u00e9"), "\\n"),
        record(&format!("{filler}\\{}", &raw[..5]), "") + &record(&format!("{}\" end", &raw[5..]), "\\n"),
    ]
    .concat();
    for line in texts.lines() {
        serde_json::from_str::<Value>(line).expect("the test's own records");
    }
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let (plain, packed) = (logs.join("a-json.log"), logs.join("b-json.log.1.gz"));
    fs::write(&plain, &texts).unwrap();
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(texts.as_bytes()).unwrap();
    fs::write(&packed, packer.finish().unwrap()).unwrap();
    [&plain, &packed].into_iter().for_each(|path| age(path));
    let mut command = scrub(["--rewrite".as_ref(), "--secret-file".as_ref(), secret.as_os_str(), logs.as_os_str()]);
    run(&mut command).ends(0);
    let mut unpacked = String::new();
    GzDecoder::new(&fs::read(&packed).unwrap()[..]).read_to_string(&mut unpacked).unwrap();
    for after in [fs::read_to_string(&plain).unwrap(), unpacked] {
        assert!(!after.contains("canary"), "{after}");
        assert_eq!(after.lines().count(), texts.lines().count());
        for line in after.lines() {
            let parsed: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(parsed["stream"], "stdout");
        }
    }
}

/// A number, list or object that is a secret has a mask with quotes: in place, in a container's
/// record, and rewritten.
#[test]
fn a_scrubbed_bare_value_stays_json() {
    use crate::scrub::{age, run, scrub};

    let dir = tempfile::tempdir().unwrap();
    let sources = dir.path().join("sources");
    fs::create_dir(&sources).unwrap();
    fs::write(sources.join("PIN"), "88442277").unwrap();
    fs::write(sources.join("CFG"), r#"{"api_key":"zk-4471-moon-kite"}"#).unwrap();
    let text = r#"{"pin":88442277,"cfg":{"api_key":"zk-4471-moon-kite"},"n":1}"#;
    let record = format!(
        "{{\"log\":{},\"stream\":\"stdout\",\"time\":\"2026-11-24T16:00:00.123456789Z\"}}\n",
        serde_json::to_string(&format!("{text}\n")).unwrap()
    );
    for options in [&[][..], &["--rewrite"]] {
        let logs = dir.path().join(format!("logs{}", options.len()));
        fs::create_dir(&logs).unwrap();
        let (plain, docker) = (logs.join("a.log"), logs.join("b-json.log"));
        fs::write(&plain, format!("{text}\n")).unwrap();
        fs::write(&docker, &record).unwrap();
        [&plain, &docker].into_iter().for_each(|path| age(path));
        let mut command = scrub(["--secret-file".as_ref(), sources.as_os_str(), logs.as_os_str()]);
        run(command.args(options)).ends(0);
        let parsed =
            |text: &str| -> Value { serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")) };
        let plain = parsed(&fs::read_to_string(&plain).unwrap());
        let docker = parsed(&fs::read_to_string(&docker).unwrap());
        for line in [plain, parsed(docker["log"].as_str().unwrap())] {
            assert!(line["pin"].is_string() && line["cfg"].is_string() && line["n"] == 1, "{line}");
            assert!(!line.to_string().contains("zk-") && !line.to_string().contains("8844"), "{line}");
        }
    }
}

#[test]
fn a_scrubbed_line_ends_its_colours() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    fs::write(&path, "a \x1b[31mzk-44\x1b[0m71-moon b\n").unwrap();
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let set = NeedleSet::builder().secret(Secret::new("KEY", b"zk-4471-moon".to_vec())).build().unwrap();
    let scrubber = Scrubber::new(Arc::new(set)).unwrap();
    scrubber.scrub(file.as_fd(), &mut MaskWriter::new().unwrap()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a \x1b[31m[KEY]*******\x1b[0m b\n");
}
