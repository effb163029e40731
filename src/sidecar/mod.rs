//! The daemon: streams of a machine, each through a redactor of its own, while the secrets change.
//!
//! A [`Plan`](config::Plan) says what it does; [`run`] does it until it is told to stop. A stream is read, searched and written by one task,
//! with no queue in between: what a sink does not take, its sources are not asked for. The set of needles is built by a thread of its own, and
//! each stream takes it over between two pieces.
//!
//! Memory: for each idle stream its redactor and its descriptor; for each busy one a buffer of 256 KiB, of which a sink allows four at
//! once; for each unfinished line its bytes, all of them together up to 256 MiB.

mod active;
mod borders;
mod buffer;
mod canary;
pub(crate) mod checkpoint;
pub mod config;
mod confine;
mod control;

mod directories;
mod engine;
mod fd;
mod http;
mod keeper;
mod lines;
mod meet;
mod metrics;
mod notice;
mod own;
mod parts;
mod program;
mod running;
mod serve;
mod sink;
mod source;
mod start;
mod store;
mod stream;
mod watch;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use confine::{Unconfined, confine};
pub use control::VALUE_LEN_MAX;
pub use keeper::Loader;
pub use notice::{LoadError, Notice, Tell};

/// What a sidecar is made of: [`new`](Setup::new) has what it cannot be without.
#[non_exhaustive]
pub struct Setup {
    /// What it is to do.
    pub plan: config::Plan,
    /// Reads the secrets: once before anything else, and again whenever they may have changed.
    pub loader: Loader,
    /// Takes what there is to tell.
    pub tell: Tell,
    /// The files and directories that secrets come from.
    pub watched: Vec<PathBuf>,
    /// Sockets that listen already, each at the address of a stream's source, which takes it instead of opening one; and connections to
    /// such addresses that a service manager has kept. With the names that it has for them.
    pub passed: Vec<(OwnedFd, String)>,
    /// Where connections are kept when the sidecar has gone.
    pub store: Option<StoreAt>,
    /// The file that the plan was read from, which no stream follows and no sink writes.
    pub configuration: Option<PathBuf>,
    /// How often a sign of life is wanted.
    pub alive_every: Option<Duration>,
}

impl Setup {
    /// With no files to watch, and no service manager.
    pub fn new(plan: config::Plan, loader: Loader, tell: Tell) -> Setup {
        Setup {
            plan,
            loader,
            tell,
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
    /// Its socket, as `NOTIFY_SOCKET` has it: a path, or an abstract name behind `@`.
    pub socket: OsString,
    /// How many it keeps.
    pub count_max: usize,
}

/// Why a sidecar did not begin, or ended. No variant holds any part of a value or of a stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SidecarError {
    /// The secrets cannot be read. Nothing else was read.
    #[error("{}", .0.text)]
    Load(LoadError),
    /// Two parts of the plan cannot both have a path. Nothing was read or written.
    #[error("{text}")]
    Meet {
        /// Which, in words.
        text: String,
        /// The way out.
        hint: String,
    },
    /// Something that the configuration names cannot be had.
    #[error("cannot open {what}: {error}")]
    Open {
        /// What, in words.
        what: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Threads, memory or descriptors are missing.
    #[error("cannot begin: {0}")]
    Begin(#[source] io::Error),
    /// Something is gone without which there is no point in going on.
    #[error("{what}: {error}")]
    Gone {
        /// What, in words.
        what: String,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// Checks that the paths of a plan do not meet, and that each existing file that it names is of the
/// kind that the plan needs; changes nothing. Returns the files left out of patterns, in words.
/// `held`: files and directories of secrets, and the configuration, which no stream follows and no
/// sink writes.
///
/// # Errors
///
/// [`SidecarError::Meet`], and [`SidecarError::Open`] for a spool that is something else.
pub fn check(plan: &config::Plan, held: &[PathBuf]) -> Result<Vec<String>, SidecarError> {
    let left_out = check_paths(plan, held, false)?;
    sink::check(plan)?;
    Ok(left_out)
}

fn check_paths(plan: &config::Plan, held: &[PathBuf], has_streams: bool) -> Result<Vec<String>, SidecarError> {
    let met = meet::check(plan, held, has_streams);
    met.map_err(|met| SidecarError::Meet { text: met.text, hint: met.hint.to_owned() })
}

/// Runs a sidecar until SIGTERM or SIGINT, or until all that it reads has ended.
///
/// Nothing is read before the secrets are. It takes the signals of the process over: SIGHUP reads the secrets again. SIGPIPE must be
/// ignored, as Rust's runtime does.
///
/// # Errors
///
/// See [`SidecarError`]. In any case nothing raw was written.
pub fn run(setup: Setup) -> Result<(), SidecarError> {
    let held: Vec<PathBuf> = setup.watched.iter().cloned().chain(setup.configuration.clone()).collect();
    check_paths(&setup.plan, &held, true)?;
    // Each connection takes a descriptor.
    crate::sys::limits::raise_descriptor_limit();
    let metrics = Arc::new(metrics::Metrics::new());
    let keeper =
        keeper::Keeper::new(Arc::clone(&setup.loader), &setup.plan, Arc::clone(&metrics), Arc::clone(&setup.tell))
            .map_err(SidecarError::Load)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(start::worker_threads())
        .thread_name("stream")
        .build()
        .map_err(SidecarError::Begin)?;
    let ended = runtime.block_on(start::run(setup, keeper, metrics));
    // What could not be drained is not waited for a second time.
    runtime.shutdown_background();
    ended
}
