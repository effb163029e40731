//! The registry as a source: all that the identity's member may see is masked, and what is installed is handed on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hushlog::inject::Rank;
use hushlog::registry::{OpenedSecret, Scope};

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

/// Opens the registry at this path.
pub(super) fn load(args: &SourceArgs, path: &Path) -> Result<(Vec<Sourced>, BTreeMap<String, String>), Failure> {
    let registry = RegistryArgs { registry: Some(path.to_owned()), trust: args.trust.clone() }.load()?;
    let identity = registry::identity(args.identity.as_deref())?;
    let identity = identity.ok_or_else(|| {
        Failure::config("--registry needs an identity to open it with")
            .hint("name the file of `hushlog keygen` with --identity FILE")
    })?;
    let member = args.member.as_deref().map(registry::name).transpose()?;
    let environment = args.environment.as_deref().map(registry::name).transpose()?;
    let opened = registry.open(&identity, member.as_ref(), environment.as_ref()).map_err(registry::failure)?;
    Ok((opened.secrets.into_iter().map(sourced).collect(), opened.defaults))
}

fn sourced(opened: OpenedSecret) -> Sourced {
    let OpenedSecret { secret, variable, scope, version, install } = opened;
    let rank = if scope == Scope::Private { Rank::Private } else { Rank::Shared };
    Sourced { secret, origin: Origin::Registry { variable, version, rank, install } }
}
