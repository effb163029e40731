//! A sidecar that runs: what its parts share, and its status.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Instant, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::config::Plan;
use super::keeper::{Keeping, lock};
use super::lines::AllLines;
use super::metrics::{Metrics, Phase};
use super::notice::Tell;
use super::program::Programs;
use super::sink::{OutputSync, Sink};
use super::source::follow::Files;
use super::source::passed::Passed;
use super::store::Store;
use super::stream::Common;
use crate::io::{json_line, redact_json};
use crate::redact::message::{Reading, redact};
use crate::redact::text;

/// The version of the status.
const STATUS_VERSION: u32 = 1;

/// What the parts of a sidecar share.
pub(crate) struct Running {
    pub(crate) plan: Plan,
    pub(crate) keeping: Keeping,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) sinks: Vec<Arc<Sink>>,
    /// Their files, which are synced before checkpoints.
    pub(crate) outputs: Arc<OutputSync>,
    pub(crate) streams: BTreeMap<Arc<str>, Arc<Common>>,
    /// What followed files share, if there are any.
    pub(crate) files: Option<Arc<Files>>,
    pub(crate) passed: Passed,
    pub(crate) store: Arc<Store>,
    /// How programs are started.
    pub(crate) programs: Programs,
    /// The lines that wait, of all streams.
    pub(crate) lines: Arc<AllLines>,
    pub(crate) stop: CancellationToken,
    pub(crate) tell: Tell,
    pub(crate) since: Instant,
    /// Why it has to end, if it has.
    pub(crate) failed: Mutex<Option<(String, io::Error)>>,
}

impl Running {
    /// Something is gone without which there is no point in going on.
    pub(crate) fn fail(&self, what: String, error: io::Error) {
        lock(&self.failed).get_or_insert((what, error));
        self.stop.cancel();
    }

    /// JSON for others: all that is secret in its names masked.
    pub(crate) fn json(&self, mut value: Value) -> String {
        redact_json(&self.keeping.set(), &mut value);
        json_line(&value)
    }

    /// A line for others, in the same way.
    pub(crate) fn line(&self, text: &str) -> String {
        text::line(&redact(&self.keeping.set(), text, Reading::Message)).into_owned()
    }

    /// How it stands: names and counts. Never a value, nor the length of one.
    pub(crate) fn status(&self) -> Value {
        let standing = lock(&self.keeping.standing).clone();
        let read = standing.read.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|time| time.as_secs());
        let streams = self.streams.iter().map(|(name, common)| {
            let metrics = &common.metrics;
            json!({
                "name": &**name,
                "open": metrics.open.load(Relaxed),
                "bytes_in": metrics.input.load(Relaxed),
                "bytes_finished": metrics.finished.load(Relaxed),
                "bytes_dropped": metrics.dropped.load(Relaxed),
                "sink": common.sink.label(),
            })
        });
        let sinks = self
            .sinks
            .iter()
            .map(|sink| json!({ "name": sink.label(), "away": sink.is_away(), "dropped": sink.dropped() }));
        json!({
            "version": STATUS_VERSION,
            "phase": match self.metrics.phase() {
                Phase::Starting => "starting",
                Phase::Ready => "ready",
                Phase::Stopping => "stopping",
            },
            "uptime_seconds": self.since.elapsed().as_secs(),
            "secrets": {
                "masked": standing.values,
                "names": standing.names,
                "added": standing.added,
                "read_at": read,
                "set": self.keeping.active.borrow().version,
                "error": standing.error.map(|error| error.text),
            },
            "streams": streams.collect::<Vec<_>>(),
            "sinks": sinks.collect::<Vec<_>>(),
        })
    }
}
