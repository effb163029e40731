//! `hushlog [filter]`: standard input to standard output, with every secret masked.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use hushlog::io::{PumpError, PumpOptions, Release, pump};
use hushlog::{BuildError, Mask, NeedleSet, NoticeKind, Redactor, Secret};

use super::args::{self, FilterArgs, OptionArgs};
use super::exit::{self, Exit};
use super::message::{self, Failure, reason, warning};
use super::report::{Tally, Target};
use super::{harden, source, stdio};

/// Runs the filter to the end of its input.
pub(crate) fn run(args: &FilterArgs) -> Result<Exit, Failure> {
    let FilterArgs { sources, options } = args;
    stdio::check()?;
    let secrets = source::load(sources, options.quiet)?;
    let names: BTreeSet<String> = secrets.iter().map(|secret| secret.name().to_owned()).collect();
    harden::fail_point("load", secrets.first().map_or(b"", |secret| secret.expose()));
    let set = Arc::new(compile(secrets, options)?);
    warn(&set, options.quiet);
    if set.is_empty() && !sources.allow_empty {
        return Err(Failure::config("no value is left to mask").hint("--allow-empty runs without any"));
    }
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
        let tally = Tally::new(&names, &set, &redactor, pumped.as_ref().ok());
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

impl From<args::Release> for Release {
    fn from(release: args::Release) -> Release {
        match release {
            args::Release::Exact => Release::Exact,
            args::Release::Line => Release::Line,
        }
    }
}

fn compile(secrets: Vec<Secret>, options: &OptionArgs) -> Result<NeedleSet, Failure> {
    let mask = options.mask_char.map(Mask::Char).or_else(|| options.mask.clone().map(Mask::Template));
    let mut builder = NeedleSet::builder().encodings(!options.no_encodings);
    if let Some(mask) = mask {
        builder = builder.mask(mask);
    }
    if let Some(bytes) = options.min_length {
        builder = builder.min_length(bytes);
    }
    let builder = secrets.into_iter().fold(builder, |builder, secret| builder.secret(secret));
    builder.build().map_err(|error| {
        let hint = match error {
            BuildError::TooLarge => "give fewer secrets, or --no-encodings",
            _ => "choose another mask with --mask or --mask-char",
        };
        Failure::config(error.to_string()).hint(hint)
    })
}

/// Warns about values by name: one line for each kind. Those that are not masked are told even when `quiet`.
fn warn(set: &NeedleSet, quiet: bool) {
    let kinds = [
        (NoticeKind::Blank, "not masked, because it is blank", true),
        (NoticeKind::TooShort, "not masked, because it is too short", true),
        (NoticeKind::Short, "masked wherever it stands, though it is short", false),
        (NoticeKind::OrdinaryWord, "masked wherever it stands, though it is an ordinary word", false),
        (
            NoticeKind::MaskReplaced,
            "another mask is used, because the usual one could be taken for a part of it",
            false,
        ),
    ];
    for (kind, text, always) in kinds {
        let names = set.notices().iter().filter(|notice| notice.kind == kind).map(|notice| notice.name.as_str());
        let names: Vec<&str> = names.collect();
        if !names.is_empty() && (always || !quiet) {
            warning(&format!("{text}: {}", names.join(", ")));
        }
    }
}
