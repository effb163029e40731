//! Progress on a terminal: a bar for a scrub, the rate of a stream, a word about a slow source.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hushlog::io::PumpProgress;
use hushlog::scrub::Scrubber;
use hushlog::sys::mutex::lock;
use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};

use super::stdio;

/// The interval between redraws.
const DRAW_EVERY: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// A stream of unknown length, and one of known length.
const STREAM_TEMPLATE: &str = "{bytes} read, {bytes_per_sec}{msg}, {elapsed}";
const FILE_TEMPLATE: &str = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}{msg}, {eta} left";
const WAIT_TEMPLATE: &str = "{spinner} {msg}, {elapsed}";
/// The time after which a source counts as slow.
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// A bar that a thread of its own draws.
struct Drawn {
    bar: ProgressBar,
    stop: Arc<Stop>,
    drawing: Option<JoinHandle<()>>,
}

/// A request to stop, which wakes the thread.
#[derive(Default)]
struct Stop {
    is_asked: Mutex<bool>,
    asked: Condvar,
}

impl Stop {
    /// Waits for the request. Returns whether it came in this time.
    fn within(&self, time: Duration) -> bool {
        let is_asked = lock(&self.is_asked);
        let waited = self.asked.wait_timeout_while(is_asked, time, |is_asked| !*is_asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drawn {
    /// Draws after `delay`, and from then on ten times a second.
    fn start(bar: ProgressBar, delay: Duration, draw: impl Fn(&ProgressBar) + Send + 'static) -> Drawn {
        let stop = Arc::new(Stop::default());
        let (thread_bar, thread_stop) = (bar.clone(), Arc::clone(&stop));
        let drawing = std::thread::spawn(move || {
            let mut time = delay;
            while !thread_stop.within(time) {
                if !IS_PAUSED.load(Relaxed) {
                    draw(&thread_bar);
                }
                time = DRAW_EVERY;
            }
        });
        Drawn { bar, stop, drawing: Some(drawing) }
    }

    /// Draws nothing.
    fn hidden() -> Drawn {
        Drawn { bar: ProgressBar::hidden(), stop: Arc::default(), drawing: None }
    }
}

impl Drop for Drawn {
    /// Removes the bar.
    fn drop(&mut self) {
        *lock(&self.stop.is_asked) = true;
        self.stop.asked.notify_one();
        if let Some(drawing) = self.drawing.take() {
            let _ = drawing.join();
        }
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template of ours")
}

/// The bar of a scrub, shown only on a terminal.
pub(crate) struct Progress {
    _drawn: Drawn,
}

impl Progress {
    /// Starts the bar for a scrub of these files.
    pub(crate) fn start(paths: &[PathBuf], recursive: bool, scrubber: &Scrubber, quiet: bool) -> Progress {
        if quiet || !stdio::stderr_is_terminal() {
            return Progress { _drawn: Drawn::hidden() };
        }
        let bar = ProgressBar::new(paths.iter().map(|path| size(path, recursive)).sum()).with_style(style(TEMPLATE));
        let searched = Arc::clone(scrubber.progress());
        let draw = move |bar: &ProgressBar| bar.set_position(searched.load(Relaxed));
        Progress { _drawn: Drawn::start(bar, Duration::ZERO, draw) }
    }
}

/// The progress of a stream.
pub(crate) struct StreamProgress {
    counts: Arc<PumpProgress>,
    _drawn: Drawn,
}

impl StreamProgress {
    /// Starts to show the progress of a stream of this size, if standard error is a terminal, and
    /// standard output is not: its text would be drawn over.
    pub(crate) fn start(size: Option<u64>) -> Option<StreamProgress> {
        if !stdio::stderr_is_terminal() || stdio::stdout_is_terminal() {
            return None;
        }
        let bar = match size {
            Some(size) => ProgressBar::new(size).with_style(style(FILE_TEMPLATE)),
            None => ProgressBar::no_length().with_style(style(STREAM_TEMPLATE)),
        };
        let counts = Arc::<PumpProgress>::default();
        let shown = Arc::clone(&counts);
        let drawn = Drawn::start(bar, Duration::ZERO, move |bar| {
            bar.set_message(format!(", {} masked", shown.masked.load(Relaxed)));
            bar.set_position(shown.bytes_in.load(Relaxed));
        });
        Some(StreamProgress { counts, _drawn: drawn })
    }

    /// The counts to show.
    pub(crate) fn counts(&self) -> Arc<PumpProgress> {
        Arc::clone(&self.counts)
    }

    /// Removes it.
    pub(crate) fn end(self) {}
}

/// Whether nothing is drawn, because the terminal asks a question.
static IS_PAUSED: AtomicBool = AtomicBool::new(false);

/// Draws nothing during this step.
pub(crate) fn paused<T>(step: impl FnOnce() -> T) -> T {
    IS_PAUSED.store(true, Relaxed);
    let done = step();
    IS_PAUSED.store(false, Relaxed);
    done
}

/// Runs a step that may take long, and says so on a terminal when it does.
pub(crate) fn waiting<T>(text: &'static str, quiet: bool, step: impl FnOnce() -> T) -> T {
    let _drawn = (!quiet && stdio::stderr_is_terminal()).then(|| {
        let bar = ProgressBar::no_length().with_style(style(WAIT_TEMPLATE)).with_message(text);
        Drawn::start(bar, SLOW_AFTER, ProgressBar::tick)
    });
    step()
}

/// A number of bytes for people: exact up to four digits, and in units of 1024 beyond.
pub(crate) fn size_text(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..10_000 => format!("{bytes} bytes"),
        _ => BinaryBytes(bytes).to_string(),
    }
}

/// The total size of the files, as far as known; for the bar only.
fn size(path: &Path, recursive: bool) -> u64 {
    let Ok(found) = fs::symlink_metadata(path) else { return 0 };
    let (mut size, mut left) = (0, Vec::new());
    if found.is_dir() {
        left.push(path.to_owned());
    } else if found.is_file() {
        size += found.len();
    }
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_file() => size += found.len(),
                Ok(found) if found.is_dir() && recursive => left.push(entry.path()),
                _ => {}
            }
        }
    }
    size
}
