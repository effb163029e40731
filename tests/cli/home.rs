//! A home directory of its own, which is also the working directory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::program::{Ran, hushlog, run};

pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = hushlog(args);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.current_dir(self.0.path()).env("HOME", self.0.path()).env("PATH", path);
        command
    }

    pub(crate) fn ran(&self, args: &[&str], input: &str) -> Ran {
        run(&mut self.command(args), input.as_bytes())
    }
}
