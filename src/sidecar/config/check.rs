//! Validation: turns the sections of a configuration into a plan, checking each value and their
//! combinations.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::plan::{OnAway, Outlet, Plan, ScrubPlan, SinkPlan, SourcePlan, Spool, StreamPlan, Way};
use super::problem::{Checked, Problem};
use super::section::{Config, Confine, Scrub, Secrets, Sink, Source, Stream};
use super::value::{Away, Format};
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
const COMMAND_EVERY_SECONDS: u64 = 300;
const NAME_LEN_MAX: usize = 64;
const MODE: u32 = 0o600;
const PATTERN: &str = "must be a valid pattern";
const PATTERNS: &str =
    "? and * match within a name, ** matches directories and stands alone between /, [ and ] enclose characters";

impl Config {
    /// Checks the whole configuration, without a look at the machine.
    pub(super) fn plan(&self) -> Checked<Plan> {
        self.secrets.as_ref().map_or(Ok(()), Secrets::check).map_err(|problem| problem.within("secrets"))?;
        let (mask, min_length) = self.masking().map_err(|problem| problem.within("options"))?;
        let options = self.options.as_ref();
        let encodings = options.and_then(|options| options.encodings).unwrap_or(true);
        let keep_partial = options.and_then(|options| options.keep_partial).unwrap_or(false);
        let (mut streams, mut sinks) = (Vec::new(), Vec::new());
        for (at, stream) in self.streams.iter().flatten().enumerate() {
            let plan = stream.plan(&mut sinks, !keep_partial);
            streams.push(plan.map_err(|problem| problem.within_item("streams", at))?);
        }
        self.check_together(&streams)?;
        let scrub = self.scrub.iter().flatten().enumerate();
        let scrub = scrub.map(|(at, scrub)| scrub.plan().map_err(|problem| problem.within_item("scrub", at)));
        let confine = self.confine.clone().unwrap_or(Confine { landlock: None, seccomp: None });
        Ok(Plan {
            streams,
            sinks,
            mask,
            min_length,
            encodings,
            readings: options.and_then(|options| options.readings).unwrap_or(encodings),
            keep_partial,
            scrub: scrub.collect::<Result<_, _>>()?,
            guard: self.guard.clone(),
            control: self.control.clone(),
            metrics: self.metrics.as_ref().map(|address| loopback(address, "metrics")).transpose()?,
            state: self.state.clone(),
            environment: self.environment.clone().unwrap_or_default(),
            reread_every: self.secrets.as_ref().and_then(Secrets::reread_every),
            confine: (confine.landlock.unwrap_or(true), confine.seccomp.unwrap_or(true)),
            drain: Duration::from_secs(self.drain_seconds.unwrap_or(DRAIN_SECONDS)),
        })
    }

    fn masking(&self) -> Checked<(Option<Mask>, usize)> {
        let Some(options) = &self.options else { return Ok((None, VALUE_LEN_MIN)) };
        let mask = match (&options.mask, &options.mask_char) {
            (Some(_), Some(_)) => return Err(Problem::of("mask_char", "cannot be combined with mask")),
            (Some(mask), None) => Some(Mask::Template(mask.clone())),
            (None, Some(c)) => match c.as_bytes() {
                [c @ b'!'..=b'~'] => Some(Mask::Char(*c)),
                _ => return Err(Problem::of("mask_char", "must be one printable ASCII character")),
            },
            (None, None) => None,
        };
        let min_length = match options.min_length {
            Some(bytes) if !MIN_LENGTH_RANGE.contains(&bytes) => {
                return Err(Problem::of("min_length", "must be from 4 to 65536"));
            }
            bytes => bytes.map_or(VALUE_LEN_MIN, |bytes| bytes as usize),
        };
        Ok((mask, min_length))
    }

    /// Checks that concern several streams.
    fn check_together(&self, streams: &[StreamPlan]) -> Checked<()> {
        let (mut names, mut sources) = (BTreeSet::new(), Vec::new());
        for (at, plan) in streams.iter().enumerate() {
            let wrong = |problem: Problem| Err(problem.within_item("streams", at));
            if !names.insert(Arc::clone(&plan.name)) {
                return wrong(Problem::of("name", "must be unique, but another stream has this name"));
            }
            if sources.contains(&&plan.source) {
                return wrong(Problem::of("source", "must be unique, but another stream has this source"));
            }
            sources.push(&plan.source);
            if matches!(plan.source, SourcePlan::Files { .. }) && self.state.is_none() {
                let problem = Problem::of("files", "following files needs a state directory").within("source");
                return wrong(problem.hint("add one, for example state: /var/lib/hushlog"));
            }
        }
        if streams.is_empty() && self.guard.is_none() && self.scrub.as_ref().is_none_or(Vec::is_empty) {
            return Err(Problem::here("the configuration has nothing to do")
                .hint("add a stream: streams: [{ name: app, source: { unix: PATH }, sink: { file: PATH } }]"));
        }
        Ok(())
    }
}

