//! The exported environment: from candidates to one value a variable, or to an error that names the one that is wrong.

use crate::registry::{ExportedSecret, Rank, name};

/// The longest `NAME=VALUE`, with the NUL behind it, that Linux hands to a program, in bytes (`MAX_ARG_STRLEN`).
pub const ENTRY_LEN_MAX: usize = 128 << 10;

/// The most that all exported variables may need of what `exec` takes, in bytes.
///
/// Linux gives arguments and environment a quarter of the stack's limit, which is 2 MiB by default. The other half of that is
/// for what the programs have of their own.
pub const EXPORTED_BYTES_MAX: usize = 1 << 20;

/// Why candidates do not make an environment. No variant holds any part of a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// Two secrets would be exported under one name.
    #[error("{one} and {other} would both be exported as {variable}")]
    Conflict {
        /// The variable.
        variable: String,
        /// The name of the one.
        one: String,
        /// The name of the other.
        other: String,
    },
    /// Shells cannot name the variable.
    #[error("{secret} cannot be exported: the name of a variable is made of letters, digits and _")]
    Name {
        /// The secret's name.
        secret: String,
    },
    /// No program can be started with a variable of this name.
    #[error("{secret} cannot be exported: a variable's name is not empty, and holds no = or NUL")]
    NoName {
        /// The secret's name.
        secret: String,
    },
    /// Whoever sets the variable decides what programs do.
    #[error("{secret} cannot be exported as {variable}: that variable decides what programs do")]
    Reserved {
        /// The secret's name.
        secret: String,
        /// The variable.
        variable: String,
    },
    /// The value holds a NUL, which would end it.
    #[error("{secret} cannot be exported: no variable can hold a NUL byte")]
    Nul {
        /// The secret's name.
        secret: String,
    },
    /// No program could be started with this variable.
    #[error("{secret} cannot be exported: a variable holds no more than {} KiB", ENTRY_LEN_MAX >> 10)]
    TooLong {
        /// The secret's name.
        secret: String,
    },
    /// Too little would be left of what a program can be started with.
    #[error(
        "the variables come to more than {} KiB, with which no program might start; {variable} is the largest",
        EXPORTED_BYTES_MAX >> 10
    )]
    TooLarge {
        /// The largest variable.
        variable: String,
    },
}

/// Variables with different names, in the order of the names.
#[derive(Debug)]
pub struct Environment {
    variables: Vec<ExportedSecret>,
}

impl Environment {
    /// The environment of a machine, which shells read, too. Chooses among the candidates: secrets
    /// win over defaults, and private secrets over shared ones of the same name.
    ///
    /// # Errors
    ///
    /// When any candidate cannot be exported, also one that another wins over; there is no environment then.
    pub fn new(candidates: Vec<ExportedSecret>) -> Result<Environment, EnvironmentError> {
        match candidates.iter().find(|candidate| !is_variable(&candidate.variable)) {
            Some(candidate) => Err(EnvironmentError::Name { secret: candidate.secret.name().to_owned() }),
            None => Environment::of_export(candidates),
        }
    }

    /// As [`new`](Environment::new), for a [`Format`](super::Format), which decides for itself
    /// which names its readers take: `spring.datasource.password` is one for a container, and none
    /// for a shell.
    ///
    /// # Errors
    ///
    /// As [`new`](Environment::new), but for a name that only shells do not take.
    pub fn of_export(candidates: Vec<ExportedSecret>) -> Result<Environment, EnvironmentError> {
        candidates.iter().try_for_each(check_for_export)?;
        let environment = Environment::of_program(candidates)?;
        let total: usize = environment.variables.iter().map(ExportedSecret::exec_len).sum();
        if total > EXPORTED_BYTES_MAX {
            let largest = environment.variables.iter().max_by_key(|variable| variable.exec_len());
            let variable = largest.map_or_else(String::new, |variable| variable.variable.clone());
            return Err(EnvironmentError::TooLarge { variable });
        }
        Ok(environment)
    }

    /// As [`new`](Environment::new), for one program. Its caller chose it, and the file that a
    /// variable like `TZ` or `NODE_OPTIONS` comes from, so that only the names of hushlog are
    /// refused, and those that no program can be started with: `execve` takes any name without `=`
    /// and NUL. An environment that is too large shows where the program is started, with all that
    /// it inherits.
    ///
    /// # Errors
    ///
    /// When the name of any candidate cannot be that of a variable, or two of them are in conflict.
    pub fn of_program(mut candidates: Vec<ExportedSecret>) -> Result<Environment, EnvironmentError> {
        candidates.iter().try_for_each(check)?;
        // Stable: of equals, the first that was given stays.
        candidates.sort_by(|a, b| a.variable.cmp(&b.variable).then(b.rank.cmp(&a.rank)));
        let mut variables: Vec<ExportedSecret> = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            match variables.last() {
                Some(chosen) if chosen.variable == candidate.variable => agree(chosen, &candidate)?,
                _ => variables.push(candidate),
            }
        }
        Ok(Environment { variables })
    }

    /// All variables, secret or not.
    pub fn variables(&self) -> &[ExportedSecret] {
        &self.variables
    }

    /// Those that must not appear in logs.
    pub fn secrets(&self) -> impl Iterator<Item = &ExportedSecret> {
        self.variables.iter().filter(|variable| variable.is_secret())
    }
}

fn check(candidate: &ExportedSecret) -> Result<(), EnvironmentError> {
    let name = &candidate.variable;
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(EnvironmentError::NoName { secret: candidate.secret.name().to_owned() });
    }
    if candidate.variable.to_ascii_uppercase().starts_with(name::OWN_PREFIX) {
        return Err(reserved(candidate));
    }
    Ok(())
}

/// A variable that programs must not get unless it was chosen for them.
fn check_for_export(candidate: &ExportedSecret) -> Result<(), EnvironmentError> {
    check(candidate)?;
    let secret = || candidate.secret.name().to_owned();
    // In whatever case: zsh, for one, ties `path` to PATH.
    if name::is_reserved(&candidate.variable.to_ascii_uppercase()) {
        return Err(reserved(candidate));
    }
    if candidate.secret.expose().contains(&0) {
        return Err(EnvironmentError::Nul { secret: secret() });
    }
    if candidate.entry_len() > ENTRY_LEN_MAX {
        return Err(EnvironmentError::TooLong { secret: secret() });
    }
    Ok(())
}

fn reserved(candidate: &ExportedSecret) -> EnvironmentError {
    let (secret, variable) = (candidate.secret.name().to_owned(), candidate.variable.clone());
    EnvironmentError::Reserved { secret, variable }
}

/// Whether shells can name it.
pub(super) fn is_variable(name: &str) -> bool {
    let is_letter = |b: &u8| b.is_ascii_alphabetic() || *b == b'_';
    name.as_bytes().first().is_some_and(is_letter) && name.bytes().all(|b| is_letter(&b) || b.is_ascii_digit())
}

/// Whether a candidate may give way to the one that was chosen for its variable.
fn agree(chosen: &ExportedSecret, candidate: &ExportedSecret) -> Result<(), EnvironmentError> {
    let same_name = chosen.secret.name() == candidate.secret.name();
    let same_value = chosen.secret.expose() == candidate.secret.expose();
    let outranked = chosen.rank > candidate.rank && (same_name || candidate.rank == Rank::Default);
    if outranked || (same_name && same_value) {
        return Ok(());
    }
    Err(EnvironmentError::Conflict {
        variable: chosen.variable.clone(),
        one: chosen.secret.name().to_owned(),
        other: candidate.secret.name().to_owned(),
    })
}
