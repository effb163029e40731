//! A session that another user may have written has no effect: neither on the secrets to mask, nor
//! by blocking a reader.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::program::session::without;
use crate::program::{Ran, hushlog, run, run_within};

const PATIENCE: Duration = Duration::from_secs(20);
const OTHER: u32 = 65_534;

/// A directory with a session in `run`.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Machine {
        let machine = Machine(tempfile::Builder::new().prefix("hushlog-trust").tempdir_in("/dev/shm").unwrap());
        fs::write(machine.path("secrets.env"), "A_TOKEN=sk-live-4f9QzX\n").unwrap();
        let mut boot = hushlog(["boot", "--dotenv", "secrets.env"]);
        run(boot.current_dir(&machine.0).env("HUSHLOG_RUN_DIR", machine.path("run")), b"").ends(0);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn filter(&self) -> Ran {
        run_within(hushlog::<&str>([]).env("HUSHLOG_RUN_DIR", self.path("run")), b"sk-live-4f9QzX", PATIENCE)
    }

    #[track_caller]
    fn masks(&self) {
        assert_eq!(self.filter().ends(0).out(), "[REDACTED:A_TOKEN]");
    }

    #[track_caller]
    fn refuses(&self, said: &str) {
        assert_eq!(self.filter().ends(2).says(said).out(), "");
        // Another source of the session's owner is no way around it either.
        let mut check = hushlog(["check", "A_TOKEN"]);
        run_within(check.env("HUSHLOG_RUN_DIR", self.path("run")), b"", PATIENCE).ends(2).says(said);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a43_a_session_that_others_can_write_to_is_refused() {
    let machine = Machine::new();
    machine.masks();
    for mode in [0o770, 0o777, 0o1777] {
        set_mode(&machine.path("run"), mode);
        machine.refuses("other users can write to it");
    }
    set_mode(&machine.path("run"), 0o750);
    machine.masks();
    set_mode(&machine.path("run/..data/session"), 0o660);
    machine.refuses("other users can write to it");
}

#[test]
fn a43_a_fifo_is_not_waited_for() {
    let machine = Machine::new();
    let fifo = |path: PathBuf| mkfifoat(CWD, path, Mode::from_raw_mode(0o600)).unwrap();
    fs::remove_file(machine.path("run/..data/session")).unwrap();
    fifo(machine.path("run/..data/session"));
    machine.refuses("the session is a FIFO");
    fs::remove_file(machine.path("run/session")).unwrap();
    fifo(machine.path("run/session"));
    machine.refuses("the session is a FIFO");
    // As a service's credential, too.
    fs::create_dir(machine.path("credentials")).unwrap();
    fifo(machine.path("credentials/hushlog.session"));
    let mut filter = hushlog(["--session"]);
    filter.env("HUSHLOG_RUN_DIR", machine.path("none")).env("CREDENTIALS_DIRECTORY", machine.path("credentials"));
    run_within(&mut filter, b"text", PATIENCE).ends(2).says("the session is a FIFO");
}

#[test]
fn a43_links_lead_only_where_an_export_puts_them() {
    let machine = Machine::new();
    fs::copy(machine.path("run/session"), machine.path("elsewhere")).unwrap();
    fs::remove_file(machine.path("run/session")).unwrap();
    symlink("../elsewhere", machine.path("run/session")).unwrap();
    machine.refuses("a symbolic link that no export created");
    fs::remove_file(machine.path("run/session")).unwrap();
    symlink("..data/session", machine.path("run/session")).unwrap();
    machine.masks();
    fs::remove_file(machine.path("run/..data")).unwrap();
    symlink("../", machine.path("run/..data")).unwrap();
    assert_eq!(machine.filter().ends(2).out(), "");
}

#[test]
fn a43_a_session_of_another_user_is_refused() {
    let machine = Machine::new();
    if chown(machine.path("run"), Some(OTHER), None).is_err() {
        return without("root");
    }
    machine.refuses("belongs to another user");
    chown(machine.path("run"), Some(0), None).unwrap();
    machine.masks();
    chown(machine.path("run/..data/session"), Some(OTHER), None).unwrap();
    machine.refuses("belongs to another user");
    chown(machine.path("run/..data/session"), Some(0), None).unwrap();
    // The path to it, through another user's link in a world-writable directory.
    fs::create_dir(machine.path("open")).unwrap();
    set_mode(&machine.path("open"), 0o1777);
    symlink("../run", machine.path("open/link")).unwrap();
    lchown(machine.path("open/link"), Some(OTHER), None).unwrap();
    let mut filter = hushlog::<&str>([]);
    run(filter.env("HUSHLOG_RUN_DIR", machine.path("open/link")), b"text").ends(2);
}

/// An export removes and makes files only below its own directory, despite any links there.
#[test]
fn a43_an_export_follows_no_link() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("precious/below")).unwrap();
    symlink(machine.path("precious"), machine.path("run/..old")).unwrap();
    fs::create_dir(machine.path("run/..older")).unwrap();
    symlink(machine.path("precious"), machine.path("run/..older/link")).unwrap();
    let mut boot = hushlog(["boot", "--dotenv", "secrets.env"]);
    run(boot.current_dir(&machine.0).env("HUSHLOG_RUN_DIR", machine.path("run/")), b"").ends(0);
    assert!(machine.path("precious/below").is_dir());
    let left = fs::read_dir(machine.path("run")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.filter(|name| name.as_encoded_bytes().starts_with(b"..")).count(), 2);
    machine.masks();
}
