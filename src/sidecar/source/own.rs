//! The sidecar's own files, which no stream follows: secrets, identities and keys, the state,
//! spools, and the files of sinks (rotated ones included), of standard output and of standard
//! error.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, fstat};

use crate::sidecar::config::{OnAway, Outlet, Plan};
use crate::sidecar::sink::file::rotated_paths;
use crate::sys::file::{FileId, kind};

/// The maximum depth of directories, as for secrets.
const DEPTH_MAX: usize = 16;

/// Paths of the sidecar's own files, and of directories that hold only such files.
pub(crate) struct Own {
    paths: Vec<PathBuf>,
    sinks: Vec<PathBuf>,
}

/// A file of the sidecar's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnFile {
    /// A sink writes it: it lies among logs as a matter of course.
    OfSink,
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
        let made = plan.state.clone().into_iter().chain(spools);
        Own { paths: secrets.iter().cloned().chain(made).collect(), sinks: sinks.flatten().collect() }
    }

    #[cfg(test)]
    pub(crate) fn of(paths: Vec<PathBuf>) -> Own {
        Own { paths, sinks: Vec::new() }
    }

    /// The current identities of these files: a replaced secret has a new one.
    pub(crate) fn ids(&self) -> HashMap<FileId, OwnFile> {
        let gathered = |paths: &[PathBuf]| {
            let mut ids = HashSet::new();
            paths.iter().for_each(|path| gather(path, DEPTH_MAX, &mut ids));
            ids
        };
        let sinks = gathered(&self.sinks).into_iter().map(|file| (file, OwnFile::OfSink));
        let sinks = sinks.chain(standard().map(|file| (file, OwnFile::OfSink)));
        sinks.chain(gathered(&self.paths).into_iter().map(|file| (file, OwnFile::Other))).collect()
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
