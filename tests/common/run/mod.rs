//! A program twice: bare, and under `hushlog run`. Both get the same variables.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::program::HUSHLOG;

/// The value of `TOKEN`.
pub(crate) const SECRET: &str = "hunter2-prod-key";
/// Its mask.
pub(crate) const MASK: &str = "[REDACTED:TOKEN]";
/// The value of `PEM`, of several lines.
pub(crate) const PEM: &str = "-----BEGIN KEY-----\nqZ7vXw1kTt9RmL4c\nUe5yBn8sHd2fGj6p\n-----END KEY-----";
/// Its identifying lines.
pub(crate) const PEM_LINES: [&str; 2] = ["qZ7vXw1kTt9RmL4c", "Ue5yBn8sHd2fGj6p"];

/// Bare, or under `hushlog run`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
    Bare,
    Wrapped,
}

/// A private directory with the secrets, and with a program `w` that runs its arguments bare or
/// wrapped.
pub(crate) struct Stage {
    directory: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let stage = Stage { directory: tempfile::tempdir().expect("a directory") };
        fs::write(stage.path("secrets.env"), format!("TOKEN={SECRET}\nPEM=\"{PEM}\"\n")).expect("it is ours");
        let wrapper = format!("{HUSHLOG} run --quiet --dotenv '{}' --", stage.path("secrets.env").display());
        for (how, line) in [
            ("bare", format!("TOKEN='{SECRET}'\nPEM='{PEM}'\nexport TOKEN PEM\nexec \"$@\"")),
            ("wrapped", format!("exec {wrapper} \"$@\"")),
        ] {
            fs::create_dir(stage.path(how)).expect("it is ours");
            write_program(&stage.path(how).join("w"), &format!("#!/bin/sh\n{line}\n"));
        }
        stage
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// This program, in the directory of the stage, with an environment that a person could have.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, how: How, argv: impl IntoIterator<Item = S>) -> Command {
        let mut argv = argv.into_iter();
        let mut command = match how {
            How::Bare => Command::new(argv.next().expect("a program")),
            How::Wrapped => Command::new(HUSHLOG),
        };
        self.furnish(&mut command, how);
        match how {
            How::Bare => command.env("TOKEN", SECRET).env("PEM", PEM),
            How::Wrapped => command.args(["run", "--quiet", "--dotenv"]).arg(self.path("secrets.env")).arg("--"),
        };
        command.args(argv);
        command
    }

    /// An interactive shell, in which `w` runs its arguments in this way.
    pub(crate) fn shell(&self, how: How) -> Command {
        let mut command = Command::new("bash");
        self.furnish(&mut command, how);
        command.args(["--norc", "--noprofile", "-i"]);
        command
    }

    /// Sets the directory and the environment.
    pub(crate) fn furnish(&self, command: &mut Command, how: How) {
        let path = std::env::var("PATH").unwrap_or_default();
        let own = self.path(if how == How::Bare { "bare" } else { "wrapped" });
        command.env_clear().current_dir(self.directory.path());
        command.env("PATH", format!("{}:{path}", own.display())).env("HOME", self.directory.path());
        command.env("PWD", self.directory.path());
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8").env("TZ", "UTC").env("PS1", "$ ");
        command.env("LESSHISTFILE", "-").env("INPUTRC", "/dev/null").env("PYTHON_HISTORY", self.path("history"));
    }
}

/// The child program that follows its arguments, compiled once; `None` without a compiler.
pub(crate) fn child() -> Option<&'static Path> {
    static CHILD: OnceLock<Option<PathBuf>> = OnceLock::new();
    CHILD.get_or_init(compile).as_deref()
}

fn compile() -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/run/child.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wrapped-child");
    // Test programs run at the same time.
    let fresh = program.with_extension(std::process::id().to_string());
    match Command::new("cc").args(["-O1", "-Wall", "-Werror", "-o"]).arg(&fresh).arg(source).status() {
        Ok(status) => assert!(status.success(), "the child does not compile"),
        Err(error) => {
            crate::program::session::without(&format!("cc ({error})"));
            return None;
        }
    }
    fs::rename(&fresh, &program).expect("it is ours");
    Some(program)
}

/// Whether these programs are installed. Reports a missing one, because a test that does not run
/// proves nothing.
pub(crate) fn installed(programs: &[&str]) -> bool {
    programs.iter().all(|program| {
        let found = Command::new("sh").args(["-c", "command -v \"$0\"", program]).stdout(Stdio::null()).status();
        let found = found.is_ok_and(|status| status.success());
        if !found {
            crate::program::session::without(program);
        }
        found
    })
}

pub(crate) fn write_program(path: &Path, text: &str) {
    fs::write(path, text).expect("it is ours");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}
