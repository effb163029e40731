//! Settings from the environment. Only this module reads hushlog's own variables.
//!
//! A setting is intentional. An unusable one, even a blank one, is an error that names the variable
//! and never shows its value. Ignoring it would drop a requirement, such as a signature.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use super::message::Failure;

/// The file of the registry.
pub(crate) const REGISTRY: &str = "HUSHLOG_REGISTRY";
/// The file with the identity that opens it.
pub(crate) const IDENTITY: &str = "HUSHLOG_IDENTITY";
/// The public keys, one of which must have signed the registry, and the ids, one of which must be
/// its own. Separated by spaces.
pub(crate) const TRUST: &str = "HUSHLOG_TRUST";
/// The acting member.
pub(crate) const MEMBER: &str = "HUSHLOG_MEMBER";
/// The file with the key that signs changes.
pub(crate) const SIGN: &str = "HUSHLOG_SIGN";
/// The directory of the session.
pub(crate) const RUN_DIR: &str = "HUSHLOG_RUN_DIR";

/// A setting that is the path of a file or directory. It need not be UTF-8.
pub(crate) fn path(variable: &str) -> Result<Option<PathBuf>, Failure> {
    Ok(set(variable)?.map(PathBuf::from))
}

/// A setting that is text.
pub(crate) fn text(variable: &str) -> Result<Option<String>, Failure> {
    let text = set(variable)?.map(OsString::into_string).transpose();
    text.map_err(|_| unusable(variable, "is not UTF-8"))
}

/// The failure for an unusable setting.
pub(crate) fn unusable(variable: &str, why: &str) -> Failure {
    Failure::config(format!("{variable} {why}")).hint("set it to what it is to be, or unset it")
}

fn set(variable: &str) -> Result<Option<OsString>, Failure> {
    match env::var_os(variable) {
        Some(value) if value.as_encoded_bytes().trim_ascii().is_empty() => Err(unusable(variable, "is set, and blank")),
        value => Ok(value),
    }
}
