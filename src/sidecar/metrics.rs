//! The sidecar's metrics, and their Prometheus text format.
//!
//! A reader of the metrics may also write into a stream and know its contents. So they must reveal
//! no more than names and counts do. Names pass the active set, since one may contain another
//! secret. Three obvious metrics are absent for that reason:
//!
//! - *bytes written*: input less output, divided by the number of masks, is the length of a secret.
//!   The finished input is counted instead. *Bytes in the spool* are absent however they are
//!   rounded: enough masks make up for the rounding.
//! - *bytes held back, to the byte*: with exact release they show how much of a guess matches.
//!   Less than [`HELD_STEP`] of a connection counts as nothing. (With line release they are all of
//!   the input since the last newline; and regions are counted when their line has ended.)
//! - *the number of needles*: it reveals the kinds of characters in a value.
//!
//! The page is written by hand. The crates for it register each series under the labels that it was
//! made with; here labels are masked when the page is read, and series that become equal are added
//! up.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::secrets::active::Active;
use crate::redact::message::{Reading, label_escape, redact};
use crate::redact::redactor::RegionCounts;
use crate::sys::mutex::lock;

/// The step to which held-back bytes are rounded down.
pub(crate) const HELD_STEP: u64 = 4 << 10;

/// The phase of the sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Some sources or sinks are not open yet.
    Starting = 0,
    /// It runs.
    Ready = 1,
    /// It drains, and ends.
    Stopping = 2,
}

/// All metrics of a sidecar. Counting is cheap: one atomic addition.
#[derive(Default)]
pub(crate) struct Metrics {
    streams: Mutex<BTreeMap<String, Arc<StreamMetrics>>>,
    reloads: Mutex<Reloads>,
    secrets: AtomicU64,
    phase: AtomicU8,
    /// The set that masks names.
    active: OnceLock<watch::Receiver<Active>>,
}

#[derive(Clone, Copy, Default)]
struct Reloads {
    done: u64,
    failed: u64,
    /// The total of all reloads.
    duration: Duration,
    last_failed: bool,
    last_done: Option<SystemTime>,
}

/// The metrics of a stream by its name in the configuration, over all its connections or files.
#[derive(Default)]
pub(crate) struct StreamMetrics {
    /// Open connections or files.
    pub(crate) open: AtomicU64,
    /// Bytes read.
    pub(crate) input: AtomicU64,
    /// Finished bytes of the input: the sink has taken their releasable output.
    pub(crate) finished: AtomicU64,
    /// Unread bytes of the source, as far as they are known.
    pub(crate) lag: AtomicU64,
    /// The number of waits for the sink.
    pub(crate) waits: AtomicU64,
    /// The total time of these waits, in microseconds.
    pub(crate) waited_us: AtomicU64,
    /// Bytes of the input that were dropped as configured.
    pub(crate) dropped: AtomicU64,
    /// The number of times the source or the sink was reopened.
    pub(crate) reopened: AtomicU64,
    held: AtomicU64,
    spooled: AtomicU64,
    damaged: AtomicU64,
    masked: Mutex<Masked>,
}

/// The masked places of a stream.
#[derive(Default)]
struct Masked {
    regions: RegionCounts,
    /// The time at which places of a secret were counted last.
    last: BTreeMap<String, SystemTime>,
}

/// The masked places of a secret.
#[derive(Default)]
pub(crate) struct MaskedSecret {
    /// Their number, by stream.
    pub(crate) streams: BTreeMap<String, u64>,
    /// The last time, and its stream.
    pub(crate) last: Option<(SystemTime, String)>,
}

/// Figures of a stream for people.
pub(crate) struct Overview {
    /// Masked places, of any form.
    pub(crate) masked: u64,
    /// Bytes of followed files that are not read yet, and bytes of the input that the sink has not
    /// taken.
    pub(crate) waiting: u64,
    /// How often the source or the sink was reopened, and damaged parts of the spool.
    pub(crate) errors: u64,
}

impl StreamMetrics {
    /// Counts a piece of this length as read.
    pub(crate) fn read(&self, len: usize) {
        self.input.fetch_add(len as u64, Relaxed);
    }

    /// Counts a piece of this length as finished: the sink has taken all of its output.
    pub(crate) fn finish(&self, len: usize) {
        self.finished.fetch_add(len as u64, Relaxed);
    }

    /// Counts a wait for the sink.
    pub(crate) fn wait(&self, time: Duration) {
        self.waits.fetch_add(1, Relaxed);
        self.waited_us.fetch_add(time.as_micros() as u64, Relaxed);
    }

    /// Updates the held-back bytes of a connection. `told` is its last reported number, 0 at first
    /// and in the end.
    pub(crate) fn hold(&self, told: &mut u64, now: usize) {
        let now = now as u64 / HELD_STEP * HELD_STEP;
        let before = std::mem::replace(told, now);
        if now != before {
            // Wraps around to the former value, if less is held now.
            self.held.fetch_add(now.wrapping_sub(before), Relaxed);
        }
    }

