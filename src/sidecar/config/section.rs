//! The sections of the configuration, as they are in the file.
//!
//! Each is written down once: the parser, the documentation and the schema are derived from it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::value::{Away, Format, Mode, ReadFrom, ReleaseAt, Size};
use crate::source::{RegistrySpec, Selection, SourceSpec};

/// The configuration of the sidecar.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "hushlog sidecar")]
pub struct Config {
    /// The sources of secrets. Default: the session of this machine.
    pub secrets: Option<Secrets>,
    /// Options for masking.
    pub options: Option<Options>,
    /// The streams. Each goes from a source through its own redactor to a sink.
    pub streams: Option<Vec<Stream>>,
    /// Directories whose log files are scrubbed in place, periodically.
    pub scrub: Option<Vec<Scrub>>,
    /// Directories whose files cannot be read until they are clean. Needs root.
    pub guard: Option<Guard>,
    /// The path of the socket for `hushlog sidecar add`, `reload` and `status`. Default: no socket.
    #[schemars(length(min = 1))]
    pub control: Option<PathBuf>,
    /// The loopback address of the metrics and of /healthz, such as 127.0.0.1:9500. Default: no
    /// listener.
    pub metrics: Option<String>,
    /// The directory for read positions of followed files.
    #[schemars(length(min = 1))]
    pub state: Option<PathBuf>,
    /// Names of variables that programs of sources and sinks inherit, besides PATH, HOME, USER,
    /// LOGNAME, SHELL, LANG, LANGUAGE, LC_*, TZ and TMPDIR.
    pub environment: Option<Vec<String>>,
    /// Restrictions that the process puts on itself.
    pub confine: Option<Confine>,
    /// How long a stopping sidecar waits for pending output, in seconds. Default: 10.
    pub drain_seconds: Option<u64>,
}

/// The sources of secrets, as on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("dependentRequired" = json!({ "identity": ["registry"], "member": ["registry"], "trust": ["registry"] })))]
pub struct Secrets {
    /// Patterns of names of environment variables of the sidecar.
    pub env: Option<Vec<String>>,
    /// Files of NAME=VALUE lines; watched.
    #[schemars(inner(length(min = 1)))]
    pub dotenv: Option<Vec<PathBuf>>,
    /// Files with one value each, and directories of such files; watched.
    #[schemars(inner(length(min = 1)))]
    pub secret_files: Option<Vec<PathBuf>>,
    /// Commands that print secrets. They run at the start, at an interval, and at each reload.
    pub commands: Option<Vec<SecretCommand>>,
    /// Whether to mask the files in which programs keep credentials below the home directory;
    /// watched.
    #[serde(alias = "credential-files")]
    pub credential_files: Option<bool>,
    /// A registry; watched.
    #[schemars(length(min = 1))]
    pub registry: Option<PathBuf>,
    /// The identity that opens the registry.
    #[schemars(length(min = 1))]
    pub identity: Option<PathBuf>,
    /// The member to act as, if the identity belongs to several.
    pub member: Option<String>,
    /// Public keys, one of which must have signed the registry, and ids of registries.
    pub trust: Option<Vec<String>>,
    /// Whether to mask the session of this machine; watched.
    pub session: Option<bool>,
    /// Whether to run even if the sources have nothing to mask.
    pub allow_empty: Option<bool>,
    /// Patterns of the names that are masked. Default: all.
    pub only: Option<Vec<String>>,
    /// Patterns of names that are not masked.
    pub except: Option<Vec<String>>,
    /// Whether to mask values of dotenv files and of patterns for variables that cannot be secrets,
    /// such as switches and addresses. Default: false.
    pub all: Option<bool>,
}

/// A command that prints secrets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretCommand {
    /// The command, for `sh -c`. It prints JSON, NAME=VALUE lines, or one value.
    #[schemars(length(min = 1))]
    pub command: String,
    /// The time from one run to the next, in seconds. Default: 300.
    #[serde(alias = "every")]
    #[schemars(range(min = 1))]
    pub every_seconds: Option<u64>,
}

/// Options for masking, as on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The text that replaces a secret; {name} is its name. Default: [REDACTED:{name}].
    pub mask: Option<String>,
    /// The character that replaces each byte of a secret, instead of a mask.
    pub mask_char: Option<String>,
    /// The least length of masked values, in bytes. Default, and least: 4.
    pub min_length: Option<u64>,
    /// Whether to search for encoded forms and identifying parts. Default: true.
    pub encodings: Option<bool>,
    /// Whether to search each stream with its escapes undone, too. Default: as `encodings`.
    pub readings: Option<bool>,
    /// Whether the beginning of a secret at the end of a stream is given out. Default: false.
    #[serde(alias = "keep_stump")]
    pub keep_partial: Option<bool>,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// The name of the stream in status and metrics.
    pub name: String,
    /// The source of the stream: one of stdin, fifo, unix, unix_datagram, tcp, command, files.
    pub source: Source,
    /// The sink of the stream: one of stdout, fifo, unix, unix_datagram, tcp, command, file.
    /// Streams with the same sink share it.
    pub sink: Sink,
    /// When bytes are emitted: `line` (default), with the end of their line, or `exact`, as soon as
    /// they cannot belong to a secret.
    pub release: Option<ReleaseAt>,
    /// The longest line that waits for its end, in bytes. Default: 1M.
    pub line_max: Option<Size>,
    /// The format: `auto` (default), `raw`, `octet-counted` (syslog messages with their lengths),
    /// `journal-export`, `docker-stream` (both outputs of a container, as Docker's API has them),
    /// `json-lines` (whose lines stay JSON), `docker` (json-file) or `cri`, whose partial lines are
    /// joined. `auto` is one of the three with lengths if the stream begins as that, and otherwise
    /// `raw`.
    pub format: Option<Format>,
}

