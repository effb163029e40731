//! `explain`: why a value is masked, and why not.

use std::fs;

use crate::program::{hushlog, run};

#[test]
fn each_secret_is_explained_without_its_value() {
    let dir = tempfile::tempdir().unwrap();
    let file =
        "MODE=orders-api\nDB_URL=postgres://robot:kx-5512-lamp@db/orders\nPIN_CODE=kx5512\nAGAIN=kx5512\nTOKEN=ab\n";
    fs::write(dir.path().join("e"), file).unwrap();
    let explain = |args: &[&str]| {
        let mut command = hushlog([&["explain", "--dotenv", "e"], args].concat());
        run(command.current_dir(&dir), b"")
    };
    let text = explain(&[]).ends(0).out();
    let of = |name: &str| text.split_once(&format!("{name}: from a dotenv file\n  ")).expect("explained").1.to_owned();
    assert!(of("MODE").starts_with("not masked: it cannot be a secret; --all masks it\n"), "{text}");
    assert!(of("DB_URL").starts_with("searched for in ") && of("DB_URL").contains("url-password "), "{text}");
    assert!(of("PIN_CODE").contains("masked at every occurrence, although short"), "{text}");
    assert!(
        of("AGAIN").contains("masked by the name of another secret with this value") || of("AGAIN").contains("short")
    );
    assert!(of("TOKEN").starts_with("not masked: it is too short"), "{text}");
    assert!(!text.contains("5512"), "{text}");

    let json: serde_json::Value = serde_json::from_str(&explain(&["DB_URL", "--json"]).ends(0).out()).unwrap();
    assert_eq!(json[0]["name"], "DB_URL");
    assert_eq!(json[0]["masked"], true);
    assert!(json[0]["forms"]["url-password"].as_u64().is_some_and(|count| count > 0));
    explain(&["NOPE"]).ends(1);
    assert_eq!(explain(&["NOPE"]).ends(1).out(), "NOPE: no source has this secret\n");
    let excluded = explain(&["MODE", "--except", "MODE"]).ends(0).out();
    assert!(excluded.ends_with("not masked: --only or --except excludes it\n"), "{excluded}");
}
