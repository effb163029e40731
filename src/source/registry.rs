//! Secrets from a registry: everything that the identity's member can open.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

use super::error::{SourceError, SourceErrorKind};
use super::item::Field;
use super::{Loaded, Origin, Sourced, session, setting};
use crate::redact::secret::Secret;
use crate::registry::{
    Error, ExportedSecret, Identity, MACHINE_IDENTITY, MACHINE_REGISTRY, Name, PublicKey, Registry, RegistryId,
    SigningKey,
};

/// A registry, and how it is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrySpec {
    /// The file of the registry.
    pub path: PathBuf,
    /// The file with the identity that opens it. Default: [`usual_identity`].
    pub identity: Option<PathBuf>,
    /// The member, if the identity belongs to several members.
    pub member: Option<String>,
    /// Public keys and ids: see [`check`]. Default: those of [`setting::TRUST`].
    pub trust: Vec<String>,
    /// The environment from which plain defaults are also loaded.
    pub environment: Option<String>,
    /// Whether the registry may be older than one that this machine has seen.
    pub allow_rollback: bool,
}

/// Asks for the passphrase of the identity in this file.
pub type AskPassphrase<'a> = &'a dyn Fn(&Path) -> Result<Zeroizing<String>, Error>;

/// The registry that [`setting::REGISTRY`] names, or else the registry of the machine.
///
/// # Errors
///
/// When there is no registry.
pub fn of_machine() -> Result<PathBuf, SourceError> {
    let named = setting::path(setting::REGISTRY)?;
    let usual = || Some(PathBuf::from(MACHINE_REGISTRY)).filter(|path| path.exists());
    named.or_else(usual).ok_or_else(|| SourceErrorKind::NoMachineRegistry.into())
}

/// The identity that [`setting::IDENTITY`] names, or else the identity of the machine.
///
/// # Errors
///
/// When the setting is unusable.
pub fn identity_of_machine() -> Result<Option<PathBuf>, SourceError> {
    let usual = || Some(PathBuf::from(MACHINE_IDENTITY)).filter(|path| path.exists());
    Ok(setting::path(setting::IDENTITY)?.or_else(usual))
}

/// The path of the user's identity, if there is one.
///
/// # Errors
///
/// When the setting for the path is unusable.
pub fn usual_identity() -> Result<Option<PathBuf>, SourceError> {
    let named = setting::path(setting::IDENTITY)?;
    Ok(named.or_else(|| setting::configuration("identity.txt").filter(|path| path.exists())))
}

/// Reads the identity in this file, or the user's if there is one.
///
/// # Errors
///
/// When the file exists, but is unusable.
pub fn identity(path: Option<&Path>, ask: AskPassphrase<'_>) -> Result<Option<Identity>, SourceError> {
    let path = match path {
        Some(path) => Some(path.to_owned()),
        None => usual_identity()?,
    };
    let Some(path) = path else { return Ok(None) };
    Identity::load(&path, || ask(&path)).map(Some).map_err(|error| SourceError::of_key(error, &path))
}

/// A requirement on a registry.
pub enum Trusted {
    /// The registry is signed with this key.
    Key(PublicKey),
    /// The registry has this id.
    Id(RegistryId),
}

impl FromStr for Trusted {
    type Err = Error;

    fn from_str(word: &str) -> Result<Trusted, Error> {
        match RegistryId::is_meant(word) {
            true => word.parse().map(Trusted::Id),
            false => word.parse().map(Trusted::Key),
        }
    }
}

/// The requirements of [`setting::TRUST`], and their texts.
///
/// # Errors
///
/// When the setting is unusable.
pub fn trusted() -> Result<Vec<(String, Trusted)>, SourceError> {
    let keys = setting::text(setting::TRUST)?.unwrap_or_default();
    let key = |text: &str| match text.parse() {
        Ok(key) => Ok((text.to_owned(), key)),
        Err(_) => {
            Err(setting::unusable(setting::TRUST, "contains a word that is neither a public key nor a registry id"))
        }
    };
    keys.split_whitespace().map(key).collect()
}

/// These requirements, or those of [`setting::TRUST`] if there are none.
///
/// # Errors
///
/// When one is neither a public key nor an id.
pub fn trusted_by(words: &[String]) -> Result<Vec<Trusted>, SourceError> {
    if words.is_empty() {
        return Ok(trusted()?.into_iter().map(|(_, trusted)| trusted).collect());
    }
    words.iter().map(|word| word.parse().map_err(SourceError::from)).collect()
}

