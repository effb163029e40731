//! Secrets from the session: what `hushlog boot` has exported since the machine was booted.

use std::io::ErrorKind;
use std::path::PathBuf;

use hushlog::session::{self, Session, SessionDir, SessionError};

use super::super::message::{Failure, reason};
use super::super::registry::variable;
use super::super::setting;
use super::{Loaded, Origin, Sourced};

/// The name under which a service loads the session as a credential.
const CREDENTIAL: &str = "hushlog.session";

const BOOT: &str = "`hushlog boot` makes it";

/// The directory of this machine's session.
pub(crate) fn session_dir() -> Result<SessionDir, Failure> {
    directory().map(SessionDir::new)
}

/// The path of that directory.
pub(crate) fn directory() -> Result<PathBuf, Failure> {
    Ok(setting::path(setting::RUN_DIR)?.unwrap_or_else(|| session::DEFAULT_DIR.into()))
}

/// The file that a service loads the session as.
pub(crate) fn credential_file() -> Option<PathBuf> {
    variable("CREDENTIALS_DIRECTORY").map(|directory| PathBuf::from(directory).join(CREDENTIAL))
}

/// The session that was asked for.
pub(super) fn asked() -> Result<Session, Failure> {
    default()?.ok_or_else(|| Failure::config("there is no session on this machine").hint(BOOT))
}

/// The session, if there is one. One that cannot be read is an error: not to mask what it holds would be the other choice.
pub(crate) fn default() -> Result<Option<Session>, Failure> {
    let own = session_dir()?.read();
    let is_denied = matches!(&own, Err(SessionError::Io { error, .. }) if error.kind() == ErrorKind::PermissionDenied);
    let read = match own {
        Ok(Some(session)) => Ok(Some(session)),
        Err(error) if !is_denied => Err(error),
        // A service that may not read it, or that sees another /run.
        own => match credential() {
            Ok(None) => own,
            loaded => loaded,
        },
    };
    read.map_err(|error| failure(&error))
}

fn credential() -> Result<Option<Session>, SessionError> {
    credential_file().map_or(Ok(None), |path| session::read(&path))
}

/// What is wrong with the session, and what to do about it.
pub(crate) fn failure(error: &SessionError) -> Failure {
    match error {
        SessionError::Io { doing, error } if error.kind() == ErrorKind::PermissionDenied => {
            Failure::config(format!("cannot {doing}: {}", reason(error))).hint(
                "`hushlog boot --group` lets a group read it, and LoadCredential=hushlog.session:/run/hushlog/session a service; \
                 with --env or another source it is not needed",
            )
        }
        SessionError::Io { doing, error } => Failure::config(format!("cannot {doing}: {}", reason(error))),
        SessionError::Stale => Failure::config("the session is of an earlier boot").hint(BOOT),
        SessionError::Damaged(_) => Failure::config(error.to_string())
            .hint("remove it and run `hushlog boot` again; what was exported before is not masked any more then"),
        SessionError::Untrusted(_) => Failure::config(error.to_string())
            .hint("another user must not decide what is masked; name a directory of root or of your own in HUSHLOG_RUN_DIR, or unset it"),
        SessionError::NotOurs => Failure::config("the session's directory belongs to another user, or is none")
            .hint("`hushlog boot` is run by root; another user names a directory of their own in HUSHLOG_RUN_DIR"),
        SessionError::OnDisk => Failure::config("the session's directory is on a disk, where values would stay")
            .hint("mount a tmpfs there, name another directory in HUSHLOG_RUN_DIR, or give --allow-disk"),
        _ => Failure::config(error.to_string()),
    }
}

/// Adds what a session holds.
pub(super) fn add(loaded: &mut Loaded, allow_empty: bool, session: Session) -> Result<(), Failure> {
    let (entries, defaults) = session.into_parts();
    if entries.is_empty() && !allow_empty {
        return Err(Failure::config("the session holds no secret").hint("--allow-empty runs without"));
    }
    for entry in entries {
        let origin = Origin::Session { variable: entry.variable, version: entry.version, current: entry.is_exported };
        loaded.secrets.push(Sourced { secret: entry.secret, origin });
    }
    loaded.defaults.extend(defaults);
    Ok(())
}
