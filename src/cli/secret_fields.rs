//! The scope and the optional fields of a secret on the command line, and warnings about secrets
//! that expire.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use hushlog::registry::{
    EXPIRES_SOON_DAYS, Entry, Error, Expiry, ExpiryDate, FieldChange, FieldChanges, Fields, FileMode, FileTarget, Name,
    Note, Scope,
};

use super::message::{Failure, warning};
use super::registry::{self, failure};

/// The scope of a secret.
#[derive(Debug, Args)]
pub(crate) struct ScopeArgs {
    /// Seal it to the acting member only; the default for a new secret
    #[arg(long, conflicts_with = "shared")]
    private: bool,

    /// Seal it to all members
    #[arg(long)]
    shared: bool,
}

impl ScopeArgs {
    pub(crate) fn scope(&self) -> Option<Scope> {
        match (self.private, self.shared) {
            (true, _) => Some(Scope::Private),
            (_, true) => Some(Scope::Shared),
            _ => None,
        }
    }
}

/// The group of a new secret.
#[derive(Debug, Args)]
pub(crate) struct GroupArgs {
    /// Seal it to the members of this group
    #[arg(long, value_name = "GROUP", conflicts_with = "private")]
    group: Option<String>,
}

impl GroupArgs {
    pub(crate) fn name(&self) -> Result<Option<Name>, Failure> {
        self.group.as_deref().map(registry::name).transpose()
    }
}

/// The new readers of a secret.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ReaderArgs {
    /// Seal it to the acting member only
    #[arg(long)]
    private: bool,

    /// Seal it to all members
    #[arg(long)]
    shared: bool,

    /// Seal it to the members of this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

impl ReaderArgs {
    /// The scope and the group.
    pub(crate) fn readers(&self) -> Result<(Scope, Option<Name>), Failure> {
        let scope = if self.private { Scope::Private } else { Scope::Shared };
        Ok((scope, self.group.as_deref().map(registry::name).transpose()?))
    }
}

/// The readers of a secret in words; `member` is the acting one.
pub(crate) fn whose(scope: Scope, group: Option<&Name>, member: &Name) -> String {
    match (scope, group) {
        (Scope::Shared, None) => "shared".to_owned(),
        (Scope::Shared, Some(group)) => format!("shared with the group {group}"),
        (Scope::Private, _) => format!("private to {member}"),
    }
}

/// Where the value comes from.
#[derive(Debug, Args)]
pub(crate) struct ValueArgs {
    /// Read the value from this file, or from standard input if it is `-` [default: ask for it
    /// twice on the terminal]
    #[arg(long, value_name = "FILE")]
    pub(crate) value_file: Option<PathBuf>,

    /// Keep a newline at the end of the value
    #[arg(long)]
    pub(crate) keep_newline: bool,
}

/// The fields that a command sets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fields")]
pub(crate) struct FieldArgs {
    /// A note of one line, in plain text for all readers of the registry
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// The variable that the secret is exported as [default: the name in upper snake case]
    #[arg(long, value_name = "VARIABLE")]
    variable: Option<String>,

    /// The file that `boot` writes the value to, besides the variable: absolute, or ~/ and a path
    /// below the home directory of the user that runs `boot`
    ///
    /// The file belongs to the owner and the group of its directory, which has to exist. No link is
    /// followed, and no file is replaced that hushlog did not write. Paths from which programs take
    /// code or configuration are refused.
    #[arg(long, value_name = "PATH")]
    file_target: Option<String>,

    /// Write the value to files only, and set no variable
    ///
    /// For certificates and the like. `boot` writes the value to the session's file of this secret,
    /// and to the path of --file-target; `run` and `export` leave it out. It is masked as before.
    #[arg(long, conflicts_with = "variable")]
    file_only: bool,

    /// The permissions of that file: 0400, 0440, 0600, 0640 or 0660 [default: 0600]
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,

    /// The day from which the secret is not valid, as 2027-01-31, or as a number of days from now,
    /// as 90d
    ///
    /// `secret list` shows it; `boot` and `check` warn from 14 days before it. An expired secret is
    /// exported as before.
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
}