    /// Updates the unread bytes of a file. `told` is its last reported number, 0 at first and in
    /// the end.
    pub(crate) fn lag(&self, told: &mut u64, now: u64) {
        let before = std::mem::replace(told, now);
        if now != before {
            // Wraps around, as above.
            self.lag.fetch_add(now.wrapping_sub(before), Relaxed);
        }
    }

    /// The number of pieces in the spool, and of its damaged parts so far.
    pub(crate) fn spool(&self, count: u64, damaged: u64) {
        self.spooled.store(count, Relaxed);
        self.damaged.store(damaged, Relaxed);
    }

    /// The figures for people: masked places, bytes that wait, and errors.
    pub(crate) fn overview(&self) -> Overview {
        let taken = self.finished.load(Relaxed) + self.dropped.load(Relaxed);
        Overview {
            masked: lock(&self.masked).regions.values().sum(),
            waiting: self.input.load(Relaxed).saturating_sub(taken) + self.lag.load(Relaxed),
            errors: self.reopened.load(Relaxed) + self.damaged.load(Relaxed),
        }
    }

    /// Counts the regions of a connection: `now` is the total of its redactor, and `told` the part
    /// already reported.
    pub(crate) fn regions(&self, told: &mut RegionCounts, now: RegionCounts) {
        if now == *told {
            return;
        }
        let mut masked = lock(&self.masked);
        for (key, &count) in &now {
            let more = count - told.get(key).copied().unwrap_or_default();
            if more > 0 {
                *masked.regions.entry(key.clone()).or_default() += more;
                masked.last.insert(key.0.clone(), SystemTime::now());
            }
        }
        *told = now;
    }
}

impl Metrics {
    /// Creates metrics at zero.
    pub(crate) fn new() -> Metrics {
        Metrics::default()
    }

    /// The metrics of the stream of this name. Keep the result: the lookup takes a lock.
    pub(crate) fn stream(&self, name: &str) -> Arc<StreamMetrics> {
        let mut streams = lock(&self.streams);
        if let Some(stream) = streams.get(name) {
            return Arc::clone(stream);
        }
        let stream = Arc::new(StreamMetrics::default());
        streams.insert(name.to_owned(), Arc::clone(&stream));
        stream
    }

    /// The masked places of all secrets of which there were any, by name.
    pub(crate) fn masked(&self) -> BTreeMap<String, MaskedSecret> {
        let mut secrets: BTreeMap<String, MaskedSecret> = BTreeMap::new();
        for (name, stream) in lock(&self.streams).iter() {
            let masked = lock(&stream.masked);
            for ((secret, _), count) in &masked.regions {
                *secrets.entry(secret.clone()).or_default().streams.entry(name.clone()).or_default() += count;
            }
            for (secret, &time) in &masked.last {
                let last = &mut secrets.entry(secret.clone()).or_default().last;
                if last.as_ref().is_none_or(|(before, _)| *before <= time) {
                    *last = Some((time, name.clone()));
                }
            }
        }
        secrets
    }

    /// Counts a reload with its duration; `ok` says whether it yielded a new set.
    pub(crate) fn reload(&self, duration: Duration, ok: bool) {
        let mut reloads = lock(&self.reloads);
        reloads.last_failed = !ok;
        if ok {
            reloads.done += 1;
            reloads.duration += duration;
            reloads.last_done = Some(SystemTime::now());
        } else {
            reloads.failed += 1;
        }
    }

    /// Sets the number of masked secrets.
    pub(crate) fn secrets(&self, count: usize) {
        self.secrets.store(count as u64, Relaxed);
    }

    /// Masks names with the active set from now on.
    pub(crate) fn mask_with(&self, active: watch::Receiver<Active>) {
        let _ = self.active.set(active);
    }

