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
    /// The common ancestor, which may be empty: %O
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// Our side, which receives the result: %A
    #[arg(value_name = "OURS")]
    ours_file: PathBuf,
    /// Their side: %B
    #[arg(value_name = "THEIRS")]
    theirs_file: PathBuf,
    /// The length of conflict markers: %L
    #[arg(value_name = "LENGTH", default_value_t = 7)]
    length: usize,
    /// The path of the registry, for messages: %P
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,

    /// Resolve conflicts with the entry of OURS
    #[arg(long, conflicts_with = "theirs")]
    ours: bool,
    /// Resolve conflicts with the entry of THEIRS
    #[arg(long)]
    theirs: bool,

    /// Sign with the key in this file; required if the registry names signers [default:
    /// $HUSHLOG_SIGN]
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// Require that both sides are signed with this public key, or have this id; may be repeated
    /// [default: $HUSHLOG_TRUST, or the signers in BASE]
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
        warning(&format!("{path}: {error}; the merged registry is not valid without a signature"));
        note("sign it with the key of a signer: `HUSHLOG_SIGN=KEY git checkout --merge FILE`, or --sign KEY");
    }
    let is_done = merged.unsigned.is_none() && (prefer.is_some() || merged.conflicts.is_empty());
    Ok(if is_done { Exit::Done } else { Exit::No })
}

/// The message for an entry that both sides changed.
fn told(conflict: &Conflict, prefer: Option<Side>) -> String {
    let what = conflict.what();
    let why = match conflict.cause() {
        Cause::Joined => {
            return format!(
                "left out {what}, because the other side gave the group a new identity; add it with `hushlog group join`"
            );
        }
        Cause::Changed => format!("both sides changed {what}"),
        Cause::Recipients => {
            format!("{what} has a new value on one side, and other recipients on the other side: save the value again")
        }
        Cause::Variable => {
            format!("{what} would be exported as the same variable as another secret: save it under another name")
        }
    };
    let taken = prefer.map(|side| match conflict.taken(side) {
        Side::Ours => "took the entry of OURS",
        Side::Theirs => "took the entry of THEIRS",
    });
    format!("{why}; {}", taken.unwrap_or("keep one side"))
}

/// An error in one of the files; the error does not know which.
fn of_merge(error: Error, args: &MergeArgs) -> Failure {
    let sides = [("BASE", &args.base), ("OURS", &args.ours_file), ("THEIRS", &args.theirs_file)];
    if matches!(error, Error::Missing)
        && let Some((side, _)) = sides.iter().find(|(_, path)| !path.exists())
    {
        return Failure::config(format!("the file of {side} does not exist"))
            .hint("a merge needs three files; an empty BASE stands for no common ancestor");
    }
    let path: &Path = args.path.as_deref().unwrap_or(&args.ours_file);
    of_file(error, path)
}
