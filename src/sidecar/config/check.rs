//! Validation: turns the sections of a configuration into a plan, checking each value and their
//! combinations.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::plan::{OnAway, Outlet, Plan, ScrubPlan, SinkPlan, SourcePlan, Spool, StreamPlan, Way};
use super::read::ConfigError;
use super::section::{Config, Confine, Scrub, Secrets, Sink, Source, Stream};
use super::value::{At, Away};
use crate::redact::mask::Mask;
use crate::redact::secret::VALUE_LEN_MIN;

/// The default limit on the length of a line that waits for its end, in bytes.
const LINE_MAX: u64 = 1 << 20;
const LINE_MAX_RANGE: std::ops::RangeInclusive<u64> = 1 << 10..=64 << 20;
const MIN_LENGTH_RANGE: std::ops::RangeInclusive<u64> = VALUE_LEN_MIN as u64..=64 << 10;
/// The default limit on concurrent connections of a socket.
const CONNECTIONS_MAX: u64 = 16_384;
/// The default limit on the files that a stream follows at once.
const FILES_MAX: u64 = 16_384;
const ROTATE_KEEP: u64 = 5;
const SPOOL_MAX: u64 = 256 << 20;
const DRAIN_SECONDS: u64 = 10;
const SCRUB_EVERY_SECONDS: u64 = 3_600;
const NAME_LEN_MAX: usize = 64;
const MODE: u32 = 0o600;

impl Config {
    /// Checks the whole configuration, without a look at the machine.
    ///
    /// # Errors
    ///
    /// When a value is invalid, or two values conflict.
    pub fn plan(&self) -> Result<Plan, ConfigError> {
        self.secrets.as_ref().map_or(Ok(()), Secrets::check)?;
        let (mask, min_length) = self.masking()?;
        let options = self.options.as_ref();
        let keep_partial = options.and_then(|options| options.keep_partial).unwrap_or(false);
        let (mut streams, mut sinks) = (Vec::new(), Vec::new());
        for stream in self.streams.iter().flatten() {
            streams.push(stream.plan(&mut sinks, !keep_partial)?);
        }
        self.check_together(&streams)?;
        let seconds = |seconds: &Option<At<u64>>, default| seconds.map_or(default, |seconds| seconds.value);
        let confine = self.confine.clone().unwrap_or(Confine { landlock: None, seccomp: None });
        Ok(Plan {
            streams,
            sinks,
            mask,
            min_length,
            encodings: options.and_then(|options| options.encodings).unwrap_or(true),
            keep_partial,
            scrub: self.scrub.iter().flatten().map(Scrub::plan).collect::<Result<_, _>>()?,
            guard: self.guard.clone(),
            control: self.control.as_ref().map(|path| path.value.clone()),
            metrics: self
                .metrics
                .as_ref()
                .map(|address| loopback(&address.value, address.line, "metrics"))
                .transpose()?,
            state: self.state.as_ref().map(|path| path.value.clone()),
            environment: self.environment.clone().unwrap_or_default(),
            confine: (confine.landlock.unwrap_or(true), confine.seccomp.unwrap_or(true)),
            drain: Duration::from_secs(seconds(&self.drain_seconds, DRAIN_SECONDS)),
        })
    }

    fn masking(&self) -> Result<(Option<Mask>, usize), ConfigError> {
        let Some(options) = &self.options else { return Ok((None, VALUE_LEN_MIN)) };
        let mask = match (&options.mask, &options.mask_char) {
            (Some(_), Some(c)) => return Err(ConfigError::at(c.line, "mask_char", "cannot be combined with mask")),
            (Some(mask), None) => Some(Mask::Template(mask.value.clone())),
            (None, Some(c)) => match c.value.as_bytes() {
                [c @ b'!'..=b'~'] => Some(Mask::Char(*c)),
                _ => return Err(ConfigError::at(c.line, "mask_char", "must be one printable ASCII character")),
            },
            (None, None) => None,
        };
        let min_length = match options.min_length {
            Some(bytes) if !MIN_LENGTH_RANGE.contains(&bytes.value) => {
                return Err(ConfigError::at(bytes.line, "min_length", "must be from 4 to 65536"));
            }
            bytes => bytes.map_or(VALUE_LEN_MIN, |bytes| bytes.value as usize),
        };
        Ok((mask, min_length))
    }

