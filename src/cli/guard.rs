//! `hushlog guard DIR...`: readers of the files below wait until the files are clean.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hushlog::NeedleSet;
use hushlog::redact::overlay::Overlay;
use hushlog::scrub::guard::{Guard, GuardError, GuardEvent, Guarded, termination};
use hushlog::sys::sources::Sources;
use serde_json::{Value, json};

use super::exit::Exit;
use super::masking::{self, OptionArgs, WhenReleased};
use super::message::{self, Failure, path_text, printable, reason};
use super::output::{self, Inputs};
use super::report::Target;
use super::scrub_report::SOURCE;
use super::source::{self, SourceArgs};
use super::{harden, service};

/// Arguments of `guard`.
#[derive(Debug, Args)]
pub(crate) struct GuardArgs {
    /// The directories to guard, with everything below them
    #[arg(required = true, value_name = "DIR")]
    pub(crate) directories: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) sources: SourceArgs,

    /// Mask with this character alone, instead of the secret's name and `*`
    #[arg(long, value_name = "C", value_parser = masking::mask_char, help_heading = "Masking and output")]
    pub(crate) mask_char: Option<u8>,

    /// How long readers wait for the rest of a secret at the end of a file, before that partial
    /// match is masked
    #[arg(
        long,
        alias = "stump-wait",
        value_name = "MILLISECONDS",
        default_value = "1000",
        help_heading = "Masking and output"
    )]
    pub(crate) partial_wait: u32,

    /// Do not mask values of fewer bytes, and warn about them by name [default and least: 4]
    #[arg(long, value_name = "N", value_parser = masking::min_length(), help_heading = "Masking and output")]
    pub(crate) min_length: Option<usize>,

    /// Search only for the values themselves, as they are: no base64, hex or other forms, no parts
    /// of values, and no escapes undone
    #[arg(long, help_heading = "Masking and output")]
    pub(crate) no_encodings: bool,

    /// Search the text only as it is: do not undo escapes, such as those of JSON, URLs and shells
    #[arg(long, help_heading = "Masking and output")]
    pub(crate) no_readings: bool,

    /// Write a JSON report when the guard ends: how often each secret was masked, and in which
    /// form; no values
    #[arg(long, value_name = "FILE", help_heading = "Masking and output")]
    pub(crate) report: Option<PathBuf>,

    /// Print only errors, and files that are not guarded
    #[arg(long, overrides_with = "quiet", help_heading = "Masking and output")]
    pub(crate) quiet: bool,
}

impl GuardArgs {
    /// The options of the needle set.
    fn masking(&self) -> OptionArgs {
        OptionArgs {
            mask: None,
            mask_char: None,
            min_length: self.min_length,
            no_encodings: self.no_encodings,
            no_readings: self.no_readings,
            keep_partial: false,
            release: WhenReleased::Exact,
            report: None,
            quiet: self.quiet,
        }
    }
}

/// Guards until SIGTERM or SIGINT.
pub(crate) fn run(args: &GuardArgs) -> Result<Exit, Failure> {
    // Before the first other thread: this one receives the signals.
    let stop = termination().map_err(|error| Failure::io(format!("cannot begin: {}", reason(&error))))?;
    let target = Target::new(args.report.as_deref(), || Inputs::new(&args.sources))?;
    if let Some(target) = &target {
        output::refuse_within(target.output(), &args.directories, |_| true, true)?;
    }
    let kept = Arc::new(Sources::new());
    let secrets = kept.record(|| source::load(&args.sources, args.quiet))?;
    let set = masking::needle_set(secrets, &args.masking(), args.sources.allow_empty)?;
    let overlay = overlay(&set, args.mask_char)?;
    let guard = Guard::new(Arc::clone(&set), overlay).map_err(failure)?;
    let guard = guard.partial_wait(Duration::from_millis(args.partial_wait.into())).leave(kept);
    harden::lock_memory();
    let quiet = args.quiet;
    let guarded = guard.run(&args.directories, stop.as_fd(), move |event| log_event(event, quiet)).map_err(failure)?;
    // Only now: the report may be in a guarded directory.
    service::notify("STOPPING=1");
    if !quiet {
        message::summary(&summary(&guarded));
    }
    target.map_or(Ok(()), |target| target.write_json(report(&guarded)))?;
    Ok(Exit::Done)
}