    /// Sets the phase.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    /// The current phase.
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Stopping,
        }
    }

    /// Whether the last read of the secrets failed, so that an older set is active.
    pub(crate) fn is_outdated(&self) -> bool {
        lock(&self.reloads).last_failed
    }

    /// All metrics in the text format of Prometheus, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        let mut page = Page::default();
        page.family("hushlog_build_info", "gauge", "The version of the program; always 1.");
        page.sample("hushlog_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.single("hushlog_ready", "gauge", "Whether the sidecar is running, neither starting nor stopping.", {
            u64::from(self.phase() == Phase::Ready)
        });
        page.single("hushlog_secrets", "gauge", "Number of masked secrets.", self.secrets.load(Relaxed));
        self.render_reloads(&mut page);
        self.render_streams(&mut page);
        page.text
    }

    /// Sums series with equal labels after masking.
    fn render_streams(&self, page: &mut Page) {
        let set = self.active.get().map(|active| Arc::clone(&active.borrow().set));
        let shown = |name: &str| {
            let masked = set.as_ref().map(|set| redact(set, name, Reading::Label).into_owned());
            masked.unwrap_or_else(|| name.to_owned())
        };
        let mut streams: BTreeMap<String, Vec<Arc<StreamMetrics>>> = BTreeMap::new();
        for (name, stream) in lock(&self.streams).iter() {
            streams.entry(shown(name)).or_default().push(Arc::clone(stream));
        }
        for figure in FIGURES {
            page.family(figure.name, figure.kind, figure.help);
            for (name, streams) in &streams {
                let sum: u64 = streams.iter().map(|stream| (figure.get)(stream)).sum();
                page.sample(figure.name, &[("stream", name)], sum);
            }
        }
        let waited = "hushlog_stream_wait_seconds_total";
        page.family(waited, "counter", "Seconds for which sinks kept the stream waiting.");
        for (name, streams) in &streams {
            let sum: u64 = streams.iter().map(|stream| stream.waited_us.load(Relaxed)).sum();
            page.sample(waited, &[("stream", name)], Seconds(Duration::from_micros(sum)));
        }
        let regions = "hushlog_regions_total";
        let help = "Masked occurrences, by the secret's name and form.";
        page.family(regions, "counter", help);
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for (name, streams) in &streams {
            let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
            for stream in streams {
                for ((secret, form), count) in lock(&stream.masked).regions.iter() {
                    let secret = names.entry(secret.clone()).or_insert_with(|| shown(secret)).clone();
                    *counts.entry((secret, form.name())).or_default() += count;
                }
            }
            for ((secret, form), count) in counts {
                page.sample(regions, &[("stream", name), ("secret", &secret), ("form", form)], count);
            }
        }
    }

    fn render_reloads(&self, page: &mut Page) {
        let reloads = *lock(&self.reloads);
        page.family("hushlog_reloads_total", "counter", "Reloads of the secrets, by result.");
        page.sample("hushlog_reloads_total", &[("result", "done")], reloads.done);
        page.sample("hushlog_reloads_total", &[("result", "failed")], reloads.failed);
        let outdated = "Whether the last reload failed, so that an older set is in force.";
        page.single("hushlog_secrets_outdated", "gauge", outdated, u64::from(reloads.last_failed));
        let duration = "hushlog_reload_duration_seconds";
        page.family(duration, "summary", "Duration of the reloads that produced a new set.");
        page.sample(&format!("{duration}_sum"), &[], Seconds(reloads.duration));
        page.sample(&format!("{duration}_count"), &[], reloads.done);
        if let Some(since) = reloads.last_done.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
            let name = "hushlog_secrets_read_timestamp_seconds";
            page.single(name, "gauge", "Time at which the secrets in force were read.", Seconds(since));
        }
    }
}

/// A metric that each stream has.
struct Figure {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    get: fn(&StreamMetrics) -> u64,
}

const FIGURES: &[Figure] = &[
    Figure {
        name: "hushlog_stream_open",
        kind: "gauge",
        help: "Open connections or files of the stream.",
        get: |stream| stream.open.load(Relaxed),
    },
    Figure {
        name: "hushlog_stream_input_bytes_total",
        kind: "counter",
        help: "Bytes read.",
        get: |stream| stream.input.load(Relaxed),
    },
    Figure {
        name: "hushlog_stream_finished_bytes_total",
        kind: "counter",
        help: "Bytes of the input whose redacted text the sink has accepted.",
        get: |stream| stream.finished.load(Relaxed),
    },
    Figure {
        name: "hushlog_stream_held_bytes",
        kind: "gauge",
        help: "Bytes held back by connections that hold at least 4 KiB, each rounded down to a multiple of 4 KiB.",
        get: |stream| stream.held.load(Relaxed),
    },
    Figure {
        name: "hushlog_stream_lag_bytes",
        kind: "gauge",
        help: "Bytes in the source that are not read yet.",
        get: |stream| stream.lag.load(Relaxed),
    },
    Figure {
        name: "hushlog_stream_waits_total",
        kind: "counter",
        help: "Number of times that a sink kept the stream waiting.",
        get: |stream| stream.waits.load(Relaxed),
    },
    Figure {
        name: "hushlog_stream_dropped_bytes_total",
        kind: "counter",
        help: "Bytes of the input dropped (away: drop).",
        get: |stream| stream.dropped.load(Relaxed),
    },
    Figure {
        name: "hushlog_stream_reopened_total",
        kind: "counter",
        help: "Number of times that the source or the sink was reopened.",
        get: |stream| stream.reopened.load(Relaxed),
    },
    Figure {
        name: "hushlog_stream_spool_pieces",
        kind: "gauge",
        help: "Pieces waiting in the spool, each of one read.",
        get: |stream| stream.spooled.load(Relaxed),
    },
    Figure {
        name: "hushlog_stream_spool_damaged_total",
        kind: "counter",
        help: "Damaged or lost parts of the spool; warnings name them.",
        get: |stream| stream.damaged.load(Relaxed),
    },
];

/// A duration in the unit of Prometheus.
struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

/// The page under construction.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(name);
        for (number, (label, text)) in labels.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{label}=\"{}\"", escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

/// Escapes a label's value for the format. Hidden characters could control a reader's terminal.
fn escaped(text: &str) -> String {
    text.chars().map(|c| label_escape(c).unwrap_or_else(|| c.to_string())).collect()
}

#[cfg(test)]
mod tests;
