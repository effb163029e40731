//! Secrets from the variables of the process's environment.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use glob::Pattern;

use super::error::{SourceError, SourceErrorKind};
use super::item::Item;
use super::well_known;
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
pub(super) fn well_known() -> Vec<Secret> {
    environment(well_known::is_secret)
}
