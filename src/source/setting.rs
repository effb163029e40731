//! Settings from the environment. Only this module reads hushlog's own variables.
//!
//! A setting is intentional. An unusable one, even a blank one, is an error that names the variable
//! and never shows its value. Ignoring it would drop a requirement, such as a signature.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::{SourceError, SourceErrorKind};

/// The file of the registry.
pub const REGISTRY: &str = "HUSHLOG_REGISTRY";
/// The file with the identity that opens the registry.
pub const IDENTITY: &str = "HUSHLOG_IDENTITY";
/// Public keys and registry ids, separated by spaces. One of the keys must have signed the
/// registry, and one of the ids must be its own.
pub const TRUST: &str = "HUSHLOG_TRUST";
/// The acting member.
pub const MEMBER: &str = "HUSHLOG_MEMBER";
/// The file with the key that signs changes.
pub const SIGN: &str = "HUSHLOG_SIGN";
/// The directory of the session.
pub const RUN_DIR: &str = "HUSHLOG_RUN_DIR";
/// The directory of the state of this machine.
pub const STATE_DIR: &str = "HUSHLOG_STATE_DIR";

/// A setting that is the path of a file or directory. It need not be UTF-8.
///
/// # Errors
///
/// When it is blank.
pub fn path(variable: &'static str) -> Result<Option<PathBuf>, SourceError> {
    Ok(set(variable)?.map(PathBuf::from))
}

/// A setting that is text.
///
/// # Errors
///
/// When it is blank or not UTF-8.
pub fn text(variable: &'static str) -> Result<Option<String>, SourceError> {
    let text = set(variable)?.map(OsString::into_string).transpose();
    text.map_err(|_| unusable(variable, "is not UTF-8"))
}

/// Why a setting cannot be used.
pub fn unusable(variable: &'static str, problem: &'static str) -> SourceError {
    SourceErrorKind::Setting { variable, problem }.into()
}

fn set(variable: &'static str) -> Result<Option<OsString>, SourceError> {
    match env::var_os(variable) {
        Some(value) if value.as_encoded_bytes().trim_ascii().is_empty() => Err(unusable(variable, "is blank")),
        value => Ok(value),
    }
}

/// A variable of the system or of the user, if it has a value.
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// A file in hushlog's directory of the user's configuration; for an empty name, the directory
/// itself.
pub fn configuration(file: &str) -> Option<PathBuf> {
    let base = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")))?;
    let directory = base.join("hushlog");
    Some(if file.is_empty() { directory } else { directory.join(file) })
}
