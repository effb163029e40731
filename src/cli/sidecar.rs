//! `hushlog sidecar`: the daemon, and the client of its control socket.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use hushlog::sidecar::config::{self, Config, Plan};
use hushlog::sidecar::{self, LoadError, Loader, Setup, SidecarError};
use hushlog::source::registry::usual_identity;
use hushlog::source::{Fallback, SourceError, SourceSpec};

use super::exit::{self, Exit};
use super::message::{self, Failure, path_text, reason};
use super::sidecar_client as client;
use super::{harden, service, sidecar_log, sidecar_status, source, stdio};

/// Arguments of `sidecar`.
#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct SidecarArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SidecarCommand>,

    /// The configuration file, in YAML: secrets, streams and settings
    ///
    /// `hushlog sidecar schema` prints its schema; the manual has examples.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The control socket of the running sidecar [default: the one in --config, or
    /// /run/hushlog/sidecar.sock]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,

    /// Print only errors and warnings
    #[arg(long, global = true, overrides_with = "quiet")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SidecarCommand {
    /// Check a configuration without running it
    ///
    /// It ends with status 2 if the configuration is wrong, and 0 otherwise. Directories that do
    /// not exist, or that this user cannot write to, are warnings: they may come before the start.
    CheckConfig,
    /// Print the JSON Schema of the configuration
    Schema,
    /// Add a value to mask, from when this command returns
    ///
    /// The value is typed in, or read from standard input or a file; never from the command line.
    /// The sidecar masks it until it ends.
    Add {
        /// The name that the mask shows
        name: String,
        /// Read the value from this file; - is standard input
        #[arg(long, value_name = "FILE")]
        value_file: Option<PathBuf>,
        /// Keep a newline at the end of the value
        #[arg(long)]
        keep_newline: bool,
    },
    /// Reread the secrets, and wait until the new set is in force
    Reload,
    /// Print the status as a table: names and counts, no values
    Status {
        /// Print it as JSON, for programs
        #[arg(long)]
        json: bool,
    },
}

/// Runs the sidecar, or sends it a request.
pub(crate) fn run(args: &SidecarArgs) -> Result<Exit, Failure> {
    match &args.command {
        None => serve(args),
        Some(SidecarCommand::CheckConfig) => {
            let path = named(args)?;
            let (config, plan) = read(path)?;
            let sources = config.sources();
            let held = sources.paths().map(|(_, path)| path).chain([path]).map(Path::to_owned);
            let left_out = sidecar::check(&plan, &held.collect::<Vec<_>>()).map_err(failure)?;
            let file = path_text(path);
            sidecar::absent(&plan).iter().for_each(|text| message::warning(&format!("{file}: {text}")));
            if !args.quiet {
                left_out.iter().for_each(|text| message::note(text));
                message::summary(&format!("{file} is valid"));
            }
            Ok(Exit::Done)
        }
        Some(SidecarCommand::Schema) => stdio::print(format!("{:#}\n", config::schema()).as_bytes()),
        Some(SidecarCommand::Add { name, value_file, keep_newline }) => {
            client::add(&socket(args)?, name, value_file.as_deref(), *keep_newline)
        }
        Some(SidecarCommand::Reload) => client::reload(&socket(args)?),
        Some(SidecarCommand::Status { json: true }) => client::status_json(&socket(args)?),
        Some(SidecarCommand::Status { json: false }) => sidecar_status::print(&client::overview(&socket(args)?)?),
    }
}

fn named(args: &SidecarArgs) -> Result<&Path, Failure> {
    args.config.as_deref().ok_or_else(|| {
        Failure::config("no configuration was given")
            .hint("run hushlog sidecar --config FILE; see `hushlog sidecar --help`")
    })
}

/// Returns the control socket to use.
fn socket(args: &SidecarArgs) -> Result<PathBuf, Failure> {
    if let Some(socket) = &args.socket {
        return Ok(socket.clone());
    }
    let Some(path) = &args.config else { return Ok(client::SOCKET.into()) };
    let control = read(path)?.1.control;
    control.ok_or_else(|| {
        Failure::config(format!("{} names no control socket", path_text(path)))
            .hint("add one, for example control: /run/hushlog/sidecar.sock")
    })
}

/// Reads and checks a configuration.
fn read(path: &Path) -> Result<(Config, Plan), Failure> {
    let text = fs::read(path).map_err(|error| {
        let shown = if fs::symlink_metadata(path).is_ok() { format!(" ({})", path_text(path)) } else { String::new() };
        Failure::config(format!("cannot read the file of --config{shown}: {}", reason(&error)))
    })?;
    Config::read(&text).map_err(|error| {
        let failure = Failure::config(error.of_file(&path_text(path)));
        match error.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn serve(args: &SidecarArgs) -> Result<Exit, Failure> {
    let passed = service::passed_sockets().map_err(|error| {
        Failure::config(format!("cannot take the sockets of the service manager: {}", reason(&error)))
            .hint("LISTEN_FDS and LISTEN_PID announce sockets, starting at descriptor 3")
    })?;
    let (config, plan) = read(named(args)?)?;
    let sources = sources(&config)?;
    let watched = sources.watched()?;
    // Before other threads exist: it applies to this one, and to those that it starts.
    let unconfined = sidecar::confine(&plan, &watched).map_err(|error| {
        Failure::io(format!("cannot confine the sidecar: {}", reason(&error)))
            .hint("confine: {landlock: false, seccomp: false} in the configuration disables this")
    })?;
    unconfined.iter().for_each(|unconfined| sidecar_log::unconfined(*unconfined, args.quiet));
    harden::lock_memory();
    let log = sidecar_log::SidecarLog::new(args.quiet)
        .map_err(|error| Failure::io(format!("cannot begin: {}", reason(&error))))?;
    let mut setup = Setup::new(plan, loader(sources), log.sink());
    (setup.watched, setup.passed, setup.store) = (watched, passed, service::store());
    setup.configuration.clone_from(&args.config);
    setup.alive_every = sidecar_log::alive_every();
    let ended = sidecar::run(setup);
    log.end();
    match ended {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(failure(error)),
    }
}

fn failure(error: SidecarError) -> Failure {
    match error {
        SidecarError::Load(LoadError { text, hint }) => {
            let failure = Failure::config(text);
            match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        SidecarError::Meet { text, hint } => Failure::config(text).hint(hint),
        SidecarError::Open { what, error } => Failure::config(format!("cannot open {what}: {}", reason(&error))),
        SidecarError::Gone { what, error }
            if error.kind() == std::io::ErrorKind::BrokenPipe && what.contains("standard output") =>
        {
            exit::by_broken_pipe()
        }
        SidecarError::Gone { what, error } => Failure::io(format!("{what}: {}", reason(&error))),
        SidecarError::Begin(error) => Failure::io(format!("cannot begin: {}", reason(&error))),
        error => Failure::io(error.to_string()),
    }
}

/// Returns the sources, with the usual identity: all files to read must be known beforehand.
fn sources(config: &Config) -> Result<SourceSpec, SourceError> {
    let mut sources = config.sources();
    if let Some(registry) = &mut sources.registry
        && registry.identity.is_none()
    {
        registry.identity = usual_identity()?;
    }
    Ok(sources)
}

fn loader(sources: SourceSpec) -> Loader {
    Arc::new(move || {
        let loaded = source::read(&sources, Fallback::Nothing, true)?;
        Ok(loaded.into_masked())
    })
}
