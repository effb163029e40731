//! A registry that a group shares, and one in another user's directory: row R22 of
//! `docs/faults.md`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::program::session::needs;
use crate::program::{HUSHLOG, Ran, run};
use hushlog::registry::{Error, Identity, Name, Registry};

/// Bob is a member of the team, and neither the owner of its registry nor root.
const BOB: u32 = 61_001;
const OWNER: u32 = 61_002;
const TEAM: u32 = 61_010;
const OTHERS: u32 = 61_011;
const PROGRAM: &str = "hushlog";

/// A directory that a team shares, with a registry in it.
struct Team {
    dir: tempfile::TempDir,
}

impl Team {
    fn new() -> Team {
        let team = Team { dir: tempfile::tempdir().unwrap() };
        team.set("", 0, 0, 0o755);
        // By a program of its own, so that no child of another test keeps it open for writing.
        assert!(Command::new("cp").arg(HUSHLOG).arg(team.path(PROGRAM)).status().unwrap().success());
        fs::create_dir(team.path("shared")).unwrap();
        team.set("shared", 0, TEAM, 0o2770);
        let recipient = Identity::generate().recipient();
        Registry::update(&team.registry(), None, |registry| registry.set_member(&name("bob"), recipient, None, None))
            .unwrap();
        team
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn registry(&self) -> PathBuf {
        self.path("shared/registry.yaml")
    }

    fn set(&self, name: &str, owner: u32, group: u32, mode: u32) {
        chown(self.path(name), Some(owner), Some(group)).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn found(&self) -> (u32, u32, u32) {
        let found = fs::metadata(self.registry()).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o7777)
    }

    /// Saves a secret as this member of the team.
    fn add(&self, user: &[&str], secret: &str) -> Ran {
        let mut command = Command::new("setpriv");
        command.args(user).arg(self.path(PROGRAM)).args(["secret", "add", secret, "--shared", "--value-file", "-"]);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HUSHLOG_MEMBER", "bob");
        run(command.current_dir("/").env("HUSHLOG_REGISTRY", self.registry()), b"a-long-value")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("shared")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

const AS_ROOT: &[&str] = &["--reuid=0"];
const AS_BOB: &[&str] = &["--reuid=61001", "--regid=61001", "--groups=61010"];

#[test]
fn r22_a_registry_keeps_its_group_under_every_user() {
    needs!("root", "setpriv");
    let team = Team::new();
    assert_eq!(team.found(), (0, TEAM, 0o600), "a new one is its maker's alone");
    // Users with read and write access; others never have it.
    for (number, (before, after)) in
        [(0o660, 0o660), (0o664, 0o660), (0o666, 0o660), (0o640, 0o640)].into_iter().enumerate()
    {
        team.set("shared/registry.yaml", OWNER, TEAM, before);
        team.add(AS_ROOT, &format!("of-root-{number}")).ends(0);
        assert_eq!(team.found(), (OWNER, TEAM, after), "{before:o}");
        team.add(AS_BOB, &format!("of-bob-{number}")).ends(0);
        assert_eq!(team.found(), (BOB, TEAM, after), "{before:o}");
    }
    assert_eq!(Registry::load(&team.registry()).unwrap().secrets().count(), 8);
    assert_eq!(team.names(), ["registry.yaml"]);
}

#[test]
fn r22_a_registry_is_not_taken_from_its_owner_or_group() {
    needs!("root", "setpriv");
    let team = Team::new();
    team.set("shared/registry.yaml", BOB, OTHERS, 0o660);
    let before = fs::read(team.registry()).unwrap();
    let refused = |user: &[&str], said: &str| {
        let ran = team.add(user, "api-key").ends(3).says("cannot replace the registry").says(said);
        assert!(ran.err().contains("chgrp"), "{}", ran.err());
        assert_eq!(
            (fs::read(team.registry()).unwrap(), team.names()),
            (before.clone(), vec!["registry.yaml".to_owned()])
        );
    };
    refused(AS_BOB, "gid 61011");
    // As root of a container that may not give files away.
    let confined = &["--bounding-set=-chown", "--inh-caps=-chown"];
    refused(confined, "gid 61011");
    team.set("shared/registry.yaml", OWNER, TEAM, 0o600);
    team.set("shared", 0, 0, 0o2770);
    refused(confined, "gid 61010");
    team.set("shared/registry.yaml", OWNER, 0, 0o600);
    refused(confined, "uid 61002");
    // A group without any rights has nothing to lose.
    team.set("shared", 0, TEAM, 0o2770);
    team.set("shared/registry.yaml", BOB, OTHERS, 0o600);
    team.add(AS_BOB, "api-key").ends(0);
    assert_eq!((team.found().0, team.found().2), (BOB, 0o600));
}

#[test]
fn r22_a_link_of_another_user_leads_to_no_registry() {
    needs!("root");
    let team = Team::new();
    let theirs = team.path("theirs");
    fs::create_dir(&theirs).unwrap();
    symlink("../shared", theirs.join("directory")).unwrap();
    symlink("../shared/registry.yaml", theirs.join("registry.yaml")).unwrap();
    let paths = [theirs.join("directory/registry.yaml"), theirs.join("registry.yaml")];
    for path in &paths {
        Registry::load(path).unwrap();
    }
    for name in ["theirs/directory", "theirs/registry.yaml", "theirs"] {
        lchown(team.path(name), Some(OWNER), None).unwrap();
    }
    for path in &paths {
        let error = Registry::load(path).unwrap_err();
        assert!(matches!(&error, Error::Read(cause) if cause.to_string().contains("another user")), "{error:?}");
        let changed = Registry::update(path, None, |registry| registry.remove_member(&name("bob"), None));
        assert!(changed.is_err());
    }
}

/// The owner of a directory exchanges it for a link to root's own, while root changes the registry
/// in it. Nothing of root's registry moves to the owner's, and nothing of the owner's to root's.
#[test]
fn r22_no_registry_is_reached_by_an_exchanged_directory() {
    needs!("root");
    const TRIES: usize = 1_000;
    let dir = tempfile::Builder::new().prefix("hushlog-registry").tempdir_in("/dev/shm").unwrap();
    let path = |name: &str| dir.path().join(name);
    let member = |path: &Path, member: &str| {
        let recipient = Identity::generate().recipient();
        Registry::update(path, None, |registry| registry.set_member(&name(member), recipient, None, None))
    };
    ["roots", "theirs", "theirs/now"].iter().for_each(|name| fs::create_dir(path(name)).unwrap());
    member(&path("roots/registry.yaml"), "roots").unwrap();
    member(&path("theirs/now/registry.yaml"), "theirs").unwrap();
    symlink("../roots", path("theirs/link")).unwrap();
    for name in ["theirs/now/registry.yaml", "theirs/now", "theirs/link", "theirs"] {
        lchown(path(name), Some(OWNER), None).unwrap();
    }
    let before = fs::read(path("roots/registry.yaml")).unwrap();
    let done = AtomicBool::new(false);
    let mut changed = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                renameat_with(CWD, path("theirs/now"), CWD, path("theirs/link"), RenameFlags::EXCHANGE).unwrap();
            }
        });
        for number in 0..TRIES {
            changed += usize::from(member(&path("theirs/now/registry.yaml"), &format!("m{number}")).is_ok());
        }
        done.store(true, Relaxed);
    });
    assert_eq!(fs::read(path("roots/registry.yaml")).unwrap(), before);
    assert_eq!(fs::read_dir(path("roots")).unwrap().count(), 1);
    let is_link = fs::symlink_metadata(path("theirs/now")).unwrap().is_symlink();
    let theirs =
        Registry::load(&path(if is_link { "theirs/link" } else { "theirs/now" }).join("registry.yaml")).unwrap();
    assert!(theirs.members().all(|(name, _)| name.as_str() != "roots"));
    assert!(changed > TRIES / 100, "{changed} changes went through");
    assert_eq!(theirs.members().count(), changed + 1, "each change is there");
}
