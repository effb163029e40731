//! Files that are rotated, truncated, deleted and restored: every line comes out, in file order.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::{Files, Following};
use crate::sidecar::checkpoint::Checkpoints;
use crate::sidecar::config::ReadFrom;
use crate::sidecar::event::{Event, EventSink};
use crate::sidecar::source::Listener;
use crate::sidecar::source::ReadOutcome;
use crate::sidecar::source::Source;
use crate::sidecar::source::own::Own;
use crate::sys::mutex::lock;

mod handover;
mod links;
mod many;
mod restart;
mod rotation;

/// The timeout of each wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// The output of all sources, and the reported events.
#[derive(Default)]
struct Got {
    bytes: Vec<u8>,
    /// The number of files or messages that ended, and of sources.
    ends: usize,
    overs: usize,
    sources: usize,
    told: Vec<String>,
}

/// Follows a pattern as a sidecar does. A drop acts like a kill: it saves nothing more.
struct Follower {
    files: Arc<Files>,
    got: Arc<Mutex<Got>>,
    task: JoinHandle<()>,
}

impl Follower {
    fn new(pattern: &str, state: Option<&Path>) -> Follower {
        Follower::with(pattern, state, ReadFrom::Start, Duration::ZERO)
    }

    /// A follower with a sink that takes this long for each piece.
    fn with(pattern: &str, state: Option<&Path>, from: ReadFrom, pause: Duration) -> Follower {
        Follower::beside(pattern, state, from, pause, Vec::new())
    }

    /// A follower with this limit on files.
    fn limited(pattern: &str, state: Option<&Path>, files_max: usize) -> Follower {
        Follower::begin(pattern, state, ReadFrom::Start, Duration::ZERO, Vec::new(), files_max)
    }

    /// A follower of a sidecar that has files of its own.
    fn beside(pattern: &str, state: Option<&Path>, from: ReadFrom, pause: Duration, own: Vec<PathBuf>) -> Follower {
        Follower::begin(pattern, state, from, pause, own, usize::MAX)
    }

    fn begin(
        pattern: &str,
        state: Option<&Path>,
        from: ReadFrom,
        pause: Duration,
        own: Vec<PathBuf>,
        files_max: usize,
    ) -> Follower {
        let got: Arc<Mutex<Got>> = Arc::default();
        let told = Arc::clone(&got);
        let emit: EventSink = Arc::new(move |event| {
            if let Event::Warning(text) = event {
                lock(&told).told.push(text);
            }
        });
        let checkpoints = Arc::new(Checkpoints::open(state, &Arc::default(), Arc::clone(&emit)).unwrap());
        let files = Files::new(checkpoints, Own::of(own), emit);
        let mut follow = Following::new(Arc::clone(&files), "app".into(), (pattern, &[]), from, files_max).unwrap();
        let all = Arc::clone(&got);
        let task = tokio::spawn(async move {
            let mut sources = tokio::task::JoinSet::new();
            loop {
                let source = follow.next().await.unwrap();
                lock(&all).sources += 1;
                sources.spawn(drain(source, Arc::clone(&all), pause));
            }
        });
        Follower { files, got, task }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.got).bytes).into_owned()
    }

    /// The number of sources, and of restarts among them.
    fn counts(&self) -> (usize, usize) {
        let got = lock(&self.got);
        (got.sources, got.ends)
    }

    /// Waits until the condition holds.
    #[track_caller]
    fn until(&self, what: impl Fn(&Got) -> bool) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let start = Instant::now();
            while !what(&lock(&self.got)) {
                assert!(start.elapsed() < PATIENCE, "{place}: got {:?}, told {:?}", self.text(), lock(&self.got).told);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    #[track_caller]
    fn gives<'a>(&'a self, text: &'a str) -> impl Future<Output = ()> + 'a {
        self.until(move |got| got.bytes == text.as_bytes())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn drain(mut source: super::log::Followed, got: Arc<Mutex<Got>>, pause: Duration) {
    let mut position = 0;
    loop {
        source.ready().await.unwrap();
        loop {
            let mut buffer = Vec::with_capacity(4096);
            let given = match source.read(&mut buffer) {
                Ok(given) => given,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            };
            tokio::time::sleep(pause).await;
            position += buffer.len() as u64;
            let mut got = lock(&got);
            got.bytes.extend_from_slice(&buffer);
            source.confirm(position);
            if given != ReadOutcome::Data {
                source.boundary(0);
            }
            match given {
                ReadOutcome::Data => {}
                ReadOutcome::Boundary | ReadOutcome::MessageEnd => got.ends += 1,
                ReadOutcome::Eof => {
                    got.overs += 1;
                    return;
                }
            }
        }
    }
}

/// A directory of logs, and one for the checkpoints.
struct Place {
    dir: tempfile::TempDir,
    state: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn pattern(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn append(&self, name: &str, text: &str) -> fs::File {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn follower(&self, pattern: &str) -> Follower {
        Follower::new(&self.pattern(pattern), Some(self.state.path()))
    }
}

/// Ends a follower, and waits until it has released its directory.
async fn kill(follower: Follower) {
    let files = Arc::clone(&follower.files);
    drop(follower);
    while Arc::strong_count(&files) > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A first follower read this text of `a.log`, saved that, and was killed.
async fn followed_and_killed(place: &Place, text: &str) {
    place.append("a.log", text);
    let follower = place.follower("a.log");
    follower.gives(text).await;
    follower.files.checkpoints.save();
    kill(follower).await;
}
