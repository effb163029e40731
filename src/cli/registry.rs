//! Shared by the registry commands: the file, the acting member, the keys, and the form of errors
//! and tables.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use hushlog::registry::{By, Error, Identity, Name, Registry, SigningKey, Snapshot};
use hushlog::source::registry as source;
use hushlog::source::setting::{self, configuration};
use hushlog::source::{SourceError, SourceErrorKind};
use hushlog::sys::beneath::{Dir, Links};
use zeroize::Zeroizing;

use super::exit::Exit;
use super::message::{self, Failure, path_text};
use super::progress;
use super::prompt::Hidden;
use super::stdio;

/// Which registry.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct RegistryArgs {
    /// The registry file [default: $HUSHLOG_REGISTRY, or ~/.config/hushlog/registry.yaml]
    #[arg(long, value_name = "FILE")]
    pub(crate) registry: Option<PathBuf>,

    /// Require that the registry is signed with this public key, or has this id; may be repeated
    /// [default: $HUSHLOG_TRUST]
    ///
    /// A registry that names signers is always checked against them, but anyone who can write the
    /// whole file can name other signers. A key known from elsewhere detects that. An id
    /// (`hlr-...`, in the head of the file) distinguishes registries with the same signers. Of
    /// several keys, one must have signed; of several ids, one must match.
    #[arg(long, value_name = "KEY")]
    pub(crate) trust: Vec<String>,
}

/// Arguments of every command that changes a registry.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,

    /// The acting member [default: $HUSHLOG_MEMBER, or the user's name]
    #[arg(long = "as", value_name = "MEMBER")]
    pub(crate) member: Option<String>,

    /// Sign with the key in this file; required once the registry names signers [default:
    /// $HUSHLOG_SIGN]
    #[arg(long, value_name = "FILE")]
    pub(crate) sign: Option<PathBuf>,
}

/// Arguments of every command that lists entries of a registry.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

impl RegistryArgs {
    /// The path of the registry.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        let given = match &self.registry {
            Some(path) => Some(path.clone()),
            None => setting::path(setting::REGISTRY)?,
        };
        given.or_else(|| configuration("registry.yaml")).ok_or_else(|| {
            Failure::config("no registry was named, and no home directory is known")
                .hint("name it with --registry FILE")
        })
    }

    /// Reads the registry.
    pub(crate) fn load(&self) -> Result<Registry, Failure> {
        self.snapshot().map(Snapshot::into_registry)
    }

    /// Reads the registry with its text, for a change that follows.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Failure> {
        let path = self.path()?;
        let snapshot = Snapshot::load(&path).map_err(|error| of_file(error, &path))?;
        self.check(snapshot.registry(), &path)?;
        Ok(snapshot)
    }

    fn check(&self, registry: &Registry, path: &Path) -> Result<(), SourceError> {
        source::check(registry, path, &self.trust)
    }
}

impl ChangeArgs {
    /// The acting member.
    pub(crate) fn member(&self) -> Result<Name, Failure> {
        let user = || ["USER", "LOGNAME"].into_iter().find_map(setting::variable)?.into_string().ok();
        let given = match &self.member {
            Some(member) => Some(member.clone()),
            None => setting::text(setting::MEMBER)?.or_else(user),
        };
        let given = given.ok_or_else(|| {
            Failure::config("the acting member is not known").hint("name the acting member with --as NAME")
        })?;
        name(&given)
    }

    /// Changes the registry as this member.
    pub(crate) fn update<T>(
        &self,
        change: impl FnOnce(&mut Registry, &By<'_>) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let member = self.member()?;
        self.update_from(None, |registry| change(registry, &By::now(&member)))
    }

    /// The same, with a snapshot that the caller has just read.
    pub(crate) fn update_known<T>(
        &self,
        snapshot: &Snapshot,
        change: impl FnOnce(&mut Registry, &By<'_>) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let member = self.member()?;
        self.update_from(Some(snapshot), |registry| change(registry, &By::now(&member)))
    }

    /// Changes the registry without an acting member. Creates the usual directory if needed.
    pub(crate) fn update_by_anyone<T>(
        &self,
        change: impl FnOnce(&mut Registry) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        self.update_from(None, change)
    }

    fn update_from<T>(
        &self,
        snapshot: Option<&Snapshot>,
        change: impl FnOnce(&mut Registry) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let path = self.registry.path()?;
        let key = signing_key(self.sign.as_deref())?;
        if let Some(parent) = configuration("").filter(|parent| path.parent() == Some(parent)) {
            // An error in it surfaces when the registry is written.
            let _ = Dir::open_or_make(&parent, Links::Trusted, 0o700);
        }
        Registry::update_from(&path, snapshot, key.as_ref(), |registry| {
            // A new registry has no signature yet.
            if *registry != Registry::default() {
                self.registry.check(registry, &path)?;
            }
            change(registry).map_err(SourceError::from)
        })
        .map_err(|error| match error.kind {
            SourceErrorKind::Registry(error) => of_file(error, &path),
            _ => error.into(),
        })
    }
}

/// The key that signs changes: from the given file, or from the environment.
pub(crate) fn signing_key(path: Option<&Path>) -> Result<Option<SigningKey>, Failure> {
    let path = match path {
        Some(path) => Some(path.to_owned()),
        None => setting::path(setting::SIGN)?,
    };
    path.map(|path| SigningKey::load(&path).map_err(|error| SourceError::of_key(error, &path).into())).transpose()
}

/// Reads the identity in this file, or the user's if there is one.
pub(crate) fn identity(path: Option<&Path>) -> Result<Option<Identity>, SourceError> {
    source::identity(path, &ask_passphrase)
}

/// The identity of the acting member, if it is here.
pub(crate) fn own_identity(
    path: Option<&Path>,
    registry: &Registry,
    member: &Name,
) -> Result<Option<Identity>, Failure> {
    let own = registry.members().find(|(name, _)| *name == member).map(|(_, own)| &own.recipient);
    let found = identity(path)?;
    Ok(found.filter(|found| own.is_some_and(|own| found.recipients().contains(own))))
}

/// Asks the terminal for the passphrase of the identity in this file.
pub(crate) fn ask_passphrase(path: &Path) -> Result<Zeroizing<String>, Error> {
    let prompt = message::shown(&format!("Passphrase of {}: ", show(path)));
    let ask = || Hidden::begin().and_then(|terminal| terminal.ask(&prompt));
    let typed = progress::paused(ask).map_err(|_| Error::NoPassphrase)?;
    // A passphrase that is not UTF-8 is one that age refuses, so it is wrong.
    String::from_utf8(typed.to_vec()).map(Zeroizing::new).map_err(|_| Error::Passphrase)
}

/// A name from the command line.
pub(crate) fn name(text: &str) -> Result<Name, Failure> {
    Name::from_str(text).map_err(|error| failure(error.into()))
}

/// An error of the registry, as a failure of the program.
pub(crate) fn failure(error: Error) -> Failure {
    SourceError::from(error).into()
}

/// The same with the path of the file at fault.
pub(crate) fn of_file(error: Error, path: &Path) -> Failure {
    SourceError::of_registry(error, path).into()
}

pub(crate) fn show(path: &Path) -> String {
    path_text(path)
}

/// Prints columns under their titles, as wide as needed.
pub(crate) fn print_table(titles: &[&str], rows: &[Vec<String>]) -> Result<Exit, Failure> {
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| message::shown(cell)).collect()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&titles).chain(&rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    stdio::print(text.as_bytes())
}

/// Prints a JSON value.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<Exit, Failure> {
    stdio::print(message::json(value.clone()).as_bytes())
}