impl Secrets {
    /// Checks that no option of a registry stands without one: it would have no effect.
    fn check(&self) -> Checked<()> {
        let there =
            [("identity", self.identity.is_some()), ("member", self.member.is_some()), ("trust", self.trust.is_some())];
        for (at, command) in self.commands.iter().flatten().enumerate() {
            let wrong = |problem: Problem| Err(problem.within_item("commands", at));
            if command.command.trim().is_empty() {
                return wrong(Problem::of("command", "must be a command for `sh -c`"));
            }
            if command.every_seconds == Some(0) {
                return wrong(Problem::of("every_seconds", "must be 1 or more"));
            }
        }
        match there.iter().find(|(_, is_there)| *is_there) {
            Some((key, _)) if self.registry.is_none() => {
                Err(Problem::of(key, "needs a registry").hint("add registry: PATH to the section"))
            }
            _ => Ok(()),
        }
    }

    /// The shortest interval of the commands.
    fn reread_every(&self) -> Option<Duration> {
        let commands = self.commands.iter().flatten();
        let every = commands.map(|command| command.every_seconds.unwrap_or(COMMAND_EVERY_SECONDS));
        every.min().map(Duration::from_secs)
    }
}

impl Stream {
    fn plan(&self, sinks: &mut Vec<Arc<SinkPlan>>, mask_partial: bool) -> Checked<StreamPlan> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || self.name.len() > NAME_LEN_MAX || !self.name.chars().all(is_plain) {
            return Err(Problem::of("name", "must consist of 1 to 64 letters, digits, -, _ and ."));
        }
        let line_max = self.line_max.map_or(LINE_MAX, |size| size.0);
        if !LINE_MAX_RANGE.contains(&line_max) {
            return Err(Problem::of("line_max", "must be from 1K to 64M"));
        }
        let sink = self.sink.plan().map_err(|problem| problem.within("sink"))?;
        let place = sinks.iter().position(|other| other.outlet.is_same_place(&sink.outlet)).unwrap_or(sinks.len());
        match sinks.get(place) {
            Some(other) if **other != sink => {
                return Err(Problem::of("sink", "differs from the same sink of another stream"));
            }
            Some(_) => {}
            None => sinks.push(Arc::new(sink)),
        }
        Ok(StreamPlan {
            name: self.name.as_str().into(),
            source: self.source.plan().map_err(|problem| problem.within("source"))?,
            sink: place,
            way: Way {
                release: self.release.unwrap_or_default().into(),
                line_max: line_max as usize,
                format: self.format()?,
                mask_partial,
            },
        })
    }
}

impl Stream {
    /// The format. A datagram needs no length.
    fn format(&self) -> Checked<Format> {
        let format = self.format.unwrap_or_default();
        match format {
            Format::Raw | Format::Docker | Format::Cri => Ok(format),
            _ if self.source.unix_datagram.is_none() => Ok(format),
            Format::Auto => Ok(Format::Raw),
            Format::OctetCounted | Format::JournalExport | Format::DockerStream | Format::JsonLines => {
                Err(Problem::of("format", "this format is not valid with unix_datagram"))
            }
        }
    }
}

