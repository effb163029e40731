//! Secrets from files: dotenv files, files of one value, and directories of such files.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::FileType;
use zeroize::Zeroizing;

use super::credential_files::CredentialFile;
use super::dotenv;
use super::error::{SourceError, SourceErrorKind};
use super::item::Item;
use crate::redact::build::NEEDLE_BYTES_MAX;
use crate::redact::secret::Secret;
use crate::redact::text;
use crate::sys::input::Input;

/// The most directory levels read below a secret file's directory. A loop of links is deeper.
const DEPTH_MAX: usize = 16;
/// The longest file that a variable names, in bytes. The file was guessed, so that a larger one
/// must not make the set too large.
const GUESSED_LEN_MAX: usize = 1 << 20;

/// A file of NAME=VALUE lines, as all dialects read it. A file in which none of them finds a
/// variable, but text, is an error.
pub(super) fn dotenv(item: Item, path: &Path) -> Result<dotenv::File, SourceError> {
    let content = Input::find(path).and_then(read).map(Zeroizing::new).map_err(unreadable(item, path))?;
    let file = dotenv::parse(&content);
    match file.unread.first() {
        Some(line) if file.entries.is_empty() => Err(SourceErrorKind::Syntax { line: *line }.at(item).path(path)),
        _ => Ok(file),
    }
}

/// The content of a credential file, if there is one.
pub(super) fn credential_file(item: Item, file: &CredentialFile) -> Result<Option<Secret>, SourceError> {
    let unreadable = unreadable(item, &file.path);
    match Input::find(&file.path) {
        Ok(input) if input.kind() == FileType::RegularFile => {
            let value = without_newlines(read(input).map_err(unreadable)?);
            Ok(Some(value).filter(|value| !value.is_empty()).map(|value| Secret::new(file.name.clone(), value)))
        }
        Ok(_) => Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// The content of a file, or of every file below a directory.
pub(super) fn value_or_directory(item: Item, path: &Path) -> Result<Vec<Secret>, SourceError> {
    let mut secrets = Vec::new();
    let input = Input::find(path).map_err(unreadable(item, path))?;
    if input.kind() == FileType::Directory {
        below(item, &input, path, "", DEPTH_MAX, &mut secrets)?;
    } else {
        let name = text::name(path.file_name().unwrap_or_default().as_bytes());
        let value = read(input).map_err(unreadable(item, path))?;
        secrets.push(Secret::new(name, without_newlines(value)));
    }
    Ok(secrets)
}

/// The content of a file that a variable names. The variable was found by its name, so that the
/// file is read only if it is one, and not a device or a FIFO.
pub(super) fn named_by_variable(path: &Path) -> io::Result<Vec<u8>> {
    let input = Input::find(path)?;
    if input.kind() != FileType::RegularFile {
        return Err(ErrorKind::InvalidInput.into());
    }
    read_up_to(input, GUESSED_LEN_MAX).map(without_newlines)
}

/// Reads a directory as Docker, Kubernetes and systemd lay them out. The path below the directory
/// names each secret.
fn below(
    item: Item,
    directory: &Input,
    path: &Path,
    prefix: &str,
    depth: usize,
    secrets: &mut Vec<Secret>,
) -> Result<(), SourceError> {
    for entry in entries(directory).map_err(unreadable(item, path))? {
        let path = path.join(&entry);
        let name = format!("{prefix}{}", text::name(entry.as_bytes()));
        // Opens each path from its beginning: one descriptor at a time is enough, and the rule for
        // links applies to the whole path.
        let input = Input::find(&path).map_err(unreadable(item, &path))?;
        let is_directory = input.kind() == FileType::Directory;
        if is_directory && depth > 0 {
            below(item, &input, &path, &format!("{name}/"), depth - 1, secrets)?;
        } else if input.kind() == FileType::RegularFile {
            let value = read(input).map_err(unreadable(item, &path))?;
            secrets.push(Secret::new(name, without_newlines(value)));
        } else {
            // Opening a FIFO would block, and a link to the directory itself would never end.
            let problem = if is_directory { "nested too deep" } else { "neither a file nor a directory" };
            return Err(SourceErrorKind::Unsuitable { problem }.at(item).path(&path));
        }
    }
    Ok(())
}

fn unreadable(item: Item, path: &Path) -> impl Fn(io::Error) -> SourceError {
    move |error| SourceErrorKind::Read(error).at(item).path(path)
}

/// The sorted names in a directory, except those that begin with two dots: a Kubernetes volume
/// keeps its versions there, and links to them by their proper names.
fn entries(directory: &Input) -> io::Result<Vec<OsString>> {
    let mut names = directory.names()?;
    names.retain(|name| !name.as_bytes().starts_with(b".."));
    Ok(names)
}

/// Reads a whole file or pipe, up to the size that could ever be masked.
fn read(input: Input) -> io::Result<Vec<u8>> {
    read_up_to(input, NEEDLE_BYTES_MAX)
}

fn read_up_to(input: Input, len_max: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let limit = len_max as u64 + 1;
    if input.open()?.take(limit).read_to_end(&mut content)? as u64 == limit {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

/// Removes final newlines. Editors and `echo` add a newline that is no part of the secret; masking
/// it would join lines of the log.
fn without_newlines(mut value: Vec<u8>) -> Vec<u8> {
    let end = value.iter().rposition(|b| !b"\r\n".contains(b)).map_or(0, |last| last + 1);
    value.truncate(end);
    value
}