    /// Checks that concern several streams.
    fn check_together(&self, streams: &[StreamPlan]) -> Result<(), ConfigError> {
        let (mut names, mut sources) = (BTreeSet::new(), Vec::new());
        for (plan, stream) in streams.iter().zip(self.streams.iter().flatten()) {
            if !names.insert(Arc::clone(&plan.name)) {
                return Err(ConfigError::at(
                    stream.name.line,
                    "name",
                    "must be unique, but another stream has this name",
                ));
            }
            if sources.contains(&&plan.source) {
                return Err(ConfigError::at(
                    stream.source.line,
                    "source",
                    "must be unique, but another stream has this source",
                ));
            }
            sources.push(&plan.source);
            if matches!(plan.source, SourcePlan::Files { .. }) && self.state.is_none() {
                return Err(ConfigError::at(stream.source.line, "files", "following files needs a state directory")
                    .hint("add one, for example state: /var/lib/hushlog"));
            }
        }
        if streams.is_empty() && self.guard.is_none() && self.scrub.as_ref().is_none_or(Vec::is_empty) {
            return Err(ConfigError::of_all("the configuration has nothing to do")
                .hint("add a stream: streams: [{ name: app, source: { unix: PATH }, sink: { file: PATH } }]"));
        }
        Ok(())
    }
}

impl Secrets {
    /// Checks that no option of a registry stands without one: it would have no effect.
    fn check(&self) -> Result<(), ConfigError> {
        let lines = [
            ("identity", self.identity.as_ref().map(|identity| identity.line)),
            ("member", self.member.as_ref().map(|member| member.line)),
            ("trust", self.trust.as_ref().map(|trust| trust.line)),
        ];
        match lines.iter().find_map(|(key, line)| Some((*key, (*line)?))) {
            Some((key, line)) if self.registry.is_none() => {
                Err(ConfigError::at(line, key, "needs a registry").hint("add registry: PATH to the section"))
            }
            _ => Ok(()),
        }
    }
}

impl Stream {
    fn plan(&self, sinks: &mut Vec<Arc<SinkPlan>>, mask_partial: bool) -> Result<StreamPlan, ConfigError> {
        let name = &self.name.value;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > NAME_LEN_MAX || !name.chars().all(is_plain) {
            return Err(ConfigError::at(self.name.line, "name", "must consist of 1 to 64 letters, digits, -, _ and ."));
        }
        let line_max = self.line_max.map_or(LINE_MAX, |size| size.value.0);
        if !LINE_MAX_RANGE.contains(&line_max) {
            let line = self.line_max.map_or(0, |size| size.line);
            return Err(ConfigError::at(line, "line_max", "must be from 1K to 64M"));
        }
        let sink = self.sink.value.plan(self.sink.line)?;
        let place = sinks.iter().position(|other| other.outlet.is_same_place(&sink.outlet)).unwrap_or(sinks.len());
        match sinks.get(place) {
            Some(other) if **other != sink => {
                return Err(ConfigError::at(self.sink.line, "sink", "differs from the same sink of another stream"));
            }
            Some(_) => {}
            None => sinks.push(Arc::new(sink)),
        }
        Ok(StreamPlan {
            name: name.as_str().into(),
            source: self.source.value.plan(self.source.line)?,
            sink: place,
            way: Way {
                release: self.release.unwrap_or_default().into(),
                line_max: line_max as usize,
                format: self.format.unwrap_or_default(),
                mask_partial,
            },
        })
    }
}

