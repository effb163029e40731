//! Secrets from the variables of the own environment.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use glob::Pattern;
use hushlog::Secret;

use super::super::message::{Failure, note, printable};
use super::{Found, Source, wellknown};

/// The variables of the environment that are chosen by name and value, in the order of their names. `std::env::vars` would panic
/// on one that is not UTF-8, and print it.
fn environment(is_chosen: impl Fn(&str, &[u8]) -> bool) -> Vec<Secret> {
    let all = std::env::vars_os().map(|(name, value)| (printable(name.as_bytes()), value.into_vec()));
    let chosen = all.filter(|(name, value)| is_chosen(name, value));
    let mut secrets: Vec<Secret> = chosen.map(|(name, value)| Secret::new(name, value)).collect();
    secrets.sort_by(|a, b| a.name().cmp(b.name()));
    secrets
}

/// Those whose names match.
pub(super) fn matching(source: &Source, glob: &OsStr) -> Result<Found, Failure> {
    let invalid = || {
        Failure::config(format!("{} is not a valid pattern", source.describe()))
            .hint("a pattern is matched against names of variables, as 'PROD_*'")
    };
    let pattern = Pattern::new(glob.to_str().ok_or_else(invalid)?).map_err(|_| invalid())?;
    let secrets = environment(|name, _| pattern.matches(name));
    Ok(Found { secrets, nothing: format!("{} matches no variable with a value", source.describe()) })
}

/// Without any source: what is usually secret.
pub(super) fn well_known(quiet: bool) -> Found {
    let secrets = environment(wellknown::is_secret);
    let names: Vec<&str> = secrets.iter().map(Secret::name).collect();
    if !quiet && !names.is_empty() {
        note(&format!("no source was given; masking the well-known variables: {}", names.join(", ")));
    }
    let nothing = "no source was given, and no well-known variable of the environment has a value".to_owned();
    Found { secrets, nothing }
}
