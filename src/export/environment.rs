//! The exported environment: turns candidates into one value for each variable, or names the
//! invalid one.

use crate::registry::{ExportedSecret, Rank, name};

/// The longest `NAME=VALUE` with its final NUL that Linux passes to a program, in bytes
/// (`MAX_ARG_STRLEN`).
pub const ENTRY_LEN_MAX: usize = 128 << 10;

/// The most `exec` space that all exported variables may need, in bytes.
///
/// Linux limits arguments and environment to a quarter of the stack's limit: 2 MiB by default. The
/// other half of that is left to the programs' own variables and arguments.
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
        /// The name of one secret.
        one: String,
        /// The name of the other secret.
        other: String,
    },
    /// Shells cannot name the variable.
    #[error("{secret} cannot be exported: the name of a variable consists of letters, digits and _")]
    Name {
        /// The secret's name.
        secret: String,
    },
    /// No program can be started with a variable of this name.
    #[error("{secret} cannot be exported: the name of a variable is not empty, and contains no = or NUL")]
    NoName {
        /// The secret's name.
        secret: String,
    },
    /// The variable determines the behavior of programs.
    #[error("{secret} cannot be exported as {variable}: that variable changes the behaviour of programs")]
    Reserved {
        /// The secret's name.
        secret: String,
        /// The variable.
        variable: String,
    },
    /// The value holds a NUL, which would terminate it.
    #[error("{secret} cannot be exported: a variable cannot hold a NUL byte")]
    Nul {
        /// The secret's name.
        secret: String,
    },
    /// No program could be started with this variable.
    #[error("{secret} cannot be exported: a variable holds at most {} KiB", ENTRY_LEN_MAX >> 10)]
    TooLong {
        /// The secret's name.
        secret: String,
    },
    /// The variables would leave too little `exec` space for a program's own.
    #[error(
        "the variables are larger than {} KiB together, and programs might not start with them; {variable} is the largest",
        EXPORTED_BYTES_MAX >> 10
    )]
    TooLarge {
        /// The largest variable.
        variable: String,
    },
}

/// Variables with distinct names, sorted by name.
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
    /// When any candidate cannot be exported, even one that loses to another. There is no
    /// environment then.
    pub fn new(candidates: Vec<ExportedSecret>) -> Result<Environment, EnvironmentError> {
        match candidates.iter().find(|candidate| !is_variable(&candidate.variable)) {
            Some(candidate) => Err(EnvironmentError::Name { secret: candidate.secret.name().to_owned() }),
            None => Environment::of_export(candidates),
        }
    }

    /// As [`new`](Environment::new), for a [`Format`](super::Format). The format decides which
    /// names its readers accept: `spring.datasource.password` is valid for a container, but not for
    /// a shell.
    ///
    /// # Errors
    ///
    /// As [`new`](Environment::new), except for a name that only shells reject.
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

    /// As [`new`](Environment::new), for one program. The caller chose the program, and the file
    /// that sets a variable such as `TZ` or `NODE_OPTIONS`. So only hushlog's own names are
    /// refused, and names with which no program can start: `execve` accepts any name without `=`
    /// and NUL. Starting the program detects an environment that is too large with everything that
    /// it inherits.
    ///
    /// # Errors
    ///
    /// When the name of any candidate cannot be that of a variable, or two candidates conflict.
    pub fn of_program(mut candidates: Vec<ExportedSecret>) -> Result<Environment, EnvironmentError> {
        candidates.iter().try_for_each(check)?;
        // The sort is stable: of equal candidates, the first one given stays.
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

    /// The variables that must not appear in logs.
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

/// Rejects a variable that programs must not get unless it was chosen for them.
fn check_for_export(candidate: &ExportedSecret) -> Result<(), EnvironmentError> {
    check(candidate)?;
    let secret = || candidate.secret.name().to_owned();
    // Regardless of case: zsh, for example, ties `path` to PATH.
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

/// Whether shells accept this name.
pub(super) fn is_variable(name: &str) -> bool {
    let is_letter = |b: &u8| b.is_ascii_alphabetic() || *b == b'_';
    name.as_bytes().first().is_some_and(is_letter) && name.bytes().all(|b| is_letter(&b) || b.is_ascii_digit())
}

/// Whether a candidate may give way to the one chosen for the same variable.
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
