//! The console in a real browser: `browser/walk.mjs`. Screenshots stay in the build directory.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::console::Console;
use crate::program::session::{PROBES, needs};
use crate::program::{HUSHLOG, run_within};
use crate::registry::Desk;

/// The limit of the walk.
const PATIENCE: Duration = Duration::from_secs(300);

#[linkme::distributed_slice(PROBES)]
static PACKAGES: (&str, fn() -> bool) = ("tests/console/browser/run --install", || modules().join("axe-core").is_dir());

/// Where `browser/run` installs the packages.
fn modules() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser").join("node_modules")
}

#[test]
fn the_console_in_a_browser() {
    needs!("chromium", "node", "tests/console/browser/run --install");
    let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("console");
    let _ = fs::remove_dir_all(&pictures);
    fs::create_dir_all(&pictures).unwrap();
    let desk = Desk::new();
    desk.hushlog(["group", "add", "ops", "alice"], b"").ends(0);
    let console = Console::start(&desk, &[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/console/browser/walk.mjs");
    let address = format!("http://{}/?token={}", console.authority, console.token);
    let mut node = desk.command("node");
    node.args([script, &address]).arg(&pictures).arg(HUSHLOG).env("HUSHLOG_BROWSER_MODULES", modules());
    let ran = run_within(&mut node, b"", PATIENCE).ends(0);
    assert!(ran.out().ends_with("done\n"), "{}", ran.out());
    assert!(pictures.join("list.png").is_file());
    // As saved last, beside those of other steps.
    let (_, secrets, _) = desk.content().unwrap();
    let names: Vec<&str> = secrets.iter().map(|secret| &*secret.0).collect();
    assert_eq!(names, ["openai-api-key", "pagerduty.token", "stripe-key", "tls-key"]);
    assert!(!console.said().contains("canary") && !desk.holds(b"zq7-canary-"));
}
