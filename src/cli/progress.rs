//! A progress bar for a long scrub on a terminal: bytes done and total, speed, and time left.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use hushlog::scrub::Scrubber;
use indicatif::{ProgressBar, ProgressStyle};

use super::stdio;

/// The interval between redraws.
const DRAW_EVERY: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// A bar, shown only on a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    done: Arc<AtomicBool>,
    drawing: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts the bar for a scrub of these files.
    pub(crate) fn start(paths: &[PathBuf], recursive: bool, scrubber: &Scrubber, quiet: bool) -> Progress {
        let done = Arc::new(AtomicBool::new(false));
        if quiet || !stdio::stderr_is_terminal() {
            return Progress { bar: ProgressBar::hidden(), done, drawing: None };
        }
        let style = ProgressStyle::with_template(TEMPLATE).expect("a template of ours");
        let bar = ProgressBar::new(paths.iter().map(|path| size(path, recursive)).sum()).with_style(style);
        let (searched, drawn, stop) = (Arc::clone(scrubber.progress()), bar.clone(), Arc::clone(&done));
        let drawing = std::thread::spawn(move || {
            while !stop.load(Relaxed) {
                drawn.set_position(searched.load(Relaxed));
                std::thread::sleep(DRAW_EVERY);
            }
        });
        Progress { bar, done, drawing: Some(drawing) }
    }

    /// Hides the bar while `say` writes.
    pub(crate) fn aside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    /// Removes the bar.
    pub(crate) fn end(mut self) {
        self.done.store(true, Relaxed);
        if let Some(drawing) = self.drawing.take() {
            let _ = drawing.join();
        }
        self.bar.finish_and_clear();
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