/// The only one of these keys that is present.
fn kind(there: &[(&'static str, bool)], line: u64, section: &'static str) -> Result<&'static str, ConfigError> {
    let mut found = there.iter().filter(|(_, is_there)| *is_there).map(|(key, _)| *key);
    let names: Vec<&str> = there.iter().map(|(key, _)| *key).collect();
    match (found.next(), found.next()) {
        (Some(kind), None) => Ok(kind),
        (None, _) => Err(ConfigError::at(line, section, format!("must have one of {}", names.join(", ")))),
        (Some(_), Some(second)) => Err(ConfigError::at(line, second, "this section has another kind already")),
    }
}

/// Fails if a key is present that only other kinds have.
fn only(key: &'static str, is_there: bool, kinds: &[&str], kind: &str, line: u64) -> Result<(), ConfigError> {
    if is_there && !kinds.contains(&kind) {
        return Err(ConfigError::at(line, key, format!("is only valid with {}", kinds.join(", "))));
    }
    Ok(())
}

/// An address on loopback.
fn loopback(text: &str, line: u64, key: &'static str) -> Result<SocketAddr, ConfigError> {
    let address: Option<SocketAddr> = text.parse().ok();
    let address = address.ok_or_else(|| {
        ConfigError::at(line, key, "must be an address and a port, such as 127.0.0.1:9500 or [::1]:9500")
    })?;
    let is_loopback = match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    if !is_loopback {
        return Err(ConfigError::at(line, key, "must be on loopback: its data is not masked yet, or open to everyone")
            .hint("use 127.0.0.1 or [::1]"));
    }
    Ok(address)
}

/// Patterns of files.
fn patterns(key: &'static str, globs: &Option<Vec<String>>, line: u64) -> Result<Vec<glob::Pattern>, ConfigError> {
    let compiled = globs.iter().flatten().map(|glob| glob::Pattern::new(glob));
    compiled.collect::<Result<_, _>>().map_err(|_| ConfigError::at(line, key, "must be a valid pattern"))
}

fn program(words: &[String], line: u64) -> Result<Vec<String>, ConfigError> {
    match words.first() {
        Some(program) if !program.is_empty() => Ok(words.to_vec()),
        _ => Err(ConfigError::at(line, "command", "must be a program and its arguments, such as [journalctl, -f]")),
    }
}

impl Source {
    fn plan(&self, line: u64) -> Result<SourcePlan, ConfigError> {
        let there = [
            ("stdin", self.stdin == Some(true)),
            ("fifo", self.fifo.is_some()),
            ("unix", self.unix.is_some()),
            ("unix_datagram", self.unix_datagram.is_some()),
            ("tcp", self.tcp.is_some()),
            ("command", self.command.is_some()),
            ("files", self.files.is_some()),
        ];
        let kind = kind(&there, line, "source")?;
        only("mode", self.mode.is_some(), &["fifo", "unix", "unix_datagram"], kind, line)?;
        only("connections_max", self.connections_max.is_some(), &["unix", "tcp"], kind, line)?;
        only("exclude", self.exclude.is_some(), &["files"], kind, line)?;
        only("files_max", self.files_max.is_some(), &["files"], kind, line)?;
        only("from", self.from.is_some(), &["files"], kind, line)?;
        for (key, max) in [("connections_max", self.connections_max), ("files_max", self.files_max)] {
            if max == Some(0) {
                return Err(ConfigError::at(line, key, "must be 1 or more"));
            }
        }
        let mode = self.mode.map_or(MODE, |mode| mode.0);
        let connections_max = self.connections_max.unwrap_or(CONNECTIONS_MAX).min(1 << 20) as usize;
        let path = |path: &Option<PathBuf>| path.clone().unwrap_or_default();
        Ok(match kind {
            "stdin" => SourcePlan::Stdin,
            "fifo" => SourcePlan::Fifo { path: path(&self.fifo), mode },
            "unix" => SourcePlan::Unix { path: path(&self.unix), mode, connections_max },
            "unix_datagram" => SourcePlan::UnixDatagram { path: path(&self.unix_datagram), mode },
            "tcp" => {
                let address = loopback(self.tcp.as_deref().unwrap_or_default(), line, "tcp")?;
                SourcePlan::Tcp { address, connections_max }
            }
            "command" => SourcePlan::Command(program(self.command.as_deref().unwrap_or_default(), line)?),
            _ => {
                let pattern = self.files.clone().unwrap_or_default();
                if glob::Pattern::new(&pattern).is_err() {
                    return Err(ConfigError::at(line, "files", "must be a valid pattern"));
                }
                let exclude = patterns("exclude", &self.exclude, line)?;
                let files_max = self.files_max.unwrap_or(FILES_MAX).min(1 << 20) as usize;
                SourcePlan::Files { pattern, exclude, from: self.from.unwrap_or_default(), files_max }
            }
        })
    }
}

impl Sink {
    fn plan(&self, line: u64) -> Result<SinkPlan, ConfigError> {
        let there = [
            ("stdout", self.stdout == Some(true)),
            ("fifo", self.fifo.is_some()),
            ("unix", self.unix.is_some()),
            ("unix_datagram", self.unix_datagram.is_some()),
            ("tcp", self.tcp.is_some()),
            ("command", self.command.is_some()),
            ("file", self.file.is_some()),
        ];
        let kind = kind(&there, line, "sink")?;
        for (key, is_there) in [
            ("mode", self.mode.is_some()),
            ("rotate_size", self.rotate_size.is_some()),
            ("rotate_keep", self.rotate_keep.is_some()),
        ] {
            only(key, is_there, &["file"], kind, line)?;
        }
        let path = |path: &Option<PathBuf>| path.clone().unwrap_or_default();
        let outlet = match kind {
            "stdout" => Outlet::Stdout,
            "fifo" => Outlet::Fifo(path(&self.fifo)),
            "unix" => Outlet::Unix(path(&self.unix)),
            "unix_datagram" => Outlet::UnixDatagram(path(&self.unix_datagram)),
            "tcp" => {
                let address = self.tcp.clone().unwrap_or_default();
                if address.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
                    return Err(ConfigError::at(line, "tcp", "must be a host and a port, such as 127.0.0.1:6514"));
                }
                Outlet::Tcp(address)
            }
            "command" => Outlet::Command(program(self.command.as_deref().unwrap_or_default(), line)?),
            _ => Outlet::File {
                path: path(&self.file),
                mode: self.mode.map_or(MODE, |mode| mode.0),
                rotate_size: self.rotate_size.map(|size| size.0),
                rotate_keep: self.rotate_keep.unwrap_or(ROTATE_KEEP),
            },
        };
        Ok(SinkPlan { outlet, away: self.away(line)? })
    }

    fn away(&self, line: u64) -> Result<OnAway, ConfigError> {
        let away = self.away.unwrap_or_default();
        match (&self.spool, away) {
            (Some(path), Away::Spool) => Ok(OnAway::Spool(Spool {
                path: path.clone(),
                len_max: self.spool_max.map_or(SPOOL_MAX, |size| size.0),
            })),
            (None, Away::Spool) => {
                Err(ConfigError::at(line, "away", "spool needs a file").hint("add one: spool: PATH"))
            }
            (Some(_), _) => Err(ConfigError::at(line, "spool", "is only valid with away: spool")),
            (None, _) if self.spool_max.is_some() => {
                Err(ConfigError::at(line, "spool_max", "is only valid with away: spool"))
            }
            (None, Away::Wait) => Ok(OnAway::Wait),
            (None, Away::Drop) => Ok(OnAway::Drop),
        }
    }
}

impl Scrub {
    fn plan(&self) -> Result<ScrubPlan, ConfigError> {
        let line = self.directory.line;
        let every = self.every_seconds.map_or(SCRUB_EVERY_SECONDS, |seconds| seconds.value);
        if every == 0 {
            return Err(ConfigError::at(line, "every_seconds", "must be 1 or more"));
        }
        Ok(ScrubPlan {
            directory: self.directory.value.clone(),
            recursive: self.recursive.unwrap_or(false),
            include: patterns("include", &self.include, line)?,
            exclude: patterns("exclude", &self.exclude, line)?,
            every: Duration::from_secs(every),
        })
    }
}
