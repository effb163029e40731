//! Secrets from the session: everything that `hushlog boot` has exported since the machine booted.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::error::{SourceError, SourceErrorKind};
use super::{Loaded, Origin, Sourced, setting};
use crate::registry::{ExportedSecret, Rank};
use crate::session::{self, STATE_DIR, Session, SessionDir, SessionError, StateDir};

/// The name of the session as a credential of a service.
const CREDENTIAL: &str = "hushlog.session";

/// The directory of this machine's session.
///
/// # Errors
///
/// When the setting for it is unusable.
pub fn session_dir() -> Result<SessionDir, SourceError> {
    directory().map(SessionDir::new)
}

/// The path of the session's directory.
///
/// # Errors
///
/// When the setting for it is unusable.
pub fn directory() -> Result<PathBuf, SourceError> {
    Ok(setting::path(setting::RUN_DIR)?.unwrap_or_else(|| session::DEFAULT_DIR.into()))
}

/// The directory of the state that outlives a boot: of the machine for root, of the user's own for
/// others. `None` if no home directory is known.
///
/// # Errors
///
/// When the setting for it is unusable.
pub fn state_dir() -> Result<Option<StateDir>, SourceError> {
    let named = setting::path(setting::STATE_DIR)?;
    let usual = || match rustix::process::geteuid().is_root() {
        true => Some(PathBuf::from(STATE_DIR)),
        false => {
            let base = setting::variable("XDG_STATE_HOME").map(PathBuf::from);
            let base = base.or_else(|| std::env::home_dir().map(|home| home.join(".local/state")));
            base.map(|base| base.join("hushlog"))
        }
    };
    Ok(named.or_else(usual).map(StateDir::new))
}

/// The file of the session as a credential of this service.
pub fn credential_file() -> Option<PathBuf> {
    setting::variable("CREDENTIALS_DIRECTORY").map(|directory| PathBuf::from(directory).join(CREDENTIAL))
}

/// The session of this machine. A missing session is an error.
pub(super) fn required() -> Result<Session, SourceError> {
    read()?.ok_or_else(|| SourceErrorKind::NoSession.into())
}

/// The session of this machine, if there is one.
///
/// # Errors
///
/// When the session cannot be read: ignoring it would leave its secrets unmasked.
pub fn read() -> Result<Option<Session>, SourceError> {
    let own = session_dir()?.read();
    let is_denied = matches!(&own, Err(SessionError::Io { error, .. }) if error.kind() == ErrorKind::PermissionDenied);
    let read = match own {
        Ok(Some(session)) => Ok(Some(session)),
        Err(error) if !is_denied => Err(error),
        // The service may not read the session, or has another /run.
        own => match credential() {
            Ok(None) => own,
            loaded => loaded,
        },
    };
    read.map_err(|error| SourceErrorKind::Session(error).into())
}

fn credential() -> Result<Option<Session>, SessionError> {
    credential_file().map_or(Ok(None), |path| session::read(&path))
}

/// Adds the secrets and defaults of a session.
pub(super) fn add(loaded: &mut Loaded, allow_empty: bool, session: Session) -> Result<(), SourceError> {
    let (entries, defaults) = session.into_parts();
    if entries.is_empty() && !allow_empty {
        return Err(SourceErrorKind::EmptySession.into());
    }
    // The export has resolved the ranks.
    let entries = entries.into_iter().map(|entry| ExportedSecret { rank: Rank::Shared, ..entry });
    loaded.secrets.extend(entries.map(|exported| Sourced::of(exported, Origin::Session)));
    loaded.defaults.extend(defaults);
    Ok(())
}
