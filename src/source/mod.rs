//! Sources of secrets: variables of the environment, dotenv files, secret files, commands, the
//! credential files of a home directory, a registry, the session of the machine.
//!
//! A [`SourceSpec`] lists the sources. [`load`](SourceSpec::load) reads all of them, or fails with
//! a [`SourceError`]. A source that is missing, unreadable or empty is an error, because its
//! secrets would not be masked.
//!
//! ```
//! use hushlog::NeedleSet;
//! use hushlog::source::SourceSpec;
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("app.env");
//! # std::fs::write(&path, "API_TOKEN=sk-live-4f9QzX\n")?;
//! let spec = SourceSpec { dotenv: vec![path], ..SourceSpec::default() };
//! let loaded = spec.load()?;
//! let secrets = loaded.into_masked().into_iter();
//! let set = secrets.fold(NeedleSet::builder(), |set, secret| set.secret(secret)).build()?;
//! let masked = set.redact_cow(b"token: sk-live-4f9QzX");
//! assert_eq!(masked.as_ref(), b"token: [REDACTED:API_TOKEN]");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Input`](crate::sys::input::Input) opens the files, so that a recording of
//! [`Sources`](crate::sys::sources::Sources) knows them, and no scrub changes them. The buffer of a
//! value is wiped; a growing buffer leaves copies behind, unless the allocator wipes freed memory.
//! Time and memory are linear in the files. A file or value over
//! [`NEEDLE_BYTES_MAX`](crate::redact::build::NEEDLE_BYTES_MAX) is an error.

mod command;
mod credential_files;
pub mod dotenv;
mod environment;
mod error;
mod file;
pub mod import;
mod item;
mod json;
pub mod registry;
mod selection;
pub mod session;
pub mod setting;
mod unread;
pub mod well_known;

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

pub use command::CommandError;
pub use dotenv::Dialect;
pub use error::{SourceError, SourceErrorKind};
pub use item::{Field, Interface, Item};
pub use registry::{AskPassphrase, RegistrySpec};
pub use selection::Selection;
pub use unread::UnreadLines;

use dotenv::Entry;

use crate::redact::secret::Secret;
use crate::registry::{Error, ExportedSecret, Rank, RegistryId, Withheld};

/// The sources of secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSpec {
    /// Patterns for names of environment variables, such as `PROD_*`: `*`, `?` and `[...]`.
    pub env: Vec<OsString>,
    /// Files of NAME=VALUE lines.
    pub dotenv: Vec<PathBuf>,
    /// The program whose readings of the dotenv files are exported; none if nothing is. All
    /// readings are masked.
    pub dotenv_dialect: Option<Dialect>,
    /// Files of one value, and directories of such files.
    pub secret_files: Vec<PathBuf>,
    /// Commands for `sh -c` that print secrets: JSON, NAME=VALUE lines, or one value.
    pub commands: Vec<String>,
    /// Whether the files in which programs keep credentials, such as `~/.netrc`, are sources. They
    /// are masked, and not exported.
    pub credential_files: bool,
    /// A registry.
    pub registry: Option<RegistrySpec>,
    /// Whether the session of this machine is a source.
    pub session: bool,
    /// Whether a source may be empty.
    pub allow_empty: bool,
    /// The secrets that are masked.
    pub selection: Selection,
}

/// The source in place of an empty [`SourceSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// None: nothing is loaded.
    Nothing,
    /// The session of this machine, or else the registry that [`setting::REGISTRY`] names. If there
    /// is neither, that is an error.
    Session,
    /// The same, or else the [well-known variables](well_known).
    WellKnown,
}

/// A secret and its source.
pub struct Sourced {
    /// The secret, named after its variable, its file or its entry in the registry; and the
    /// variable that exports it. Of a file the variable is not derived yet: it is the file's name.
    pub exported: ExportedSecret,
    /// The source.
    pub origin: Origin,
    /// Whether the source lists settings as well as secrets: a file of variables, a pattern of
    /// names.
    pub is_listed: bool,
    /// Whether it is masked.
    pub is_masked: bool,
}

impl Sourced {
    /// A secret of a source that has no variables or versions of its own.
    fn new(secret: Secret, origin: Origin) -> Sourced {
        let exported = ExportedSecret::new(secret.name().to_owned(), secret, "", Rank::Shared);
        Sourced::of(exported, origin)
    }

    fn of(exported: ExportedSecret, origin: Origin) -> Sourced {
        Sourced { exported, origin, is_listed: false, is_masked: true }
    }

