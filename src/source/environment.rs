//! Secrets from the variables of the process's environment.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use glob::Pattern;

use super::error::{SourceError, SourceErrorKind};
use super::file;
use super::item::Item;
use super::well_known::{self, Variable};
use crate::redact::secret::Secret;
use crate::redact::text;

/// The variables selected by name and value, sorted by name. Not `std::env::vars`: it panics on a
/// variable that is not UTF-8, and prints it.
fn environment(is_chosen: impl Fn(&str, &[u8]) -> bool) -> Vec<Secret> {
    let all = std::env::vars_os().map(|(name, value)| (text::name(name.as_bytes()), value.into_vec()));
    let chosen = all.filter(|(name, value)| is_chosen(name, value));
    let mut secrets: Vec<Secret> = chosen.map(|(name, value)| Secret::new(name, value)).collect();
    secrets.sort_by(|a, b| a.name().cmp(b.name()));
    secrets
}

/// The variables with names that match a pattern.
pub(super) fn matching(item: Item, glob: &OsStr) -> Result<Vec<Secret>, SourceError> {
    let pattern = glob.to_str().and_then(|glob| Pattern::new(glob).ok());
    let pattern = pattern.ok_or_else(|| SourceErrorKind::Pattern.at(item))?;
    Ok(environment(|name, _| pattern.matches(name)))
}

/// The variables that usually hold secrets.
pub(super) struct WellKnown {
    /// The secrets, by name: values, and the files that variables name.
    pub secrets: Vec<Secret>,
    /// Names of variables that look like secrets, and are none of these.
    pub doubtful: Vec<String>,
}

/// Looks for the variables that usually hold secrets.
pub(super) fn well_known() -> WellKnown {
    let mut found = WellKnown { secrets: Vec::new(), doubtful: Vec::new() };
    for secret in environment(|name, value| well_known::classify(name, value) != Variable::Other) {
        match well_known::classify(secret.name(), secret.expose()) {
            Variable::Secret => found.secrets.push(secret),
            Variable::File => match file::named_by_variable(Path::new(OsStr::from_bytes(secret.expose()))) {
                Ok(value) => found.secrets.push(Secret::new(secret.name(), value)),
                Err(_) => found.doubtful.push(secret.name().to_owned()),
            },
            Variable::Doubtful | Variable::Other => found.doubtful.push(secret.name().to_owned()),
        }
    }
    found
}
