//! Passes the commit to `hushlog --version`: in release builds only, since any other build would
//! compile the crate again after each commit.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The length of a shown commit, in hexadecimal digits.
const COMMIT_LEN: usize = 10;

/// Sets PACKAGE_COMMIT for the compiler.
pub(crate) fn pass() {
    if env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    if let Some(commit) = of_package().or_else(of_checkout) {
        println!("cargo::rustc-env=PACKAGE_COMMIT={}", &commit[..commit.len().min(COMMIT_LEN)]);
    }
}

/// The commit that `cargo package` noted.
fn of_package() -> Option<String> {
    let text = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = text.split_once("\"sha1\": \"")?;
    rest.split('"').next().map(str::to_owned)
}

/// The commit of the checkout that this directory is the root of. A copy of the crate in another
/// repository has none.
fn of_checkout() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(root).ok()? != fs::canonicalize(env::var_os("CARGO_MANIFEST_DIR")?).ok()? {
        return None;
    }
    // Each commit and each checkout adds a line.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "HEAD"])
}

/// The output of git.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim_end().to_owned())
}
