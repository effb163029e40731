//! A running guard on a file system of its own, so that it blocks no other process of the machine.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::program::HUSHLOG;

/// The secret and its mask.
pub(crate) const VALUE: &str = "sk-live-4f9QzXabc";
pub(crate) const MASK: &str = "[API_TOKEN]******";

/// A private file system, removed at the end.
pub(crate) struct Disk {
    scratch: tempfile::TempDir,
    mounted: bool,
}

impl Disk {
    /// Makes a file system of this kind; returns `None`, and reports it, if that fails.
    pub(crate) fn new(kind: &str) -> Option<Disk> {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let (image, mount) = (scratch.path().join("image"), scratch.path().join("mount"));
        fs::create_dir(&mount).expect("room for a directory");
        let script = match kind {
            "tmpfs" => format!("mount -t tmpfs -o size=256m tmpfs {}", mount.display()),
            kind => {
                let quiet = if kind == "btrfs" || kind == "xfs" { "-q -f" } else { "-q -F" };
                let (image, mount) = (image.display(), mount.display());
                format!("truncate -s 512M {image} && mkfs.{kind} {quiet} {image} && mount -o loop {image} {mount}")
            }
        };
        let made = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        if !made.status.success() {
            crate::program::session::without(kind);
            return None;
        }
        fs::create_dir(mount.join("log")).expect("room for a directory");
        Some(Disk { scratch, mounted: true })
    }

    /// The guarded directory.
    pub(crate) fn log(&self) -> PathBuf {
        self.scratch.path().join("mount/log")
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.log().join(name)
    }

    /// A path on the same file system that is not guarded.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.scratch.path().join("mount").join(name)
    }

    /// A path on another file system.
    pub(crate) fn elsewhere(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            let mount = self.scratch.path().join("mount");
            let _ = Command::new("umount").arg("-l").arg(mount).status();
        }
    }
}

/// A guard, ended at the end.
pub(crate) struct Guard {
    child: Child,
    said: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
}

impl Guard {
    /// Starts a guard of a directory, and waits until all existing files are clean.
    pub(crate) fn start(directory: &Path) -> Guard {
        let guard = Guard::spawn(command(directory));
        guard.waits_for("guarding ");
        guard
    }

    /// Starts a guard by this command.
    pub(crate) fn spawn(mut command: Command) -> Guard {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let (said, stderr) = (Arc::default(), child.stderr.take());
        let heard = Arc::clone(&said);
        let listener = stderr.map(|stderr| std::thread::spawn(move || listen(BufReader::new(stderr), &heard)));
        Guard { child, said, listener }
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("no panic").clone()
    }

    /// Its process id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has printed this.
    #[track_caller]
    pub(crate) fn waits_for(&self, text: &str) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !self.said().contains(text) {
            assert!(Instant::now() < patience, "said {}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until it guards a directory that was created or moved in after its start. Before that,
    /// files in it are let through for a moment.
    #[track_caller]
    pub(crate) fn waits_for_directory(&self, directory: &Path) {
        let inode = fs::metadata(directory).expect("it was created").ino();
        let mark = format!("fanotify ino:{inode:x} ");
        let patience = Instant::now() + Duration::from_secs(20);
        while !self.marks().any(|marks| marks.contains(&mark)) {
            assert!(Instant::now() < patience, "{} is not guarded; said {}", directory.display(), self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The kernel's lists of the directories and files that its descriptors watch.
    fn marks(&self) -> impl Iterator<Item = String> {
        let descriptors = fs::read_dir(format!("/proc/{}/fdinfo", self.child.id())).expect("it runs");
        descriptors.flatten().filter_map(|descriptor| fs::read_to_string(descriptor.path()).ok())
    }

    /// Sends it a signal, named as for `kill`.
    pub(crate) fn signal(&self, name: &str) {
        crate::program::kill(self.child.id(), name);
    }

    /// Waits for its end, and returns its status and its complete output.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let patience = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                break status;
            }
            assert!(Instant::now() < patience, "it does not end; said {}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        };
        if let Some(listener) = self.listener.take() {
            listener.join().expect("no panic");
        }
        (status.code(), self.said())
    }

    /// Ends it, and returns its complete output.
    #[track_caller]
    pub(crate) fn end(self) -> String {
        self.signal("TERM");
        let (code, said) = self.ended();
        assert_eq!(code, Some(0), "said {said}");
        assert!(!said.contains(VALUE), "a value was told");
        said
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(mut from: impl BufRead, heard: &Mutex<String>) {
    let mut line = String::new();
    while from.read_line(&mut line).is_ok_and(|len| len > 0) {
        heard.lock().expect("no panic").push_str(&line);
        line.clear();
    }
}

/// The program as a guard, with one secret.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(HUSHLOG);
    command.env_clear().env("API_TOKEN", VALUE).args(["guard", "--env", "API_TOKEN"]).arg(directory);
    command
}

/// A program that prints a followed file, killed at the end.
pub(crate) struct Tail(Child);

impl Tail {
    /// Runs `tail -F` from the beginning of a file.
    pub(crate) fn follow(path: &Path) -> Tail {
        let mut tail = Command::new("tail");
        let tail = tail.args(["-n", "+1", "-F"]).arg(path).stdout(Stdio::piped()).stderr(Stdio::null());
        Tail(tail.spawn().expect("tail is everywhere"))
    }

    /// Its next output, which may take a while, but not for ever.
    #[track_caller]
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let out = self.0.stdout.as_mut().expect("a pipe");
        let patience = Timespec { tv_sec: 60, tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(out, PollFlags::IN)], Some(&patience)).expect("a pipe");
        assert!(ready > 0, "tail prints nothing");
        out.read(buffer).expect("a pipe")
    }

    /// Waits until it has printed this next.
    #[track_caller]
    pub(crate) fn prints(&mut self, text: &str) {
        let (mut buffer, mut len) = (vec![0; text.len()], 0);
        while len < buffer.len() {
            len += self.read(&mut buffer[len..]);
        }
        assert_eq!(String::from_utf8_lossy(&buffer), text);
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The content of a file, as `cat` reads it.
#[track_caller]
pub(crate) fn cat(path: &Path) -> String {
    reads(Command::new("cat").arg(path))
}

/// The output of a program.
#[track_caller]
pub(crate) fn reads(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Whether a program is installed; reports it if not.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let has = found.is_ok_and(|output| output.status.success());
    if !has {
        crate::program::session::without(program);
    }
    has
}

/// A directory on ext4 and its guard; `None`, and a report, if that fails.
pub(crate) fn guarded() -> Option<(Disk, Guard)> {
    let disk = disk()?;
    let guard = Guard::start(&disk.log());
    Some((disk, guard))
}

/// An ext4 file system, if a guard can work here.
pub(crate) fn disk() -> Option<Disk> {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    let refused = REFUSED.get_or_init(|| {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let output = command(&scratch.path().join("missing")).output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.contains("cannot watch files").then_some(said)
    });
    if let Some(said) = refused {
        crate::program::session::without(said.trim());
        return None;
    }
    Disk::new("ext4")
}

/// Whether the kernel asks before writes (Linux 6.14), so that no window remains; reports it if
/// not.
pub(crate) fn told_of_writes(guard: &Guard, disk: &Disk) -> bool {
    fs::write(disk.file("probe"), "probe\n").expect("room for a file");
    cat(&disk.file("probe"));
    std::thread::sleep(Duration::from_millis(50));
    let told = !guard.said().contains("does not announce writes");
    if !told {
        crate::program::session::without("a kernel that tells of writes beforehand");
    }
    told
}
