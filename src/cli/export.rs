//! `hushlog export`: the exported environment as text, for shells, services and containers.

use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hushlog::export;
use hushlog::sys::output::Output;

use super::exit::Exit;
use super::message::{Failure, reason};
use super::output::{self, Inputs};
use super::source::{self, SourceArgs};
use super::{environment, harden, stdio};

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The output format
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Format,

    /// Write to this file, with access for its owner only, instead of standard output
    ///
    /// The file is replaced atomically, or stays unchanged. A device or pipe is written to. A file
    /// of another user is refused, and so is a terminal without --force.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write even to a terminal, where the values are visible
    #[arg(long)]
    force: bool,

    /// Print only errors
    #[arg(long, overrides_with = "quiet")]
    quiet: bool,

    #[command(flatten)]
    sources: SourceArgs,
}

/// See [`export::Format`].
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// `export NAME='value'`, for eval in a shell
    Sh,
    /// `set -gx NAME 'value'`; in fish: hushlog export --format fish | source
    Fish,
    /// `NAME='value'`, as shells, python-dotenv, and Node's and Ruby's dotenv read .env files
    Dotenv,
    /// For EnvironmentFile= of systemd
    Systemd,
    /// One JSON object of strings
    Json,
    /// For docker run --env-file, which cannot express a newline
    Docker,
    /// A Secret manifest, for kubectl apply -f -
    K8s,
}

impl From<Format> for export::Format {
    fn from(format: Format) -> export::Format {
        match format {
            Format::Sh => export::Format::Sh,
            Format::Fish => export::Format::Fish,
            Format::Dotenv => export::Format::Dotenv,
            Format::Systemd => export::Format::Systemd,
            Format::Json => export::Format::Json,
            Format::Docker => export::Format::Docker,
            Format::K8s => export::Format::K8s,
        }
    }
}

/// Writes all secrets of the sources, or none.
pub(crate) fn run(args: &ExportArgs) -> Result<Exit, Failure> {
    let output = match &args.output {
        Some(path) => Some(output::named("--output", path, Inputs::new(&args.sources)?)?),
        None => None,
    };
    if !args.force && output.as_ref().map_or_else(stdio::stdout_is_terminal, Output::is_terminal) {
        return Err(Failure::config("the values would be shown on the terminal")
            .hint("pipe them to a program, or use --output FILE; --force shows them"));
    }
    let cannot = |error: io::Error| format!("cannot write the file of --output: {}", reason(&error));
    if let Some(output) = &output {
        output.check_owner().map_err(|error| {
            Failure::config(cannot(error)).hint("another user owns the file, and could read it; remove it first")
        })?;
    }
    let environment = environment::of_export(source::load_for_export(&args.sources, args.quiet)?)?;
    harden::fail_point("export", environment.variables().first().map_or(b"", |first| first.secret.expose()));
    let text = export::Format::from(args.format).render(&environment).map_err(|error| {
        Failure::config(error.to_string())
            .hint("choose another format, rename the secret, or keep it in a file without exporting it")
    })?;
    match output.filter(|output| output.descriptor() != Some(1)) {
        None => stdio::print(&text),
        Some(output) => {
            output.write_private(&text).map_err(|error| Failure::io(cannot(error)))?;
            Ok(Exit::Done)
        }
    }
}
