//! A running sidecar: the state that its parts share, and its status.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Instant, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::io::budget::Budget;
use crate::io::json;
use crate::redact::message::{Reading, redact};
use crate::redact::text;
use crate::sidecar::config::Plan;
use crate::sidecar::event::EventSink;
use crate::sidecar::metrics::{MaskedSecret, Metrics, Overview, Phase};
use crate::sidecar::program::Programs;
use crate::sidecar::secrets::reloader::ReloadHandle;
use crate::sidecar::sink::{OutputSync, Sink};
use crate::sidecar::source::follow::Files;
use crate::sidecar::stream::StreamContext;
use crate::sidecar::systemd::fd_store::FdStore;
use crate::sidecar::systemd::socket_activation::PassedSockets;
use crate::sys::mutex::lock;

/// The version of the status format.
const STATUS_VERSION: u32 = 1;

/// The state that the parts of a sidecar share.
pub(crate) struct Running {
    pub(crate) plan: Plan,
    pub(crate) reloader: ReloadHandle,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) sinks: Vec<Arc<Sink>>,
    /// The files of sinks, which are synced before checkpoints.
    pub(crate) outputs: Arc<OutputSync>,
    pub(crate) streams: BTreeMap<Arc<str>, Arc<StreamContext>>,
    /// The state that followed files share, if there are any.
    pub(crate) files: Option<Arc<Files>>,
    pub(crate) passed: PassedSockets,
    pub(crate) store: Arc<FdStore>,
    /// The environment of started programs.
    pub(crate) programs: Programs,
    /// The memory for pending output of all streams.
    pub(crate) budget: Arc<Budget>,
    pub(crate) stop: CancellationToken,
    pub(crate) emit: EventSink,
    pub(crate) since: Instant,
    /// The reason for a failure, if any.
    pub(crate) failed: Mutex<Option<(String, io::Error)>>,
}

impl Running {
    /// Stops the sidecar: a part that it cannot do without has failed.
    pub(crate) fn fail(&self, what: String, error: io::Error) {
        lock(&self.failed).get_or_insert((what, error));
        self.stop.cancel();
    }

    /// Formats JSON for output, with secrets in names masked.
    pub(crate) fn json(&self, mut value: Value) -> String {
        json::redact(&self.reloader.set(), &mut value);
        json::compact(&value)
    }

    /// Formats a line for output, in the same way.
    pub(crate) fn line(&self, text: &str) -> String {
        text::line(&redact(&self.reloader.set(), text, Reading::Message)).into_owned()
    }

    /// The status: names and counts. Never a value, nor the length of one.
    pub(crate) fn status(&self) -> Value {
        let status = lock(&self.reloader.status).clone();
        let read = status.read.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|time| time.as_secs());
        let streams = self.streams.iter().map(|(name, context)| {
            let metrics = &context.metrics;
            json!({
                "name": &**name,
                "open": metrics.open.load(Relaxed),
                "bytes_in": metrics.input.load(Relaxed),
                "bytes_finished": metrics.finished.load(Relaxed),
                "bytes_dropped": metrics.dropped.load(Relaxed),
                "sink": context.sink.label(),
            })
        });
        let sinks = self
            .sinks
            .iter()
            .map(|sink| json!({ "name": sink.label(), "away": sink.is_unavailable(), "dropped": sink.dropped() }));
        json!({
            "version": STATUS_VERSION,
            "phase": match self.metrics.phase() {
                Phase::Starting => "starting",
                Phase::Ready => "ready",
                Phase::Stopping => "stopping",
            },
            "uptime_seconds": self.since.elapsed().as_secs(),
            "secrets": {
                "masked": status.values,
                "names": status.names,
                "added": status.added,
                "read_at": read,
                "set": self.reloader.active.borrow().version,
                "error": status.error.map(|error| error.text),
            },
            "streams": streams.collect::<Vec<_>>(),
            "sinks": sinks.collect::<Vec<_>>(),
        })
    }

    /// Each secret, how often it was masked, and where last. Names, counts and times.
    pub(crate) fn masked(&self) -> Value {
        let mut masked = self.metrics.masked();
        for name in &lock(&self.reloader.status).names {
            masked.entry(name.clone()).or_default();
        }
        let secrets = masked.into_iter().map(|(name, MaskedSecret { streams, last })| {
            let (at, stream) = last.unzip();
            let at = at.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|time| time.as_secs());
            json!({
                "name": name,
                "masked": streams.values().sum::<u64>(),
                "streams": streams,
                "last_stream": stream,
                "last_at": at,
            })
        });
        json!({ "version": STATUS_VERSION, "secrets": secrets.collect::<Vec<_>>() })
    }

    /// The status, with more figures of each stream: for the table that people read.
    pub(crate) fn overview(&self) -> Value {
        let mut status = self.status();
        let shown = status["streams"].as_array_mut().into_iter().flatten();
        for (shown, context) in shown.zip(self.streams.values()) {
            let Overview { masked, waiting, errors } = context.metrics.overview();
            shown["masked"] = masked.into();
            shown["waiting"] = waiting.into();
            shown["errors"] = errors.into();
            shown["is_away"] = context.sink.is_unavailable().into();
        }
        status
    }
}
