//! `hushlog [filter] [FILE]...`: standard input or files to standard output, with every secret
//! masked.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use hushlog::Redactor;
use hushlog::io::{PumpError, PumpOptions};

use super::exit::{self, Exit};
use super::input::{FilterInput, InputError};
use super::masking::{self, FormatArgs, OptionArgs};
use super::message::{self, Failure, reason};
use super::output::Inputs;
use super::progress::StreamProgress;
use super::protocol::{self, Protocol};
use super::report::{Tally, Target};
use super::source::{self, SourceArgs};
use super::{harden, stdio};

/// Arguments of `filter`.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Files to read in turn, as cat does; - is standard input, the default
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,

    /// Show the bytes read, the rate and the number of masks so far, if standard error is a
    /// terminal
    #[arg(long, overrides_with = "progress", help_heading = "Masking and output")]
    pub(crate) progress: bool,

    /// Answer a log shipper line by line, instead of copying
    ///
    /// For rsyslog's mmexternal, which sends each message to a helper: `rsyslog-mmexternal` for the
    /// text of the message, `rsyslog-mmexternal-fulljson` for the whole message, with
    /// interface.input="fulljson". The manual has the configuration.
    #[arg(long, value_enum, value_name = "PROTOCOL", help_heading = "Masking and output")]
    #[arg(conflicts_with_all = ["release", "format", "files", "progress"])]
    pub(crate) protocol: Option<Protocol>,

    /// Set $!hushlog to "clean" in each answered message, so that a rule of rsyslog can stop all
    /// others
    ///
    /// Without this rule, rsyslog passes messages through unchanged while its helper is down.
    #[arg(long, requires = "protocol", help_heading = "Masking and output")]
    pub(crate) mark: bool,
}

/// Runs the filter to the end of its input. `commands` gives the names of the program's commands.
pub(crate) fn run(args: &FilterArgs, commands: fn() -> Vec<String>) -> Result<Exit, Failure> {
    let FilterArgs { files, sources, options, format, progress, protocol, mark } = args;
    stdio::check_output()?;
    let input = FilterInput::find(files, commands)?;
    if protocol.is_some() {
        protocol::mute_if_shared();
    }
    let target = Target::of_stream(options.report.as_deref(), || Ok(Inputs::new(sources)?.and(files)))?;
    let secrets = source::load(sources, options.quiet)?;
    let names: BTreeSet<String> = secrets.iter().map(|secret| secret.name().to_owned()).collect();
    harden::fail_point("load", secrets.first().map_or(b"", |secret| secret.expose()));
    let set = masking::needle_set(secrets, options, sources.allow_empty)?;
    harden::lock_memory();

    let mut redactor = Redactor::new(Arc::clone(&set)).mask_partial(!options.keep_partial);
    harden::fail_point("pump", set.expose().next().unwrap_or_default());
    let pumped = match protocol {
        Some(protocol) => {
            let (counted, talked) = protocol::run(*protocol, *mark, &set, redactor);
            redactor = counted;
            talked.map_err(|error| InputError { error, name: "the input".to_owned() })
        }
        None => {
            if files.is_empty() && !options.quiet && stdio::stdin_is_terminal() && stdio::stderr_is_terminal() {
                message::note("reading what is typed here, up to Ctrl-D");
            }
            let mut pumping = PumpOptions::default();
            pumping.release = options.release.into();
            pumping.format = format.format.into();
            pumping.on_notice = masking::on_notice(options);
            let progress = progress.then(|| StreamProgress::start(input.size)).flatten();
            pumping.progress = progress.as_ref().map(StreamProgress::counts);
            let pumped = input.pump(&mut redactor, &pumping);
            progress.into_iter().for_each(StreamProgress::end);
            pumped
        }
    };
    harden::fail_point("report", set.expose().next().unwrap_or_default());

    let summary = pumped.is_ok() && !options.quiet && stdio::stderr_is_terminal();
    if target.is_some() || summary {
        let tally = Tally::new(&names, &set, [&redactor], pumped.as_ref().ok());
        target.map_or(Ok(()), |target| target.write(&tally))?;
        if summary {
            message::summary(&tally.line());
        }
    }
    let Err(InputError { error, name }) = pumped else { return Ok(Exit::Done) };
    match error {
        PumpError::OutputClosed => exit::by_broken_pipe(),
        PumpError::Input(error) => Err(Failure::io(format!("cannot read {name}: {}", reason(&error)))),
        PumpError::Output(error) => Err(Failure::io(format!("cannot write the output: {}", reason(&error)))),
        error => Err(Failure::io(error.to_string())),
    }
}
