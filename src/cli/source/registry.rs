//! The registry as a source: all that the identity's member may see is masked, and what is installed is handed on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hushlog::Secret;
use hushlog::registry::{Error, ExportedSecret, Identity, SigningKey};

use super::super::message::Failure;
use super::super::registry::{self, RegistryArgs};
use super::super::setting;
use super::{Origin, SourceArgs, Sourced};

/// The registry of a machine, which has no home directory when it starts.
pub(crate) const REGISTRY: &str = "/etc/hushlog/registry.yaml";
/// Its identity.
pub(crate) const IDENTITY: &str = "/etc/hushlog/identity.txt";

/// The registry that the environment names, or that of the machine.
pub(super) fn of_machine() -> Result<PathBuf, Failure> {
    let named = setting::path(setting::REGISTRY)?;
    let usual = || Some(PathBuf::from(REGISTRY)).filter(|path| path.exists());
    named.or_else(usual).ok_or_else(|| {
        Failure::config(format!("no source was given, and there is no {REGISTRY}"))
            .hint("give one, as --registry FILE or --dotenv FILE")
    })
}

/// The identity of the machine, unless the environment names one.
pub(super) fn identity_of_machine() -> Result<Option<PathBuf>, Failure> {
    let usual = || Some(PathBuf::from(IDENTITY)).filter(|path| path.exists());
    Ok(setting::path(setting::IDENTITY)?.or_else(usual))
}

/// The result of reading a registry.
pub(super) struct Found {
    pub(super) secrets: Vec<Sourced>,
    /// The keys that open and sign it: a reader of one in a log has all of its secrets.
    pub(super) keys: Vec<Sourced>,
    /// The plain defaults of the environment that was asked for.
    pub(super) defaults: BTreeMap<String, String>,
}

/// Opens the registry at this path.
pub(super) fn load(args: &SourceArgs, path: &Path) -> Result<Found, Failure> {
    let registry = RegistryArgs { registry: Some(path.to_owned()), trust: args.trust.clone() }.load()?;
    let identity = registry::identity(args.identity.as_deref())?;
    let identity = identity.ok_or_else(|| {
        Failure::config("--registry needs an identity to open it with")
            .hint("name the file of `hushlog keygen` with --identity FILE")
    })?;
    let member = args.member.as_deref().map(registry::name).transpose()?;
    let environment = args.environment.as_deref().map(registry::name).transpose()?;
    let opened = registry.open(&identity, member.as_ref(), environment.as_ref()).map_err(registry::failure)?;
    let keys = identity.secrets().into_iter().chain(signing_keys());
    Ok(Found {
        secrets: opened.secrets.into_iter().map(sourced).collect(),
        keys: keys.map(key).collect(),
        defaults: opened.defaults,
    })
}

/// The keys of this machine, as far as this process can read them: beside a session, which was made
/// from a registry that they open. They are no part of the session, since others may read that.
pub(super) fn keys_of_machine() -> Vec<Sourced> {
    let identity = identity_of_machine().ok().flatten().filter(|path| path.is_file());
    let identity = identity.and_then(|path| Identity::load(&path, || Err(Error::NoPassphrase)).ok());
    let secrets = identity.map(|identity| identity.secrets()).unwrap_or_default();
    secrets.into_iter().chain(signing_keys()).map(key).collect()
}

/// The usual signing key. One that cannot be read is none of ours to give out.
fn signing_keys() -> Vec<Secret> {
    let named = setting::path(setting::SIGN).ok().flatten();
    let path = named.or_else(|| registry::configuration("signing.pem")).filter(|path| path.is_file());
    let key = path.and_then(|path| SigningKey::load(&path).ok());
    key.map(|key| key.secrets()).unwrap_or_default()
}

fn key(secret: Secret) -> Sourced {
    Sourced { secret, origin: Origin::Key }
}

fn sourced(opened: ExportedSecret) -> Sourced {
    let ExportedSecret { secret, variable, version, rank, is_exported: install } = opened;
    Sourced { secret, origin: Origin::Registry { variable, version, rank, install } }
}
