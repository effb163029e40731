//! From what the sources gave to the environment that is exported: what `export` and `boot` have in common.

use hushlog::inject::{Environment, EnvironmentError, Rank, Variable};
use hushlog::registry::name;

use super::message::Failure;
use super::source::{Loaded, Origin, Sourced};

/// The environment that these make. What is only to be masked is left out.
pub(crate) fn environment(loaded: Loaded) -> Result<Environment, Failure> {
    let candidates = loaded.secrets.into_iter().filter_map(|sourced| variable(sourced).transpose());
    let mut candidates: Vec<Variable> = candidates.collect::<Result<_, _>>()?;
    only_the_last(&mut candidates);
    candidates.extend(loaded.defaults.into_iter().map(|(name, value)| Variable::default(name, value)));
    Environment::new(candidates).map_err(|error| failure(&error))
}

/// The variable that a secret is exported as; none if it is not.
fn variable(sourced: Sourced) -> Result<Option<Variable>, Failure> {
    let Sourced { secret, origin, .. } = sourced;
    let (variable, version, rank) = match origin {
        Origin::Environment | Origin::Dotenv => (secret.name().to_owned(), String::new(), Rank::Shared),
        Origin::File => {
            let variable = name::variable(secret.name()).map_err(|error| {
                Failure::config(format!("{} cannot be exported: {error}", secret.name()))
                    .hint("rename the file; openai-api-key is exported as OPENAI_API_KEY")
            })?;
            (variable, String::new(), Rank::Shared)
        }
        Origin::Session { current: false, .. } | Origin::Registry { install: false, .. } => return Ok(None),
        Origin::Session { variable, version, .. } => (variable, version, Rank::Shared),
        Origin::Registry { variable, version, rank, .. } => (variable, version, rank),
    };
    Ok(Some(Variable::new(variable, secret, version, rank)))
}

/// Of several lines for one variable in files of NAME=VALUE the last counts, as in a shell: the sources keep all, since all are
/// to be masked. The same name from another kind of source is a conflict, which the environment finds.
fn only_the_last(candidates: &mut Vec<Variable>) {
    let mut seen = std::collections::HashSet::new();
    candidates.reverse();
    candidates.retain(|candidate| {
        let is_variable = candidate.secret().name() == candidate.name();
        !is_variable || seen.insert(candidate.name().to_owned())
    });
    candidates.reverse();
}

fn failure(error: &EnvironmentError) -> Failure {
    let hint = match error {
        EnvironmentError::Conflict { .. } => "rename one of them, or keep it without exporting it",
        EnvironmentError::TooLong { .. } | EnvironmentError::Nul { .. } => {
            "keep it without exporting it, and let programs read it from a file"
        }
        EnvironmentError::TooLarge { .. } => {
            "keep large values without exporting them, and let programs read them from files"
        }
        _ => "rename it, or keep it without exporting it",
    };
    Failure::config(error.to_string()).hint(hint)
}