fn overlay(set: &NeedleSet, mask_char: Option<u8>) -> Result<Overlay, Failure> {
    let overlay = mask_char.map_or_else(|| Overlay::named(set), |c| Overlay::of_char(set, c));
    overlay.map_err(|error| Failure::config(error.to_string()).hint("choose another mask with --mask-char"))
}

fn failure(error: GuardError) -> Failure {
    match error {
        GuardError::Events(error) => {
            let hint = match error.kind() {
                std::io::ErrorKind::PermissionDenied => "run the guard as root, with CAP_SYS_ADMIN",
                _ => "the guard needs a kernel with fanotify permission events (Linux 5.19 or newer)",
            };
            Failure::config(format!("cannot watch files: {}", reason(&error))).hint(hint)
        }
        GuardError::Directory { path, error } => {
            let shown = if path.exists() { format!(" {}", show(&path)) } else { String::new() };
            Failure::config(format!("cannot guard a directory{shown}: {}", reason(&error)))
                .hint("check that the directory exists, and that no other guard is running on it")
        }
        GuardError::Begin(error) => Failure::io(format!("cannot begin: {}", reason(&error))),
        error => Failure::io(error.to_string()),
    }
}

/// Reports an event. Called by a thread that never waits for the guard.
pub(super) fn log_event(event: GuardEvent, quiet: bool) {
    match event {
        GuardEvent::Ready { directories, files } => {
            service::notify("READY=1");
            if !quiet {
                message::note(&format!("guarding {files} files in {directories} directories"));
            }
        }
        GuardEvent::OpenBefore { process, program, path } => message::warning(&format!(
            "{} (process {process}) opened {} before the guard started: its reads do not wait until it reopens the file",
            printable(&program),
            show(&path)
        )),
        GuardEvent::WritesUntold { path } => message::warning(&format!(
            "the file system of {} does not announce writes: bytes appended during a read may be read unmasked",
            show(&path)
        )),
        GuardEvent::LinksUnprotected => message::warning(
            "fs.protected_hardlinks is 0: a user with write access to a guarded directory can hard-link a file from elsewhere into it, and so have that \
             file masked; `sysctl fs.protected_hardlinks=1` prevents this",
        ),
        GuardEvent::Unguarded { path, error } => {
            message::warning(&format!("{} is not guarded: {}", show(&path), reason(&error)));
        }
        GuardEvent::Refused { path, error } => {
            message::warning(&format!("{} cannot be masked, so readers are refused: {}", show(&path), reason(&error)))
        }
        GuardEvent::LeftAlone { path } => message::warning(&format!("left alone: {}: {SOURCE}", show(&path))),
        GuardEvent::Doubtful { path, why } => {
            message::warning(&format!("doubtful: {}: {why}; masked as text", show(&path)));
        }
        GuardEvent::Unsynced { path, error } => {
            message::warning(&format!("masks in {} may not have reached the disk: {}", show(&path), reason(&error)))
        }
        GuardEvent::Overflow => message::warning("events were lost: searching all files again"),
        _ => {}
    }
}

fn show(path: &Path) -> String {
    path_text(path)
}

fn summary(guarded: &Guarded) -> String {
    let total: u64 = guarded.counts.values().sum();
    format!("masked {total} {}", if total == 1 { "place" } else { "places" })
}

fn report(guarded: &Guarded) -> Value {
    let mut secrets: Vec<Value> = Vec::new();
    for ((name, form), count) in &guarded.counts {
        match secrets.last_mut().filter(|last| last["name"] == **name) {
            Some(last) => {
                last["masked"] = json!(last["masked"].as_u64().unwrap_or_default() + count);
                last["forms"][form.name()] = json!(count);
            }
            None => secrets.push(json!({ "name": name, "masked": count, "forms": { form.name(): count } })),
        }
    }
    json!({ "version": 1, "secrets": secrets, "calls_not_waited_for": guarded.lost })
}