/// The fields that `secret edit` removes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fields")]
pub(crate) struct RemovalArgs {
    /// Remove the note
    #[arg(long, conflicts_with = "note")]
    no_note: bool,

    /// Export the secret as the variable that its name spells again
    #[arg(long, conflicts_with = "variable")]
    no_variable: bool,

    /// Stop writing the value to a file; the next boot removes the file
    #[arg(long, conflicts_with_all = ["file_target", "mode"])]
    no_file_target: bool,

    /// Export the secret as a variable again
    #[arg(long, conflicts_with = "file_only")]
    no_file_only: bool,

    /// Remove the day of expiry
    #[arg(long, conflicts_with = "expires")]
    no_expires: bool,
}

impl FieldArgs {
    /// The fields of a new secret.
    pub(crate) fn fields(&self) -> Result<Fields, Failure> {
        self.beside(None).map_err(failure)
    }

    /// The changes of a present secret.
    pub(crate) fn changes(&self, removal: &RemovalArgs, old: Option<&Entry>) -> Result<FieldChanges, Failure> {
        let old = old.map(Entry::fields).and_then(|fields| fields.file);
        let Fields { note, variable, file, file_only, expires } = self.beside(old.as_ref()).map_err(failure)?;
        Ok(FieldChanges {
            note: change(note, removal.no_note),
            variable: change(variable, removal.no_variable),
            file: change(file, removal.no_file_target),
            file_only: if file_only { Some(true) } else { removal.no_file_only.then_some(false) },
            expires: change(expires, removal.no_expires),
        })
    }
}

impl FieldArgs {
    /// The given fields. A path without a mode, and a mode without a path, change a part of the old
    /// file target.
    fn beside(&self, old: Option<&FileTarget>) -> Result<Fields, Error> {
        let mode = self.mode.as_deref().map(str::parse::<FileMode>).transpose()?;
        let path = self.file_target.as_deref().map(str::parse).transpose()?;
        let file = match (path, mode, old) {
            (Some(path), mode, old) => {
                let mode = mode.or(old.map(|old| old.mode)).unwrap_or_default();
                Some(FileTarget { path, mode })
            }
            (None, Some(mode), Some(old)) => Some(FileTarget { path: old.path.clone(), mode }),
            (None, Some(_), None) => return Err(Error::NoFileTarget),
            (None, None, _) => None,
        };
        Ok(Fields {
            note: self.note.as_deref().map(Note::new).transpose()?,
            variable: self.variable.as_deref().map(str::parse).transpose()?,
            file,
            file_only: self.file_only,
            expires: self.expires.as_deref().map(date).transpose()?,
        })
    }
}

fn change<T>(set: Option<T>, is_removed: bool) -> FieldChange<T> {
    match set {
        Some(set) => FieldChange::Set(set),
        None if is_removed => FieldChange::Remove,
        None => FieldChange::Keep,
    }
}

/// A date, or a number of days from now.
fn date(text: &str) -> Result<ExpiryDate, Error> {
    match text.strip_suffix('d').map(str::parse) {
        Some(Ok(days)) => ExpiryDate::after(SystemTime::now(), days),
        _ => text.parse(),
    }
}

/// Warns about the secrets of these names that have expired, or will within some days.
pub(crate) fn warn<'a>(dates: impl Iterator<Item = (&'a str, &'a ExpiryDate)>) {
    let now = SystemTime::now();
    let (mut expired, mut soon) = (Vec::new(), Vec::new());
    for (name, date) in dates {
        match date.state(now) {
            Expiry::Expired => expired.push(format!("{name} ({date})")),
            Expiry::Soon(_) => soon.push(format!("{name} ({date})")),
            Expiry::Later => {}
        }
    }
    if !expired.is_empty() {
        warning(&format!("expired: {}", expired.join(", ")));
    }
    if !soon.is_empty() {
        warning(&format!("expires within {EXPIRES_SOON_DAYS} days: {}", soon.join(", ")));
    }
}
