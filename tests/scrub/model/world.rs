//! One log, its writer, and the expected contents of its files.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::rng::Rng;
use crate::program::{HUSHLOG, Ran};
use crate::scrub::{age, end, start};

pub(super) const NAMES: [&str; 2] = ["ALPHA", "BETA"];
/// The calls at which a scrub is killed.
const CALLS: [&str; 8] = ["read", "pread64", "openat2", "mmap", "fsync", "utimensat", "renameat2", "write"];

/// How long other processes may keep a file open after its writer has closed it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most scrubs until a check finds nothing. A scrub masks all secrets, but its masks may make
/// text at the beginning of another file look like the rest of one: see `World::rest`.
const ROUNDS_MAX: usize = 3;

/// A run of this many NULs is a hole in a text.
const HOLE_LEN_MIN: u64 = 16;

/// A file of the log.
pub(super) struct Log {
    /// Its content without any scrub.
    pub(super) raw: Vec<u8>,
    pub(super) packed: bool,
    /// It was copied from another file during a scrub.
    pub(super) is_copied_beside: bool,
    /// The writer has it open.
    is_open: bool,
}

impl Log {
    fn new(is_open: bool) -> Log {
        Log { raw: Vec::new(), packed: false, is_copied_beside: false, is_open }
    }
}

/// The masks of all scrubs of a sequence.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Masks {
    /// With names, in place; and by rewrite at the end, when masks of any length may stand in the
    /// files.
    Named,
    /// With one byte, in place and by rewrite, and compressed files.
    Byte,
}