/// Checks a registry against [requirements](trusted_by): one of the keys must have signed it, and
/// one of the ids must be its own. It must not be older than one that this machine has booted from.
///
/// # Errors
///
/// When the registry does not meet the requirements.
pub fn check(registry: &Registry, path: &Path, words: &[String]) -> Result<(), SourceError> {
    check_trust(registry, path, words)?;
    check_revision(registry, path)
}

/// Checks that a registry is not older than one that this machine has booted from.
fn check_revision(registry: &Registry, path: &Path) -> Result<(), SourceError> {
    let (Some(state), Some(id)) = (session::state_dir()?, registry.id()) else { return Ok(()) };
    let seen = state.seen(id).map_err(|error| SourceErrorKind::State { path: state.path().to_owned(), error })?;
    registry.require_revision(seen.unwrap_or(0)).map_err(|error| SourceError::of_registry(error, path))
}

/// As [`check`], for a registry that may be older.
fn check_trust(registry: &Registry, path: &Path, words: &[String]) -> Result<(), SourceError> {
    let (mut keys, mut ids) = (Vec::new(), Vec::new());
    for trusted in trusted_by(words)? {
        match trusted {
            Trusted::Key(key) => keys.push(key),
            Trusted::Id(id) => ids.push(id),
        }
    }
    let checked = registry.require_id(&ids).and_then(|()| registry.require_signer(&keys));
    checked.map_err(|error| SourceError::of_registry(error, path))
}

/// Adds the secrets of a registry, the keys that open and sign it, those of the member's groups too
/// (a key in a log would reveal all of its secrets), and the plain defaults of its environment.
pub(super) fn add(
    loaded: &mut Loaded,
    allow_empty: bool,
    spec: &RegistrySpec,
    ask: AskPassphrase<'_>,
) -> Result<(), SourceError> {
    let named = |field| move |error: SourceError| error.named_by(field);
    let registry = Registry::load(&spec.path).map_err(|error| SourceError::of_registry(error, &spec.path));
    let registry = registry.map_err(named(Field::Registry))?;
    let check = if spec.allow_rollback { check_trust } else { check };
    check(&registry, &spec.path, &spec.trust).map_err(named(Field::Registry))?;
    let identity = match &spec.identity {
        Some(path) => identity(Some(path), ask).map_err(named(Field::Identity))?,
        None => identity(None, ask)?,
    };
    let identity = identity.ok_or(SourceErrorKind::NoIdentity)?;
    let name = |name: &String| Name::from_str(name).map_err(Error::from);
    let member = spec.member.as_ref().map(name).transpose()?;
    let environment = spec.environment.as_ref().map(name).transpose()?;
    let opened = registry.open(&identity, member.as_ref(), environment.as_ref())?;
    if opened.secrets.is_empty() && !allow_empty {
        return Err(SourceErrorKind::EmptyRegistry.into());
    }
    loaded.secrets.extend(opened.secrets.into_iter().map(sourced));
    loaded.secrets.extend(identity.secrets().into_iter().chain(opened.keys).chain(signing_keys()).map(key));
    loaded.revision = registry.id().cloned().zip(registry.revision());
    loaded.withheld.extend(opened.withheld);
    loaded.has_registry_defaults = !opened.defaults.is_empty();
    loaded.defaults.extend(opened.defaults);
    Ok(())
}

/// The readable keys of this machine. They are masked beside a session, which was made from a
/// registry that they open. They are not part of the session, because other users may read it.
pub(super) fn keys_of_machine() -> Vec<Sourced> {
    let identity = identity_of_machine().ok().flatten().filter(|path| path.is_file());
    let identity = identity.and_then(|path| Identity::load(&path, || Err(Error::NoPassphrase)).ok());
    let secrets = identity.map(|identity| identity.secrets()).unwrap_or_default();
    secrets.into_iter().chain(signing_keys()).map(key).collect()
}

/// The usual signing key. This process cannot leak a key that it cannot read.
fn signing_keys() -> Vec<Secret> {
    let named = setting::path(setting::SIGN).ok().flatten();
    let path = named.or_else(|| setting::configuration("signing.pem")).filter(|path| path.is_file());
    let key = path.and_then(|path| SigningKey::load(&path).ok());
    key.map(|key| key.secrets()).unwrap_or_default()
}

fn key(secret: Secret) -> Sourced {
    let mut key = Sourced::new(secret, Origin::Key);
    key.exported.is_exported = false;
    key
}

fn sourced(exported: ExportedSecret) -> Sourced {
    Sourced::of(exported, Origin::Registry)
}
