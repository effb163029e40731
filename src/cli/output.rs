//! Output files that the user names. None may be a file that the command reads.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use hushlog::registry::{MACHINE_IDENTITY, MACHINE_REGISTRY};
use hushlog::source::{Interface, session, setting};
use hushlog::sys::file::FileId;
use hushlog::sys::output::{Output, is_link_refused};
use rustix::fs::{FileType, fstat, stat};

use super::message::{Failure, path_text, reason};
use super::source::SourceArgs;
use super::stdio;

/// The deepest directory below one of `--secret-file` that is examined, as in reading them.
const DEPTH_MAX: usize = 16;
/// The beginning of this program's reports: a brace, and one of these keys on the next line.
const REPORT_KEYS: &[&str] = &["bytes", "bytes_in", "calls_not_waited_for", "complete", "version"];

/// The files that a command reads or must not lose. None of them is overwritten.
pub(crate) struct Inputs {
    files: Vec<(FileId, String)>,
    /// Directories in which every file is a value.
    values: Vec<(FileId, String)>,
}

impl Inputs {
    /// The files of these sources, the usual key files, and standard input. None of them is opened.
    pub(crate) fn new(sources: &SourceArgs) -> Result<Inputs, Failure> {
        let mut inputs = Inputs { files: Vec::new(), values: Vec::new() };
        for (item, path) in sources.spec()?.read_paths() {
            inputs.add(&path, &format!("a file of {}", item.name(Interface::CommandLine)), DEPTH_MAX);
        }
        for variable in [setting::REGISTRY, setting::IDENTITY, setting::SIGN] {
            inputs.add_all(setting::path(variable)?, &format!("the file that {variable} names"));
        }
        let own = ["registry.yaml", "identity.txt", "signing.pem"].into_iter().filter_map(setting::configuration);
        inputs.add_all(own, "one of hushlog's own files");
        inputs.add_all([MACHINE_REGISTRY, MACHINE_IDENTITY].map(PathBuf::from), "one of hushlog's own files");
        inputs.add_all([session::session_dir()?.session()], "the session");
        inputs.add_all(session::credential_file(), "the session");
        inputs.add_stream(io::stdin(), "standard input");
        Ok(inputs)
    }

    /// Adds files to read or to scrub.
    pub(crate) fn and(mut self, paths: &[PathBuf]) -> Inputs {
        for path in paths.iter().filter(|path| fs::metadata(path).is_ok_and(|found| found.is_file())) {
            self.add(path, &path_text(path), 0);
        }
        self
    }

    fn add_all(&mut self, paths: impl IntoIterator<Item = PathBuf>, name: &str) {
        paths.into_iter().for_each(|path| self.add(&path, name, 0));
    }

    /// Adds a file. A missing or inaccessible one is reported when it is read.
    fn add(&mut self, path: &Path, name: &str, depth: usize) {
        let Ok(found) = stat(path) else { return };
        let into = match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => &mut self.files,
            FileType::Directory if depth > 0 => &mut self.values,
            _ => return,
        };
        into.push((FileId::from(&found), name.to_owned()));
        if depth > 0 && FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.for_each(|entry| self.add(&entry.path(), name, depth - 1));
        }
    }

    fn add_stream(&mut self, stream: impl AsFd, name: &str) {
        let found = fstat(stream).ok();
        let found = found.filter(|found| FileType::from_raw_mode(found.st_mode) == FileType::RegularFile);
        self.files.extend(found.map(|found| (FileId::from(&found), name.to_owned())));
    }

    /// The file that an output would overwrite, if any.
    fn clash(mut self, output: &Output) -> Option<String> {
        if output.descriptor().is_none() {
            // The user asked to write to the descriptor itself; replacing its file would lose its
            // contents.
            self.add_stream(io::stdout(), "standard output");
            self.add_stream(io::stderr(), "standard error");
        }
        let same = |known: &[(FileId, String)], file: FileId| {
            known.iter().find(|(id, _)| *id == file).map(|(_, name)| name.clone())
        };
        let over = output.file().and_then(|file| same(&self.files, file)).map(|name| format!("it is {name}"));
        over.or_else(|| {
            let path = output.path()?;
            let within = path.ancestors().skip(1).filter_map(|parent| stat(parent).ok());
            let name = within.into_iter().find_map(|parent| same(&self.values, FileId::from(&parent)))?;
            Some(format!("its directory holds {name}, so it would be read as a value"))
        })
    }
}

/// Opens the file that an option names. Fails, before any input is read, if it is not writable, or
/// is one of the inputs.
pub(crate) fn named(option: &str, path: &Path, inputs: Inputs) -> Result<Output, Failure> {
    let fail = |text: &str| Failure::config(format!("cannot write the file of {option}: {text}"));
    let output = Output::new(path).map_err(|error| match is_link_refused(&error) {
        true => fail("it goes through a symbolic link that another user may have placed")
            .hint("no input was read; use a path without links"),
        false => fail(&reason(&error)).hint("no input was read"),
    })?;
    let is_closed =
        |number: i32| usize::try_from(number).ok().and_then(|number| stdio::inherited().closed().get(number).copied());
    if output.descriptor().and_then(is_closed) == Some(true) {
        return Err(fail("that descriptor is closed").hint("no input was read"));
    }
    match inputs.clash(&output) {
        Some(why) => Err(fail(&why).hint("no input was read; choose another file")),
        None => Ok(output),
    }
}

/// Fails if a report would replace one of the files in a directory that is about to change. Reports
/// of an earlier run are no loss.
pub(crate) fn refuse_within(
    output: &Output,
    directories: &[PathBuf],
    is_wanted: impl Fn(&Path) -> bool,
    recursive: bool,
) -> Result<(), Failure> {
    let (Some(path), true) = (output.path(), output.file().is_some()) else { return Ok(()) };
    for directory in directories {
        let Ok(id) = stat(directory).map(|found| FileId::from(&found)) else { continue };
        let holds = |parent: &&Path| stat(*parent).is_ok_and(|found| FileId::from(&found) == id);
        let parents = path.ancestors().skip(1).take(if recursive { usize::MAX } else { 1 });
        let Some(parent) = parents.into_iter().find(holds) else { continue };
        let below = path.strip_prefix(parent).unwrap_or(&path);
        if is_wanted(below) && !is_report(&path) {
            let directory = path_text(directory);
            let text = format!("cannot write the file of --report: it is one of the files in {directory}");
            return Err(Failure::config(text).hint("no input was read; choose a file elsewhere"));
        }
    }
    Ok(())
}

/// Whether a file is empty, or begins like a report.
fn is_report(path: &Path) -> bool {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(40).read_to_string(&mut text));
    let is_key = |key: &&str| {
        text.strip_prefix("{\n  \"")
            .and_then(|text| text.strip_prefix(*key))
            .is_some_and(|rest| rest.starts_with("\": "))
    };
    read.is_ok() && (text.is_empty() || REPORT_KEYS.iter().any(is_key))
}