    /// The secret.
    pub fn secret(&self) -> &Secret {
        &self.exported.secret
    }

    /// The secret, without its data.
    pub fn into_secret(self) -> Secret {
        self.exported.secret
    }
}

/// The source of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A variable of the environment.
    Environment,
    /// A variable of a dotenv file. Of several readings of a line only that of the chosen dialect
    /// is exported.
    Dotenv,
    /// A file, or the output of a command that is one value.
    File,
    /// A named value in the output of a command.
    Command,
    /// A file in which a program keeps credentials. It is masked, but not exported.
    CredentialFile,
    /// The session. A secret that only an earlier export had is masked, but not exported.
    Session,
    /// A registry.
    Registry,
    /// A key that opens or signs registries. It is masked, but not exported.
    Key,
}

/// The result of loading all sources.
#[derive(Default)]
pub struct Loaded {
    /// The secrets.
    pub secrets: Vec<Sourced>,
    /// Plain defaults of an environment, by variable. They are exported, and not masked.
    pub defaults: BTreeMap<String, String>,
    /// Whether a registry contributed defaults. The defaults of a session were checked at its
    /// creation.
    pub has_registry_defaults: bool,
    /// The id and the revision of the registry, if it has both.
    pub revision: Option<(RegistryId, u64)>,
    /// The secrets of the registry that belong to groups of others.
    pub withheld: Vec<Withheld>,
    /// Names of dotenv entries that refer to other variables, and were read literally.
    pub referring: Vec<String>,
    /// Names of dotenv entries that programs read in ways that differ by more than quotes and white
    /// space around the value. This counts for commands that set variables.
    pub differing: Vec<String>,
    /// Names of dotenv entries that the chosen dialect does not read. They are masked, and not
    /// exported.
    pub unset: Vec<String>,
    /// Lines of dotenv files in which no program finds a variable.
    pub unread: Vec<UnreadLines>,
    /// Names of the well-known variables that were read because no source was given.
    pub well_known: Vec<String>,
    /// Names of other variables that look like secrets, and are not masked.
    pub doubtful: Vec<String>,
    /// Names of values that are not masked because they cannot be secrets.
    pub left: Vec<String>,
    /// The number of patterns of [`Selection::only`] that match no name.
    pub unused_only: usize,
}

impl Loaded {
    /// The secrets that are masked, without their data.
    pub fn into_masked(self) -> Vec<Secret> {
        self.secrets.into_iter().filter(|sourced| sourced.is_masked).map(Sourced::into_secret).collect()
    }
}

impl SourceSpec {
    /// Reads all sources. Without sources the result is empty; an identity with a passphrase is an
    /// error. See [`load_into`](SourceSpec::load_into).
    ///
    /// # Errors
    ///
    /// When a source cannot be read, or is empty.
    pub fn load(&self) -> Result<Loaded, SourceError> {
        let mut loaded = Loaded::default();
        self.load_into(&mut loaded, Fallback::Nothing, &|_| Err(Error::NoPassphrase))?;
        Ok(loaded)
    }

    /// Reads all sources, or the fallback if there are none. After an error, `loaded` holds the
    /// secrets of the sources before it, so that they can be masked in the error message.
    ///
    /// # Errors
    ///
    /// When a source cannot be read; or when it is empty, unless that is allowed.
    pub fn load_into(
        &self,
        loaded: &mut Loaded,
        fallback: Fallback,
        ask: AskPassphrase<'_>,
    ) -> Result<(), SourceError> {
        self.load_all_into(loaded, fallback, ask)?;
        self.selection.apply(loaded)
    }