pub(super) struct World {
    seed: u64,
    rng: Rng,
    directory: tempfile::TempDir,
    pub(super) secrets: Vec<Vec<u8>>,
    pub(super) masks: Masks,
    /// A mask no longer has the length of its secret.
    pub(super) is_rewritten: bool,
    /// From the newest, which has no number, to the oldest.
    pub(super) logs: Vec<Log>,
    writer: File,
    /// The writer's position, if it does not append.
    offset: Option<u64>,
    /// The text that the writer has not written yet.
    text: Vec<u8>,
    lines: usize,
    /// A scrub is running.
    is_beside: bool,
    steps: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        let mut rng = Rng(seed);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut secret = |first: u8| {
            let len = match rng.below(24) {
                0 => 4_500 + rng.below(1_500),
                1..=4 => 200 + rng.below(400),
                _ => 12 + rng.below(40),
            };
            let mut secret = vec![first];
            secret.extend((1..len).map(|_| b"abcdefghijkmnpqr23456789"[rng.below(24)]));
            secret
        };
        let secrets = vec![secret(b'y'), secret(b'z')];
        let masks = if rng.below(3) == 0 { Masks::Named } else { Masks::Byte };
        let appends = rng.below(3) > 0;
        let path = directory.path().join("app.log");
        let writer = File::options().create(true).append(appends).write(true).open(&path).expect("room");
        let logs = vec![Log::new(true)];
        let offset = (!appends).then_some(0);
        World {
            seed,
            rng,
            directory,
            secrets,
            masks,
            is_rewritten: false,
            logs,
            writer,
            offset,
            text: Vec::new(),
            lines: 0,
            is_beside: false,
            steps: Vec::new(),
        }
    }

    pub(super) fn run(&mut self) {
        for _ in 0..6 + self.rng.below(10) {
            self.step();
            self.check_bytes();
        }
        self.end();
    }

    fn step(&mut self) {
        match self.rng.below(16) {
            0..=3 => self.write(),
            4..=6 => self.rotate(),
            7 => self.pack(),
            8 => self.make_old(),
            9..=10 => self.scrub(),
            11..=12 => self.scrub_beside(),
            13 => self.scrub_killed_at_a_call(),
            14 => self.scrub_killed_at_a_time(),
            _ => self.scrub_without_room(),
        }
    }

    fn note(&mut self, step: impl Into<String>) {
        self.steps.push(step.into());
    }

    /// Fails, and shows the steps so far.
    pub(super) fn fail(&self, why: &str) -> ! {
        let lens: Vec<usize> = self.secrets.iter().map(Vec::len).collect();
        panic!("seed {}: {why}; secrets of {lens:?} bytes; steps: {}", self.seed, self.steps.join(", "));
    }

    /// The same for files that can all be read, with their contents as classes.
    pub(super) fn fail_by_content(&self, why: &str) -> ! {
        self.fail(&format!("{why}; files, oldest first: {}\nby", self.picture()))
    }

    pub(super) fn path(&self, at: usize) -> PathBuf {
        self.named(at, self.logs[at].packed)
    }

    fn named(&self, at: usize, is_packed: bool) -> PathBuf {
        let name = match (at, is_packed) {
            (0, _) => "app.log".to_owned(),
            (at, false) => format!("app.log.{at}"),
            (at, true) => format!("app.log.{at}.gz"),
        };
        self.directory.path().join(name)
    }

    /// The writer's next lines: secrets, beginnings and ends of secrets.
    fn lines(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..1 + self.rng.below(6) {
            let secret = self.secrets[self.rng.below(2)].clone();
            write!(text, "{:06} GET /v1/items ", self.lines).expect("memory");
            self.lines += 1;
            match self.rng.below(8) {
                0..=4 => text.extend_from_slice(&secret),
                5 => [&secret[..], &secret, b" ", &secret].iter().for_each(|part| text.extend_from_slice(part)),
                6 => text.extend_from_slice(&secret[..self.rng.below(secret.len())]),
                _ => text.extend_from_slice(&secret[1 + self.rng.below(secret.len() - 1)..]),
            }
            text.extend_from_slice(if self.rng.below(4) == 0 { b"\n" } else { b" 200 OK\n" });
        }
        text
    }

    /// Writes a piece that may end anywhere.
    fn piece(&mut self) {
        if self.text.is_empty() {
            self.text = self.lines();
        }
        let most = if self.rng.below(3) == 0 { self.text.len() } else { self.text.len().min(64) };
        let len = 1 + self.rng.below(most);
        let piece: Vec<u8> = self.text.drain(..len).collect();
        self.write_piece(&piece);
    }

    fn write_piece(&mut self, piece: &[u8]) {
        let log = self.logs.iter_mut().find(|log| log.is_open).expect("it is there");
        match &mut self.offset {
            None => {
                self.writer.write_all(piece).expect("room");
                log.raw.extend_from_slice(piece);
            }
            Some(offset) => {
                self.writer.write_all_at(piece, *offset).expect("room");
                log.raw.resize((*offset as usize).max(log.raw.len()), 0);
                log.raw.extend_from_slice(piece);
                *offset += piece.len() as u64;
            }
        }
    }

    fn write(&mut self) {
        let pieces = 1 + self.rng.below(6);
        (0..pieces).for_each(|_| self.piece());
        self.note(format!("write {pieces} to {} bytes", self.logs[0].raw.len()));
    }

    /// Completes a half-written secret, so that the next step cuts none.
    fn end_line(&mut self) {
        let rest = std::mem::take(&mut self.text);
        if !rest.is_empty() {
            self.write_piece(&rest);
        }
    }

    fn rotate(&mut self) {
        // A writer that has not noticed the last rotation yet.
        let has_short_hole = self.offset.is_some_and(|offset| offset < HOLE_LEN_MIN);
        if !self.logs[0].is_open || self.logs.len() > 7 {
            return self.reopen();
        }
        let copies = self.rng.below(3) == 0 && !has_short_hole;
        for at in (1..self.logs.len()).rev() {
            fs::rename(self.path(at), self.named(at + 1, self.logs[at].packed)).expect("ours");
        }
        let (path, rotated) = (self.path(0), self.named(1, false));
        if copies {
            self.note("copy and truncate");
            fs::copy(&path, &rotated).expect("room");
            self.writer.set_len(0).expect("ours");
            (self.logs[0].is_open, self.logs[0].is_copied_beside) = (false, self.is_beside);
            self.logs.insert(0, Log::new(true));
        } else {
            self.note("rename");
            fs::rename(&path, &rotated).expect("ours");
            File::create_new(&path).expect("room");
            self.logs.insert(0, Log::new(false));
            if self.rng.below(3) > 0 {
                self.reopen();
            }
        }
    }

    fn reopen(&mut self) {
        if !self.logs[0].is_open {
            self.note("reopen");
            let appends = self.offset.is_none();
            self.writer = File::options().append(appends).write(true).open(self.path(0)).expect("ours");
            self.offset = self.offset.map(|_| self.logs[0].raw.len() as u64);
            self.logs.iter_mut().enumerate().for_each(|(at, log)| log.is_open = at == 0);
        }
    }

    /// Compresses a rotated file as logrotate does: makes a new file, then removes the old one.
    fn pack(&mut self) {
        let able: Vec<usize> =
            (1..self.logs.len()).filter(|&at| !self.logs[at].packed && !self.logs[at].is_open).collect();
        if able.is_empty() || self.masks == Masks::Named {
            return self.write();
        }
        let at = able[self.rng.below(able.len())];
        self.note(format!("pack {at}"));
        let path = self.path(at);
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&fs::read(&path).expect("ours")).expect("memory");
        let to = self.named(at, true);
        fs::write(&to, packer.finish().expect("memory")).expect("room");
        let modified = fs::metadata(&path).expect("ours").modified().expect("a time");
        File::options().write(true).open(&to).expect("ours").set_modified(modified).expect("ours");
        fs::remove_file(&path).expect("ours");
        self.logs[at].packed = true;
    }

    /// Makes the files idle for long. A half-written secret would then be masked as a partial
    /// match, and its rest would stay: that is documented, and not tried.
    fn make_old(&mut self) {
        self.end_line();
        (0..self.logs.len()).for_each(|at| age(&self.path(at)));
        self.note("age");
    }

    /// Updates the time of a file that ends within a secret, so that it looks active on a slow
    /// machine, too.
    fn touch(&self) {
        for at in (0..self.logs.len()).filter(|&at| !self.logs[at].packed && !self.text.is_empty()) {
            if self.partial(at) > 0 {
                let file = File::options().write(true).open(self.path(at)).expect("ours");
                file.set_modified(std::time::SystemTime::now()).expect("ours");
            }
        }
    }

    fn command(&self, program: &[&str], options: &[&str]) -> Command {
        self.touch();
        let mut command = Command::new(program.first().unwrap_or(&HUSHLOG));
        if !program.is_empty() {
            command.args(&program[1..]).arg(HUSHLOG);
        }
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("RUST_BACKTRACE", "full");
        command.arg("scrub").current_dir("/");
        for (name, secret) in NAMES.iter().zip(&self.secrets) {
            command.args(["--env", name]).env(name, std::str::from_utf8(secret).expect("text"));
        }
        if self.masks == Masks::Byte {
            command.args(["--mask-char", "#"]);
        }
        command.args(options).arg(self.directory.path());
        command
    }

    /// In place, or by rewrite if the masks allow it.
    fn options(&mut self) -> &'static [&'static str] {
        match (self.masks, self.rng.below(3)) {
            (Masks::Byte, 0 | 1) => &["--rewrite"],
            _ => &[],
        }
    }

    fn ended(&mut self, child: &mut Child, what: &str) -> Ran {
        let ran = end(child);
        let said = format!("{}{}", ran.out(), ran.err());
        if self.secrets.iter().any(|secret| memchr::memmem::find(said.as_bytes(), secret).is_some()) {
            self.fail("a message holds a secret");
        }
        self.note(format!("{what}: {:?}", ran.code.or(ran.signal)));
        ran
    }

    fn scrub(&mut self) {
        let options = self.options();
        let mut child = start(&mut self.command(&[], options));
        let ran = self.ended(&mut child, &format!("scrub {options:?}"));
        self.ends_well(&ran);
    }

    fn ends_well(&self, ran: &Ran) {
        if !matches!(ran.code, Some(0 | 3)) {
            self.fail(&format!("it ended with {:?}: {}", ran.code, ran.err()));
        }
    }

    fn scrub_beside(&mut self) {
        let options = self.options();
        let mut child = start(&mut self.command(&[], options));
        self.note("while it runs");
        self.is_beside = true;
        self.go_on_beside(&mut child);
        self.is_beside = false;
        let ran = self.ended(&mut child, &format!("scrub {options:?}"));
        self.ends_well(&ran);
    }

    /// The writer and rotation continue until the scrub ends or they have done enough.
    fn go_on_beside(&mut self, child: &mut Child) {
        for _ in 0..3 + self.rng.below(40) {
            if child.try_wait().expect("our child").is_some() {
                return;
            }
            match self.rng.below(24) {
                0 => self.rotate(),
                1 => self.pack(),
                _ => self.piece(),
            }
            std::thread::sleep(Duration::from_micros(self.rng.below(2_000) as u64));
            self.check_bytes();
        }
    }

    fn scrub_killed_at_a_time(&mut self) {
        let options = self.options();
        let mut child = start(&mut self.command(&[], options));
        let writes = self.rng.below(2) == 0;
        std::thread::sleep(Duration::from_micros(self.rng.below(25_000) as u64));
        if writes {
            self.piece();
        }
        let _ = child.kill();
        self.ended(&mut child, &format!("killed scrub {options:?}"));
        self.remove_temporary();
    }

    fn injected(&mut self, injection: &str, options: &[&str]) -> Ran {
        let inject = format!("inject={injection}");
        let program = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
        let mut child = start(&mut self.command(&program, options));
        let ran = self.ended(&mut child, &format!("scrub {options:?} with {injection}"));
        self.remove_temporary();
        ran
    }

    fn scrub_killed_at_a_call(&mut self) {
        let (options, call) = (self.options(), CALLS[self.rng.below(CALLS.len())]);
        let most = if matches!(call, "read" | "pread64") { 60 } else { 12 };
        let injection = format!("{call}:signal=KILL:when={}", 1 + self.rng.below(most));
        self.injected(&injection, options);
    }

    fn scrub_without_room(&mut self) {
        let options = self.options();
        if self.rng.below(2) == 0 {
            let call = ["write", "fsync", "memfd_create", "mmap"][self.rng.below(4)];
            let first = if call == "mmap" { 30 } else { 1 };
            let injection = format!("{call}:error=ENOSPC:when={}+", first + self.rng.below(12));
            let ran = self.injected(&injection, options);
            if ran.signal.is_some() {
                self.fail("a full disk ended it by a signal");
            }
            return;
        }
        let limit = format!("--fsize={}", self.rng.below(1_500));
        let mut child = start(&mut self.command(&["prlimit", &limit], options));
        self.ended(&mut child, &format!("scrub {options:?} {limit}"));
        self.remove_temporary();
    }

    /// A killed rewrite leaves a file, of redacted bytes only.
    fn remove_temporary(&self) {
        for entry in fs::read_dir(self.directory.path()).expect("ours") {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if name.starts_with(".hushlog.") {
                self.assert_clean(&path);
                fs::remove_file(&path).expect("ours");
            } else if !name.starts_with("app.log") {
                self.fail("there is a file of another name");
            }
        }
    }

    fn assert_clean(&self, path: &Path) {
        let found = fs::read(path).expect("ours");
        if self.secrets.iter().any(|secret| memchr::memmem::find(&found, secret).is_some()) {
            self.fail("a temporary file holds a secret");
        }
    }

    /// Scrubs while no process has the files open for writing. Programs that other tests start hold
    /// this process's descriptors for a moment, between fork and exec.
    fn scrub_at_rest(&mut self, options: &[&str]) -> Ran {
        let start_of_tries = Instant::now();
        loop {
            let mut child = start(&mut self.command(&[], options));
            let ran = self.ended(&mut child, &format!("the last scrub {options:?}"));
            if !ran.err().contains("the file is being written") || start_of_tries.elapsed() > PATIENCE {
                return ran;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The writer ends, and one scrub masks all.
    fn end(&mut self) {
        self.reopen();
        self.make_old();
        let packed = self.logs.iter().any(|log| log.packed);
        let options: &[&str] = if packed || self.rng.below(2) == 0 { &["--rewrite"] } else { &[] };
        let changes_len = self.masks == Masks::Named && !options.is_empty();
        // It has no file open for writing.
        self.writer = File::open(self.path(0)).expect("ours");
        for _ in 0..ROUNDS_MAX {
            let before = changes_len.then(|| self.contents());
            let ran = self.scrub_at_rest(options);
            if ran.code != Some(0) {
                self.fail(&format!("the last scrub said {}", ran.err()));
            }
            match before {
                Some(before) => self.check_rewritten(&before),
                None => {
                    self.check_bytes();
                    self.check_masks();
                }
            }
            let mut child = start(&mut self.command(&[], &["--check"]));
            let ran = self.ended(&mut child, "check");
            match ran.code {
                Some(0) => return,
                Some(1) => {}
                _ => self.fail(&format!("the check said {}", ran.err())),
            }
        }
        self.fail_by_content("a check still finds secrets");
    }
}
