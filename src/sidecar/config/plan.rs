//! What a configuration comes to: every value checked, every default filled in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::section::Guard;
use super::value::{Format, ReadFrom};
use crate::io::Release;
use crate::redact::mask::Mask;

/// What the sidecar is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The streams.
    pub streams: Vec<StreamPlan>,
    /// The sinks; streams name them by their place.
    pub sinks: Vec<Arc<SinkPlan>>,
    /// How secrets are masked; none: the default mask.
    pub mask: Option<Mask>,
    /// Values of fewer bytes are left alone.
    pub min_length: usize,
    /// Whether encoded forms and parts are searched for.
    pub encodings: bool,
    /// Whether the beginning of a secret at the end of a stream is given out.
    pub keep_stump: bool,
    /// What is scrubbed.
    pub scrub: Vec<ScrubPlan>,
    /// What is guarded.
    pub guard: Option<Guard>,
    /// The control socket.
    pub control: Option<PathBuf>,
    /// Where metrics are asked for.
    pub metrics: Option<SocketAddr>,
    /// Where it is remembered how far files were read.
    pub state: Option<PathBuf>,
    /// The variables that programs get besides those that all get.
    pub environment: Vec<String>,
    /// What the process takes away from itself: Landlock, seccomp.
    pub confine: (bool, bool),
    /// How long a stopping sidecar waits for what is on its way.
    pub drain: Duration,
}

/// A stream, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPlan {
    /// Its name.
    pub name: Arc<str>,
    /// Where it comes from.
    pub source: SourcePlan,
    /// Where it goes to: a place in [`Plan::sinks`].
    pub sink: usize,
    /// How it goes through.
    pub way: Way,
}

/// How a stream goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// When bytes go out.
    pub release: Release,
    /// The longest line that waits for its end, in bytes.
    pub line_max: usize,
    /// What the lines are.
    pub format: Format,
    /// Whether the beginning of a secret at the end is masked.
    pub mask_stump: bool,
}

/// A source, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourcePlan {
    /// Standard input.
    Stdin,
    /// A FIFO.
    Fifo {
        /// Where it is.
        path: PathBuf,
        /// Its mode, if it has to be made.
        mode: u32,
    },
    /// A stream socket.
    Unix {
        /// Where it is.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// How many connections there may be.
        connections_max: usize,
    },
    /// A datagram socket.
    UnixDatagram {
        /// Where it is.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A port on loopback.
    Tcp {
        /// The address.
        address: SocketAddr,
        /// How many connections there may be.
        connections_max: usize,
    },
    /// The output of a program.
    Command(Vec<String>),
    /// Files.
    Files {
        /// A path or pattern.
        pattern: String,
        /// Which of them not: patterns of names, or of paths where they hold a `/`.
        exclude: Vec<glob::Pattern>,
        /// Where reading begins.
        from: ReadFrom,
        /// How many of them are followed at most.
        files_max: usize,
    },
}

/// A sink, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPlan {
    /// What takes the bytes.
    pub outlet: Outlet,
    /// What is done while it is away.
    pub away: OnAway,
}

/// What takes the bytes of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlet {
    /// Standard output.
    Stdout,
    /// Standard error: for what programs say there.
    Stderr,
    /// A FIFO.
    Fifo(PathBuf),
    /// A stream socket.
    Unix(PathBuf),
    /// A datagram socket.
    UnixDatagram(PathBuf),
    /// Somebody who listens: a host and a port.
    Tcp(String),
    /// The input of a program.
    Command(Vec<String>),
    /// A file.
    File {
        /// Where it is.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The size from which on it is rotated.
        rotate_size: Option<u64>,
        /// How many rotated files are kept.
        rotate_keep: u64,
    },
}

impl Outlet {
    /// Whether both lead to the same place, whatever else is said of it.
    pub(super) fn is_same_place(&self, other: &Outlet) -> bool {
        match (self, other) {
            (Outlet::File { path, .. }, Outlet::File { path: other, .. }) => path == other,
            _ => self == other,
        }
    }
}

/// What is done while a sink is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnAway {
    /// Streams wait.
    Wait,
    /// What is redacted waits in a file.
    Spool(Spool),
    /// It is dropped, and counted.
    Drop,
}

/// The file that what is redacted waits in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Where it is.
    pub path: PathBuf,
    /// How much may wait in it, in bytes.
    pub len_max: u64,
}

/// A directory that is scrubbed, checked.
#[derive(Clone, Debug)]
pub struct ScrubPlan {
    /// The directory.
    pub directory: PathBuf,
    /// Whether with all below it.
    pub recursive: bool,
    /// Which names.
    pub include: Vec<glob::Pattern>,
    /// Which names not.
    pub exclude: Vec<glob::Pattern>,
    /// How long after one scrub the next begins.
    pub every: Duration,
}