    fn load_all_into(
        &self,
        loaded: &mut Loaded,
        fallback: Fallback,
        ask: AskPassphrase<'_>,
    ) -> Result<(), SourceError> {
        let session = match fallback {
            _ if self.session => Some(session::required()?),
            Fallback::Session | Fallback::WellKnown if self.is_empty() => session::read()?,
            _ => None,
        };
        let named = match fallback {
            Fallback::Session | Fallback::WellKnown if self.is_empty() && session.is_none() => {
                setting::path(setting::REGISTRY)?
            }
            _ => None,
        };
        let is_without = self.is_empty() && named.is_none();
        match (session, fallback) {
            (Some(session), _) => {
                session::add(loaded, self.allow_empty, session)?;
                loaded.secrets.extend(registry::keys_of_machine());
            }
            (None, Fallback::Session) if is_without => return Err(SourceErrorKind::NoSource.into()),
            (None, Fallback::WellKnown) if is_without => self.load_well_known(loaded)?,
            (None, _) => {}
        }
        for (item, glob) in items(Field::Env, &self.env) {
            let secrets = environment::matching(item, glob)?;
            // A name without a pattern is that of a secret.
            let is_listed = glob.as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte));
            let nothing = || SourceErrorKind::NoVariable.at(item).path(Path::new(glob));
            self.add(loaded, Origin::Environment, is_listed, secrets, nothing)?;
        }
        for (item, path) in items(Field::Dotenv, &self.dotenv) {
            let file = file::dotenv(item, path)?;
            if !file.unread.is_empty() {
                loaded.unread.push(UnreadLines { item, path: path.clone(), lines: file.unread });
            }
            let secrets = self.entries(loaded, file.entries);
            self.add_sourced(loaded, secrets, || SourceErrorKind::NoValue.at(item).path(path))?;
        }
        for (item, path) in items(Field::SecretFiles, &self.secret_files) {
            let secrets = file::value_or_directory(item, path)?;
            self.add(loaded, Origin::File, false, secrets, || SourceErrorKind::NoValue.at(item).path(path))?;
        }
        self.load_commands(loaded)?;
        self.load_credential_files(loaded)?;
        let named = named.map(|path| RegistrySpec { path, ..RegistrySpec::default() });
        match self.registry.as_ref().or(named.as_ref()) {
            Some(spec) => registry::add(loaded, self.allow_empty, spec, ask),
            None => Ok(()),
        }
    }

    fn load_commands(&self, loaded: &mut Loaded) -> Result<(), SourceError> {
        for (item, command) in items(Field::Commands, &self.commands) {
            let output = command::run(command).map_err(|error| SourceErrorKind::Command(error).at(item))?;
            let origin = if output.is_unnamed { Origin::File } else { Origin::Command };
            let mut secrets = self.entries(loaded, output.entries);
            let is_listed = !output.is_unnamed;
            let others = output.secrets.into_iter().map(|secret| Sourced::new(secret, origin));
            secrets.extend(others.map(|sourced| Sourced { is_listed, ..sourced }));
            self.add_sourced(loaded, secrets, || SourceErrorKind::NoOutput.at(item))?;
        }
        Ok(())
    }

    fn load_credential_files(&self, loaded: &mut Loaded) -> Result<(), SourceError> {
        if !self.credential_files {
            return Ok(());
        }
        let item = Item { field: Field::CredentialFiles, index: None, has_siblings: false };
        let mut secrets = Vec::new();
        let files = credential_files::paths();
        let files = files.map_err(|(path, error)| SourceErrorKind::Read(error).at(item).path(&path))?;
        for found in files {
            let Some(secret) = file::credential_file(item, &found)? else { continue };
            let mut sourced = Sourced::new(secret, Origin::CredentialFile);
            sourced.exported.is_exported = false;
            secrets.push(sourced);
        }
        self.add_sourced(loaded, secrets, || SourceErrorKind::NoCredentialFile.at(item))
    }

    fn load_well_known(&self, loaded: &mut Loaded) -> Result<(), SourceError> {
        let found = environment::well_known();
        loaded.doubtful = found.doubtful;
        loaded.well_known = found.secrets.iter().map(|secret| secret.name().to_owned()).collect();
        self.add(loaded, Origin::Environment, false, found.secrets, || SourceErrorKind::NoWellKnown.into())
    }

    /// Adds the secrets of one source. At least one must have a value, unless empty sources are
    /// allowed.
    fn add(
        &self,
        loaded: &mut Loaded,
        origin: Origin,
        is_listed: bool,
        secrets: Vec<Secret>,
        nothing: impl FnOnce() -> SourceError,
    ) -> Result<(), SourceError> {
        let sourced = secrets.into_iter().map(|secret| Sourced { is_listed, ..Sourced::new(secret, origin) }).collect();
        self.add_sourced(loaded, sourced, nothing)
    }

    fn add_sourced(
        &self,
        loaded: &mut Loaded,
        secrets: Vec<Sourced>,
        nothing: impl FnOnce() -> SourceError,
    ) -> Result<(), SourceError> {
        let is_blank = |sourced: &Sourced| sourced.secret().expose().trim_ascii().is_empty();
        if !self.allow_empty && secrets.iter().all(is_blank) {
            return Err(nothing());
        }
        loaded.secrets.extend(secrets);
        Ok(())
    }

    fn exports(&self, entry: &Entry) -> bool {
        self.dotenv_dialect.is_some_and(|dialect| entry.dialects.contains(dialect))
    }

    /// The secrets of a dotenv file: of each line, the reading of the chosen dialect, which is
    /// exported, and the readings of others, which are only masked.
    fn entries(&self, loaded: &mut Loaded, entries: Vec<Entry>) -> Vec<Sourced> {
        let mut secrets = Vec::new();
        // A set beside each list: a file may have a hundred thousand names.
        let lists = [&mut loaded.referring, &mut loaded.differing, &mut loaded.unset];
        let mut lists = lists.map(|names| (names.iter().cloned().collect::<HashSet<String>>(), names));
        for line in entries.chunk_by(|a, b| a.at == b.at) {
            let is_noted = [
                line.iter().any(|entry| entry.refers),
                line.iter().filter(|entry| entry.is_masked).count() > 1,
                !line.iter().any(|entry| self.exports(entry)),
            ];
            for ((known, names), _) in lists.iter_mut().zip(is_noted).filter(|(_, is_noted)| *is_noted) {
                if known.insert(line[0].name.clone()) {
                    names.push(line[0].name.clone());
                }
            }
        }
        for entry in entries {
            let is_exported = self.exports(&entry);
            let value = entry.value.or_else(|| setting::variable(&entry.name).map(OsString::into_vec));
            if let Some(value) = value.filter(|_| entry.is_masked || is_exported) {
                let mut sourced = Sourced::new(Secret::new(entry.name, value), Origin::Dotenv);
                sourced.exported.is_exported = is_exported;
                sourced.is_listed = true;
                secrets.push(sourced);
            }
        }
        secrets
    }

    /// Whether there is no source.
    pub fn is_empty(&self) -> bool {
        self.env.is_empty()
            && self.dotenv.is_empty()
            && self.secret_files.is_empty()
            && self.commands.is_empty()
            && !self.credential_files
            && self.registry.is_none()
            && !self.session
    }

    /// The files and directories that the specification names.
    pub fn paths(&self) -> impl Iterator<Item = (Item, &Path)> {
        let dotenv = items(Field::Dotenv, &self.dotenv);
        let files = items(Field::SecretFiles, &self.secret_files);
        let only = |field, path| (Item { field, index: None, has_siblings: false }, path);
        let registry = self.registry.iter().map(move |spec| only(Field::Registry, &spec.path));
        let identity = self.registry.iter().filter_map(|spec| spec.identity.as_ref());
        let identity = identity.map(move |path| only(Field::Identity, path));
        dotenv.chain(files).chain(registry).chain(identity).map(|(item, path)| (item, path.as_path()))
    }

    /// The same, with the credential files, as far as they exist.
    pub fn read_paths(&self) -> Vec<(Item, PathBuf)> {
        let item = Item { field: Field::CredentialFiles, index: None, has_siblings: false };
        let known = if self.credential_files { credential_files::paths().unwrap_or_default() } else { Vec::new() };
        let known = known.into_iter().filter(|file| file.path.exists()).map(|file| (item, file.path));
        self.paths().map(|(item, path)| (item, path.to_owned())).chain(known).collect()
    }

    /// The files and directories that loading reads, including those of the session, and credential
    /// files that do not exist yet.
    ///
    /// # Errors
    ///
    /// When the setting for the session's directory is unusable.
    pub fn watched(&self) -> Result<Vec<PathBuf>, SourceError> {
        let session = self.session.then(session::directory).transpose()?;
        let known = self.credential_files.then(credential_files::watched).into_iter().flatten().chain(session);
        Ok(self.paths().map(|(_, path)| path.to_owned()).chain(known).collect())
    }
}

/// The items of a list.
fn items<T>(field: Field, list: &[T]) -> impl Iterator<Item = (Item, &T)> {
    let has_siblings = list.len() > 1;
    list.iter().enumerate().map(move |(index, value)| (Item { field, index: Some(index), has_siblings }, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a30_a_name_is_noted_once_in_the_order_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("env");
        std::fs::write(&path, "B_KEY=secret-one\nA_KEY=secret-two\nB_KEY=secret-three\nC_KEY=secret-four\n").unwrap();
        let loaded = SourceSpec { dotenv: vec![path], ..SourceSpec::default() }.load().unwrap();
        assert_eq!((loaded.secrets.len(), loaded.unset), (4, ["B_KEY", "A_KEY", "C_KEY"].map(str::to_owned).to_vec()));
    }
}
