//! A running sidecar in a directory of its own, always ended with the test.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::program::{self, HUSHLOG, Ran};
pub(crate) use super::program::{PATIENCE, until};

/// The secret of each sidecar here, in the file `secrets/API_TOKEN`.
pub(crate) const VALUE: &str = "sk-live-4f9QzXabc";
/// Its mask.
pub(crate) const MASK: &str = "[REDACTED:API_TOKEN]";

/// Appends to a file, which need not exist.
pub(crate) fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = File::options().append(true).create(true).open(path).expect("the directory is there");
    file.write_all(text.as_ref()).expect("there is room");
}

/// A directory with the secret, and with a control socket in its configurations.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Place {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("secrets")).expect("room for a directory");
        let place = Place(dir);
        place.save("API_TOKEN", VALUE);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Saves a secret atomically.
    pub(crate) fn save(&self, name: &str, value: &str) {
        fs::write(self.path("half"), value).expect("room for a secret");
        fs::rename(self.path("half"), self.path("secrets").join(name)).expect("the same directory");
    }

    /// Writes a configuration. `DIR` in it is this directory.
    pub(crate) fn configure(&self, text: &str) -> PathBuf {
        let path = self.path("hushlog.yaml");
        let text = text.replace("DIR", &self.0.path().display().to_string());
        fs::write(&path, text).expect("room for a configuration");
        path
    }

    /// The configuration of these streams, each a line of YAML, with the secrets and a control
    /// socket.
    pub(crate) fn streams(&self, streams: &[&str]) -> PathBuf {
        let streams: String = streams.iter().map(|stream| format!("  - {{ {stream} }}\n")).collect();
        self.configure(&format!(
            "secrets: {{ secret_files: [DIR/secrets] }}\ncontrol: DIR/control\nstreams:\n{streams}"
        ))
    }

    /// Starts a sidecar, and waits until it is ready.
    pub(crate) fn start(self, config: &Path) -> Sidecar {
        self.start_as(config, |_| {})
    }

    /// The same with a modified command.
    pub(crate) fn start_as(self, config: &Path, change: impl FnOnce(&mut Command)) -> Sidecar {
        let notices = UnixDatagram::bind(self.path("notify")).expect("a socket for notices");
        let mut command = Command::new(HUSHLOG);
        command.args(["sidecar", "--config"]).arg(config).env_clear().env("NOTIFY_SOCKET", self.path("notify"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("RUST_BACKTRACE", "full");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().expect("the program starts");
        let (said, stderr) = (Arc::new(Mutex::new(String::new())), child.stderr.take());
        let hear = Arc::clone(&said);
        std::thread::spawn(move || {
            let lines = stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).lines());
            lines.map_while(Result::ok).for_each(|line| {
                let mut said = hear.lock().expect("nobody panics with it");
                said.push_str(&line);
                said.push('\n');
            });
        });
        let stdin = child.stdin.take();
        let mut sidecar = Sidecar { place: self, child, stdin, notices, said, told: String::new() };
        sidecar.is_told("READY=1");
        sidecar
    }
}

/// A running sidecar.
pub(crate) struct Sidecar {
    place: Place,
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    notices: UnixDatagram,
    said: Arc<Mutex<String>>,
    told: String,
}

impl Sidecar {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The directory of a sidecar that has ended, for the next one.
    pub(crate) fn into_place(mut self) -> Place {
        let place = std::mem::replace(&mut self.place, Place::new());
        let _ = fs::remove_file(place.path("notify"));
        let _ = fs::remove_file(place.path("control"));
        place
    }

