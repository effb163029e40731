//! The sections of the configuration: what stands in the file, as it stands there.
//!
//! Each is written down once: the parser, the documentation and the schema are derived from it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::value::{At, Away, Format, Mode, ReadFrom, ReleaseAt, Size};
use crate::source::{RegistrySpec, SourceSpec};

/// The configuration of the sidecar.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "hushlog sidecar")]
pub struct Config {
    /// Where the secrets come from. Without this section, the session of this machine.
    pub secrets: Option<Secrets>,
    /// How secrets are masked.
    pub options: Option<Options>,
    /// The streams: each from a source through a redactor of its own into a sink.
    pub streams: Option<Vec<Stream>>,
    /// Directories whose log files are scrubbed in place, again and again.
    pub scrub: Option<Vec<Scrub>>,
    /// Directories whose files nobody reads before they are clean. Needs root.
    pub guard: Option<Guard>,
    /// The path of the socket for `hushlog sidecar add`, `reload` and `status`. Without it there is
    /// none.
    #[schemars(length(min = 1))]
    pub control: Option<At<PathBuf>>,
    /// The address of the metrics and of /healthz, on loopback, as 127.0.0.1:9500. Without it there
    /// are none.
    pub metrics: Option<At<String>>,
    /// The directory in which the sidecar remembers how far files were read.
    #[schemars(length(min = 1))]
    pub state: Option<At<PathBuf>>,
    /// Variables of the sidecar's environment that programs of sources and sinks get, by name.
    /// All get PATH, HOME, USER, LOGNAME, SHELL, LANG, LANGUAGE, LC_*, TZ and TMPDIR, and no
    /// others.
    pub environment: Option<Vec<String>>,
    /// What the process takes away from itself.
    pub confine: Option<Confine>,
    /// How long a stopping sidecar waits for what is on its way to get out, in seconds. Default:
    /// 10.
    pub drain_seconds: Option<At<u64>>,
}

/// Where the secrets come from: the sources of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("dependentRequired" = json!({ "identity": ["registry"], "member": ["registry"], "trust": ["registry"] })))]
pub struct Secrets {
    /// Variables of the sidecar's environment whose names match these patterns.
    pub env: Option<Vec<String>>,
    /// Files of NAME=VALUE lines; watched.
    #[schemars(inner(length(min = 1)))]
    pub dotenv: Option<Vec<PathBuf>>,
    /// Files that are one value each, and directories of such; watched.
    #[schemars(inner(length(min = 1)))]
    pub secret_files: Option<Vec<PathBuf>>,
    /// A registry; watched.
    #[schemars(length(min = 1))]
    pub registry: Option<PathBuf>,
    /// The identity that opens the registry.
    #[schemars(length(min = 1))]
    pub identity: Option<At<PathBuf>>,
    /// Whose identity it is, if it is that of several members.
    pub member: Option<At<String>>,
    /// Keys of which one has to have signed the registry.
    pub trust: Option<At<Vec<String>>>,
    /// Whether the session of this machine is masked; watched.
    pub session: Option<bool>,
    /// Whether to run even if the sources hold nothing to mask.
    pub allow_empty: Option<bool>,
}

/// How secrets are masked: the options of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// What stands in place of a secret; {name} is its name. Default: [REDACTED:{name}].
    pub mask: Option<At<String>>,
    /// The character that stands for each byte of a secret, instead of a mask.
    pub mask_char: Option<At<String>>,
    /// Values of fewer bytes are left alone. Default, and least: 4.
    pub min_length: Option<At<u64>>,
    /// Whether encoded forms and telling parts are searched for. Default: true.
    pub encodings: Option<bool>,
    /// Whether the beginning of a secret at the end of a stream is given out. Default: false.
    #[serde(alias = "keep_stump")]
    pub keep_partial: Option<bool>,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Its name, as status and metrics show it.
    pub name: At<String>,
    /// Where it comes from.
    pub source: At<Source>,
    /// Where it goes to. Streams with the same sink share it.
    pub sink: At<Sink>,
    /// When bytes go out: `line` (default), with the end of their line, or `exact`, as soon as they
    /// cannot belong to a secret.
    pub release: Option<ReleaseAt>,
    /// The longest line that waits for its end. Default: 1M.
    pub line_max: Option<At<Size>>,
    /// What the lines are: `plain` (default), `docker` (json-file) or `cri`, of which the parts of
    /// a line are put together.
    pub format: Option<Format>,
}

/// A source: one of stdin, fifo, unix, unix_datagram, tcp, command, files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = exactly_one_of(Source::KINDS)))]
pub struct Source {
    /// Standard input.
    pub stdin: Option<bool>,
    /// The path of a FIFO. It is made if it is not there, and read on when its writers have gone.
    #[schemars(length(min = 1))]
    pub fifo: Option<PathBuf>,
    /// The path of a stream socket to listen at. Each connection is a stream. One that systemd
    /// passes with this path is taken as it is.
    #[schemars(length(min = 1))]
    pub unix: Option<PathBuf>,
    /// The path of a datagram socket, as /dev/log is one. Each datagram is one message. It may be
    /// passed by systemd, too.
    #[schemars(length(min = 1))]
    pub unix_datagram: Option<PathBuf>,
    /// A port on loopback to listen at, as 127.0.0.1:5140. Each connection is a stream. It may be
    /// passed by systemd, too.
    pub tcp: Option<String>,
    /// A program and its arguments, whose output is read. It is started again when it ends.
    pub command: Option<Vec<String>>,
    /// Files that are followed: a path, or a pattern such as /var/log/app/*.log. Each is a stream.
    pub files: Option<String>,
    /// Patterns of files that are not followed: of their names, or of their paths where a
    /// pattern holds a `/`.
    pub exclude: Option<Vec<String>>,
    /// Who may use the socket or FIFO, in octal. Default: "0600". A FIFO that is there, and what
    /// systemd passes, stays as it is.
    pub mode: Option<Mode>,
    /// How many connections there may be at once. Default: 16384.
    pub connections_max: Option<u64>,
    /// How many of the files are followed at once. Others are reported, and followed from their
    /// beginning when there is room. Default: 16384.
    pub files_max: Option<u64>,
    /// Where the reading of a file begins that was not followed before: `start` (default) or `end`.
    pub from: Option<ReadFrom>,
}

