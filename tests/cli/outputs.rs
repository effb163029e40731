//! Output files named by the user: devices and pipes keep their type, other users' links are not
//! followed, and no input is overwritten.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, makedev, mkfifoat, mknodat};

use crate::program::{Ran, hushlog, run, run_within, script};

const SECRET: &str = "sk-live-4f9QzXabc";
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory with a file of variables, `.env`.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        desk.write(".env", &format!("API_TOKEN={SECRET}\n"), 0o600);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = hushlog(args);
        command.current_dir(self.0.path()).env("HOME", self.0.path());
        command
    }

    fn ran(&self, args: &[&str]) -> Ran {
        run_within(&mut self.command(args), b"a line\n", PATIENCE)
    }

    fn script(&self, text: &str) -> Ran {
        run_within(script(text).current_dir(self.0.path()).env("HOME", self.0.path()), b"", PATIENCE)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

const EXPORT: [&str; 5] = ["export", "--format", "json", "--dotenv", ".env"];

#[test]
fn a06_a_device_or_fifo_is_written_to_and_stays() {
    let desk = Desk::new();
    mkfifoat(CWD, desk.path("fifo"), Mode::from_raw_mode(0o600)).unwrap();
    for args in [&[&EXPORT[..], &["--output", "fifo"]].concat()[..], &["--dotenv", ".env", "--report", "fifo"]] {
        let path = desk.path("fifo");
        let reader = std::thread::spawn(move || fs::read_to_string(path).unwrap());
        desk.ran(args).ends(0);
        assert!(reader.join().unwrap().contains("API_TOKEN"), "{args:?}");
        assert!(fs::symlink_metadata(desk.path("fifo")).unwrap().file_type().is_fifo(), "{args:?}");
    }
    let null = desk.path("null");
    if mknodat(CWD, &null, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(1, 3)).is_err() {
        return;
    }
    let before = fs::metadata(&null).unwrap().ino();
    symlink("null", desk.path("link")).unwrap();
    for name in ["null", "link"] {
        for args in [&[&EXPORT[..], &["--output", name]].concat()[..], &["--dotenv", ".env", "--report", name]] {
            // If devices may not be opened (`nodev`), it fails, and the device stays all the same.
            assert!(matches!(desk.ran(args).code, Some(0 | 2)), "{args:?}");
            desk.ran(&["keygen", "--output", name]).ends(2).says("exists, and is not overwritten");
            let found = fs::metadata(&null).unwrap();
            assert!(found.file_type().is_char_device() && found.ino() == before, "{args:?}");
        }
    }
}

#[test]
fn a06_standard_streams_are_written_to() {
    let desk = Desk::new();
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert!(desk.ran(&[&EXPORT[..], &["--output", name]].concat()).ends(0).out().contains(SECRET), "{name}");
        // A file that the shell has opened is not replaced.
        fs::write(desk.path("out"), "first\n").unwrap();
        let line = format!("hushlog export --format dotenv --dotenv .env --output {name} >> out; echo last >> out");
        desk.script(&line).ends(0);
        assert_eq!(desk.read("out"), format!("first\nAPI_TOKEN='{SECRET}'\nlast\n"), "{name}");
    }
    assert!(desk.ran(&[&EXPORT[..], &["--output", "/dev/stderr"]].concat()).ends(0).err().contains(SECRET));
    desk.script("hushlog --dotenv .env --report /dev/fd/3 < /dev/null 3>> counts && echo last >> counts").ends(0);
    assert!(desk.read("counts").starts_with("{\n") && desk.read("counts").ends_with("}\nlast\n"));
    desk.script("hushlog export --format json --dotenv .env --output /dev/stderr 2>&-").ends(2);
    desk.script("hushlog export --format json --dotenv .env --output /dev/stdout | :; exit ${PIPESTATUS[0]}");
}

