//! The input of the filter: standard input, or files in turn, as `cat` reads them.
//!
//! The files are one stream, so that a secret may begin in one and end in the next. All of them are
//! checked before any is read; each is opened when its turn comes, since opening a FIFO waits for
//! its writer.

use std::cell::OnceCell;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use hushlog::Redactor;
use hushlog::io::{PumpError, PumpOptions, PumpSummary, Relay};
use hushlog::registry::nearest;
use hushlog::sys::input::Input;
use rustix::fs::{Access, AtFlags, CWD, FileType, accessat, fstat};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::message::{Failure, reason, typed_path};
use super::stdio;

/// Descriptors that the program needs besides its input.
const OTHER_DESCRIPTORS: u64 = 64;

/// The inputs of the filter, in their order; `None` is standard input.
pub(crate) struct FilterInput {
    inputs: Vec<(String, Option<Input>)>,
    /// The sum of the sizes, if all are regular files.
    pub(crate) size: Option<u64>,
}

/// The failure of a stream.
pub(crate) struct InputError {
    pub(crate) error: PumpError,
    /// The name of the input in messages.
    pub(crate) name: String,
}

impl FilterInput {
    /// Finds these files; without any, takes standard input. `commands` gives the names of the
    /// program's commands, for which a path may be a typing error.
    pub(crate) fn find(paths: &[PathBuf], commands: fn() -> Vec<String>) -> Result<FilterInput, Failure> {
        let standard = [PathBuf::from("-")];
        let paths = if paths.is_empty() { &standard } else { paths };
        let mut inputs = FilterInput { inputs: Vec::new(), size: Some(0) };
        for (number, path) in (1..).zip(paths) {
            let unnamed = if paths.len() == 1 { "the file".to_owned() } else { format!("file number {number}") };
            let name = typed_path(path).unwrap_or(unnamed);
            match path.as_os_str() == "-" {
                true => {
                    stdio::check_input()?;
                    stdio::check_apart()?;
                    let size = fstat(io::stdin()).ok().filter(stdio::is_regular).map(|found| found.st_size);
                    inputs.add("the input".to_owned(), None, size.and_then(|size| u64::try_from(size).ok()));
                }
                false => {
                    let input = find(path, &name, commands)?;
                    let size = input.size();
                    inputs.add(name, Some(input), size);
                }
            }
        }
        Ok(inputs)
    }

    fn add(&mut self, name: String, input: Option<Input>, size: Option<u64>) {
        self.inputs.push((name, input));
        self.size = self.size.zip(size).map(|(sum, size)| sum + size);
    }

    /// Redacts all of it to standard output.
    pub(crate) fn pump(self, redactor: &mut Redactor, options: &PumpOptions) -> Result<PumpSummary, InputError> {
        allow_descriptors(self.inputs.len() as u64);
        let (stdin, stdout) = (io::stdin(), io::stdout());
        let opened: Vec<OnceCell<File>> = self.inputs.iter().map(|_| OnceCell::new()).collect();
        let mut relay = Relay::new(stdin.as_fd(), stdout.as_fd(), redactor, options);
        for ((name, input), cell) in self.inputs.into_iter().zip(&opened) {
            let fd: io::Result<BorrowedFd<'_>> = match input {
                None => Ok(stdin.as_fd()),
                Some(input) => input.open().map(|file| cell.get_or_init(|| file).as_fd()),
            };
            let ran = fd.map_err(PumpError::Input).and_then(|fd| {
                relay.set_input(fd);
                relay.run(None)
            });
            match ran {
                Ok(_) => {}
                // The end of the input so far, as at the end of a stream.
                Err(error @ PumpError::Input(_)) => {
                    let ended = relay.finish().map_err(|error| InputError { error, name: String::new() });
                    return ended.and(Err(InputError { error, name }));
                }
                Err(error) => return Err(InputError { error, name }),
            }
        }
        relay.finish().map_err(|error| InputError { error, name: String::new() })
    }
}

/// Finds a file that can be read, and is not the output.
fn find(path: &Path, name: &str, commands: fn() -> Vec<String>) -> Result<Input, Failure> {
    let cannot = |error: io::Error| Failure::config(format!("cannot read {name}: {}", reason(&error)));
    let input = Input::find(path).map_err(|error| {
        let hint = mistyped(path, &commands());
        cannot(error)
            .hint(hint.unwrap_or_else(|| "nothing was read; secrets are never given on the command line".to_owned()))
    })?;
    if input.kind() == FileType::Directory {
        return Err(Failure::config(format!("{name} is a directory"))
            .hint("hushlog scrub --recursive masks the files of a directory, in place"));
    }
    accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS)
        .map_err(|error| cannot(error.into()).hint("nothing was read"))?;
    if input.file_id().is_some() && input.file_id() == stdio::output_file() {
        return Err(Failure::config(format!("{name} is also the output"))
            .hint("write to another file, or mask it where it is: hushlog scrub FILE"));
    }
    Ok(input)
}

/// The hint for a missing file whose name is that of a command, or nearly.
fn mistyped(path: &Path, commands: &[String]) -> Option<String> {
    let word = path.to_str()?;
    if commands.iter().any(|command| command == word) {
        return Some(format!("{word} is a command: its options go after it, as in hushlog {word} --help"));
    }
    let near = nearest(word, commands.iter().map(String::as_str));
    near.map(|name| format!("files are read as cat does; did you mean the command {name}?"))
}

/// Raises the limit on open files if these would exceed it.
fn allow_descriptors(files: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    let needed = files + OTHER_DESCRIPTORS;
    if limit.current.is_some_and(|current| current < needed) {
        limit.current = Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed)));
        // Refused, the files are read as far as the limit allows, and the failure is reported.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
