//! Where secrets come from: the environment, dotenv files, files and directories.
//!
//! A source that is missing, cannot be read or gives nothing ends the program before it reads any input. Messages tell a
//! source by its option and number, and a path only when it exists: what does not may be a secret that was given by mistake.

mod dotenv;
mod environment;
mod file;
pub(crate) mod wellknown;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use hushlog::Secret;

use super::message::{Failure, printable, reason};

/// Where the secrets come from. Never the command line itself: it is shown to every user of the machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sources of secrets")]
pub(crate) struct SourceArgs {
    /// Mask the values of the environment variables whose names match, as 'PROD_*'
    ///
    /// `*`, `?` and `[...]` are understood, and upper and lower case differ. A pattern that matches no variable with a
    /// value is an error. May be repeated, as all sources may. Without any source, the variables with well-known
    /// names are masked; standard error tells which.
    #[arg(long, value_name = "GLOB")]
    pub(crate) env: Vec<OsString>,

    /// Mask the values in a file of NAME=VALUE lines
    ///
    /// Quotes are understood as in shells, also over several lines; so are `export`, comments, and `\n` in double
    /// quotes. References to other variables are not followed; a warning names the values that hold one.
    #[arg(long, value_name = "FILE")]
    pub(crate) dotenv: Vec<PathBuf>,

    /// Mask the content of a file, or of every file below a directory such as /run/secrets
    ///
    /// A file is one value, without the newlines at its end, and is named after the file. Symbolic links are followed,
    /// and entries that begin with `..` are passed over, as Kubernetes lays such directories out.
    #[arg(long, value_name = "PATH")]
    pub(crate) secret_file: Vec<PathBuf>,

    /// Run even if a source, or all together, give nothing to mask
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// A secret, and whether it is handed on to a child.
pub(crate) struct Sourced {
    /// Named after the variable or file that it comes from.
    pub(crate) secret: Secret,
    /// Whether `run` puts it into the environment of its child, which has what our own environment holds anyway. Of several
    /// with one name the last counts.
    pub(crate) injected: bool,
    /// Whether the name is that of a variable as it stands, and is not turned into one.
    pub(crate) is_variable: bool,
}

/// Reads all secrets of all sources.
pub(crate) fn load(args: &SourceArgs, quiet: bool) -> Result<Vec<Sourced>, Failure> {
    let mut all = Vec::new();
    if args.env.is_empty() && args.dotenv.is_empty() && args.secret_file.is_empty() {
        let found = environment::well_known(quiet);
        add(&mut all, args.allow_empty, false, found)
            .map_err(|failure| failure.hint("give --env, --dotenv or --secret-file; --allow-empty runs without any"))?;
    }
    for (number, glob) in (1..).zip(&args.env) {
        let found = environment::matching(&Source { option: "--env", number }, glob)?;
        add(&mut all, args.allow_empty, false, found)?;
    }
    for (number, path) in (1..).zip(&args.dotenv) {
        let found = file::dotenv(&Source { option: "--dotenv", number }, path, quiet)?;
        let before = all.len();
        add(&mut all, args.allow_empty, true, found)?;
        all[before..].iter_mut().for_each(|variable| variable.is_variable = true);
    }
    for (number, path) in (1..).zip(&args.secret_file) {
        let found = file::value_or_directory(&Source { option: "--secret-file", number }, path)?;
        add(&mut all, args.allow_empty, true, found)?;
    }
    Ok(all)
}

/// What one source gave, and how to speak of it when it gave nothing.
struct Found {
    secrets: Vec<Secret>,
    nothing: String,
}

fn add(all: &mut Vec<Sourced>, allow_empty: bool, injected: bool, found: Found) -> Result<(), Failure> {
    if !allow_empty && found.secrets.iter().all(|secret| secret.expose().trim_ascii().is_empty()) {
        return Err(Failure::config(found.nothing).hint("--allow-empty runs without"));
    }
    all.extend(found.secrets.into_iter().map(|secret| Sourced { secret, injected, is_variable: false }));
    Ok(())
}

/// A source as messages tell it.
struct Source {
    option: &'static str,
    number: usize,
}

impl Source {
    fn describe(&self) -> String {
        format!("{} number {}", self.option, self.number)
    }

    /// A path that could not be read. It is named if it exists.
    fn unreadable(&self, path: &Path, error: &io::Error) -> Failure {
        let shown = if fs::symlink_metadata(path).is_ok() { format!(" ({})", show(path)) } else { String::new() };
        Failure::config(format!("cannot read {}{shown}: {}", self.describe(), reason(error)))
            .hint("no input was read; the option takes the path of a file, not a value")
    }
}

fn show(path: &Path) -> String {
    printable(path.as_os_str().as_bytes())
}