#[test]
fn a06_export_to_a_terminal_needs_force() {
    let desk = Desk::new();
    let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&terminal).unwrap();
    rustix::pty::unlockpt(&terminal).unwrap();
    let name = rustix::pty::ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    // As long as a process has it open, the bytes written to it stay.
    let flags = rustix::fs::OFlags::NOCTTY.bits().cast_signed();
    let _open = File::options().read(true).write(true).custom_flags(flags).open(&name).unwrap();
    desk.ran(&[&EXPORT[..], &["--output", &name]].concat()).ends(2).says("would be shown on the terminal");
    desk.ran(&[&EXPORT[..], &["--output", &name, "--force"]].concat()).ends(0);
    let mut text = [0; 4096];
    let len = File::from(terminal).read(&mut text).unwrap();
    assert!(String::from_utf8_lossy(&text[..len]).contains(SECRET));
}

#[test]
fn a06_export_gives_nothing_to_another_user() {
    let desk = Desk::new();
    desk.write("theirs", "old", 0o666);
    if chown(desk.path("theirs"), Some(65_534), None).is_err() {
        return;
    }
    desk.ran(&[&EXPORT[..], &["--output", "theirs"]].concat()).ends(2).says("belongs to another user");
    assert_eq!(desk.read("theirs"), "old");
    mkfifoat(CWD, desk.path("fifo"), Mode::from_raw_mode(0o666)).unwrap();
    chown(desk.path("fifo"), Some(65_534), None).unwrap();
    for args in [&[&EXPORT[..], &["--output", "fifo"]].concat()[..], &["--dotenv", ".env", "--report", "fifo"]] {
        desk.ran(args).ends(2).says("belongs to another user");
    }
}

#[test]
fn a12_a_report_keeps_the_mode_and_follows_own_links_only() {
    let desk = Desk::new();
    desk.write("private", "old", 0o600);
    symlink("private", desk.path("link")).unwrap();
    desk.ran(&["--dotenv", ".env", "--report", "link"]).ends(0);
    assert!(desk.read("private").starts_with('{') && mode(&desk.path("private")) == 0o600);
    assert!(fs::symlink_metadata(desk.path("link")).unwrap().is_symlink());
    if !is_root() {
        return;
    }
    desk.write("private", "old", 0o600);
    fs::create_dir(desk.path("open")).unwrap();
    fs::set_permissions(desk.path("open"), fs::Permissions::from_mode(0o1777)).unwrap();
    for (name, target) in [("file", "../private"), ("absent", "../absent"), ("directory", "..")] {
        symlink(target, desk.path("open").join(name)).unwrap();
        lchown(desk.path("open").join(name), Some(65_534), Some(65_534)).unwrap();
    }
    for name in ["open/file", "open/absent", "open/directory/private", "open/directory/absent"] {
        desk.ran(&["--dotenv", ".env", "--report", name])
            .ends(2)
            .says("a symbolic link that another user may have placed");
        desk.ran(&[&EXPORT[..], &["--output", name]].concat()).ends(2).says("another user may have placed");
        assert!(desk.ran(&["keygen", "--output", name]).code != Some(0), "{name}");
    }
    assert_eq!((desk.read("private").as_str(), mode(&desk.path("private"))), ("old", 0o600));
    assert!(!desk.path("absent").exists());
}

#[test]
fn a42_no_input_is_written_over() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("values/below")).unwrap();
    desk.write("values/below/token", SECRET, 0o600);
    fs::hard_link(desk.path(".env"), desk.path("other-name")).unwrap();
    symlink(".env", desk.path("link")).unwrap();
    let before = desk.read(".env");
    for name in [".env", "./.env", "other-name", "link"] {
        desk.ran(&["--dotenv", ".env", "--report", name]).ends(2).says("it is a file of --dotenv");
        desk.ran(&[&EXPORT[..], &["--output", name]].concat()).ends(2).says("it is a file of --dotenv");
        desk.ran(&["run", "--dotenv", ".env", "--report", name, "--", "touch", "ran"]).ends(2);
        desk.ran(&["scrub", "--dotenv", ".env", "--report", name, "values"]).ends(2);
        assert_eq!(desk.read(".env"), before, "{name}");
    }
    assert!(!desk.path("ran").exists());
    for (name, said) in
        [("values/below/token", "it is a file of --secret-file"), ("values/new", "would be read as a value")]
    {
        desk.ran(&["--secret-file", "values", "--report", name]).ends(2).says(said);
    }
    assert_eq!(desk.read("values/below/token"), SECRET);
    // Nothing is read: neither standard input nor a source.
    let input = File::open(desk.path(".env")).unwrap();
    let mut command = desk.command(&["--dotenv", ".env", "--report", ".env"]);
    assert_eq!(command.stdin(input.try_clone().unwrap()).stderr(Stdio::null()).status().unwrap().code(), Some(2));
    assert_eq!(std::io::Seek::stream_position(&mut &input).unwrap(), 0);
}

