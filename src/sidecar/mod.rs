//! The daemon: redacts the streams of a machine, each with its own redactor, while the secrets
//! change.
//!
//! A [`Plan`](config::Plan) describes its work, and [`run`] does it until the process is stopped.
//! One task reads, searches and writes a stream, with no queue in between. A sink applies
//! backpressure: its streams stop reading while it accepts nothing. A separate thread builds the
//! set of needles, and each stream takes it between two pieces.
//!
//! Memory: for each idle stream, its redactor and its descriptor; for each busy one, a buffer of
//! 256 KiB, of which a sink allows four at once; for each unfinished line its bytes, up to 256 MiB
//! in all.

pub(crate) mod admin;
pub(crate) mod checkpoint;
pub mod config;
mod confine;
mod event;
mod fd;
mod metrics;
mod program;
mod run;
mod secrets;
mod sink;
mod source;
mod stream;
mod systemd;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use admin::control::VALUE_LEN_MAX;
pub use confine::{Unconfined, confine};
pub use event::{Event, EventSink, LoadError};
pub use secrets::reloader::Loader;

/// The parts of a sidecar. [`new`](Setup::new) takes the mandatory ones.
#[non_exhaustive]
pub struct Setup {
    /// The work of the sidecar.
    pub plan: config::Plan,
    /// Reads the secrets: once before anything else, and again whenever they may have changed.
    pub loader: Loader,
    /// Receives all notices.
    pub emit: EventSink,
    /// The files and directories that secrets come from.
    pub watched: Vec<PathBuf>,
    /// Sockets and kept connections from the service manager, with its names for them. A listening
    /// socket has the address of a stream's source, which uses it instead of opening one. A
    /// connection was made to such an address.
    pub passed: Vec<(OwnedFd, String)>,
    /// The store that keeps connections after the sidecar has ended.
    pub store: Option<StoreAt>,
    /// The file that the plan was read from. No stream follows it, and no sink writes it.
    pub configuration: Option<PathBuf>,
    /// The interval of signs of life.
    pub alive_every: Option<Duration>,
}

impl Setup {
    /// Creates a setup without files to watch, and without a service manager.
    pub fn new(plan: config::Plan, loader: Loader, emit: EventSink) -> Setup {
        Setup {
            plan,
            loader,
            emit,
            watched: Vec::new(),
            passed: Vec::new(),
            store: None,
            configuration: None,
            alive_every: None,
        }
    }
}

/// A service manager that keeps descriptors (`FDSTORE=1` of `sd_notify(3)`).
pub struct StoreAt {
    /// Its socket, as in `NOTIFY_SOCKET`: a path, or an abstract name after `@`.
    pub socket: OsString,
    /// The number of descriptors that it keeps.
    pub count_max: usize,
}

/// The reason that a sidecar did not begin, or ended. No variant holds any part of a value or of a
/// stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SidecarError {
    /// The secrets cannot be read. Nothing else was read.
    #[error("{}", .0.text)]
    Load(LoadError),
    /// Two parts of the plan cannot share a path. Nothing was read or written.
    #[error("{text}")]
    Meet {
        /// Names the two parts.
        text: String,
        /// Suggests a solution.
        hint: String,
    },
    /// An object named in the configuration cannot be opened.
    #[error("cannot open {what}: {error}")]
    Open {
        /// Describes the object.
        what: String,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// Threads, memory or descriptors are missing.
    #[error("cannot begin: {0}")]
    Begin(#[source] io::Error),
    /// An object without which the sidecar cannot continue is gone.
    #[error("{what}: {error}")]
    Gone {
        /// Describes the object.
        what: String,
        /// The cause.
        #[source]
        error: io::Error,
    },
}

/// Checks that the paths of a plan do not overlap, and that each existing file that it names is of
/// the required kind; changes nothing. Returns a description of each file left out of a pattern.
/// `held`: files and directories of secrets, and the configuration, which no stream follows and no
/// sink writes.
///
/// # Errors
///
/// [`SidecarError::Meet`], and [`SidecarError::Open`] for a spool path that holds anything else.
pub fn check(plan: &config::Plan, held: &[PathBuf]) -> Result<Vec<String>, SidecarError> {
    let left_out = check_paths(plan, held, false)?;
    sink::check(plan)?;
    Ok(left_out)
}

/// Describes each directory that the plan needs and that does not exist, or that this user cannot
/// use, with the path of keys: `streams[0].sink.file: the directory /var/log/app does not exist`.
/// Changes nothing. A start with them fails, or waits for them.
pub fn absent(plan: &config::Plan) -> Vec<String> {
    run::absent::check(plan)
}

fn check_paths(plan: &config::Plan, held: &[PathBuf], has_streams: bool) -> Result<Vec<String>, SidecarError> {
    let met = run::meet::check(plan, held, has_streams);
    met.map_err(|met| SidecarError::Meet { text: met.text, hint: met.hint.to_owned() })
}

/// Runs a sidecar until SIGTERM or SIGINT, or until all its sources have ended.
///
/// The secrets are read before anything else. The function handles the signals of the process:
/// SIGHUP rereads the secrets. SIGPIPE must be ignored, as Rust's runtime does.
///
/// # Errors
///
/// See [`SidecarError`]. In any case, nothing raw was written.
pub fn run(setup: Setup) -> Result<(), SidecarError> {
    let held: Vec<PathBuf> = setup.watched.iter().cloned().chain(setup.configuration.clone()).collect();
    check_paths(&setup.plan, &held, true)?;
    // Each connection takes a descriptor.
    crate::sys::limits::raise_descriptor_limit();
    let metrics = Arc::new(metrics::Metrics::new());
    let reloader = secrets::reloader::Reloader::new(
        Arc::clone(&setup.loader),
        &setup.plan,
        Arc::clone(&metrics),
        Arc::clone(&setup.emit),
    )
    .map_err(SidecarError::Load)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(run::start::worker_threads())
        .thread_name("stream")
        .build()
        .map_err(SidecarError::Begin)?;
    let ended = runtime.block_on(run::start::run(setup, reloader, metrics));
    // A stream that could not be drained is not waited for a second time.
    runtime.shutdown_background();
    ended
}
