//! A user's directory with a registry, and the program at work there.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hushlog::registry::{Error, Identity, Rank, Registry};

use super::program::{HUSHLOG, Ran, run};

/// Alice's directory: her identity, and a registry with everything that the tests need.
pub(crate) struct Desk {
    dir: tempfile::TempDir,
}

/// The content of a registry, without its versions and times.
pub(crate) type Content = (Vec<String>, Vec<(String, Rank, Vec<u8>, bool)>, Vec<String>);

impl Desk {
    /// With an identity, and no registry yet.
    pub(crate) fn empty() -> Desk {
        let desk = Desk { dir: tempfile::tempdir().unwrap() };
        desk.hushlog(["keygen", "--output", "alice.txt"], b"").ends(0);
        desk
    }

    /// With alice as the only member.
    pub(crate) fn new() -> Desk {
        let desk = Desk::empty();
        let recipient = desk.identity("alice.txt").recipient().to_string();
        desk.hushlog(["member", "add", "alice", &recipient], b"").ends(0);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn registry(&self) -> PathBuf {
        self.path("registry.yaml")
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.registry()).unwrap()
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }

    /// This program in the directory, as alice.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.current_dir(self.dir.path()).env_clear().env("PATH", path).env("HOME", self.dir.path());
        command.env("HUSHLOG_REGISTRY", "registry.yaml").env("HUSHLOG_IDENTITY", "alice.txt").env("USER", "alice");
        command
    }

    pub(crate) fn hushlog<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, input: &[u8]) -> Ran {
        run(self.command(HUSHLOG).args(args), input)
    }

    pub(crate) fn add(&self, name: &str, value: &[u8]) -> Ran {
        self.hushlog(["secret", "add", name, "--shared", "--value-file", "-"], value)
    }

    pub(crate) fn identity(&self, name: &str) -> Identity {
        Identity::load(&self.path(name), || panic!("it has no passphrase")).unwrap()
    }

    /// All entries that alice can see.
    pub(crate) fn content(&self) -> Result<Content, Error> {
        let registry = Registry::load(&self.registry())?;
        let opened = registry.open(&self.identity("alice.txt"), None, None)?;
        let members = registry.members().map(|(name, _)| name.to_string()).collect();
        let secrets = opened.secrets.iter().map(|opened| {
            let (name, rank) = (opened.secret.name().to_owned(), opened.rank);
            (name, rank, opened.secret.expose().to_vec(), opened.is_exported)
        });
        let defaults =
            registry.environments().map(|(name, variables)| format!("{name}: {}", variables.len())).collect();
        Ok((members, secrets.collect(), defaults))
    }

    /// The names of all files.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Whether any file contains these bytes.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        let has = |name: &String| {
            let content = fs::read(self.path(name)).unwrap_or_default();
            content.windows(bytes.len()).any(|window| window == bytes)
        };
        self.files().iter().any(has)
    }
}

/// Whether a program can be run here; the list of missing requirements names it if not.
pub(crate) fn have(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|directory: PathBuf| Path::new(&directory).join(program).is_file());
    if !found {
        crate::program::session::without(program);
    }
    found
}

/// Runs to the end, and returns the output.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