    /// Its messages so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("nobody panics with it").clone()
    }

    /// Waits for this message.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        until(&format!("{text:?} was not said"), || self.said().contains(text));
    }

    /// Waits until the service manager gets this notification, counted from now.
    #[track_caller]
    pub(crate) fn is_told(&mut self, state: &str) {
        self.notices.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out can be set");
        let (start, mut buffer) = (Instant::now(), [0; 4096]);
        while !self.told.contains(state) {
            match self.notices.recv(&mut buffer) {
                Ok(len) => {
                    self.told.push_str(&String::from_utf8_lossy(&buffer[..len]));
                    self.told.push('\n');
                }
                Err(_) => {
                    let ended = self.child.try_wait().expect("our child");
                    assert!(ended.is_none(), "it has ended ({ended:?}) and said {}", self.said());
                    assert!(start.elapsed() < PATIENCE, "it told {} and said {}", self.told, self.said());
                }
            }
        }
        self.told.clear();
    }

    /// Connects to one of its sockets.
    pub(crate) fn connect(&self, name: &str) -> UnixStream {
        UnixStream::connect(self.path(name)).expect("it listens")
    }

    /// Sends this through a new connection.
    pub(crate) fn send(&self, name: &str, text: &str) {
        self.connect(name).write_all(text.as_bytes()).expect("it reads");
    }

    /// Waits until a file holds exactly this.
    #[track_caller]
    pub(crate) fn file_is(&self, name: &str, text: &str) {
        let start = Instant::now();
        let read = || fs::read_to_string(self.path(name)).unwrap_or_default();
        while read() != text {
            assert!(start.elapsed() < PATIENCE, "{name} holds {:?}; said {}", read(), self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a file has exactly these lines, in any order.
    #[track_caller]
    pub(crate) fn file_has_lines(&self, name: &str, text: &str) {
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        let (start, wanted) = (Instant::now(), sorted(text));
        let read = || fs::read_to_string(self.path(name)).unwrap_or_default();
        while sorted(&read()) != wanted {
            assert!(start.elapsed() < PATIENCE, "{name} holds {:?}; said {}", read(), self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a file contains this, and returns its content.
    #[track_caller]
    pub(crate) fn file_has(&self, name: &str, text: &str) -> String {
        let start = Instant::now();
        loop {
            let found = String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned();
            if found.contains(text) {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "{name} holds {} bytes; said {}", found.len(), self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The offset of a log in the saved checkpoints; 0 if it is in none.
    pub(crate) fn saved_offset(&self, state: &str, log: &Path) -> u64 {
        let inode = fs::metadata(log).expect("it is there").ino();
        let saved = fs::read(self.path(state).join("checkpoints.json")).unwrap_or_default();
        let saved: serde_json::Value = serde_json::from_slice(&saved).unwrap_or_default();
        let file = saved["files"].as_array().into_iter().flatten().find(|file| file["inode"] == inode);
        file.and_then(|file| file["offset"].as_u64()).unwrap_or(0)
    }

    /// Waits until the saved checkpoints cover all of a log.
    #[track_caller]
    pub(crate) fn has_saved(&self, state: &str, log: &Path) {
        let len = fs::metadata(log).expect("it is there").len();
        until("the position was saved", || self.saved_offset(state, log) == len);
    }

    /// Sends it a request through its control socket.
    pub(crate) fn ask(&self, words: &[&str], input: &str) -> Ran {
        let mut command = program::hushlog(["sidecar"]);
        command.args(words).arg("--socket").arg(self.path("control"));
        program::run_within(&mut command, input.as_bytes(), PATIENCE)
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_slice(&self.ask(&["status", "--json"], "").ends(0).stdout).expect("the status is JSON")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process");
        kill_process(pid, signal).expect("it runs");
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the kernel tells");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs").count()
    }

    /// Waits for its end. No message of it shows the secret.
    #[track_caller]
    pub(crate) fn ends(&mut self, code: i32) -> String {
        drop(self.stdin.take());
        let status = program::ends_within(&mut self.child, PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
        let said = self.said();
        assert_eq!(status.code(), Some(code), "{status}: it said {said}");
        assert!(!said.contains(VALUE) && !said.contains("4f9QzX"), "it showed the secret");
        said
    }

    /// Stops it, and waits for its end.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> String {
        self.signal(Signal::TERM);
        self.ends(0)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A reader in a thread of its own: the data received so far.
pub(crate) struct Reader(Arc<Mutex<Vec<u8>>>);

impl Reader {
    pub(crate) fn of(mut from: impl std::io::Read + Send + 'static) -> Reader {
        let come = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&come);
        std::thread::spawn(move || {
            let mut buffer = [0; 64 << 10];
            while let Ok(len @ 1..) = from.read(&mut buffer) {
                keep.lock().expect("nobody panics with it").extend_from_slice(&buffer[..len]);
            }
        });
        Reader(come)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panics with it")).into_owned()
    }

    #[track_caller]
    pub(crate) fn becomes(&self, text: &str) {
        let start = Instant::now();
        while self.text() != text {
            assert!(start.elapsed() < PATIENCE, "{:?} came", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
