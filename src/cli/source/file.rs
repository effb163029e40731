//! Secrets from files: dotenv files, files of one value, directories of such.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hushlog::Secret;
use hushlog::redact::build::NEEDLE_BYTES_MAX;
use hushlog::source::dotenv as syntax;
use hushlog::sys::input::Input;
use rustix::fs::FileType;

use super::super::message::{Failure, printable, warning};
use super::{Found, Source, show};

/// The deepest directory below a `--secret-file` directory that is read; a loop of links is deeper.
const DEPTH_MAX: usize = 16;

/// The entries of a file of NAME=VALUE lines.
pub(super) fn dotenv(source: &Source, path: &Path, quiet: bool) -> Result<Found, Failure> {
    let file = Input::find(path).and_then(read).map_err(|error| source.unreadable(path, &error))?;
    let entries = syntax::parse(&file).map_err(|error| {
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

/// A file's content, or that of every file below a directory.
pub(super) fn value_or_directory(source: &Source, path: &Path) -> Result<Found, Failure> {
    let mut secrets = Vec::new();
    let input = Input::find(path).map_err(|error| source.unreadable(path, &error))?;
    if input.kind() == FileType::Directory {
        below(source, &input, path, "", DEPTH_MAX, &mut secrets)?;
    } else {
        let name = printable(path.file_name().unwrap_or_default().as_bytes());
        let value = read(input).map_err(|error| source.unreadable(path, &error))?;
        secrets.push(Secret::new(name, without_newlines(value)));
    }
    Ok(Found { secrets, nothing: format!("{} ({}) holds no value", source.describe(), show(path)) })
}

/// Reads a directory as Docker, Kubernetes and systemd lay them out. Each file is named after its path below the directory.
fn below(
    source: &Source,
    directory: &Input,
    path: &Path,
    prefix: &str,
    depth: usize,
    secrets: &mut Vec<Secret>,
) -> Result<(), Failure> {
    for entry in entries(directory).map_err(|error| source.unreadable(path, &error))? {
        let path = path.join(&entry);
        let name = format!("{prefix}{}", printable(entry.as_bytes()));
        // Anew from its beginning: one descriptor at a time is enough, and the rule for links holds
        // for all of the path.
        let input = Input::find(&path).map_err(|error| source.unreadable(&path, &error))?;
        let is_directory = input.kind() == FileType::Directory;
        if is_directory && depth > 0 {
            below(source, &input, &path, &format!("{name}/"), depth - 1, secrets)?;
        } else if input.kind() == FileType::RegularFile {
            let value = read(input).map_err(|error| source.unreadable(&path, &error))?;
            secrets.push(Secret::new(name, without_newlines(value)));
        } else {
            // A FIFO would be waited for, and a link to the directory itself followed for ever.
            let problem = if is_directory { "too many directories deep" } else { "neither a file nor a directory" };
            return Err(Failure::config(format!("cannot read {}: {problem}", show(&path))));
        }
    }
    Ok(())
}

/// The names in a directory, sorted, but those that begin with two dots: a Kubernetes volume keeps its versions there, and
/// links to them by their proper names.
fn entries(directory: &Input) -> io::Result<Vec<OsString>> {
    let mut names = directory.names()?;
    names.retain(|name| !name.as_bytes().starts_with(b".."));
    Ok(names)
}

/// A whole file, or pipe, up to the size that could ever be masked.
fn read(input: Input) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let limit = NEEDLE_BYTES_MAX as u64 + 1;
    if input.open()?.take(limit).read_to_end(&mut content)? as u64 == limit {
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