/// A sink: one of stdout, fifo, unix, unix_datagram, tcp, command, file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = exactly_one_of(Sink::KINDS)))]
pub struct Sink {
    /// Standard output.
    pub stdout: Option<bool>,
    /// The path of a FIFO that somebody reads.
    #[schemars(length(min = 1))]
    pub fifo: Option<PathBuf>,
    /// The path of a stream socket that somebody listens at.
    #[schemars(length(min = 1))]
    pub unix: Option<PathBuf>,
    /// The path of a datagram socket, as /dev/log is one. Each line is a datagram.
    #[schemars(length(min = 1))]
    pub unix_datagram: Option<PathBuf>,
    /// The address of somebody who listens, as 127.0.0.1:6514.
    pub tcp: Option<String>,
    /// A program and its arguments, which reads from its input. It is started again when it ends.
    pub command: Option<Vec<String>>,
    /// A file that is appended to.
    #[schemars(length(min = 1))]
    pub file: Option<PathBuf>,
    /// Who may read the file, in octal. Default: "0600".
    pub mode: Option<Mode>,
    /// The size from which on the file is rotated, as 100M. Default: it is not.
    pub rotate_size: Option<Size>,
    /// How many rotated files are kept. Default: 5.
    pub rotate_keep: Option<u64>,
    /// What is done while the sink is away: `wait` (default), `spool`, or `drop`, which counts what
    /// it drops.
    pub away: Option<Away>,
    /// The file that what is redacted waits in, with `away: spool`.
    #[schemars(length(min = 1))]
    pub spool: Option<PathBuf>,
    /// How much may wait there, as 1G. When it is full, streams wait. Default: 256M.
    pub spool_max: Option<Size>,
}

/// A directory whose log files are scrubbed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scrub {
    /// The directory.
    #[schemars(length(min = 1))]
    pub directory: At<PathBuf>,
    /// Whether with all below it. Default: false.
    pub recursive: Option<bool>,
    /// Patterns of the names of the files. Default: all.
    pub include: Option<Vec<String>>,
    /// Patterns of the names of files that are left alone.
    pub exclude: Option<Vec<String>>,
    /// How long after one scrub the next begins, in seconds. Default: 3600.
    pub every_seconds: Option<At<u64>>,
}

/// Directories that are guarded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// The directories.
    #[schemars(inner(length(min = 1)))]
    pub directories: Vec<PathBuf>,
    /// How long readers wait for the rest of a secret at the end of a file, in milliseconds.
    /// Default: 1000.
    #[schemars(range(max = u32::MAX))]
    #[serde(alias = "stump_wait_ms")]
    pub partial_wait_ms: Option<u32>,
}

/// What the process takes away from itself, where the kernel can.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confine {
    /// Access to files other than those of the configuration. Default: true.
    pub landlock: Option<bool>,
    /// System calls that a log daemon never needs. Default: true.
    pub seccomp: Option<bool>,
}

impl Config {
    /// The sources of secrets. Without any, the session: a guess by the names of variables needs a
    /// user who reads the note about it.
    pub fn sources(&self) -> SourceSpec {
        let mut sources = self.secrets.as_ref().map(Secrets::sources).unwrap_or_default();
        sources.session |= sources.is_empty() && !sources.allow_empty;
        sources
    }
}

impl Secrets {
    fn sources(&self) -> SourceSpec {
        SourceSpec {
            env: self.env.iter().flatten().map(Into::into).collect(),
            dotenv: self.dotenv.clone().unwrap_or_default(),
            secret_files: self.secret_files.clone().unwrap_or_default(),
            registry: self.registry.clone().map(|path| RegistrySpec {
                path,
                identity: self.identity.as_ref().map(|path| path.value.clone()),
                member: self.member.as_ref().map(|name| name.value.clone()),
                trust: self.trust.as_ref().map(|keys| keys.value.clone()).unwrap_or_default(),
                environment: None,
            }),
            session: self.session.unwrap_or(false),
            allow_empty: self.allow_empty.unwrap_or(false),
        }
    }
}

impl Source {
    /// The keys of which there is exactly one.
    pub(super) const KINDS: &[&str] = &["stdin", "fifo", "unix", "unix_datagram", "tcp", "command", "files"];
}

impl Sink {
    /// The keys of which there is exactly one.
    pub(super) const KINDS: &[&str] = &["stdout", "fifo", "unix", "unix_datagram", "tcp", "command", "file"];
}

/// Exactly one of these keys is present.
fn exactly_one_of(kinds: &[&str]) -> Value {
    kinds.iter().map(|kind| json!({ "required": [kind] })).collect()
}