/// The only one of these keys that is present.
fn kind(there: &[(&'static str, bool)]) -> Checked<&'static str> {
    let mut found = there.iter().filter(|(_, is_there)| *is_there).map(|(key, _)| *key);
    let names: Vec<&str> = there.iter().map(|(key, _)| *key).collect();
    match (found.next(), found.next()) {
        (Some(kind), None) => Ok(kind),
        (None, _) => Err(Problem::here(format!("must have one of {}", names.join(", ")))),
        (Some(first), Some(second)) => Err(Problem::of(second, format!("cannot be combined with {first}"))),
    }
}

/// Fails if a key is present that only other kinds have.
fn only(key: &'static str, is_there: bool, kinds: &[&str], kind: &str) -> Checked<()> {
    if is_there && !kinds.contains(&kind) {
        return Err(Problem::of(key, format!("is only valid with {}", kinds.join(", "))));
    }
    Ok(())
}

/// An address on loopback.
fn loopback(text: &str, key: &'static str) -> Checked<SocketAddr> {
    let address: Option<SocketAddr> = text.parse().ok();
    let address = address
        .ok_or_else(|| Problem::of(key, "must be an address and a port, such as 127.0.0.1:9500 or [::1]:9500"))?;
    let is_loopback = match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    if !is_loopback {
        return Err(Problem::of(key, "must be on loopback: its data is not masked yet, or open to everyone")
            .hint("use 127.0.0.1 or [::1]"));
    }
    Ok(address)
}

/// Patterns of files.
fn patterns(key: &'static str, globs: &Option<Vec<String>>) -> Checked<Vec<glob::Pattern>> {
    let compiled = globs.iter().flatten().enumerate().map(|(at, glob)| {
        glob::Pattern::new(glob).map_err(|_| Problem::here(PATTERN).within_item(key, at).hint(PATTERNS))
    });
    compiled.collect()
}

fn program(words: &[String]) -> Checked<Vec<String>> {
    match words.first() {
        Some(program) if !program.is_empty() => Ok(words.to_vec()),
        _ => Err(Problem::of("command", "must be a program and its arguments, such as [journalctl, -f]")),
    }
}

impl Source {
    fn plan(&self) -> Checked<SourcePlan> {
        let there = [
            ("stdin", self.stdin == Some(true)),
            ("fifo", self.fifo.is_some()),
            ("unix", self.unix.is_some()),
            ("unix_datagram", self.unix_datagram.is_some()),
            ("tcp", self.tcp.is_some()),
            ("command", self.command.is_some()),
            ("files", self.files.is_some()),
        ];
        let kind = kind(&there)?;
        only("mode", self.mode.is_some(), &["fifo", "unix", "unix_datagram"], kind)?;
        only("connections_max", self.connections_max.is_some(), &["unix", "tcp"], kind)?;
        only("exclude", self.exclude.is_some(), &["files"], kind)?;
        only("files_max", self.files_max.is_some(), &["files"], kind)?;
        only("from", self.from.is_some(), &["files"], kind)?;
        for (key, max) in [("connections_max", self.connections_max), ("files_max", self.files_max)] {
            if max == Some(0) {
                return Err(Problem::of(key, "must be 1 or more"));
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
                let address = loopback(self.tcp.as_deref().unwrap_or_default(), "tcp")?;
                SourcePlan::Tcp { address, connections_max }
            }
            "command" => SourcePlan::Command(program(self.command.as_deref().unwrap_or_default())?),
            _ => {
                let pattern = self.files.clone().unwrap_or_default();
                if glob::Pattern::new(&pattern).is_err() {
                    return Err(Problem::of("files", PATTERN).hint(PATTERNS));
                }
                let exclude = patterns("exclude", &self.exclude)?;
                let files_max = self.files_max.unwrap_or(FILES_MAX).min(1 << 20) as usize;
                SourcePlan::Files { pattern, exclude, from: self.from.unwrap_or_default(), files_max }
            }
        })
    }
}

impl Sink {
    fn plan(&self) -> Checked<SinkPlan> {
        let there = [
            ("stdout", self.stdout == Some(true)),
            ("fifo", self.fifo.is_some()),
            ("unix", self.unix.is_some()),
            ("unix_datagram", self.unix_datagram.is_some()),
            ("tcp", self.tcp.is_some()),
            ("command", self.command.is_some()),
            ("file", self.file.is_some()),
        ];
        let kind = kind(&there)?;
        for (key, is_there) in [
            ("mode", self.mode.is_some()),
            ("rotate_size", self.rotate_size.is_some()),
            ("rotate_keep", self.rotate_keep.is_some()),
        ] {
            only(key, is_there, &["file"], kind)?;
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
                    return Err(Problem::of("tcp", "must be a host and a port, such as 127.0.0.1:6514"));
                }
                Outlet::Tcp(address)
            }
            "command" => Outlet::Command(program(self.command.as_deref().unwrap_or_default())?),
            _ => Outlet::File {
                path: path(&self.file),
                mode: self.mode.map_or(MODE, |mode| mode.0),
                rotate_size: self.rotate_size.map(|size| size.0),
                rotate_keep: self.rotate_keep.unwrap_or(ROTATE_KEEP),
            },
        };
        Ok(SinkPlan { outlet, away: self.away()? })
    }

    fn away(&self) -> Checked<OnAway> {
        let away = self.away.unwrap_or_default();
        match (&self.spool, away) {
            (Some(path), Away::Spool) => Ok(OnAway::Spool(Spool {
                path: path.clone(),
                len_max: self.spool_max.map_or(SPOOL_MAX, |size| size.0),
            })),
            (None, Away::Spool) => Err(Problem::of("away", "spool needs a file").hint("add one: spool: PATH")),
            (Some(_), _) => Err(Problem::of("spool", "is only valid with away: spool")),
            (None, _) if self.spool_max.is_some() => Err(Problem::of("spool_max", "is only valid with away: spool")),
            (None, Away::Wait) => Ok(OnAway::Wait),
            (None, Away::Drop) => Ok(OnAway::Drop),
        }
    }
}

impl Scrub {
    fn plan(&self) -> Checked<ScrubPlan> {
        let every = self.every_seconds.unwrap_or(SCRUB_EVERY_SECONDS);
        if every == 0 {
            return Err(Problem::of("every_seconds", "must be 1 or more"));
        }
        Ok(ScrubPlan {
            directory: self.directory.clone(),
            recursive: self.recursive.unwrap_or(false),
            include: patterns("include", &self.include)?,
            exclude: patterns("exclude", &self.exclude)?,
            every: Duration::from_secs(every),
        })
    }
}
