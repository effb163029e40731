//! The library for other languages, installed as by a user, and programs built against it. Each
//! test program has its own copy.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::program::{Ran, run_within};

/// The time limit of a program. They take seconds; a loaded machine, and valgrind, take longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A path for files of this test program, which stay from run to run.
pub(crate) fn place(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
    std::fs::create_dir_all(&place).expect("it is ours");
    place.join(name)
}

/// The prefix of the library, its header and its pkg-config file. The documented command builds
/// them, without optimisation: that is faster, and checks for overflows and debug assertions.
pub(crate) fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let prefix = place("prefix");
        let _ = std::fs::remove_dir_all(&prefix);
        let mut install = Command::new(root().join("bindings/c/install"));
        install.args(["--profile", "dev", "--prefix"]).arg(&prefix);
        // The tests' own target directory is locked during a build there.
        install.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("target"));
        run_within(&mut install, b"", Duration::from_secs(900)).ends(0).says("compile with");
        prefix
    })
}

pub(crate) fn library() -> PathBuf {
    prefix().join("lib/libhushlog.so.0")
}

/// The output of pkg-config for the installed library.
pub(crate) fn pkg_config(args: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.args(args).arg("hushlog").env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig"));
    let said = run_within(&mut command, b"", PATIENCE).ends(0).out();
    said.split_whitespace().map(str::to_owned).collect()
}

/// Whether all of these programs are installed. If not, the test is skipped, and reports it.
pub(crate) fn have(programs: &[&str]) -> bool {
    let is_there = |program: &&&str| {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    match programs.iter().find(|program| !is_there(program)) {
        Some(program) => crate::program::session::without(program),
        None => return true,
    }
    false
}

/// Compiles a C program against the installed library; all warnings are errors.
pub(crate) fn compile(source: &str, name: &str, flags: &[&str], libs: &[String]) -> PathBuf {
    let program = place(name);
    let mut cc = Command::new("cc");
    cc.args(["-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]).args(flags).args(pkg_config(&["--cflags"]));
    cc.arg("-o").arg(&program).arg(root().join(source)).args(libs);
    run_within(&mut cc, b"", PATIENCE).ends(0);
    program
}

/// A program that finds the shared library, with only `PATH` besides in its environment.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LD_LIBRARY_PATH", prefix().join("lib"));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Runs it to the end.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ran {
    run_within(command, input, PATIENCE)
}
