//! The registry as a source: all that the identity's member may see is masked, and what is installed is handed on.

use std::path::Path;

use hushlog::registry::OpenedSecret;

use super::super::message::Failure;
use super::super::registry::{self, RegistryArgs};
use super::{SourceArgs, Sourced};

/// Opens the registry at this path.
pub(super) fn load(args: &SourceArgs, path: &Path) -> Result<Vec<Sourced>, Failure> {
    let registry = RegistryArgs { registry: Some(path.to_owned()), trust: args.trust.clone() }.load()?;
    let identity = registry::identity(args.identity.as_deref())?;
    let identity = identity.ok_or_else(|| {
        Failure::config("--registry needs an identity to open it with")
            .hint("name the file of `hushlog keygen` with --identity FILE")
    })?;
    let member = args.member.as_deref().map(registry::name).transpose()?;
    let opened = registry.open(&identity, member.as_ref(), None).map_err(registry::failure)?;
    let of = |opened: OpenedSecret| Sourced { secret: opened.secret, injected: opened.install, is_variable: false };
    Ok(opened.secrets.into_iter().map(of).collect())
}
