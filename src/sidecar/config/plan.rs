//! The plan: a configuration with every value checked and every default filled in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::section::Guard;
use super::value::{Format, ReadFrom};
use crate::io::Release;
use crate::redact::mask::Mask;

/// The work of a sidecar.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The streams.
    pub streams: Vec<StreamPlan>,
    /// The sinks; streams refer to them by index.
    pub sinks: Vec<Arc<SinkPlan>>,
    /// The mask for secrets; none: the default mask.
    pub mask: Option<Mask>,
    /// Shorter values are not masked, in bytes.
    pub min_length: usize,
    /// Whether encoded forms and parts are searched for.
    pub encodings: bool,
    /// Whether streams are searched with their escapes undone, too.
    pub readings: bool,
    /// Whether a partial match at the end of a stream is written.
    pub keep_partial: bool,
    /// The directories to scrub.
    pub scrub: Vec<ScrubPlan>,
    /// The directories to guard.
    pub guard: Option<Guard>,
    /// The control socket.
    pub control: Option<PathBuf>,
    /// The address of the metrics endpoint.
    pub metrics: Option<SocketAddr>,
    /// The directory of the checkpoints.
    pub state: Option<PathBuf>,
    /// The variables that programs get in addition to the default ones.
    pub environment: Vec<String>,
    /// The interval at which the secrets are reread: the shortest of those of their commands. None
    /// if no command prints secrets.
    pub reread_every: Option<Duration>,
    /// The restrictions of the process: Landlock, seccomp.
    pub confine: (bool, bool),
    /// The time that a stopping sidecar waits for output in flight.
    pub drain: Duration,
}

/// A checked stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPlan {
    /// Its name.
    pub name: Arc<str>,
    /// The source.
    pub source: SourcePlan,
    /// The sink: an index into [`Plan::sinks`].
    pub sink: usize,
    /// The options of its redaction.
    pub way: Way,
}

/// The options of a stream's redaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The release mode.
    pub release: Release,
    /// The maximum length of a line that waits for its end, in bytes.
    pub line_max: usize,
    /// The format of its lines.
    pub format: Format,
    /// Whether a partial match at the end is masked.
    pub mask_partial: bool,
}

/// A checked source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourcePlan {
    /// Standard input.
    Stdin,
    /// A FIFO.
    Fifo {
        /// Its path.
        path: PathBuf,
        /// Its mode, if it has to be created.
        mode: u32,
    },
    /// A stream socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The limit on connections.
        connections_max: usize,
    },
    /// A datagram socket.
    UnixDatagram {
        /// Its path.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A port on loopback.
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The limit on connections.
        connections_max: usize,
    },
    /// The output of a program.
    Command(Vec<String>),
    /// Files.
    Files {
        /// A path or pattern.
        pattern: String,
        /// Patterns of excluded files: of names, or of paths if they contain a `/`.
        exclude: Vec<glob::Pattern>,
        /// The start of reading.
        from: ReadFrom,
        /// The limit on followed files.
        files_max: usize,
    },
}

/// A checked sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPlan {
    /// The destination of the bytes.
    pub outlet: Outlet,
    /// The behavior while it is unavailable.
    pub away: OnAway,
}

/// The destination of a sink's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlet {
    /// Standard output.
    Stdout,
    /// Standard error: for the error output of programs.
    Stderr,
    /// A FIFO.
    Fifo(PathBuf),
    /// A stream socket.
    Unix(PathBuf),
    /// A datagram socket.
    UnixDatagram(PathBuf),
    /// A TCP server: a host and a port.
    Tcp(String),
    /// The input of a program.
    Command(Vec<String>),
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The size at which it is rotated.
        rotate_size: Option<u64>,
        /// The number of rotated files that are kept.
        rotate_keep: u64,
    },
}

impl Outlet {
    /// Whether both lead to the same destination, whatever their other options.
    pub(super) fn is_same_place(&self, other: &Outlet) -> bool {
        match (self, other) {
            (Outlet::File { path, .. }, Outlet::File { path: other, .. }) => path == other,
            _ => self == other,
        }
    }
}

/// The behavior while a sink is unavailable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnAway {
    /// Streams wait.
    Wait,
    /// Redacted output waits in a file.
    Spool(Spool),
    /// Output is dropped and counted.
    Drop,
}

/// The file in which redacted output waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Its path.
    pub path: PathBuf,
    /// The limit on its content, in bytes.
    pub len_max: u64,
}

/// A checked directory to scrub.
#[derive(Clone, Debug)]
pub struct ScrubPlan {
    /// The directory.
    pub directory: PathBuf,
    /// Whether its subdirectories are included.
    pub recursive: bool,
    /// Patterns of included names.
    pub include: Vec<glob::Pattern>,
    /// Patterns of excluded names.
    pub exclude: Vec<glob::Pattern>,
    /// The pause between two scrubs.
    pub every: Duration,
}
