//! Turns loaded secrets into the exported environment, for `export`, `boot` and `run`.

use std::collections::BTreeMap;

use hushlog::export::{Environment, EnvironmentError};
use hushlog::registry::{ExportedSecret, NameError, name};
use hushlog::source::{Loaded, Origin, Sourced};

use super::message::Failure;

/// A constructor of an environment from candidates.
type Make = fn(Vec<ExportedSecret>) -> Result<Environment, EnvironmentError>;

/// The environment for a format of `export`. Secrets that are only masked are left out.
pub(crate) fn of_export(loaded: Loaded) -> Result<Environment, Failure> {
    made(loaded, Environment::of_export)
}

fn made(loaded: Loaded, make: Make) -> Result<Environment, Failure> {
    check_names(&loaded, |origin| origin == Origin::Registry)?;
    let candidates = loaded.secrets.into_iter().filter(|sourced| sourced.exported.is_exported).map(|sourced| {
        let variable = variable(&sourced)?;
        Ok(ExportedSecret { variable, ..sourced.exported })
    });
    choose(candidates.collect::<Result<_, Failure>>()?, &loaded.defaults, make)
}

/// The environment of every program on this machine.
pub(crate) fn machine_wide(loaded: Loaded) -> Result<Environment, Failure> {
    check_names(&loaded, |_| true)?;
    made(loaded, Environment::new)
}

/// The variables that a child gets besides those it inherits. Their values are copied, since the
/// redactor needs them too.
pub(crate) fn for_child(loaded: &Loaded) -> Result<Environment, Failure> {
    check_names(loaded, |origin| origin == Origin::Registry)?;
    let is_for_child = |sourced: &&Sourced| sourced.exported.is_exported && sourced.origin != Origin::Environment;
    let candidates = loaded.secrets.iter().filter(is_for_child).map(|sourced| {
        let variable = variable(sourced)?;
        Ok(ExportedSecret { variable, ..sourced.exported.duplicate() })
    });
    choose(candidates.collect::<Result<_, Failure>>()?, &loaded.defaults, Environment::of_program)
}

/// Refuses variables that programs read as their configuration, unless this machine allows them.
/// The check covers secrets of these origins, and the defaults beside them. People other than its
/// users may change a registry, and its defaults need no secret beside them. A user's own file may
/// set anything for that user's own program.
fn check_names(loaded: &Loaded, is_checked: impl Fn(Origin) -> bool) -> Result<(), Failure> {
    let mut checked = Vec::new();
    let is_checked = |sourced: &&Sourced| is_checked(sourced.origin);
    for sourced in loaded.secrets.iter().filter(is_checked).filter(|sourced| sourced.exported.is_exported) {
        checked.push(variable(sourced)?);
    }
    if loaded.has_registry_defaults || loaded.secrets.iter().any(|sourced| is_checked(&sourced)) {
        checked.extend(loaded.defaults.keys().cloned());
    }
    let refused = |variable: &str, error: NameError| {
        let failure = Failure::config(format!("{variable} cannot be exported: {error}"));
        match error {
            NameError::Configuration => {
                failure.hint(format!("rename it, or allow it with a line in {}", name::ALLOWED_NAMES))
            }
            NameError::AllowedNames => failure.hint("make root its owner, and let nobody else write to it: chmod 644"),
            _ => failure.hint("rename it, or keep it without exporting it"),
        }
    };
    if checked.is_empty() {
        return Ok(());
    }
    let allowed = name::Allowed::of_machine().map_err(|error| refused(&checked[0], error))?;
    match checked.iter().find_map(|variable| Some((variable, allowed.check(variable).err()?))) {
        Some((variable, error)) => Err(refused(variable, error)),
        None => Ok(()),
    }
}

fn choose(
    mut candidates: Vec<ExportedSecret>,
    defaults: &BTreeMap<String, String>,
    make: Make,
) -> Result<Environment, Failure> {
    only_the_last(&mut candidates);
    candidates.extend(defaults.iter().map(|(name, value)| ExportedSecret::plain(name, value.as_bytes())));
    make(candidates).map_err(|error| failure(&error))
}

/// The variable that a secret is exported as.
fn variable(sourced: &Sourced) -> Result<String, Failure> {
    let variable = &sourced.exported.variable;
    match sourced.origin {
        Origin::File => name::variable(variable).map_err(|error| {
            Failure::config(format!("{variable} cannot be exported: {error}"))
                .hint("rename the file; for example, openai-api-key is exported as OPENAI_API_KEY")
        }),
        _ => Ok(variable.clone()),
    }
}

/// Keeps the last of several lines for one variable in files of NAME=VALUE, as a shell does. The
/// sources keep all, since all are masked. The same name from another kind of source is a conflict,
/// which the environment detects.
fn only_the_last(candidates: &mut Vec<ExportedSecret>) {
    let mut seen = std::collections::HashSet::new();
    candidates.reverse();
    candidates.retain(|candidate| {
        let is_variable = candidate.secret.name() == candidate.variable;
        !is_variable || seen.insert(candidate.variable.clone())
    });
    candidates.reverse();
}

fn failure(error: &EnvironmentError) -> Failure {
    let hint = match error {
        EnvironmentError::Conflict { .. } => "rename one of them, or keep it without exporting it",
        EnvironmentError::TooLong { .. } | EnvironmentError::Nul { .. } => "keep it in a file without exporting it",
        EnvironmentError::TooLarge { .. } => "keep large values in files without exporting them",
        _ => "rename it, or keep it without exporting it",
    };
    Failure::config(error.to_string()).hint(hint)
}