/// A source: one of stdin, fifo, unix, unix_datagram, tcp, command, files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = exactly_one_of(Source::KINDS)))]
pub struct Source {
    /// Standard input.
    pub stdin: Option<bool>,
    /// The path of a FIFO. It is created if missing, and stays open when its writers have gone.
    #[schemars(length(min = 1))]
    pub fifo: Option<PathBuf>,
    /// The path of a stream socket to listen on. Each connection is a stream. A socket that systemd
    /// passes with this path is used instead.
    #[schemars(length(min = 1))]
    pub unix: Option<PathBuf>,
    /// The path of a datagram socket, such as /dev/log. Each datagram is one message. A socket that
    /// systemd passes with this path is used instead.
    #[schemars(length(min = 1))]
    pub unix_datagram: Option<PathBuf>,
    /// A loopback address to listen on, such as 127.0.0.1:5140. Each connection is a stream. A
    /// socket that systemd passes with this address is used instead.
    pub tcp: Option<String>,
    /// A program and its arguments, whose output is read. It is restarted when it ends.
    pub command: Option<Vec<String>>,
    /// Files to follow: a path, or a pattern such as /var/log/app/*.log. Each file is a stream.
    pub files: Option<String>,
    /// Patterns of files that are not followed: of their names, or of their paths if a pattern
    /// contains a `/`.
    pub exclude: Option<Vec<String>>,
    /// The mode of the socket or FIFO, in octal. Default: "0600". An existing FIFO, and a socket
    /// from systemd, keep their modes.
    pub mode: Option<Mode>,
    /// The maximum number of open connections. Default: 16384.
    pub connections_max: Option<u64>,
    /// The maximum number of files followed at once. Others are reported, and followed from their
    /// beginning once there is room. Default: 16384.
    pub files_max: Option<u64>,
    /// Where reading of a new file begins: `start` (default) or `end`.
    pub from: Option<ReadFrom>,
}

/// A sink: one of stdout, fifo, unix, unix_datagram, tcp, command, file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = exactly_one_of(Sink::KINDS)))]
pub struct Sink {
    /// Standard output.
    pub stdout: Option<bool>,
    /// The path of a FIFO with a reader.
    #[schemars(length(min = 1))]
    pub fifo: Option<PathBuf>,
    /// The path of a stream socket with a listener.
    #[schemars(length(min = 1))]
    pub unix: Option<PathBuf>,
    /// The path of a datagram socket, such as /dev/log. Each line is a datagram.
    #[schemars(length(min = 1))]
    pub unix_datagram: Option<PathBuf>,
    /// The address of a listener, such as 127.0.0.1:6514.
    pub tcp: Option<String>,
    /// A program and its arguments, which reads its input. It is restarted when it ends.
    pub command: Option<Vec<String>>,
    /// A file to append to.
    #[schemars(length(min = 1))]
    pub file: Option<PathBuf>,
    /// The mode of the file, in octal. Default: "0600".
    pub mode: Option<Mode>,
    /// The size at which the file is rotated, such as 100M. Default: no rotation.
    pub rotate_size: Option<Size>,
    /// The number of rotated files to keep. Default: 5.
    pub rotate_keep: Option<u64>,
    /// The action while the sink is unavailable: `wait` (default), `spool`, or `drop`, which counts
    /// dropped pieces.
    pub away: Option<Away>,
    /// The file for redacted pieces that wait for the sink, with `away: spool`.
    #[schemars(length(min = 1))]
    pub spool: Option<PathBuf>,
    /// The maximum size of the spool, such as 1G. When it is full, streams wait. Default: 256M.
    pub spool_max: Option<Size>,
}

/// A directory whose log files are scrubbed periodically.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scrub {
    /// The directory whose files are scrubbed.
    #[schemars(length(min = 1))]
    pub directory: PathBuf,
    /// Whether to include subdirectories. Default: false.
    pub recursive: Option<bool>,
    /// Patterns of file names to scrub. Default: all.
    pub include: Option<Vec<String>>,
    /// Patterns of file names to skip.
    pub exclude: Option<Vec<String>>,
    /// The time from one scrub to the next, in seconds. Default: 3600.
    pub every_seconds: Option<u64>,
}

/// Directories that are guarded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// The directories whose files are guarded.
    #[schemars(inner(length(min = 1)))]
    pub directories: Vec<PathBuf>,
    /// How long readers wait for the rest of a secret at the end of a file, in milliseconds.
    /// Default: 1000.
    #[schemars(range(max = u32::MAX))]
    #[serde(alias = "stump_wait_ms")]
    pub partial_wait_ms: Option<u32>,
}

/// Restrictions that the process puts on itself, as far as the kernel supports them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confine {
    /// Whether to deny access to files outside the configuration. Default: true.
    pub landlock: Option<bool>,
    /// Whether to deny system calls that a log daemon never needs. Default: true.
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
            dotenv_dialect: None,
            secret_files: self.secret_files.clone().unwrap_or_default(),
            commands: self.commands.iter().flatten().map(|command| command.command.clone()).collect(),
            credential_files: self.credential_files.unwrap_or(false),
            registry: self.registry.clone().map(|path| RegistrySpec {
                path,
                identity: self.identity.clone(),
                member: self.member.clone(),
                trust: self.trust.clone().unwrap_or_default(),
                environment: None,
                allow_rollback: false,
            }),
            session: self.session.unwrap_or(false),
            allow_empty: self.allow_empty.unwrap_or(false),
            selection: Selection {
                only: self.only.clone().unwrap_or_default(),
                except: self.except.clone().unwrap_or_default(),
                all: self.all.unwrap_or(false),
            },
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
