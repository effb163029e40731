//! `hushlog [filter]`: standard input to standard output, with every secret masked.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use clap::Args;
use hushlog::Redactor;
use hushlog::io::{PumpError, PumpOptions, pump};

use super::exit::{self, Exit};
use super::masking::{self, OptionArgs};
use super::message::{self, Failure, reason};
use super::output::Inputs;
use super::protocol::{self, Protocol};
use super::report::{Tally, Target};
use super::source::{self, SourceArgs};
use super::{harden, stdio};

/// Arguments of `filter`.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,

    /// Answer a log shipper line by line, instead of copying
    ///
    /// For rsyslog's mmexternal, which sends each message to a helper: `rsyslog-mmexternal` for the
    /// text of the message, `rsyslog-mmexternal-fulljson` for the whole message, with
    /// interface.input="fulljson". The manual has the configuration.
    #[arg(long, value_enum, value_name = "PROTOCOL", conflicts_with = "release", help_heading = "Masking and output")]
    pub(crate) protocol: Option<Protocol>,

    /// Set $!hushlog to "clean" in each answered message, so that a rule of rsyslog can stop all
    /// others
    ///
    /// Without this rule, rsyslog passes messages through unchanged while its helper is down.
    #[arg(long, requires = "protocol", help_heading = "Masking and output")]
    pub(crate) mark: bool,
}

/// Runs the filter to the end of its input.
pub(crate) fn run(args: &FilterArgs) -> Result<Exit, Failure> {
    let FilterArgs { sources, options, protocol, mark } = args;
    stdio::check()?;
    stdio::check_apart()?;
    if protocol.is_some() {
        protocol::mute_if_shared();
    }
    let target = Target::new(options.report.as_deref(), || Inputs::new(sources))?;
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
            talked
        }
        None => {
            let mut pumping = PumpOptions::default();
            pumping.release = options.release.into();
            pump(io::stdin().as_fd(), io::stdout().as_fd(), &mut redactor, &pumping)
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
    match pumped {
        Ok(_) => Ok(Exit::Done),
        Err(PumpError::OutputClosed) => exit::by_broken_pipe(),
        Err(PumpError::Input(error)) => Err(Failure::io(format!("cannot read the input: {}", reason(&error)))),
        Err(PumpError::Output(error)) => Err(Failure::io(format!("cannot write the output: {}", reason(&error)))),
        Err(error) => Err(Failure::io(error.to_string())),
    }
}
