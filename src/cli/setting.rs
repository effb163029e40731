//! The settings that come from the environment: the only place that reads a variable of hushlog's
//! own.
//!
//! A setting that is set is meant. One that cannot be used, a blank one included, is an error that
//! names the variable and never shows its value: to go on without it would drop a demand, as for a
//! signature.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use super::message::Failure;

/// The file of the registry.
pub(crate) const REGISTRY: &str = "HUSHLOG_REGISTRY";
/// The file with the identity that opens it.
pub(crate) const IDENTITY: &str = "HUSHLOG_IDENTITY";
/// The public keys of which one has to have signed it, and the ids of which one has to be its own,
/// parted by spaces.
pub(crate) const TRUST: &str = "HUSHLOG_TRUST";
/// The acting member.
pub(crate) const MEMBER: &str = "HUSHLOG_MEMBER";
/// The file with the key that changes are signed with.
pub(crate) const SIGN: &str = "HUSHLOG_SIGN";
/// The directory of the session.
pub(crate) const RUN_DIR: &str = "HUSHLOG_RUN_DIR";

/// A setting that is the path of a file or directory, which need not be UTF-8.
pub(crate) fn path(variable: &str) -> Result<Option<PathBuf>, Failure> {
    Ok(set(variable)?.map(PathBuf::from))
}

/// A setting that is a text.
pub(crate) fn text(variable: &str) -> Result<Option<String>, Failure> {
    let text = set(variable)?.map(OsString::into_string).transpose();
    text.map_err(|_| unusable(variable, "is not UTF-8"))
}

/// Why a setting cannot be used.
pub(crate) fn unusable(variable: &str, why: &str) -> Failure {
    Failure::config(format!("{variable} {why}")).hint("set it to what it is to be, or unset it")
}

fn set(variable: &str) -> Result<Option<OsString>, Failure> {
    match env::var_os(variable) {
        Some(value) if value.as_encoded_bytes().trim_ascii().is_empty() => Err(unusable(variable, "is set, and blank")),
        value => Ok(value),
    }
}
