//! `hushlog scrub`: masks secrets in existing log files.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use glob::Pattern;
use hushlog::scrub::{Action, Outcome, Scrubber, Tree, is_wanted};
use hushlog::sys::sources::Sources;
use hushlog::{NeedleSet, Overlay};

use super::exit::Exit;
use super::harden;
use super::masking::{self, OptionArgs};
use super::message::{self, Failure, reason, typed_path};
use super::output::{self, Inputs};
use super::progress::Progress;
use super::report::Target;
use super::scrub_report::ScrubReport;
use super::source::{self, SourceArgs};
use hushlog::sys::mutex::lock;

/// Arguments of `scrub`.
#[derive(Debug, Args)]
pub(crate) struct ScrubArgs {
    /// Files, and directories of files
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
}

/// The files to scrub, and the way to scrub them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct WhatArgs {
    /// Change nothing, and exit with status 1 if a secret is found
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) check: bool,

    /// Change nothing, and print what would be masked
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Rewrite files instead of masking in place: allows any --mask, and compressed files (gzip,
    /// zstd, bzip2, xz)
    ///
    /// For files that are no longer written to. Owner, mode, access list, attributes and times are
    /// kept. The old content stays on the device until its blocks are reused.
    #[arg(long)]
    pub(crate) rewrite: bool,

    /// Also mask binary files, such as databases, archives and segments of records
    ///
    /// Masks have the length of the secrets, and replace them wherever they occur unencoded.
    /// Checksums are not updated: a database may lose rows, and an archive may not open. Compressed
    /// and encrypted files are left alone even with this option.
    #[arg(long, conflicts_with = "rewrite")]
    pub(crate) binary: bool,

    /// Descend into subdirectories, but not into other file systems or through symbolic links
    #[arg(long)]
    pub(crate) recursive: bool,

    /// Scrub only files whose name matches; a pattern with a `/` is matched against the path below
    /// PATH; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<String>,

    /// Skip files that match; overrides --include; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Also scrub files that have other names (hard links), wherever those are
    #[arg(long)]
    pub(crate) hard_links: bool,

    /// The number of files, or parts of a large file, to search in parallel [default: one per
    /// processor]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

/// Runs the scrub to its end, even if single files fail.
pub(crate) fn run(args: &ScrubArgs) -> Result<Exit, Failure> {
    let ScrubArgs { paths, what, sources, options } = args;
    refuse_what_does_not_fit(what, options)?;
    let wanted = Wanted::new(what)?;
    there(paths)?;
    let target = Target::new(options.report.as_deref(), || Ok(Inputs::new(sources)?.and(paths)))?;
    if let Some(target) = &target {
        output::refuse_within(target.output(), paths, |path| wanted.wants(path), what.recursive)?;
    }
    let kept = Arc::new(Sources::new());
    let secrets = kept.record(|| source::load(sources, options.quiet))?;
    harden::fail_point("load", secrets.first().map_or(b"", |secret| secret.expose()));
    let set = masking::needle_set(secrets, options, sources.allow_empty)?;
    let overlay = overlay(&set, options.mask_char)?;
    harden::lock_memory();
    harden::fail_point("scrub", set.expose().next().unwrap_or_default());

    let threads = what.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let action = if what.check || what.dry_run { Action::Count } else { Action::Mask };
    let scrubber = Scrubber::new(Arc::clone(&set)).map_err(masking::failure)?.overlay(overlay).action(action);
    let scrubber = scrubber.threads(threads).mask_partial(!options.keep_partial).leave(kept);
    let progress = Progress::start(paths, what.recursive, &scrubber, options.quiet);
    let report = Mutex::new(ScrubReport::new(action));
    let tell = |path: &Path, outcome: Outcome| lock(&report).add(path, outcome);
    let is_wanted = |path: &Path| wanted.wants(path);
    {
        let WhatArgs { recursive, hard_links, rewrite, binary, .. } = *what;
        let (scrubber, wanted, tell) = (&scrubber, &is_wanted, &tell);
        Tree { scrubber, recursive, hard_links, rewrite, binary, threads, wanted, tell }.scrub_all(paths);
    }
    drop(progress);
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.sort();
    report.say(options.quiet);
    if let Some(target) = target {
        target.write_json(report.json(&set))?;
    }
    if !options.quiet {
        message::summary(&report.line());
    }
    Ok(match report {
        _ if report.failed() => Exit::Io,
        _ if what.check && report.found() > 0 => Exit::No,
        _ if what.check && report.searched() == 0 => return Err(nothing_searched(what)),
        _ => Exit::Done,
    })
}

/// The failure of a check that searched nothing.
fn nothing_searched(what: &WhatArgs) -> Failure {
    let hint = if what.recursive {
        "check the paths, --include and --exclude"
    } else {
        "--recursive descends into subdirectories"
    };
    Failure::io("no file was searched").hint(hint)
}

/// Refuses options that are for streams only.
fn refuse_what_does_not_fit(what: &WhatArgs, options: &OptionArgs) -> Result<(), Failure> {
    if options.mask.is_some() && !what.rewrite {
        return Err(Failure::config("--mask would change the length of a file that is scrubbed in place")
            .hint("remove --mask, or use --mask-char or --rewrite"));
    }
    if matches!(options.release, masking::WhenReleased::Line) {
        return Err(Failure::config("--release is for streams").hint("remove --release: a file is scrubbed as a whole"));
    }
    Ok(())
}

/// Fails, before anything is read, on a path that does not exist. The message has the path unless
/// it may be a secret given by mistake.
fn there(paths: &[PathBuf]) -> Result<(), Failure> {
    for (number, path) in (1..).zip(paths) {
        fs::symlink_metadata(path).map_err(|error| {
            let shown = typed_path(path).unwrap_or_else(|| format!("path number {number}"));
            Failure::config(format!("cannot find {shown}: {}", reason(&error)))
                .hint("no file was touched; secrets are never given on the command line")
        })?;
    }
    Ok(())
}

fn overlay(set: &NeedleSet, mask_char: Option<u8>) -> Result<Overlay, Failure> {
    mask_char.map_or_else(|| Overlay::named(set), |c| Overlay::of_char(set, c)).map_err(masking::failure)
}

/// The file patterns.
struct Wanted {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Wanted {
    fn new(what: &WhatArgs) -> Result<Wanted, Failure> {
        let compile = |option: &str, globs: &[String]| -> Result<Vec<Pattern>, Failure> {
            let all = (1..).zip(globs).map(|(number, glob)| {
                Pattern::new(glob).map_err(|_| {
                    let number = if globs.len() > 1 { format!(" number {number}") } else { String::new() };
                    Failure::config(format!("{option}{number} is not a valid pattern"))
                        .hint("a pattern is matched against file names, for example '*.log'")
                })
            });
            all.collect()
        };
        Ok(Wanted { include: compile("--include", &what.include)?, exclude: compile("--exclude", &what.exclude)? })
    }

    fn wants(&self, path: &Path) -> bool {
        is_wanted(&self.include, &self.exclude, path)
    }
}
