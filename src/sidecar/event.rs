//! The events of the sidecar. It never prints: it passes events to its caller, and no event
//! contains a value.
//!
//! Names of files, streams and secrets are chosen by others, and may contain a secret. A consumer
//! that shows them redacts them with the set of [`InForce`](Event::InForce), and escapes
//! characters that control a terminal.

use std::io;
use std::sync::Arc;

use crate::redact::needle::NeedleSet;
use crate::source::{Interface, SourceError};

/// An event.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// All sources are open: the sidecar is ready.
    Ready {
        /// The number of streams in the configuration.
        streams: usize,
        /// The number of masked secrets.
        secrets: usize,
    },
    /// This set is about to become active. It precedes all events about places found with it.
    InForce(Arc<NeedleSet>),
    /// A reload has begun.
    Reloading,
    /// A reload has succeeded.
    Reloaded {
        /// The number of masked secrets, including old values.
        secrets: usize,
        /// Whether the set has new values.
        changed: bool,
    },
    /// A reload has failed; the previous secrets stay masked.
    ReloadFailed(LoadError),
    /// Notes about single values, by their names.
    OfValues(Vec<crate::redact::needle::Notice>),
    /// A source could not be opened, or failed; it is retried.
    SourceUnavailable {
        /// The stream.
        stream: Arc<str>,
        /// The cause.
        error: io::Error,
    },
    /// The source has recovered.
    SourceRecovered {
        /// The stream.
        stream: Arc<str>,
    },
    /// The program of a source or sink has exited; it is restarted.
    CommandEnded {
        /// The program.
        program: String,
        /// Its exit status, in words.
        status: String,
    },
    /// A sink is unavailable.
    SinkUnavailable {
        /// The sink, in words.
        sink: String,
        /// The cause.
        error: io::Error,
    },
    /// A sink has recovered.
    SinkRecovered {
        /// The sink, in words.
        sink: String,
        /// The number of pieces dropped meanwhile, as configured.
        dropped: u64,
    },
    /// A datagram exceeded the read size, and its end is lost.
    DatagramCut {
        /// The stream.
        stream: Arc<str>,
    },
    /// A scrub has masked secrets in a file.
    Scrubbed {
        /// The file.
        path: std::path::PathBuf,
        /// The number of masked places.
        places: u64,
    },
    /// An event of the guard of directories.
    Guarding(crate::scrub::guard::GuardEvent),
    /// A part of the configuration is not in force.
    Warning(String),
    /// Something is left out, as documented.
    Note(String),
    /// The sidecar begins to stop.
    Stopping,
    /// The time to stop is over, and some streams have unwritten output.
    DrainGaveUp {
        /// The number of these streams.
        streams: usize,
    },
    /// A sign of life, for the watchdog of a service manager.
    Alive,
    /// The status, in one line.
    Status(String),
}

/// A failure to read the secrets. It contains no part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The problem.
    pub text: String,
    /// The remedy.
    pub hint: Option<String>,
}

/// Names the item of the configuration.
impl From<SourceError> for LoadError {
    fn from(error: SourceError) -> LoadError {
        let interface = Interface::Configuration;
        LoadError { text: error.text(interface), hint: error.hint(interface) }
    }
}

/// The callback for events. It must not block.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;
