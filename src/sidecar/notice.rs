//! What the sidecar has to say. It never prints: whoever runs it is called with these, and with nothing that could be a value.
//!
//! Names of files, streams and secrets are as others chose them, and may hold a secret: a consumer
//! that shows them redacts them with the set of [`InForce`](Notice::InForce), and writes out
//! characters that drive a terminal.

use std::io;
use std::sync::Arc;

use crate::redact::needle::NeedleSet;

/// Something to tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// All sources are open: whoever waits for the sidecar may go on.
    Ready {
        /// How many streams the configuration has.
        streams: usize,
        /// How many secrets are masked.
        secrets: usize,
    },
    /// This set is about to be in force. It precedes all events about places found with it.
    InForce(Arc<NeedleSet>),
    /// The secrets are being read again.
    Reloading,
    /// The secrets were read again.
    Reloaded {
        /// How many are masked now, old values with them.
        secrets: usize,
        /// Whether there is anything that was not masked before.
        changed: bool,
    },
    /// The secrets could not be read again; those of before are masked.
    ReloadFailed(LoadError),
    /// What there is to tell of single values, by their names.
    OfValues(Vec<crate::redact::needle::Notice>),
    /// A source could not be opened, or broke; it is tried again.
    SourceAway {
        /// The stream.
        stream: Arc<str>,
        /// Why.
        error: io::Error,
    },
    /// The source is there again.
    SourceBack {
        /// The stream.
        stream: Arc<str>,
    },
    /// The program of a source or sink has ended; it is started again.
    CommandEnded {
        /// The program.
        program: String,
        /// How it ended, in words.
        status: String,
    },
    /// A sink is away.
    SinkAway {
        /// Which, in words.
        sink: String,
        /// Why.
        error: io::Error,
    },
    /// A sink is there again.
    SinkBack {
        /// Which, in words.
        sink: String,
        /// How many pieces were dropped meanwhile, because the configuration says so.
        dropped: u64,
    },
    /// A datagram was longer than what is read at once, and its end is lost.
    DatagramCut {
        /// The stream.
        stream: Arc<str>,
    },
    /// A file in a directory that is scrubbed had secrets in it, which are masked now.
    Scrubbed {
        /// The file.
        path: std::path::PathBuf,
        /// How many places.
        places: u64,
    },
    /// What the guard of directories tells.
    Guarding(crate::scrub::guard::Notice),
    /// Something is not done that the configuration asks for.
    Warning(String),
    /// Something is left out, as the documentation says.
    Note(String),
    /// It begins to stop.
    Stopping,
    /// Some streams were not out when the time to stop was over.
    DrainGaveUp {
        /// How many.
        streams: usize,
    },
    /// A sign of life, for the watchdog of a service manager.
    Alive,
    /// How it stands, in one line.
    Status(String),
}

/// Why the secrets could not be read: no part of a value is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Takes what there is to tell. It must not wait.
pub type Tell = Arc<dyn Fn(Notice) + Send + Sync>;
