//! Where secrets come from: the environment, dotenv files, files and directories.
//!
//! A source that is missing, cannot be read or gives nothing ends the program before it reads any input. Messages tell a
//! source by its option and number, and a path only when it exists: what does not may be a secret that was given by mistake.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use glob::Pattern;
use hushlog::Secret;
use hushlog::redact::build::NEEDLE_BYTES_MAX;

use super::args::SourceArgs;
use super::message::{Failure, note, printable, reason, warning};
use super::{dotenv, wellknown};

/// The deepest directory below a `--secret-file` directory that is read; a loop of links is deeper.
const DEPTH_MAX: usize = 16;

/// Reads all secrets of all sources.
pub(crate) fn load(args: &SourceArgs, quiet: bool) -> Result<Vec<Secret>, Failure> {
    if args.env.is_empty() && args.dotenv.is_empty() && args.secret_file.is_empty() {
        return from_well_known(args.allow_empty, quiet);
    }
    let mut secrets = Vec::new();
    for (number, glob) in (1..).zip(&args.env) {
        add(&mut secrets, args.allow_empty, from_environment(&Source { option: "--env", number }, glob)?)?;
    }
    for (number, path) in (1..).zip(&args.dotenv) {
        add(&mut secrets, args.allow_empty, from_dotenv(&Source { option: "--dotenv", number }, path, quiet)?)?;
    }
    for (number, path) in (1..).zip(&args.secret_file) {
        add(&mut secrets, args.allow_empty, from_path(&Source { option: "--secret-file", number }, path)?)?;
    }
    Ok(secrets)
}

/// What one source gave, and how to speak of it when it gave nothing.
struct Found {
    secrets: Vec<Secret>,
    nothing: String,
}

fn add(all: &mut Vec<Secret>, allow_empty: bool, found: Found) -> Result<(), Failure> {
    if !allow_empty && found.secrets.iter().all(|secret| secret.expose().trim_ascii().is_empty()) {
        return Err(Failure::config(found.nothing).hint("--allow-empty runs without"));
    }
    all.extend(found.secrets);
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

/// The variables of the environment that are chosen by name and value, in the order of their names. `std::env::vars` would panic
/// on one that is not UTF-8, and print it.
fn environment(is_chosen: impl Fn(&str, &[u8]) -> bool) -> Vec<Secret> {
    let all = std::env::vars_os().map(|(name, value)| (printable(name.as_bytes()), value.into_vec()));
    let chosen = all.filter(|(name, value)| is_chosen(name, value));
    let mut secrets: Vec<Secret> = chosen.map(|(name, value)| Secret::new(name, value)).collect();
    secrets.sort_by(|a, b| a.name().cmp(b.name()));
    secrets
}

fn from_environment(source: &Source, glob: &OsStr) -> Result<Found, Failure> {
    let invalid = || {
        Failure::config(format!("{} is not a valid pattern", source.describe()))
            .hint("a pattern is matched against names of variables, as 'PROD_*'")
    };
    let pattern = Pattern::new(glob.to_str().ok_or_else(invalid)?).map_err(|_| invalid())?;
    let secrets = environment(|name, _| pattern.matches(name));
    Ok(Found { secrets, nothing: format!("{} matches no variable with a value", source.describe()) })
}

/// Without any source: what is usually secret.
fn from_well_known(allow_empty: bool, quiet: bool) -> Result<Vec<Secret>, Failure> {
    let secrets = environment(wellknown::is_secret);
    let names: Vec<&str> = secrets.iter().map(Secret::name).collect();
    if !quiet && !names.is_empty() {
        note(&format!("no source was given; masking the well-known variables: {}", names.join(", ")));
    }
    let nothing = "no source was given, and no well-known variable of the environment has a value".to_owned();
    let mut all = Vec::new();
    add(&mut all, allow_empty, Found { secrets, nothing })
        .map_err(|failure| failure.hint("give --env, --dotenv or --secret-file; --allow-empty runs without any"))?;
    Ok(all)
}

fn from_dotenv(source: &Source, path: &Path, quiet: bool) -> Result<Found, Failure> {
    let file = read(path).map_err(|error| source.unreadable(path, &error))?;
    let entries = dotenv::parse(&file).map_err(|error| {
        Failure::config(format!("{}:{}: {}", show(path), error.line, error.problem))
            .hint("lines are NAME=VALUE, with quotes as in shells")
    })?;
    let referring: Vec<&str> = entries.iter().filter(|e| e.refers).map(|e| e.name.as_str()).collect();
    if !referring.is_empty() && !quiet {
        warning(&format!("taken as it stands, though it refers to other variables: {}", referring.join(", ")));
    }
    let secrets = entries.into_iter().map(|entry| Secret::new(entry.name, entry.value)).collect();
    Ok(Found { secrets, nothing: format!("{} ({}) holds no value", source.describe(), show(path)) })
}

fn from_path(source: &Source, path: &Path) -> Result<Found, Failure> {
    let mut secrets = Vec::new();
    if fs::metadata(path).map_err(|error| source.unreadable(path, &error))?.is_dir() {
        from_directory(source, path, "", DEPTH_MAX, &mut secrets)?;
    } else {
        let name = printable(path.file_name().unwrap_or_default().as_bytes());
        let value = read(path).map_err(|error| source.unreadable(path, &error))?;
        secrets.push(Secret::new(name, without_newlines(value)));
    }
    Ok(Found { secrets, nothing: format!("{} ({}) holds no value", source.describe(), show(path)) })
}

/// Reads a directory as Docker, Kubernetes and systemd lay them out. Each file is named after its path below the directory.
fn from_directory(
    source: &Source,
    directory: &Path,
    prefix: &str,
    depth: usize,
    secrets: &mut Vec<Secret>,
) -> Result<(), Failure> {
    for entry in entries(directory).map_err(|error| source.unreadable(directory, &error))? {
        let path = directory.join(&entry);
        let name = format!("{prefix}{}", printable(entry.as_bytes()));
        let kind = fs::metadata(&path).map_err(|error| source.unreadable(&path, &error))?.file_type();
        if kind.is_dir() && depth > 0 {
            from_directory(source, &path, &format!("{name}/"), depth - 1, secrets)?;
        } else if kind.is_file() {
            let value = read(&path).map_err(|error| source.unreadable(&path, &error))?;
            secrets.push(Secret::new(name, without_newlines(value)));
        } else {
            // A FIFO would be waited for, and a link to the directory itself followed for ever.
            let problem = if kind.is_dir() { "too many directories deep" } else { "neither a file nor a directory" };
            return Err(Failure::config(format!("cannot read {}: {problem}", show(&path))));
        }
    }
    Ok(())
}

/// The names in a directory, sorted, but those that begin with two dots: a Kubernetes volume keeps its versions there, and
/// links to them by their proper names.
fn entries(directory: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name());
    }
    names.retain(|name| !name.as_bytes().starts_with(b".."));
    names.sort();
    Ok(names)
}

/// A whole file, or pipe, up to the size that could ever be masked.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let limit = NEEDLE_BYTES_MAX as u64 + 1;
    if File::open(path)?.take(limit).read_to_end(&mut content)? as u64 == limit {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

/// Editors and `echo` end files with a newline, which is no part of the secret: masking it would join lines of the log.
fn without_newlines(mut value: Vec<u8>) -> Vec<u8> {
    let end = value.iter().rposition(|b| !b"\r\n".contains(b)).map_or(0, |last| last + 1);
    value.truncate(end);
    value
}
