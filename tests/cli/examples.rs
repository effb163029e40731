//! `examples/`: the configurations, and the list of all files. The Rust programs compare their own
//! output: `cargo test --examples`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{hushlog, run};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn config(name: &str) -> String {
    fs::read_to_string(directory().join("config").join(name)).expect("an example")
}

/// A directory with a secret in a file and in a dotenv file.
fn secrets() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("secrets")).unwrap();
    fs::write(dir.path().join("secrets/API_TOKEN"), "hunter2-prod-key\n").unwrap();
    fs::write(dir.path().join("app.env"), "API_TOKEN=hunter2-prod-key\n").unwrap();
    dir
}

/// A program that prints the secret.
const APP: &str = "printf 'token %s\\n' \"$API_TOKEN\"";

#[test]
fn the_readme_lists_each_example() {
    let readme = fs::read_to_string(directory().join("README.md")).unwrap();
    let mut names: Vec<String> = Vec::new();
    for (below, prefix) in [("", ""), ("config", "config/")] {
        let files = fs::read_dir(directory().join(below)).unwrap().map(|entry| entry.unwrap());
        let files = files.filter(|entry| !entry.path().is_dir() && entry.file_name() != "README.md");
        names.extend(files.map(|entry| format!("{prefix}{}", entry.file_name().to_str().unwrap())));
    }
    assert!(names.len() > 10, "the examples were not found");
    for name in &names {
        assert!(readme.contains(&format!("| [`{name}`]({name}) | ")), "{name} is not in the list");
    }
    assert_eq!(readme.matches("| [`").count(), names.len());
}

#[test]
fn the_machines_sidecar_is_valid_and_feeds_its_shippers() {
    let text = config("vm.yaml");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vm.yaml");
    fs::write(&path, &text).unwrap();
    run(hushlog(["sidecar", "check-config", "--config"]).arg(&path), b"").ends(0).says("is valid");
    assert_eq!(text.matches("\n  - name: ").count(), 3);
    assert!(text.contains("/run/logs/vector.sock") && config("vector.yaml").contains("path: /run/logs/vector.sock"));
    assert!(text.contains("127.0.0.1:5170") && config("fluent-bit.conf").contains("    Port    5170\n"));
    // Each names the sink that it belongs to, as it is there.
    for name in ["vector.yaml", "fluent-bit.conf"] {
        let sink = config(name).lines().find_map(|line| line.strip_prefix("#   sink: ").map(str::to_owned));
        assert!(text.contains(&format!("    sink: {}\n", sink.expect("a sink"))), "{name}");
    }
}

#[test]
fn the_service_masks_its_program() {
    let dir = secrets();
    let text = config("app.service");
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/hushlog ")).expect("a command");
    let env = dir.path().join("app.env");
    let words = line.split(' ').map(|word| if word == "/etc/app/app.env" { env.to_str().unwrap() } else { word });
    let words: Vec<&str> = words.collect();
    let (last, words) = words.split_last().expect("words");
    assert_eq!(*last, "/usr/bin/app");
    let ran = run(hushlog(words).args(["/bin/sh", "-c", APP]), b"").ends(0);
    assert_eq!((ran.out(), ran.err()), ("token [REDACTED:API_TOKEN]\n".to_owned(), String::new()));
}

#[test]
fn the_container_masks_its_program() {
    let dir = secrets();
    let text = config("Dockerfile");
    let entry = text.lines().find_map(|line| line.strip_prefix("ENTRYPOINT ")).expect("an entrypoint");
    let words: Vec<String> = serde_json::from_str(entry).expect("a list of words");
    let mounted = dir.path().join("secrets").to_str().unwrap().to_owned();
    let words = words.into_iter().skip(1).map(|word| if word == "/run/secrets" { mounted.clone() } else { word });
    let ran = run(hushlog(words).args(["/bin/sh", "-c", APP]), b"").ends(0);
    assert_eq!((ran.out(), ran.err()), ("token [REDACTED:API_TOKEN]\n".to_owned(), String::new()));
}
