//! `hushlog [filter]`: standard input to standard output, with every secret masked.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use clap::Args;
use hushlog::io::{PumpError, PumpOptions, pump};
use hushlog::{Redactor, Secret};

use super::exit::{self, Exit};
use super::masking::{self, OptionArgs};
use super::message::{self, Failure, reason};
use super::report::{Tally, Target};
use super::source::{self, SourceArgs};
use super::{harden, stdio};

/// What the filter takes.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
}

/// Runs the filter to the end of its input.
pub(crate) fn run(args: &FilterArgs) -> Result<Exit, Failure> {
    let FilterArgs { sources, options } = args;
    stdio::check()?;
    let secrets: Vec<Secret> = source::load(sources, options.quiet)?.into_iter().map(|found| found.secret).collect();
    let names: BTreeSet<String> = secrets.iter().map(|secret| secret.name().to_owned()).collect();
    harden::fail_point("load", secrets.first().map_or(b"", |secret| secret.expose()));
    let set = masking::needle_set(secrets, options, sources.allow_empty)?;
    let target = options.report.as_deref().map(Target::new).transpose()?;
    harden::lock_memory();

    let mut redactor = Redactor::new(Arc::clone(&set)).mask_stump(!options.keep_stump);
    harden::fail_point("pump", set.expose().next().unwrap_or_default());
    let mut pumping = PumpOptions::default();
    pumping.release = options.release.into();
    let pumped = pump(io::stdin().as_fd(), io::stdout().as_fd(), &mut redactor, &pumping);
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
