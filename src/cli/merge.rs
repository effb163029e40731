//! `hushlog merge BASE OURS THEIRS`: a git merge driver for registries.

use std::path::{Path, PathBuf};

use clap::Args;
use hushlog::registry::{Cause, Conflict, Error, MergeOptions, Side, merge_files};
use hushlog::source::registry::{Trusted, trusted_by};

use super::exit::Exit;
use super::message::{Failure, note, warning};
use super::registry::{of_file, show, signing_key};

/// The three files, and how to merge them.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The file that both sides come from, which may be empty: %O
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// The file of this side, which the outcome is written to: %A
    #[arg(value_name = "OURS")]
    ours_file: PathBuf,
    /// The file of the other side: %B
    #[arg(value_name = "THEIRS")]
    theirs_file: PathBuf,
    /// The length of the marks around a conflict: %L
    #[arg(value_name = "LENGTH", default_value_t = 7)]
    length: usize,
    /// The name of the registry in messages: %P
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,

    /// Where both sides changed an entry, take that of OURS
    #[arg(long, conflicts_with = "theirs")]
    ours: bool,
    /// Where both sides changed an entry, take that of THEIRS
    #[arg(long)]
    theirs: bool,

    /// Sign with the key in this file; needed if the registry names signers [default:
    /// $HUSHLOG_SIGN]
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// Demand the signature of this public key on both sides, or the registry of this id; may be
    /// repeated [default: $HUSHLOG_TRUST, or the signers that BASE names]
    #[arg(long, value_name = "KEY")]
    trust: Vec<String>,
}

/// Runs the merge.
pub(crate) fn run(args: &MergeArgs) -> Result<Exit, Failure> {
    let (mut keys, mut ids) = (Vec::new(), Vec::new());
    for trusted in trusted_by(&args.trust)? {
        match trusted {
            Trusted::Key(key) => keys.push(key),
            Trusted::Id(id) => ids.push(id),
        }
    }
    let key = signing_key(args.sign.as_deref())?;
    let prefer = match (args.ours, args.theirs) {
        (true, _) => Some(Side::Ours),
        (_, true) => Some(Side::Theirs),
        _ => None,
    };
    let options = MergeOptions { key: key.as_ref(), keys: &keys, ids: &ids, prefer, marker_len: args.length };
    let merged =
        merge_files(&args.base, &args.ours_file, &args.theirs_file, &options).map_err(|error| of_merge(error, args))?;
    let path = show(args.path.as_deref().unwrap_or(&args.ours_file));
    for conflict in &merged.conflicts {
        warning(&format!("{path}: {}", told(conflict, prefer)));
    }
    if let Some(error) = &merged.unsigned {
        warning(&format!("{path}: {error}; nobody takes the merged registry without a signature"));
        note("a signer signs it: `HUSHLOG_SIGN=KEY git checkout --merge FILE`, or --sign KEY here");
    }
    let is_done = merged.unsigned.is_none() && (prefer.is_some() || merged.conflicts.is_empty());
    Ok(if is_done { Exit::Done } else { Exit::No })
}

/// The message for an entry that both sides changed.
fn told(conflict: &Conflict, prefer: Option<Side>) -> String {
    let what = conflict.what();
    let why = match conflict.cause() {
        Cause::Changed => format!("both sides changed {what}"),
        Cause::Recipients => {
            format!("{what} has a new value on one side, and other recipients on the other: save its value again")
        }
        Cause::Variable => format!("{what} would be exported as another one is: save it under another name"),
    };
    let taken = prefer.map(|side| match conflict.taken(side) {
        Side::Ours => "that of OURS was taken",
        Side::Theirs => "that of THEIRS was taken",
    });
    format!("{why}; {}", taken.unwrap_or("keep one side of it"))
}

/// An error in one of the files; the error does not know which.
fn of_merge(error: Error, args: &MergeArgs) -> Failure {
    let path: &Path = args.path.as_deref().unwrap_or(&args.ours_file);
    of_file(error, path)
}