#[test]
fn a42_the_files_of_the_streams_are_not_replaced() {
    let desk = Desk::new();
    desk.write("log", "a line\n", 0o644);
    let filter = "hushlog --dotenv .env --report log";
    desk.script(&format!("{filter} < log")).ends(2).says("it is standard input");
    desk.script(&format!("{filter} < /dev/null >> log")).ends(2).says("it is standard output");
    assert_eq!(desk.script(&format!("{filter} < /dev/null 2>> log")).ends(2).out(), "");
    assert!(
        desk.read("log").starts_with("a line\nhushlog: error: cannot write the file of --report: it is standard error")
    );
    desk.script("hushlog --dotenv .env --report /dev/fd/3 < log 3>> log").ends(2).says("it is standard input");
}

#[test]
fn a42_files_of_keys_and_registries_are_not_written_over() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path(".config/hushlog")).unwrap();
    for name in ["identity.txt", "registry.yaml"] {
        desk.write(&format!(".config/hushlog/{name}"), "precious", 0o600);
    }
    desk.write("key", "precious", 0o600);
    fs::create_dir(desk.path("run")).unwrap();
    desk.write("run/session", "precious", 0o600);
    for name in [".config/hushlog/identity.txt", ".config/hushlog/registry.yaml", "key", "run/session"] {
        for args in [&[&EXPORT[..], &["--output", name]].concat()[..], &["--dotenv", ".env", "--report", name]] {
            let mut command = desk.command(args);
            command.env("HUSHLOG_RUN_DIR", desk.path("run")).env("HUSHLOG_SIGN", desk.path("key"));
            run(&mut command, b"").ends(2).says("cannot write the file of");
            assert_eq!(desk.read(name), "precious", "{args:?}");
        }
        desk.ran(&["keygen", "--output", name]).ends(2).says("exists, and is not overwritten");
    }
}

#[test]
fn a42_a_report_replaces_no_file_that_is_scrubbed() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("logs/below")).unwrap();
    let log = format!("{{\"token\": \"{SECRET}\"}}\n");
    for name in ["logs/a.log", "logs/below/b.log"] {
        desk.write(name, &log, 0o644);
    }
    let scrub = |args: &[&str]| desk.ran(&[&["scrub", "--dotenv", ".env"], args].concat());
    scrub(&["--report", "logs/a.log", "logs/a.log"]).ends(2).says("it is logs/a.log");
    scrub(&["--report", "logs/a.log", "logs"]).ends(2).says("one of the files in logs");
    scrub(&["--recursive", "--report", "logs/below/b.log", "logs"]).ends(2).says("one of the files in logs");
    for name in ["logs/a.log", "logs/below/b.log"] {
        assert_eq!(desk.read(name), log);
    }
    // Overwriting an excluded file or an earlier report loses nothing.
    for _ in 0..2 {
        scrub(&["--report", "logs/report.json", "logs"]).ends(0);
        assert!(desk.read("logs/report.json").contains("\"complete\": true"));
    }
    scrub(&["--report", "logs/below/b.log", "logs"]).ends(0);
    scrub(&["--exclude", "a.log", "--report", "logs/a.log", "logs"]).ends(0);
}
