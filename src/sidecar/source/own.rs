//! The sidecar's own files, which no stream follows: secrets, identities and keys, the state,
//! spools, and the files of sinks (rotated ones included, whichever program rotates them), of
//! standard output and of standard error.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, fstat};

use crate::sidecar::config::{OnAway, Outlet, Plan};
use crate::sidecar::sink::file::rotated_paths;
use crate::sys::file::{FileId, kind};
use crate::sys::rotation::is_rotated_from;

/// The maximum depth of directories, as for secrets.
const DEPTH_MAX: usize = 16;

/// Paths of the sidecar's own files, and of directories that hold only such files.
pub(crate) struct Own {
    paths: Vec<PathBuf>,
    /// The files of sinks, and their rotated ones.
    sinks: Vec<PathBuf>,
    /// Those of them that any program may rotate.
    rotating: Vec<PathBuf>,
}

/// The sidecar's own files at one moment.
pub(crate) struct OwnFiles {
    ids: HashMap<FileId, OwnFile>,
    /// The names of sinks, by their directories.
    sinks: HashMap<FileId, Vec<OsString>>,
}

/// A file of the sidecar's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnFile {
    /// A sink writes it: it lies among logs as a matter of course.
    OfSink,
    /// Its name is one that rotation gives to the file of a sink.
    RotatedOfSink,
    Other,
}

impl Own {
    /// Collects the files of a plan and of the secrets.
    pub(crate) fn new(plan: &Plan, secrets: &[PathBuf]) -> Own {
        let spools = plan.sinks.iter().filter_map(|sink| match &sink.away {
            OnAway::Spool(spool) => Some(spool.path.clone()),
            OnAway::Wait | OnAway::Drop => None,
        });
        let sinks = plan.sinks.iter().filter_map(|sink| match &sink.outlet {
            // In the order of renames in rotation, so that no file escapes the search.
            Outlet::File { path, rotate_keep, .. } => {
                Some(std::iter::once(path.clone()).chain(rotated_paths(path, *rotate_keep)))
            }
            _ => None,
        });
        let rotating = plan.sinks.iter().filter_map(|sink| match &sink.outlet {
            Outlet::File { path, .. } => Some(path.clone()),
            _ => None,
        });
        let made = plan.state.clone().into_iter().chain(spools);
        Own {
            paths: secrets.iter().cloned().chain(made).collect(),
            sinks: sinks.flatten().collect(),
            rotating: rotating.collect(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(paths: Vec<PathBuf>) -> Own {
        Own { paths, sinks: Vec::new(), rotating: Vec::new() }
    }

    /// The current identities of these files: a replaced secret has a new one.
    pub(crate) fn files(&self) -> OwnFiles {
        let gathered = |paths: &[PathBuf]| {
            let mut ids = HashSet::new();
            paths.iter().for_each(|path| gather(path, DEPTH_MAX, &mut ids));
            ids
        };
        let sinks = gathered(&self.sinks).into_iter().map(|file| (file, OwnFile::OfSink));
        let sinks = sinks.chain(standard().map(|file| (file, OwnFile::OfSink)));
        let ids = sinks.chain(gathered(&self.paths).into_iter().map(|file| (file, OwnFile::Other))).collect();
        let mut names: HashMap<FileId, Vec<OsString>> = HashMap::new();
        for path in &self.rotating {
            let directory = path.parent().and_then(|directory| fs::metadata(directory).ok());
            if let (Some(directory), Some(name)) = (directory, path.file_name()) {
                names.entry(FileId::from(&directory)).or_default().push(name.to_owned());
            }
        }
        OwnFiles { ids, sinks: names }
    }
}

impl OwnFiles {
    /// The role of a file with this name in this directory, if it is one of them.
    pub(crate) fn role(&self, file: FileId, directory: FileId, name: &OsStr) -> Option<OwnFile> {
        let is_rotated = || self.sinks.get(&directory)?.iter().any(|sink| is_rotated_from(name, sink)).then_some(());
        self.ids.get(&file).copied().or_else(|| is_rotated().map(|()| OwnFile::RotatedOfSink))
    }
}

/// The files of standard output and error: of sinks, and of messages about followed files.
fn standard() -> impl Iterator<Item = FileId> {
    let open = [fstat(std::io::stdout()), fstat(std::io::stderr())];
    open.into_iter().flatten().filter(|stat| kind(stat) == FileType::RegularFile).map(|stat| FileId::from(&stat))
}

/// Follows links, as the reader of secrets does: Kubernetes puts them behind two.
fn gather(path: &Path, depth: usize, ids: &mut HashSet<FileId>) {
    let Ok(found) = fs::metadata(path) else { return };
    if !found.is_dir() {
        ids.insert(FileId::from(&found));
    } else if depth > 0 {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| gather(&entry.path(), depth - 1, ids));
    }
}
